/* SPDX-License-Identifier: Apache-2.0
 * fnet by cuFFT: what our own transforms (fnet_cuda.h) are measured against. The transform is its own gradient.
 */
#include "fnet_cufft.h"

#include "fnet_internal.h"
#include "labench/cuda_fft.h"
#include "labench/kit.h"

enum { ALIGNED = 256 }; /* as memory of the device begins */

typedef struct cufft_self {
    la_fnet_sheets sheets;
    la_cuda_fft fft;
} cufft_self;

/* One number a token is one row of tokens: cuFFT's inner axis is then the long one. */
static la_fnet_sheets sheets_of(const la_problem *p)
{
    int64_t D = p->H * p->dv;
    la_fnet_sheets s = {.B = p->B, .T = p->T, .D = D, .dtype = p->dtype};
    if (D == 1) s.T = 1, s.D = p->T;
    s.half = s.D / 2 + 1;
    return s;
}

static la_cuda_planes planes_of(const la_fnet_sheets *s)
{
    return (la_cuda_planes){
        .rows = s->T, .columns = s->D, .count = s->B, .padded = s->dtype != LA_F32};
}

/* Bytes of Z, and of the room that cuFFT is given in front of it: as much again, which is what it asks for
 * where lengths are products of small primes. */
static size_t spectrum_bytes(const la_fnet_sheets *s)
{
    return (size_t)(s->B * s->T * s->half) * 2 * sizeof(float);
}

static size_t room_bytes(const la_fnet_sheets *s)
{
    return (spectrum_bytes(s) + ALIGNED - 1) / ALIGNED * ALIGNED;
}

int la_fnet_cufft_rank(const la_device *dev, la_err *why)
{
    int rank = la_rank_second_cuda(dev, why);
    return rank && la_cuda_fft_there(why) == LA_OK ? rank : 0;
}

la_status la_fnet_cufft_check(const la_problem *p, la_err *err)
{
    la_fnet_sheets s = sheets_of(p);
    la_cuda_planes planes = planes_of(&s);
    return la_cuda_fft_check(&planes, err);
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)pass, (void)opts, (void)dev, (void)err;
    la_fnet_sheets s = sheets_of(p);
    *out = (la_sizes){.work = room_bytes(&s) + spectrum_bytes(&s), .instance = sizeof(cufft_self)};
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)dev;
    cufft_self *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    f->sheets = sheets_of(p);
    f->sheets.factor = (float)la_fnet_factor(p, opts);
    la_cuda_planes planes = planes_of(&f->sheets);
    la_status st = la_cuda_fft_init(&planes, room_bytes(&f->sheets), &f->fft, err);
    if (st == LA_OK)
        *self = f;
    else
        la_free(f);
    return st;
}

static void destroy(void *self)
{
    cufft_self *f = self;
    if (f) la_cuda_fft_release(&f->fft);
    la_free(f);
}

static la_status run(const cufft_self *f, const void *x, void *o, void *work, void *stream,
                     la_err *err)
{
    const la_fnet_sheets *s = &f->sheets;
    float *Z = (float *)(void *)((char *)work + room_bytes(s));
    const float *in = x;
    if (s->dtype != LA_F32) {
        LA_TRY(la_fnet_widen(s, x, Z, stream, err));
        in = Z;
    }
    LA_TRY(la_cuda_fft_run(&f->fft, in, Z, work, stream, err));
    return la_fnet_real_parts(s, Z, o, stream, err);
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    return run(self, io->x, io->o, io->work, io->stream, err);
}

static la_status backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    if (!grads->dx) return LA_OK;
    return run(self, grads->dout, grads->dx, io->work, io->stream, err);
}

const la_cuda_kernels la_fnet_cufft = {
    .sizes = sizes, .create = create, .destroy = destroy, .forward = forward, .backward = backward};
