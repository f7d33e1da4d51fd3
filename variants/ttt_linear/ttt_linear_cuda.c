/* SPDX-License-Identifier: Apache-2.0
 * The host's part of ttt_linear on CUDA devices.
 */
#include "ttt_linear_cuda.h"

#include "ttt_linear_internal.h"

typedef struct ttt_cuda {
    la_problem p;
    la_ttt_options o;
    size_t part[LA_TTT_PARTS];
} ttt_cuda;

static la_ttt_call call_of(const la_problem *p, const la_ttt_options *o, int64_t T)
{
    la_problem now = *p;
    now.T = T;
    return (la_ttt_call){.B = p->B,
                         .T = T,
                         .H = p->H,
                         .Hqk = p->Hqk,
                         .dk = p->dk,
                         .dv = p->dv,
                         .C = o->mini_batch,
                         .R = la_ttt_most_rows(&now, o),
                         .segment = la_ttt_segment(o->mini_batch),
                         .saves = la_ttt_saved(&now, o->mini_batch),
                         .memory = p->dk * p->dv + p->dv,
                         .dtype = p->dtype,
                         .scale = (float)la_ttt_scale(p),
                         .rate = (float)(o->rate / (double)p->dk),
                         .average = o->average,
                         .normed = o->norm == LA_TTT_LN};
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)dev, (void)err;
    la_part parts[LA_TTT_PARTS];
    la_ttt_call call = call_of(p, opts, pass == LA_DECODE ? 1 : p->T);
    int64_t floats = la_ttt_cuda_floats(&call, false), back = 0, saved = 0;
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) {
        back = la_ttt_cuda_floats(&call, true);
        saved = p->B * p->H * call.saves * call.memory;
    }
    la_ttt_state_parts(p, opts, parts, LA_TTT_PARTS);
    *out = (la_sizes){.state = la_state_layout(parts, LA_TTT_PARTS, NULL),
                      .saved = (size_t)saved * sizeof(float),
                      .work = (size_t)(back > floats ? back : floats) * sizeof(float),
                      .instance = sizeof(ttt_cuda)};
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)dev;
    la_part parts[LA_TTT_PARTS];
    ttt_cuda *t = la_alloc(sizeof *t, err);
    if (!t) return LA_E_NOMEM;
    *t = (ttt_cuda){.p = *p, .o = *(const la_ttt_options *)opts};
    la_ttt_state_parts(p, opts, parts, LA_TTT_PARTS);
    la_state_layout(parts, LA_TTT_PARTS, t->part);
    *self = t;
    return LA_OK;
}

static void parts_at(const ttt_cuda *t, const void *state, float *to[LA_TTT_PARTS])
{
    char *base = (char *)(uintptr_t)state; /* a state that comes in is only read */
    for (int i = 0; i < LA_TTT_PARTS; i++)
        to[i] = state ? (float *)(void *)(base + t->part[i]) : NULL;
}

static la_ttt_call begin(const ttt_cuda *t, const la_io *io, int64_t T)
{
    la_ttt_call c = call_of(&t->p, &t->o, T);
    float *in[LA_TTT_PARTS];
    c.q = io->q, c.k = io->k, c.v = io->v, c.beta = io->beta, c.o = io->o;
    for (int i = 0; i < LA_TTT_PARAMS; i++) c.params[i] = io->params[i];
    parts_at(t, io->state_in, in);
    for (int i = 0; i < LA_TTT_PARTS; i++) c.in[i] = in[i];
    parts_at(t, io->state_out, c.out);
    c.saved = io->saved;
    c.work = io->work;
    c.stream = io->stream;
    return c;
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    const ttt_cuda *t = self;
    la_ttt_call c = begin(t, io, t->p.T);
    return la_ttt_cuda_launch(&c, err);
}

static la_status decode(void *self, const la_io *io, la_err *err)
{
    la_ttt_call c = begin(self, io, 1);
    return la_ttt_cuda_launch(&c, err);
}

static la_status backward(void *self, const la_io *io, const la_grads *g, la_err *err)
{
    const ttt_cuda *t = self;
    float *after[LA_TTT_PARTS];
    la_ttt_call c = begin(t, io, t->p.T);
    c.dout = g->dout, c.dq_out = g->dq, c.dk_out = g->dk, c.dv_out = g->dv, c.dbeta = g->dbeta;
    parts_at(t, g->dstate_out, after);
    for (int i = 0; i < LA_TTT_PARTS; i++) c.after[i] = after[i];
    parts_at(t, g->dstate_in, c.before);
    for (int i = 0; g->dparams && i < LA_TTT_PARAMS; i++) c.dparams[i] = g->dparams[i];
    return la_ttt_cuda_launch_back(&c, err);
}

const la_cuda_kernels la_ttt_cuda_kernels = {.sizes = sizes,
                                             .create = create,
                                             .destroy = la_free,
                                             .forward = forward,
                                             .backward = backward,
                                             .decode = decode};
