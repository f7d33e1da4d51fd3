/* SPDX-License-Identifier: Apache-2.0
 * FFTW for builds without it (LABENCH_MINIMAL): every plan is refused, so what needs one says so.
 */
#ifndef LA_MINIMAL_FFTW3_H
#define LA_MINIMAL_FFTW3_H

#include <stddef.h>

typedef float fftwf_complex[2];
typedef struct fftwf_plan_s *fftwf_plan;
enum {
    FFTW_FORWARD = -1,
    FFTW_ESTIMATE = 1 << 6,
    FFTW_PRESERVE_INPUT = 1 << 4,
    FFTW_UNALIGNED = 1 << 1
};

static inline fftwf_plan fftwf_plan_many_dft_r2c(int rank, const int *n, int many, float *in,
                                                 const int *inembed, int istride, int idist,
                                                 fftwf_complex *out, const int *onembed,
                                                 int ostride, int odist, unsigned flags)
{
    (void)rank, (void)n, (void)many, (void)in, (void)inembed, (void)istride, (void)idist;
    (void)out, (void)onembed, (void)ostride, (void)odist, (void)flags;
    return NULL;
}

static inline fftwf_plan fftwf_plan_dft_1d(int n, fftwf_complex *in, fftwf_complex *out, int sign,
                                           unsigned flags)
{
    (void)n, (void)in, (void)out, (void)sign, (void)flags;
    return NULL;
}

static inline void fftwf_execute_dft_r2c(fftwf_plan plan, float *in, fftwf_complex *out)
{
    (void)plan, (void)in, (void)out;
}

static inline void fftwf_execute_dft(fftwf_plan plan, fftwf_complex *in, fftwf_complex *out)
{
    (void)plan, (void)in, (void)out;
}

static inline void fftwf_destroy_plan(fftwf_plan plan)
{
    (void)plan;
}

#endif
