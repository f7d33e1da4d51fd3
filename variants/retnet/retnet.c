/* SPDX-License-Identifier: Apache-2.0
 * retnet - retention: a linear memory in which every head forgets at a rate of its own, fixed for ever.
 *
 *   S_t = gamma_h S_{t-1} + k_t v_t'     S in R^{dk x dv}, gamma_h = 1 - 2^{-5-h}, h = 0, 1, ...
 *   o_t = S_t' (s q_t),   s = 1/sqrt(dk)
 * Sun et al. 2023, "Retentive network: a successor to transformer for large language models",
 * arXiv:2307.08621, section 2.
 *
 * Shapes   q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   state S [B,H,dk,dv] float32
 *          Hqk divides H: value head h reads query and key head h / (H / Hqk); gamma follows h
 * Forms    recurrent: S <- gamma S + k v'; o = s S'q. O(T dk dv) time; decode too.
 *          chunk: matrix products inside a chunk of C tokens, S carried across; exact:
 *            O = s (diag(gamma^i) Q S + tril(gamma^{i-j} Q K') V)     i, j = 1 .. C
 *            S <- gamma^C S + (diag(gamma^{C-i}) K)' V
 *          backward (both): chunks of 16 tokens from the last, recomputed from S saved every 64
 *          tokens; see delta_backward_isa.c.
 * Numerics log gamma is log1p(-2^{-5-h}) in double, so that slow heads keep their digits: head 20
 *          still forgets by 3e-8 a token, which 1 - gamma in float32 would round away.
 * Differs  rotary positions, the norm of each head and the output gate belong to the model block.
 */
#include <math.h>

#include "delta_engine.h"

extern const la_reference la_retnet_reference;

static double log_gamma(int64_t head)
{
    return log1p(-ldexp(1.0, -5 - (int)head));
}

static const la_recurrence member = {
    .name = "retnet", .write = LA_WRITE_ADDITIVE, .decay = LA_DECAY_FIXED, .log_decay = log_gamma};

LA_DELTA_FORMS(member)

LA_VARIANT(retnet) = {
    LA_VARIANT_HEAD,
    .name = "retnet",
    .family = LA_FAMILY_RECURRENT,
    .paper = "arXiv:2307.08621",
    .summary = "retention: additive memory with a fixed decay for each head",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV,
    .reference = &la_retnet_reference,
    .options = la_delta_option_table,
    .options_len = LA_DELTA_OPTIONS_LEN,
    .options_size = sizeof(la_delta_options),
    .state_parts = la_delta_state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
