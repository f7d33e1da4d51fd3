/* SPDX-License-Identifier: Apache-2.0
 * kda - Kimi delta attention: the delta rule on a memory in which every key channel forgets at a rate
 * that the token chooses.
 *
 *   S_t = (I - beta_t k_t k_t') Diag(exp g_t) S_{t-1} + beta_t k_t v_t'     S in R^{dk x dv}
 *   o_t = S_t' (s q_t),   s = 1/sqrt(dk);   g_t in R^dk, g_t <= 0
 * The decay comes first: the delta write corrects what the decayed memory still holds.
 * Kimi Team 2025, "Kimi Linear", arXiv:2510.26692, section 3.
 *
 * Shapes   q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   beta [B,T,H]   g [B,T,H,dk]
 *          state S [B,H,dk,dv] float32
 *          Hqk divides H: value head h reads query and key head h / (H / Hqk)
 * Forms    recurrent: S <- Diag(exp g) S; u = beta (v - S'k); S += k u'; o = s S'q. O(T dk dv) time;
 *          decode too.
 *          chunk: with G_i = g_1 + ... + g_i inside a chunk of C tokens and S carried across; exact:
 *            L_ij = beta_i sum_c k_ic k_jc exp(G_ic - G_jc) (j < i)
 *            U = (I + L)^{-1} diag(beta) (V - (K exp(G)) S)
 *            O = s ((Q exp(G)) S + P U),   P_ij = sum_c q_ic k_jc exp(G_ic - G_jc) (j <= i)
 *            S <- Diag(exp G_C) S + (K exp(G_C - G))' U
 *          backward (both): chunks of 16 tokens from the last, with the transposed triangular solve,
 *          recomputed from S saved every 64 tokens; see delta_backward_isa.c and
 *          delta_backward_channel_isa.c.
 * Numerics exponents are differences of G, taken around a reference token where the channels of a
 *          chunk fall by less than 60 and pair by pair where they fall further: g = -50 and g = 0 are
 *          both exact, also side by side in one token.
 * Differs  keys arrive with unit norm; short convolution, the low-rank map that makes g and the
 *          output gate belong to the model block.
 */
#include "delta_engine.h"

extern const la_reference la_kda_reference;

static const la_recurrence member = {
    .name = "kda", .write = LA_WRITE_DELTA, .decay = LA_DECAY_CHANNEL, .weighted = true};

LA_DELTA_FORMS(member)

LA_VARIANT(kda) = {
    LA_VARIANT_HEAD,
    .name = "kda",
    .family = LA_FAMILY_RECURRENT,
    .paper = "arXiv:2510.26692",
    .summary = "Kimi delta attention: delta rule with one decay per key channel and token",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV | LA_IN_BETA | LA_IN_GATE_CHANNEL | LA_IN_UNIT_KEYS,
    .reference = &la_kda_reference,
    .options = la_delta_option_table,
    .options_len = LA_DELTA_OPTIONS_LEN,
    .options_size = sizeof(la_delta_options),
    .state_parts = la_delta_state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
