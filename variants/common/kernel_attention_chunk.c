/* SPDX-License-Identifier: Apache-2.0
 * One chunk of kernel attention, and one token.
 */
#include <math.h>
#include <string.h>

#include "counts.h"
#include "kernel_attention.h"
#include "labench/simd.h"

extern const la_ka_sweeps la_ka_sweeps_generic, la_ka_sweeps_avx2, la_ka_sweeps_avx512;

const la_ka_sweeps *la_ka_sweeps_get(la_isa isa)
{
    return LA_ISA_TABLE(&la_ka_sweeps, isa);
}

static int64_t score_floats(const la_ka *ka)
{
    return la_most(la_whole_lines(ka->chunk * ka->chunk), LA_KA_STEP * LA_KA_STEP);
}

/* Only chunks that nothing stabilises turn the features of their keys. */
static int64_t turned_floats(const la_ka *ka)
{
    return ka->stabilised || ka->recurrent ? 0 : LA_KA_STEP * ka->m;
}

int64_t la_ka_buffer_floats(const la_ka *ka)
{
    int64_t inner = la_most(la_most(ka->m, ka->chunk), la_most(ka->p.dk, ka->p.dv + 1));
    return 2 * ka->chunk * ka->ldm + score_floats(ka) + turned_floats(ka) +
           2 * la_whole_lines(ka->chunk) + 4 * ka->ldm + la_ka_wide_floats(ka) +
           LA_TILE_SCRATCH(inner);
}

la_ka_buffers la_ka_buffers_at(const la_ka *ka, float *base)
{
    la_ka_buffers w;
    w.a = base;
    w.b = w.a + ka->chunk * ka->ldm;
    w.P = w.b + ka->chunk * ka->ldm;
    w.turned = w.P + score_floats(ka);
    w.shift = w.turned + turned_floats(ka);
    w.den = w.shift + la_whole_lines(ka->chunk);
    w.c = w.den + la_whole_lines(ka->chunk);
    w.R = w.c + ka->ldm;
    w.grown = w.R + ka->ldm;
    w.sums = w.grown + ka->ldm;
    w.wide = w.sums + ka->ldm;
    w.scratch = w.wide + la_ka_wide_floats(ka);
    return w;
}

void la_ka_features_of_queries(const la_ka *ka, const la_ka_rows *x, const la_ka_buffers *w)
{
    ka->features(ka, x->params, x->shared, x->head, x->n, x->q, x->ldk, w->a, NULL, w->scratch);
}

void la_ka_features_of_keys(const la_ka *ka, const la_ka_rows *x, const la_ka_buffers *w)
{
    ka->features(ka, x->params, x->shared, x->head, x->n, x->k, x->ldk, w->b, w->shift, w->scratch);
}

/* Rows of S, and z, times exp(sign (c - R ln 2)); empty rows stay as they are. */
static void rescale(const la_ka *ka, la_ka_state st, double sign)
{
    int64_t dv = ka->p.dv;
    for (int64_t i = 0; ka->stabilised && i < ka->m; i++) {
        if (!isfinite(st.c[i])) continue;
        double R = (double)la_ka_power(st.c[i]), ln2 = 0.693147180559945309;
        float factor = (float)exp(sign * ((double)st.c[i] - R * ln2));
        ka->tile->scale(dv, factor, st.S + i * dv, st.S + i * dv);
        st.z[i] *= factor;
    }
}

void la_ka_enter(const la_ka *ka, la_ka_state st)
{
    rescale(ka, st, 1.0);
}

void la_ka_leave(const la_ka *ka, la_ka_state st)
{
    rescale(ka, st, -1.0);
}

/* R and grown, from w->c and what it was before. */
static void rise(const la_ka *ka, const float *before, const la_ka_buffers *w)
{
    for (int64_t i = 0; i < ka->m; i++) {
        w->R[i] = la_ka_power(w->c[i]);
        w->grown[i] = la_ka_ratio(before[i], w->c[i]);
    }
}

