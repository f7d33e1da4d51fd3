# SPDX-License-Identifier: Apache-2.0
# la_add_task(NAME SOURCES ...): one task, one folder.
function(la_add_task name)
    cmake_parse_arguments(arg "" "" "SOURCES" ${ARGN})
    add_library(la_task_${name} OBJECT ${arg_SOURCES})
    la_common_settings(la_task_${name})
    target_include_directories(la_task_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tasks/common
        ${CMAKE_CURRENT_SOURCE_DIR})
    set_property(GLOBAL APPEND PROPERTY LA_OBJECTS la_task_${name})
    set_property(GLOBAL APPEND PROPERTY LA_TASKS ${name})
endfunction()
