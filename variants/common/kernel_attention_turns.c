/* SPDX-License-Identifier: Apache-2.0
 * Causal kernel attention where two or three threads share a sequence: they take turns at legs of some
 * chunks. Of a leg
 *
 *   1  features of keys
 *   2  from the state before the leg those before each of its steps, and the one behind it
 *   3  outputs
 *
 * only 2 needs the leg before, and it is much less than half of the work: a thread does it as soon as it can, and
 * at other times 1 of one leg ahead, of those that nobody has, or a chunk of 3. So the chain of legs does not wait
 * for whoever is slow, nor threads for the chain while they have outputs to make. Only the state at the end of a
 * leg goes from thread to thread. The states before steps, and the features of keys, stay in an L2 cache till 3.
 */
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "kernel_attention.h"
#include "team.h"

#define HELD 2  /* legs that a thread has taken and not read, at most */
#define LEGS 16 /* of a thread, where chunks are few: it waits about half of its first one */

/* Floats that a leg keeps of a chunk. */
static int64_t chunk_floats(const la_ka *ka)
{
    return la_ka_steps_of(ka, 1) * ka->slot + ka->chunk * (ka->ldm + 1);
}

/* Legs that a thread may hold: one where the states of two would not stay in the cache. */
static int64_t room_of(const la_ka *ka)
{
    return 2 * HELD * chunk_floats(ka) <= LA_KA_KEPT ? HELD : 1;
}

void la_ka_turns_init(la_ka *ka, int64_t runners)
{
    int64_t chunks = la_ka_chunks(ka), kept = LA_KA_KEPT / (room_of(ka) * chunk_floats(ka));
    ka->runners = runners;
    ka->span = la_most(1, la_least(la_most(2, kept), chunks / (LEGS * runners)));
}

/* Of a leg: a state before each step, and the one behind it. */
static int64_t slots_of_leg(const la_ka *ka)
{
    return la_ka_steps_of(ka, ka->span) + 1;
}

int64_t la_ka_turns_slots(const la_ka *ka)
{
    return ka->p.threads * room_of(ka) * slots_of_leg(ka);
}

/* Of a group: its legs, those of all its sequences one after the other. */
typedef struct course {
    _Alignas(64) atomic_uint taken; /* of them */
    atomic_uint passed;             /* whose state is handed on */
    int64_t
        last; /* slot of the state that was handed on last. Whoever owns it writes there again only
                                     * in its next turn, when who comes after has copied it; it may have taken another
                                     * leg before, and only keys of that lie there. */
} course;

#define COURSE ((int64_t)(sizeof(course) / sizeof(float)))

static int64_t keys_floats(const la_ka *ka)
{
    return la_whole_lines(ka->span * ka->chunk * (ka->ldm + 1));
}

/* For each group a course, and for each thread keys of its legs. */
int64_t la_ka_turns_floats(const la_ka *ka)
{
    return ka->p.threads / ka->runners * COURSE + ka->p.threads * room_of(ka) * keys_floats(ka);
}

/* A leg that a thread has taken, from its features on. */
typedef struct leg {
    bool held, absorbed;
    unsigned at;         /* number among the group's */
    int64_t i, s;        /* (batch, head); number in the sequence */
    int64_t from, to;    /* its chunks */
    int64_t read;        /* the first whose outputs are not made */
    int64_t slot;        /* of its first state */
    float *keys, *shift; /* features [span chunk, ldm]; [span chunk] */
} leg;

/* One thread at the legs of its group. */
typedef struct runner {
    const la_ka *ka;
    const la_io *io;
    course *course;
    int64_t first, legs; /* sequence of the group; legs of a sequence */
    unsigned all;        /* legs of the group */
    int64_t room;        /* for so many legs */
    leg held[HELD];
    la_ka_buffers w;
} runner;

static la_ka_state slot_of(const runner *x, int64_t slot)
{
    return la_ka_slot_at(x->ka, la_ka_slots(x->ka, x->io), slot);
}

