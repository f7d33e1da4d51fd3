/* SPDX-License-Identifier: Apache-2.0
 * How a relay's legs are cut, and which thread takes which.
 */
#include "delta_relay.h"

#include <omp.h>
#include <stdatomic.h>
#include <string.h>

#include "delta_dplr.h"
#include "team.h"

/* A relay serves where threads share heads, or some would have none at the end, and the sequence is long
 * enough for many legs; where threads share heads, also only while a leg that is kept fits a core's own
 * cache. To carry the state is half of the work or more: no gain beyond two threads. The rank-one rule goes
 * by its two halves, of which the second is the chain. (So could bf16 rows, and were no faster than shared
 * columns.) */
#define LEG_CHUNKS    16
#define LEG_BYTES     (512 << 10)
#define CHUNKS_ENOUGH 64
#define AREAS         2 /* legs that a thread has prepared and not finished, at most */

/* ---- sizes ---- */

/* Floats of one chunk of a leg: prepared, and kept. */
static int64_t ready_floats(const la_recurrence *m, const la_problem *p, int64_t chunk)
{
    return m->write == LA_WRITE_RANK_ONE ? la_dplr_ready_floats(p->dk)
                                         : la_delta_ready_floats(m->decay, p->dk, chunk);
}

static int64_t kept_floats(const la_recurrence *m, const la_problem *p, int64_t chunk)
{
    return m->write == LA_WRITE_RANK_ONE ? 0 : la_delta_leg_floats(p->dk, p->dv, chunk);
}

static int64_t chunk_bytes(const la_recurrence *m, const la_problem *p, int64_t chunk)
{
    int64_t floats = ready_floats(m, p, chunk) + kept_floats(m, p, chunk);
    return floats * (int64_t)sizeof(float);
}

/* For each thread. The shared columns of a decay by channel make copies of q and k each of their own: a relay
 * is better earlier. */
static int64_t chunks_enough(const la_recurrence *m)
{
    bool copies = m->decay == LA_DECAY_CHANNEL && m->write != LA_WRITE_RANK_ONE;
    return copies ? CHUNKS_ENOUGH / 2 : CHUNKS_ENOUGH;
}

bool la_delta_relays(const la_recurrence *m, const la_problem *p, int64_t chunk)
{
    int64_t heads = p->B * p->H, threads = p->threads, chunks = (p->T + chunk - 1) / chunk;
    if (m->write == LA_WRITE_ADDITIVE) return false;
    if (p->dtype == LA_BF16 && m->write != LA_WRITE_RANK_ONE) return false;
    if (heads % threads == 0 || heads > 4 * threads) return false;
    if (heads * chunks < chunks_enough(m) * threads) return false;
    if (heads > threads) return true;
    return threads <= 2 * heads && chunk_bytes(m, p, chunk) * LEG_CHUNKS / 2 <= LEG_BYTES;
}

static void cut(la_delta_relay *r, const la_recurrence *m, const la_problem *p)
{
    int64_t chunks = (p->T + r->chunk - 1) / r->chunk;
    r->whole = r->heads > r->threads && m->write != LA_WRITE_RANK_ONE;
    int64_t most = r->whole ? LEG_CHUNKS : LEG_BYTES / chunk_bytes(m, p, r->chunk);
    r->leg = r->heads * chunks / (8 * r->threads) < LEG_CHUNKS ? LEG_CHUNKS / 2 : LEG_CHUNKS;
    if (r->leg > most) r->leg = most < 1 ? 1 : most;
    r->legs = (chunks + r->leg - 1) / r->leg;
}