/* w->b holds exponents without their shift. Makes them final, c the largest so far, R what the chunk is relative
 * to, and grown what brings the state there: 0 for a row that is still empty. */
static void new_maxima(const la_ka *ka, la_ka_state st, int64_t n, const la_ka_buffers *w)
{
    memcpy(w->c, st.c, (size_t)ka->m * sizeof(float));
    la_ka_sweeps_get(ka->tile->isa)->shift_max(n, ka->m, w->shift, w->b, ka->ldm, w->c);
    rise(ka, st.c, w);
}

/* What the member left in w->b for n keys becomes their features. */
static void settle_keys(const la_ka *ka, la_ka_state st, int64_t n, const la_ka_buffers *w)
{
    if (!ka->stabilised) return;
    new_maxima(ka, st, n, w);
    la_ka_sweeps_get(ka->tile->isa)->exp_keys(n, ka->m, w->R, w->b, ka->ldm);
}

void la_ka_keys(const la_ka *ka, la_ka_state st, const la_ka_rows *x, const la_ka_buffers *w)
{
    la_ka_features_of_keys(ka, x, w);
    settle_keys(ka, st, x->n, w);
}

void la_ka_queries_of_sum(const la_ka *ka, la_ka_state st, const la_ka_rows *x,
                          const la_ka_buffers *w)
{
    la_ka_features_of_queries(ka, x, w);
    if (ka->stabilised) {
        for (int64_t i = 0; i < ka->m; i++) w->R[i] = la_ka_power(st.c[i]);
        la_ka_sweeps_get(ka->tile->isa)->exp_queries(x->n, ka->m, w->R, w->a, ka->ldm);
    }
    if (st.z) ka->tile->mv(x->n, ka->m, 1.0f, w->a, ka->ldm, st.z, false, w->den);
}

/* Rows of x [n,m] times `factors`, where one of these is not 1. */
static void times_rows(const la_ka *ka, int64_t n, const float *factors, float *x)
{
    bool some = false;
    for (int64_t i = 0; i < ka->m; i++) some = some || factors[i] != 1.0f;
    for (int64_t j = 0; some && j < n; j++)
        ka->tile->mul(ka->m, x + j * ka->ldm, factors, x + j * ka->ldm);
}

/* w->sums = 1' B */
static void sum_keys(const la_ka *ka, int64_t n, const la_ka_buffers *w)
{
    memset(w->sums, 0, (size_t)ka->m * sizeof(float));
    for (int64_t j = 0; j < n; j++) ka->tile->axpy(ka->m, 1.0f, w->b + j * ka->ldm, w->sums);
}

/* S += B' V, z += w->sums; a stabilised state moves to the new maxima first. */
static void add_to_state(const la_ka *ka, la_ka_state st, const la_ka_rows *x,
                         const la_ka_buffers *w)
{
    int64_t m = ka->m, dv = ka->p.dv;
    if (ka->stabilised) {
        for (int64_t i = 0; i < m; i++) {
            if (w->grown[i] == 1.0f) continue;
            ka->tile->scale(dv, w->grown[i], st.S + i * dv, st.S + i * dv);
            st.z[i] *= w->grown[i];
        }
        memcpy(st.c, w->c, (size_t)m * sizeof(float));
    }
    ka->tile->tn(m, dv, x->n, 1.0f, w->b, ka->ldm, x->v, x->ldv, true, st.S, dv, w->scratch);
    if (st.z) ka->tile->axpy(m, 1.0f, w->sums, st.z);
}

/* o_i *= read_scale / (den_i + eps) */
static void finish_rows(const la_ka *ka, const la_ka_rows *x, const float *den)
{
    for (int64_t i = 0; i < x->n; i++) {
        float factor = ka->normalize ? ka->read_scale / (den[i] + ka->eps) : ka->read_scale;
        if (factor != 1.0f) ka->tile->scale(ka->p.dv, factor, x->o + i * x->ldv, x->o + i * x->ldv);
    }
}