static int64_t slot_behind(const runner *x, const leg *l)
{
    const la_ka *ka = x->ka;
    int64_t n = la_least(l->to * ka->chunk, ka->p.T) - l->from * ka->chunk,
            step = la_ka_step_tokens(ka);
    return l->slot + (n + step - 1) / step;
}

/* The state before the leg's step `at`. */
static la_ka_state state_at(const runner *x, const leg *l, int64_t at)
{
    return slot_of(x, l->slot + at);
}

typedef void step_fn(runner *x, la_ka_state before, la_ka_state behind, const la_ka_rows *rows);

static void features(runner *x, la_ka_state before, la_ka_state behind, const la_ka_rows *rows)
{
    (void)before, (void)behind;
    la_ka_features_of_keys(x->ka, rows, &x->w);
}

static void absorb(runner *x, la_ka_state before, la_ka_state behind, const la_ka_rows *rows)
{
    la_ka_step_absorb(x->ka, before, behind, rows, &x->w);
}

static void read(runner *x, la_ka_state before, la_ka_state behind, const la_ka_rows *rows)
{
    la_ka_step_read(x->ka, before, behind, rows, &x->w);
}

/* Chunk c of the leg, step by step (states that nothing stabilises all at once, so that sums stay in registers);
 * `wanted` of the rows. */
static void each_step(runner *x, const leg *l, int64_t c, step_fn *fn, unsigned wanted)
{
    const la_ka *ka = x->ka;
    int64_t step = la_ka_step_tokens(ka), at = la_ka_steps_of(ka, c - l->from);
    int64_t left = la_least(l->to * ka->chunk, ka->p.T) - c * ka->chunk;
    la_ka_rows rows = la_ka_chunk_rows(ka, x->io, l->i, c, wanted, &x->w);
    if (c + 1 < l->to) la_ka_look_ahead(ka, x->io, l->i, c + 1, wanted);
    if (fn == absorb) rows.ahead = left - rows.n;
    const int64_t each = fn == absorb ? rows.n : step;
    for (int64_t t = 0; t < rows.n; t += each, at++) {
        la_ka_rows few = la_ka_few_rows(&rows, t, each);
        x->w.b = l->keys + at * step * ka->ldm;
        x->w.shift = l->shift + at * step;
        fn(x, state_at(x, l, at), state_at(x, l, at + 1), &few);
    }
    if (fn != read) return;
    la_ka_put(ka, rows.n, ka->p.dv, rows.o, rows.ldv, x->io->o, la_ka_row(ka, l->i, c * ka->chunk));
}

/* The state before the leg. */
static void receive(const runner *x, const leg *l)
{
    const la_ka *ka = x->ka;
    la_ka_state st = state_at(x, l, 0);
    if (l->s > 0)
        la_ka_copy_state(ka, st, slot_of(x, x->course->last));
    else
        la_ka_begin(ka, x->io, l->i, st);
}

static void hand_on(const runner *x, const leg *l)
{
    x->course->last = slot_behind(x, l);
    atomic_store_explicit(&x->course->passed, l->at + 1, memory_order_release);
}

/* ---- what a thread does next ---- */

/* The leg of its own whose turn it is. */
static bool absorb_one(runner *x)
{
    unsigned passed = atomic_load_explicit(&x->course->passed, memory_order_acquire);
    for (leg *l = x->held; l < x->held + x->room; l++) {
        if (!l->held || l->absorbed || l->at != passed) continue;
        receive(x, l);
        for (int64_t c = l->from; c < l->to; c++) each_step(x, l, c, absorb, LA_KA_V);
        hand_on(x, l);
        l->absorbed = true;
        return true;
    }
    return false;
}

