/* SPDX-License-Identifier: Apache-2.0
 * Output matrix W [V, d] and loss of rows h [n, d], a block b of outputs at a time. Made all first, the logits of many
 * outputs would leave the L2 cache between the products and the softmax:
 *
 *   e_b = exp(W_b h' - base)    s += sums of e_b    a += e_b' W_b      [block, n], [n], [n, d]
 *
 * and with all sums known, dW_b += e_b (scale h / s), dW[label] -= scale h, dh = scale (a / s - W[label]). To these
 * products outputs are rows, which are read and added to where they lie, and h is the matrix that is packed.
 */
#include <float.h>
#include <math.h>

#include "head.h"

enum {
    BLOCK = 96,   /* with 64 rows and d 64 its logits are half of an L1 cache, and so is W_b */
    WHOLE = 1024, /* outputs, at most, whose logits stay in the L2 cache without */
    VECTOR = 16   /* floats, at most */
};

/* Rows are lanes of vectors here, and too few of them would leave most idle. */
static bool fills_vectors(const la_engine *e)
{
    for (size_t i = 0; i < e->n_geometries; i++)
        if (la_lane_piece(&e->geometry[i], 0) * e->most_answers < VECTOR) return false;
    return true;
}

bool la_loss_by_blocks(const la_engine *e, int threads)
{
    return e->device->backend != LA_CUDA && threads == 1 && e->spec->outputs > WHOLE &&
           fills_vectors(e);
}

size_t la_loss_blocked(const la_engine *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_geometries; i++) n += la_loss_by_blocks(e, e->geometry[i].threads);
    return n;
}

int64_t la_loss_outputs(const la_engine *e)
{
    bool block = !e->training && la_loss_blocked(e) == e->n_geometries;
    return block ? BLOCK : e->spec->outputs;
}

static int64_t block_at(const la_net *spec, int64_t at)
{
    return spec->outputs - at < BLOCK ? spec->outputs - at : BLOCK;
}

static void begin(const la_blocked *b)
{
    for (int64_t r = 0; r < b->rows.M; r++) {
        b->powers.base[r] = -FLT_MAX;
        b->powers.sum[r] = 0.0f;
        b->powers.top[r] = b->front[r] = -INFINITY;
    }
}

/* Of the labels among outputs at..at+n-1, from their logits x. */
static void take_labels(const la_blocked *b, const int32_t *labels, int64_t at, int64_t n,
                        const float *x, int64_t ld)
{
    for (int64_t r = 0; r < b->rows.M; r++) {
        const int64_t own = labels[r] - at;
        if (own < 0 || own >= n) continue;
        float front = b->powers.top[r];
        for (int64_t j = 0; j < own; j++) front = x[j * ld + r] > front ? x[j * ld + r] : front;
        b->front[r] = front;
        b->own[r] = x[own * ld + r];
    }
}

/* Of equals the first answers. */
static void tally(la_lane *lane, int32_t *right)
{
    const la_blocked *b = &lane->blocked;
    const la_powers *p = &b->powers;
    for (int64_t r = 0; r < b->rows.M; r++) {
        lane->tally.loss += log((double)p->sum[r]) + ((double)p->base[r] - (double)b->own[r]);
        bool best = b->own[r] == p->top[r] && b->front[r] < b->own[r] && !isnan(p->sum[r]);
        lane->tally.correct += best;
        if (right) right[r] = best;
    }
}

/* Powers e and the rows' sum of them times W, in drows, become gradients. */
static void gradients(la_lane *lane, const float *W, const int32_t *labels, int64_t ld, float scale)
{
    const la_net *spec = lane->engine->spec;
    const la_tile *tile = lane->engine->tile;
    const la_matrix *rows = &lane->blocked.rows;
    const la_powers *p = &lane->blocked.powers;
    int64_t n = rows->M, d = spec->d;
    float *h = lane->final.y, *dW = lane->grad + spec->output;
    for (int64_t r = 0; r < n; r++) {
        tile->axpy(d, -scale, h + r * d, dW + labels[r] * d);
        p->factor[r] = scale / p->sum[r];
    }
    tile->scale_rows(n, d, p->factor, h, d, h, d);
    la_matrix_pack(tile, rows, h, 0, 1);
    for (int64_t at = 0; at < spec->outputs; at += BLOCK)
        la_product_back(&lane->means, rows, block_at(spec, at), lane->logits + at * ld, ld, true,
                        dW + at * d, d);
    tile->scale_rows(n, d, p->factor, lane->drows, d, h, d);
    for (int64_t r = 0; r < n; r++) tile->axpy(d, -scale, W + labels[r] * d, h + r * d);
}

void la_loss_of_blocks(la_lane *lane, const float *w, int64_t first, int64_t n, float scale)
{
    const la_engine *e = lane->engine;
    const la_net *spec = e->spec;
    const la_blocked *b = &lane->blocked;
    const int32_t *labels = lane->made.label + first;
    const float *W = w + spec->output;
    const bool learn = scale != 0.0f;
    int64_t d = spec->d, ld = (n + VECTOR - 1) / VECTOR * VECTOR;
    float *a = lane->drows;
    lane->blocked.rows.M = n;
    la_matrix_pack(e->tile, &b->rows, lane->final.y, 0, 1);
    begin(b);
    if (learn) e->layers->zero(n * d, a);
    for (int64_t at = 0, m; at < spec->outputs; at += m) {
        float *x = lane->logits + (learn ? at * ld : 0);
        m = block_at(spec, at);
        la_product(&lane->means, &b->rows, m, W + at * d, d, false, x, ld);
        take_labels(b, labels, at, m, x, ld);
        bool moved = e->layers->powers(learn ? at : 0, m, n, x, ld, &b->powers);
        if (!learn) continue;
        if (moved) e->tile->scale_rows(n, d, b->powers.factor, a, d, a, d);
        la_product_weights(&lane->means, m, n, d, x, ld, W + at * d, d, a);
    }
    tally(lane, learn ? NULL : lane->right + first);
    if (learn) gradients(lane, W, labels, ld, scale);
}
