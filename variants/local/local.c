/* SPDX-License-Identifier: Apache-2.0
 * local - softmax attention within a sliding window of w tokens.
 *
 *   o_i = sum_j p_ij v_j,   p_i = softmax_j(s q_i.k_j) over the keys that i sees,   s = 1/sqrt(dk)
 *   causal: i - w < j <= i, the token itself and the w - 1 before it;   bidirectional: |i - j| < w
 * Child et al. 2019, arXiv:1904.10509 (attention to a fixed span of the past); Beltagy, Peters, Cohan
 * 2020, arXiv:2004.05150, section 3.1 (sliding window).
 *
 * Shapes   q [B,T,H,dk]   k [B,T,Hkv,dk]   v [B,T,Hkv,dv]   o [B,T,H,dv]
 *          query head h reads key/value head h / (H / Hkv)
 * Forms    tiled: the tiles of flash. Tiles outside the window are skipped, those on one of its borders
 *          are cut along it and masked, so time is O(T w d). Decode: one pass over the cache.
 *          Backward: flash's too, over the same band.
 * State    the last n = min(w, Tcap) tokens as a ring, K [B,Hkv,n,dk], V [B,Hkv,n,dv]: token t lies in
 *          place t mod n. It does not grow with T.
 * Saved    the log-sum-exp of every row, [B,H,T]
 * Types    as flash
 * Numerics as flash
 * Differs  all heads and layers have the same window, without dilation and without tokens that are seen
 *          from everywhere (the cited work has both besides).
 */
#include "local_internal.h"

#include "flash_cuda.h"
#include "flash_kernels.h"
#include "kv_attention.h"
#include "labench/kit.h"

static const la_option options[] = {
    {.name = "window",
     .type = LA_OPTION_INT,
     .offset = offsetof(local_opts, window),
     .def = 256,
     .min = 1,
     .max = 1 << 30,
     .help = "tokens a row sees: itself and those before (bidirectional: also after) it"},
};

static int64_t window_of(const void *opts)
{
    return ((const local_opts *)opts)->window;
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)pass, (void)opts;
    return la_kv_check("local", p, dev, err);
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)err;
    return la_flash_sizes(p, pass, window_of(opts), dev, out);
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    return la_flash_create(p, window_of(opts), dev, self, err);
}

static size_t state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    return la_kv_window_parts(p, window_of(opts), out, cap);
}

static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)err;
    la_kv_window_useful(p, pass, window_of(opts), cost);
    return LA_OK;
}

LA_FLASH_CUDA("local", window_of)

static const la_impl impls[] = {
    {.name = "cpu_tiled",
     .backend = LA_CPU,
     .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DECODE |
             LA_CAP_STATE_IN | LA_CAP_GROUPED_KV | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = sizes,
     .create = create,
     .destroy = la_free,
     .forward = la_flash_forward,
     .backward = la_flash_backward,
     .decode = la_flash_decode} LA_FLASH_CUDA_IMPLS,
};

LA_VARIANT(local) = {
    LA_VARIANT_HEAD,
    .name = "local",
    .family = LA_FAMILY_QUADRATIC,
    .paper = "arXiv:2004.05150",
    .summary = "softmax attention within a sliding window",
    .cost_words = "O(T w d) time, O(1) memory beside its output; state of w tokens",
    .inputs = LA_IN_QKV | LA_IN_LOGITS,
    .reference = &la_local_reference,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(local_opts),
    .state_parts = state_parts,
    .useful = useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
