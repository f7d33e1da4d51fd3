/* SPDX-License-Identifier: Apache-2.0
 * Which thread runs which piece, and who adds what came before it.
 */
#include "delta_pieces.h"

#include <omp.h>
#include <stdatomic.h>
#include <string.h>

#include "team.h"

#define LEGS          16 /* of the part of a piece that starts inside a head, at most */
#define KNOWN         (LEGS + 1)
#define CHUNKS_ENOUGH 32 /* for each thread */

bool la_delta_has_pieces(const la_recurrence *m, const la_problem *p, int64_t chunk)
{
    int64_t heads = p->B * p->H, threads = p->threads, chunks = (p->T + chunk - 1) / chunk;
    return m->write == LA_WRITE_ADDITIVE && p->dtype == LA_F32 && heads % threads != 0 &&
           heads <= 4 * threads && heads * chunks >= CHUNKS_ENOUGH * threads;
}

/* ---- scratch ---- */

/* Of a piece, before its states. */
typedef struct piece {
    _Alignas(64) atomic_uint done;  /* legs; KNOWN: so is the state behind the piece */
    _Alignas(64) atomic_uint taken; /* legs to which someone adds what came before the piece */
} piece;

/* A state and, where it does not start from what came before it, by how much that has decayed since:
 * [K,W] and [K], or its first element by token. */
static int64_t kept_floats(const la_delta_pieces *p)
{
    return p->K * p->W + p->K;
}

la_delta_pieces la_delta_pieces_of(const la_recurrence *m, const la_problem *p, int64_t chunk)
{
    la_delta_pieces to = {.T = p->T,
                          .heads = p->B * p->H,
                          .chunk = chunk,
                          .chunks = (p->T + chunk - 1) / chunk,
                          .threads = p->threads,
                          .by_channel = m->decay == LA_DECAY_CHANNEL,
                          .dk = p->dk,
                          .K = la_delta_up(p->dk),
                          .W = la_delta_up(p->dv)};
    int64_t work = la_delta_chunk_work(m->decay, p->dk, p->dv, chunk) + to.K;
    to.piece = sizeof(piece) + (LEGS + 2) * (size_t)kept_floats(&to) * sizeof(float);
    to.piece = la_align(to.piece);
    to.work = la_align((size_t)work * sizeof(float));
    return to;
}

size_t la_delta_pieces_bytes(const la_delta_pieces *p)
{
    return (size_t)p->threads * (p->piece + p->work);
}

/* ---- the pieces of a call ---- */

typedef struct call {
    const la_delta_pieces *p;
    const la_delta_leg_kernels *kernels;
    la_delta_head_fn *head;
    const void *what;
    char *pieces, *own; /* [threads] each */
    atomic_int begun;   /* pieces */
} call;

static piece *piece_at(const call *c, int64_t i)
{
    return (piece *)(void *)(c->pieces + (size_t)i * c->p->piece);
}

/* The state before leg j of piece i, made from a state of zeros. */
static float *kept_at(const call *c, int64_t i, int64_t j)
{
    return (float *)(void *)(piece_at(c, i) + 1) + j * kept_floats(c->p);
}

static float *fade_at(const call *c, int64_t i, int64_t j)
{
    return kept_at(c, i, j) + c->p->K * c->p->W;
}

/* The state behind piece i. */
static float *behind(const call *c, int64_t i)
{
    return kept_at(c, i, LEGS + 1);
}

/* Its first chunk, of those of all heads. */
static int64_t start_of(const la_delta_pieces *p, int64_t i)
{
    return p->heads * p->chunks * i / p->threads;
}

/* Where a piece is from chunk `at` on: of one head, to its end or the piece's. */
typedef struct stretch {
    int64_t h, from, to; /* chunks */
} stretch;

static stretch stretch_at(const la_delta_pieces *p, int64_t i, int64_t at)
{
    int64_t h = at / p->chunks, end = start_of(p, i + 1), first = h * p->chunks;
    if (end > first + p->chunks) end = first + p->chunks;
    return (stretch){h, at - first, end - first};
}

static int64_t token(const la_delta_pieces *p, int64_t chunk)
{
    return chunk * p->chunk < p->T ? chunk * p->chunk : p->T;
}

static int64_t legs_of(const stretch *s)
{
    return s->to - s->from < LEGS ? s->to - s->from : LEGS;
}

static la_delta_leg leg_of(const la_delta_pieces *p, const stretch *s, int64_t j)
{
    int64_t n = legs_of(s), chunks = s->to - s->from;
    return (la_delta_leg){.start = token(p, s->from + chunks * j / n),
                          .end = token(p, s->from + chunks * (j + 1) / n)};
}

static la_delta_slice slice_of(const call *c, int64_t h)
{
    la_delta_slice x = c->head(c->what, h);
    x.work = (float *)(void *)(c->own + (size_t)omp_get_thread_num() * c->p->work);
    return x;
}

/* ---- through a piece ---- */

