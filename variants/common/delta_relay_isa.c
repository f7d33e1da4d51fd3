/* SPDX-License-Identifier: Apache-2.0
 * The chunk form in legs, for threads that share a head (see delta_relay.h). Compiled once per instruction
 * set; the products are delta_chunk_rows.h's.
 */
#include "delta_relay.h"

#include "delta_chunk_rows.h"

/* What the leg keeps of its chunk number i: the state before it, and its U. */
typedef struct kept {
    float *S, *U;
} kept;

static kept kept_at(const la_delta_slice *x, const la_delta_leg *leg, int64_t i)
{
    float *at = leg->kept + i * la_delta_leg_floats(x->dk, x->w, x->chunk);
    return (kept){.S = at, .U = at + la_delta_up(x->dk) * la_delta_up(x->w)};
}

static chunk begin(const la_delta_slice *x, const la_delta_leg *leg)
{
    chunk c = {.x = x, .C = la_delta_up(x->chunk), .W = la_delta_up(x->w)};
    c.decay = la_chunk_decay_of(x->decay);
    c.written = leg->scratch;
    return c;
}

static int64_t chunks_of(const la_delta_slice *x, const la_delta_leg *leg)
{
    return (leg->end - leg->start + x->chunk - 1) / x->chunk;
}

static float *ready_at(const la_delta_slice *x, const la_delta_leg *leg, int64_t i)
{
    return leg->ready + i * la_delta_ready_floats(x->decay, x->dk, x->chunk);
}

static void prepare(const la_delta_slice *x, const la_delta_leg *leg, int64_t i, float *scratch)
{
    LA_ISA(la_delta_prepare)(x, leg->start + i * x->chunk, ready_at(x, leg, i), scratch);
}

/* Chunk number i of the leg. */
static void enter(chunk *c, const la_delta_leg *leg, int64_t i)
{
    const la_delta_slice *x = c->x;
    float *ready = ready_at(x, leg, i);
    enter_chunk(c, leg->start + i * x->chunk, ready);
    if (c->decay == LA_BY_CHANNEL) {
        la_chunk_copies_at(&c->r, x->dk, x->chunk, ready + la_delta_scores_floats(x->dk, x->chunk));
        use_copies(c);
    }
    kept k = kept_at(x, leg, i);
    c->S = k.S, c->U = k.U;
    if (c->decay != LA_BY_TOKEN) c->written = c->U;
}

/* The loops are written once and compiled for each pair of switches. */
static void update_delta(const chunk *c)
{
    one_chunk(c, true, false, UPDATE);
}

static void update_delta_decay(const chunk *c)
{
    one_chunk(c, true, true, UPDATE);
}

static void output_chunk(const chunk *c)
{
    one_chunk(c, true, false, OUTPUT);
}

static void output_decay_chunk(const chunk *c)
{
    one_chunk(c, true, true, OUTPUT);
}

/* Asks for rows of q and k that are prepared next. */
static void ask_for_rows(const la_delta_slice *x, int64_t t)
{
    for (int64_t i = t; i < t + x->chunk && i < x->T; i++) {
        la_ask_for(x->q + i * x->qk_row, x->dk * (int64_t)sizeof(float));
        la_ask_for(x->k + i * x->qk_row, x->dk * (int64_t)sizeof(float));
    }
}

void LA_ISA(la_delta_leg_prepare)(const la_delta_slice *x, const la_delta_leg *leg)
{
    float *scratch = begin(x, leg).written + la_delta_up(x->chunk) * la_delta_up(x->w);
    for (int64_t i = 0, n = chunks_of(x, leg); i < n; i++) {
        ask_for_rows(x, leg->start + (i + 1) * x->chunk);
        prepare(x, leg, i, scratch);
    }
}

void LA_ISA(la_delta_leg_carry)(const la_delta_slice *x, const la_delta_leg *leg)
{
    chunk c = begin(x, leg);
    int64_t n = chunks_of(x, leg);
    float *in = kept_at(x, leg, 0).S;
    if (leg->start == 0)
        la_state_take(x, x->S_in, la_delta_up(x->dk), c.W, in);
    else
        memcpy(in, leg->in, (size_t)(x->dk * c.W) * sizeof *in);
    for (int64_t i = 0; i < n; i++) {
        enter(&c, leg, i);
        c.S_after = i + 1 < n ? kept_at(x, leg, i + 1).S : leg->out;
        (c.decay == LA_BY_TOKEN ? update_delta_decay : update_delta)(&c);
    }
    if (x->S_out && leg->end == x->T) la_state_give(x, leg->out, c.W, x->S_out);
    la_state_give(x, leg->out, c.W, la_state_saved(x, leg->end));
}

void LA_ISA(la_delta_leg_finish)(const la_delta_slice *x, const la_delta_leg *leg)
{
    chunk c = begin(x, leg);
    for (int64_t i = 0, n = chunks_of(x, leg); i < n; i++) {
        enter(&c, leg, i);
        (c.decay == LA_BY_TOKEN ? output_decay_chunk : output_chunk)(&c);
        if (i > 0) la_state_give(x, c.S, c.W, la_state_saved(x, leg->start + i * x->chunk));
    }
}
