/* SPDX-License-Identifier: Apache-2.0
 * linformer - softmax attention over r mixtures of the tokens instead of the T tokens themselves.
 *
 *   K' = E K,  V' = F V   with E, F in R^{r x T}, shared by all sequences and heads
 *   o = softmax(s Q K'^T) V',   s = 1/sqrt(dk)
 * Wang, Li, Khabsa, Fang, Ma 2020, "Linformer: Self-attention with linear complexity",
 * arXiv:2006.04768, section 4.
 *
 * Shapes   q,k [B,T,H,dk]   v,o [B,T,H,dv]   E,F [r,Tcap]   K' [B,r,H,dk]   V' [B,r,H,dv]
 *          A model learns E and F for a maximum length Tcap; T tokens use the first T columns.
 * Forms    gemm: two long products make K' and V' of all heads at once; then panels of query rows, one
 *          in each vector lane, meet all r mixtures, and no more than a panel of scores a thread is
 *          ever in memory
 * Backward keeps K' and V'; the scores are computed again tile by tile: with P = softmax(S),
 *          dP = do V'^T, dS = P (dP - rowsum(P dP)), dq = s dS K', dK' = s dS^T Q, dV' = P^T do, and
 *          through the mixtures dk = E^T dK', dE = dK' K^T, likewise dv and dF
 * Options  r, at most Tcap
 * Masks    bidirectional only: a mixture holds future tokens; there is no state to decode with
 * Types    f32; bf16 (on CUDA devices f16 too) for q, k, v, o and their gradients, with mixtures and
 *          scores in f32
 * Numerics E and F are drawn N(0, 1/r) for a kernel run. The row maximum is subtracted before exp.
 */
#include <math.h>

#include "labench/cuda.h"
#include "labench/kit.h"
#include "linformer_internal.h"

static const la_option options[] = {
    {.name = "r",
     .type = LA_OPTION_INT,
     .offset = offsetof(la_linformer_options, r),
     .def = 256,
     .min = 1,
     .max = 1 << 20,
     .help = "mixtures that stand for the tokens (rows of E and F); at most T are used"},
};

int64_t la_linformer_rank(const la_problem *p, const void *opts)
{
    const la_linformer_options *o = opts;
    return o->r < p->Tcap ? o->r : p->Tcap;
}

static size_t params(const la_problem *p, const void *opts, la_param *out, size_t cap)
{
    if (cap < 2) return 2;
    int64_t r = la_linformer_rank(p, opts);
    for (int i = 0; i < 2; i++)
        out[i] = (la_param){.name = i == 0 ? "E" : "F",
                            .shape = {r, p->Tcap},
                            .rank = 2,
                            .init = LA_INIT_NORMAL,
                            .init_scale = 1.0 / sqrt((double)r),
                            .trainable = 1};
    return 2;
}

/* 2 r T (dk + dv) a head for the mixtures and as much again for the attention over them; backward needs
 * two products for each of forward's. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)err;
    double heads = (double)p->B * (double)p->H, d = (double)(p->dk + p->dv);
    double T = (double)p->T, r = (double)la_linformer_rank(p, opts);
    double factor = pass == LA_BACKWARD ? 2.0 : pass == LA_FWDBWD ? 3.0 : 1.0;
    double element = (double)la_dtype_size(p->dtype);
    *cost = (la_cost){.flops = factor * 4 * heads * T * r * d,
                      .bytes = factor * (element * heads * T * 2 * d + 2 * r * T * sizeof(float)),
                      .version = 1};
    return LA_OK;
}

/* Backward computes the scores once more. */
static la_status cost(const la_problem *p, la_pass pass, const void *opts, la_cost *out,
                      la_err *err)
{
    LA_TRY(useful(p, pass, opts, out, err));
    double rows = (double)p->B * (double)p->H * (double)p->T;
    if (pass != LA_FORWARD)
        out->flops += 2 * rows * (double)la_linformer_rank(p, opts) * (double)p->dk;
    return LA_OK;
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)opts;
    bool f16 = p->dtype == LA_F16 && dev->backend == LA_CUDA;
    if (p->dtype != LA_F32 && p->dtype != LA_BF16 && !f16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "linformer has no %s kernel",
                       la_dtype_name(p->dtype));
    if (dev->backend == LA_CPU) LA_TRY(la_bf16_check(p, dev, "linformer", err));
    if (pass == LA_DECODE)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "linformer has no decode: E and F mix a whole sequence of known length");
    if (p->mask != LA_MASK_BIDIRECTIONAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "linformer is bidirectional only: its mixtures hold future tokens");
    if (p->Hkv != p->H || p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "linformer has no grouped heads");
    return LA_OK;
}

#if LA_HAVE_CUDA
extern const la_cuda_kernels la_linformer_cuda;
LA_CUDA_THUNKS("linformer", la_linformer_cuda)
#endif

static const la_impl impls[] = {
    {.name = "cpu_gemm",
     .backend = LA_CPU,
     .caps = LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_FIXED_LENGTH | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = la_linformer_sizes,
     .cost = cost,
     .create = la_linformer_create,
     .destroy = la_free,
     .forward = la_linformer_forward,
     .backward = la_linformer_backward},
#if LA_HAVE_CUDA
    {.name = "cuda_gemm",
     LA_CUDA_CALLS(la_linformer_cuda),
     .caps = LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_FIXED_LENGTH | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16,
     .check = check,
     .cost = cost,
     .backward = la_cuda_backward},
#endif
};

LA_VARIANT(linformer) = {
    LA_VARIANT_HEAD,
    .name = "linformer",
    .family = LA_FAMILY_LOW_RANK,
    .paper = "arXiv:2006.04768",
    .summary = "softmax over r mixtures of the tokens",
    .cost_words = "O(T r d) time, O(r d) memory and O(T r) parameters",
    .inputs = LA_IN_QKV | LA_IN_LOGITS,
    .reference = &la_linformer_reference,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_linformer_options),
    .params = params,
    .useful = useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
