/* SPDX-License-Identifier: Apache-2.0
 * Cuts a whole problem in float64 into (batch, head) pieces, runs the variant's reference on each, and
 * puts the pieces of the answer together.
 */
#include "doubles.h"

#include <stdio.h>
#include <string.h>

#include "elements.h"
#include "labench/kit.h"
#include "registry.h"

static size_t parts_of(const la_variant *variant, const la_problem *p, const void *opts,
                       la_part *parts)
{
    return variant->state_parts ? variant->state_parts(p, opts, parts, LA_MAX_PARTS) : 0;
}

la_status la_doubles_alloc(const la_variant *variant, const la_problem *p, const void *opts,
                           bool state, la_doubles *out, la_err *err)
{
    *out = (la_doubles){0};
    la_part parts[LA_MAX_PARTS];
    la_param params[LA_MAX_PARAMS];
    bool failed = false;
    for (int i = 0; i < LA_T_COUNT; i++) {
        out->n[i] = la_tensor_elements(variant, p, (la_tensor)i);
        if (out->n[i] && !failed)
            failed = !(out->t[i] = la_zalloc((size_t)out->n[i] * sizeof(double), err));
    }
    out->n_params = variant->params ? variant->params(p, opts, params, LA_MAX_PARAMS) : 0;
    for (size_t i = 0; i < out->n_params && !failed; i++) {
        out->n_param[i] = la_param_elements(&params[i]);
        out->trainable[i] = params[i].trainable;
        failed = !(out->param[i] = la_zalloc((size_t)out->n_param[i] * sizeof(double), err));
    }
    size_t n = state ? parts_of(variant, p, opts, parts) : 0;
    for (size_t i = 0; i < n; i++) out->n_state += la_part_elements(&parts[i]);
    if (out->n_state && !failed)
        failed = !(out->state = la_zalloc((size_t)out->n_state * sizeof(double), err));
    if (!failed) return LA_OK;
    la_doubles_release(out);
    return LA_E_NOMEM;
}

la_status la_doubles_of(const la_variant *variant, const void *opts, const la_inputs *in,
                        bool state, la_doubles *out, la_err *err)
{
    LA_TRY(la_doubles_alloc(variant, &in->problem, opts, state, out, err));
    for (int i = 0; i < LA_T_COUNT; i++)
        la_elements_to_double(in->t[i].data, la_tensor_dtype(&in->problem, i), 0, out->n[i],
                              out->t[i]);
    for (size_t i = 0; i < out->n_params; i++)
        for (int64_t e = 0; e < out->n_param[i]; e++)
            out->param[i][e] = (double)in->param_ptr[i][e];
    return LA_OK;
}

void la_doubles_release(la_doubles *d)
{
    for (int i = 0; i < LA_T_COUNT; i++) la_free(d->t[i]);
    for (size_t i = 0; i < LA_MAX_PARAMS; i++) la_free(d->param[i]);
    la_free(d->state);
    *d = (la_doubles){0};
}

double *la_doubles_at(const la_doubles *d, size_t i, int64_t *n, int *which)
{
    for (int t = 0; t < LA_T_COUNT; t++) {
        if (!d->t[t]) continue;
        *n = d->n[t], *which = t;
        if (i-- == 0) return d->t[t];
    }
    for (size_t j = 0; j < d->n_params; j++) {
        if (!d->trainable[j]) continue;
        *n = d->n_param[j], *which = LA_T_COUNT + (int)j;
        if (i-- == 0) return d->param[j];
    }
    *n = d->n_state, *which = LA_T_COUNT + LA_MAX_PARAMS;
    return i == 0 ? d->state : NULL;
}

const char *la_doubles_name(const la_variant *variant, const la_problem *p, const void *opts,
                            int which, char buf[48])
{
    if (which < LA_T_COUNT) return la_tensor_names[which];
    if (which == LA_T_COUNT + LA_MAX_PARAMS) return "state";
    la_param params[LA_MAX_PARAMS];
    variant->params(p, opts, params, LA_MAX_PARAMS);
    snprintf(buf, 48, "%s", params[which - LA_T_COUNT].name);
    return buf;
}

/* What all pieces of a call share. */
typedef struct job {
    const la_variant *variant;
    const la_problem *p;
    const void *opts;
    const la_doubles *in;
    double *o, *state_out;           /* forward */
    const double *dout, *dstate_out; /* backward */
    la_doubles *grads;
} job;

