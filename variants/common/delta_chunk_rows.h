/* SPDX-License-Identifier: Apache-2.0
 * The products of the chunk form in registers, for files that are compiled once per instruction set; the
 * mathematics is in delta_chunk_isa.c. All of them are outer products of a few broadcast elements with
 * vectors of a row: rows of U, rows of O, rows of S.
 */
#ifndef LA_DELTA_CHUNK_ROWS_H
#define LA_DELTA_CHUNK_ROWS_H

#include "delta_chunk.h"
#include "labench/simd.h"
#include "register_block.h"

/* Sums in registers: rows times vectors of each, which must cover the latency of a multiply-add on two
 * pipes. Slices of few columns take more rows. */
#if defined(__AVX512F__)
#define V    4
#define SUMS 16
#else
#define V    2
#define SUMS 8
#endif

/* Rows that are asked for while a chunk is computed: those of the next one, or, of widened rows, those in bf16 that
 * will be widened next. */
typedef struct coming {
    const char *q, *k, *v, *o;
    int64_t qk_step, v_step; /* bytes from one row to the next */
    int64_t rows, size;      /* how many there are; bytes of an element */
} coming;

/* One chunk of n tokens and its scratch: leading dimensions C of L, P and W of S, U. */
typedef struct chunk {
    const la_delta_slice *x;
    la_chunk_decay decay;
    la_chunk_ready r;
    int64_t n, C, W;
    int64_t ahead; /* tokens after this chunk */
    bool asks;     /* for rows of q and k to come: this thread is the first to read them */
    const float *q, *k, *v;
    float *o;
    float *S, *S_after; /* S before the chunk, and where it goes: in place, or elsewhere */
    float *U, *written; /* U, and as S takes it: the same, or another place where tokens decay */
    /* q and k as they meet S: themselves, or by channel the prepared copies */
    const float *q_in, *k_in, *k_out;
    int64_t row;
    coming next;
    const float *ready; /* the next prepared chunk, which another core may have made; or NULL */
    int64_t lines;      /* of it for each group of rows, so that all are asked for by the end */
} chunk;

LA_INLINE void clear(int n, la_vf *sum)
{
#pragma GCC unroll 16
    for (int i = 0; i < n; i++) sum[i] = la_v_set(0.0f);
}

/* ---- U and O ---- */

/* Asks for elements [j, j + n) of `rows` rows that come, from number i on. Rows come in groups, with long
 * stretches of arithmetic between: too irregular for the hardware to see them coming. One tensor at a
 * time, since a core waits when more than about 20 lines are on their way. */
LA_INLINE void prefetch(const chunk *c, const char *p, int64_t i, int64_t rows, int64_t step,
                        int64_t j, int64_t n)
{
    const int64_t size = c->next.size;
    for (int64_t m = i; m < i + rows && m < c->next.rows; m++)
        la_ask_for(p + m * step + j * size, n * size);
}

LA_INLINE void prefetch_queries(const chunk *c, int64_t i, int64_t rows)
{
    prefetch(c, c->next.q, i, rows, c->next.qk_step, 0, c->x->dk);
}

LA_INLINE void prefetch_keys(const chunk *c, int64_t i, int64_t rows)
{
    prefetch(c, c->next.k, i, rows, c->next.qk_step, 0, c->x->dk);
}

LA_INLINE void prefetch_values(const chunk *c, const char *p, int64_t i, int64_t rows, int64_t j,
                               int vecs)
{
    prefetch(c, p, i, rows, c->next.v_step, j, vecs * LA_VW);
}

/* Asks for the part of the next prepared chunk that falls to group number `at` of rows. */
LA_INLINE void ask(const chunk *c, int64_t at)
{
    if (c->ready) la_ask_for(c->ready + at * c->lines * 16, c->lines * 64);
}

