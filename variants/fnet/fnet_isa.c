/* SPDX-License-Identifier: Apache-2.0
 * The two steps of fnet_fold.h; compiled once per instruction set.
 */
#include <string.h>

#include "fnet_fold.h"
#include "labench/simd.h"

#define PAIR                                                                                       \
    (2 * LA_VW) /* floats of one complex number in each lane: real parts, imaginary parts */

/* Complex vectors: element j at `at + j step`, its imaginary parts `im` further. */
typedef struct view {
    const float *at;
    int64_t step, im;
} view;

typedef struct cplx {
    la_vf re, im;
} cplx;

LA_INLINE cplx get(view v, int64_t j)
{
    const float *p = v.at + j * v.step;
    return (cplx){la_v_load(p), la_v_load(p + v.im)};
}
LA_INLINE void put(float *to, int64_t j, cplx z)
{
    la_v_store(to + j * PAIR, z.re);
    la_v_store(to + j * PAIR + LA_VW, z.im);
}
LA_INLINE cplx plus(cplx a, cplx b)
{
    return (cplx){a.re + b.re, a.im + b.im};
}
LA_INLINE cplx minus(cplx a, cplx b)
{
    return (cplx){a.re - b.re, a.im - b.im};
}
LA_INLINE cplx times_minus_i(cplx a)
{
    return (cplx){a.im, la_v_set(0.0f) - a.re};
}
/* a times the number w[0] + i w[1] */
LA_INLINE cplx turned(cplx a, const float *w)
{
    la_vf c = la_v_set(w[0]), s = la_v_set(w[1]);
    return (cplx){la_v_fma(a.re, c, la_v_set(0.0f) - a.im * s), la_v_fma(a.im, c, a.re * s)};
}

/* One butterfly of four: inputs p, p + n/4, ... of a length n, `s` sequences interleaved. The outputs
 * 1, 2, 3 are turned by w, w^2, w^3; NULL: by one. */
LA_INLINE void butterfly(view in, int64_t from, int64_t apart, float *to, int64_t s,
                         const float *w1, const float *w2, const float *w3)
{
    cplx a = get(in, from), b = get(in, from + apart), c = get(in, from + 2 * apart),
         d = get(in, from + 3 * apart);
    cplx sum = plus(a, c), difference = minus(a, c);
    cplx other = plus(b, d), quarter = times_minus_i(minus(b, d));
    cplx one = plus(difference, quarter), two = minus(sum, other),
         three = minus(difference, quarter);
    put(to, 0, plus(sum, other));
    put(to, s, w1 ? turned(one, w1) : one);
    put(to, 2 * s, w1 ? turned(two, w2) : two);
    put(to, 3 * s, w1 ? turned(three, w3) : three);
}

/* One pass of the autosort of Stockham: n is the length still to do, s the number of sequences already
 * interleaved, n s = the whole length; turn holds exp(-2 pi i j / (n s)). */
LA_INLINE void pass(int64_t n, int64_t s, view in, float *to, const float *turn)
{
    if (n == 2) {
        for (int64_t q = 0; q < s; q++) {
            cplx a = get(in, q), b = get(in, q + s);
            put(to, q, plus(a, b));
            put(to, q + s, minus(a, b));
        }
        return;
    }
    int64_t quarter = n / 4;
    for (int64_t q = 0; q < s; q++)
        butterfly(in, q, s * quarter, to + q * PAIR, s, NULL, NULL, NULL);
    for (int64_t p = 1; p < quarter; p++) {
        const float *w1 = turn + 2 * p * s, *w2 = w1 + 2 * p * s, *w3 = w2 + 2 * p * s;
        for (int64_t q = 0; q < s; q++)
            butterfly(in, q + s * p, s * quarter, to + (q + 4 * s * p) * PAIR, s, w1, w2, w3);
    }
}

/* Transforms of n numbers in each lane, n a power of two above 1. The result lies in `one` or `other`, n
 * pairs each; the input may be `one`. */
static const float *transform(int64_t n, const float *turn, view in, float *one, float *other)
{
    float *to = other, *spare = one;
    pass(n, 1, in, to, turn);
    for (int64_t s = 4; s < n; s *= 4) {
        pass(n / s, s, (view){to, PAIR, LA_VW}, spare, turn);
        float *last = to;
        to = spare;
        spare = last;
    }
    return to;
}

