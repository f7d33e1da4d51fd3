/* SPDX-License-Identifier: Apache-2.0
 * A few tokens of the causal chunk form without a stabiliser, compiled once per instruction set. With n
 * tokens' features A, B [n,m]:
 *
 *   P = tril(A B')                                        la_ka_plain_scores
 *   den = A z + rows of P + eps                           la_ka_plain_carry: `divisors`
 *   O = diag(1 / den) (A S + P V)                         `output_rows`
 *   S += B' V,   z += 1' B                                `carry_rows`
 *
 * Few tokens at a time keep P and what lies above its diagonal small beside A S; the state, and
 * everything made here, stays in the L1 cache. Sums live in registers from end to end: outer products of
 * a few broadcast elements with vectors of a row, so only B' in A B' needs a transpose.
 */
#include "kernel_attention.h"
#include "labench/simd.h"
#include "register_block.h"

#define R 4 /* rows in registers */
#if defined(__AVX512F__)
#define V 4 /* and vectors of each: R V sums cover the latency of a multiply-add on two pipes */
#else
#define V 2
#endif
#define SCORE_ROWS 8 /* of one vector each */
#define STEP       LA_KA_STEP

_Static_assert(STEP % LA_VW == 0, "rows of P are whole vectors");

/* A vector, or its first `last` lanes. */
LA_INLINE la_vf load(const float *p, bool whole, int64_t last)
{
    return whole ? la_v_load(p) : la_v_load_n(p, last);
}

/* Rows [i, i + rows) of P, one vector of columns from j. */
LA_INLINE void score_tile(const la_ka_plain *x, int64_t i, int64_t j, int rows)
{
    la_vf sum[SCORE_ROWS];
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) sum[m] = la_v_set(0.0f);
    la_block_add(rows, 1, LA_VW, x->m, x->a + i * x->ldm, x->ldm, 1, x->turned + j, STEP, sum);
    la_vf at = la_v_set((float)j) + la_v_iota();
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
        la_vf later = la_v_select(la_v_less(la_v_set((float)(i + m)), at), la_v_set(0.0f), sum[m]);
        la_v_store(x->P + (i + m) * STEP + j, later);
    }
}

void LA_ISA(la_ka_plain_scores)(const la_ka_plain *x)
{
    int64_t i = 0;
    x->tile->transpose(x->n, x->m, x->b, x->ldm, x->turned, STEP);
    for (; i + SCORE_ROWS <= x->n; i += SCORE_ROWS)
        for (int64_t j = 0; j < STEP; j += LA_VW) score_tile(x, i, j, SCORE_ROWS);
    for (; i < x->n; i++)
        for (int64_t j = 0; j < STEP; j += LA_VW) score_tile(x, i, j, 1);
}

static void divisors(const la_ka_plain *x)
{
    for (int64_t i = 0; i < x->n; i++) {
        if (!x->z) {
            x->factor[i] = x->read_scale;
            continue;
        }
        la_vf sum = la_v_set(0.0f);
        for (int64_t j = 0; j < STEP; j += LA_VW) sum = sum + la_v_load(x->P + i * STEP + j);
        for (int64_t r = 0; r < x->m; r += LA_VW) {
            int64_t lanes = x->m - r < LA_VW ? x->m - r : LA_VW;
            sum = la_v_fma(la_v_load_n(x->a + i * x->ldm + r, lanes), la_v_load_n(x->z + r, lanes),
                           sum);
        }
        x->factor[i] = x->read_scale / (la_v_sum(sum) + x->eps);
    }
}

/* Asks for `rows` rows of d floats from row i of what follows. One tensor at a time with arithmetic
 * between, since a core waits when more than about 20 lines are on their way. */
LA_INLINE void ask_for(const la_ka_plain *x, const float *p, int64_t i, int rows, int64_t ld,
                       int64_t d)
{
    for (int64_t m = i; m < i + rows && m < x->ahead; m++)
        la_ask_for(p + (x->n + m) * ld, d * (int64_t)sizeof *p);
}

