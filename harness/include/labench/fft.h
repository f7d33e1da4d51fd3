/* SPDX-License-Identifier: Apache-2.0
 * Fourier transforms (FFTW in float32). Plans are made by estimate and not by timing, so that results
 * repeat bit for bit. A plan is made once, in create(), and may then run in many threads at a time.
 */
#ifndef LABENCH_FFT_H
#define LABENCH_FFT_H

#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct la_fft la_fft;

/* Longest transform that can be planned. */
#define LA_FFT_MAX_LENGTH ((int64_t)1 << 30)

/* Forward transforms of `rows` real rows: in [rows, n] floats, out [rows, n/2+1] complex numbers
 * (pairs of floats), the half that decides the other: Z[n-c] = conj(Z[c]). */
LA_API la_status la_fft_real_new(int64_t n, int64_t rows, la_fft **out, la_err *err);
/* One forward transform of n complex numbers, in place. */
LA_API la_status la_fft_complex_new(int64_t n, la_fft **out, la_err *err);
LA_API void la_fft_free(la_fft *plan); /* accepts NULL */
/* in and out are 64-byte aligned; out == in for a complex plan. A real plan keeps `in`. */
/* Bytes of la_alloc memory that a plan holds; what FFTW allocates itself (twiddle factors) is not counted. */
LA_API size_t la_fft_bytes(void);
LA_API void la_fft_run(const la_fft *plan, float *in, float *out);

#ifdef __cplusplus
}
#endif
#endif
