/* SPDX-License-Identifier: Apache-2.0
 * Causal kernel attention where (batch, head) alone would leave threads idle: each has as many whole
 * sequences as all, and they share the rest. Two or three take turns at one (kernel_attention_turns.c);
 * more go through it block by block. A block is cut into parts of some chunks, and nothing but a part's sum
 * of k v' crosses from thread to thread:
 *
 *   1  for each part      what it adds to the state before each of its steps, and in all
 *   2  for each part      the state before it, from the sums of the parts before; its outputs
 *
 * with one barrier between. The states before steps, and the features of keys, are kept from 1 to 2, so
 * that no product is done twice: they are written and read once more than by one thread alone, and a part
 * is so long that they and its rows stay in an L2 cache. The sums of two blocks alternate: a thread that
 * is done with 2 goes on with 1 of the next block.
 */
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "kernel_attention.h"
#include "team.h"

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

void la_ka_team_init(la_ka *ka)
{
    int64_t heads = ka->p.B * ka->p.H, threads = ka->p.threads, chunks = la_ka_chunks(ka);
    int64_t rest = heads % threads;
    ka->parts = ka->runners = ka->span = 0;
    ka->whole = heads - rest;
    bool idle = rest && heads < 4 * threads;
    if (ka->recurrent || ka->p.mask != LA_MASK_CAUSAL || !idle || chunks < 2) return;
    int64_t group = threads / common_divisor(rest, threads);
    if (group <= LA_KA_RUNNERS) {
        la_ka_turns_init(ka, group);
        return;
    }
    ka->parts = la_least(group, chunks);
    int64_t each = (rest * ka->parts + threads - 1) / threads;
    int64_t most = LA_KA_KEPT / (each * (la_ka_steps_of(ka, 1) * ka->slot + ka->chunk * ka->ldm));
    ka->span = la_least(most < 2 ? 2 : most, (chunks + ka->parts - 1) / ka->parts);
}

/* Of a part: what it adds, in turns; the state before it, and before a step; what it adds before each. */
enum { SUMS, BASE = 2, NOW, BEFORE };

static int64_t slots_of_part(const la_ka *ka)
{
    return BEFORE + la_ka_steps_of(ka, ka->span);
}

static int64_t units_of(const la_ka *ka)
{
    return (ka->p.B * ka->p.H - ka->whole) * ka->parts;
}

int64_t la_ka_team_slots(const la_ka *ka)
{
    if (ka->runners) return la_ka_turns_slots(ka);
    return ka->p.threads + units_of(ka) * slots_of_part(ka);
}

#define BARRIER_FLOATS ((int64_t)(sizeof(la_barrier) / sizeof(float)))

int64_t la_ka_team_floats(const la_ka *ka)
{
    if (ka->runners) return la_ka_turns_floats(ka);
    return ka->parts ? BARRIER_FLOATS + units_of(ka) * ka->span * ka->chunk * ka->ldm : 0;
}

/* One part of a sequence, in one thread's hands. */
typedef struct part {
    const la_ka *ka;
    const la_io *io;
    int64_t u, i, r;  /* unit u: part r of (batch, head) i */
    int64_t from, to; /* its chunks of this block */
    int turn;         /* of this block */
    float *keys;      /* features [span chunk, ldm] */
    la_ka_buffers w;  /* of the thread */
} part;

static la_ka_state slot_of(const part *x, int64_t r, int64_t which)
{
    int64_t u = x->u - x->r + r;
    int64_t first = x->ka->p.threads; /* before them those of whole sequences */
    return la_ka_slot_at(x->ka, la_ka_slots(x->ka, x->io),
                         first + u * slots_of_part(x->ka) + which);
}

static part part_of(const la_ka *ka, const la_io *io, int64_t u)
{
    float *keys = la_ka_team_at(ka, io) + BARRIER_FLOATS;
    return (part){.ka = ka,
                  .io = io,
                  .u = u,
                  .i = ka->whole + u / ka->parts,
                  .r = u % ka->parts,
                  .keys = keys + u * ka->span * ka->chunk * ka->ldm,
                  .w = la_ka_buffers_of(ka, io, omp_get_thread_num())};
}

static void enter_block(part *x, int64_t block, int64_t blocks)
{
    int64_t chunks = la_ka_chunks(x->ka), parts = x->ka->parts;
    /* As many chunks in all parts, but perhaps at the end. */
    int64_t rounds = (chunks + parts - 1) / parts, from = rounds * block / blocks * parts;
    int64_t n = la_least(rounds * (block + 1) / blocks * parts, chunks) - from;
    x->from = from + n * x->r / parts;
    x->to = from + n * (x->r + 1) / parts;
    x->turn = (int)(block & 1);
}

/* What the part adds before its step `at`, or in all. */
static la_ka_state added(const part *x, int64_t at, bool all)
{
    return slot_of(x, x->r, all ? SUMS + x->turn : BEFORE + at);
}

