/* SPDX-License-Identifier: Apache-2.0
 * Which thread runs which piece, and who adds what came before it.
 */
#include "delta_pieces.h"

#include <omp.h>
#include <stdatomic.h>
#include <string.h>

#include "team.h"

#define CHUNKS_ENOUGH 32 /* for each thread, at least */
#define LEGS          16 /* of the stretch of a piece that starts inside a head, at most */
#define LEG_CHUNKS    8  /* at least, but where it is the only one */
#define NO_MORE       (LEGS + 1)
/* What came before runs through pieces only where it is soon gone: each token costs as much again. */
#define TOKENS_ENOUGH 1024   /* for two threads of the delta rule, each, at least */
#define FORGOTTEN     -28.0f /* log-decays that leave nothing, in sum */
#define RUNS_LESS     8      /* of all tokens, at most one in as many runs again */

/* For each thread: the larger a state, the more tokens outweigh it. The shared columns of a decay by channel
 * make copies of q and k each of their own: pieces are better earlier. */
static int64_t chunks_enough(const la_recurrence *m, const la_problem *p)
{
    int64_t n = p->dk * p->dv / (m->decay == LA_DECAY_CHANNEL ? 256 : 128);
    return n > CHUNKS_ENOUGH ? n : CHUNKS_ENOUGH;
}

/* Two threads share the rank-one rule by columns otherwise, which is better for longer. What runs again grows with
 * the pairs of threads. */
static int64_t tokens_enough(const la_recurrence *m, int64_t threads)
{
    return (m->write == LA_WRITE_RANK_ONE ? 2 : 1) * TOKENS_ENOUGH * threads * (threads - 1);
}

/* Whether what came before runs: what adds it token by token is there for the additive rule, in float32. */
static bool runs(const la_recurrence *m, const la_problem *p)
{
    return m->write != LA_WRITE_ADDITIVE || p->dtype != LA_F32;
}

bool la_delta_has_pieces(const la_recurrence *m, const la_problem *p, int64_t chunk)
{
    int64_t heads = p->B * p->H, threads = p->threads, chunks = (p->T + chunk - 1) / chunk;
    if (heads % threads == 0 || heads > 4 * threads) return false;
    if (runs(m, p)) return m->decay != LA_DECAY_NONE && heads * p->T >= tokens_enough(m, threads);
    return heads * chunks >= chunks_enough(m, p) * threads;
}

/* ---- pieces and scratch ---- */

/* Where a piece is from some chunk on: of one head, to its end or the piece's. */
typedef struct stretch {
    int64_t h, from, to; /* chunks */
} stretch;

typedef struct piece {
    _Alignas(64) atomic_uint done;  /* legs; NO_MORE: the whole piece */
    _Alignas(64) atomic_uint taken; /* legs to mend; NO_MORE: what came before is gone */
    atomic_uint mended;             /* legs; where it runs, one goes on from the other */
    int64_t start, end;             /* of the chunks of all heads */
    stretch first;
    int64_t legs; /* of the first stretch; 0: that starts with a head */
} piece;

static stretch stretch_at(const la_delta_pieces *p, int64_t at, int64_t end)
{
    int64_t h = at / p->chunks, first = h * p->chunks;
    if (end > first + p->chunks) end = first + p->chunks;
    return (stretch){h, at - first, end - first};
}

/* Where piece i starts. What runs again through one waits for the piece before: each is longer than that by
 * as much, so that threads are done together. */
static int64_t start_of(const la_delta_pieces *p, int64_t i)
{
    int64_t start = p->heads * p->chunks * i / p->threads;
    return start % p->chunks == 0 ? start : start - p->again * i * (p->threads - i) / 2;
}

/* Chunks before leg j of a stretch. The first legs are the shortest, so that few tokens are mended where the past
 * is soon gone: of what runs, four up to where it should be, and then each twice as long as the one before. */
static int64_t leg_at(const la_delta_pieces *p, const piece *x, int64_t j)
{
    int64_t chunks = x->first.to - x->first.from, step = p->again / 4 > 1 ? p->again / 4 : 1;
    if (!p->runs) return chunks * j * j / (x->legs * x->legs);
    if (j == x->legs) return chunks;
    return step * (j <= 4 ? j : (2 << (j - 4)) + 2);
}