/* Rows [i, i + rows) of U at columns [j, j + vecs vectors), of which the last has `last`. */
LA_INLINE void update_rows(const chunk *c, int64_t i, int64_t j, int rows, int vecs, int64_t last,
                           bool delta, bool by_token)
{
    int64_t dk = c->x->dk, row = c->row, v_row = c->x->v_row;
    const float *S = c->S + j;
    float *U = c->U + j;
    if (j == 0 && c->asks) prefetch_keys(c, i, rows);
    la_vf sum[SUMS];
    clear(rows * vecs, sum);
    if (delta) la_block_add(rows, vecs, LA_VW, dk, c->k_in + i * row, row, 1, S, c->W, sum);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            const float *from = c->v + (i + m) * v_row + j + v * LA_VW;
            la_vf value = v + 1 < vecs || last == LA_VW ? la_v_load(from) : la_v_load_n(from, last);
            la_vf held = sum[m * vecs + v];
            if (by_token) held = la_v_set(c->r.in[i + m]) * held;
            if (delta) value = value - held;
            sum[m * vecs + v] = la_v_set(c->r.weight[i + m]) * value;
        }
    if (delta) {
        const float *L = c->r.L + i * c->C;
        la_block_add(rows, vecs, LA_VW, i, L, c->C, 1, U, c->W, sum);
        la_block_solve(rows, vecs, L + i, c->C, sum);
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            la_v_store(U + (i + m) * c->W + v * LA_VW, sum[m * vecs + v]);
}

/* The same rows of O, given U up to them. */
LA_INLINE void output_rows(const chunk *c, int64_t i, int64_t j, int rows, int vecs, int64_t last,
                           bool delta, bool by_token)
{
    int64_t dk = c->x->dk, row = c->row, v_row = c->x->v_row;
    const float *S = c->S + j, *U = c->U + j;
    la_vf sum[SUMS];
    if (delta && j == 0 && c->asks) prefetch_queries(c, i, rows);
    clear(rows * vecs, sum);
    la_block_add(rows, vecs, LA_VW, dk, c->q_in + i * row, row, 1, S, c->W, sum);
    if (!delta && j == 0 && c->asks) prefetch_queries(c, i, rows);
    if (by_token)
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) sum[m * vecs + v] *= la_v_set(c->r.in[i + m]);
    la_block_add(rows, vecs, LA_VW, i + rows, c->r.P + i * c->C, c->C, 1, U, c->W, sum);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            float *to = c->o + (i + m) * v_row + j + v * LA_VW;
            la_vf o = la_v_set(c->x->scale) * sum[m * vecs + v];
            if (v + 1 < vecs || last == LA_VW)
                la_v_store(to, o);
            else
                la_v_store_n(to, o, last);
        }
}

/* ---- S ---- */

/* Rows [r, r + rows) of S <- exp(G_n) S + K' U, where exp(G_n - G_i) is in K or in U already. S comes last: the
 * sums do not wait for it, and its decay costs nothing beside the addition. */
LA_INLINE void carry_rows(const chunk *c, int64_t r, int64_t j, int rows, int vecs)
{
    la_vf sum[SUMS];
    const float *S = c->S + r * c->W + j;
    float *to = c->S_after + r * c->W + j;
    clear(rows * vecs, sum);
    la_block_add(rows, vecs, LA_VW, c->n, c->k_out + r, 1, c->row, c->written + j, c->W, sum);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
        la_vf whole = la_v_set(c->r.whole[c->decay == LA_BY_CHANNEL ? r + m : 0]);
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            int64_t at = m * c->W + v * LA_VW;
            la_v_store(to + at, la_v_fma(whole, la_v_load(S + at), sum[m * vecs + v]));
        }
    }
}

/* The same rows of O, which lack what S adds to them. */
LA_INLINE void mend_rows(const chunk *c, int64_t i, int64_t j, int rows, int vecs, int64_t last)
{
    int64_t v_row = c->x->v_row;
    float *to = c->o + i * v_row + j;
    la_vf sum[SUMS];
    if (j == 0) prefetch_queries(c, i, rows);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            const float *from = to + m * v_row + v * LA_VW;
            sum[m * vecs + v] =
                v + 1 < vecs || last == LA_VW ? la_v_load(from) : la_v_load_n(from, last);
        }
    la_block_add(rows, vecs, LA_VW, c->x->dk, c->q_in + i * c->row, c->row, 1, c->S + j, c->W, sum);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            float *o = to + m * v_row + v * LA_VW;
            if (v + 1 < vecs || last == LA_VW)
                la_v_store(o, sum[m * vecs + v]);
            else
                la_v_store_n(o, sum[m * vecs + v], last);
        }
}

/* ---- a chunk, block of columns by block of columns ---- */

/* What a pass over a chunk makes. Whole: group by group of rows, while they are in cache. */
typedef enum chunk_part { UPDATE = 1, OUTPUT = 2, WHOLE = 3, MEND = 4 } chunk_part;

