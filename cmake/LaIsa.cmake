# SPDX-License-Identifier: Apache-2.0
# la_isa_sources(TARGET file...): compiles each file once per instruction set. Inside, LA_ISA(name)
# gives the symbol its suffix (see labench/simd.h); the best one is chosen at run time.
# la_bf16_sources(TARGET file...): compiles each once, for AVX-512 with bf16 dot products, where the
# build has that. la_amx_sources(TARGET file...): once, for AMX tiles of bf16 besides, likewise.
# LA_ISA_LIST: the sets of the first; LA_TEST_ISA_LIST: those that tests run under.
include(CheckCCompilerFlag)
set(LA_ISA_NAMES auto generic avx2 avx512 avx512_bf16 amx_bf16)
foreach(isa IN LISTS LABENCH_BUILD_ISA)
    if(NOT isa IN_LIST LA_ISA_NAMES)
        message(FATAL_ERROR "LABENCH_BUILD_ISA: no instruction set ${isa}; give auto or a list of "
            "avx2;avx512;avx512_bf16;amx_bf16")
    endif()
endforeach()
set(LA_ISA_LIST generic)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    check_c_compiler_flag("-mavx2 -mfma" LA_HAVE_AVX2)
    check_c_compiler_flag("-mavx512f -mavx512dq -mavx512bw -mavx512vl" LA_HAVE_AVX512)
    check_c_compiler_flag("-mavx512f -mavx512bf16" LA_HAVE_AVX512_BF16)
    check_c_compiler_flag("-mamx-tile -mamx-bf16" LA_HAVE_AMX_BF16)
    foreach(isa avx2 avx512)
        string(TOUPPER ${isa} upper)
        if(LA_HAVE_${upper} AND (LABENCH_BUILD_ISA STREQUAL "auto" OR isa IN_LIST LABENCH_BUILD_ISA))
            list(APPEND LA_ISA_LIST ${isa})
        endif()
    endforeach()
    if(LA_HAVE_AVX512_BF16 AND avx512 IN_LIST LA_ISA_LIST
            AND (LABENCH_BUILD_ISA STREQUAL "auto" OR avx512_bf16 IN_LIST LABENCH_BUILD_ISA))
        set(LA_BUILD_BF16 ON)
    endif()
    # Only Linux is asked for the tiles' registers, in isa.c.
    if(LA_BUILD_BF16 AND LA_HAVE_AMX_BF16 AND CMAKE_SYSTEM_NAME STREQUAL "Linux"
            AND (LABENCH_BUILD_ISA STREQUAL "auto" OR amx_bf16 IN_LIST LABENCH_BUILD_ISA))
        set(LA_BUILD_AMX ON)
    endif()
endif()
set(LA_ISA_FLAGS_generic "")
set(LA_ISA_FLAGS_avx2 -mavx2 -mfma)
set(LA_ISA_FLAGS_avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma
    -mprefer-vector-width=512)

set(LA_ISA_FLAGS_avx512_bf16 ${LA_ISA_FLAGS_avx512} -mavx512bf16)
set(LA_ISA_FLAGS_amx_bf16 ${LA_ISA_FLAGS_avx512_bf16} -mamx-tile -mamx-bf16)
set(LA_TEST_ISA_LIST ${LA_ISA_LIST})
if(LA_BUILD_BF16)
    list(APPEND LA_TEST_ISA_LIST avx512_bf16)
endif()
if(LA_BUILD_AMX)
    list(APPEND LA_TEST_ISA_LIST amx_bf16)
endif()

function(la_isa_copy target isa file)
    get_filename_component(stem ${file} NAME_WE)
    set(copy ${CMAKE_CURRENT_BINARY_DIR}/${stem}_${isa}.c)
    file(CONFIGURE OUTPUT ${copy} CONTENT
        "#define LA_ISA_SUFFIX ${isa}\n#include \"${CMAKE_CURRENT_SOURCE_DIR}/${file}\"\n")
    set_source_files_properties(${copy} TARGET_DIRECTORY ${target} PROPERTIES
        COMPILE_OPTIONS "${LA_ISA_FLAGS_${isa}}"
        OBJECT_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    target_sources(${target} PRIVATE ${copy})
endfunction()

function(la_copies target isa)
    foreach(file IN LISTS ARGN)
        la_isa_copy(${target} ${isa} ${file})
    endforeach()
endfunction()

function(la_isa_sources target)
    foreach(isa IN LISTS LA_ISA_LIST)
        la_copies(${target} ${isa} ${ARGN})
    endforeach()
endfunction()

function(la_bf16_sources target)
    if(LA_BUILD_BF16)
        la_copies(${target} avx512_bf16 ${ARGN})
    endif()
endfunction()

function(la_amx_sources target)
    if(LA_BUILD_AMX)
        la_copies(${target} amx_bf16 ${ARGN})
    endif()
endfunction()
