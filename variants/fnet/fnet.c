/* SPDX-License-Identifier: Apache-2.0
 * fnet - tokens are mixed by a Fourier transform; nothing is learned, nothing depends on content.
 *
 *   Y = Re(FFT_T(FFT_D(X))),   Y_tc = sum_{t',c'} x_{t'c'} cos(2 pi (t t'/T + c c'/D))
 * Lee-Thorp, Ainslie, Eckstein, Ontanon 2021, "FNet: Mixing tokens with Fourier transforms",
 * arXiv:2105.03824, section 3.2.
 *
 * Shapes   x, o [B,T,D] with D = H dv; no q, k, v, no gates, no parameters
 * Forms    fft, T and D powers of two from 16 on: x is folded to its even part, which alone matters, and
 *          half of the numbers of a real transform remain on the whole way; see fnet_fold.h
 *          fft, other lengths, by FFTW: rows of length D are real, so half of their spectrum (D/2+1
 *          columns) is kept; then D/2+1 transforms of length T; the other half of Y is the same
 *          numbers with t -> -t
 *          on CUDA devices half the columns too, and lengths of any factors; see fnet_cuda.h
 *          cufft, on CUDA devices: by cuFFT, where it is installed; see fnet_cufft.h
 * Options  norm = none, or ortho: Y / sqrt(T D)
 * Types    f32; bf16 (on CUDA devices f16 too) for x and o, everything between them in f32
 * Masks    bidirectional only: every output depends on every token; there is no state to decode with
 * Numerics self-adjoint: its backward is itself. Applied twice, x becomes T D (x + x reflected) / 2,
 *          where reflected reads t -> -t mod T and c -> -c mod D.
 */
#include <math.h>

#include "fnet_cufft.h"
#include "fnet_internal.h"
#include "labench/cuda.h"
#include "labench/fft.h"
#include "labench/kit.h"

static const char *const norms[] = {"none", "ortho", NULL};

static const la_option options[] = {
    {.name = "norm",
     .type = LA_OPTION_CHOICE,
     .offset = offsetof(la_fnet_options, norm),
     .def = LA_FNET_NORM_NONE,
     .choices = norms,
     .help = "none: the plain sums; ortho: divided by sqrt(T D)"},
};

double la_fnet_factor(const la_problem *p, const void *opts)
{
    const la_fnet_options *o = opts;
    double n = (double)p->T * (double)p->H * (double)p->dv;
    return o->norm == LA_FNET_NORM_ORTHO ? 1.0 / sqrt(n) : 1.0;
}

/* 5/2 N log2 N for a real transform of N = T D numbers; x and o move once. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)opts, (void)err;
    double n = (double)p->T * (double)p->H * (double)p->dv, B = (double)p->B;
    double times = pass == LA_FWDBWD ? 2 : 1;
    *cost = (la_cost){.flops = times * B * 2.5 * n * log2(n),
                      .bytes = times * B * 2 * n * (double)la_dtype_size(p->dtype),
                      .version = 1};
    return LA_OK;
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)opts;
    bool f16 = p->dtype == LA_F16 && dev->backend == LA_CUDA;
    if (p->dtype != LA_F32 && p->dtype != LA_BF16 && !f16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "fnet has no %s kernel", la_dtype_name(p->dtype));
    if (dev->backend == LA_CPU) LA_TRY(la_bf16_check(p, dev, "fnet", err));
    if (pass == LA_DECODE)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "fnet has no decode: every output depends on every token");
    if (p->mask != LA_MASK_BIDIRECTIONAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "fnet is bidirectional only: a Fourier transform mixes all tokens");
    if (p->Hkv != p->H || p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "fnet has no grouped heads");
    if (p->T > LA_FFT_MAX_LENGTH || p->H * p->dv > LA_FFT_MAX_LENGTH / 64)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "fnet transforms at most 2^30 tokens of 2^24 numbers");
    return LA_OK;
}

#if LA_HAVE_CUDA
extern const la_cuda_kernels la_fnet_cuda, la_fnet_cufft;
LA_CUDA_THUNKS("fnet", la_fnet_cuda)
LA_CUDA_THUNKS("fnet", la_fnet_cufft)

static la_status check_cufft(const la_problem *p, la_pass pass, const void *opts,
                             const la_device *dev, la_err *err)
{
    LA_TRY(check(p, pass, opts, dev, err));
    return la_fnet_cufft_check(p, err);
}
#endif

static const la_impl impls[] = {
    {.name = "cpu_fft",
     .backend = LA_CPU,
     .caps = LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = la_fnet_sizes,
     .create = la_fnet_create,
     .destroy = la_fnet_destroy,
     .forward = la_fnet_forward,
     .backward = la_fnet_backward},
#if LA_HAVE_CUDA
    {.name = "cuda_fft",
     LA_CUDA_CALLS(la_fnet_cuda),
     .caps = LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16,
     .check = check,
     .backward = la_cuda_backward},
    {.name = "cuda_cufft",
     LA_CUDA_RANKED_CALLS(la_fnet_cufft, la_fnet_cufft_rank),
     .caps = LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16,
     .check = check_cufft,
     .backward = la_cuda_backward},
#endif
};

LA_VARIANT(fnet) = {
    LA_VARIANT_HEAD,
    .name = "fnet",
    .family = LA_FAMILY_FOURIER,
    .paper = "arXiv:2105.03824",
    .summary = "Fourier transform over tokens and channels, nothing learned",
    .cost_words = "O(T d log(T d)) time, O(T d) memory",
    .inputs = LA_IN_X,
    .reference = &la_fnet_reference,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_fnet_options),
    .useful = useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
