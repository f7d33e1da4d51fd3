/* SPDX-License-Identifier: Apache-2.0
 * The vectors a and b of members whose transition is diagonal plus rank one,
 * made as RWKV-7 makes them (Peng et al. 2025, arXiv:2503.14456, section 4).
 * Per head, with learned vectors of one number a channel:
 *
 *   iclr  = sigmoid(f + iclr_bias)             how much is removed; f: columns
 * of the joint projection kappa = (k . removal) / |k . removal|      under
 * which key a = -kappa,   b = kappa . iclr,   key = k . (1 + (iclr - 1) .
 * replacement) The variant reads `key` in the place of k. All rows are [N, H
 * dk].
 */
#include "block.h"

void la_rank_one_forward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    const float *bias = r->w + b->iclr_bias, *removal = r->w + b->removal;
    const float *replacement = r->w + b->replacement, *k = a->part[1];
    int64_t D = b->H * b->dk;
    for (int64_t i = 0; i < r->N; i++)
        for (int64_t c = 0; c < D; c++) {
            a->iclr_raw[i * D + c] = a->y[i * b->P + b->iclr_column + c] + bias[c];
            a->a[i * D + c] = -removal[c] * k[i * D + c];
        }
    r->L->act(r->N * D, LA_ACT_SIGMOID, 1.0f, a->iclr_raw, a->iclr);
    r->L->l2_norm(r->N, b->H, b->dk, LA_QK_EPS, a->a, D, a->a, D, a->a_norm);
    for (int64_t i = 0; i < r->N; i++)
        for (int64_t c = 0; c < D; c++) {
            int64_t e = i * D + c;
            a->b[e] = -a->a[e] * a->iclr[e];
            a->key[e] = k[e] * (1.0f + (a->iclr[e] - 1.0f) * replacement[c]);
        }
}

/* lane->dpart[1] holds the gradient of key and leaves as that of k; lane->da
 * and lane->db are used up. */
void la_rank_one_backward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    la_lane *lane = r->lane;
    const float *removal = r->w + b->removal, *replacement = r->w + b->replacement;
    const float *k = a->part[1];
    float *dbias = lane->grad + b->iclr_bias, *dremoval = lane->grad + b->removal;
    float *dreplacement = lane->grad + b->replacement, *dk = lane->dpart[1];
    float *da = lane->da, *diclr = lane->db;
    int64_t D = b->H * b->dk;
    for (int64_t i = 0; i < r->N; i++)
        for (int64_t c = 0; c < D; c++) {
            int64_t e = i * D + c;
            float db = lane->db[e], dkey = dk[e], less = a->iclr[e] - 1.0f;
            da[e] -= db * a->iclr[e];
            diclr[e] = dkey * k[e] * replacement[c] - db * a->a[e];
            dreplacement[c] += dkey * k[e] * less;
            dk[e] = dkey * (1.0f + less * replacement[c]);
        }
    r->L->l2_norm_grad(r->N, b->H, b->dk, a->a, D, a->a_norm, da, D, da, D);
    r->L->act_grad(r->N * D, LA_ACT_SIGMOID, 1.0f, a->iclr_raw, diclr, diclr);
    for (int64_t i = 0; i < r->N; i++)
        for (int64_t c = 0; c < D; c++) {
            int64_t e = i * D + c;
            dk[e] -= removal[c] * da[e];
            dremoval[c] -= k[e] * da[e];
            dbias[c] += diclr[e];
        }
    la_copy_columns(r->N, D, diclr, D, lane->dy + b->iclr_column, b->P);
}
