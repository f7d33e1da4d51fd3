/* SPDX-License-Identifier: Apache-2.0
 * Causal kernel attention where two or three threads share a sequence: they take turns at legs of some
 * chunks. Of a leg
 *
 *   1  features of keys
 *   2  from the state before the leg those before each of its steps, and the one behind it
 *   3  outputs
 *
 * only 2 needs the leg before, and it is much less than half of the work: while one thread is at it, the
 * others are at 3 of a leg before or at 1 of one behind. Whoever is done with a leg takes the next one that
 * nobody has. Only the state at the end of a leg goes from thread to thread. The states before steps, and the
 * features of keys, stay in an L2 cache till 3.
 */
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "kernel_attention.h"
#include "team.h"

#define LEGS 8 /* of a thread, where chunks are few: it waits about half of its first one */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void la_ka_turns_init(la_ka *ka, int64_t runners)
{
    int64_t chunks = la_ka_chunks(ka), step = la_ka_steps_of(ka, 1);
    int64_t chunk = step * ka->slot + ka->chunk * (ka->ldm + 1);
    ka->runners = runners;
    ka->span = most(1, least(most(2, LA_KA_KEPT / chunk), chunks / (LEGS * runners)));
}

/* Of a thread: a state before each step, and the one behind the leg. */
static int64_t slots_of_thread(const la_ka *ka)
{
    return la_ka_steps_of(ka, ka->span) + 1;
}

int64_t la_ka_turns_slots(const la_ka *ka)
{
    return ka->p.threads * slots_of_thread(ka);
}

/* Of a group: its legs, those of all its sequences one after the other. */
typedef struct course {
    _Alignas(64) atomic_uint taken; /* of them */
    atomic_uint passed;             /* whose state is handed on */
    int last;                       /* thread that handed on the last one's */
} course;

#define COURSE ((int64_t)(sizeof(course) / sizeof(float)))

static int64_t keys_floats(const la_ka *ka)
{
    return la_whole_lines(ka->span * ka->chunk * (ka->ldm + 1));
}

/* For each group a course, and for each thread keys of a leg. */
int64_t la_ka_turns_floats(const la_ka *ka)
{
    return ka->p.threads / ka->runners * COURSE + ka->p.threads * keys_floats(ka);
}

/* One thread at one sequence. */
typedef struct runner {
    const la_ka *ka;
    const la_io *io;
    course *course;
    int thread;
    int64_t i;           /* (batch, head) */
    int64_t leg, legs;   /* the one in hand; of a sequence */
    int64_t from, to;    /* its chunks */
    float *keys, *shift; /* features [span chunk, ldm]; [span chunk] */
    la_ka_buffers w;
} runner;

static la_ka_state slot_of(const runner *x, int thread, int64_t which)
{
    int64_t of_thread = slots_of_thread(x->ka);
    return la_ka_slot_at(x->ka, la_ka_slots(x->ka, x->io), thread * of_thread + which);
}

/* The state before the leg's step `at`, or behind the leg. */
static la_ka_state state_at(const runner *x, int64_t at, bool behind)
{
    return slot_of(x, x->thread, behind ? la_ka_steps_of(x->ka, x->ka->span) : at);
}

typedef void step_fn(runner *x, int64_t at, la_ka_state before, la_ka_state behind,
                     const la_ka_rows *rows);

static void features(runner *x, int64_t at, la_ka_state before, la_ka_state behind,
                     const la_ka_rows *rows)
{
    (void)at, (void)before, (void)behind;
    la_ka_features_of_keys(x->ka, rows, &x->w);
}

static void absorb(runner *x, int64_t at, la_ka_state before, la_ka_state behind,
                   const la_ka_rows *rows)
{
    (void)at;
    la_ka_step_absorb(x->ka, before, behind, rows, &x->w);
}

static void read(runner *x, int64_t at, la_ka_state before, la_ka_state behind,
                 const la_ka_rows *rows)
{
    (void)at;
    la_ka_step_read(x->ka, before, behind, rows, &x->w);
}

