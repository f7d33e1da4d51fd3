# SPDX-License-Identifier: Apache-2.0
# Libraries from the distribution. Each becomes one imported or interface target.
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 3.37 REQUIRED)
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
