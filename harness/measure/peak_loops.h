/* SPDX-License-Identifier: Apache-2.0
 * Private to peak.c and peak_isa.c.
 */
#ifndef LA_PEAK_LOOPS_H
#define LA_PEAK_LOOPS_H

#include <stdint.h>

#define LA_PEAK_LOOPS(isa)                                                                         \
    double la_peak_fma_##isa(int64_t steps, float *sink);                                          \
    float la_peak_read_##isa(const float *x, int64_t n);

LA_PEAK_LOOPS(generic)
LA_PEAK_LOOPS(avx2)
LA_PEAK_LOOPS(avx512)
double la_peak_dot_avx512_bf16(int64_t steps, float *sink);
double la_peak_dot_amx_bf16(int64_t steps, float *sink);

#endif
