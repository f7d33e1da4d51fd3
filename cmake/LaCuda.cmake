# SPDX-License-Identifier: Apache-2.0
# LABENCH_CUDA: AUTO uses nvcc where there is one, ON insists, OFF leaves CUDA out. A program built with CUDA
# runs on machines without a driver: the runtime is linked statically and says what is missing.
# la_cuda_sources(TARGET file.cu...): kernels of a target, for every architecture; nothing without CUDA. C files
# of the target see LA_HAVE_CUDA, and LA_HAVE_SM90A where that architecture is among them.
set(LABENCH_CUDA "AUTO" CACHE STRING "CUDA kernels: AUTO, ON or OFF")
set_property(CACHE LABENCH_CUDA PROPERTY STRINGS AUTO ON OFF)
# 90a and not 90: wgmma and setmaxnreg exist for that alone. nvcc knows 120 from 12.8 on.
set(LA_CUDA_ARCHS_USUAL "80;90a;120")
set(LABENCH_CUDA_ARCHS "${LA_CUDA_ARCHS_USUAL}" CACHE STRING "CUDA architectures to compile for, or native")
option(LABENCH_CUDA_FAST_COMPILE "Kernels compiled fast, to run slower: where none is timed" OFF)
set(LA_HAVE_CUDA OFF)
set(LA_HAVE_SM90A OFF)

# 12.4; empty where the compiler is no nvcc.
function(la_nvcc_version out)
    execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE text ERROR_QUIET)
    string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" found "${text}")
    set(${out} "${CMAKE_MATCH_1}" PARENT_SCOPE)
endfunction()

# LABENCH_CUDA_ARCHS with native replaced by what the driver says, since nvcc means 9.0 without the a by it.
function(la_cuda_archs out)
    set(archs ${LABENCH_CUDA_ARCHS})
    if(archs STREQUAL "native")
        execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
            OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
        if(failed)
            message(FATAL_ERROR "LABENCH_CUDA_ARCHS=native and nvidia-smi names no device: "
                "name architectures, 90a say")
        endif()
        string(REPLACE "." "" found "${found}")
        string(REPLACE "\n" ";" archs "${found}")
        list(REMOVE_DUPLICATES archs)
    endif()
    if(nvcc AND nvcc VERSION_LESS 12.8 AND archs STREQUAL LA_CUDA_ARCHS_USUAL)
        list(REMOVE_ITEM archs 120)
    endif()
    foreach(kind "" -real -virtual)
        list(TRANSFORM archs REPLACE "^90${kind}$" "90a${kind}")
    endforeach()
    set(${out} ${archs} PARENT_SCOPE)
endfunction()

if(NOT LABENCH_CUDA STREQUAL "OFF")
    include(CheckLanguage)
    if(NOT CMAKE_CUDA_COMPILER AND EXISTS /usr/local/cuda/bin/nvcc)
        set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
    endif()
    check_language(CUDA)
    set(nvcc "")
    if(CMAKE_CUDA_COMPILER)
        la_nvcc_version(nvcc)
    endif()
    if(nvcc AND nvcc VERSION_LESS 12.0)
        if(LABENCH_CUDA STREQUAL "ON")
            message(FATAL_ERROR "LABENCH_CUDA=ON and ${CMAKE_CUDA_COMPILER} is of CUDA ${nvcc}: 12.0 is the oldest that "
                "will do; name another by CMAKE_CUDA_COMPILER")
        endif()
        message(STATUS "nvcc of CUDA ${nvcc} is older than 12.0: no CUDA kernels")
    elseif(CMAKE_CUDA_COMPILER)
        if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
            la_cuda_archs(CMAKE_CUDA_ARCHITECTURES)
        endif()
        if("${CMAKE_CUDA_ARCHITECTURES}" MATCHES "90a")
            set(LA_HAVE_SM90A ON)
        endif()
        set(CMAKE_CUDA_STANDARD 17)
        set(CMAKE_CUDA_STANDARD_REQUIRED ON)
        set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
        enable_language(CUDA)
        find_package(CUDAToolkit REQUIRED)
        set(LA_HAVE_CUDA ON)
    elseif(LABENCH_CUDA STREQUAL "ON")
        message(FATAL_ERROR "LABENCH_CUDA=ON and there is no nvcc; name it by CMAKE_CUDA_COMPILER")
    endif()
endif()
message(STATUS "CUDA: ${LA_HAVE_CUDA}")

# Every such file is also compiled by the C++ compiler for the emulator of tests/cuda; those of
# la_cuda_test_sources are not by themselves.
function(la_cuda_test_sources target)
    target_sources(${target} PRIVATE ${ARGN})
    foreach(source IN LISTS ARGN)
        # What wgmma is given must be in registers, and inlined, as only the optimiser does it.
        file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/${source} hopper REGEX "cuda_hopper\\.cuh")
        if(LABENCH_CUDA_FAST_COMPILE AND CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 13 AND NOT hopper)
            set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS --Ofast-compile=max)
        endif()
    endforeach()
    if(LA_HAVE_SM90A) # kernels of labench/cuda_hopper.cuh have a body
        target_compile_definitions(${target} PRIVATE LA_HAVE_SM90A=1)
    endif()
    target_compile_options(${target} PRIVATE
        "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wno-missing-field-initializers,-fno-exceptions;--expt-relaxed-constexpr>")
endfunction()

function(la_cuda_sources target)
    if(LA_HAVE_CUDA AND ARGN)
        la_cuda_test_sources(${target} ${ARGN})
        foreach(source IN LISTS ARGN)
            set_property(GLOBAL APPEND PROPERTY LA_CUDA_SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/${source})
        endforeach()
    endif()
endfunction()