/* The stretch that starts inside a head, without what came before it. */
static void run_legs(const call *c, int64_t i, const stretch *s)
{
    const la_delta_pieces *p = c->p;
    la_delta_slice x = slice_of(c, s->h);
    x.S_out = NULL;
    memset(kept_at(c, i, 0), 0, (size_t)(p->K * p->W) * sizeof(float));
    for (int64_t r = 0; r < p->K; r++) fade_at(c, i, 0)[r] = 1.0f;
    for (int64_t j = 0; j < legs_of(s); j++) {
        la_delta_leg leg = leg_of(p, s, j);
        leg.in = kept_at(c, i, j), leg.out = kept_at(c, i, j + 1);
        leg.fade = memcpy(fade_at(c, i, j + 1), fade_at(c, i, j), (size_t)p->K * sizeof(float));
        c->kernels->whole(&x, &leg);
        atomic_store(&piece_at(c, i)->done, (unsigned)j + 1);
    }
}

/* What S becomes in row r, column j, with what came before it. */
static float joined(const la_delta_pieces *p, const float *S, const float *fade, const float *in,
                    int64_t r, int64_t j)
{
    return S[r * p->W + j] + fade[p->by_channel ? r : 0] * in[r * p->W + j];
}

/* The state behind the stretch that starts inside a head, with what came before it. */
static void settle(const call *c, int64_t i, const stretch *s)
{
    const la_delta_pieces *p = c->p;
    float *S = kept_at(c, i, legs_of(s)), *fade = fade_at(c, i, legs_of(s));
    la_delta_slice x = c->head(c->what, s->h);
    la_team_reach(&piece_at(c, i - 1)->done, KNOWN);
    for (int64_t r = 0; r < p->dk; r++)
        for (int64_t j = 0; j < p->W; j++)
            S[r * p->W + j] = joined(p, S, fade, behind(c, i - 1), r, j);
    if (s->to == p->chunks)
        la_state_give(&x, S, p->W, x.S_out);
    else
        memcpy(behind(c, i), S, (size_t)(p->K * p->W) * sizeof *S);
}

static void run_piece(const call *c, int64_t i)
{
    const la_delta_pieces *p = c->p;
    int64_t at = start_of(p, i), end = start_of(p, i + 1);
    stretch first = stretch_at(p, i, at);
    if (first.from > 0) {
        run_legs(c, i, &first);
        at += first.to - first.from;
    }
    while (at < end) {
        stretch s = stretch_at(p, i, at);
        la_delta_slice x = slice_of(c, s.h);
        c->kernels->whole(&x, &(la_delta_leg){.end = token(p, s.to), .out = behind(c, i)});
        at += s.to;
    }
    if (first.from > 0) settle(c, i, &first);
    atomic_store(&piece_at(c, i)->done, KNOWN);
}

/* ---- what came before ---- */

/* Whether the state before leg j is the same with what came before the piece and without. */
static bool absorbs(const call *c, int64_t i, int64_t j)
{
    const la_delta_pieces *p = c->p;
    const float *S = kept_at(c, i, j), *fade = fade_at(c, i, j), *in = behind(c, i - 1);
    for (int64_t r = 0; r < p->dk; r++) {
        bool same = true;
        for (int64_t n = 0; n < p->W; n++) same &= joined(p, S, fade, in, r, n) == S[r * p->W + n];
        if (!same) return false;
    }
    return true;
}

/* Adds it to legs of piece i that no other thread has taken. Each asks all states in order, so that which
 * legs get it depends on nobody's pace. */
static void mend(const call *c, int64_t i)
{
    const la_delta_pieces *p = c->p;
    stretch s = stretch_at(p, i, start_of(p, i));
    if (s.from == 0) return;
    la_delta_slice x = slice_of(c, s.h);
    float *fade = x.work + p->work / sizeof *x.work - p->K;
    piece *at = piece_at(c, i);
    la_team_reach(&piece_at(c, i - 1)->done, KNOWN);
    for (int64_t j = 0; j < legs_of(&s); j++) {
        unsigned next = (unsigned)j;
        la_team_reach(&at->done, next);
        if (absorbs(c, i, j)) return;
        if (!atomic_compare_exchange_strong(&at->taken, &next, next + 1)) continue;
        la_team_reach(&at->done, next + 1);
        la_delta_leg leg = leg_of(p, &s, j);
        leg.in = behind(c, i - 1);
        leg.fade = memcpy(fade, fade_at(c, i, j), (size_t)p->K * sizeof *fade);
        c->kernels->mend(&x, &leg);
    }
}

/* Pieces in order, so that a thread waits only for one that another has begun. */
static void run_member(call *c)
{
    int n = c->p->threads, last = 0;
    for (int i; (i = atomic_fetch_add(&c->begun, 1)) < n; last = i) run_piece(c, i);
    for (int i = 0; i < n; i++) mend(c, (last + i) % n);
}

void la_delta_pieces_run(const la_delta_pieces *p, const la_delta_leg_kernels *kernels,
                         la_delta_head_fn *head, const void *what, void *work)
{
    call c = {.p = p, .kernels = kernels, .head = head, .what = what, .pieces = work};
    c.own = c.pieces + (size_t)p->threads * p->piece;
    for (int i = 0; i < p->threads; i++) memset(piece_at(&c, i), 0, sizeof(piece));
#pragma omp parallel num_threads(p->threads)
    run_member(&c);
}
