/* SPDX-License-Identifier: Apache-2.0
 * Whole numbers of buffers and loops, on the host.
 */
#ifndef LA_COUNTS_H
#define LA_COUNTS_H

#include <stdint.h>

/* Floats of whole cache lines. */
static inline int64_t la_whole_lines(int64_t floats)
{
    return (floats + 15) / 16 * 16;
}

static inline int64_t la_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t la_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
