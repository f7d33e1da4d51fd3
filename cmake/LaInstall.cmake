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

# The manual page and what shells complete with, from the program's own tables.
set(written ${CMAKE_BINARY_DIR}/share)
add_custom_command(OUTPUT ${written}/labench.1 ${written}/labench.bash ${written}/_labench ${written}/labench.fish
    COMMAND ${CMAKE_COMMAND} -E make_directory ${written}
    COMMAND labench man > ${written}/labench.1
    COMMAND labench completion bash > ${written}/labench.bash
    COMMAND labench completion zsh > ${written}/_labench
    COMMAND labench completion fish > ${written}/labench.fish
    DEPENDS labench COMMENT "Writing the manual page" VERBATIM)
add_custom_target(la_pages ALL DEPENDS ${written}/labench.1)
install(FILES ${written}/labench.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${written}/labench.bash RENAME labench
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${written}/_labench DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${written}/labench.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