static void absorb(part *x)
{
    const la_ka *ka = x->ka;
    int64_t at = 0, step = la_ka_step_tokens(ka);
    la_ka_empty(ka, added(x, 0, x->from == x->to));
    for (int64_t c = x->from; c < x->to; c++) {
        la_ka_rows rows = la_ka_chunk_rows(ka, x->io, x->i, c, LA_KA_K | LA_KA_V, &x->w);
        if (c + 1 < x->to) la_ka_look_ahead(ka, x->io, x->i, c + 1, LA_KA_K | LA_KA_V);
        for (int64_t t = 0; t < rows.n; t += step, at++) {
            bool last = c + 1 == x->to && t + step >= rows.n;
            la_ka_rows few = la_ka_few_rows(&rows, t, step);
            x->w.b = x->keys + at * step * ka->ldm;
            la_ka_features_of_keys(ka, &few, &x->w);
            la_ka_step_absorb(ka, added(x, at, false), added(x, at + 1, last), &few, &x->w);
        }
    }
}

static void read(part *x, la_ka_state base)
{
    const la_ka *ka = x->ka;
    int64_t at = 0, step = la_ka_step_tokens(ka);
    la_ka_state now = slot_of(x, x->r, NOW);
    /* Keys again for a chunk that has to go token by token. */
    unsigned wanted = LA_KA_Q | LA_KA_V | (ka->stabilised ? LA_KA_K : 0);
    for (int64_t c = x->from; c < x->to; c++) {
        la_ka_rows rows = la_ka_chunk_rows(ka, x->io, x->i, c, wanted, &x->w);
        if (c + 1 < x->to) la_ka_look_ahead(ka, x->io, x->i, c + 1, LA_KA_Q);
        for (int64_t t = 0; t < rows.n; t += step, at++) {
            bool last = c + 1 == x->to && t + step >= rows.n;
            la_ka_rows few = la_ka_few_rows(&rows, t, step);
            x->w.b = x->keys + at * step * ka->ldm;
            la_ka_add(ka, now, base, added(x, at, false));
            if (t == 0) la_ka_save(ka, x->io, x->i * la_ka_chunks(ka) + c, now);
            la_ka_step_read(ka, now, added(x, at + 1, last), &few, &x->w);
        }
        la_ka_put(ka, rows.n, ka->p.dv, rows.o, rows.ldv, x->io->o,
                  la_ka_row(ka, x->i, c * ka->chunk));
    }
}

/* Parts [from, to) of the block are behind `base` now. */
static void go_on(const part *x, int64_t from, int64_t to, la_ka_state base)
{
    for (int64_t r = from; r < to; r++) la_ka_add(x->ka, base, base, slot_of(x, r, SUMS + x->turn));
}

/* A thread's parts, with all others of the region. */
static void parts_of_thread(const la_ka *ka, const la_io *io, const la_team *team)
{
    int64_t units = units_of(ka), block = ka->parts * ka->span;
    int64_t blocks = (la_ka_chunks(ka) + block - 1) / block;
    int64_t first = la_team_share(team, team->rank, units);
    int64_t past = la_team_share(team, team->rank + 1, units);
    for (int64_t u = first; u < past; u++) {
        part x = part_of(ka, io, u);
        la_ka_begin(ka, io, x.i, slot_of(&x, x.r, BASE));
    }
    for (int64_t b = 0; b < blocks; b++) {
        for (int64_t u = first; u < past; u++) {
            part x = part_of(ka, io, u);
            enter_block(&x, b, blocks);
            absorb(&x);
        }
        /* Also: the state that goes out may be the one that comes in, which all have read. */
        la_team_wait(team);
        for (int64_t u = first; u < past; u++) {
            part x = part_of(ka, io, u);
            la_ka_state base = slot_of(&x, x.r, BASE);
            enter_block(&x, b, blocks);
            go_on(&x, 0, x.r, base);
            read(&x, base);
            go_on(&x, x.r, ka->parts, base);
        }
    }
    for (int64_t u = first; u < past; u++) {
        part x = part_of(ka, io, u);
        if (x.r == 0) la_ka_end(ka, io, x.i, slot_of(&x, x.r, BASE));
    }
}

void la_ka_forward_by_team(const la_ka *ka, const la_io *io)
{
    la_barrier *barrier = (la_barrier *)(void *)la_ka_team_at(ka, io);
    memset(barrier, 0, sizeof *barrier);
#pragma omp parallel num_threads(ka->p.threads)
    {
        la_team team = {omp_get_thread_num(), omp_get_num_threads(), barrier};
        for (int64_t i = team.rank; i < ka->whole; i += team.size)
            la_ka_forward_head(ka, io, i, team.rank,
                               la_ka_slot_at(ka, la_ka_slots(ka, io), team.rank));
        parts_of_thread(ka, io, &team);
    }
}
