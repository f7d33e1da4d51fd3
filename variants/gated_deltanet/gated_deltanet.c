/* SPDX-License-Identifier: Apache-2.0
 * gated_deltanet - delta-rule memory with one decay per head and token: it can replace single
 * entries (the delta rule) and forget everything at once (the decay).
 *
 *   S_t = exp(g_t) (I - beta_t k_t k_t') S_{t-1} + beta_t k_t v_t'     S in R^{dk x dv}, g_t <= 0
 *   o_t = S_t' (s q_t),   s = 1/sqrt(dk)
 * Yang, Kautz, Hatamizadeh 2024, "Gated delta networks", arXiv:2412.06464, section 3.
 *
 * Shapes   q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   beta,g [B,T,H]   state S [B,H,dk,dv] float32
 *          Hqk divides H: value head h reads query and key head h / (H / Hqk)
 * Forms    recurrent: S <- exp(g) S; u = beta (v - S'k); S += k u'; o = s S'q. O(T dk dv) time;
 *          decode too.
 *          chunk: with G_i = g_1 + ... + g_i inside a chunk of C tokens and S carried across; exact:
 *            L_ij = beta_i exp(G_i - G_j) k_i.k_j (j < i)
 *            U = (I + L)^{-1} diag(beta) (V - diag(exp G) K S)
 *            O = s (diag(exp G) Q S + tril(exp(G_i - G_j) q_i.k_j) U)
 *            S <- exp(G_C) S + (diag(exp(G_C - G)) K)' U
 *          backward (both): chunks of 16 tokens from the last, with the transposed triangular solve,
 *          recomputed from S saved every 64 tokens; see delta_backward_isa.c.
 * Numerics decay enters as differences of its running sum G, so g = -50 (a hard reset) and g = 0 are
 *          both exact: exp(-G) alone would overflow float32 after two tokens of -50.
 * Differs  keys arrive with unit norm; short convolution and output gate belong to the model block.
 */
#include "delta_engine.h"

extern const la_reference la_gated_deltanet_reference;

static const la_recurrence member = {
    .name = "gated_deltanet", .write = LA_WRITE_DELTA, .decay = LA_DECAY_HEAD, .weighted = true};

LA_DELTA_FORMS(member)

LA_VARIANT(gated_deltanet) = {
    LA_VARIANT_HEAD,
    .name = "gated_deltanet",
    .family = LA_FAMILY_RECURRENT,
    .paper = "arXiv:2412.06464",
    .summary = "delta-rule memory with one decay per head and token",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV | LA_IN_BETA | LA_IN_GATE_HEAD | LA_IN_UNIT_KEYS,
    .reference = &la_gated_deltanet_reference,
    .options = la_delta_option_table,
    .options_len = LA_DELTA_OPTIONS_LEN,
    .options_size = sizeof(la_delta_options),
    .state_parts = la_delta_state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
