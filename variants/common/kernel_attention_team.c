/* SPDX-License-Identifier: Apache-2.0
 * Causal kernel attention where (batch, head) alone would leave threads idle: all of them go through the
 * sequences together, block by block of a few chunks.
 *
 *   1  for each chunk      features (or exponents, and their maxima); without a stabiliser A B', too
 *   2  for each chunk      stabilised: the maxima so far, exponentials, A B'
 *   3  for each slice      of the columns of S, V and O: what needs the state, chunk after chunk
 *
 * Pages of two blocks alternate: a thread that is done with 3 goes on with 1 of the next block, since what
 * it overwrites was last read before the barrier behind 1. Chunks are taken one at a time, so that a thread
 * that comes late from its slices takes fewer. Slices share nothing that is written; each keeps
 * denominators of its own, which costs a column of S more.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernel_attention.h"

#define SLICE 16 /* a slice has a multiple of so many columns */
#define PAGE_FLOATS                                                                                \
    (80 << 10) /* of a block, about: two of them beside the state in an L2 cache of 1 MiB */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

void la_ka_team_init(la_ka *ka)
{
    int64_t heads = ka->p.B * ka->p.H, threads = ka->p.threads;
    ka->slices = ka->pages = 0;
    bool idle = heads % threads && heads < 4 * threads;
    if (ka->recurrent || ka->p.mask != LA_MASK_CAUSAL || !idle) return;
    ka->slices = least(threads / divisor(heads, threads), (ka->p.dv + SLICE - 1) / SLICE);
    /* Whole rounds of all threads, if possible, and two at least. */
    int64_t round = threads / divisor(heads, threads);
    int64_t most = PAGE_FLOATS / (heads * la_ka_page_floats(ka));
    ka->pages = most < 2 * round ? 2 * round : most - most % round;
    ka->pages = least(ka->pages, la_ka_chunks(ka));
}

int64_t la_ka_team_floats(const la_ka *ka)
{
    return ka->slices ? 2 * ka->p.B * ka->p.H * ka->pages * la_ka_page_floats(ka) : 0;
}

/* What all threads see, and a thread's own buffers. */
typedef struct team {
    const la_ka *ka;
    const la_io *io;
    float *pages;
    la_ka_buffers own;
} team;

static la_ka_buffers page_of(const team *x, int64_t i, int64_t c, float **top)
{
    int64_t pages = x->ka->pages, turn = c / pages & 1;
    int64_t at = (turn * x->ka->p.B * x->ka->p.H + i) * pages + c % pages;
    return la_ka_page_at(x->ka, &x->own, x->pages + at * la_ka_page_floats(x->ka), top);
}

static la_ka_rows chunk_of(const team *x, int64_t i, int64_t c, unsigned wanted)
{
    const la_ka *ka = x->ka;
    int64_t t = c * ka->chunk, left = ka->p.T - t;
    la_ka_rows rows = la_ka_rows_at(ka, x->io, i, t, least(left, ka->chunk), wanted, &x->own);
    rows.ahead = la_ka_is_half(ka) ? 0 : left - rows.n;
    return rows;
}

static void make_features(const team *x, int64_t i, int64_t c)
{
    const la_ka *ka = x->ka;
    float *top;
    la_ka_buffers page = page_of(x, i, c, &top);
    la_ka_rows rows = chunk_of(x, i, c, LA_KA_Q | LA_KA_K);
    int64_t next = least(rows.ahead, ka->chunk);
    la_ka_ask_for(rows.q + rows.n * rows.ldk, next, rows.ldk, ka->p.dk);
    la_ka_ask_for(rows.k + rows.n * rows.ldk, next, rows.ldk, ka->p.dk);
    if (!ka->stabilised) {
        la_ka_plain_page(ka, &rows, &page);
        return;
    }
    la_ka_features_of_queries(ka, &rows, &page);
    la_ka_features_of_keys(ka, &rows, &page);
    for (int64_t f = 0; f < ka->m; f++) top[f] = -INFINITY;
    la_ka_sweeps_get(ka->tile->isa)->shift_max(rows.n, ka->m, page.shift, page.b, ka->ldm, top);
}

/* Maxima before chunk c into `before`: those of the block's earlier chunks, and what came before it. */
static void maxima_before(const team *x, int64_t i, int64_t c, float *before)
{
    const la_ka *ka = x->ka;
    int64_t start = c - c % ka->pages;
    float *top;
    if (start > 0)
        memcpy(before, page_of(x, i, start - 1, &top).c, (size_t)ka->m * sizeof *before);
    else if (x->io->state_in)
        memcpy(before, la_ka_part_at(ka, x->io->state_in, i).c, (size_t)ka->m * sizeof *before);
    else
        for (int64_t f = 0; f < ka->m; f++) before[f] = -INFINITY;
    for (; start < c; start++) {
        page_of(x, i, start, &top);
        for (int64_t f = 0; f < ka->m; f++) before[f] = fmaxf(before[f], top[f]);
    }
}

static void make_weights(const team *x, int64_t i, int64_t c)
{
    const la_ka *ka = x->ka;
    float *top, *before = x->own.c;
    la_ka_buffers page = page_of(x, i, c, &top);
    maxima_before(x, i, c, before);
    for (int64_t f = 0; f < ka->m; f++) page.c[f] = fmaxf(before[f], top[f]);
    la_ka_rise(ka, before, &page);
    la_ka_weights(ka, chunk_of(x, i, c, 0).n, &page);
}