LA_INLINE la_vf reversed(la_vf v)
{
#if LA_VW == 16
    return __builtin_shufflevector(v, v, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
#elif LA_VW == 8
    return __builtin_shufflevector(v, v, 7, 6, 5, 4, 3, 2, 1, 0);
#else
    return __builtin_shufflevector(v, v, 3, 2, 1, 0);
#endif
}

/* f_c = factor (x_c + mirror_-c), c < D */
static void fold(int64_t D, float factor, const float *x, const float *mirror, float *f)
{
    f[0] = factor * (x[0] + mirror[0]);
    for (int64_t c = 1; c < LA_VW; c++) f[c] = factor * (x[c] + mirror[D - c]);
    la_vf a = la_v_set(factor);
    for (int64_t c = LA_VW; c < D; c += LA_VW)
        la_v_store(f + c, a * (la_v_load(x + c) + reversed(la_v_load(mirror + D - c - LA_VW + 1))));
}

/* The transforms Z of f1 + i f2 taken apart: G1 = (Z_c + conj Z_-c) / 2 and G2 = (Z_c - conj Z_-c) / 2i;
 * the half is in f already. Planes of `half` vectors: re G1, im G1, re G2, im G2. */
static void take_apart(int64_t D, const float *Z, float *planes)
{
    int64_t plane = (D / 2 + 1) * LA_VW;
    view z = {Z, PAIR, LA_VW};
    for (int64_t c = 0; c <= D / 2; c++, planes += LA_VW) {
        cplx a = get(z, c), b = get(z, (D - c) & (D - 1));
        la_v_store(planes, a.re + b.re);
        la_v_store(planes + plane, a.im - b.im);
        la_v_store(planes + 2 * plane, a.im + b.im);
        la_v_store(planes + 3 * plane, b.re - a.re);
    }
}

/* Row t of x as floats: in place, or widened into `to`. */
static const float *row_of(const la_fnet_fold *f, const void *x, int64_t t, float *to)
{
    if (!f->narrow) return (const float *)x + t * f->D;
    f->narrow->widen(f->D, (const la_bf16 *)x + t * f->D, to);
    return to;
}

/* Asks for row t of x, which is far from the one before it. */
static void ask_for_row(const la_fnet_fold *f, const void *x, int64_t t)
{
    int64_t bytes = f->D * (int64_t)(f->narrow ? sizeof(la_bf16) : sizeof(float));
    la_ask_for((const char *)x + t * bytes, bytes);
}

/* Rows T2 a + b for a = first .. first + n - 1, n <= 2 LA_VW, into G [n, 2, columns]. */
static void block_of_rows(const la_fnet_fold *f, const void *x, int64_t b, int64_t first, int64_t n,
                          float *G, float *buffer)
{
    int64_t T = f->T, D = f->D, half = f->half;
    float *one = buffer, *other = one + D * PAIR, *folded = other + D * PAIR;
    float *wide = folded + PAIR * f->row;
    for (int64_t i = 0; i < n; i++) {
        int64_t t = f->T2 * (first + i) + b; /* t + 1 is that of the next b */
        ask_for_row(f, x, t + 1);
        ask_for_row(f, x, T - t - 1);
        const float *own = row_of(f, x, t, wide);
        const float *mirror = row_of(f, x, (T - t) & (T - 1), wide + D);
        fold(D, 0.25f * f->factor, own, mirror, folded + i * f->row);
    }
    memset(folded + n * f->row, 0, (size_t)((PAIR - n) * f->row) * sizeof *folded);
    f->tile->transpose(LA_VW, D, folded, f->row, one, PAIR);
    f->tile->transpose(LA_VW, D, folded + LA_VW * f->row, f->row, one + LA_VW, PAIR);
    const float *Z = transform(D, f->turn_D, (view){one, PAIR, LA_VW}, one, other);
    float *planes = folded;
    take_apart(D, Z, planes);
    for (int64_t i = 0; i < 4; i++) {
        int64_t row = i / 2 * LA_VW, count = n - row < LA_VW ? n - row : LA_VW;
        if (count > 0)
            f->tile->transpose(half, count, planes + i * half * LA_VW, LA_VW,
                               G + row * 2 * f->columns + i % 2 * f->columns, 2 * f->columns);
    }
}

static void rows(const la_fnet_fold *f, const void *x, int64_t b, float *A, float *scratch)
{
    int64_t T1 = f->T1, columns = f->columns, blocks = f->T2 / 2 + 1;
    float *G = scratch, *buffer = G + T1 * 2 * columns;
    for (int64_t a = 0; a < T1; a += PAIR)
        block_of_rows(f, x, b, a, T1 - a < PAIR ? T1 - a : PAIR, G + a * 2 * columns, buffer);
    for (int64_t a = 0; a < 2 * T1; a++) /* lanes without a column */
        memset(G + a * columns + f->half, 0, (size_t)(columns - f->half) * sizeof *G);
    float *one = buffer, *other = one + T1 * PAIR;
    for (int64_t v = 0; v < columns; v += LA_VW) {
        const float *z = transform(T1, f->turn_T1, (view){G + v, 2 * columns, columns}, one, other);
        for (int64_t k = 0; k < T1; k++) {
            float *to = A + (k * blocks + b) * 2 * columns + v;
            cplx value = turned(get((view){z, PAIR, LA_VW}, k), f->turn_T + 2 * b * k);
            la_v_store(to, value.re);
            la_v_store(to + columns, value.im);
        }
    }
}

LA_INLINE void ask_for(view v, int64_t j)
{
    __builtin_prefetch(v.at + j * v.step, 0, 2);
    __builtin_prefetch(v.at + j * v.step + v.im, 0, 2);
}

/* One vector of columns of A_k + i A_k' for all b, the second half by symmetry. The same of the next pair is asked
 * for: half of it lies in another core's cache. */
static void join(const la_fnet_fold *f, const view own[2], const view next[2], float *z)
{
    int64_t T2 = f->T2;
    for (int64_t i = 0; i <= T2 / 2; i++) {
        ask_for(next[0], i);
        ask_for(next[1], i);
        cplx p = get(own[0], i), q = get(own[1], i);
        put(z, i, (cplx){p.re - q.im, p.im + q.re});
        if (i && 2 * i < T2) put(z, T2 - i, (cplx){p.re + q.im, q.re - p.im});
    }
}

/* A row of o from columns 0..D/2 of its token and of the mirrored one. */
static void write_row(int64_t D, const float *own, const float *mirror, float *o)
{
    int64_t half = D / 2, c = 0;
    for (; c + LA_VW <= half; c += LA_VW) la_v_store(o + c, la_v_load(own + c));
    for (; c <= half; c++) o[c] = own[c];
    for (c = 1; c + LA_VW <= half; c += LA_VW)
        la_v_store(o + D - c - LA_VW + 1, reversed(la_v_load(mirror + c)));
    for (; c < half; c++) o[D - c] = mirror[c];
}

static int64_t k_of(const la_fnet_fold *f, int64_t pair, int i)
{
    return i == 0 ? pair : pair ? f->T1 - pair : f->T1 / 2;
}

/* Columns from v on of both k of a pair. */
static void views_of_pair(const la_fnet_fold *f, const float *A, int64_t pair, int64_t v,
                          view out[2])
{
    int64_t step = 2 * f->columns;
    for (int i = 0; i < 2; i++)
        out[i] = (view){A + k_of(f, pair, i) * (f->T2 / 2 + 1) * step + v, step, f->columns};
}

static void columns_of_pair(const la_fnet_fold *f, const float *A, int64_t pair, void *o,
                            float *scratch)
{
    int64_t T1 = f->T1, T2 = f->T2, D = f->D, columns = f->columns;
    int64_t k[2] = {k_of(f, pair, 0), k_of(f, pair, 1)};
    float *Y[2] = {scratch, scratch + T2 * columns};
    float *one = Y[1] + T2 * columns, *other = one + T2 * PAIR, *wide = other + T2 * PAIR;
    for (int64_t v = 0; v < columns; v += LA_VW) {
        view own[2], next[2];
        views_of_pair(f, A, pair, v, own);
        views_of_pair(f, A, 2 * pair + 2 < T1 ? pair + 1 : pair, v, next);
        join(f, own, next, one);
        const float *z = transform(T2, f->turn_T2, (view){one, PAIR, LA_VW}, one, other);
        for (int64_t j = 0; j < T2; j++) {
            la_v_store(Y[0] + j * columns + v, la_v_load(z + j * PAIR));
            la_v_store(Y[1] + j * columns + v, la_v_load(z + j * PAIR + LA_VW));
        }
    }
    for (int64_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < T2; j++) {
            /* -t = -k - T1 j */
            const float *mirror = Y[pair ? 1 - i : i];
            int64_t at = k[i] ? T2 - 1 - j : (T2 - j) & (T2 - 1);
            int64_t row = (k[i] + T1 * j) * D;
            write_row(D, Y[i] + j * columns, mirror + at * columns,
                      f->narrow ? wide : (float *)o + row);
            if (f->narrow) f->narrow->narrow(D, wide, (la_bf16 *)o + row);
        }
}

const la_fnet_steps LA_ISA(la_fnet_steps) = {.rows = rows, .columns = columns_of_pair};
