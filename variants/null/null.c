/* SPDX-License-Identifier: Apache-2.0
 * null - o = 0. The cheapest legal output: what a call through the harness costs. A template, too:
 * copy this folder to start a variant.
 *
 * Shapes   q,k [B,T,H,dk]   v,o [B,T,H,dv]   no state, no options, no scratch
 * Backward dq = dk = dv = 0
 */
#include <string.h>

#include "labench/cuda.h"
#include "labench/kit.h"
#include "zero_rows.h"

extern const la_reference la_null_reference;

static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)opts, (void)err;
    double width = pass == LA_FORWARD ? (double)p->dv : 2.0 * (double)p->dk + (double)p->dv;
    if (pass == LA_FWDBWD) width += (double)p->dv;
    *cost = (la_cost){.bytes = (double)p->B * (double)p->T * (double)p->H * width *
                               (double)la_dtype_size(p->dtype),
                      .version = 1};
    return LA_OK;
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)opts;
    bool f16 = p->dtype == LA_F16 && dev->backend == LA_CUDA;
    if (p->dtype != LA_F32 && p->dtype != LA_BF16 && !f16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "null has no %s kernel", la_dtype_name(p->dtype));
    if (p->Hkv != p->H || p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "null has no grouped heads");
    if (pass == LA_DECODE) return LA_FAIL(err, LA_E_UNSUPPORTED, "null has no decode");
    return LA_OK;
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)dev, (void)err;
    *out = (la_sizes){.instance = sizeof(la_problem)};
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)opts, (void)dev;
    la_problem *copy = la_alloc(sizeof *copy, err);
    if (!copy) return LA_E_NOMEM;
    *copy = *p;
    *self = copy;
    return LA_OK;
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const la_problem *p = self;
    memset(io->o, 0, (size_t)(p->B * p->T * p->H * p->dv) * la_dtype_size(p->dtype));
    return LA_OK;
}

/* o is the same whatever comes in. */
static la_status backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)io, (void)err;
    const la_problem *p = self;
    size_t rows = (size_t)(p->B * p->T * p->H) * la_dtype_size(p->dtype);
    if (grads->dq) memset(grads->dq, 0, rows * (size_t)p->dk);
    if (grads->dk) memset(grads->dk, 0, rows * (size_t)p->dk);
    if (grads->dv) memset(grads->dv, 0, rows * (size_t)p->dv);
    return LA_OK;
}

#if LA_HAVE_CUDA
static la_status device_sizes(const la_problem *p, la_pass pass, const void *opts,
                              const la_device *dev, la_sizes *out, la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)dev, (void)err;
    *out = (la_sizes){0};
    return LA_OK;
}

static la_status device_zeros(const la_problem *p, void *to, int64_t width, void *stream,
                              la_err *err)
{
    size_t bytes = (size_t)(p->B * p->T * p->H * width) * la_dtype_size(p->dtype);
    return to ? la_zero_rows(to, 1, bytes, bytes, stream, err) : LA_OK;
}

static la_status device_forward(void *self, const la_io *io, la_err *err)
{
    const la_problem *p = self;
    return device_zeros(p, io->o, p->dv, io->stream, err);
}

static la_status device_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    const la_problem *p = self;
    LA_TRY(device_zeros(p, grads->dq, p->dk, io->stream, err));
    LA_TRY(device_zeros(p, grads->dk, p->dk, io->stream, err));
    return device_zeros(p, grads->dv, p->dv, io->stream, err);
}

static const la_cuda_kernels device_kernels = {
    .sizes = device_sizes, .forward = device_forward, .backward = device_backward};
LA_CUDA_THUNKS("null", device_kernels)
#endif

static const la_impl impls[] = {
    {.name = "cpu_plain",
     .backend = LA_CPU,
     .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = sizes,
     .create = create,
     .destroy = la_free,
     .forward = forward,
     .backward = backward},
#if LA_HAVE_CUDA
    {.name = "cuda_plain",
     LA_CUDA_CALLS(device_kernels),
     .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16,
     .check = check,
     .backward = la_cuda_backward},
#endif
};

LA_VARIANT(null) = {
    LA_VARIANT_HEAD,
    .name = "null",
    .family = LA_FAMILY_BASELINE,
    .paper = "-",
    .summary = "o = 0: what a call costs",
    .cost_words = "O(T d) time, O(1) memory",
    .inputs = LA_IN_QKV,
    .reference = &la_null_reference,
    .useful = useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
