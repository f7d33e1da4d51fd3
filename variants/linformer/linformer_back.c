/* SPDX-License-Identifier: Apache-2.0
 * Backward: panels of query rows make their scores again and add to dK' and dV'; then blocks of tokens
 * take theirs back through the mixtures, dx = E^T dK' and dE = dK' x^T.
 */
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "labench/kit.h"
#include "linformer_internal.h"

/* Of one thread: panels of q, do and dq, scores and their gradients; or a block of tokens. */
static int64_t own_floats(const linformer *f)
{
    const linformer_layout *l = &f->own;
    int64_t gradient = l->in; /* of dx before it is narrowed */
    return l->in + l->scratch + la_most(3 * l->panel + 2 * l->score, l->mix + gradient);
}

int64_t la_linformer_back_floats(const linformer *f)
{
    return f->groups * (f->keys + f->values) + f->p.threads * own_floats(f);
}

/* What backward reads and writes of one (batch, head). */
typedef struct head {
    int64_t first; /* row of its first token, in units of one head's d */
    const float *K, *V;
    float *dK, *dV;
} head;

/* n query rows from token t: dq, and their share of dK' and dV'. */
static void panel_backward(const linformer *f, const la_io *io, const la_grads *grads,
                           const head *x, int64_t t, bool add, float *work)
{
    const la_tile *tile = f->tile;
    int64_t H = f->p.H, dk = f->p.dk, dv = f->p.dv, r = f->r, w = tile->panel, ldq, ldo;
    int64_t n = la_least(f->p.T - t, w), row = x->first + t * H;
    float s = (float)la_scale(&f->p), weight[LA_TILE_PANEL];
    float *in = work, *scratch = in + f->own.in, *qt = scratch + f->own.scratch;
    float *dot = qt + f->own.panel, *dqt = dot + f->own.panel, *S = dqt + f->own.panel;
    float *dS = S + f->own.score;
    const float *q = la_linformer_rows(f, io->q, row * dk, H * dk, n, dk, in, &ldq);
    const float *dout =
        la_linformer_rows(f, grads->dout, row * dv, H * dv, n, dv, in + w * dk, &ldo);
    la_linformer_enter(f, n, dk, q, ldq, qt);
    la_linformer_enter(f, n, dv, dout, ldo, dot);
    la_linformer_score(f, qt, x->K, S, weight);
    tile->nn(r, w, dv, 1.0f, x->V, H * dv, dot, w, false, dS, w, NULL);
    f->lanes.gradient(r, weight, S, dS);
    tile->nn(r, dv, n, 1.0f, S, w, dout, ldo, add, x->dV, H * dv, scratch);
    tile->nn(r, dk, n, s, dS, w, q, ldq, add, x->dK, H * dk, scratch);
    if (!grads->dq) return;
    tile->tn(dk, w, r, s, x->K, H * dk, dS, w, false, dqt, w, NULL);
    la_linformer_leave(f, n, dk, dqt, NULL, grads->dq, row * dk, H * dk, in);
}

static void attend_backward(const linformer *f, const la_io *io, const la_grads *grads, float *dK,
                            float *work)
{
    int64_t H = f->p.H, dk = f->p.dk, dv = f->p.dv, r = f->r, w = f->tile->panel;
    int64_t tiles = (f->p.T + w - 1) / w, both = f->keys + f->values;
    const float *K = io->saved;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < f->p.B * H * f->groups; i++) {
        int64_t g = i % f->groups, b = i / f->groups / H, h = i / f->groups % H;
        int64_t mk = (b * r * H + h) * dk, mv = f->keys + (b * r * H + h) * dv;
        float *part = dK + g * both;
        head x = {.first = b * f->p.T * H + h,
                  .K = K + mk,
                  .V = K + mv,
                  .dK = part + mk,
                  .dV = part + mv};
        int64_t first = tiles * g / f->groups, last = tiles * (g + 1) / f->groups;
        for (int64_t j = first; j < last; j++)
            panel_backward(f, io, grads, &x, j * w, j > first, work);
    }
#pragma omp for schedule(static)
    for (int64_t j = 0; j < both; j += 4096)
        for (int64_t g = 1; g < f->groups; g++)
            f->tile->axpy(la_least(both - j, 4096), 1.0f, dK + g * both + j, dK + j);
}

/* dx = E^T dm for a block of tokens of all sequences, and dE = sum over these of dm x^T, for one of k and
 * v. dm [B, r, H d]. */
static void unmix(const linformer *f, int64_t t, int64_t d, const float *E, const void *x,
                  const float *dm, void *dx, float *dE, float *work)
{
    int64_t T = f->p.T, w = f->p.H * d, r = f->r, n = la_least(T - t, f->block), ld;
    float *in = work, *scratch = in + f->own.in, *mix = scratch + f->own.scratch;
    float *out = mix + f->own.mix;
    if (dx) la_linformer_mix(f, E, t, n, mix);
    for (int64_t b = 0; b < f->p.B; b++) {
        const float *m = dm + b * r * w;
        int64_t at = (b * T + t) * w;
        float *to = f->narrow ? out : dx ? (float *)dx + at : NULL;
        if (dx) f->tile->tn(n, w, r, 1.0f, mix, f->block, m, w, false, to, w, scratch);
        if (dx && f->narrow) f->narrow->narrow_rows(n, w, out, w, (la_bf16 *)dx + at, w);
        if (!dE) continue;
        const float *rows = la_linformer_rows(f, x, at, w, n, w, in, &ld);
        f->tile->nt(r, n, w, 1.0f, m, w, rows, ld, b > 0, dE + t, f->p.Tcap, scratch);
    }
}

/* Columns of E beyond the tokens had no part in it. */
static void clear_unused(const linformer *f, float *dE)
{
    int64_t T = f->p.T, Tcap = f->p.Tcap;
    for (int64_t j = 0; dE && T < Tcap && j < f->r; j++)
        memset(dE + j * Tcap + T, 0, (size_t)(Tcap - T) * sizeof *dE);
}

la_status la_linformer_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const linformer *f = self;
    float *dK = io->work, *sets = dK + f->groups * (f->keys + f->values);
    float *dE = grads->dparams ? grads->dparams[0] : NULL;
    float *dF = grads->dparams ? grads->dparams[1] : NULL;
#pragma omp parallel num_threads(f->p.threads)
    {
        float *work = sets + omp_get_thread_num() * own_floats(f);
        attend_backward(f, io, grads, dK, work);
#pragma omp for schedule(static)
        for (int64_t t = 0; t < f->p.T; t += f->block) {
            unmix(f, t, f->p.dk, io->params[0], io->k, dK, grads->dk, dE, work);
            unmix(f, t, f->p.dv, io->params[1], io->v, dK + f->keys, grads->dv, dF, work);
        }
    }
    clear_unused(f, dE);
    clear_unused(f, dF);
    return LA_OK;
}
