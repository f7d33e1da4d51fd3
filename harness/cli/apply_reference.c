/* SPDX-License-Identifier: Apache-2.0
 * labench apply --form reference: the variant's float64 loops on the files' own float64 numbers.
 */
#include <stdio.h>
#include <string.h>

#include "apply.h"
#include "registry.h"

/* All of an array, as doubles. */
static la_status widen(const la_npy *npy, la_buffer *out, la_err *err)
{
    if (!npy->data) return LA_OK;
    LA_TRY(la_buffer_init(out, (size_t)npy->n * sizeof(double), err));
    double *to = out->data;
    for (int64_t i = 0; i < npy->n; i++) to[i] = la_npy_at(npy, i);
    return LA_OK;
}

typedef struct job {
    la_apply *a;
    la_buffer t[LA_T_COUNT], param[LA_MAX_PARAMS], state_in[LA_MAX_PARTS];
    const double *params[LA_MAX_PARAMS];
} job;

/* Rows [T, d] of one (batch, head) of [B, T, heads, d]; [B, T, D] has one head. */
static la_status slice(const job *j, int which, int64_t b, int64_t h, double **out, la_err *err)
{
    const la_npy *npy = &j->a->t[which];
    const la_problem *p = &j->a->p;
    *out = NULL;
    if (!npy->data) return LA_OK;
    int64_t heads = which == LA_T_X ? 1 : npy->shape[2];
    int64_t d = which == LA_T_X ? npy->shape[2] : npy->rank == 4 ? npy->shape[3] : 1;
    int64_t head = which == LA_T_X ? 0 : h / (p->H / heads);
    *out = la_alloc((size_t)(p->T * d) * sizeof(double), err);
    if (!*out) return LA_E_NOMEM;
    const double *from = j->t[which].data;
    for (int64_t t = 0; t < p->T; t++)
        memcpy(*out + t * d, from + ((b * p->T + t) * heads + head) * d,
               (size_t)d * sizeof(double));
    return LA_OK;
}

/* Output rows [T, width] of one (batch, head) into o. */
static void put(const job *j, int64_t b, int64_t h, int64_t heads, int64_t width, const double *o)
{
    int64_t T = j->a->p.T;
    double *to = j->a->o.data;
    for (int64_t t = 0; t < T; t++)
        memcpy(to + ((b * T + t) * heads + h) * width, o + t * width,
               (size_t)width * sizeof(double));
}

static la_status run_head(const job *j, int64_t b, int64_t h, la_err *err)
{
    const la_apply *a = j->a;
    const la_problem *p = &a->p;
    bool whole = a->variant->inputs & LA_IN_X;
    int64_t heads = whole ? 1 : p->H, width = whole ? p->H * p->dv : p->dv;
    double *t[LA_T_COUNT] = {0};
    const double *in[LA_MAX_PARTS];
    double *out[LA_MAX_PARTS];
    double *o = la_alloc((size_t)(p->T * width) * sizeof(double), err);
    la_status st = o ? LA_OK : LA_E_NOMEM;
    for (int i = 0; i < LA_T_COUNT && st == LA_OK; i++) st = slice(j, i, b, h, &t[i], err);
    if (st != LA_OK) goto done;
    for (size_t i = 0; i < a->n_parts; i++) {
        int64_t of = a->parts[i].shape[1], slot = b * of + h / (p->H / of);
        int64_t pieces = p->B * of;
        in[i] = a->has_state ? (const double *)j->state_in[i].data +
                                   slot * (la_part_elements(&a->parts[i]) / pieces)
                             : NULL;
        out[i] = a->with_state
                     ? (double *)a->state[i].data + slot * (la_part_elements(&a->parts[i]) / pieces)
                     : NULL;
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
                    .params = a->n_params ? j->params : NULL,
                    .n_rows = p->T,
                    .o = o,
                    .state_in = a->has_state ? in : NULL,
                    .state_out = a->with_state ? out : NULL,
                    .pos = a->pos};
    st = la_variant_reference(a->variant)->forward(p, a->opts, &io, err);
    if (st == LA_OK) put(j, b, h, heads, width, o);
done:
    for (int i = 0; i < LA_T_COUNT; i++) la_free(t[i]);
    la_free(o);
    return st;
}

