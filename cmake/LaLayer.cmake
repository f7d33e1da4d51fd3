# SPDX-License-Identifier: Apache-2.0
# la_add_layer(NAME SOURCES ... ISA ... BF16 ... AMX ... CUDA ... DEPENDS layer ... LIBS target ...)
# One layer of the house. It sees the public headers, its own folder and the folders of the layers
# it names, and no others: what it may include is what it lists.
# la_program(NAME source...): a program that sees every layer and has all of them in it.
# la_test_program(NAME source...): the same with the libraries that tests check by, LA_TEST_LIBRARIES (a minimal
# build has none).
define_property(GLOBAL PROPERTY LA_OBJECTS)

function(la_common_settings target)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/harness/include)
    target_link_libraries(${target} PRIVATE la_warnings OpenMP::OpenMP_C)
    target_compile_definitions(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE>)
    if(LA_HAVE_CUDA)
        target_compile_definitions(${target} PRIVATE LA_HAVE_CUDA=1)
    endif()
    foreach(isa IN LISTS LA_TEST_ISA_LIST)
        string(TOUPPER ${isa} upper)
        target_compile_definitions(${target} PRIVATE LA_BUILT_${upper}=1)
    endforeach()
endfunction()

function(la_add_layer name)
    cmake_parse_arguments(arg "" "" "SOURCES;ISA;BF16;AMX;CUDA;DEPENDS;LIBS" ${ARGN})
    add_library(la_${name} OBJECT ${arg_SOURCES})
    la_common_settings(la_${name})
    target_include_directories(la_${name} PRIVATE ${CMAKE_SOURCE_DIR}/harness/${name})
    foreach(layer IN LISTS arg_DEPENDS)
        target_include_directories(la_${name} PRIVATE ${CMAKE_SOURCE_DIR}/harness/${layer})
    endforeach()
    target_link_libraries(la_${name} PRIVATE ${arg_LIBS})
    if(arg_ISA)
        la_isa_sources(la_${name} ${arg_ISA})
    endif()
    if(arg_BF16)
        la_bf16_sources(la_${name} ${arg_BF16})
    endif()
    la_amx_sources(la_${name} ${arg_AMX})
    la_cuda_sources(la_${name} ${arg_CUDA})
    set_property(GLOBAL APPEND PROPERTY LA_OBJECTS la_${name})
endfunction()

function(la_program name)
    add_executable(${name} ${ARGN})
    la_common_settings(${name})
    foreach(layer IN LISTS LA_LAYERS)
        target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/harness/${layer})
    endforeach()
    # By the C compiler, whatever nvcc added to the archive: its flags are the ones of this build.
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
    target_link_libraries(${name} PRIVATE labench_static)
endfunction()

function(la_test_program name)
    la_program(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE ${LA_TEST_LIBRARIES})
endfunction()
