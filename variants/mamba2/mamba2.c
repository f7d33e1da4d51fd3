/* SPDX-License-Identifier: Apache-2.0
 * mamba2 - the state-space dual: an additive memory whose decay and step size one number sets together.
 *
 *   S_t = exp(g_t) S_{t-1} + dt_t k_t v_t'     S in R^{dk x dv}, dt_t > 0, g_t = -a dt_t <= 0
 *   o_t = S_t' (s q_t),   s = 1
 * Dao, Gu 2024, "Transformers are SSMs", arXiv:2405.21060, sections 3 and 6; q is their C, k their B, v
 * their x, dk the state size, dv the head dimension.
 *
 * Shapes   q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   dt (in the slot of beta), g [B,T,H]
 *          state S [B,H,dk,dv] float32
 *          Hqk divides H: value head h reads query and key head h / (H / Hqk); their "groups" are Hqk
 * Forms    recurrent: S <- exp(g) S + dt k v'; o = s S'q. O(T dk dv) time; decode too.
 *          chunk: with G_i = g_1 + ... + g_i inside a chunk of C tokens and S carried across; exact:
 *            O = s (diag(exp G) Q S + tril(exp(G_i - G_j) q_i.k_j) diag(dt) V)
 *            S <- exp(G_C) S + (diag(exp(G_C - G) dt) K)' V
 *          backward (both): chunks of 16 tokens from the last, recomputed from S saved every 64
 *          tokens; see delta_backward_isa.c.
 * Numerics decay enters as differences of its running sum G, so that g = -50 (a hard reset) and g = 0
 *          are both exact.
 * Differs  g and dt are independent inputs here; the model block makes both from one projection, g =
 *          -exp(A_log) dt, and adds the skip D v, the convolution and the gate.
 */
#include "delta_engine.h"

extern const la_reference la_mamba2_reference;

static const la_recurrence member = {.name = "mamba2",
                                     .write = LA_WRITE_ADDITIVE,
                                     .decay = LA_DECAY_HEAD,
                                     .weighted = true,
                                     .default_scale = 1.0};

LA_DELTA_FORMS(member)

LA_VARIANT(mamba2) = {
    LA_VARIANT_HEAD,
    .name = "mamba2",
    .family = LA_FAMILY_RECURRENT,
    .paper = "arXiv:2405.21060",
    .summary =
        "state-space dual (SSD): additive memory, one decay and step size per head and token",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV | LA_IN_DT | LA_IN_GATE_HEAD,
    .default_scale = 1.0,
    .reference = &la_mamba2_reference,
    .options = la_delta_option_table,
    .options_len = LA_DELTA_OPTIONS_LEN,
    .options_size = sizeof(la_delta_options),
    .state_parts = la_delta_state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