/* Rows [i, i + rows) of O at columns [j, j + vecs vectors). */
LA_INLINE void output_rows(const la_ka_plain *x, int64_t i, int64_t j, int rows, int vecs,
                           int64_t last)
{
    la_vf sum[R * V];
#pragma GCC unroll 16
    for (int m = 0; m < rows * vecs; m++) sum[m] = la_v_set(0.0f);
    if (x->asks & LA_KA_V) ask_for(x, x->v + j, i, rows, x->ldv, vecs * LA_VW);
    la_block_add(rows, vecs, last, x->m, x->a + i * x->ldm, x->ldm, 1, x->S + j, x->dv, sum);
    if (j == 0 && x->asks & LA_KA_K) ask_for(x, x->k, i, rows, x->ldk, x->dk);
    la_block_add(rows, vecs, last, i + rows, x->P + i * STEP, STEP, 1, x->v + j, x->ldv, sum);
    if (j == 0 && x->asks & LA_KA_Q) ask_for(x, x->q, i, rows, x->ldk, x->dk);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++) {
        la_vf factor = la_v_set(x->factor[i + m]);
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            float *to = x->o + (i + m) * x->ldv + j + v * LA_VW;
            if (v + 1 < vecs || last == LA_VW)
                la_v_store(to, factor * sum[m * vecs + v]);
            else
                la_v_store_n(to, factor * sum[m * vecs + v], last);
        }
    }
}

/* Rows [r, r + rows) of the next S, which is S + B' V; where the tokens are several steps, of one S behind each. */
LA_INLINE void carry_rows(const la_ka_plain *x, int64_t r, int64_t j, int rows, int vecs,
                          int64_t last)
{
    la_vf sum[R * V];
    const int each = (int)((x->n * R + x->m - 1) / x->m);
    if (!x->o && x->asks & LA_KA_V) ask_for(x, x->v + j, r / R * each, each, x->ldv, vecs * LA_VW);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            sum[m * vecs + v] =
                load(x->S + (r + m) * x->dv + j + v * LA_VW, v + 1 < vecs || last == LA_VW, last);
    float *next = x->next_S + r * x->dv + j;
    for (int64_t i = 0; i < x->n; i += STEP, next += x->apart) {
        const int64_t n = x->n - i < STEP ? x->n - i : STEP;
        la_block_add(rows, vecs, last, n, x->b + i * x->ldm + r, 1, x->ldm, x->v + i * x->ldv + j,
                     x->ldv, sum);
#pragma GCC unroll 4
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) {
                float *to = next + m * x->dv + v * LA_VW;
                if (v + 1 < vecs || last == LA_VW)
                    la_v_store(to, sum[m * vecs + v]);
                else
                    la_v_store_n(to, sum[m * vecs + v], last);
            }
    }
}

LA_INLINE void columns(const la_ka_plain *x, int64_t j, int vecs, int64_t last)
{
    int64_t i = 0, r = 0;
    for (; x->o && i + R <= x->n; i += R) output_rows(x, i, j, R, vecs, last);
    for (; x->o && i < x->n; i++) output_rows(x, i, j, 1, vecs, last);
    for (; x->next_S && r + R <= x->m; r += R) carry_rows(x, r, j, R, vecs, last);
    for (; x->next_S && r < x->m; r++) carry_rows(x, r, j, 1, vecs, last);
}

/* One function for each width, so that `last` is a constant where vectors are whole. */
static void columns_wide(const la_ka_plain *x, int64_t j)
{
    columns(x, j, V, LA_VW);
}

#if V > 2
static void columns_two(const la_ka_plain *x, int64_t j)
{
    columns(x, j, 2, LA_VW);
}
#endif

static void columns_one(const la_ka_plain *x, int64_t j)
{
    columns(x, j, 1, LA_VW);
}

static void columns_last(const la_ka_plain *x, int64_t j)
{
    columns(x, j, 1, x->dv - j);
}

void LA_ISA(la_ka_plain_carry)(const la_ka_plain *x)
{
    int64_t j = 0;
    if (x->o) divisors(x);
    for (; j + V * LA_VW <= x->dv; j += V * LA_VW) columns_wide(x, j);
#if V > 2
    for (; j + 2 * LA_VW <= x->dv; j += 2 * LA_VW) columns_two(x, j);
#endif
    for (; j + LA_VW <= x->dv; j += LA_VW) columns_one(x, j);
    if (j < x->dv) columns_last(x, j);
    for (int64_t r = 0; x->next_z && r < x->m; r += LA_VW) {
        int64_t lanes = x->m - r < LA_VW ? x->m - r : LA_VW;
        la_vf z = la_v_load_n(x->z + r, lanes);
        float *next = x->next_z + r;
        for (int64_t i = 0; i < x->n; i++) {
            z = z + la_v_load_n(x->b + i * x->ldm + r, lanes);
            if (i + 1 < x->n && (i + 1) % STEP != 0) continue;
            la_v_store_n(next, z, lanes);
            next += x->apart;
        }
    }
}
