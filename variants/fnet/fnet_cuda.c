/* SPDX-License-Identifier: Apache-2.0
 * fnet on CUDA devices: lengths cut up for fnet_fft.cu, and its calls. The transform is its own gradient.
 */
#include "fnet_cuda.h"

#include "fnet_internal.h"
#include "labench/kit.h"

enum {
    COMPLEX = 2 * sizeof(float),
    NUMBERS = 4096,           /* complex ones of a block's columns: 64 KiB in both buffers */
    COLUMNS = 16,             /* neighbours of a row that a block takes: 128 bytes */
    PAIRS = 8,                /* of rows */
    SHARED_LEAST = 99 * 1024, /* of every device we compile for */
};

/* 4, then 2, then the odd primes. */
static void radices(la_fnet_transform *f, int64_t n)
{
    f->n = (int)n;
    f->steps = 0;
    for (int r = 4; n > 1; r = r == 4 ? 2 : r == 2 ? 3 : r + 2)
        while (n % r == 0) {
            LA_ASSERT(f->steps < LA_FNET_STEPS); /* 3^16 is beyond any shared memory */
            f->radix[f->steps++] = r;
            n /= r;
        }
}

static int power_below(int64_t n, int most)
{
    int side = most;
    while (side > 1 && side > n) side /= 2;
    return side;
}

/* Pairs of rows of length D; odd pitches, so that threads along a row hit different banks. */
static void make_rows(la_fnet_plan *out, size_t shared)
{
    la_fnet_transform *f = &out->rows;
    if (out->D > (int64_t)(shared / (2 * COMPLEX))) return;
    radices(f, out->D);
    f->side = PAIRS;
    while (f->side > 1 && (f->side + 1) * out->D > NUMBERS) f->side /= 2;
    f->pitch = f->side == 1 ? 1 : f->side + 1;
}

static void make_columns(la_fnet_transform *f, int64_t n)
{
    radices(f, n);
    f->side = power_below(NUMBERS / n, COLUMNS);
    f->pitch = f->side;
}

void la_fnet_plan_make(const la_problem *p, float factor, size_t shared, la_fnet_plan *out)
{
    *out = (la_fnet_plan){.B = p->B,
                          .T = p->T,
                          .D = p->H * p->dv,
                          .T1 = 1,
                          .T2 = p->T,
                          .dtype = p->dtype,
                          .factor = factor};
    out->half = out->D / 2 + 1;
    make_rows(out, shared);
    /* The most even cut; a length that leaves blocks whole columns needs none. */
    if (p->T > NUMBERS / COLUMNS)
        for (int64_t t = 2; t * t <= p->T && t <= NUMBERS; t++)
            if (p->T % t == 0) out->T1 = t;
    out->T2 = p->T / out->T1;
    if (out->T2 > NUMBERS) return; /* a large prime in it */
    make_columns(&out->first, out->T1);
    make_columns(&out->second, out->T2);
}

size_t la_fnet_transform_bytes(const la_fnet_transform *f)
{
    return (size_t)2 * (size_t)f->n * (size_t)f->pitch * COMPLEX;
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)pass, (void)opts, (void)dev, (void)err;
    size_t columns = (size_t)(p->H * p->dv / 2 + 1);
    *out = (la_sizes){.work = (size_t)(p->B * p->T) * columns * COMPLEX,
                      .instance = sizeof(la_fnet_plan)};
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    la_fnet_plan *plan = la_alloc(sizeof *plan, err);
    if (!plan) return LA_E_NOMEM;
    /* A multiprocessor keeps 1 KiB of its shared memory from a block. */
    size_t shared = dev->l1d > SHARED_LEAST + 1024 ? dev->l1d - 1024 : SHARED_LEAST;
    la_fnet_plan_make(p, (float)la_fnet_factor(p, opts), shared, plan);
    *self = plan;
    return LA_OK;
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    return la_fnet_cuda_run(self, io->x, io->o, io->work, io->stream, err);
}

static la_status backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    if (!grads->dx) return LA_OK;
    return la_fnet_cuda_run(self, grads->dout, grads->dx, io->work, io->stream, err);
}

const la_cuda_kernels la_fnet_cuda = {
    .sizes = sizes, .create = create, .destroy = la_free, .forward = forward, .backward = backward};
