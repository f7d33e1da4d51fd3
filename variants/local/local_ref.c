/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: row i looks at every token from the first cached one to the last, keeps
 * those it sees, and is the softmax over them.
 *   causal: i - w < j <= i;   bidirectional: |i - j| < w
 * Positions count from the first token of the sequence, `pos` of which came before this call; the cache
 * holds the last of them, token t in place t mod n.
 *
 * Gradient, over the keys that i sees, with a_ij = do_i.v_j and D_i = sum_j p_ij a_ij:
 *   ds_ij = p_ij (a_ij - D_i)
 *   dq_i = s sum_j ds_ij k_j   dk_j = s sum_i ds_ij q_i   dv_j = sum_i p_ij do_i
 * Cached tokens are constants.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "labench/wide.h"
#include "local_internal.h"

typedef struct sequence {
    const la_problem *p;
    const la_ref_io *io;
    int64_t window, places, first, end; /* tokens first..end-1 are at hand */
} sequence;

static sequence sequence_of(const la_problem *p, const void *opts, const la_ref_io *io)
{
    sequence s = {.p = p, .io = io, .window = ((const local_opts *)opts)->window};
    s.places = s.window < p->Tcap ? s.window : p->Tcap;
    s.first = io->pos > s.places ? io->pos - s.places : 0;
    s.end = io->pos + p->T;
    return s;
}

static bool sees(const sequence *s, int64_t i, int64_t j)
{
    if (j <= i) return i - j < s->window;
    return s->p->mask == LA_MASK_BIDIRECTIONAL && j - i < s->window;
}

static const double *key(const sequence *s, int64_t j)
{
    if (j < s->io->pos) return s->io->state_in[0] + j % s->places * s->p->dk;
    return s->io->k + (j - s->io->pos) * s->p->dk;
}

static const double *value(const sequence *s, int64_t j)
{
    if (j < s->io->pos) return s->io->state_in[1] + j % s->places * s->p->dv;
    return s->io->v + (j - s->io->pos) * s->p->dv;
}

/* y += a x, where y is wanted. */
static void add(int64_t n, double a, const double *x, double *y)
{
    if (!y) return;
    for (int64_t c = 0; c < n; c++) y[c] += a * x[c];
}

/* p_i of row i (a position) at p[j - first], 0 for keys it does not see; a row always sees itself. */
LA_WIDE static void weights(const sequence *s, int64_t i, double *p)
{
    const double *q = s->io->q + (i - s->io->pos) * s->p->dk;
    double top = -INFINITY, sum = 0.0;
    for (int64_t j = s->first; j < s->end; j++) {
        if (!sees(s, i, j)) continue;
        double score = la_scale(s->p) * la_wide_dot(s->p->dk, q, key(s, j));
        p[j - s->first] = score;
        if (score > top) top = score;
    }
    for (int64_t j = s->first; j < s->end; j++) {
        double *at = &p[j - s->first];
        *at = sees(s, i, j) ? exp(*at - top) : 0.0;
        sum += *at;
    }
    for (int64_t j = s->first; j < s->end; j++) p[j - s->first] /= sum;
}

static void keep(const sequence *s)
{
    const la_ref_io *io = s->io;
    const int64_t width[2] = {s->p->dk, s->p->dv};
    for (int part = 0; part < 2; part++) {
        size_t row = (size_t)width[part] * sizeof(double);
        const double *tokens = part == 0 ? io->k : io->v;
        if (io->state_in && io->state_in[part] != io->state_out[part])
            memcpy(io->state_out[part], io->state_in[part], (size_t)s->places * row);
        for (int64_t t = 0; t < s->p->T; t++)
            memcpy(io->state_out[part] + (io->pos + t) % s->places * width[part],
                   tokens + t * width[part], row);
    }
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    sequence s = sequence_of(p, opts, io);
    double *row = la_alloc((size_t)(s.end - s.first) * sizeof(double), err);
    if (!row) return LA_E_NOMEM;
    for (int64_t r = 0; r < io->n_rows; r++) {
        int64_t i = io->pos + (io->rows ? io->rows[r] : r);
        double *o = io->o + r * p->dv;
        memset(o, 0, (size_t)p->dv * sizeof *o);
        weights(&s, i, row);
        for (int64_t j = s.first; j < s.end; j++)
            if (sees(&s, i, j)) add(p->dv, row[j - s.first], value(&s, j), o);
    }
    la_free(row);
    if (io->state_out) keep(&s);
    return LA_OK;
}

LA_WIDE static void row_backward(const sequence *s, const la_ref_grads *grads, int64_t i, double *p)
{
    int64_t dk = s->p->dk, dv = s->p->dv, pos = s->io->pos, row = i - pos;
    const double *q = s->io->q + row * dk, *dout = grads->dout + row * dv;
    double D = 0.0, scale = la_scale(s->p);
    weights(s, i, p);
    for (int64_t j = s->first; j < s->end; j++)
        if (sees(s, i, j)) D += p[j - s->first] * la_wide_dot(dv, dout, value(s, j));
    for (int64_t j = s->first; j < s->end; j++) {
        if (!sees(s, i, j)) continue;
        double weight = p[j - s->first],
               ds = scale * weight * (la_wide_dot(dv, dout, value(s, j)) - D);
        add(dk, ds, key(s, j), grads->dq ? grads->dq + row * dk : NULL);
        if (j < pos) continue;
        add(dk, ds, q, grads->dk ? grads->dk + (j - pos) * dk : NULL);
        add(dv, weight, dout, grads->dv ? grads->dv + (j - pos) * dv : NULL);
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    sequence s = sequence_of(p, opts, io);
    double *row = la_alloc((size_t)(s.end - s.first) * sizeof(double), err);
    if (!row) return LA_E_NOMEM;
    if (grads->dq) memset(grads->dq, 0, (size_t)(p->T * p->dk) * sizeof(double));
    if (grads->dk) memset(grads->dk, 0, (size_t)(p->T * p->dk) * sizeof(double));
    if (grads->dv) memset(grads->dv, 0, (size_t)(p->T * p->dv) * sizeof(double));
    for (int64_t i = io->pos; i < s.end; i++) row_backward(&s, grads, i, row);
    la_free(row);
    return LA_OK;
}

const la_reference la_local_reference = {.forward = forward, .backward = backward};
