/* SPDX-License-Identifier: Apache-2.0 */
#include "gradient_compare.h"

#include <math.h>
#include <stdio.h>

#include "labench/kit.h"

#define LEAST 1e-3 /* of the gradient of the values */
/* Sums of hundreds of terms (a mixture of linformer) round more than a move in the last place of each. */
#define FORGIVEN 16.0

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
static double query_size(const la_inputs *in)
{
    const float *q = in->t[LA_T_Q].data;
    int64_t n = (int64_t)(in->t[LA_T_Q].bytes / sizeof(float));
    double sum = 0;
    if (!q) return 1;
    for (int64_t i = 0; i < n; i++) sum += (double)q[i] * (double)q[i];
    return fmax(1, la_scale(&in->problem) * sqrt(sum / (double)n));
}

/* Tokens' rows for tensors of rank 4 and x, a whole sequence for gates, the last axis for the rest. */
static int64_t row_width(const la_variant *variant, const la_problem *p, const la_inputs *in,
                         const void *opts, int which)
{
    int64_t shape[4];
    if (which < LA_T_COUNT) {
        int rank = la_tensor_shape(variant, p, (la_tensor)which, shape);
        return which == LA_T_X ? shape[2] : rank == 4 ? shape[3] : shape[1] * shape[2];
    }
    if (which < LA_T_COUNT + LA_MAX_PARAMS) {
        const la_param *param = &in->params[which - LA_T_COUNT];
        return param->shape[param->rank - 1];
    }
    la_part parts[LA_MAX_PARTS];
    variant->state_parts(p, opts, parts, LA_MAX_PARTS);
    return parts[0].shape[parts[0].rank - 1];
}

/* The buffer as packed floats: a state has padding between its parts. */
static float *packed(const la_variant *variant, const la_problem *p, const void *opts,
                     const la_buffer *buf, bool state, int64_t n, la_err *err)
{
    float *out = la_alloc((size_t)n * sizeof *out, err);
    const float *x = buf->data;
    if (!out) return NULL;
    if (!state) {
        for (int64_t i = 0; i < n; i++) out[i] = x[i];
        return out;
    }
    la_part parts[LA_MAX_PARTS];
    size_t n_parts = variant->state_parts(p, opts, parts, LA_MAX_PARTS);
    double *wide = la_alloc((size_t)n * sizeof *wide, err);
    if (wide) la_state_to_double(parts, n_parts, buf->data, wide);
    for (int64_t i = 0; wide && i < n; i++) out[i] = (float)wide[i];
    la_free(wide);
    if (wide) return out;
    la_free(out);
    return NULL;
}

la_status la_gradients_judge(const la_variant *variant, const la_impl *impl, const void *opts,
                             const la_inputs *in, const la_gradients *got, const la_doubles *want,
                             const la_doubles *moved, la_gradient_error *each, size_t *n,
                             la_err *err)
{
    const la_problem *p = &in->problem;
    const la_tensor values = want->t[LA_T_X] ? LA_T_X : LA_T_V;
    double least = LEAST * rms(want->t[values], want->n[values]), by_query = query_size(in);
    la_status st = LA_OK;
    const la_buffer *buf;
    const char *name;
    for (*n = 0; (buf = la_gradients_at(got, in, *n, &name)); (*n)++) {
        int64_t elements = 0;
        int which = 0;
        const double *right = la_doubles_at(want, *n, &elements, &which);
        LA_ASSERT(right);
        bool state = which == LA_T_COUNT + LA_MAX_PARAMS;
        float *x = packed(variant, p, opts, buf, state, elements, err);
        if (!x) return LA_E_NOMEM;
        la_gradient_error *one = &each[*n];
        snprintf(one->name, sizeof one->name, "%s", name);
        bool scaled = which == LA_T_K || which > LA_T_V;
        double floor = scaled ? least * by_query : least;
        if (moved)
            floor += FORGIVEN *
                     rms_between(right, la_doubles_at(moved, *n, &elements, &which), elements) /
                     la_tolerance_gradient(variant, impl, p->dtype).rel_rms;
        la_compare_least(x, right, elements, row_width(variant, p, in, opts, which), floor,
                         &one->e);
        la_free(x);
        la_err why = {0};
        la_status judged = la_judge(&one->e, la_tolerance_gradient(variant, impl, p->dtype), &why);
        if (judged != LA_OK && st == LA_OK) st = LA_FAIL(err, judged, "d%s: %s", name, why.msg);
    }
    return st;
}
