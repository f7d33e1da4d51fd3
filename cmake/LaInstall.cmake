# SPDX-License-Identifier: Apache-2.0
# What is installed besides the program: headers and the library for plugins, found by find_package
# and by pkg-config. All paths are relative, so that the folder can be moved.
include(CMakePackageConfigHelpers)
set(where ${CMAKE_INSTALL_LIBDIR}/cmake/labench)
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/labenchConfig.cmake.in
    ${CMAKE_BINARY_DIR}/labenchConfig.cmake INSTALL_DESTINATION ${where}
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/labenchConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/labenchConfig.cmake
    ${CMAKE_BINARY_DIR}/labenchConfigVersion.cmake DESTINATION ${where})

# From lib/pkgconfig (or lib/<machine>/pkgconfig) back to the prefix.
file(RELATIVE_PATH LA_PC_UP /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" LA_PC_UP "${LA_PC_UP}")
configure_file(${CMAKE_SOURCE_DIR}/cmake/labench.pc.in ${CMAKE_BINARY_DIR}/labench.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/labench.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS labench labench_shared)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/harness/include/labench
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_SOURCE_DIR}/docs/plugins.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/examples/plugin DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
