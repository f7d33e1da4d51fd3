/* SPDX-License-Identifier: Apache-2.0
 * Softmax cross entropy over rows of logits: the maximum, the exponentials and their sum, the gradient;
 * three sweeps over a row that stays in the L1 cache. A NaN among the logits makes sum, loss and
 * gradient NaN and the answer wrong.
 */
#include "layers_isa.h"

static const float log2_e = 1.44269504088896341f;

LA_INLINE void take_max(int64_t n, const float *x, la_vf *top)
{
    *top = la_v_max(first_lanes(get(x, n), n, -INFINITY), *top);
}

static float row_max(int64_t V, const float *x)
{
    la_vf a = la_v_set(-INFINITY), b = a, c = a, d = a;
    int64_t j = 0;
    for (; j + 4 * LA_VW <= V; j += 4 * LA_VW) {
        take_max(LA_VW, x + j, &a);
        take_max(LA_VW, x + j + LA_VW, &b);
        take_max(LA_VW, x + j + 2 * LA_VW, &c);
        take_max(LA_VW, x + j + 3 * LA_VW, &d);
    }
    for (; j < V; j += LA_VW) LA_LANES(take_max, V - j, x + j, &a);
    return la_v_hmax(la_v_max(la_v_max(a, b), la_v_max(c, d)));
}

LA_INLINE void take_exp(int64_t n, float top, bool keep, float *x, la_vf *sum)
{
    la_vf e = la_v_exp2((get(x, n) - la_v_set(top)) * la_v_set(log2_e));
    if (keep) put(x, e, n);
    *sum = *sum + first_lanes(e, n, 0.0f);
}

/* Sum of e^(x - top); the powers take the place of x where `keep`. */
LA_INLINE float row_exp(int64_t V, float top, const bool keep, float *x)
{
    la_vf a = la_v_set(0.0f), b = a;
    int64_t j = 0;
    for (; j + 2 * LA_VW <= V; j += 2 * LA_VW) {
        take_exp(LA_VW, top, keep, x + j, &a);
        take_exp(LA_VW, top, keep, x + j + LA_VW, &b);
    }
    for (; j < V; j += LA_VW) LA_LANES(take_exp, V - j, top, keep, x + j, &a);
    return la_v_sum(a + b);
}

LA_INLINE void times_factor(int64_t n, float factor, float *x)
{
    put(x, get(x, n) * la_v_set(factor), n);
}

/* Is `label` the first of the largest? */
static bool is_first(int64_t label, float top, const float *x)
{
    if (!(x[label] == top)) return false;
    for (int64_t j = 0; j < label; j++)
        if (x[j] == top) return false;
    return true;
}

void LA_LAYER(cross_entropy)(int64_t M, int64_t V, float *logits, const int32_t *labels, bool grad,
                             float scale, double *loss, int64_t *correct, int32_t *right)
{
    double total = 0.0,
           sums = 1.0; /* of sums from 1 to V, whose logarithm is that of their product */
    for (int64_t i = 0; i < M; i++, logits += V) {
        const int64_t label = labels[i];
        const float top = row_max(V, logits), own = logits[label];
        const bool first = is_first(label, top, logits);
        const float sum = grad ? row_exp(V, top, true, logits) : row_exp(V, top, false, logits);
        total += (double)top - (double)own;
        sums *= (double)sum;
        if (!(sums < 0x1p900)) total += log(sums), sums = 1.0;
        *correct += first && !isnan(sum);
        if (right) right[i] = first && !isnan(sum);
        if (!grad) continue;
        for (int64_t j = 0; j < V; j += LA_VW)
            LA_LANES(times_factor, V - j, scale / sum, logits + j);
        logits[label] -= scale;
    }
    *loss += total + log(sums);
}

/* ---- by blocks of classes ----
 * A row's powers are relative to the largest logit of a block, until one comes that is more than ROOM larger: sums
 * stay far from overflow, arguments are rounded no more than logits so far apart, and it is rare that what was made
 * before must be multiplied. */
#define ROOM 30.0f

LA_INLINE la_vf columns_max(int64_t lanes, int64_t n, const float *x, int64_t ld)
{
    la_vf top[4];
    for (int i = 0; i < 4; i++) top[i] = la_v_set(-INFINITY);
    int64_t j = 0;
    for (; j + 4 <= n; j += 4)
        for (int i = 0; i < 4; i++) top[i] = la_v_max(get(x + (j + i) * ld, lanes), top[i]);
    for (; j < n; j++) top[0] = la_v_max(get(x + j * ld, lanes), top[0]);
    return la_v_max(la_v_max(top[0], top[1]), la_v_max(top[2], top[3]));
}

LA_INLINE la_vf put_exp(int64_t lanes, la_vf base, float *x)
{
    la_vf e = la_v_exp2((get(x, lanes) - base) * la_v_set(log2_e));
    put(x, e, lanes);
    return e;
}

/* In place, and their sum. */
LA_INLINE la_vf columns_exp(int64_t lanes, int64_t n, la_vf base, float *x, int64_t ld)
{
    la_vf a = la_v_set(0.0f), b = a;
    int64_t j = 0;
    for (; j + 2 <= n; j += 2) {
        a += put_exp(lanes, base, x + j * ld);
        b += put_exp(lanes, base, x + j * ld + ld);
    }
    if (j < n) a += put_exp(lanes, base, x + j * ld);
    return a + b;
}

/* Columns r.. */
LA_INLINE bool columns_powers(int64_t lanes, int64_t done, int64_t n, int64_t r, float *x,
                              int64_t ld, const la_powers *p)
{
    const la_vf zero = la_v_set(0.0f), one = la_v_set(1.0f);
    la_vf top = columns_max(lanes, n, x + r, ld), base = get(p->base + r, lanes);
    la_vmask above = la_v_less(base + la_v_set(ROOM), top);
    la_vf next = la_v_select(above, top, base);
    la_vf factor = la_v_select(above, la_v_exp2((base - next) * la_v_set(log2_e)), one);
    bool moved = la_v_sum(first_lanes(la_v_select(above, one, zero), lanes, 0.0f)) > 0.0f;
    for (int64_t j = moved ? -done : 0; j < 0; j++)
        put(x + j * ld + r, factor * get(x + j * ld + r, lanes), lanes);
    la_vf sum = columns_exp(lanes, n, next, x + r, ld);
    put(p->sum + r, la_v_fma(factor, get(p->sum + r, lanes), sum), lanes);
    put(p->top + r, la_v_max(top, get(p->top + r, lanes)), lanes);
    put(p->base + r, next, lanes);
    put(p->factor + r, factor, lanes);
    return moved;
}

bool LA_LAYER(powers)(int64_t done, int64_t n, int64_t M, float *x, int64_t ld, const la_powers *p)
{
    bool moved = false;
    for (int64_t r = 0; r < M; r += LA_VW)
        moved |= LA_LANES(columns_powers, M - r, done, n, r, x, ld, p);
    return moved;
}
