/* SPDX-License-Identifier: Apache-2.0
 * deltanet - a linear memory that corrects itself: what a key already returns is taken off before
 * the new value is written under it.
 *
 *   S_t = (I - beta_t k_t k_t') S_{t-1} + beta_t k_t v_t'     S in R^{dk x dv}
 *   o_t = S_t' (s q_t),   s = 1/sqrt(dk)
 * Schlag, Irie, Schmidhuber 2021, "Linear transformers are secretly fast weight programmers",
 * arXiv:2102.11174; the chunk form is that of Yang et al. 2024, "Parallelizing linear transformers
 * with the delta rule over sequence length", arXiv:2406.06484, section 3.
 *
 * Shapes   q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   beta [B,T,H]   state S [B,H,dk,dv] float32
 *          Hqk divides H: value head h reads query and key head h / (H / Hqk)
 * Forms    recurrent: u = beta (v - S'k); S += k u'; o = s S'q. O(T dk dv) time; decode too.
 *          chunk: matrix products inside a chunk of C tokens, S carried across; exact:
 *            L_ij = beta_i k_i.k_j (j < i),  U = (I + L)^{-1} diag(beta) (V - K S)
 *            O = s (Q S + tril(Q K') U),     S <- S + K' U
 *          backward (both): chunks of 16 tokens from the last, with the transposed triangular solve,
 *          recomputed from S saved every 64 tokens; see delta_backward_isa.c.
 * Numerics beta up to 2 gives the transition an eigenvalue of -1 (arXiv:2411.12537): still stable,
 *          since keys have unit norm.
 * Differs  keys arrive with unit norm; the op does not normalise, the model block does.
 */
#include "delta_engine.h"

extern const la_reference la_deltanet_reference;

static const la_recurrence member = {
    .name = "deltanet", .write = LA_WRITE_DELTA, .decay = LA_DECAY_NONE, .weighted = true};

LA_DELTA_FORMS(member)

LA_VARIANT(deltanet) = {
    LA_VARIANT_HEAD,
    .name = "deltanet",
    .family = LA_FAMILY_RECURRENT,
    .paper = "arXiv:2406.06484",
    .summary = "delta-rule memory: each write replaces what its key held",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV | LA_IN_BETA | LA_IN_UNIT_KEYS,
    .reference = &la_deltanet_reference,
    .options = la_delta_option_table,
    .options_len = LA_DELTA_OPTIONS_LEN,
    .options_size = sizeof(la_delta_options),
    .state_parts = la_delta_state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