la_delta_relay la_delta_relay_of(const la_recurrence *m, const la_problem *p, int64_t chunk)
{
    la_delta_relay r = {.T = p->T, .heads = p->B * p->H, .chunk = chunk, .threads = p->threads};
    cut(&r, m, p);
    int64_t work = r.whole ? la_delta_chunk_work(m->decay, p->dk, p->dv, chunk)
                           : la_delta_leg_work(m->decay, p->dk, p->dv, chunk);
    int64_t state = la_delta_up(p->dk) * la_delta_up(p->dv);
    if (m->write == LA_WRITE_RANK_ONE) {
        state = la_dplr_scan_floats(p->dk, p->dv);
        work = state + la_dplr_prepare_floats(p->dk);
    }
    if (!r.whole) {
        r.kept = la_align((size_t)(r.leg * kept_floats(m, p, chunk)) * sizeof(float));
        r.ready = (size_t)(r.leg * ready_floats(m, p, chunk)) * sizeof(float);
    }
    r.work = la_align((size_t)work * sizeof(float));
    r.state = la_align((size_t)state * sizeof(float));
    return r;
}

/* ---- the legs of a call ---- */

/* Where a head is. States are handed on from one buffer to the other, leg by leg. */
typedef struct course {
    _Alignas(64) atomic_uint passed; /* legs that have carried the state */
    atomic_uint begun;               /* legs that someone has begun to carry it through */
    atomic_uint prepared;            /* prepared legs that someone has taken */
} course;

/* A leg that a thread has taken and not finished. */
typedef struct held_leg {
    bool taken;
    int64_t h, s; /* head, and which of its legs */
    la_delta_slice slice;
    la_delta_leg leg;
} held_leg;

typedef struct call {
    const la_delta_relay *r;
    const la_delta_leg_kernels *kernels;
    la_delta_head_fn *head;
    const void *what;
    course *course; /* [heads] */
    char *states;   /* [heads,2] */
} call;

typedef struct member {
    const call *c;
    char *areas, *own;
    held_leg legs[AREAS];
} member;

static size_t area_bytes(const la_delta_relay *r)
{
    return la_align(r->ready) + r->kept;
}

static size_t member_bytes(const la_delta_relay *r)
{
    return (r->whole ? 0 : AREAS * area_bytes(r)) + r->work;
}

size_t la_delta_relay_bytes(const la_delta_relay *r)
{
    return (size_t)r->heads * (sizeof(course) + 2 * r->state) +
           member_bytes(r) * (size_t)r->threads;
}

static la_delta_leg leg_at(const call *c, int64_t h, int64_t s)
{
    const la_delta_relay *r = c->r;
    int64_t tokens = r->leg * r->chunk, end = (s + 1) * tokens;
    char *states = c->states + (size_t)h * 2 * r->state;
    return (la_delta_leg){.start = s * tokens,
                          .end = end < r->T ? end : r->T,
                          .in = (float *)(void *)(states + (size_t)(s % 2) * r->state),
                          .out = (float *)(void *)(states + (size_t)(1 - s % 2) * r->state)};
}

static int64_t passed(const call *c, int64_t h)
{
    return (int64_t)atomic_load(&c->course[h].passed);
}

/* Whether this thread is the one to carry head h through leg s, whose state is there. */
static bool begin(const call *c, int64_t h, int64_t s)
{
    unsigned expected = (unsigned)s;
    return atomic_compare_exchange_strong(&c->course[h].begun, &expected, (unsigned)s + 1);
}

static void pass(const call *c, int64_t h, int64_t s)
{
    atomic_store(&c->course[h].passed, (unsigned)s + 1);
}

/* ---- what a thread does next ---- */

/* A whole leg whose state is there, of the head that is furthest behind. */
static bool take_whole(member *m)
{
    const call *c = m->c;
    int64_t h = -1, s = c->r->legs;
    for (int64_t i = 0; c->r->whole && i < c->r->heads; i++) {
        int64_t at = passed(c, i);
        if (at < s && atomic_load(&c->course[i].begun) == (unsigned)at) h = i, s = at;
    }
    if (h < 0 || !begin(c, h, s)) return false;
    la_delta_slice slice = c->head(c->what, h);
    la_delta_leg leg = leg_at(c, h, s);
    slice.work = (float *)(void *)m->own;
    c->kernels->whole(&slice, &leg);
    pass(c, h, s);
    return true;
}

