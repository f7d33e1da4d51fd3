# SPDX-License-Identifier: Apache-2.0
# Libraries from the distribution, or from any prefix that CMAKE_PREFIX_PATH names. Each becomes one imported or
# interface target. LABENCH_MINIMAL takes stand-ins for all but SQLite, and does without that: see harness/minimal.
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
if(LABENCH_MINIMAL)
    find_package(SQLite3 3.37)
else()
    find_package(SQLite3 3.37 REQUIRED)
endif()
# Of labench-bench: SQLite where it is, seen by LA_HAVE_SQLITE.
add_library(la_bench_sqlite INTERFACE)
message(STATUS "SQLite: ${SQLite3_FOUND}")
if(SQLite3_FOUND)
    target_link_libraries(la_bench_sqlite INTERFACE SQLite::SQLite3)
    target_compile_definitions(la_bench_sqlite INTERFACE LA_HAVE_SQLITE=1)
endif()
if(LABENCH_MINIMAL)
    add_library(la_standins INTERFACE)
    target_include_directories(la_standins SYSTEM INTERFACE
        ${CMAKE_SOURCE_DIR}/harness/minimal/include)
    add_library(la_openblas ALIAS la_standins)
    add_library(la_random123 ALIAS la_standins)
    add_library(PkgConfig::FFTW3F ALIAS la_standins)
    add_library(PkgConfig::XXHASH ALIAS la_standins)
    return()
endif()

find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(UUID REQUIRED IMPORTED_TARGET uuid)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(FFTW3F REQUIRED IMPORTED_TARGET fftw3f)

# OpenBLAS in its OpenMP flavour, by its own path: with the pthread flavour, thread binding
# leaves BLAS a single thread, and Debian's libblas.so may point there.
find_path(LA_OPENBLAS_INCLUDE cblas.h
    HINTS /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}/openblas-openmp
    PATH_SUFFIXES openblas-openmp openblas NO_DEFAULT_PATH)
find_path(LA_OPENBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas-openmp openblas)
find_library(LA_OPENBLAS_LIBRARY openblas
    HINTS /usr/lib/${CMAKE_C_LIBRARY_ARCHITECTURE}/openblas-openmp NO_DEFAULT_PATH)
find_library(LA_OPENBLAS_LIBRARY openblas)
if(NOT LA_OPENBLAS_INCLUDE OR NOT LA_OPENBLAS_LIBRARY)
    message(FATAL_ERROR "OpenBLAS not found: install libopenblas-openmp-dev")
endif()
add_library(la_openblas INTERFACE)
target_include_directories(la_openblas SYSTEM INTERFACE ${LA_OPENBLAS_INCLUDE})
target_link_libraries(la_openblas INTERFACE ${LA_OPENBLAS_LIBRARY})

find_path(LA_RANDOM123_INCLUDE Random123/philox.h REQUIRED)
add_library(la_random123 INTERFACE)
target_include_directories(la_random123 SYSTEM INTERFACE ${LA_RANDOM123_INCLUDE})

find_library(LA_FFTW3F_OMP fftw3f_omp REQUIRED)
