/* SPDX-License-Identifier: Apache-2.0
 * Kernel attention over whole sequences: who does which tokens, and where the states are.
 */
#include "kernel_attention.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "labench/kit.h"

int64_t la_ka_chunks(const la_ka *ka)
{
    return (ka->p.T + ka->chunk - 1) / ka->chunk;
}

bool la_ka_sees_past_only(const la_ka *ka)
{
    return ka->p.mask == LA_MASK_CAUSAL || ka->p.T == 1;
}

size_t la_ka_parts(const la_ka *ka, la_part *out, size_t cap)
{
    const la_problem *p = &ka->p;
    bool z = ka->normalize || ka->stabilised;
    size_t n = ka->stabilised ? 3 : z ? 2 : 1;
    if (cap < n) return n;
    out[0] = (la_part){.name = "S", .shape = {p->B, p->H, ka->m, p->dv}, .rank = 4};
    if (z) out[1] = (la_part){.name = "z", .shape = {p->B, p->H, ka->m}, .rank = 3};
    if (ka->stabilised)
        out[2] = (la_part){
            .name = "c", .shape = {p->B, p->H, ka->m}, .rank = 3, .initial = (double)-INFINITY};
    return n;
}

void la_ka_init(la_ka *ka, la_isa isa)
{
    int64_t heads = ka->p.B * ka->p.H, threads = ka->p.threads;
    if (ka->p.T == 1) ka->recurrent = true;
    if (ka->recurrent) ka->prepare = NULL, ka->shared = 0;
    ka->tile = la_tile_get(isa);
    ka->half = la_ka_is_half(ka) ? la_tile_bf16_get(isa) : NULL;
    ka->chunk = ka->recurrent ? 1 : ka->p.T < LA_KA_CHUNK ? ka->p.T : LA_KA_CHUNK;
    ka->ldm = la_whole_lines(ka->m);
    ka->segments = heads < threads && !ka->recurrent ? (threads + heads - 1) / heads : 1;
    if (ka->p.mask == LA_MASK_CAUSAL) ka->segments = 1;
    if (ka->segments > la_ka_chunks(ka)) ka->segments = la_ka_chunks(ka);
    la_part parts[3];
    ka->n_parts = la_ka_parts(ka, parts, 3);
    la_state_layout(parts, ka->n_parts, ka->part);
    ka->slot = la_whole_lines(ka->m * ka->p.dv) + (int64_t)(ka->n_parts - 1) * ka->ldm;
    la_ka_team_init(ka);
    /* One state a thread, or one a segment and one more for each thread that adds them up. */
    ka->slots = ka->parts || ka->runners ? la_ka_team_slots(ka)
                : ka->segments == 1      ? threads
                                         : heads * ka->segments + threads;
    ka->per_thread = la_ka_buffer_floats(ka);
    ka->back_per_thread = la_ka_back_floats(ka);
}

la_status la_ka_check(const char *variant, const la_problem *p, la_pass pass, bool recurrent,
                      const la_device *dev, la_err *err)
{
    if (p->dtype != LA_F32 && p->dtype != LA_BF16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no %s kernel yet", variant,
                       la_dtype_name(p->dtype));
    LA_TRY(la_bf16_check(p, dev, variant, err));
    if (p->Hkv != p->H || p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no grouped heads", variant);
    if (recurrent && (pass == LA_BACKWARD || pass == LA_FWDBWD))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "the recurrent form of %s has no backward; its chunk form does", variant);
    if (recurrent && p->mask != LA_MASK_CAUSAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "the recurrent form of %s is causal only; its chunk form is both", variant);
    return LA_OK;
}

la_sizes la_ka_sizes(const la_ka *ka, la_pass pass)
{
    la_part parts[3];
    size_t n = la_ka_parts(ka, parts, 3);
    int64_t floats = ka->slots * ka->slot + ka->p.threads * ka->per_thread, saved = 0;
    floats += la_ka_team_floats(ka);
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) {
        int64_t back = ka->p.threads * ka->back_per_thread;
        if (back > floats) floats = back;
        saved = ka->p.B * ka->p.H * (la_ka_sees_past_only(ka) ? la_ka_chunks(ka) : 1) * ka->slot;
    }
    return (la_sizes){.state = la_state_layout(parts, n, NULL),
                      .saved = (size_t)saved * sizeof(float),
                      .work = (size_t)(la_whole_lines(ka->shared) + floats) * sizeof(float),
                      .instance = sizeof *ka};
}

