/* SPDX-License-Identifier: Apache-2.0
 * LA_WIDE, before a function of plain loops over double: the compiler makes it for several instruction sets
 * and the loader takes the widest that the CPU has. For float64 references, whose text stays that of the
 * definition; kernels choose by la_isa (labench/simd.h), so that they can be held to one.
 */
#ifndef LABENCH_WIDE_H
#define LABENCH_WIDE_H

#include <stdint.h>

/* The loader chooses before a sanitizer is up. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LA_WIDE
#elif defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && \
    __GNUC__ >= 12
#define LA_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LA_WIDE
#endif

/* x.y in eight partial sums: one would wait for itself. */
static inline double la_wide_dot(int64_t n, const double *x, const double *y)
{
    double part[8] = {0.0}, sum = 0.0;
    int64_t c = 0;
    for (; c + 8 <= n; c += 8)
        for (int l = 0; l < 8; l++) part[l] += x[c + l] * y[c + l];
    for (; c < n; c++) sum += x[c] * y[c];
    for (int l = 0; l < 8; l++) sum += part[l];
    return sum;
}

#endif
