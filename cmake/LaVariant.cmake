# SPDX-License-Identifier: Apache-2.0
# la_add_variant(NAME SOURCES ... [ISA ...] [BF16 ...] [AMX ...] [CUDA ...] [SAME_AS other]): one variant, one folder.
# <name>_ref.c (the float64 definition) is required unless SAME_AS names the variant that has it.
define_property(GLOBAL PROPERTY LA_VARIANTS)
define_property(GLOBAL PROPERTY LA_TASKS)

# Every folder below `where` that has a CMakeLists.txt is built; no list is edited to add one.
function(la_add_folders where)
    file(GLOB lists CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${where}/*/CMakeLists.txt)
    foreach(list IN LISTS lists)
        get_filename_component(folder ${list} DIRECTORY)
        add_subdirectory(${folder})
    endforeach()
endfunction()

function(la_variant_target name)
    cmake_parse_arguments(arg "" "" "SOURCES;ISA;BF16;AMX;CUDA" ${ARGN})
    add_library(la_variant_${name} OBJECT ${arg_SOURCES})
    la_common_settings(la_variant_${name})
    target_include_directories(la_variant_${name} PRIVATE ${CMAKE_SOURCE_DIR}/variants/common
        ${CMAKE_CURRENT_SOURCE_DIR})
    if(arg_ISA)
        la_isa_sources(la_variant_${name} ${arg_ISA})
    endif()
    if(arg_BF16)
        la_bf16_sources(la_variant_${name} ${arg_BF16})
    endif()
    la_amx_sources(la_variant_${name} ${arg_AMX})
    la_cuda_sources(la_variant_${name} ${arg_CUDA})
endfunction()

function(la_add_variant name)
    cmake_parse_arguments(arg "" "SAME_AS" "SOURCES;ISA;BF16;AMX;CUDA" ${ARGN})
    if(NOT arg_SAME_AS AND NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}_ref.c)
        message(FATAL_ERROR "variant ${name}: ${name}_ref.c (the float64 reference) is missing; "
            "write it, or name the variant it equals with SAME_AS")
    endif()
    la_variant_target(${name} SOURCES ${arg_SOURCES} ISA ${arg_ISA} BF16 ${arg_BF16}
        AMX ${arg_AMX} CUDA ${arg_CUDA})
    set_property(GLOBAL APPEND PROPERTY LA_OBJECTS la_variant_${name})
    set_property(GLOBAL APPEND PROPERTY LA_VARIANTS ${name})
endfunction()

# A C file with the tables of all variants and tasks that have been added.
function(la_builtin_table out)
    get_property(variants GLOBAL PROPERTY LA_VARIANTS)
    get_property(tasks GLOBAL PROPERTY LA_TASKS)
    list(SORT variants)
    list(SORT tasks)

    set(text "/* Generated from the folders below variants/ and tasks/. */\n")
    string(APPEND text "#include \"labench/task.h\"\n#include \"labench/variant.h\"\n\n")
    foreach(kind variant task)
        foreach(name IN LISTS ${kind}s)
            string(APPEND text "extern const la_${kind} la_${kind}_${name};\n")
        endforeach()
        string(APPEND text "extern const la_${kind} *const la_builtin_${kind}s[];\n"
            "extern const size_t la_builtin_${kind}s_len;\n"
            "const la_${kind} *const la_builtin_${kind}s[] = {\n")
        foreach(name IN LISTS ${kind}s)
            string(APPEND text "    &la_${kind}_${name},\n")
        endforeach()
        list(LENGTH ${kind}s count)
        string(APPEND text "    0};\nconst size_t la_builtin_${kind}s_len = ${count};\n\n")
    endforeach()
    file(CONFIGURE OUTPUT ${out} CONTENT "${text}" @ONLY)
endfunction()