/* Inside a chunk a token meets others. In forward in A B' and in its product with V: half of the chunk, in whole
 * blocks, where stabilised; else all of a step in the first and half of them in the second. In backward half of the
 * chunk, in whole blocks, in A B', in the gradients of both and in A B' times A and times B; not in A B' V. */
void la_ka_cost(const la_ka *ka, la_pass pass, la_cost *cost)
{
    if (ka->recurrent || !la_ka_sees_past_only(ka)) return;
    double tokens = (double)(ka->p.B * ka->p.H) * (double)ka->p.T;
    double m = (double)ka->m, dv = (double)ka->p.dv, C = (double)ka->chunk;
    double forward =
        tokens * (ka->stabilised ? (C + LA_KA_BLOCK) * (m + dv) : 2 * LA_KA_STEP * (m + dv / 2));
    double backward = tokens * (C + LA_KA_BLOCK) * (3 * m + 2 * dv);
    if (pass != LA_BACKWARD) cost->flops += forward;
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) cost->flops += backward;
}

la_status la_ka_new(const la_ka *ka, void **self, la_err *err)
{
    la_ka *copy = la_alloc(sizeof *copy, err);
    if (!copy) return LA_E_NOMEM;
    *copy = *ka;
    *self = copy;
    return LA_OK;
}

/* ---- states ---- */

la_ka_state la_ka_slot_at(const la_ka *ka, float *base, int64_t i)
{
    float *S = base + i * ka->slot, *z = S + la_whole_lines(ka->m * ka->p.dv);
    return (la_ka_state){S, ka->n_parts > 1 ? z : NULL, ka->n_parts > 2 ? z + ka->ldm : NULL};
}

float *la_ka_slots(const la_ka *ka, const la_io *io)
{
    return (float *)io->work + la_whole_lines(ka->shared);
}

static la_ka_state slot_at(const la_ka *ka, const la_io *io, int64_t i)
{
    return la_ka_slot_at(ka, la_ka_slots(ka, io), i);
}

la_ka_state la_ka_part_at(const la_ka *ka, const void *buffer, int64_t i)
{
    char *base =
        (char *)(uintptr_t)buffer; /* states that come in are read only by la_ka_copy_state */
    float *S = (float *)(void *)(base + ka->part[0]), *z = NULL, *c = NULL;
    if (ka->n_parts > 1) z = (float *)(void *)(base + ka->part[1]);
    if (ka->n_parts > 2) c = (float *)(void *)(base + ka->part[2]);
    return (la_ka_state){S + i * ka->m * ka->p.dv, z ? z + i * ka->m : NULL,
                         c ? c + i * ka->m : NULL};
}

void la_ka_copy_state(const la_ka *ka, la_ka_state to, la_ka_state from)
{
    if (to.S == from.S) return;
    memcpy(to.S, from.S, (size_t)(ka->m * ka->p.dv) * sizeof(float));
    if (to.z) memcpy(to.z, from.z, (size_t)ka->m * sizeof(float));
    if (to.c) memcpy(to.c, from.c, (size_t)ka->m * sizeof(float));
}

void la_ka_empty(const la_ka *ka, la_ka_state st)
{
    memset(st.S, 0, (size_t)(ka->m * ka->p.dv) * sizeof(float));
    if (st.z) memset(st.z, 0, (size_t)ka->m * sizeof(float));
    for (int64_t i = 0; st.c && i < ka->m; i++) st.c[i] = -INFINITY;
}

static void state_in(const la_ka *ka, const la_io *io, int64_t i, la_ka_state to)
{
    if (io->state_in)
        la_ka_copy_state(ka, to, la_ka_part_at(ka, io->state_in, i));
    else
        la_ka_empty(ka, to);
}

