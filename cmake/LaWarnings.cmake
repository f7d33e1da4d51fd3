# SPDX-License-Identifier: Apache-2.0
add_library(la_warnings INTERFACE)
target_compile_options(la_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wdouble-promotion -Wformat=2)
if(LABENCH_WERROR)
    target_compile_options(la_warnings INTERFACE -Werror)
endif()
