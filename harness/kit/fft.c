/* SPDX-License-Identifier: Apache-2.0
 * The only file that includes fftw3.h.
 */
#include "labench/fft.h"

#include <fftw3.h>
#include <inttypes.h>

#include "labench/kit.h"

struct la_fft {
    fftwf_plan plan;
    bool real;
};

/* A planner that estimates reads the addresses it is given, for their alignment, and never the data. */
static _Alignas(64) float address_only[2][16];

static la_status wrap(fftwf_plan plan, bool real, int64_t n, la_fft **out, la_err *err)
{
    *out = NULL;
    if (!plan) return LA_FAIL(err, LA_E_NOMEM, "FFTW has no plan for length %" PRId64, n);
    la_fft *fft = la_alloc(sizeof *fft, err);
    if (!fft) {
#pragma omp critical(la_fft_planner)
        fftwf_destroy_plan(plan);
        return LA_E_NOMEM;
    }
    *fft = (la_fft){plan, real};
    *out = fft;
    return LA_OK;
}

static la_status check_length(int64_t n, int64_t rows, la_err *err)
{
    if (n >= 1 && n <= LA_FFT_MAX_LENGTH && rows >= 1 && rows <= LA_FFT_MAX_LENGTH / n)
        return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "a transform of %" PRId64 " rows of length %" PRId64 " is beyond 2^30", rows, n);
}

la_status la_fft_real_new(int64_t n, int64_t rows, la_fft **out, la_err *err)
{
    LA_TRY(check_length(n, rows, err));
    const int length = (int)n, half = (int)(n / 2 + 1);
    fftwf_plan plan;
#pragma omp critical(la_fft_planner)
    plan = fftwf_plan_many_dft_r2c(1, &length, (int)rows, address_only[0], NULL, 1, length,
                                   (fftwf_complex *)address_only[1], NULL, 1, half,
                                   FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    return wrap(plan, true, n, out, err);
}

la_status la_fft_complex_new(int64_t n, la_fft **out, la_err *err)
{
    LA_TRY(check_length(n, 1, err));
    fftwf_complex *data = (fftwf_complex *)address_only[0];
    fftwf_plan plan;
#pragma omp critical(la_fft_planner)
    plan = fftwf_plan_dft_1d((int)n, data, data, FFTW_FORWARD, FFTW_ESTIMATE);
    return wrap(plan, false, n, out, err);
}

void la_fft_free(la_fft *plan)
{
    if (!plan) return;
#pragma omp critical(la_fft_planner)
    fftwf_destroy_plan(plan->plan);
    la_free(plan);
}

void la_fft_run(const la_fft *plan, float *in, float *out)
{
    if (plan->real)
        fftwf_execute_dft_r2c(plan->plan, in, (fftwf_complex *)out);
    else
        fftwf_execute_dft(plan->plan, (fftwf_complex *)in, (fftwf_complex *)out);
}

size_t la_fft_bytes(void)
{
    return sizeof(la_fft);
}
