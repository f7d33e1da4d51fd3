/* SPDX-License-Identifier: Apache-2.0
 * Slices a problem into (batch, head) pieces of float64 and runs the variant's reference on each.
 */
#include <math.h>
#include <string.h>

#include "compare.h"
#include "labench/kit.h"
#include "registry.h"

static double widen(const void *data, int64_t i, la_dtype dtype)
{
    if (dtype == LA_F64) return ((const double *)data)[i];
    LA_ASSERT(dtype == LA_F32);
    return (double)((const float *)data)[i];
}

/* Rows [T, d] of one (batch, head) out of [B, T, heads, d]. */
static void slice(const void *data, la_dtype dtype, int64_t b, int64_t T, int64_t heads, int64_t h,
                  int64_t d, double *out)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t c = 0; c < d; c++)
            out[t * d + c] = widen(data, ((b * T + t) * heads + h) * d + c, dtype);
}

static size_t parts_of(const la_variant *variant, const la_problem *p, const void *opts,
                       la_part *parts)
{
    return variant->state_parts ? variant->state_parts(p, opts, parts, LA_MAX_PARTS) : 0;
}

int64_t la_reference_state_elements(const la_variant *variant, const la_problem *p,
                                    const void *opts)
{
    la_part parts[LA_MAX_PARTS];
    size_t n = parts_of(variant, p, opts, parts);
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) total += la_part_elements(&parts[i]);
    return total;
}

/* One (batch, head), or one batch entry for variants with LA_IN_X. */
typedef struct piece {
    const la_variant *variant;
    const la_problem *p;
    const void *opts;
    const la_inputs *in;
    const int64_t *rows;
    int64_t n_rows;
    const double *state_in;
    double *state_out;
    int64_t pos;
    double *out;
    const double *const *params;
} piece;

/* The head of tensor `which` that query head h reads. */
static int64_t head_of(const piece *j, la_tensor which, int64_t h, int64_t *heads)
{
    int64_t shape[4];
    int rank = la_tensor_shape(j->variant, j->p, which, shape);
    *heads = rank >= 3 ? shape[2] : 1;
    return h / (j->p->H / *heads);
}

static la_status run_piece(const piece *j, int64_t b, int64_t h, la_err *err)
{
    const la_problem *p = j->p;
    double *t[LA_T_COUNT] = {0}, *o = NULL;
    int64_t n_rows = j->rows ? j->n_rows : p->T;
    int64_t width = j->variant->inputs & LA_IN_X ? p->H * p->dv : p->dv;
    la_status st = LA_OK;
    for (int i = 0; i < LA_T_COUNT; i++) {
        int64_t shape[4];
        int rank = la_tensor_shape(j->variant, p, (la_tensor)i, shape);
        if (rank == 0) continue;
        int64_t heads = 1, head = 0, d;
        if (i == LA_T_X) {
            d = shape[2];
        } else {
            head = head_of(j, (la_tensor)i, h, &heads);
            d = rank == 4 ? shape[3] : 1;
        }
        t[i] = la_alloc((size_t)(p->T * d) * sizeof(double), err);
        if (!t[i]) {
            st = LA_E_NOMEM;
            goto done;
        }
        slice(j->in->t[i].data, i <= LA_T_X ? p->dtype : LA_F32, b, p->T, heads, head, d, t[i]);
    }
    o = la_alloc((size_t)(n_rows * width) * sizeof(double), err);
    if (!o) {
        st = LA_E_NOMEM;
        goto done;
    }
    la_part parts[LA_MAX_PARTS];
    size_t n_parts = parts_of(j->variant, p, j->opts, parts);
    const double *state_in[LA_MAX_PARTS];
    double *state_out[LA_MAX_PARTS];
    int64_t at = 0;
    for (size_t i = 0; i < n_parts; i++) {
        int64_t heads = parts[i].shape[1];
        int64_t per = la_part_elements(&parts[i]) / (p->B * heads);
        int64_t offset = at + (b * heads + h / (p->H / heads)) * per;
        state_in[i] = j->state_in ? j->state_in + offset : NULL;
        state_out[i] = j->state_out ? j->state_out + offset : NULL;
        at += la_part_elements(&parts[i]);
    }
    la_ref_io io = {.head = h,
                    .batch = b,
                    .q = t[LA_T_Q],
                    .k = t[LA_T_K],
                    .v = t[LA_T_V],
                    .x = t[LA_T_X],
                    .beta = t[LA_T_BETA],
                    .g = t[LA_T_G],
                    .a = t[LA_T_A],
                    .b = t[LA_T_B],
                    .params = j->params,
                    .rows = j->rows,
                    .n_rows = n_rows,
                    .o = o,
                    .state_in = j->state_in ? state_in : NULL,
                    .state_out = j->state_out ? state_out : NULL,
                    .pos = j->pos};
    st = la_variant_reference(j->variant)->forward(p, j->opts, &io, err);
    if (st != LA_OK) goto done;
    for (int64_t r = 0; r < n_rows; r++) {
        double *to = j->variant->inputs & LA_IN_X ? j->out + (b * n_rows + r) * width
                                                  : j->out + ((b * n_rows + r) * p->H + h) * width;
        memcpy(to, o + r * width, (size_t)width * sizeof(double));
    }
done:
    for (int i = 0; i < LA_T_COUNT; i++) la_free(t[i]);
    la_free(o);
    return st;
}

