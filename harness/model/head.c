/* SPDX-License-Identifier: Apache-2.0
 * The heads. All end alike: a final norm over rows of the stream, and the output matrix [outputs, d].
 *
 *   tokens   logits = norm(x_row) E'
 *   classes  logits = norm(x_last) W', or W' behind the mean over t of norm(x_t)
 *   decoder  z = x_last + s(t), of the answer's position t; twice z = silu(norm(z) D'), D [d, d]; then
 *            logits = norm(z) W'. Poli et al. 2024, "Mechanistic Design and Scaling of Hybrid
 *            Architectures", arXiv:2403.17844 (GELU and biases there)
 */
#include "head.h"

/* Where scored row i of the lane lies in the stream of its piece. */
static int64_t row_in(const la_lane *lane, const la_piece *p, int64_t i)
{
    return lane->made.row[i] - p->from * p->g->T;
}

static bool pools(const la_net *spec)
{
    return spec->head.kind == LA_HEAD_CLASSES && spec->head.mean;
}

bool la_head_takes_rows(const la_net *spec)
{
    return spec->head.kind != LA_HEAD_DECODER && !pools(spec);
}

static bool in_line(const int32_t *rows, int64_t n)
{
    int64_t i = 1;
    while (i < n && rows[i] == rows[i - 1] + 1) i++;
    return i >= n;
}

void la_head_want(la_lane *lane, const la_piece *p)
{
    la_kept *kept = &lane->kept;
    kept->at = lane->on.made.row + p->row;
    kept->from = p->from * p->g->T;
    kept->n = p->n_rows;
    kept->alone = kept->most > 0 && kept->n > 0 && kept->n <= p->N;
    /* A device has no caches that would hold a block of rows: what counts is the rows that are left out. */
    if (lane->engine->site.on_device) kept->alone &= kept->n * LA_KEPT_SHARE <= p->N;
    kept->in_line = kept->alone && !lane->engine->site.on_device && in_line(kept->at, kept->n);
}

static const la_matrix *matrix_of(const la_engine *e, int which)
{
    return &e->matrix[e->spec->layers * LA_MATRICES + which];
}

static void norm(const la_lane *lane, const la_norm_place *at, int64_t n, const float *w,
                 const la_normed *x, const float *in, float *out)
{
    const la_net *spec = lane->engine->spec;
    const la_layers *L = lane->engine->layers;
    if (spec->layer_norm)
        L->layer_norm(n, spec->d, spec->norm_eps, in, w + at->w, w + at->b, out, x->mean, x->rstd);
    else
        L->rms_norm(n, spec->d, spec->norm_eps, in, w + at->w, out, x->rstd);
}

static void norm_grad(la_lane *lane, const la_norm_place *at, int64_t n, const float *w,
                      const la_normed *x, const float *in, const float *dy, bool add, float *dx)
{
    const la_net *spec = lane->engine->spec;
    const la_layers *L = lane->engine->layers;
    float *g = lane->grad;
    if (spec->layer_norm)
        L->layer_norm_grad(n, spec->d, in, w + at->w, x->mean, x->rstd, dy, add, dx, g + at->w,
                           g + at->b);
    else
        L->rms_norm_grad(n, spec->d, in, w + at->w, x->rstd, dy, add, dx, g + at->w);
}

/* dM += dy' y, and dy M over y itself. */
static void product_grad(la_lane *lane, const la_matrix *m, int64_t n, const float *dy, float *y)
{
    la_product_weights(&lane->means, n, m->M, m->K, dy, m->M, y, m->K, lane->grad + m->place);
    la_product_back(&lane->means, m, n, dy, m->M, false, y, m->K);
}

/* ---- rows of the stream, and the MLP of a decoder ---- */

static void gather(const la_lane *lane, const la_piece *p, int64_t first, int64_t n, float *to)
{
    const la_net *spec = lane->engine->spec;
    lane->engine->layers->gather(n, spec->d, lane->on.made.source + first, p->from * p->g->T,
                                 lane->x[spec->layers], to);
}

static void scatter(const la_lane *lane, const la_piece *p, int64_t first, int64_t n,
                    const float *from)
{
    lane->engine->layers->scatter(n, lane->engine->spec->d, lane->on.made.source + first,
                                  p->from * p->g->T, from, lane->dx);
}

/* What the final norm reads, and where the gradient of that goes. */
static const float *final_rows(const la_lane *lane)
{
    return lane->kept.alone ? lane->kept.x : lane->final.x;
}

static float *final_gradient(const la_lane *lane)
{
    const la_kept *kept = &lane->kept;
    if (kept->in_line) return lane->dx + kept->row * lane->engine->spec->d;
    return kept->alone ? kept->dx : lane->drows;
}

/* Gathered rows into decode[0].x, through the two layers into final.x. */
static void decode(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n)
{
    const la_engine *e = lane->engine;
    int64_t d = e->spec->d;
    gather(lane, p, first, n, lane->decode[0].x);
    e->layers->add_places(n, d, p->g->T, lane->on.made.row + first, e->places, lane->decode[0].x);
    for (int k = 0; k < LA_DECODER_LAYERS; k++) {
        const la_normed *in = &lane->decode[k];
        float *out = k + 1 < LA_DECODER_LAYERS ? lane->decode[k + 1].x : lane->final.x;
        norm(lane, &e->spec->decode_norm[k], n, w, in, in->x, in->y);
        la_product(&lane->means, matrix_of(e, LA_MATRIX_DECODE + k), n, in->y, d, false,
                   lane->decoded[k], d);
        e->layers->act(n * d, LA_ACT_SILU, 1.0f, lane->decoded[k], out);
    }
}