/* U as S takes it, where tokens decay to the end of the chunk. */
LA_INLINE void decay_updates(const chunk *c, int64_t j, int vecs)
{
    for (int64_t i = 0; i < c->n; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            int64_t at = i * c->W + j + v * LA_VW;
            la_v_store(c->written + at, la_v_set(c->r.out[i]) * la_v_load(c->U + at));
        }
}

LA_INLINE void columns(const chunk *c, int64_t j, int rows, int vecs, int64_t last, bool delta,
                       bool by_token, chunk_part part)
{
    int64_t i = 0;
    for (; i + rows <= c->n; i += rows) {
        if (j == 0) ask(c, i / rows);
        if (part & UPDATE) update_rows(c, i, j, rows, vecs, last, delta, by_token);
        if (part & OUTPUT) output_rows(c, i, j, rows, vecs, last, delta, by_token);
        if (part == MEND) mend_rows(c, i, j, rows, vecs, last);
        if (!(part & UPDATE)) prefetch_values(c, c->next.o, i, rows, j, vecs);
    }
    for (; i < c->n; i++) {
        if (part & UPDATE) update_rows(c, i, j, 1, vecs, last, delta, by_token);
        if (part & OUTPUT) output_rows(c, i, j, 1, vecs, last, delta, by_token);
        if (part == MEND) mend_rows(c, i, j, 1, vecs, last);
    }
    if (!(part & UPDATE)) return;
    if (by_token) decay_updates(c, j, vecs);
    int64_t r = 0, dk = c->x->dk;
    for (; r + rows <= dk; r += rows) {
        int64_t from = r * c->n / dk, some = (r + rows) * c->n / dk - from;
        if (j == 0) ask(c, (c->n + r) / rows);
        prefetch_values(c, c->next.v, from, some, j, vecs);
        if (part & OUTPUT) prefetch_values(c, c->next.o, from, some, j, vecs);
        if (part == UPDATE && j == 0 && c->asks) prefetch_queries(c, from, some);
        carry_rows(c, r, j, rows, vecs);
    }
    for (; r < dk; r++) carry_rows(c, r, j, 1, vecs);
}

LA_INLINE void one_chunk(const chunk *c, bool delta, bool by_token, chunk_part part)
{
    int64_t j = 0, w = c->x->w;
    const int few = LA_VW >= 8 ? 8 : 4;
    for (; j + V * LA_VW <= w; j += V * LA_VW) columns(c, j, 4, V, LA_VW, delta, by_token, part);
    for (; V > 2 && j + 2 * LA_VW <= w; j += 2 * LA_VW)
        columns(c, j, few, 2, LA_VW, delta, by_token, part);
    for (; j < w; j += LA_VW)
        columns(c, j, few, 1, w - j < LA_VW ? w - j : LA_VW, delta, by_token, part);
}

/* ---- where a chunk is ---- */

/* Rows of x from token t on. */
LA_INLINE coming rows_from(const la_delta_slice *x, int64_t t, int64_t size)
{
    const int64_t qk_step = x->qk_row * size, v_step = x->v_row * size;
    return (coming){.q = (const char *)x->q + t * qk_step,
                    .k = (const char *)x->k + t * qk_step,
                    .v = (const char *)x->v + t * v_step,
                    .o = (const char *)x->o + t * v_step,
                    .qk_step = qk_step,
                    .v_step = v_step,
                    .rows = x->T - t,
                    .size = size};
}

/* Its rows, and what is prepared for it but copies. */
LA_INLINE void enter_chunk(chunk *c, int64_t t, float *ready)
{
    const la_delta_slice *x = c->x;
    c->r = la_chunk_ready_at(x->dk, x->chunk, ready);
    c->n = x->T - t < x->chunk ? x->T - t : x->chunk;
    c->ahead = x->T - t - c->n;
    c->q = x->q + t * x->qk_row, c->k = x->k + t * x->qk_row;
    c->v = x->v + t * x->v_row, c->o = x->o + t * x->v_row;
    c->q_in = c->q, c->k_in = c->k_out = c->k;
    c->row = x->qk_row;
    if (x->origin)
        c->next = rows_from(x->origin, x->next + t, sizeof(la_bf16));
    else
        c->next = rows_from(x, t + c->n, sizeof(float));
}

LA_INLINE void use_copies(chunk *c)
{
    c->q_in = c->r.q, c->k_in = c->r.k_in, c->k_out = c->r.k_out;
    c->row = la_delta_up(c->x->dk);
}

#endif
