# SPDX-License-Identifier: Apache-2.0
# la_isa_sources(TARGET file...): compiles each file once per instruction set. Inside, LA_ISA(name)
# gives the symbol its suffix (see labench/simd.h); the best one is chosen at run time.
include(CheckCCompilerFlag)
set(LA_ISA_LIST generic)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    check_c_compiler_flag("-mavx2 -mfma" LA_HAVE_AVX2)
    check_c_compiler_flag("-mavx512f -mavx512dq -mavx512bw -mavx512vl" LA_HAVE_AVX512)
    foreach(isa avx2 avx512)
        string(TOUPPER ${isa} upper)
        if(LA_HAVE_${upper} AND (LABENCH_BUILD_ISA STREQUAL "auto" OR isa IN_LIST LABENCH_BUILD_ISA))
            list(APPEND LA_ISA_LIST ${isa})
        endif()
    endforeach()
endif()
set(LA_ISA_FLAGS_generic "")
set(LA_ISA_FLAGS_avx2 -mavx2 -mfma)
set(LA_ISA_FLAGS_avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma
    -mprefer-vector-width=512)

function(la_isa_sources target)
    foreach(file IN LISTS ARGN)
        get_filename_component(stem ${file} NAME_WE)
        foreach(isa IN LISTS LA_ISA_LIST)
            set(copy ${CMAKE_CURRENT_BINARY_DIR}/${stem}_${isa}.c)
            file(CONFIGURE OUTPUT ${copy} CONTENT
                "#define LA_ISA_SUFFIX ${isa}\n#include \"${CMAKE_CURRENT_SOURCE_DIR}/${file}\"\n")
            set_source_files_properties(${copy} TARGET_DIRECTORY ${target} PROPERTIES
                COMPILE_OPTIONS "${LA_ISA_FLAGS_${isa}}"
                OBJECT_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
            target_sources(${target} PRIVATE ${copy})
        endforeach()
    endforeach()
endfunction()
