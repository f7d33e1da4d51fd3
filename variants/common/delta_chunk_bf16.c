/* SPDX-License-Identifier: Apache-2.0
 * The chunk form of bfloat16 rows: delta_chunk_isa.c with products of pairs. Compiled for AVX-512 with
 * bf16 dot products, and for AMX, where delta_chunk_tiles.h computes a chunk. S and all sums are float32;
 * what enters a product is rounded, S too, as a product reads it:
 *
 *   U = (I + L)^{-1} diag(beta) (V - diag(exp G) K S)       pairs of channels; L of earlier rows: of tokens
 *   O = s (diag(exp G) Q S + P U)                           pairs of channels; pairs of tokens
 *   S <- exp(G_C) S + (diag(exp(G_C - G)) K)' U             pairs of tokens
 *
 * Everything is padded with zeros: channels, columns, and the last chunk's tokens, so no loop is ragged.
 */
#include "delta_packed.h"
#include "register_block.h"

#define SUMS 16

/* One chunk of n tokens; leading dimensions W of S, S2, U. */
typedef struct chunk {
    const la_delta_slice *x;
    la_packed r;
    int64_t n, C, K, W;
    int64_t ahead; /* tokens after this chunk */
    bool alone;    /* this thread prepares its chunks, each just before its scan */
    const la_bf16 *q, *k, *v;
    la_bf16 *o;
    float *S;    /* [K,W] */
    la_pair *S2; /* [K/2,W]: S as products read it */
    la_pair *U;  /* [C/2,W] */
} chunk;

/* Asks for `rows` rows of `bytes` from token i of the next chunk, as delta_chunk_rows.h does. */
LA_INLINE void prefetch(const chunk *c, const void *p, int64_t i, int64_t rows, int64_t row,
                        int64_t bytes)
{
    for (int64_t m = i; m < i + rows && m < c->ahead; m++)
        la_ask_for((const char *)p + (c->n + m) * row, bytes);
}

/* The same of q or k, where this thread is the one to prepare it. */
LA_INLINE void prefetch_keys(const chunk *c, const la_bf16 *p, int64_t i, int64_t rows)
{
    if (c->alone) prefetch(c, p, i, rows, c->x->qk_row * 2, c->x->dk * 2);
}

#if defined(__AMX_BF16__)
#include "delta_chunk_tiles.h"
#else
/* sum[m][v] += a_mi . B_i over i < pairs, a_mi = a[m down + i along] */
LA_INLINE void multiply(int rows, int vecs, int64_t pairs, const la_pair *a, int64_t down,
                        int64_t along, const la_pair *B, int64_t ldb, la_vf *sum)
{
    for (int64_t i = 0; i < pairs; i++, a += along, B += ldb) {
        la_vb b[4];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) b[v] = la_v_pairs(B + v * LA_VW);
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[m * vecs + v] = la_v_dot2(la_v_pair(a[m * down]), b[v], sum[m * vecs + v]);
    }
}

LA_INLINE void clear(int n, la_vf *sum)
{
#pragma GCC unroll 16
    for (int i = 0; i < n; i++) sum[i] = la_v_set(0.0f);
}

/* V less what S holds, weighted, in place of the products. */
LA_INLINE void residual(const chunk *c, int64_t i, int64_t j, int rows, int vecs, int64_t last,
                        bool delta, la_vf *sum)
{
    const int64_t v_row = c->x->v_row;
    const la_bf16 *from = c->v + i * v_row + j;
    const float *in = c->r.in + i, *weight = c->r.weight + i;
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++, from += v_row) {
        bool there = i + m < c->n;
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            int64_t some = !there ? 0 : v + 1 < vecs ? LA_VW : last;
            la_vf value = la_v_load_bf16_n(from + v * LA_VW, some);
            if (delta) value = value - la_v_set(in[m]) * sum[m * vecs + v];
            sum[m * vecs + v] = la_v_set(weight[m]) * value;
        }
    }
}

/* `rows` rows of U: what they owe to the earlier ones, then to each other. */
LA_INLINE void solve(const chunk *c, int64_t i, int rows, int vecs, const la_pair *U, la_vf *sum)
{
    const int64_t C = c->C;
    multiply(rows, vecs, i / 2, (const la_pair *)c->r.L2 + i * C / 2, C / 2, 1, U, c->W, sum);
    la_block_solve(rows, vecs, c->r.L + i * C + i, C, sum);
}

