/* SPDX-License-Identifier: Apache-2.0
 * Write strength and decay of a block's tokens, and the skip of state-space members.
 *
 *   beta = beta_scale sigmoid(beta columns of y)
 *   f    = decay columns of y, or decay_up times them where these are few
 *   g    = -exp(A_log) softplus(f + dt_bias)             a rate A for each head
 *        or -rate sigmoid(f + bias): no token decays faster than exp(-rate) (rwkv7)
 *   dt   = softplus(f + dt_bias) = -g exp(-A_log)        state-space members, in the slot of beta
 *   o   += D v                                           likewise, D for each head
 * gla's logsigmoid(z) / 16 is this g with A = 1/16 for ever and f = -z.
 */
#include "block.h"

static void bounded_forward(const la_rows *r, const float *f, int64_t ld)
{
    const la_block *b = r->b;
    r->L->shift(r->N, b->decay_width, f, ld, r->w + b->dt_bias, r->a->g);
    r->L->act(r->N * b->decay_width, LA_ACT_SIGMOID, -(float)b->decay_form->rate, r->a->g, r->a->g);
}

static void decay_forward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    const float *f = a->y + b->decay_column;
    int64_t ld = b->P;
    if (b->decay_rank) {
        r->L->gemm(false, true, r->N, b->decay_width, b->decay_rank, f, ld, r->w + b->decay_up,
                   b->decay_rank, 0.0f, a->f, b->decay_width);
        f = a->f, ld = b->decay_width;
    }
    if (b->decay_form->bounded) {
        bounded_forward(r, f, ld);
        return;
    }
    const float *A_log = r->w + b->A_log;
    r->L->decay(r->N, b->H, b->decay_D, f, ld, A_log, r->w + b->dt_bias, a->g);
    if (b->dt) r->L->step(r->N, b->H, A_log, a->g, a->beta);
}

void la_gates_forward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    if (b->beta_column >= 0) {
        r->L->copy_rows(r->N, b->H, a->y + b->beta_column, b->P, a->beta_raw, b->H);
        r->L->act(r->N * b->H, LA_ACT_SIGMOID, b->beta_scale, a->beta_raw, a->beta);
    }
    if (b->decay_column >= 0) decay_forward(r);
}

/* dt = -g exp(-A): as if g had the gradient dg - ddt exp(-A), but that dt does not depend on A, so what
 * this would add to the gradient of A is taken off: sum of ddt dt. */
static void add_dt(const la_rows *r)
{
    const la_block *b = r->b;
    r->L->step_grad(r->N, b->H, r->w + b->A_log, r->a->beta, r->lane->dbeta, r->lane->dg,
                    r->lane->grad + b->A_log);
}

static void decay_backward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    la_lane *lane = r->lane;
    const float *y = a->y + b->decay_column, *f = b->decay_rank ? a->f : y;
    float *dy = lane->dy + b->decay_column, *df = b->decay_rank ? lane->df : dy;
    int64_t ld = b->decay_rank ? b->decay_width : b->P, rank = b->decay_rank;
    if (b->dt) add_dt(r);
    if (b->decay_form->bounded)
        r->L->bounded_grad(r->N, b->decay_width, (float)b->decay_form->rate, a->g, lane->dg, df, ld,
                           lane->grad + b->dt_bias);
    else
        r->L->decay_grad(r->N, b->H, b->decay_D, f, ld, r->w + b->A_log, r->w + b->dt_bias,
                         lane->dg, df, ld, lane->grad + b->A_log, lane->grad + b->dt_bias);
    /* A rate that is never trained has no part in the norm of the gradient either. */
    if (b->A_log >= 0 && b->decay_form->rate != 0) r->L->zero(b->H, lane->grad + b->A_log);
    if (!rank) return;
    r->L->gemm(true, false, b->decay_width, rank, r->N, df, ld, y, b->P, 1.0f,
               lane->grad + b->decay_up, rank);
    r->L->gemm(false, false, r->N, rank, b->decay_width, df, ld, r->w + b->decay_up, rank, 0.0f, dy,
               b->P);
}

void la_gates_backward(const la_rows *r)
{
    const la_block *b = r->b;
    la_lane *lane = r->lane;
    if (b->decay_column >= 0) decay_backward(r);
    if (b->beta_column < 0) return;
    r->L->act_grad(r->N * b->H, LA_ACT_SIGMOID, b->beta_scale, r->a->beta_raw, lane->dbeta,
                   lane->dbeta);
    r->L->copy_rows(r->N, b->H, lane->dbeta, b->H, lane->dy + b->beta_column, b->P);
}

void la_skip_forward(const la_rows *r)
{
    const la_block *b = r->b;
    r->L->skip(r->N, b->H, b->dv, r->w + b->skip, r->a->part[2], r->a->o);
}

void la_skip_backward(const la_rows *r, const float *dout)
{
    const la_block *b = r->b;
    r->L->skip_grad(r->N, b->H, b->dv, r->w + b->skip, r->a->part[2], dout, r->lane->dpart[2],
                    r->lane->grad + b->skip);
}