/* Y [n, N] += lower triangle P [n, ldp] times B, by blocks of rows. */
static void lower_times(const la_ka *ka, int64_t n, int64_t N, const float *P, int64_t ldp,
                        const float *B, int64_t ldb, float *Y, int64_t ldy, float *scratch)
{
    for (int64_t i = 0; i < n; i += LA_KA_BLOCK) {
        int64_t rows = n - i < LA_KA_BLOCK ? n - i : LA_KA_BLOCK;
        ka->tile->nn(rows, N, i + rows, 1.0f, P + i * ldp, ldp, B, ldb, true, Y + i * ldy, ldy,
                     scratch);
    }
}

/* From the features of keys and the exponents of queries: A (relative to the state's own maxima), P, and
 * the sums of its rows in w->den. */
static void weights(const la_ka *ka, int64_t n, const la_ka_buffers *w)
{
    const la_tile *tile = ka->tile;
    int64_t m = ka->m, ldm = ka->ldm, C = ka->chunk;
    la_ka_sweeps_get(tile->isa)->exp_queries(n, m, w->R, w->a, ldm);
    for (int64_t j = 0; j < n; j += LA_KA_BLOCK) { /* what is below and right of the diagonal */
        int64_t columns = n - j < LA_KA_BLOCK ? n - j : LA_KA_BLOCK;
        tile->nt(n - j, columns, m, 1.0f, w->a + j * ldm, ldm, w->b + j * ldm, ldm, false,
                 w->P + j * C + j, C, w->scratch);
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t end = i / LA_KA_BLOCK * LA_KA_BLOCK + LA_KA_BLOCK;
        if (end > n) end = n;
        memset(w->P + i * C + i + 1, 0, (size_t)(end - i - 1) * sizeof(float));
        w->den[i] = tile->sum(i + 1, w->P + i * C);
    }
    times_rows(ka, n, w->grown, w->a);
}

/* One token whose features (or exponents) are in a and b; both are overwritten. */
static void step(const la_ka *ka, la_ka_state st, float *a, float *b, const float *v, float *o)
{
    const la_tile *tile = ka->tile;
    int64_t m = ka->m, dv = ka->p.dv;
    if (ka->stabilised) {
        for (int64_t i = 0; i < m; i++) {
            if (!(b[i] > st.c[i])) continue;
            float grown = (float)exp((double)st.c[i] - (double)b[i]);
            tile->scale(dv, grown, st.S + i * dv, st.S + i * dv);
            st.z[i] *= grown;
            st.c[i] = b[i];
        }
        tile->axpy(m, -1.0f, st.c, b);
        tile->exp_sum(m, 1.0f, 0.0f, b, b);
        tile->axpy(m, 1.0f, st.c, a);
        tile->exp_sum(m, 1.0f, -tile->max(m, a), a, a);
    }
    float factor = ka->read_scale;
    if (st.z) {
        tile->axpy(m, 1.0f, b, st.z);
        if (ka->normalize) factor /= tile->dot(m, a, st.z) + ka->eps;
    }
    tile->decay_rank1_vm(m, dv, 1.0f, b, v, st.S, dv, factor, a, o);
}

void la_ka_steps(const la_ka *ka, la_ka_state st, const la_ka_rows *rows, const la_ka_buffers *w)
{
    for (int64_t t = 0; t < rows->n; t++) {
        la_ka_rows one = *rows;
        one.n = 1;
        one.q += t * rows->ldk;
        one.k += t * rows->ldk;
        one.shared = NULL;
        la_ka_features_of_queries(ka, &one, w);
        la_ka_features_of_keys(ka, &one, w);
        for (int64_t i = 0; ka->stabilised && i < ka->m; i++) w->b[i] -= w->shift[0];
        step(ka, st, w->a, w->b, rows->v + t * rows->ldv, rows->o + t * rows->ldv);
    }
}