/* From the gradient of final.x in drows to that of decode[0].x, in drows too. */
static void decode_grad(la_lane *lane, const float *w, int64_t n)
{
    const la_engine *e = lane->engine;
    for (int k = LA_DECODER_LAYERS - 1; k >= 0; k--) {
        const la_normed *in = &lane->decode[k];
        e->layers->act_grad(n * e->spec->d, LA_ACT_SILU, 1.0f, lane->decoded[k], lane->drows,
                            lane->drows);
        product_grad(lane, matrix_of(e, LA_MATRIX_DECODE + k), n, lane->drows, in->y);
        norm_grad(lane, &e->spec->decode_norm[k], n, w, in, in->x, in->y, false, lane->drows);
    }
}

/* ---- the mean over a sequence, head_rows of its rows at a time ---- */

/* Rows t..t+n-1 of the sequence that answers scored row i. */
static int64_t some_rows(const la_lane *lane, const la_piece *p, int64_t i, int64_t t, int64_t *n)
{
    int64_t left = p->g->T - t, most = lane->engine->head_rows, T = p->g->T;
    *n = left < most ? left : most;
    return row_in(lane, p, i) / T * T + t;
}

static void pool(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n)
{
    const la_net *spec = lane->engine->spec;
    const la_layers *L = lane->engine->layers;
    int64_t d = spec->d, T = p->g->T;
    float *pooled = lane->final.y;
    L->zero(n * d, pooled);
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = 0, m; t < T; t += m) {
            int64_t row = some_rows(lane, p, first + i, t, &m);
            norm(lane, &spec->final, m, w, &lane->final, lane->x[spec->layers] + row * d,
                 lane->final.x);
            L->sum_rows(m, d, lane->final.x, pooled + i * d);
        }
    L->act(n * d, LA_ACT_NONE, 1.0f / (float)T, pooled, pooled);
}

/* The gradient of the means lies in drows; norms are made again, since no block keeps all rows. */
static void pool_grad(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n)
{
    const la_net *spec = lane->engine->spec;
    const la_layers *L = lane->engine->layers;
    int64_t d = spec->d, T = p->g->T;
    L->act(n * d, LA_ACT_NONE, 1.0f / (float)T, lane->drows, lane->drows);
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = 0, m; t < T; t += m) {
            int64_t row = some_rows(lane, p, first + i, t, &m);
            const float *x = lane->x[spec->layers] + row * d;
            norm(lane, &spec->final, m, w, &lane->final, x, lane->final.y);
            L->spread(m, d, lane->drows + i * d, false, lane->final.x);
            norm_grad(lane, &spec->final, m, w, &lane->final, x, lane->final.x, true,
                      lane->dx + row * d);
        }
}

/* ---- all kinds ---- */

void la_head_forward(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n)
{
    const la_engine *e = lane->engine;
    const la_net *spec = e->spec;
    if (pools(spec)) {
        pool(lane, p, w, first, n);
    } else {
        if (spec->head.kind == LA_HEAD_DECODER)
            decode(lane, p, w, first, n);
        else if (!lane->kept.alone)
            gather(lane, p, first, n, lane->final.x);
        norm(lane, &spec->final, n, w, &lane->final, final_rows(lane), lane->final.y);
    }
}

void la_head_loss(la_lane *lane, const float *w, int64_t first, int64_t n, float scale)
{
    const la_engine *e = lane->engine;
    const la_matrix *m = matrix_of(e, LA_MATRIX_OUTPUT);
    const bool learn = scale != 0.0f;
    if (la_loss_by_blocks(e, lane->means.threads)) {
        la_loss_of_blocks(lane, w, first, n, scale);
        return;
    }
    la_product(&lane->means, m, n, lane->final.y, m->K, false, lane->logits, m->M);
    e->layers->cross_entropy(n, m->M, lane->logits, lane->on.made.label + first, learn, scale,
                             lane->on.loss, lane->on.correct,
                             learn ? NULL : lane->on.right + first);
    if (learn) product_grad(lane, m, n, lane->logits, lane->final.y);
}

void la_head_backward(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n)
{
    const la_engine *e = lane->engine;
    const la_net *spec = e->spec;
    if (pools(spec)) {
        e->layers->copy_rows(1, n * spec->d, lane->final.y, 0, lane->drows, 0);
        pool_grad(lane, p, w, first, n);
        return;
    }
    norm_grad(lane, &spec->final, n, w, &lane->final, final_rows(lane), lane->final.y, false,
              final_gradient(lane));
    if (spec->head.kind == LA_HEAD_DECODER) decode_grad(lane, w, n);
    if (!lane->kept.alone) scatter(lane, p, first, n, lane->drows);
}

double la_head_flops(const la_net *spec, int64_t T)
{
    double d = (double)spec->d, flops = 2.0 * d * (double)spec->outputs;
    if (spec->head.kind == LA_HEAD_DECODER) flops += 2.0 * LA_DECODER_LAYERS * d * d;
    if (pools(spec)) flops += d * (double)T;
    return flops;
}
