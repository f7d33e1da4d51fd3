/* SPDX-License-Identifier: Apache-2.0
 * The vectors a and b of members whose transition is diagonal plus rank one,
 * made as RWKV-7 makes them (Peng et al. 2025, arXiv:2503.14456, section 4).
 * Per head, with learned vectors of one number a channel:
 *
 *   iclr  = sigmoid(f + iclr_bias)          how much is removed; f: columns of the joint projection
 *   kappa = (k . removal) / |k . removal|   under which key
 *   a     = -kappa
 *   b     = kappa . iclr
 *   key   = k . (1 + (iclr - 1) . replacement)
 *
 * The variant reads `key` in the place of k. All rows are [N, H dk].
 */
#include "block.h"

void la_rank_one_forward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    const float *k = a->part[1];
    int64_t D = b->H * b->dk;
    r->L->shift(r->N, D, a->y + b->iclr_column, b->P, r->w + b->iclr_bias, a->iclr_raw);
    r->L->times(r->N, D, -1.0f, r->w + b->removal, k, a->a);
    r->L->act(r->N * D, LA_ACT_SIGMOID, 1.0f, a->iclr_raw, a->iclr);
    r->L->l2_norm(r->N, b->H, b->dk, LA_QK_EPS, a->a, D, a->a, D, a->a_norm);
    r->L->rank_one(r->N, D, k, a->a, a->iclr, r->w + b->replacement, a->b, a->key);
}

/* lane->dpart[1] holds the gradient of key and leaves as that of k; lane->da and lane->db are used up. */
void la_rank_one_backward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    la_lane *lane = r->lane;
    const float *k = a->part[1];
    float *dk = lane->dpart[1], *da = lane->da, *diclr = lane->db, *grad = lane->grad;
    int64_t D = b->H * b->dk;
    r->L->rank_one_grad(r->N, D, k, a->a, a->iclr, r->w + b->replacement, dk, da, diclr,
                        grad + b->replacement);
    r->L->l2_norm_grad(r->N, b->H, b->dk, a->a, D, a->a_norm, da, D, da, D);
    r->L->act_grad(r->N * D, LA_ACT_SIGMOID, 1.0f, a->iclr_raw, diclr, diclr);
    r->L->removal_grad(r->N, D, k, r->w + b->removal, da, diclr, dk, grad + b->removal,
                       grad + b->iclr_bias);
    r->L->copy_rows(r->N, D, diclr, D, lane->dy + b->iclr_column, b->P);
}
