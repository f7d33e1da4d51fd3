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
#include <math.h>
#include <string.h>

#include "block.h"

void la_copy_columns(int64_t N, int64_t n, const float *from, int64_t ld_from, float *to,
                     int64_t ld_to)
{
    for (int64_t i = 0; i < N; i++)
        memcpy(to + i * ld_to, from + i * ld_from, (size_t)n * sizeof *to);
}

static void bounded_forward(const la_rows *r, const float *f, int64_t ld)
{
    const la_block *b = r->b;
    int64_t n = b->decay_width;
    for (int64_t i = 0; i < r->N; i++)
        for (int64_t c = 0; c < n; c++) r->a->g[i * n + c] = f[i * ld + c] + r->w[b->dt_bias + c];
    r->L->act(r->N * n, LA_ACT_SIGMOID, -(float)b->decay_form->rate, r->a->g, r->a->g);
}

/* With g = -rate sigmoid: dg/df = g (1 + g / rate). */
static void bounded_backward(const la_rows *r, float *df, int64_t ld)
{
    const la_block *b = r->b;
    const float *g = r->a->g, *dg = r->lane->dg;
    float *dbias = r->lane->grad + b->dt_bias, by = 1.0f / (float)b->decay_form->rate;
    int64_t n = b->decay_width;
    for (int64_t i = 0; i < r->N; i++)
        for (int64_t c = 0; c < n; c++) {
            float through = dg[i * n + c] * g[i * n + c] * (1.0f + by * g[i * n + c]);
            df[i * ld + c] = through;
            dbias[c] += through;
        }
}

static void decay_forward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    const float *f = a->y + b->decay_column;
    int64_t ld = b->P;
    if (b->decay_rank) {
        la_gemm(false, true, r->N, b->decay_width, b->decay_rank, 1.0f, f, ld, r->w + b->decay_up,
                b->decay_rank, 0.0f, a->f, b->decay_width);
        f = a->f, ld = b->decay_width;
    }
    if (b->decay_form->bounded) {
        bounded_forward(r, f, ld);
        return;
    }
    const float *A_log = r->w + b->A_log;
    r->L->decay(r->N, b->H, b->decay_D, f, ld, A_log, r->w + b->dt_bias, a->g);
    for (int64_t i = 0; b->dt && i < r->N; i++)
        for (int64_t h = 0; h < b->H; h++)
            a->beta[i * b->H + h] = -a->g[i * b->H + h] * expf(-A_log[h]);
}

void la_gates_forward(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    if (b->beta_column >= 0) {
        la_copy_columns(r->N, b->H, a->y + b->beta_column, b->P, a->beta_raw, b->H);
        r->L->act(r->N * b->H, LA_ACT_SIGMOID, b->beta_scale, a->beta_raw, a->beta);
    }
    if (b->decay_column >= 0) decay_forward(r);
}

/* dt = -g exp(-A): as if g had the gradient dg - ddt exp(-A), but that dt does not depend on A, so what
 * this would add to the gradient of A is taken off: sum of ddt dt. */
static void add_dt(const la_rows *r)
{
    const la_block *b = r->b;
    const float *A_log = r->w + b->A_log;
    float *dA = r->lane->grad + b->A_log;
    for (int64_t i = 0; i < r->N; i++)
        for (int64_t h = 0; h < b->H; h++) {
            int64_t e = i * b->H + h;
            dA[h] -= r->lane->dbeta[e] * r->a->beta[e];
            r->lane->dg[e] -= r->lane->dbeta[e] * expf(-A_log[h]);
        }
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
        bounded_backward(r, df, ld);
    else
        r->L->decay_grad(r->N, b->H, b->decay_D, f, ld, r->w + b->A_log, r->w + b->dt_bias,
                         lane->dg, df, ld, lane->grad + b->A_log, lane->grad + b->dt_bias);
    /* A rate that is never trained has no part in the norm of the gradient either. */
    if (b->A_log >= 0 && b->decay_form->rate != 0)
        memset(lane->grad + b->A_log, 0, (size_t)b->H * sizeof *lane->grad);
    if (!rank) return;
    la_gemm(true, false, b->decay_width, rank, r->N, 1.0f, df, ld, y, b->P, 1.0f,
            lane->grad + b->decay_up, rank);
    la_gemm(false, false, r->N, rank, b->decay_width, 1.0f, df, ld, r->w + b->decay_up, rank, 0.0f,
            dy, b->P);
}

void la_gates_backward(const la_rows *r)
{
    const la_block *b = r->b;
    la_lane *lane = r->lane;
    if (b->decay_column >= 0) decay_backward(r);
    if (b->beta_column < 0) return;
    r->L->act_grad(r->N * b->H, LA_ACT_SIGMOID, b->beta_scale, r->a->beta_raw, lane->dbeta,
                   lane->dbeta);
    la_copy_columns(r->N, b->H, lane->dbeta, b->H, lane->dy + b->beta_column, b->P);
}

void la_skip_forward(const la_rows *r)
{
    const la_block *b = r->b;
    const float *D = r->w + b->skip, *v = r->a->part[2];
    for (int64_t i = 0; i < r->N * b->width; i++) r->a->o[i] += D[i / b->dv % b->H] * v[i];
}

void la_skip_backward(const la_rows *r, const float *dout)
{
    const la_block *b = r->b;
    const float *D = r->w + b->skip, *v = r->a->part[2];
    float *dD = r->lane->grad + b->skip, *dv = r->lane->dpart[2];
    for (int64_t row = 0; row < r->N * b->H; row++) {
        float sum = 0.0f;
        for (int64_t i = row * b->dv; i < (row + 1) * b->dv; i++) {
            sum += dout[i] * v[i];
            dv[i] += D[row % b->H] * dout[i];
        }
        dD[row % b->H] += sum;
    }
}
