/* SPDX-License-Identifier: Apache-2.0
 * Fourier transforms by NVIDIA's cuFFT on the device, for kernels' launchers, where a machine has that library: it is
 * looked for when the program runs.
 */
#ifndef LABENCH_CUDA_FFT_H
#define LABENCH_CUDA_FFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Forward transforms of `count` planes of float32, [rows, columns] each, over both axes. Their results are
 * [rows, columns/2 + 1] complex numbers, the half that decides the other:
 * Z[rows - r, columns - c] = conj(Z[r, c]). With one row it is a transform of `columns` numbers. */
typedef struct la_cuda_planes {
    int64_t rows, columns, count;
    /* Rows of the input are 2 (columns/2 + 1) numbers apart, so that it may lie where its result goes. */
    bool padded;
} la_cuda_planes;

typedef struct la_cuda_fft {
    la_cuda_planes of;
    int plan;
    bool made;
    void *own; /* on the device: scratch, where `room` was too little */
} la_cuda_fft;

/* LA_E_UNSUPPORTED with what to install, or to use instead, where there is no cuFFT. Needs no device. */
LA_API la_status la_cuda_fft_there(la_err *err);
/* That too, and LA_E_UNSUPPORTED for lengths that cuFFT has no plans for. */
LA_API la_status la_cuda_fft_check(const la_cuda_planes *planes, la_err *err);
/* For create: the plan. Its tables are cuFFT's own and counted nowhere. Scratch beyond `room` bytes, which every
 * run is given, is kept by the plan. */
LA_API la_status la_cuda_fft_init(const la_cuda_planes *planes, size_t room, la_cuda_fft *out,
                                  la_err *err);
LA_API void la_cuda_fft_release(la_cuda_fft *fft); /* accepts zeroed */
/* Enqueues; in and out are equal or apart, in is only read where they are apart. A plan is run by one thread. */
LA_API la_status la_cuda_fft_run(const la_cuda_fft *fft, const float *in, float *out, void *room,
                                 void *stream, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
