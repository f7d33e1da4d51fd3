/* SPDX-License-Identifier: Apache-2.0 */
#include "gradient_compare.h"

#include <math.h>
#include <stdio.h>

#include "elements.h"
#include "labench/kit.h"

#define LEAST        1e-3 /* of the gradient of the values */
#define LEAST_COARSE 3e-2 /* where `moved` is given, and in types narrower than float32 */
/* Sums of hundreds of terms (a mixture of linformer, the divisor of signed features) round more than a move
 * in the last place of each. */
#define FORGIVEN 64.0

static double rms(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    return n ? sqrt(sum / (double)n) : 0;
}

static double rms_between(const double *x, const double *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (x[i] - y[i]) * (x[i] - y[i]);
    return n ? sqrt(sum / (double)n) : 0;
}

/* What the gradients of keys, parameters and state are multiplied by on their way: s q. */
static double query_size(const la_variant *variant, const la_inputs *in)
{
    const void *q = in->t[LA_T_Q].data;
    int64_t n = la_tensor_elements(variant, &in->problem, LA_T_Q);
    double sum = 0;
    if (!q) return 1;
    for (int64_t i = 0; i < n; i++) {
        double x = la_element(q, i, in->problem.dtype);
        sum += x * x;
    }
    return fmax(1, la_variant_scale(variant, &in->problem) * sqrt(sum / (double)n));
}

/* Tokens' rows for tensors of rank 4 and x, a whole sequence for gates, the last axis for the rest. */
static int64_t row_width(const la_variant *variant, const la_problem *p, const la_inputs *in,
                         int which)
{
    int64_t shape[4];
    if (which < LA_T_COUNT) {
        int rank = la_tensor_shape(variant, p, (la_tensor)which, shape);
        return which == LA_T_X ? shape[2] : rank == 4 ? shape[3] : shape[1] * shape[2];
    }
    const la_param *param = &in->params[which - LA_T_COUNT];
    return param->shape[param->rank - 1];
}

/* One gradient, being judged. */
typedef struct judged {
    const la_variant *variant;
    const la_impl *impl;
    const la_problem *p;
    const char *name;
    const double *want, *moved; /* moved may be NULL */
    double least;
} judged;

static la_status judge(const judged *j, const void *got, la_dtype dtype, int64_t at, int64_t n,
                       int64_t width, const char *part, la_error *e, la_err *err)
{
    la_tolerance allowed = la_tolerance_gradient(j->variant, j->impl, j->p->dtype);
    double least = j->least;
    if (j->moved) least += FORGIVEN * rms_between(j->want + at, j->moved + at, n) / allowed.rel_rms;
    la_compare_least(got, dtype, j->want + at, n, width, least, e);
    la_err why = {0};
    la_status st = la_judge(e, allowed, &why);
    if (st == LA_OK) return LA_OK;
    return LA_FAIL(err, st, "d%s%s%s: %s", j->name, *part ? " " : "", part, why.msg);
}

/* A state has parts of different sizes, with padding between them; the worst speaks for all. */
static la_status judge_state(const judged *j, const void *opts, const char *got, la_error *worst,
                             la_err *err)
{
    la_part parts[LA_MAX_PARTS];
    size_t offset[LA_MAX_PARTS], n = j->variant->state_parts(j->p, opts, parts, LA_MAX_PARTS);
    la_state_layout(parts, n, offset);
    la_status st = LA_OK;
    int64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t elements = la_part_elements(&parts[i]);
        la_error e;
        la_status one =
            judge(j, got + offset[i], parts[i].dtype, at, elements,
                  parts[i].shape[parts[i].rank - 1], parts[i].name, &e, st == LA_OK ? err : NULL);
        if (one != LA_OK && st == LA_OK) st = one;
        if (i == 0 || !(e.rel_rms <= worst->rel_rms)) *worst = e;
        at += elements;
    }
    return st;
}

la_status la_gradients_judge(const la_variant *variant, const la_impl *impl, const void *opts,
                             const la_inputs *in, const la_gradients *got, const la_doubles *want,
                             const la_doubles *moved, la_gradient_error *each, size_t *n,
                             la_err *err)
{
    const la_problem *p = &in->problem;
    const la_tensor values = want->t[LA_T_X] ? LA_T_X : LA_T_V;
    bool coarse = moved || p->dtype != LA_F32;
    double of_values = (coarse ? LEAST_COARSE : LEAST) * rms(want->t[values], want->n[values]);
    double by_query = query_size(variant, in);
    double dot = sqrt((double)p->dv); /* what is not linear in the values sees products do.v */
    la_status st = LA_OK;
    const la_buffer *buf;
    const char *name;
    for (*n = 0; (buf = la_gradients_at(got, in, *n, &name)); (*n)++) {
        int64_t elements = 0;
        int which = 0;
        const double *right = la_doubles_at(want, *n, &elements, &which);
        LA_ASSERT(right);
        bool state = which == LA_T_COUNT + LA_MAX_PARAMS;
        la_gradient_error *one = &each[*n];
        snprintf(one->name, sizeof one->name, "%s", name);
        double least = of_values;
        if (which != (int)values) least *= which == LA_T_Q ? dot : dot * by_query;
        judged j = {variant, impl, p, name, right, NULL, least};
        if (moved) j.moved = la_doubles_at(moved, *n, &elements, &which);
        la_err *say = st == LA_OK ? err : NULL;
        la_status got_st = state ? judge_state(&j, opts, buf->data, &one->e, say)
                                 : judge(&j, buf->data, la_gradients_dtype(got, buf), 0, elements,
                                         row_width(variant, p, in, which), "", &one->e, say);
        if (got_st != LA_OK && st == LA_OK) st = got_st;
    }
    return st;
}
