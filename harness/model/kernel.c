/* SPDX-License-Identifier: Apache-2.0
 * A variant's op inside a block: which impl, its buffers, and its parameters at this length.
 */
#include "engine.h"
#include "labench/cuda.h"

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
    if (k->impl->backend == LA_CUDA) k->on_device = la_cuda_kernels_of(k->impl);
    k->saved_bytes = e->training ? sizes.saved : 0;
    k->work_bytes = sizes.work;
    k->instance_bytes = sizes.instance;
    return LA_OK;
}

la_status la_kernel_create(la_kernel *k, const la_engine *e, const la_block *b, la_err *err)
{
    LA_TRY(la_few_create(&k->few, e, b, err));
    const la_cuda_kernels *on = k->on_device;
    if (!on) return k->impl->create(&k->problem, b->opts, e->device, &k->self, err);
    k->self = &k->problem;
    if (!on->create) return LA_OK;
    la_status st = on->create(&k->problem, b->opts, e->device, &k->self, err);
    if (st != LA_OK) k->self = NULL;
    return st;
}

void la_kernel_destroy(la_kernel *k)
{
    la_few_destroy(&k->few);
    if (k->self && !k->on_device) k->impl->destroy(k->self);
    if (k->self && k->on_device && k->on_device->destroy) k->on_device->destroy(k->self);
    k->self = NULL;
}

/* A parameter at this length inside that of the model, whose axes are as long or longer: blocks of `rows` rows
 * of `columns` numbers. */
typedef struct la_inside {
    int64_t blocks, rows, columns, stride; /* stride: between rows of the whole */
} la_inside;

static la_inside inside_of(const la_param *part, const la_param *whole)
{
    la_inside in = {1, 1, part->shape[part->rank - 1], whole->shape[part->rank - 1]};
    if (part->rank > 1) in.rows = part->shape[part->rank - 2];
    for (int axis = 0; axis < part->rank - 2; axis++) in.blocks *= part->shape[axis];
    return in;
}

/* Where block i begins in the whole. */
static int64_t block_in_whole(const la_param *part, const la_param *whole, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int axis = part->rank - 1; axis >= 0; axis--) {
        if (axis < part->rank - 2) {
            at += i % part->shape[axis] * stride;
            i /= part->shape[axis];
        }
        stride *= whole->shape[axis];
    }
    return at;
}

static void bind_params(const la_kernel *k, const la_block *b, const la_layers *L,
                        const float *weights, bool copy, const float *out[LA_MAX_PARAMS])
{
    for (size_t i = 0; i < b->n_params; i++) {
        const float *from = weights + b->param_at[i];
        const la_param *part = &k->param[i];
        out[i] = k->whole[i] ? from : k->packed[i];
        if (k->whole[i] || !copy) continue;
        la_inside in = inside_of(part, &b->params[i]);
        for (int64_t j = 0; j < in.blocks; j++)
            L->copy_rows(in.rows, in.columns, from + block_in_whole(part, &b->params[i], j),
                         in.stride, k->packed[i] + j * in.rows * in.columns, in.columns);
    }
}

static void add_param_gradient(const la_kernel *k, const la_block *b, const la_layers *L, size_t i,
                               const float *dparam, float *grad)
{
    const la_param *part = &k->param[i];
    float *to = grad + b->param_at[i];
    la_inside in = inside_of(part, &b->params[i]);
    if (k->whole[i]) {
        L->add(la_param_elements(part), dparam, to);
        return;
    }
    for (int64_t j = 0; j < in.blocks; j++)
        L->add_rows(in.rows, in.columns, dparam + j * in.rows * in.columns, in.columns,
                    to + block_in_whole(part, &b->params[i], j), in.stride);
}

static la_io make_io(const la_kernel *k, const la_block *b, const la_acts *a, const float *x,
                     const float *const *params, void *stream)
{
    la_io io = {.beta = a->beta,
                .g = a->g,
                .a = a->a,
                .b = a->b,
                .params = b->n_params ? params : NULL,
                .o = a->o,
                .work = k->work,
                .stream = stream};
    if (b->variant->inputs & LA_IN_X)
        io.x = x;
    else {
        io.q = a->part[0];
        io.k = a->key ? a->key : a->part[1];
        io.v = a->part[2];
    }
    return io;
}

la_status la_kernel_forward(la_kernel *k, const la_block *b, const la_lane *lane, const la_acts *a,
                            const float *x, const float *weights, bool save, la_err *err)
{
    const la_engine *e = lane->engine;
    const float *params[LA_MAX_PARAMS];
    bind_params(k, b, e->layers, weights, true, params);
    la_io io = make_io(k, b, a, x, params, e->site.stream);
    if (save) io.saved = k->saved;
    if (k->on_device) return k->on_device->forward(k->self, &io, err);
    return k->impl->forward(k->self, &io, err);
}

la_status la_kernel_backward(la_kernel *k, const la_block *b, la_lane *lane, const la_acts *a,
                             const float *x, const float *weights, const float *dout, float *dx,
                             la_err *err)
{
    const la_engine *e = lane->engine;
    const float *params[LA_MAX_PARAMS];
    float *dparams[LA_MAX_PARAMS] = {0};
    bind_params(k, b, e->layers, weights, false, params);
    la_io io = make_io(k, b, a, x, params, e->site.stream);
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
    LA_TRY(k->on_device ? k->on_device->backward(k->self, &io, &grads, err)
                        : k->impl->backward(k->self, &io, &grads, err));
    for (size_t i = 0; i < b->n_params; i++)
        if (dparams[i]) add_param_gradient(k, b, e->layers, i, dparams[i], lane->grad);
    return LA_OK;
}