/* Rows of sums as rows of pairs, W apart. */
LA_INLINE void store_pairs(int rows, int vecs, const la_vf *sum, la_pair *to, int64_t W)
{
#pragma GCC unroll 4
    for (int m = 0; m < rows; m += 2, to += W)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            la_packed_store(to + v * LA_VW,
                            la_packed_pair(sum[m * vecs + v], sum[(m + 1) * vecs + v]));
}

/* Rows of sums into those of O that exist. */
LA_INLINE void store_rows(const chunk *c, int64_t i, int64_t j, int rows, int vecs, int64_t last,
                          const la_vf *sum)
{
    const int64_t v_row = c->x->v_row;
    const la_vf s = la_v_set(c->x->scale);
    la_bf16 *to = c->o + i * v_row + j;
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++, to += v_row) {
        if (i + m >= c->n) continue;
        if (vecs == 1) la_v_store_bf16_n(to, s * sum[m], last);
#pragma GCC unroll 2
        for (int v = 0; v + 1 < vecs; v += 2)
            _mm512_storeu_si512(
                to + v * LA_VW,
                (__m512i)_mm512_cvtne2ps_pbh(s * sum[m * vecs + v + 1], s * sum[m * vecs + v]));
    }
}

/* Rows [i, i + rows) of U and O at columns [j, j + vecs vectors), of which one alone has `last`. */
LA_INLINE void token_rows(const chunk *c, int64_t i, int64_t j, int rows, int vecs, int64_t last,
                          bool delta)
{
    const int64_t K2 = c->K / 2, C2 = c->C / 2, W = c->W;
    const la_pair *S = c->S2 + j;
    la_pair *U = c->U + j;
    la_vf sum[SUMS];
    clear(rows * vecs, sum);
    if (delta) multiply(rows, vecs, K2, (const la_pair *)c->r.k + i * K2, K2, 1, S, W, sum);
    residual(c, i, j, rows, vecs, last, delta, sum);
    if (j == 0) prefetch_keys(c, c->k, i, rows);
    if (delta) solve(c, i, rows, vecs, U, sum);
    store_pairs(rows, vecs, sum, U + i / 2 * W, W);

    if (j == 0) prefetch_keys(c, c->q, i, rows);
    const float *in = c->r.in + i;
    clear(rows * vecs, sum);
    multiply(rows, vecs, K2, (const la_pair *)c->r.q + i * K2, K2, 1, S, W, sum);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) sum[m * vecs + v] *= la_v_set(in[m]);
    multiply(rows, vecs, (i + rows) / 2, (const la_pair *)c->r.P + i * C2, C2, 1, U, W, sum);
    store_rows(c, i, j, rows, vecs, last, sum);
}

/* Rows [r, r + rows) of S and S2. What the chunk's tokens give decays with S where it has not yet. */
LA_INLINE void carry_rows(const chunk *c, int64_t r, int64_t j, int rows, int vecs, bool undecayed)
{
    const int64_t W = c->W;
    const float *whole = c->r.whole + r;
    float *S = c->S + r * W + j;
    la_vf sum[SUMS];
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            sum[m * vecs + v] = la_v_load(S + m * W + v * LA_VW);
            if (!undecayed) sum[m * vecs + v] *= la_v_set(whole[m]);
        }
    multiply(rows, vecs, c->C / 2, c->r.k_out + r, 1, c->K, c->U + j, W, sum);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            if (undecayed) sum[m * vecs + v] *= la_v_set(whole[m]);
            la_v_store(S + m * W + v * LA_VW, sum[m * vecs + v]);
        }
    store_pairs(rows, vecs, sum, c->S2 + r / 2 * W + j, W);
}

LA_INLINE void carry(const chunk *c, int64_t j, int rows, int vecs, bool undecayed)
{
    int64_t v_row = c->x->v_row * 2, some = (c->n * rows + c->K - 1) / c->K;
    for (int64_t r = 0, i = 0; r < c->K; r += rows, i += some) {
        int64_t left = c->n - i < some ? c->n - i : some;
        prefetch(c, c->v + j, i, left, v_row, vecs * LA_VW * 2);
        prefetch(c, c->o + j, i, left, v_row, vecs * LA_VW * 2);
        carry_rows(c, r, j, rows, vecs, undecayed);
    }
}

