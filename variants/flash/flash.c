/* SPDX-License-Identifier: Apache-2.0
 * flash - softmax attention by tiles, without the score matrix.
 *
 *   o_i = sum_j p_ij v_j,   p_i = softmax_j(s q_i.k_j),   s = 1/sqrt(dk)
 * and over tiles of keys, with m the running maximum and l the running sum of a row:
 *   m' = max(m, max_j s q.k_j)   l' = l e^(m-m') + sum_j e^(s q.k_j - m')
 *   o' = o e^(m-m') + sum_j e^(s q.k_j - m') v_j,   at the end o / l
 * Dao et al. 2022, arXiv:2205.14135, algorithm 1; Dao 2023, arXiv:2307.08691 (one division, at the end).
 *
 * Shapes   q [B,T,H,dk]   k [B,T,Hkv,dk]   v [B,T,Hkv,dv]   o [B,T,H,dv]
 *          query head h reads key/value head h / (H / Hkv)
 * Forms    tiled: blocks of query rows (spread over threads, also within one head) pass over tiles of
 *          128 keys; a causal block skips the tiles it cannot see. Decode: one pass over the cache, cut
 *          into parts when there are fewer heads than threads.
 * Memory   a working set for each thread, nothing that grows with T
 * State    the KV cache: K [B,Hkv,Tcap,dk], V [B,Hkv,Tcap,dv]; forward may start from one
 * Saved    the log-sum-exp m + ln l of every row, [B,H,T]: all that a backward by tiles needs besides
 *          the inputs and o
 * Numerics differences to the row maximum are taken before the scale and exp: logits of +-1e4 are fine.
 *          A masked score has weight exactly 0, so later tokens leave earlier rows bit-identical.
 */
#include "flash_internal.h"
#include "labench/kit.h"

static size_t state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    if (cap < 2) return 2;
    out[0] = (la_part){
        .name = "K", .shape = {p->B, p->Hkv, p->Tcap, p->dk}, .rank = 4, .dtype = p->dtype};
    out[1] = (la_part){
        .name = "V", .shape = {p->B, p->Hkv, p->Tcap, p->dv}, .rank = 4, .dtype = p->dtype};
    return 2;
}

/* The same as softmax: 2 T^2 (dk + dv) a head, half of it when causal; q, k, v and o move once. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)opts, (void)err;
    double heads = (double)p->B * (double)p->H, kv_heads = (double)p->B * (double)p->Hkv;
    double d = (double)(p->dk + p->dv), element = (double)la_dtype_size(p->dtype);
    double T = (double)p->T, cap = (double)p->Tcap;
    *cost = (la_cost){.version = 1};
    if (pass == LA_DECODE) {
        cost->flops = 2 * heads * cap * d;
        cost->bytes = element * kv_heads * cap * d;
        return LA_OK;
    }
    double forward = 2 * heads * T * T * d * (p->mask == LA_MASK_CAUSAL ? 0.5 : 1.0);
    double factor = pass == LA_FORWARD ? 1.0 : pass == LA_BACKWARD ? 2.5 : 3.5;
    cost->flops = factor * forward;
    cost->bytes = factor * element * (heads + kv_heads) * T * d;
    return LA_OK;
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)opts, (void)dev;
    if (p->dtype != LA_F32)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "flash has no %s kernel yet",
                       la_dtype_name(p->dtype));
    if (p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "flash groups key/value heads, not query heads");
    if (pass == LA_BACKWARD || pass == LA_FWDBWD)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "flash has no backward yet");
    return LA_OK;
}

static const la_impl impls[] = {
    {.name = "cpu_tiled",
     .backend = LA_CPU,
     .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_DECODE | LA_CAP_STATE_IN |
             LA_CAP_GROUPED_KV | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = la_flash_sizes,
     .create = la_flash_create,
     .destroy = la_free,
     .forward = la_flash_forward,
     .decode = la_flash_decode},
};

LA_VARIANT(flash) = {
    LA_VARIANT_HEAD,
    .name = "flash",
    .family = LA_FAMILY_QUADRATIC,
    .paper = "arXiv:2205.14135",
    .summary = "softmax attention by tiles, scores never stored",
    .cost_words = "O(T^2 d) time, O(1) memory beside its output",
    .inputs = LA_IN_QKV | LA_IN_LOGITS,
    .same_as = "softmax",
    .state_parts = state_parts,
    .useful = useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
