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

/* The fewest parts of each of `units`, at most `most`, of which every thread gets as many; where none are so even,
 * about `each` for a thread. */
static inline int64_t la_even_parts(int64_t units, int64_t threads, int64_t most, int64_t each)
{
    int64_t parts = 1;
    while (parts < most && units * parts % threads != 0 && units * parts < each * threads) parts++;
    return parts;
}

#endif
