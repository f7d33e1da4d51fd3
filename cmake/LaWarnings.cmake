# SPDX-License-Identifier: Apache-2.0
add_library(la_warnings INTERFACE)
set(LA_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wdouble-promotion -Wformat=2)
if(LABENCH_WERROR)
    list(APPEND LA_WARNINGS -Werror)
endif()
target_compile_options(la_warnings INTERFACE "$<$<COMPILE_LANGUAGE:C>:${LA_WARNINGS}>")
if(LABENCH_WERROR)
    target_compile_options(la_warnings INTERFACE
        "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>")
endif()