static piece piece_of(const la_delta_pieces *p, int64_t i)
{
    piece x = {.start = start_of(p, i), .end = start_of(p, i + 1)};
    x.first = stretch_at(p, x.start, x.end);
    if (x.first.from == 0) return x;
    int64_t chunks = x.first.to - x.first.from;
    x.legs = p->runs ? LEGS : (chunks + LEG_CHUNKS - 1) / LEG_CHUNKS;
    if (x.legs > LEGS) x.legs = LEGS;
    while (p->runs && leg_at(p, &x, x.legs - 1) >= chunks) x.legs--;
    return x;
}

/* A state and, where it does not start from what came before it, by how much that has decayed since:
 * [K,W] and [K], or its first element by token. */
static int64_t kept_floats(const la_delta_pieces *p)
{
    return p->K * p->W + p->K;
}

la_delta_pieces la_delta_pieces_of(const la_recurrence *m, const la_problem *p, int64_t chunk,
                                   int64_t segment, int64_t floats)
{
    la_delta_pieces to = {.T = p->T,
                          .heads = p->B * p->H,
                          .runs = runs(m, p),
                          .threads = p->threads,
                          .by_channel = m->decay == LA_DECAY_CHANNEL,
                          .dk = p->dk,
                          .K = la_delta_up(p->dk),
                          .W = la_delta_up(p->dv),
                          .more = floats};
    int64_t more = to.runs ? la_delta_part_floats(segment, p->dv) : to.K;
    if (to.runs) to.W = p->dv; /* rows as the caller's */
    to.chunk = to.runs ? segment : chunk;
    to.chunks = (p->T + to.chunk - 1) / to.chunk;
    to.work = la_align((size_t)(floats + more) * sizeof(float));
    return to;
}

size_t la_delta_pieces_bytes(const la_delta_pieces *p)
{
    size_t states = (LEGS + 2) * (size_t)kept_floats(p) * sizeof(float);
    return (size_t)p->threads * (sizeof(piece) + p->work + states);
}

/* ---- the pieces of a call ---- */

typedef struct call {
    const la_delta_pieces *p;
    const la_delta_leg_kernels *kernels;
    la_delta_head_fn *head;
    const void *what;
    piece *pieces;
    float *states;
    char *own;                      /* of each thread */
    _Alignas(64) atomic_int begun;  /* pieces */
    _Alignas(64) atomic_int known;  /* pieces behind which the state is known */
    _Alignas(64) atomic_bool joins; /* someone is about to know the next */
} call;