/* The leg of this thread's own whose state is there. */
static bool carry_own(member *m)
{
    const call *c = m->c;
    for (int i = 0; i < AREAS; i++) {
        held_leg *l = m->legs + i;
        if (!l->taken || passed(c, l->h) != l->s) continue;
        c->kernels->carry(&l->slice, &l->leg);
        pass(c, l->h, l->s);
        l->taken = c->kernels->finish != NULL;
        return true;
    }
    return false;
}

static bool finish_one(member *m)
{
    for (int i = 0; i < AREAS; i++) {
        held_leg *l = m->legs + i;
        if (!l->taken || passed(m->c, l->h) <= l->s) continue;
        m->c->kernels->finish(&l->slice, &l->leg);
        l->taken = false;
        return true;
    }
    return false;
}

/* The next leg to prepare, of the head where that comes first; false where none is near. */
static bool next_to_prepare(const call *c, int64_t *h, int64_t *s)
{
    const la_delta_relay *r = c->r;
    *s = r->legs;
    for (int64_t i = 0; !r->whole && i < r->heads; i++) {
        int64_t at = (int64_t)atomic_load(&c->course[i].prepared);
        if (at < *s && at <= passed(c, i) + 2 * r->threads) *h = i, *s = at;
    }
    return *s < r->legs;
}

static bool prepare_one(member *m)
{
    const call *c = m->c;
    const la_delta_relay *r = c->r;
    int64_t h = 0, s;
    int i = 0;
    while (i < AREAS && m->legs[i].taken) i++;
    if (i == AREAS || !next_to_prepare(c, &h, &s)) return false;
    unsigned n = (unsigned)s;
    if (!atomic_compare_exchange_strong(&c->course[h].prepared, &n, n + 1)) return true;
    held_leg *l = m->legs + i;
    *l = (held_leg){.taken = true, .h = h, .s = s, .slice = c->head(c->what, h)};
    char *area = m->areas + (size_t)i * area_bytes(r);
    l->leg = leg_at(c, h, s);
    l->leg.ready = (float *)(void *)area;
    l->leg.scratch = l->slice.work = (float *)(void *)m->own;
    l->leg.kept = (float *)(void *)(area + la_align(r->ready));
    c->kernels->prepare(&l->slice, &l->leg);
    return true;
}

static bool all_passed(const call *c)
{
    for (int64_t h = 0; h < c->r->heads; h++)
        if (passed(c, h) < c->r->legs) return false;
    return true;
}

static bool holds(const member *m)
{
    for (int i = 0; i < AREAS; i++)
        if (m->legs[i].taken) return true;
    return false;
}

static void run_member(const call *c, char *mine)
{
    member m = {.c = c, .areas = mine, .own = mine + member_bytes(c->r) - c->r->work};
    for (int spins = 0; holds(&m) || !all_passed(c);) {
        spins =
            take_whole(&m) || carry_own(&m) || prepare_one(&m) || finish_one(&m) ? 0 : spins + 1;
        la_team_pause(spins);
    }
}

void la_delta_relay_run(const la_delta_relay *r, const la_delta_leg_kernels *kernels,
                        la_delta_head_fn *head, const void *what, void *work)
{
    char *at = work;
    call c = {.r = r, .kernels = kernels, .head = head, .what = what};
    size_t records = (size_t)r->heads * sizeof(course);
    memset(at, 0, records);
    c.course = (course *)(void *)at;
    c.states = at + records;
    char *members = c.states + (size_t)r->heads * 2 * r->state;
#pragma omp parallel num_threads(r->threads)
    run_member(&c, members + member_bytes(r) * (size_t)omp_get_thread_num());
}