void la_ka_begin(const la_ka *ka, const la_io *io, int64_t i, la_ka_state st)
{
    state_in(ka, io, i, st);
    la_ka_enter(ka, st);
}

void la_ka_end(const la_ka *ka, const la_io *io, int64_t i, la_ka_state st)
{
    if (!io->state_out) return;
    la_ka_leave(ka, st);
    la_ka_copy_state(ka, la_ka_part_at(ka, io->state_out, i), st);
}

void la_ka_save(const la_ka *ka, const la_io *io, int64_t u, la_ka_state st)
{
    if (io->saved) la_ka_copy_state(ka, la_ka_slot_at(ka, io->saved, u), st);
}

void la_ka_add(const la_ka *ka, la_ka_state to, la_ka_state a, la_ka_state b)
{
    const la_ka_sweeps *sweeps = la_ka_sweeps_get(ka->tile->isa);
    int64_t m = ka->m, dv = ka->p.dv;
    if (!to.c) {
        sweeps->add(m * dv, 1.0f, a.S, 1.0f, b.S, to.S);
        if (to.z) sweeps->add(m, 1.0f, a.z, 1.0f, b.z, to.z);
        return;
    }
    for (int64_t i = 0; i < m; i++) {
        float top = fmaxf(a.c[i], b.c[i]);
        float of_a = la_ka_ratio(a.c[i], top), of_b = la_ka_ratio(b.c[i], top);
        sweeps->add(dv, of_a, a.S + i * dv, of_b, b.S + i * dv, to.S + i * dv);
        to.z[i] = of_a * a.z[i] + of_b * b.z[i];
        to.c[i] = top;
    }
}

/* ---- tokens ---- */

float *la_ka_team_at(const la_ka *ka, const la_io *io)
{
    return la_ka_slots(ka, io) + ka->slots * ka->slot + ka->p.threads * ka->per_thread;
}

la_ka_buffers la_ka_buffers_of(const la_ka *ka, const la_io *io, int thread)
{
    float *base = la_ka_slots(ka, io) + ka->slots * ka->slot;
    return la_ka_buffers_at(ka, base + thread * ka->per_thread);
}

typedef void chunk_fn(const la_ka *, la_ka_state, const la_ka_rows *, const la_ka_buffers *);

/* Segment s of sequence i, chunk by chunk. */
static void sweep(const la_ka *ka, const la_io *io, int64_t i, int64_t s, chunk_fn *fn,
                  la_ka_state st, const la_ka_buffers *w)
{
    int64_t chunks = la_ka_chunks(ka);
    int64_t from = chunks * s / ka->segments, to = chunks * (s + 1) / ka->segments;
    for (int64_t c = from; c < to; c++) {
        if (fn == la_ka_chunk_causal) la_ka_save(ka, io, i * chunks + c, st);
        int64_t t = c * ka->chunk;
        unsigned wanted = (fn != la_ka_chunk_absorb ? LA_KA_Q : 0) |
                          (fn != la_ka_chunk_read ? LA_KA_K | LA_KA_V : 0);
        la_ka_rows rows = la_ka_chunk_rows(ka, io, i, c, wanted, w);
        rows.ahead = la_least(to * ka->chunk, ka->p.T) - t - rows.n;
        bool asks = fn == la_ka_chunk_causal && !ka->stabilised;
        if (!asks && c + 1 < to) la_ka_look_ahead(ka, io, i, c + 1, wanted);
        fn(ka, st, &rows, w);
        if (fn != la_ka_chunk_absorb)
            la_ka_put(ka, rows.n, ka->p.dv, rows.o, rows.ldv, io->o, la_ka_row(ka, i, t));
    }
}

void la_ka_forward_head(const la_ka *ka, const la_io *io, int64_t i, int thread, la_ka_state st)
{
    bool causal = ka->p.mask == LA_MASK_CAUSAL;
    la_ka_buffers w = la_ka_buffers_of(ka, io, thread);
    la_ka_begin(ka, io, i, st);
    sweep(ka, io, i, 0, causal ? la_ka_chunk_causal : la_ka_chunk_absorb, st, &w);
    if (!causal) la_ka_save(ka, io, i, st);
    if (!causal) sweep(ka, io, i, 0, la_ka_chunk_read, st, &w);
    la_ka_end(ka, io, i, st);
}