/* One (batch, head), or one batch entry for variants with LA_IN_X. */
typedef struct piece {
    int64_t b, h;
    double *t[LA_T_COUNT], *d[LA_T_COUNT]; /* slices of the inputs and of their gradients */
    double *o;                             /* output, or its gradient */
    double *dparam[LA_MAX_PARAMS];
} piece;

/* Where the rows of (batch, head) lie in tensor `which`: [B, T, heads, d]. */
typedef struct place {
    int64_t heads, head, d;
} place;

static place place_of(const job *j, int which, int64_t h)
{
    int64_t shape[4];
    int rank = la_tensor_shape(j->variant, j->p, (la_tensor)which, shape);
    if (which == LA_T_X) return (place){1, 0, shape[2]};
    return (place){shape[2], h / (j->p->H / shape[2]), rank == 4 ? shape[3] : 1};
}

static place place_of_output(const job *j, int64_t h)
{
    if (j->variant->inputs & LA_IN_X) return (place){1, 0, j->p->H * j->p->dv};
    return (place){j->p->H, h, j->p->dv};
}

static double *slice(const double *whole, int64_t T, int64_t b, place at, la_err *err)
{
    double *out = la_alloc((size_t)(T * at.d) * sizeof(double), err);
    for (int64_t t = 0; out && whole && t < T; t++)
        memcpy(out + t * at.d, whole + ((b * T + t) * at.heads + at.head) * at.d,
               (size_t)at.d * sizeof(double));
    return out;
}

static void add_slice(double *whole, int64_t T, int64_t b, place at, const double *part)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t c = 0; c < at.d; c++)
            whole[((b * T + t) * at.heads + at.head) * at.d + c] += part[t * at.d + c];
}

static la_status piece_open(const job *j, piece *at, la_err *err)
{
    int64_t T = j->p->T;
    at->o = slice(j->grads ? j->dout : NULL, T, at->b, place_of_output(j, at->h), err);
    if (!at->o) return LA_E_NOMEM;
    for (int i = 0; i < LA_T_COUNT; i++) {
        if (!j->in->t[i]) continue;
        place where = place_of(j, i, at->h);
        at->t[i] = slice(j->in->t[i], T, at->b, where, err);
        if (!at->t[i]) return LA_E_NOMEM;
        if (!j->grads) continue;
        at->d[i] = slice(NULL, T, at->b, where, err);
        if (!at->d[i]) return LA_E_NOMEM;
    }
    for (size_t i = 0; j->grads && i < j->in->n_params; i++) {
        at->dparam[i] = la_zalloc((size_t)j->in->n_param[i] * sizeof(double), err);
        if (!at->dparam[i]) return LA_E_NOMEM;
    }
    return LA_OK;
}

static void piece_close(piece *at)
{
    for (int i = 0; i < LA_T_COUNT; i++) {
        la_free(at->t[i]);
        la_free(at->d[i]);
    }
    for (size_t i = 0; i < LA_MAX_PARAMS; i++) la_free(at->dparam[i]);
    la_free(at->o);
}

/* Pointers to the parts of a packed state that belong to one (batch, head). */
static void slice_state(const job *j, const piece *at, double *packed, double **out)
{
    la_part parts[LA_MAX_PARTS];
    size_t n = packed ? parts_of(j->variant, j->p, j->opts, parts) : 0;
    int64_t start = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t heads = parts[i].shape[1], all = la_part_elements(&parts[i]);
        out[i] = packed + start +
                 (at->b * heads + at->h / (j->p->H / heads)) * (all / (j->p->B * heads));
        start += all;
    }
}

