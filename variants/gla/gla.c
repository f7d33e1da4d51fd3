/* SPDX-License-Identifier: Apache-2.0
 * gla - gated linear attention: every key channel forgets at a rate that the token chooses.
 *
 *   S_t = Diag(exp g_t) S_{t-1} + k_t v_t'     S in R^{dk x dv}, g_t in R^dk, g_t <= 0
 *   o_t = S_t' (s q_t),   s = 1/sqrt(dk)
 * Yang, Wang, Shen, Panda, Kim 2023, "Gated linear attention transformers with hardware-efficient
 * training", arXiv:2312.06635, section 4.
 *
 * Shapes   q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   g [B,T,H,dk]   state S [B,H,dk,dv] float32
 *          Hqk divides H: value head h reads query and key head h / (H / Hqk)
 * Forms    recurrent: S <- Diag(exp g) S + k v'; o = s S'q. O(T dk dv) time; decode too.
 *          chunk: with G_i = g_1 + ... + g_i inside a chunk of C tokens and S carried across; exact:
 *            P_ij = sum_c q_ic k_jc exp(G_ic - G_jc) (j <= i)
 *            O = s ((Q exp(G)) S + P V),   S <- Diag(exp G_C) S + (K exp(G_C - G))' V
 *          backward (both): chunks of 16 tokens from the last, recomputed from S saved every 64
 *          tokens; see delta_backward_isa.c and delta_backward_channel_isa.c.
 * Numerics exponents are differences of G, taken around a reference token where the channels of a
 *          chunk fall by less than 60 and pair by pair where they fall further: g = -50 and g = 0 are
 *          both exact, also side by side in one token.
 * Differs  the low-rank map and the division by 16 that make g belong to the model block, as do the
 *          norm of each head and the output gate.
 */
#include "delta_engine.h"

extern const la_reference la_gla_reference;

static const la_recurrence member = {
    .name = "gla", .write = LA_WRITE_ADDITIVE, .decay = LA_DECAY_CHANNEL};

LA_DELTA_FORMS(member)

LA_VARIANT(gla) = {
    LA_VARIANT_HEAD,
    .name = "gla",
    .family = LA_FAMILY_RECURRENT,
    .paper = "arXiv:2312.06635",
    .summary = "gated linear attention: additive memory, one decay per key channel and token",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV | LA_IN_GATE_CHANNEL,
    .reference = &la_gla_reference,
    .options = la_delta_option_table,
    .options_len = LA_DELTA_OPTIONS_LEN,
    .options_size = sizeof(la_delta_options),
    .state_parts = la_delta_state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
