/* SPDX-License-Identifier: Apache-2.0
 * The chunk form: C tokens at a time, S carried from chunk to chunk. Compiled once per instruction set.
 * With G_i the sum of the chunk's log-decays up to token i, L and P as delta_prepare_isa.c makes them and
 * additive members leaving out what L and K S do:
 *
 *   U = (I + L)^{-1} diag(beta) (V - diag(exp G) K S)                          [C,w], `update_rows`
 *   O = s (diag(exp G) Q S + P U)                                              [C,w], `output_rows`
 *   S <- exp(G_C) S + K' diag(exp(G_C - G)) U                                  [dk,w], `carry_rows`
 *
 * The UT transform of Yang et al. 2024 (arXiv:2406.06484), with the inverse applied by substitution:
 * some rows of U are finished in registers before they are stored, and O follows while they are in cache.
 */
#include <float.h>
#include <math.h>

#include "delta_chunk_rows.h"
#include "delta_decays.h"
#include "delta_relay.h"

/* The loops are written once and compiled for each pair of switches. */
static void delta_chunk(const chunk *c)
{
    one_chunk(c, true, false, WHOLE);
}

static void delta_decay_chunk(const chunk *c)
{
    one_chunk(c, true, true, WHOLE);
}

static void additive_chunk(const chunk *c)
{
    one_chunk(c, false, false, WHOLE);
}

static void additive_decay_chunk(const chunk *c)
{
    one_chunk(c, false, true, WHOLE);
}

static void mend_chunk(const chunk *c)
{
    one_chunk(c, false, false, MEND);
}

/* ---- chunk by chunk ---- */

static chunk begin(const la_delta_slice *x)
{
    chunk c = {.x = x, .C = la_delta_up(x->chunk), .W = la_delta_up(x->w)};
    c.decay = la_chunk_decay_of(x->decay);
    c.S = c.S_after = x->work;
    c.U = c.written = c.S + la_delta_up(x->dk) * c.W;
    return c;
}

/* The decayed copies of the chunk from token t on and its whole decay: as prepared, or made here, behind U. */
static void copies(chunk *c, int64_t t, float *ready)
{
    const la_delta_slice *x = c->x;
    if (!x->shared) {
        la_chunk_copies_at(&c->r, x->dk, x->chunk, ready + la_delta_scores_floats(x->dk, x->chunk));
        return;
    }
    float *own = x->work + la_delta_scan_floats(x->dk, x->w, x->chunk);
    la_chunk_copies_at(&c->r, x->dk, x->chunk, own);
    c->r.whole = own + la_delta_copies_floats(x->decay, x->dk, x->chunk);
    LA_ISA(la_delta_copies)(x, t, c->r, c->r.whole + la_delta_up(x->dk));
}

/* The chunk from token t on, prepared in `ready`. */
static void step(chunk *c, int64_t t, float *ready)
{
    const la_delta_slice *x = c->x;
    enter_chunk(c, t, ready);
    if (c->decay == LA_BY_CHANNEL) {
        copies(c, t, ready);
        use_copies(c);
    }
    if (x->write == LA_WRITE_DELTA)
        (c->decay == LA_BY_TOKEN ? delta_decay_chunk : delta_chunk)(c);
    else
        (c->decay == LA_BY_TOKEN ? additive_decay_chunk : additive_chunk)(c);
    la_state_give(x, c->S, c->W, la_state_saved(x, t + c->n));
    if (x->S_out && c->ahead == 0) la_state_give(x, c->S, c->W, x->S_out);
}

void LA_ISA(la_delta_scan)(const la_delta_slice *x, int64_t t0, int64_t t1, float *ready)
{
    chunk c = begin(x);
    int64_t floats = la_delta_scores_floats(x->dk, x->chunk);
    c.asks = c.decay == LA_BY_CHANNEL;
    if (t0 == 0) la_state_take(x, x->S_in, la_delta_up(x->dk), c.W, c.S);
    for (int64_t t = t0; t < t1; t += x->chunk, ready += floats) {
        c.ready = t + x->chunk < t1 ? ready + floats : NULL;
        c.lines = (floats / 16 * 8 + x->chunk + x->dk - 1) / (x->chunk + x->dk);
        step(&c, t, ready);
    }
}

/* Zero where float32 has no full digits left: such numbers take a hundred cycles each. */
LA_INLINE float flushed(float x)
{
    return fabsf(x) < FLT_MIN ? 0.0f : x;
}

/* A decay that goes on behind the chunk. */
static void fade_on(const chunk *c, float *fade)
{
    int64_t n = c->decay == LA_BY_CHANNEL ? c->x->dk : 1;
    for (int64_t r = 0; r < n; r++) fade[r] = flushed(fade[r] * c->r.whole[r]);
}

/* Tokens [t, end), each chunk prepared just before its turn. */
static void walk(chunk *c, int64_t t, int64_t end, float *fade)
{
    const la_delta_slice *x = c->x;
    float *ready = x->work + la_delta_scan_floats(x->dk, x->w, x->chunk);
    float *scratch = ready + la_delta_ready_floats(x->decay, x->dk, x->chunk);
    c->asks = true;
    for (; t < end; t += x->chunk) {
        LA_ISA(la_delta_prepare)(x, t, ready, scratch);
        step(c, t, ready);
        if (fade) fade_on(c, fade);
    }
}

