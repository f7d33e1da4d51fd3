/* SPDX-License-Identifier: Apache-2.0
 * flash - softmax attention by tiles, without the score matrix.
 *
 *   o_i = sum_j p_ij v_j,   p_i = softmax_j(s q_i.k_j),   s = 1/sqrt(dk)
 * and over tiles of keys, with m the running maximum and l the running sum of a row:
 *   m' = max(m, max_j s q.k_j)   l' = l e^(m-m') + sum_j e^(s q.k_j - m')
 *   o' = o e^(m-m') + sum_j e^(s q.k_j - m') v_j,   at the end o / l
 * Dao et al. 2022, arXiv:2205.14135, algorithm 1; Dao 2023, arXiv:2307.08691 (one division, at the end).
 *
 * Backward, with L the log-sum-exp of a row's logits, and a tile of scores at a time:
 *   p_ij = e^(s q_i.k_j - L_i)   D_i = do_i.o_i   ds_ij = p_ij (do_i.v_j - D_i)
 *   dq_i = s sum_j ds_ij k_j     dk_j = s sum_i ds_ij q_i     dv_j = sum_i p_ij do_i
 *
 * Shapes   q [B,T,H,dk]   k [B,T,Hkv,dk]   v [B,T,Hkv,dv]   o [B,T,H,dv]
 *          query head h reads key/value head h / (H / Hkv)
 * Forms    tiled: blocks of query rows (spread over threads, also within one head) pass over tiles of
 *          128 keys; a causal block skips the tiles it cannot see. Decode: one pass over the cache, cut
 *          into parts when there are fewer heads than threads. Backward: blocks of query rows again,
 *          five products a tile; a thread has a (batch, kv head) to itself and adds to its dK and dV,
 *          or shares it when there are too few, and then the sums of the parts are added up in order.
 *          On CUDA devices (flash_forward.cu, flash_gradients.cu): the query heads of a kv head packed,
 *          so that one kernel serves forward, grouped heads and decode; keys cut into parts where
 *          blocks are few; in backward a kernel for dQ and one for dK and dV, 7 products, no atomics.
 *          hopper: forward of bf16 and f16 with dk = dv = 64 or 128 and no cache by wgmma and TMA
 *          (flash_hopper.cu), and as tiled otherwise.
 * Memory   a working set for each thread, nothing that grows with T; in backward, a dK and a dV for
 *          every part of a shared head beyond the first. On devices: o in float32 and a log-sum-exp for
 *          each part where keys are cut; in backward rowsum(dO o), [B,H,T]
 * State    the KV cache: K [B,Hkv,Tcap,dk], V [B,Hkv,Tcap,dv]; forward may start from one
 * Saved    the log-sum-exp m + ln l of every row, [B,H,T]: all that a backward by tiles needs besides
 *          the inputs and o
 * Types    float32; bf16 where the CPU has its dot products: q, k, v, o, the cache and gradients are bf16,
 *          weights (and the gradients of scores) are rounded for the product that reads them; scores,
 *          maxima, all sums and the log-sum-exp are float32, and dk and dv are until the end. On devices
 *          also f16, and float32 products are three of tf32.
 * Numerics differences to the row maximum are taken before the scale and exp: logits of +-1e4 are fine.
 *          A masked score has weight exactly 0, so later tokens leave earlier rows bit-identical.
 */
#include "flash_cuda.h"
#include "flash_kernels.h"
#include "kv_attention.h"
#include "labench/kit.h"

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)pass, (void)opts;
    return la_kv_check("flash", p, dev, err);
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)opts, (void)err;
    return la_flash_sizes(p, pass, LA_KV_NO_WINDOW, dev, out);
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)opts;
    return la_flash_create(p, LA_KV_NO_WINDOW, dev, self, err);
}

#if LA_HAVE_CUDA
static int64_t window_of(const void *opts)
{
    (void)opts;
    return LA_KV_NO_WINDOW;
}
#endif

LA_FLASH_CUDA("flash", window_of)

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

LA_VARIANT(flash) = {
    LA_VARIANT_HEAD,
    .name = "flash",
    .family = LA_FAMILY_QUADRATIC,
    .paper = "arXiv:2205.14135",
    .summary = "softmax attention by tiles, scores never stored",
    .cost_words = "O(T^2 d) time, O(1) memory beside its output",
    .inputs = LA_IN_QKV | LA_IN_LOGITS,
    .same_as = "softmax",
    .state_parts = la_kv_state_parts,
    .useful = la_kv_useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