/* The leg, step by step; `wanted` of the rows. */
static void each_step(runner *x, step_fn *fn, unsigned wanted)
{
    const la_ka *ka = x->ka;
    int64_t at = 0, step = la_ka_step_tokens(ka);
    for (int64_t c = x->from; c < x->to; c++) {
        la_ka_rows rows = la_ka_chunk_rows(ka, x->io, x->i, c, wanted, &x->w);
        if (c + 1 < x->to) la_ka_look_ahead(ka, x->io, x->i, c + 1, wanted);
        if (fn == read && x->io->saved)
            la_ka_copy_state(ka, la_ka_slot_at(ka, x->io->saved, x->i * la_ka_chunks(ka) + c),
                             state_at(x, at, false));
        for (int64_t t = 0; t < rows.n; t += step, at++) {
            bool last = c + 1 == x->to && t + step >= rows.n;
            la_ka_rows few = la_ka_few_rows(&rows, t, step);
            x->w.b = x->keys + at * step * ka->ldm;
            x->w.shift = x->shift + at * step;
            fn(x, at, state_at(x, at, false), state_at(x, at + 1, last), &few);
        }
        if (fn == read)
            la_ka_put(ka, rows.n, ka->p.dv, rows.o, rows.ldv, x->io->o,
                      la_ka_row(ka, x->i, c * ka->chunk), ka->p.dv, 0);
    }
}

/* The state before leg number `at` of the group's. */
static void receive(const runner *x, unsigned at)
{
    const la_ka *ka = x->ka;
    la_ka_state st = state_at(x, 0, false);
    la_team_reach(&x->course->passed, at);
    if (x->leg > 0) {
        int64_t behind = la_ka_steps_of(ka, ka->span);
        la_ka_copy_state(ka, st, slot_of(x, x->course->last, behind));
        return;
    }
    if (x->io->state_in)
        la_ka_copy_state(ka, st, la_ka_part_at(ka, x->io->state_in, x->i));
    else
        la_ka_empty(ka, st);
    la_ka_enter(ka, st);
}

static void hand_on(const runner *x, unsigned at)
{
    x->course->last = x->thread;
    atomic_store_explicit(&x->course->passed, at + 1, memory_order_release);
}

static void end(const runner *x)
{
    la_ka_state st = state_at(x, 0, true);
    if (!x->io->state_out) return;
    la_ka_leave(x->ka, st);
    la_ka_copy_state(x->ka, la_ka_part_at(x->ka, x->io->state_out, x->i), st);
}

/* Leg number `at` of those of the group's sequences, which start with number `first`. */
static void run(runner *x, unsigned at, int64_t first)
{
    const la_ka *ka = x->ka;
    int64_t chunks = la_ka_chunks(ka);
    x->i = first + at / x->legs;
    x->leg = at % x->legs;
    x->from = chunks * x->leg / x->legs;
    x->to = chunks * (x->leg + 1) / x->legs;
    each_step(x, features, LA_KA_K);
    receive(x, at);
    each_step(x, absorb, LA_KA_V);
    hand_on(x, at);
    /* Keys again for a chunk that has to go token by token. */
    each_step(x, read, LA_KA_Q | LA_KA_V | (ka->stabilised ? LA_KA_K : 0));
    if (x->leg + 1 == x->legs) end(x);
}

static runner runner_of(const la_ka *ka, const la_io *io, int thread)
{
    course *courses = (course *)(void *)la_ka_team_at(ka, io);
    int64_t groups = ka->p.threads / ka->runners;
    float *keys = (float *)(void *)(courses + groups) + thread * keys_floats(ka);
    int64_t chunks = la_ka_chunks(ka), round = ka->span * ka->runners;
    return (runner){.ka = ka,
                    .io = io,
                    .course = courses + thread / ka->runners,
                    .thread = thread,
                    .legs = least((chunks + round - 1) / round * ka->runners, chunks),
                    .keys = keys,
                    .shift = keys + ka->span * ka->chunk * ka->ldm,
                    .w = la_ka_buffers_of(ka, io, thread)};
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
            la_ka_forward_head(ka, io, i, thread, state_at(&x, 0, false));
        int64_t first = ka->whole + thread / ka->runners * each;
        int64_t legs = alone < heads ? each * x.legs : 0;
        for (unsigned at; legs > 0 && (at = atomic_fetch_add(&x.course->taken, 1)) < legs;)
            run(&x, at, first);
    }
}