void LA_ISA(la_delta_chunk)(const la_delta_slice *x)
{
    chunk c = begin(x);
    la_state_take(x, x->S_in, la_delta_up(x->dk), c.W, c.S);
    walk(&c, 0, x->T, NULL);
}

/* Behind the scratch of float32 lie the chunk's rows. */
void LA_ISA(la_delta_chunk_widened)(const la_delta_slice *x)
{
    const int64_t dk = x->dk, w = x->w;
    chunk c = begin(x);
    float *ready = x->work + la_delta_scan_floats(dk, w, x->chunk);
    float *scratch = ready + la_delta_ready_floats(x->decay, dk, x->chunk);
    float *q = x->work + la_delta_chunk_work(x->decay, dk, w, x->chunk);
    float *k = q + la_delta_up(x->chunk * dk), *v = k + la_delta_up(x->chunk * dk);
    float *o = v + la_delta_up(x->chunk * w);
    la_state_take(x, x->S_in, la_delta_up(dk), c.W, c.S);
    c.asks = true;
    for (int64_t t = 0; t < x->T; t += x->chunk) {
        const int64_t end = t + x->chunk < x->T ? t + x->chunk : x->T;
        la_delta_slice y = la_delta_part(x, t, end);
        const void *rows[3] = {y.q, y.k, y.v};
        void *outputs = y.o;
        x->narrow->widen_rows(y.T, dk, rows[0], x->qk_row, q, dk);
        x->narrow->widen_rows(y.T, dk, rows[1], x->qk_row, k, dk);
        x->narrow->widen_rows(y.T, w, rows[2], x->v_row, v, w);
        y.q = q, y.k = k, y.v = v, y.o = o, y.qk_row = dk, y.v_row = w;
        y.origin = x, y.next = end;
        y.saved = NULL;
        if (end < x->T) y.S_out = NULL;
        c.x = &y;
        LA_ISA(la_delta_prepare)(&y, 0, ready, scratch);
        step(&c, 0, ready);
        la_state_give(x, c.S, c.W, la_state_saved(x, end));
        x->narrow->narrow_rows(y.T, w, o, w, outputs, x->v_row);
    }
}

void LA_ISA(la_delta_leg_whole)(const la_delta_slice *x, const la_delta_leg *leg)
{
    chunk c = begin(x);
    size_t bytes = (size_t)(x->dk * c.W) * sizeof *c.S;
    if (leg->start == 0)
        la_state_take(x, x->S_in, la_delta_up(x->dk), c.W, c.S);
    else
        memcpy(c.S, leg->in, bytes);
    walk(&c, leg->start, leg->end, leg->fade);
    memcpy(leg->out, c.S, bytes);
}

/* ---- what came before a piece ---- */

/* q as it meets the state before the piece: s exp(G) q, [n,K]. And the decay of the chunk. */
static void fade_queries(chunk *c, int64_t t, const float *fade, float *ready, float *scratch)
{
    const la_delta_slice *x = c->x;
    int64_t K = la_delta_up(x->dk), row = x->qk_row;
    const float *q = c->q;
    float *to = scratch;
    bool by_channel = c->decay == LA_BY_CHANNEL;
    c->r.whole[0] = 1.0f;
    if (by_channel) {
        la_chunk_copies_at(&c->r, x->dk, x->chunk, ready + la_delta_scores_floats(x->dk, x->chunk));
        LA_ISA(la_delta_copies)(x, t, c->r, scratch);
        q = to = c->r.q, row = K;
    } else if (c->decay == LA_BY_TOKEN) {
        la_chunk_sums sums = {.hi = c->r.L, .lo = c->r.L + c->C};
        const float *g = x->g ? x->g + t * x->gate_row : NULL;
        c->r.whole[0] = la_chunk_decays(x, g, c->n, &sums, c->r.in, c->r.out);
    }
    for (int64_t i = 0; i < c->n; i++) {
        float s = x->scale * (c->decay == LA_BY_TOKEN ? c->r.in[i] : 1.0f);
        if (!by_channel) s *= fade[0];
        for (int64_t r = 0; r < x->dk; r++)
            to[i * K + r] = flushed(q[i * row + r] * (by_channel ? s * fade[r] : s));
    }
    c->q_in = to, c->row = K;
}

/* Adds to a saved state. */
static void mend_saved(const chunk *c, const float *fade, float *to)
{
    for (int64_t r = 0; to && r < c->x->dk; r++)
        for (int64_t j = 0; j < c->x->w; j++)
            to[r * c->x->S_row + j] += fade[c->decay == LA_BY_CHANNEL ? r : 0] * c->S[r * c->W + j];
}

void LA_ISA(la_delta_leg_mend)(const la_delta_slice *x, const la_delta_leg *leg)
{
    chunk c = begin(x);
    memcpy(c.S, leg->in, (size_t)(x->dk * c.W) * sizeof *c.S);
    float *ready = x->work + la_delta_scan_floats(x->dk, x->w, x->chunk);
    float *scratch = ready + la_delta_ready_floats(x->decay, x->dk, x->chunk);
    for (int64_t t = leg->start; t < leg->end; t += x->chunk) {
        enter_chunk(&c, t, ready);
        fade_queries(&c, t, leg->fade, ready, scratch);
        mend_chunk(&c);
        fade_on(&c, leg->fade);
        mend_saved(&c, leg->fade, la_state_saved(x, t + c.n));
    }
}