/* ---- slices ---- */

/* Columns [first, first + ka.p.dv) of (batch, head) i; ka is the whole with fewer columns. */
typedef struct slice {
    la_ka ka;
    int64_t i, first;
    la_ka_state st;
} slice;

static slice slice_of(const team *x, int64_t u)
{
    const la_ka *ka = x->ka;
    int64_t units = (ka->p.dv + SLICE - 1) / SLICE, s = u % ka->slices;
    int64_t first = units * s / ka->slices * SLICE;
    int64_t end = least(units * (s + 1) / ka->slices * SLICE, ka->p.dv);
    slice out = {.ka = *ka, .i = u / ka->slices, .first = first};
    out.ka.p.dv = end - first;
    out.st = la_ka_slot_at(&out.ka, la_ka_slots(ka, x->io), u);
    return out;
}

/* The slice of `whole`, from there or to there. z and c are not cut: the first slice brings them. */
static void copy_slice(const team *x, const slice *s, la_ka_state whole, bool from)
{
    int64_t dv = x->ka->p.dv, m = x->ka->m;
    size_t row = (size_t)s->ka.p.dv * sizeof(float), all = (size_t)m * sizeof(float);
    for (int64_t f = 0; f < m; f++) {
        float *a = s->st.S + f * s->ka.p.dv, *b = whole.S + f * dv + s->first;
        memcpy(from ? a : b, from ? b : a, row);
    }
    if (!from && s->first > 0) return;
    if (s->st.z) memcpy(from ? s->st.z : whole.z, from ? whole.z : s->st.z, all);
    if (s->st.c) memcpy(from ? s->st.c : whole.c, from ? whole.c : s->st.c, all);
}

static void begin(const team *x, const slice *s)
{
    int64_t m = x->ka->m;
    if (x->io->state_in) {
        copy_slice(x, s, la_ka_part_at(x->ka, x->io->state_in, s->i), true);
        la_ka_enter(&s->ka, s->st);
        return;
    }
    memset(s->st.S, 0, (size_t)(m * s->ka.p.dv) * sizeof(float));
    if (s->st.z) memset(s->st.z, 0, (size_t)m * sizeof(float));
    for (int64_t f = 0; s->st.c && f < m; f++) s->st.c[f] = -INFINITY;
}

static void end(const team *x, const slice *s)
{
    if (!x->io->state_out) return;
    la_ka_leave(&s->ka, s->st);
    copy_slice(x, s, la_ka_part_at(x->ka, x->io->state_out, s->i), false);
}

static void sweep_slice(const team *x, const slice *s, int64_t from, int64_t to)
{
    int64_t chunks = la_ka_chunks(x->ka);
    for (int64_t c = from; c < to; c++) {
        float *top;
        la_ka_buffers page = page_of(x, s->i, c, &top);
        /* Queries and keys for a chunk that has to go token by token. */
        unsigned wanted = x->ka->stabilised ? LA_KA_Q | LA_KA_K | LA_KA_V : LA_KA_V;
        la_ka_rows rows = chunk_of(x, s->i, c, wanted);
        rows.v += s->first;
        rows.o += s->first;
        if (x->io->saved)
            copy_slice(x, s, la_ka_slot_at(x->ka, x->io->saved, s->i * chunks + c), false);
        la_ka_apply(&s->ka, s->st, &rows, &page, &x->own);
        la_ka_put(x->ka, rows.n, s->ka.p.dv, rows.o, rows.ldv, x->io->o,
                  la_ka_row(x->ka, s->i, c * x->ka->chunk), x->ka->p.dv, s->first);
    }
    if (to == chunks) end(x, s);
}

void la_ka_forward_by_team(const la_ka *ka, const la_io *io)
{
    int64_t heads = ka->p.B * ka->p.H, chunks = la_ka_chunks(ka);
    float *pages = la_ka_slots(ka, io) + ka->slots * ka->slot + ka->p.threads * ka->per_thread;
#pragma omp parallel num_threads(ka->p.threads)
    {
        team x = {ka, io, pages, la_ka_buffers_of(ka, io, omp_get_thread_num())};
        /* The state that goes out may be the one that comes in: nobody writes before all have read, since
         * a barrier follows. */
#pragma omp for schedule(static) nowait
        for (int64_t u = 0; u < heads * ka->slices; u++) {
            slice s = slice_of(&x, u);
            begin(&x, &s);
        }
        for (int64_t from = 0; from < chunks; from += ka->pages) {
            int64_t n = least(ka->pages, chunks - from);
#pragma omp for schedule(dynamic)
            for (int64_t u = 0; u < heads * n; u++) make_features(&x, u / n, from + u % n);
            if (ka->stabilised) {
#pragma omp for schedule(dynamic)
                for (int64_t u = 0; u < heads * n; u++) make_weights(&x, u / n, from + u % n);
            }
#pragma omp for schedule(static) nowait
            for (int64_t u = 0; u < heads * ka->slices; u++) {
                slice s = slice_of(&x, u);
                sweep_slice(&x, &s, from, from + n);
            }
        }
    }
}
