/* SPDX-License-Identifier: Apache-2.0
 * Slices a problem into (batch, head) pieces of float64 and runs the variant's reference on each.
 */
#include <math.h>
#include <string.h>

#include "compare.h"
#include "elements.h"
#include "labench/kit.h"
#include "registry.h"

/* Rows [n, d] of one (batch, head) out of tokens from..from+n-1 of [B, T, heads, d]. */
static void slice(const void *data, la_dtype dtype, int64_t b, int64_t T, int64_t from, int64_t n,
                  int64_t heads, int64_t h, int64_t d, double *out)
{
    for (int64_t t = 0; t < n; t++) {
        int64_t at = ((b * T + from + t) * heads + h) * d;
        la_elements_to_double(data, dtype, at, d, out + t * d);
    }
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

/* What all pieces of a call share. */
typedef struct job {
    const la_variant *variant;
    const la_problem *p;
    const void *opts;
    const la_inputs *in;
    int64_t from;
    const int64_t *rows;
    int64_t n_rows;
    const double *state_in;
    double *state_out;
    int64_t pos;
    double *out;
    const double *const *params;
} job;

/* One (batch, head) - or one batch entry for variants with LA_IN_X - and rows r0..r1-1 of the wanted. */
typedef struct piece {
    int64_t b, h, r0, r1;
} piece;

/* The head of tensor `which` that query head h reads. */
static int64_t head_of(const job *j, la_tensor which, int64_t h, int64_t *heads)
{
    int64_t shape[4];
    int rank = la_tensor_shape(j->variant, j->p, which, shape);
    *heads = rank >= 3 ? shape[2] : 1;
    return h / (j->p->H / *heads);
}

static la_status slice_inputs(const job *j, const piece *at, double *t[LA_T_COUNT], la_err *err)
{
    const la_problem *p = j->p;
    for (int i = 0; i < LA_T_COUNT; i++) {
        int64_t shape[4], heads = 1, head = 0;
        int rank = la_tensor_shape(j->variant, p, (la_tensor)i, shape);
        if (rank == 0) continue;
        int64_t d = i == LA_T_X ? shape[2] : rank == 4 ? shape[3] : 1;
        if (i != LA_T_X) head = head_of(j, (la_tensor)i, at->h, &heads);
        t[i] = la_alloc((size_t)(p->T * d) * sizeof(double), err);
        if (!t[i]) return LA_E_NOMEM;
        slice(j->in->t[i].data, la_tensor_dtype(p, i), at->b, j->in->problem.T, j->from, p->T,
              heads, head, d, t[i]);
    }
    return LA_OK;
}

/* Pointers to the slices of the packed states that belong to one (batch, head). */
static void slice_states(const job *j, const piece *at, const double **state_in, double **state_out)
{
    la_part parts[LA_MAX_PARTS];
    size_t n = parts_of(j->variant, j->p, j->opts, parts);
    int64_t start = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t heads = parts[i].shape[1], all = la_part_elements(&parts[i]);
        int64_t offset =
            start + (at->b * heads + at->h / (j->p->H / heads)) * (all / (j->p->B * heads));
        state_in[i] = j->state_in ? j->state_in + offset : NULL;
        state_out[i] = j->state_out ? j->state_out + offset : NULL;
        start += all;
    }
}

static la_status run_piece(const job *j, const piece *at, la_err *err)
{
    const la_problem *p = j->p;
    double *t[LA_T_COUNT] = {0};
    const double *state_in[LA_MAX_PARTS];
    double *state_out[LA_MAX_PARTS];
    bool whole_rows = j->variant->inputs & LA_IN_X;
    int64_t n_rows = at->r1 - at->r0, width = whole_rows ? p->H * p->dv : p->dv;
    double *o = la_alloc((size_t)(n_rows * width) * sizeof(double), err);
    la_status st = o ? slice_inputs(j, at, t, err) : LA_E_NOMEM;
    if (st != LA_OK) goto done;
    slice_states(j, at, state_in, state_out);
    la_ref_io io = {.head = at->h,
                    .batch = at->b,
                    .q = t[LA_T_Q],
                    .k = t[LA_T_K],
                    .v = t[LA_T_V],
                    .x = t[LA_T_X],
                    .beta = t[LA_T_BETA],
                    .g = t[LA_T_G],
                    .a = t[LA_T_A],
                    .b = t[LA_T_B],
                    .params = j->params,
                    .rows = j->rows ? j->rows + at->r0 : NULL,
                    .n_rows = n_rows,
                    .o = o,
                    .state_in = j->state_in ? state_in : NULL,
                    .state_out = j->state_out ? state_out : NULL,
                    .pos = j->pos};
    st = la_variant_reference(j->variant)->forward(p, j->opts, &io, err);
    for (int64_t r = 0; r < n_rows && st == LA_OK; r++) {
        int64_t row = at->b * j->n_rows + at->r0 + r;
        double *to = j->out + (whole_rows ? row * width : (row * p->H + at->h) * width);
        memcpy(to, o + r * width, (size_t)width * sizeof(double));
    }
done:
    for (int i = 0; i < LA_T_COUNT; i++) la_free(t[i]);
    la_free(o);
    return st;
}