la_status la_reference_forward(const la_variant *variant, const la_problem *p, const void *opts,
                               const la_inputs *in, const int64_t *rows, int64_t n_rows,
                               const double *state_in, double *state_out, int64_t pos, double *out,
                               la_err *err)
{
    double *params[LA_MAX_PARAMS] = {0};
    la_status st = LA_OK;
    for (size_t i = 0; i < in->n_params; i++) {
        int64_t n = la_param_elements(&in->params[i]);
        params[i] = la_alloc((size_t)n * sizeof(double), err);
        if (!params[i]) {
            st = LA_E_NOMEM;
            goto done;
        }
        for (int64_t e = 0; e < n; e++) params[i][e] = (double)in->param_ptr[i][e];
    }
    piece job = {variant,
                 p,
                 opts,
                 in,
                 rows,
                 n_rows,
                 state_in,
                 state_out,
                 pos,
                 out,
                 (const double *const *)params};
    int64_t heads = variant->inputs & LA_IN_X ? 1 : p->H;
#pragma omp parallel for num_threads(p->threads) schedule(dynamic)
    for (int64_t i = 0; i < p->B * heads; i++) {
        la_err own;
        la_status got = run_piece(&job, i / heads, i % heads, &own);
        if (got == LA_OK) continue;
#pragma omp critical(la_reference_error)
        {
            st = got;
            if (err) *err = own;
        }
    }
done:
    for (size_t i = 0; i < in->n_params; i++) la_free(params[i]);
    return st;
}

void la_state_from_double(const la_part *parts, size_t n, const double *packed, void *state)
{
    size_t offsets[LA_MAX_PARTS];
    la_state_layout(parts, n, offsets);
    for (size_t i = 0; i < n; i++) {
        LA_ASSERT(parts[i].dtype == LA_F32);
        float *to = (float *)(void *)((char *)state + offsets[i]);
        int64_t len = la_part_elements(&parts[i]);
        for (int64_t e = 0; e < len; e++) to[e] = (float)*packed++;
    }
}

void la_state_to_double(const la_part *parts, size_t n, const void *state, double *packed)
{
    size_t offsets[LA_MAX_PARTS];
    la_state_layout(parts, n, offsets);
    for (size_t i = 0; i < n; i++) {
        const void *from = (const char *)state + offsets[i];
        int64_t len = la_part_elements(&parts[i]);
        for (int64_t e = 0; e < len; e++) *packed++ = widen(from, e, parts[i].dtype);
    }
}