/* As many (batch, head) as threads, or more: each goes through its sequence alone. */
static void forward_by_heads(const la_ka *ka, const la_io *io)
{
#pragma omp parallel for num_threads(ka->p.threads) schedule(static)
    for (int64_t i = 0; i < ka->p.B * ka->p.H; i++) {
        int thread = omp_get_thread_num();
        la_ka_forward_head(ka, io, i, thread, slot_at(ka, io, thread));
    }
}

/* Every query sees every key: the sums of segments, the whole, then the outputs of segments. */
static void forward_by_segments(const la_ka *ka, const la_io *io)
{
    int64_t heads = ka->p.B * ka->p.H, segments = ka->segments;
#pragma omp parallel num_threads(ka->p.threads)
    {
        int thread = omp_get_thread_num();
        la_ka_buffers w = la_ka_buffers_of(ka, io, thread);
#pragma omp for schedule(static)
        for (int64_t u = 0; u < heads * segments; u++) {
            la_ka_empty(ka, slot_at(ka, io, u));
            sweep(ka, io, u / segments, u % segments, la_ka_chunk_absorb, slot_at(ka, io, u), &w);
        }
#pragma omp for schedule(static)
        for (int64_t i = 0; i < heads; i++) {
            la_ka_state total = slot_at(ka, io, heads * segments + thread);
            la_ka_begin(ka, io, i, total);
            for (int64_t s = 0; s < segments; s++)
                la_ka_add(ka, total, total, slot_at(ka, io, i * segments + s));
            la_ka_copy_state(ka, slot_at(ka, io, i * segments), total);
            la_ka_save(ka, io, i, total);
            la_ka_end(ka, io, i, total);
        }
#pragma omp for schedule(static)
        for (int64_t u = 0; u < heads * segments; u++)
            sweep(ka, io, u / segments, u % segments, la_ka_chunk_read,
                  slot_at(ka, io, u / segments * segments), &w);
    }
}

/* T tokens of every (batch, head), one after the other, in the outgoing state where there is one.
 * `if`: a token of small heads takes less time than waking the other threads. */
static void forward_by_steps(const la_ka *ka, const la_io *io)
{
    int64_t heads = ka->p.B * ka->p.H;
    bool large = heads * ka->m * ka->p.dv * ka->p.T > 1 << 16;
#pragma omp parallel for num_threads(ka->p.threads) schedule(static) if (large)
    for (int64_t i = 0; i < heads; i++) {
        int thread = omp_get_thread_num();
        la_ka_buffers w = la_ka_buffers_of(ka, io, thread);
        la_ka_state st =
            io->state_out ? la_ka_part_at(ka, io->state_out, i) : slot_at(ka, io, thread);
        state_in(ka, io, i, st);
        if (io->saved) { /* T is 1 */
            la_ka_save(ka, io, i, st);
            la_ka_enter(ka, la_ka_slot_at(ka, io->saved, i));
        }
        for (int64_t t = 0, n = la_ka_is_half(ka) ? 1 : ka->p.T; t < ka->p.T; t += n) {
            la_ka_rows rows = la_ka_rows_at(ka, io, i, t, n, LA_KA_Q | LA_KA_K | LA_KA_V, &w);
            la_ka_steps(ka, st, &rows, &w);
            la_ka_put(ka, n, ka->p.dv, rows.o, rows.ldv, io->o, la_ka_row(ka, i, t));
        }
    }
}

la_status la_ka_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const la_ka *ka = self;
    if (ka->prepare) ka->prepare(ka, io->params, io->work);
    if (ka->recurrent)
        forward_by_steps(ka, io);
    else if (ka->runners)
        la_ka_forward_by_turns(ka, io);
    else if (ka->parts)
        la_ka_forward_by_team(ka, io);
    else if (ka->segments == 1)
        forward_by_heads(ka, io);
    else
        forward_by_segments(ka, io);
    return LA_OK;
}