/* The chunk token by token, each row relative to what it sees and nothing later: for chunks whose
 * exponents leap so far that early rows would underflow beside them. Exponents are made again by the
 * calls that made them before. */
static void chunk_by_steps(const la_ka *ka, la_ka_state st, const la_ka_rows *x,
                           const la_ka_buffers *w)
{
    la_ka_features_of_queries(ka, x, w);
    la_ka_features_of_keys(ka, x, w);
    new_maxima(ka, st, x->n, w);
    la_ka_leave(ka, st);
    for (int64_t t = 0; t < x->n; t++)
        step(ka, st, w->a + t * ka->ldm, w->b + t * ka->ldm, x->v + t * x->ldv, x->o + t * x->ldv);
    la_ka_enter(ka, st);
}

la_ka_rows la_ka_few_rows(const la_ka_rows *x, int64_t t, int64_t most)
{
    la_ka_rows few = *x;
    few.n = x->n - t < most ? x->n - t : most;
    few.ahead = x->n - t - few.n + x->ahead;
    few.q += t * x->ldk, few.k += t * x->ldk;
    few.v += t * x->ldv, few.o += t * x->ldv;
    return few;
}

static la_ka_plain plain_of(const la_ka *ka, la_ka_state st, la_ka_state next, const la_ka_rows *x,
                            unsigned asks, const la_ka_buffers *w)
{
    return (la_ka_plain){.tile = ka->tile,
                         .n = x->n,
                         .m = ka->m,
                         .dk = ka->p.dk,
                         .dv = ka->p.dv,
                         .ldm = ka->ldm,
                         .ldk = x->ldk,
                         .ldv = x->ldv,
                         .ahead = x->ahead,
                         .asks = la_ka_is_half(ka) ? 0 : asks,
                         .a = w->a,
                         .b = w->b,
                         .q = x->q,
                         .k = x->k,
                         .v = x->v,
                         .o = x->o,
                         .S = st.S,
                         .z = st.z,
                         .next_S = next.S,
                         .next_z = next.z,
                         .apart = ka->slot,
                         .turned = w->turned,
                         .P = w->P,
                         .factor = w->den,
                         .eps = ka->eps,
                         .read_scale = ka->read_scale};
}

/* Without a stabiliser nothing is shared by the tokens of a chunk, and few at a time are cheaper. */
static void chunk_plain(const la_ka *ka, la_ka_state st, const la_ka_rows *x,
                        const la_ka_buffers *w)
{
    la_isa isa = ka->tile->isa;
    for (int64_t t = 0; t < x->n; t += LA_KA_STEP) {
        la_ka_rows few = la_ka_few_rows(x, t, LA_KA_STEP);
        la_ka_plain plain = plain_of(ka, st, st, &few, LA_KA_Q | LA_KA_K | LA_KA_V, w);
        la_ka_features_of_queries(ka, &few, w);
        la_ka_features_of_keys(ka, &few, w);
        LA_ISA_TABLE(la_ka_plain_scores, isa)(&plain);
        LA_ISA_TABLE(la_ka_plain_carry, isa)(&plain);
    }
}

/* Outputs from A, B, P and the state before them. False: some denominator is too small to trust, and the
 * chunk went token by token, the state with it. */
static bool outputs(const la_ka *ka, la_ka_state st, const la_ka_rows *x, const la_ka_buffers *w)
{
    const la_tile *tile = ka->tile;
    int64_t n = x->n, m = ka->m, dv = ka->p.dv;
    tile->mv(n, m, 1.0f, w->a, ka->ldm, st.z, true, w->den);
    for (int64_t i = 0; i < n; i++) {
        if (w->den[i] >= LA_KA_SMALLEST_DENOMINATOR) continue;
        chunk_by_steps(ka, st, x, w);
        return false;
    }
    tile->nn(n, dv, m, 1.0f, w->a, ka->ldm, st.S, dv, false, x->o, x->ldv, w->scratch);
    lower_times(ka, n, dv, w->P, ka->chunk, x->v, x->ldv, x->o, x->ldv, w->scratch);
    finish_rows(ka, x, w->den);
    return true;
}

