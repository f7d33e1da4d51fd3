# SPDX-License-Identifier: Apache-2.0
add_library(la_warnings INTERFACE)
set(LA_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wdouble-promotion -Wformat=2)
if(CMAKE_C_COMPILER_ID MATCHES "Clang") # of NAN and INFINITY, of enums that are sizes, of !"why" in assertions
    list(APPEND LA_WARNINGS -Wno-double-promotion -Wno-enum-float-conversion -Wno-string-conversion
        -Wno-sign-conversion -Wno-format-zero-length)
endif()
if(LABENCH_WERROR)
    list(APPEND LA_WARNINGS -Werror)
endif()
target_compile_options(la_warnings INTERFACE "$<$<COMPILE_LANGUAGE:C>:${LA_WARNINGS}>")
if(LABENCH_WERROR)
    target_compile_options(la_warnings INTERFACE
        "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>")
endif()
