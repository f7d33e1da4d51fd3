/* SPDX-License-Identifier: Apache-2.0
 * softmax - textbook attention; the baseline.
 *
 *   o_i = sum_j p_ij v_j,   p_i = softmax_j(s q_i.k_j),   s = 1/sqrt(dk)
 * Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762, section 3.2.1.
 *
 * Shapes   q [B,T,H,dk]   k [B,T,Hkv,dk]   v [B,T,Hkv,dv]   o [B,T,H,dv]
 *          scores [B,H,T,Tcap], all of them at once; query head h reads key/value head h / (H / Hkv)
 * Forms    naive: two large products around a row-wise softmax. Materialises every score, also those
 *          a causal mask then hides, as the textbook does: so it takes the time and runs out of memory
 *          where the textbook does. The three sweeps go over a few rows at a time, which stay in cache
 *          between them. Backward is four such products around the softmax's own.
 * Types    float32; bf16 where the CPU has its dot products: q, k, v, o, the cache and gradients are bf16,
 *          widened where they are packed or copied, and all that is T x T is float32. On CUDA devices
 *          f16 too, scores are float32 and weights of the type of the inputs.
 * Saved    the weights P [B,H,T,Tcap]; backward holds their gradients beside them
 * State    the KV cache: K [B,Hkv,Tcap,dk], V [B,Hkv,Tcap,dv]; forward may start from one
 * Numerics the row maximum is subtracted before exp: logits of +-1e4 are fine.
 */
#include "kv_attention.h"
#include "labench/kit.h"
#include "labench/simd.h"
#include "softmax_cuda.h"
#include "softmax_internal.h"

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)pass, (void)opts;
    return la_kv_check("softmax", p, dev, err);
}

static softmax plan(const la_problem *p, const la_device *dev)
{
    softmax f = {.p = *p, .tile = la_tile_get(dev->isa)};
    f.weigh = LA_ISA_TABLE(la_softmax_weigh, f.tile->isa);
    if (p->dtype == LA_BF16) f.narrow = la_tile_bf16_get(dev->isa);
    return f;
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)err;
    softmax f = plan(p, dev);
    la_part parts[2];
    size_t n = la_kv_state_parts(p, opts, parts, 2);
    *out = (la_sizes){.state = la_state_layout(parts, n, NULL), .instance = sizeof(softmax)};
    if (pass == LA_DECODE) {
        out->work = la_softmax_decode_bytes(&f);
        return LA_OK;
    }
    size_t beside = la_softmax_packed_floats(&f) * sizeof(float);
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) {
        if (la_softmax_backward_bytes(&f) > beside) beside = la_softmax_backward_bytes(&f);
        out->saved = la_softmax_score_floats(p) * sizeof(float);
    }
    out->work = la_softmax_score_floats(p) * sizeof(float) + beside;
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)opts;
    softmax *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    *f = plan(p, dev);
    *self = f;
    return LA_OK;
}

/* Computes every score, masked or not; backward finds them saved and skips one of the five products. */
static la_status cost(const la_problem *p, la_pass pass, const void *opts, la_cost *out,
                      la_err *err)
{
    la_problem full = *p;
    full.mask = LA_MASK_BIDIRECTIONAL;
    LA_TRY(la_kv_useful(&full, pass, opts, out, err));
    if (pass == LA_BACKWARD || pass == LA_FWDBWD)
        out->flops -= 2.0 * (double)(p->B * p->H) * (double)p->T * (double)p->T * (double)p->dk;
    return LA_OK;
}

#if LA_HAVE_CUDA
LA_CUDA_THUNKS("softmax", la_softmax_cuda)
#endif

static const la_impl impls[] = {
    {.name = "cpu_naive",
     .backend = LA_CPU,
     .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DECODE |
             LA_CAP_STATE_IN | LA_CAP_GROUPED_KV | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = sizes,
     .cost = cost,
     .create = create,
     .destroy = la_free,
     .forward = la_softmax_forward,
     .backward = la_softmax_backward,
     .decode = la_softmax_decode},
#if LA_HAVE_CUDA
    {.name = "cuda_naive",
     LA_CUDA_CALLS(la_softmax_cuda),
     .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DECODE |
             LA_CAP_STATE_IN | LA_CAP_GROUPED_KV | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16,
     .check = la_softmax_cuda_check,
     .cost = cost,
     .backward = la_cuda_backward,
     .decode = la_cuda_decode},
#endif
};

LA_VARIANT(softmax) = {
    LA_VARIANT_HEAD,
    .name = "softmax",
    .family = LA_FAMILY_QUADRATIC,
    .paper = "arXiv:1706.03762",
    .summary = "textbook attention, every score in memory",
    .cost_words = "O(T^2 d) time, O(T^2) memory",
    .inputs = LA_IN_QKV | LA_IN_LOGITS,
    .reference = &la_softmax_reference,
    .state_parts = la_kv_state_parts,
    .useful = la_kv_useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