/* Rows of the quadratic and Fourier kinds do not depend on one another: with fewer heads than
 * threads the rows are shared out. */
static int64_t row_groups(const job *j, int64_t heads)
{
    la_family family = j->variant->family;
    if (family != LA_FAMILY_QUADRATIC && family != LA_FAMILY_FOURIER) return 1;
    if (!j->rows || j->state_out || heads >= j->p->threads || j->n_rows < 2) return 1;
    int64_t groups = j->p->threads / heads;
    return groups < j->n_rows ? groups : j->n_rows;
}

static la_status run_job(const job *j, la_err *err)
{
    int64_t heads = j->variant->inputs & LA_IN_X ? 1 : j->p->H;
    int64_t groups = row_groups(j, j->p->B * heads);
    la_status st = LA_OK;
#pragma omp parallel for num_threads(j->p->threads) schedule(dynamic)
    for (int64_t i = 0; i < j->p->B * heads * groups; i++) {
        int64_t g = i % groups;
        piece at = {.b = i / groups / heads,
                    .h = i / groups % heads,
                    .r0 = j->n_rows * g / groups,
                    .r1 = j->n_rows * (g + 1) / groups};
        la_err own;
        la_status got = run_piece(j, &at, &own);
        if (got == LA_OK) continue;
#pragma omp critical(la_reference_error)
        {
            st = got;
            if (err) *err = own;
        }
    }
    return st;
}

la_status la_reference_range(const la_variant *variant, const la_problem *p, const void *opts,
                             const la_inputs *in, int64_t from, const int64_t *rows, int64_t n_rows,
                             const double *state_in, double *state_out, int64_t pos, double *out,
                             la_err *err)
{
    double *params[LA_MAX_PARAMS] = {0};
    la_status st = LA_OK;
    LA_ASSERT(from >= 0 && from + p->T <= in->problem.T);
    for (size_t i = 0; i < in->n_params && st == LA_OK; i++) {
        int64_t n = la_param_elements(&in->params[i]);
        params[i] = la_alloc((size_t)n * sizeof(double), err);
        if (!params[i]) st = LA_E_NOMEM;
        for (int64_t e = 0; e < n && params[i]; e++) params[i][e] = (double)in->param_ptr[i][e];
    }
    job j = {.variant = variant,
             .p = p,
             .opts = opts,
             .in = in,
             .from = from,
             .rows = rows,
             .n_rows = rows ? n_rows : p->T,
             .state_in = state_in,
             .state_out = state_out,
             .pos = pos,
             .out = out,
             .params = (const double *const *)params};
    if (st == LA_OK) st = run_job(&j, err);
    for (size_t i = 0; i < in->n_params; i++) la_free(params[i]);
    return st;
}

la_status la_reference_forward(const la_variant *variant, const la_problem *p, const void *opts,
                               const la_inputs *in, const int64_t *rows, int64_t n_rows,
                               const double *state_in, double *state_out, int64_t pos, double *out,
                               la_err *err)
{
    return la_reference_range(variant, p, opts, in, 0, rows, n_rows, state_in, state_out, pos, out,
                              err);
}

void la_state_from_double(const la_part *parts, size_t n, const double *packed, void *state)
{
    size_t offsets[LA_MAX_PARTS];
    la_state_layout(parts, n, offsets);
    for (size_t i = 0; i < n; i++) {
        int64_t len = la_part_elements(&parts[i]);
        la_elements_from_double(packed, len, parts[i].dtype, (char *)state + offsets[i]);
        packed += len;
    }
}

void la_state_to_double(const la_part *parts, size_t n, const void *state, double *packed)
{
    size_t offsets[LA_MAX_PARTS];
    la_state_layout(parts, n, offsets);
    for (size_t i = 0; i < n; i++) {
        int64_t len = la_part_elements(&parts[i]);
        la_elements_to_double((const char *)state + offsets[i], parts[i].dtype, 0, len, packed);
        packed += len;
    }
}