static la_status piece_run(const job *j, piece *at, la_err *err)
{
    const la_reference *ref = la_variant_reference(j->variant);
    double *state_in[LA_MAX_PARTS], *state_out[LA_MAX_PARTS], *dstate_in[LA_MAX_PARTS],
        *dstate_out[LA_MAX_PARTS];
    LA_TRY(piece_open(j, at, err));
    slice_state(j, at, j->in->state, state_in);
    slice_state(j, at, j->state_out, state_out);
    la_ref_io io = {.head = at->h,
                    .batch = at->b,
                    .q = at->t[LA_T_Q],
                    .k = at->t[LA_T_K],
                    .v = at->t[LA_T_V],
                    .x = at->t[LA_T_X],
                    .beta = at->t[LA_T_BETA],
                    .g = at->t[LA_T_G],
                    .a = at->t[LA_T_A],
                    .b = at->t[LA_T_B],
                    .params = j->in->n_params ? (const double *const *)j->in->param : NULL,
                    .n_rows = j->p->T,
                    .o = j->grads ? NULL : at->o,
                    .state_in = j->in->state ? (const double *const *)state_in : NULL,
                    .state_out = j->state_out ? state_out : NULL};
    if (!j->grads) return ref->forward(j->p, j->opts, &io, err);
    slice_state(j, at, j->grads->state, dstate_in);
    slice_state(j, at, (double *)(uintptr_t)j->dstate_out, dstate_out);
    la_ref_grads g = {.dout = at->o,
                      .dstate_out = j->dstate_out ? (const double *const *)dstate_out : NULL,
                      .dq = at->d[LA_T_Q],
                      .dk = at->d[LA_T_K],
                      .dv = at->d[LA_T_V],
                      .dx = at->d[LA_T_X],
                      .dbeta = at->d[LA_T_BETA],
                      .dg = at->d[LA_T_G],
                      .da = at->d[LA_T_A],
                      .db = at->d[LA_T_B],
                      .dstate_in = j->grads->state ? dstate_in : NULL,
                      .dparams = j->in->n_params ? at->dparam : NULL};
    return ref->backward(j->p, j->opts, &io, &g, err);
}

/* Pieces are put together in their order, whoever computed them. */
static void piece_put(const job *j, const piece *at)
{
    int64_t T = j->p->T;
    if (!j->grads) {
        add_slice(j->o, T, at->b, place_of_output(j, at->h), at->o);
        return;
    }
    for (int i = 0; i < LA_T_COUNT; i++)
        if (at->d[i]) add_slice(j->grads->t[i], T, at->b, place_of(j, i, at->h), at->d[i]);
    for (size_t i = 0; i < j->in->n_params; i++)
        for (int64_t e = 0; e < j->in->n_param[i]; e++) j->grads->param[i][e] += at->dparam[i][e];
}

static la_status run(const job *j, la_err *err)
{
    int64_t heads = j->variant->inputs & LA_IN_X ? 1 : j->p->H, n = j->p->B * heads;
    piece *pieces = la_zalloc((size_t)n * sizeof *pieces, err);
    if (!pieces) return LA_E_NOMEM;
    la_status st = LA_OK;
#pragma omp parallel for num_threads(j->p->threads) schedule(dynamic)
    for (int64_t i = 0; i < n; i++) {
        la_err own = {0};
        pieces[i].b = i / heads;
        pieces[i].h = i % heads;
        la_status got = piece_run(j, &pieces[i], &own);
        if (got == LA_OK) continue;
#pragma omp critical(la_doubles_error)
        {
            st = got;
            if (err) *err = own;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        if (st == LA_OK) piece_put(j, &pieces[i]);
        piece_close(&pieces[i]);
    }
    la_free(pieces);
    return st;
}

la_status la_doubles_forward(const la_variant *variant, const la_problem *p, const void *opts,
                             const la_doubles *in, double *o, double *state_out, la_err *err)
{
    job j = {.variant = variant, .p = p, .opts = opts, .in = in, .o = o, .state_out = state_out};
    memset(o, 0, (size_t)(p->B * p->T * p->H * p->dv) * sizeof(double));
    return run(&j, err);
}

static void zero(la_doubles *d)
{
    for (int i = 0; i < LA_T_COUNT; i++)
        if (d->t[i]) memset(d->t[i], 0, (size_t)d->n[i] * sizeof(double));
    for (size_t i = 0; i < d->n_params; i++)
        memset(d->param[i], 0, (size_t)d->n_param[i] * sizeof(double));
    if (d->state) memset(d->state, 0, (size_t)d->n_state * sizeof(double));
}

la_status la_doubles_backward(const la_variant *variant, const la_problem *p, const void *opts,
                              const la_doubles *in, const double *dout, const double *dstate_out,
                              la_doubles *grads, la_err *err)
{
    if (!la_variant_reference(variant)->backward)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "the reference of %s has no backward", variant->name);
    job j = {.variant = variant,
             .p = p,
             .opts = opts,
             .in = in,
             .dout = dout,
             .dstate_out = dstate_out,
             .grads = grads};
    zero(grads);
    return run(&j, err);
}