/* Of piece i: the state before leg j, or behind the last one, made from a state of zeros. */
static float *kept_at(const call *c, int64_t i, int64_t j)
{
    return c->states + (i * (LEGS + 2) + j) * kept_floats(c->p);
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

/* What came before piece i, as it is before leg j: where it runs, in the place of a state that nobody
 * asks for any more. */
static float *before(const call *c, int64_t i, int64_t j)
{
    return c->p->runs && j > 0 ? kept_at(c, i, j - 1) : behind(c, i - 1);
}

static int64_t token(const la_delta_pieces *p, int64_t chunk)
{
    return chunk * p->chunk < p->T ? chunk * p->chunk : p->T;
}

static la_delta_leg leg_of(const call *c, int64_t i, int64_t j)
{
    const piece *x = c->pieces + i;
    return (la_delta_leg){.start = token(c->p, x->first.from + leg_at(c->p, x, j)),
                          .end = token(c->p, x->first.from + leg_at(c->p, x, j + 1))};
}

static la_delta_slice slice_of(const call *c, int64_t h)
{
    la_delta_slice x = c->head(c->what, h);
    x.work = (float *)(void *)(c->own + (size_t)omp_get_thread_num() * c->p->work);
    return x;
}

/* ---- through a piece ---- */

/* The stretch that starts inside a head, without what came before it. */
static void run_legs(const call *c, int64_t i)
{
    const la_delta_pieces *p = c->p;
    piece *at = c->pieces + i;
    la_delta_slice x = slice_of(c, at->first.h);
    x.S_out = NULL;
    memset(kept_at(c, i, 0), 0, (size_t)(p->K * p->W) * sizeof(float));
    for (int64_t r = 0; r < p->K; r++) fade_at(c, i, 0)[r] = 1.0f;
    for (int64_t j = 0; j < at->legs; j++) {
        la_delta_leg leg = leg_of(c, i, j);
        leg.in = kept_at(c, i, j), leg.out = kept_at(c, i, j + 1);
        leg.fade = memcpy(fade_at(c, i, j + 1), fade_at(c, i, j), (size_t)p->K * sizeof(float));
        c->kernels->whole(&x, &leg);
        atomic_store(&at->done, (unsigned)j + 1);
    }
}

static bool run_next(call *c)
{
    const la_delta_pieces *p = c->p;
    if (atomic_load(&c->begun) >= p->threads) return false;
    int64_t i = atomic_fetch_add(&c->begun, 1);
    if (i >= p->threads) return false;
    piece *x = c->pieces + i;
    int64_t at = x->start;
    if (x->legs > 0) {
        run_legs(c, i);
        at += x->first.to - x->first.from;
    }
    while (at < x->end) {
        stretch s = stretch_at(p, at, x->end);
        la_delta_slice slice = slice_of(c, s.h);
        c->kernels->whole(&slice, &(la_delta_leg){.end = token(p, s.to), .out = behind(c, i)});
        at += s.to;
    }
    atomic_store(&x->done, NO_MORE);
    return true;
}

/* ---- what came before ---- */

/* The state behind the stretch that starts inside a head, with what came before it. */
static void join(const call *c, int64_t i)
{
    const la_delta_pieces *p = c->p;
    const piece *at = c->pieces + i;
    float *restrict S = kept_at(c, i, at->legs);
    const float *in = before(c, i, at->legs), *fade = fade_at(c, i, at->legs);
    bool gone = p->runs && atomic_load(&at->taken) == NO_MORE;
    la_delta_slice x = c->head(c->what, at->first.h);
    for (int64_t r = 0; r < p->dk && !gone; r++) {
        float by = fade[p->by_channel ? r : 0];
        for (int64_t n = r * p->W; n < (r + 1) * p->W; n++) S[n] += by * in[n];
    }
    if (at->first.to == p->chunks)
        la_state_give(&x, S, p->W, x.S_out);
    else
        memcpy(behind(c, i), S, (size_t)(p->K * p->W) * sizeof *S);
}

/* Whether piece i is: so is what came before it, where that runs, or it is gone. */
static bool is_through(const call *c, int64_t i)
{
    const piece *x = c->pieces + i;
    if (atomic_load(&x->done) != NO_MORE) return false;
    return !c->p->runs || atomic_load(&x->taken) == NO_MORE || atomic_load(&x->mended) == x->legs;
}

/* The next state behind a piece, where it may be known and no other thread is at it. */
static bool know_next(call *c)
{
    int i = atomic_load(&c->known);
    if (i >= c->p->threads || !is_through(c, i)) return false;
    if (atomic_exchange(&c->joins, true)) return false;
    bool next = atomic_load(&c->known) == i;
    if (next && c->pieces[i].legs > 0) join(c, i);
    if (next) atomic_store(&c->known, i + 1);
    atomic_store(&c->joins, false);
    return next;
}

/* Whether the state before leg j is the same with what came before the piece and without. */
static bool absorbs(const call *c, int64_t i, int64_t j)
{
    const la_delta_pieces *p = c->p;
    const float *S = kept_at(c, i, j), *fade = fade_at(c, i, j), *in = before(c, i, j);
    for (int64_t r = 0; r < p->dk; r++) {
        float by = fade[p->by_channel ? r : 0];
        int changed = 0;
        for (int64_t n = r * p->W; n < (r + 1) * p->W; n++) changed |= S[n] + by * in[n] != S[n];
        if (changed) return false;
    }
    return true;
}

/* Adds what came before to the next leg of piece i. Legs are taken in order, each after its state was asked:
 * which of them get it depends on nobody's pace. Where it runs, a leg waits for the one before. */
static bool mend(const call *c, int64_t i)
{
    const la_delta_pieces *p = c->p;
    piece *at = c->pieces + i;
    unsigned j = atomic_load(&at->taken);
    if (j >= at->legs || j >= atomic_load(&at->done) || atomic_load(&c->known) < i) return false;
    if (p->runs && j > atomic_load(&at->mended)) return false;
    bool gone = !p->runs && absorbs(c, i, j);
    if (!atomic_compare_exchange_strong(&at->taken, &j, gone ? NO_MORE : j + 1) || gone)
        return true;
    if (p->runs && absorbs(c, i, j)) {
        atomic_store(&at->taken, NO_MORE);
        return true;
    }
    la_delta_slice x = slice_of(c, at->first.h);
    la_delta_leg leg = leg_of(c, i, j);
    leg.in = before(c, i, j), leg.out = before(c, i, j + 1);
    leg.fade = leg.scratch = x.work + p->more;
    if (!p->runs) memcpy(leg.fade, fade_at(c, i, j), (size_t)p->K * sizeof *leg.fade);
    c->kernels->mend(&x, &leg);
    atomic_fetch_add(&at->mended, 1);
    return true;
}

static bool mend_one(const call *c)
{
    for (int64_t i = 0; i < c->p->threads; i++)
        if (mend(c, i)) return true;
    return false;
}

/* Whether nothing is left to begin. */
static bool is_over(const call *c)
{
    if (atomic_load(&c->known) < c->p->threads) return false;
    for (int64_t i = 0; i < c->p->threads; i++)
        if (atomic_load(&c->pieces[i].taken) < c->pieces[i].legs) return false;
    return true;
}

static void run_member(call *c)
{
    for (int spins = 0; !is_over(c);) {
        spins = know_next(c) || run_next(c) || mend_one(c) ? 0 : spins + 1;
        la_team_pause(spins);
    }
}

/* ---- a call ---- */

/* Tokens before token t of a head behind which nothing is left of a state; 0: not so few as `most`. sums: dk
 * floats. */
static int64_t memory(const la_delta_slice *x, int64_t t, int64_t most, float *sums)
{
    int64_t channels = x->decay == LA_DECAY_CHANNEL ? x->dk : 1;
    const float fixed = (float)x->log_decay;
    memset(sums, 0, (size_t)channels * sizeof *sums);
    for (int64_t n = 1; n <= most && n <= t; n++) {
        const float *g = x->g ? x->g + (t - n) * x->gate_row * channels : &fixed;
        int held = 0;
        for (int64_t r = 0; r < channels; r++) {
            sums[r] += g[r];
            held |= !(sums[r] < FORGOTTEN);
        }
        if (!held) return n;
    }
    return 0;
}

/* How many chunks what came before runs again through a piece, about; 0: too many. Asked of the gates before any
 * token whose piece may start inside a head: up to there, outputs have the bits of one thread, however the
 * sequence is cut, and behind no bit of them follows from a later token. */
static int64_t runs_again(const la_delta_pieces *p, la_delta_head_fn *head, const void *what,
                          float *sums)
{
    int64_t n = p->threads, most = p->heads * p->chunks * 2 / (RUNS_LESS * n * (n - 1));
    int64_t before = p->chunks, again = 0;
    for (int64_t i = 1; i < n; i++) {
        int64_t from = start_of(p, i) % p->chunks, room = from / (i * (n - i));
        if (from > 0 && room < most) most = room;
    }
    for (int64_t i = 1; i < n; i++) {
        int64_t from = start_of(p, i) % p->chunks, at = from - most * i * (n - i) / 2;
        if (from > 0 && at < before) before = at;
    }
    for (int64_t i = 1; i < n; i++) {
        int64_t start = start_of(p, i);
        if (start % p->chunks == 0) continue;
        la_delta_slice x = head(what, start / p->chunks);
        int64_t tokens = memory(&x, before * p->chunk, most * p->chunk, sums);
        if (tokens == 0) return 0;
        int64_t chunks = (tokens + p->chunk - 1) / p->chunk;
        if (chunks > again) again = chunks;
    }
    return again;
}

bool la_delta_pieces_run(const la_delta_pieces *of, const la_delta_leg_kernels *kernels,
                         la_delta_head_fn *head, const void *what, void *work)
{
    la_delta_pieces p = *of;
    if (p.runs) p.again = runs_again(&p, head, what, work);
    if (p.runs && p.again == 0) return false;
    call c = {.p = &p, .kernels = kernels, .head = head, .what = what, .pieces = work};
    for (int64_t i = 0; i < p.threads; i++) c.pieces[i] = piece_of(&p, i);
    c.own = (char *)(c.pieces + p.threads);
    c.states = (float *)(void *)(c.own + (size_t)p.threads * p.work);
#pragma omp parallel num_threads(p.threads)
    run_member(&c);
    return true;
}
