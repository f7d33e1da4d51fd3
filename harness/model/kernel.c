/* SPDX-License-Identifier: Apache-2.0
 * A variant's op inside a block: which impl, its buffers, and its parameters at this length.
 */
#include <string.h>

#include "engine.h"

/* A tensor learned for the longest length is read at shorter ones by its first rows and columns (as
 * linformer's E and F are); beyond it there is nothing to read. */
static la_status param_shapes(la_kernel *k, const la_block *b, la_err *err)
{
    if (!b->variant->params) return LA_OK;
    size_t n = b->variant->params(&k->problem, b->opts, k->param, LA_MAX_PARAMS);
    LA_ASSERT(n == b->n_params);
    for (size_t i = 0; i < n; i++) {
        k->whole[i] = true;
        for (int axis = 0; axis < k->param[i].rank; axis++) {
            int64_t have = b->params[i].shape[axis], want = k->param[i].shape[axis];
            if (want > have)
                return LA_FAIL(
                    err, LA_E_UNSUPPORTED,
                    "%s learned %s for at most %lld, and %lld tokens need %lld; train it "
                    "at this length (--train-at-length)",
                    b->variant->name, b->params[i].name, (long long)have, (long long)k->problem.T,
                    (long long)want);
            if (want < have) k->whole[i] = false;
        }
    }
    return LA_OK;
}

la_status la_kernel_init(la_kernel *k, const la_engine *e, const la_block *b, int64_t B, int64_t T,
                         int threads, la_err *err)
{
    la_pass pass = e->training ? LA_FWDBWD : LA_FORWARD;
    *k = (la_kernel){.problem = la_block_problem(e->spec, b, B, T, threads)};
    LA_TRY(la_problem_check(&k->problem, err));
    k->impl = la_block_impl(b, &k->problem, pass, e->device, err);
    if (!k->impl) return LA_E_UNSUPPORTED;
    LA_TRY(param_shapes(k, b, err));
    la_sizes sizes = {0};
    LA_TRY(k->impl->sizes(&k->problem, pass, b->opts, e->device, &sizes, err));
    k->saved_bytes = e->training ? sizes.saved : 0;
    k->work_bytes = sizes.work;
    k->instance_bytes = sizes.instance;
    return LA_OK;
}

la_status la_kernel_create(la_kernel *k, const la_engine *e, const la_block *b, la_err *err)
{
    LA_TRY(la_few_create(&k->few, e, b, err));
    return k->impl->create(&k->problem, b->opts, e->device, &k->self, err);
}

void la_kernel_destroy(la_kernel *k)
{
    la_few_destroy(&k->few);
    if (k->self) k->impl->destroy(k->self);
    k->self = NULL;
}

/* The last axis, and how many rows of it there are. */
static int64_t columns(const la_param *p)
{
    return p->rank > 1 ? p->shape[p->rank - 1] : 1;
}

static int64_t rows(const la_param *p)
{
    return la_param_elements(p) / columns(p);
}

/* Where row r of the leading axes of `part` starts in `whole`, which has the same axes or longer ones. */
static int64_t row_in_whole(const la_param *part, const la_param *whole, int64_t r)
{
    int64_t at = 0, stride = columns(whole);
    int axis = part->rank > 1 ? part->rank - 2 : 0;
    for (; axis >= 0; axis--) {
        at += r % part->shape[axis] * stride;
        r /= part->shape[axis];
        stride *= whole->shape[axis];
    }
    return at;
}

static void bind_params(const la_kernel *k, const la_block *b, const float *weights, bool copy,
                        const float *out[LA_MAX_PARAMS])
{
    for (size_t i = 0; i < b->n_params; i++) {
        const float *from = weights + b->param_at[i];
        const la_param *part = &k->param[i];
        out[i] = k->whole[i] ? from : k->packed[i];
        if (k->whole[i] || !copy) continue;
        int64_t n = columns(part);
        for (int64_t r = 0; r < rows(part); r++)
            memcpy(k->packed[i] + r * n, from + row_in_whole(part, &b->params[i], r),
                   (size_t)n * sizeof(float));
    }
}

static la_io make_io(const la_kernel *k, const la_block *b, const la_acts *a, const float *x,
                     const float *const *params)
{
    la_io io = {.beta = a->beta,
                .g = a->g,
                .a = a->a,
                .b = a->b,
                .params = b->n_params ? params : NULL,
                .o = a->o,
                .work = k->work};
    if (b->variant->inputs & LA_IN_X)
        io.x = x;
    else {
        io.q = a->part[0];
        io.k = a->key ? a->key : a->part[1];
        io.v = a->part[2];
    }
    return io;
}

la_status la_kernel_forward(la_kernel *k, const la_block *b, const la_acts *a, const float *x,
                            const float *weights, bool save, la_err *err)
{
    const float *params[LA_MAX_PARAMS];
    bind_params(k, b, weights, true, params);
    la_io io = make_io(k, b, a, x, params);
    if (save) io.saved = k->saved;
    return k->impl->forward(k->self, &io, err);
}

la_status la_kernel_backward(la_kernel *k, const la_block *b, la_lane *lane, const la_acts *a,
                             const float *x, const float *weights, const float *dout, float *dx,
                             la_err *err)
{
    const float *params[LA_MAX_PARAMS];
    float *dparams[LA_MAX_PARAMS] = {0};
    bind_params(k, b, weights, false, params);
    la_io io = make_io(k, b, a, x, params);
    io.saved = k->saved;
    la_grads grads = {.dout = dout, .dbeta = lane->dbeta, .dg = lane->dg};
    if (b->variant->inputs & LA_IN_X)
        grads.dx = dx;
    else {
        grads.dq = lane->dpart[0];
        grads.dk = lane->dpart[1];
        grads.dv = lane->dpart[2];
    }
    if (b->iclr_column >= 0) grads.da = lane->da, grads.db = lane->db;
    if (b->beta_column < 0 && !b->dt) grads.dbeta = NULL;
    if (b->decay_column < 0) grads.dg = NULL;
    for (size_t i = 0; i < b->n_params; i++)
        dparams[i] = b->params[i].trainable ? k->dparam[i] : NULL;
    if (b->n_params) grads.dparams = dparams;
    LA_TRY(k->impl->backward(k->self, &io, &grads, err));
    for (size_t i = 0; i < b->n_params; i++) {
        if (!dparams[i]) continue;
        const la_param *part = &k->param[i];
        float *to = lane->grad + b->param_at[i];
        int64_t n = columns(part);
        for (int64_t r = 0; r < rows(part); r++)
            lane->engine->layers->add(n, dparams[i] + r * n,
                                      to + row_in_whole(part, &b->params[i], r));
    }
    return LA_OK;
}
