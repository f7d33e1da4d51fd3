/* SPDX-License-Identifier: Apache-2.0
 * rwkv7 - a memory whose transition is diagonal plus a matrix of rank one: every key channel forgets
 * at its own rate, what is removed and what is written have keys of their own, and how much is removed
 * is chosen channel by channel.
 *
 *   S_t = (Diag(exp g_t) + b_t a_t') S_{t-1} + k_t v_t'     S in R^{dk x dv}, g_t in R^dk, g_t <= 0
 *   o_t = S_t' (s q_t),   s = 1
 * a reads S_{t-1} before it decays. In RWKV-7 a = -kappa and b = kappa * iclr, where kappa is the removal
 * key of unit norm and iclr in (0,1)^dk the in-context learning rate.
 * Peng et al. 2025, 'RWKV-7 "Goose" with expressive dynamic state evolution', arXiv:2503.14456, section 4.
 *
 * Shapes   q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   g,a,b [B,T,H,dk]   state S [B,H,dk,dv] float32
 *          Hqk divides H: value head h reads query and key head h / (H / Hqk), and has g, a, b of its own
 * Forms    recurrent: w = S'a; S <- Diag(exp g) S + b w' + k v'; o = s S'q. O(T dk dv) time; decode too.
 *            Forward is one sweep over S a token (delta_dplr_sweep_isa.c).
 *          chunk: with G_i = g_1 + ... + g_i inside a chunk of 16 tokens and S carried across; exact:
 *            W = (I - A_ab)^{-1} ((A exp(G before)) S + A_ak V)
 *              A_ab_ij = sum_c a_ic b_jc exp(G_{i-1,c} - G_jc) (j < i), A_ak likewise with k for b
 *            O = s ((Q exp(G)) S + A_qb W + A_qk V),   A_qb, A_qk with q_i, G_i and j <= i
 *            S <- Diag(exp G_C) S + (B exp(G_C - G))' W + (K exp(G_C - G))' V
 *          backward (both): chunks of 16 tokens from the last, with the transposed triangular solve,
 *          recomputed from S saved every 64 tokens; see delta_dplr.h and delta_dplr_backward_isa.c.
 * Numerics exponents are differences of G around the start of a stretch of tokens in which no channel
 *          falls by more than 60: g = -50 and g = 0 are both exact, also side by side in one token.
 * Relation kda is a = -exp(g) k, b = beta k, with beta k in the place of k.
 * Differs  a and b arrive as they are: kappa, iclr, the key's replacement and the decay are made by the
 *          model block, the token shift is its short convolution. The paper writes S transposed.
 */
#include "delta_engine.h"

extern const la_reference la_rwkv7_reference;

static const la_recurrence member = {
    .name = "rwkv7", .write = LA_WRITE_RANK_ONE, .decay = LA_DECAY_CHANNEL, .default_scale = 1.0};

/* By chunks twice as many products meet S as token by token: the recurrent form is the faster one. */
LA_DELTA_RANKED_FORMS(member, la_rank_second_cpu, la_rank_any_cpu)

LA_VARIANT(rwkv7) = {
    LA_VARIANT_HEAD,
    .name = "rwkv7",
    .family = LA_FAMILY_RECURRENT,
    .paper = "arXiv:2503.14456",
    .summary = "diagonal plus rank-one transition: removal and writing have keys of their own",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV | LA_IN_GATE_CHANNEL | LA_IN_AB,
    .default_scale = 1.0,
    .reference = &la_rwkv7_reference,
    .state_parts = la_delta_state_parts,
    .useful = useful,
    .impls = forms,
    .impls_len = LA_COUNT(forms),
};
