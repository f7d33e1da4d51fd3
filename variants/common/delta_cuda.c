/* SPDX-License-Identifier: Apache-2.0
 * The host's part of the recurrent family on CUDA devices: refusals, sizes, constants.
 */
#include "delta_cuda.h"

#include <inttypes.h>
#include <math.h>

typedef struct cuda_instance {
    const la_recurrence *member;
    la_problem p;
    float scale;
    void *fixed; /* [2,H] on the device: decays, then their logarithms; or NULL */
} cuda_instance;

la_status la_delta_cuda_check(const la_recurrence *m, const la_problem *p, la_pass pass,
                              const la_device *dev, la_err *err)
{
    if (p->dk > LA_DELTA_STEP_DK)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s on CUDA devices takes keys of at most %d numbers, not %" PRId64, m->name,
                       LA_DELTA_STEP_DK, p->dk);
    la_device cpu_like = *dev;
    cpu_like.isa = LA_ISA_AVX512_BF16; /* every device has bf16 ... */
    la_problem narrow = *p;
    if (p->dtype == LA_F16) narrow.dtype = LA_BF16; /* ... and f16 */
    return la_delta_check(m, &narrow, pass, &cpu_like, err);
}

la_status la_delta_cuda_chunk_check(const la_recurrence *m, const la_problem *p, la_pass pass,
                                    const la_device *dev, la_err *err)
{
    if (p->dk > LA_DELTA_CUDA_DK)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s by chunks on CUDA devices takes keys of at most %d numbers, not %" PRId64
                       " (cuda_recurrent takes up to %d)",
                       m->name, LA_DELTA_CUDA_DK, p->dk, LA_DELTA_STEP_DK);
    return la_delta_cuda_check(m, p, pass, dev, err);
}

static la_delta_call shape_of(const la_recurrence *m, const la_problem *p)
{
    return (la_delta_call){.write = m->write,
                           .decay = m->decay,
                           .B = p->B,
                           .T = p->T,
                           .H = p->H,
                           .Hqk = p->Hqk,
                           .dk = p->dk,
                           .dv = p->dv,
                           .dtype = p->dtype};
}

la_status la_delta_cuda_sizes(const la_recurrence *m, la_delta_form form, const la_problem *p,
                              la_pass pass, const void *opts, la_sizes *out)
{
    la_part part;
    la_delta_state_parts(p, opts, &part, 1);
    *out = (la_sizes){.state = la_state_layout(&part, 1, NULL), .instance = sizeof(cuda_instance)};
    la_delta_call call = shape_of(m, p);
    if (form == LA_DELTA_CHUNK && (pass == LA_FORWARD || pass == LA_FWDBWD))
        out->work = la_delta_chunks_work(&call);
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) {
        size_t back = la_delta_cuda_back_work(m->write, p);
        if (back > out->work) out->work = back;
    }
    return LA_OK;
}

/* gamma_h of every head and its logarithm, which keeps its digits where gamma is almost 1, on the device. */
static la_status keep_fixed(cuda_instance *in, la_err *err)
{
    int64_t H = in->p.H;
    size_t bytes = 2 * (size_t)H * sizeof(float);
    float *gamma = la_alloc(bytes, err);
    if (!gamma) return LA_E_NOMEM;
    for (int64_t h = 0; h < H; h++) {
        gamma[h] = (float)exp(in->member->log_decay(h));
        gamma[H + h] = (float)in->member->log_decay(h);
    }
    la_status st = la_cuda_keep(gamma, bytes, &in->fixed, err);
    la_free(gamma);
    return st;
}

la_status la_delta_cuda_create(const la_recurrence *member, const la_problem *p, void **self,
                               la_err *err)
{
    cuda_instance *in = la_alloc(sizeof *in, err);
    if (!in) return LA_E_NOMEM;
    double s =
        p->scale == 0.0 && member->default_scale != 0.0 ? member->default_scale : la_scale(p);
    *in = (cuda_instance){.member = member, .p = *p, .scale = (float)s};
    la_status st = member->decay == LA_DECAY_FIXED ? keep_fixed(in, err) : LA_OK;
    if (st != LA_OK) {
        la_delta_cuda_destroy(in);
        return st;
    }
    *self = in;
    return LA_OK;
}

void la_delta_cuda_destroy(void *self)
{
    cuda_instance *in = self;
    if (in) la_cuda_drop(in->fixed);
    la_free(in);
}

static la_delta_call call_of(const cuda_instance *in, int64_t T, const la_io *io)
{
    const la_recurrence *m = in->member;
    la_delta_call call = shape_of(m, &in->p);
    call.T = T;
    call.scale = in->scale;
    call.q = io->q, call.k = io->k, call.v = io->v;
    call.a = io->a, call.b = io->b;
    call.beta = m->weighted ? io->beta : NULL;
    call.g = m->decay >= LA_DECAY_HEAD ? io->g : NULL;
    call.fixed = in->fixed;
    call.o = io->o;
    call.S_in = io->state_in;
    call.S_out = io->state_out;
    call.stream = io->stream;
    return call;
}

la_status la_delta_cuda_step(void *self, const la_io *io, la_err *err)
{
    const cuda_instance *in = self;
    la_delta_call call = call_of(in, in->p.T, io);
    return la_delta_step(&call, err);
}

la_status la_delta_cuda_chunks(void *self, const la_io *io, la_err *err)
{
    const cuda_instance *in = self;
    la_delta_call call = call_of(in, in->p.T, io);
    return la_delta_chunks(&call, io->work, err);
}

la_status la_delta_cuda_decode(void *self, const la_io *io, la_err *err)
{
    la_delta_call call = call_of(self, 1, io);
    return la_delta_step(&call, err);
}

la_status la_delta_cuda_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    const cuda_instance *in = self;
    la_delta_call call = call_of(in, in->p.T, io);
    return la_delta_cuda_back(&call, &in->p, grads, io->work, err);
}