/* The next leg that nobody has, where none waits for its turn. */
static bool take_one(runner *x)
{
    leg *l = NULL;
    for (int64_t i = 0; i < x->room; i++) {
        if (!x->held[i].held)
            l = x->held + i;
        else if (!x->held[i].absorbed)
            return false;
    }
    if (!l || atomic_load(&x->course->taken) >= x->all) return false;
    unsigned at = atomic_fetch_add(&x->course->taken, 1);
    if (at >= x->all) return false;
    int64_t chunks = la_ka_chunks(x->ka);
    l->held = true, l->absorbed = false, l->at = at;
    l->i = x->first + at / x->legs, l->s = at % x->legs;
    l->from = l->read = chunks * l->s / x->legs;
    l->to = chunks * (l->s + 1) / x->legs;
    for (int64_t c = l->from; c < l->to; c++) each_step(x, l, c, features, LA_KA_K);
    return true;
}

/* A chunk of the earliest leg that is not read. */
static bool read_some(runner *x)
{
    const la_ka *ka = x->ka;
    leg *l = NULL;
    for (int64_t i = 0; i < x->room; i++)
        if (x->held[i].held && x->held[i].absorbed && (!l || x->held[i].at < l->at))
            l = x->held + i;
    if (!l) return false;
    int64_t c = l->read++;
    la_ka_save(ka, x->io, l->i * la_ka_chunks(ka) + c,
               state_at(x, l, la_ka_steps_of(ka, c - l->from)));
    /* Keys again for a chunk that has to go token by token. */
    each_step(x, l, c, read, LA_KA_Q | LA_KA_V | (ka->stabilised ? LA_KA_K : 0));
    if (l->read < l->to) return true;
    if (l->s + 1 == x->legs) la_ka_end(ka, x->io, l->i, slot_of(x, slot_behind(x, l)));
    l->held = false;
    return true;
}

static bool done(const runner *x)
{
    for (int64_t i = 0; i < x->room; i++)
        if (x->held[i].held) return false;
    return atomic_load(&x->course->taken) >= x->all;
}

static runner runner_of(const la_ka *ka, const la_io *io, int thread)
{
    course *courses = (course *)(void *)la_ka_team_at(ka, io);
    int64_t groups = ka->p.threads / ka->runners, room = room_of(ka);
    float *keys = (float *)(void *)(courses + groups) + thread * room * keys_floats(ka);
    int64_t chunks = la_ka_chunks(ka), round = ka->span * ka->runners;
    runner x = {.ka = ka,
                .io = io,
                .course = courses + thread / ka->runners,
                .legs = la_least((chunks + round - 1) / round * ka->runners, chunks),
                .room = room,
                .w = la_ka_buffers_of(ka, io, thread)};
    for (int64_t i = 0; i < room; i++) {
        leg *l = x.held + i;
        l->slot = (thread * room + i) * slots_of_leg(ka);
        l->keys = keys + i * keys_floats(ka);
        l->shift = l->keys + ka->span * ka->chunk * ka->ldm;
    }
    return x;
}

static void run(runner *x)
{
    for (int spins = 0; !done(x);) {
        spins = absorb_one(x) || take_one(x) || read_some(x) ? 0 : spins + 1;
        la_team_pause(spins);
    }
}

void la_ka_forward_by_turns(const la_ka *ka, const la_io *io)
{
    int64_t heads = ka->p.B * ka->p.H, groups = ka->p.threads / ka->runners;
    int64_t each = (heads - ka->whole) / groups;
    memset(la_ka_team_at(ka, io), 0, (size_t)groups * sizeof(course));
#pragma omp parallel num_threads(ka->p.threads)
    {
        int thread = omp_get_thread_num(), running = omp_get_num_threads();
        runner x = runner_of(ka, io, thread);
        int64_t alone = running == ka->p.threads ? ka->whole : heads;
        for (int64_t i = thread; i < alone; i += running)
            la_ka_forward_head(ka, io, i, thread, state_at(&x, x.held, 0));
        x.first = ka->whole + thread / ka->runners * each;
        x.all = alone < heads ? (unsigned)(each * x.legs) : 0;
        run(&x);
    }
}