void la_ka_chunk_causal(const la_ka *ka, la_ka_state st, const la_ka_rows *x,
                        const la_ka_buffers *w)
{
    if (!ka->stabilised) {
        chunk_plain(ka, st, x, w);
        return;
    }
    la_ka_features_of_queries(ka, x, w);
    la_ka_keys(ka, st, x, w);
    weights(ka, x->n, w);
    if (!outputs(ka, st, x, w)) return;
    sum_keys(ka, x->n, w);
    add_to_state(ka, st, x, w);
}

int64_t la_ka_step_tokens(const la_ka *ka)
{
    return ka->stabilised ? ka->chunk : LA_KA_STEP;
}

int64_t la_ka_steps_of(const la_ka *ka, int64_t chunks)
{
    int64_t step = la_ka_step_tokens(ka);
    return chunks * ((ka->chunk + step - 1) / step);
}

/* The features are there. */
static void absorb(const la_ka *ka, la_ka_state st, const la_ka_rows *x, const la_ka_buffers *w)
{
    if (st.z) sum_keys(ka, x->n, w);
    add_to_state(ka, st, x, w);
}

void la_ka_step_absorb(const la_ka *ka, la_ka_state from, la_ka_state to, const la_ka_rows *x,
                       const la_ka_buffers *w)
{
    if (ka->stabilised) {
        la_ka_copy_state(ka, to, from);
        settle_keys(ka, to, x->n, w);
        absorb(ka, to, x, w);
        return;
    }
    la_ka_plain plain = plain_of(ka, from, to, x, LA_KA_V, w);
    plain.o = NULL;
    LA_ISA_TABLE(la_ka_plain_carry, ka->tile->isa)(&plain);
}

void la_ka_step_read(const la_ka *ka, la_ka_state before, la_ka_state kept, const la_ka_rows *x,
                     const la_ka_buffers *w)
{
    la_isa isa = ka->tile->isa;
    la_ka_features_of_queries(ka, x, w);
    if (!ka->stabilised) {
        la_ka_plain plain = plain_of(ka, before, (la_ka_state){NULL, NULL, NULL}, x, LA_KA_Q, w);
        LA_ISA_TABLE(la_ka_plain_scores, isa)(&plain);
        LA_ISA_TABLE(la_ka_plain_carry, isa)(&plain);
        return;
    }
    for (int64_t i = 0; i < ka->m; i++) w->c[i] = fmaxf(before.c[i], kept.c[i]);
    rise(ka, before.c, w);
    float *lowered = w->sums; /* B is relative to maxima that may have been lower */
    for (int64_t i = 0; i < ka->m; i++) lowered[i] = la_ka_ratio(kept.c[i], w->c[i]);
    times_rows(ka, x->n, lowered, w->b);
    weights(ka, x->n, w);
    outputs(ka, before, x, w);
}

void la_ka_chunk_absorb(const la_ka *ka, la_ka_state st, const la_ka_rows *x,
                        const la_ka_buffers *w)
{
    la_ka_keys(ka, st, x, w);
    absorb(ka, st, x, w);
}

void la_ka_chunk_read(const la_ka *ka, la_ka_state st, const la_ka_rows *x, const la_ka_buffers *w)
{
    la_ka_queries_of_sum(ka, st, x, w);
    ka->tile->nn(x->n, ka->p.dv, ka->m, 1.0f, w->a, ka->ldm, st.S, ka->p.dv, false, x->o, x->ldv,
                 w->scratch);
    finish_rows(ka, x, w->den);
}