LA_INLINE void columns(const chunk *c, int64_t j, int rows, int vecs, int64_t last, bool delta)
{
    for (int64_t i = 0; i < c->n; i += rows) token_rows(c, i, j, rows, vecs, last, delta);
    int64_t done = (c->n + rows - 1) / rows * rows;
    for (int64_t i = done; i < c->C; i += 2) /* tokens that pad the chunk write nothing */
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            la_packed_store(c->U + i / 2 * c->W + j + v * LA_VW, la_v_pair(0));
    if (c->r.undecayed[0] != 0.0f)
        carry(c, j, rows, vecs, true);
    else
        carry(c, j, rows, vecs, false);
}

LA_INLINE void one_chunk(const chunk *c, bool delta)
{
    int64_t j = 0, w = c->x->w;
    for (; j + 4 * LA_VW <= w; j += 4 * LA_VW) columns(c, j, 4, 4, LA_VW, delta);
    for (; j + 2 * LA_VW <= w; j += 2 * LA_VW) columns(c, j, 8, 2, LA_VW, delta);
    for (; j < w; j += LA_VW) columns(c, j, 8, 1, w - j < LA_VW ? w - j : LA_VW, delta);
}

#endif

static void delta_chunk(const chunk *c)
{
    one_chunk(c, true);
}

static void additive_chunk(const chunk *c)
{
    one_chunk(c, false);
}

/* ---- chunk by chunk ---- */

static chunk begin(const la_delta_slice *x)
{
    chunk c = {.x = x, .C = la_delta_up(x->chunk), .K = la_delta_up(x->dk), .W = la_delta_up(x->w)};
    c.S = x->work;
    c.S2 = (la_pair *)(void *)(c.S + c.K * c.W);
    c.U = c.S2 + c.K / 2 * c.W;
    return c;
}

static void take_state(const chunk *c)
{
    la_state_take(c->x, c->x->S_in, c->K, c->W, c->S);
    for (int64_t r = 0; r < c->K; r += 2)
        for (int64_t j = 0; j < c->W; j += LA_VW)
            la_packed_store(c->S2 + r / 2 * c->W + j,
                            la_packed_pair(la_v_load(c->S + r * c->W + j),
                                           la_v_load(c->S + (r + 1) * c->W + j)));
}

/* The chunk from token t on, prepared in `ready`. */
static void step(chunk *c, int64_t t, float *ready)
{
    const la_delta_slice *x = c->x;
    c->r = la_packed_at(x, ready);
    c->n = x->T - t < x->chunk ? x->T - t : x->chunk;
    c->ahead = x->T - t - c->n;
    c->q = la_packed_rows(x->q, t * x->qk_row), c->k = la_packed_rows(x->k, t * x->qk_row);
    c->v = la_packed_rows(x->v, t * x->v_row);
    c->o = (la_bf16 *)(void *)x->o + t * x->v_row;
    (x->write == LA_WRITE_DELTA ? delta_chunk : additive_chunk)(c);
    la_state_give(x, c->S, c->W, la_state_saved(x, t + c->n));
    if (c->ahead == 0) la_state_give(x, c->S, c->W, x->S_out);
}

void LA_ISA(la_delta_scan_bf16)(const la_delta_slice *x, int64_t t0, int64_t t1, float *ready)
{
    chunk c = begin(x);
    int64_t floats = la_delta_ready_bf16_floats(x->dk, x->chunk);
    if (t0 == 0) take_state(&c);
    la_packed_enter(x);
    for (int64_t t = t0; t < t1; t += x->chunk, ready += floats) step(&c, t, ready);
    la_packed_leave();
}

void LA_ISA(la_delta_chunk_bf16)(const la_delta_slice *x)
{
    chunk c = begin(x);
    c.alone = true;
    float *ready = x->work + la_delta_scan_bf16_floats(x->dk, x->w, x->chunk);
    float *scratch = ready + la_delta_ready_bf16_floats(x->dk, x->chunk);
    take_state(&c);
    la_packed_enter(x);
    for (int64_t t = 0; t < x->T; t += x->chunk) {
        LA_ISA(la_packed_prepare)(x, t, ready, scratch);
        step(&c, t, ready);
    }
    la_packed_leave();
}