/* A drawn parameter is written as float64 like everything else of this form. */
static la_status widen_drawn(la_npy *npy, const la_buffer *wide, la_err *err)
{
    double *data = la_alloc((size_t)npy->n * sizeof *data, err);
    if (!data) return LA_E_NOMEM;
    memcpy(data, wide->data, (size_t)npy->n * sizeof *data);
    la_free(npy->data);
    npy->data = data;
    npy->dtype = LA_F64;
    return LA_OK;
}

/* A window that was not yet full when it was written has fewer places than this call's: they are the first ones. */
static la_status widen_state(la_apply *a, size_t part, la_buffer *out, la_err *err)
{
    la_buffer written = {0};
    const la_npy *npy = &a->state_in[part];
    int64_t slices = a->p.B * a->parts[part].shape[1];
    size_t have = (size_t)(npy->n / slices) * sizeof(double),
           room = (size_t)(la_part_elements(&a->parts[part]) / slices) * sizeof(double);
    la_status st = widen(npy, &written, err);
    if (st == LA_OK) st = la_buffer_init(out, (size_t)slices * room, err);
    if (st == LA_OK) memset(out->data, 0, (size_t)slices * room);
    for (int64_t i = 0; i < slices && have && st == LA_OK; i++)
        memcpy((char *)out->data + (size_t)i * room, (char *)written.data + (size_t)i * have, have);
    la_buffer_release(&written);
    return st;
}

static la_status widen_all(job *j, la_err *err)
{
    la_apply *a = j->a;
    for (int i = 0; i < LA_T_COUNT; i++) LA_TRY(widen(&a->t[i], &j->t[i], err));
    for (size_t i = 0; i < a->n_params; i++) {
        LA_TRY(widen(&a->param[i], &j->param[i], err));
        j->params[i] = j->param[i].data;
        if (a->drawn[i]) LA_TRY(widen_drawn(&a->param[i], &j->param[i], err));
    }
    for (size_t i = 0; i < a->n_parts; i++) {
        if (a->has_state) LA_TRY(widen_state(a, i, &j->state_in[i], err));
        if (!a->with_state) continue;
        size_t bytes = (size_t)la_part_elements(&a->parts[i]) * sizeof(double);
        LA_TRY(la_buffer_init(&a->state[i], bytes, err));
        memset(a->state[i].data, 0, bytes);
    }
    const la_problem *p = &a->p;
    return la_buffer_init(&a->o, (size_t)(p->B * p->T * p->H * p->dv) * sizeof(double), err);
}

la_status la_apply_reference(la_apply *a, la_err *err)
{
    job j = {.a = a};
    int64_t heads = a->variant->inputs & LA_IN_X ? 1 : a->p.H;
    a->dtype = LA_F64;
    snprintf(a->how, sizeof a->how, "reference, float64");
    la_status st = widen_all(&j, err);
    if (st != LA_OK) goto done;
#pragma omp parallel for num_threads(a->threads) schedule(dynamic)
    for (int64_t i = 0; i < a->p.B * heads; i++) {
        la_err own = {0};
        la_status got = run_head(&j, i / heads, i % heads, &own);
        if (got == LA_OK) continue;
#pragma omp critical(la_apply_error)
        {
            st = got;
            if (err) *err = own;
        }
    }
    if (st == LA_OK && a->with_grad) st = la_apply_reference_backward(a, err);
done:
    for (int i = 0; i < LA_T_COUNT; i++) la_buffer_release(&j.t[i]);
    for (size_t i = 0; i < LA_MAX_PARAMS; i++) la_buffer_release(&j.param[i]);
    for (size_t i = 0; i < LA_MAX_PARTS; i++) la_buffer_release(&j.state_in[i]);
    return st;
}
