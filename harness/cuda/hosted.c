/* SPDX-License-Identifier: Apache-2.0
 * CUDA kernels as an impl that takes host memory. Everything a call reads goes up, everything it wrote comes
 * back; what it leaves unwritten comes back as NaN, and a write beyond a buffer is an error. Slow on
 * purpose: this is how kernels are verified, never how they are timed.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "cuda.h"
#include "inputs.h"
#include "labench/cuda.h"
#include "registry.h"

typedef struct hosted {
    const la_variant *variant;
    const la_cuda_kernels *kernels;
    la_problem p;
    void *opts; /* owned copy */
    void *self, *stream;
    size_t state_bytes;
    la_param params[LA_MAX_PARAMS];
    size_t n_params;
    la_cuda_buffer t[LA_T_COUNT], param[LA_MAX_PARAMS], o, state_in, state_out, saved, work;
    /* of backward, made when there is one */
    la_cuda_buffer dt[LA_T_COUNT], dparam[LA_MAX_PARAMS], dout, dstate_in, dstate_out;
} hosted;

/* ---- make and end ---- */

static size_t tensor_bytes(const hosted *h, const la_problem *p, la_tensor which)
{
    return (size_t)la_tensor_elements(h->variant, p, which) *
           la_dtype_size(la_tensor_dtype(p, which));
}

static size_t output_bytes(const la_problem *p)
{
    return (size_t)(p->B * p->T * p->H * p->dv) * la_dtype_size(p->dtype);
}

static la_status most(const hosted *h, const la_device *device, la_sizes *out, la_err *err)
{
    const la_cuda_kernels *k = h->kernels;
    static const la_pass passes[] = {LA_FORWARD, LA_FWDBWD, LA_BACKWARD, LA_DECODE};
    const bool has[] = {k->forward, k->backward, k->backward, k->decode};
    *out = (la_sizes){0};
    for (size_t i = 0; i < LA_COUNT(passes); i++) {
        la_sizes one = {0};
        if (!has[i]) continue;
        LA_TRY(k->sizes(&h->p, passes[i], h->opts, device, &one, err));
        if (one.state > out->state) out->state = one.state;
        if (one.saved > out->saved) out->saved = one.saved;
        if (one.work > out->work) out->work = one.work;
    }
    return LA_OK;
}

static la_status make_backward(hosted *h, la_err *err)
{
    for (int i = 0; i < LA_T_COUNT; i++)
        LA_TRY(la_cuda_buffer_init(&h->dt[i], h->t[i].bytes, h->stream, err));
    for (size_t i = 0; i < h->n_params; i++)
        LA_TRY(la_cuda_buffer_init(&h->dparam[i], h->param[i].bytes, h->stream, err));
    LA_TRY(la_cuda_buffer_init(&h->dout, h->o.bytes, h->stream, err));
    LA_TRY(la_cuda_buffer_init(&h->dstate_in, h->state_bytes, h->stream, err));
    return la_cuda_buffer_init(&h->dstate_out, h->state_bytes, h->stream, err);
}

static la_status make(hosted *h, const void *opts, const la_device *device, la_err *err)
{
    const la_cuda_kernels *k = h->kernels;
    la_sizes sizes;
    LA_TRY(la_cuda()->select(device->index, err));
    LA_TRY(la_cuda()->stream(&h->stream, err));
    if (opts && h->variant->options_size) {
        h->opts = malloc(h->variant->options_size);
        if (!h->opts) return LA_FAIL(err, LA_E_NOMEM, "out of memory for options");
        memcpy(h->opts, opts, h->variant->options_size);
    }
    LA_TRY(most(h, device, &sizes, err));
    h->state_bytes = sizes.state;
    for (int i = 0; i < LA_T_COUNT; i++)
        LA_TRY(la_cuda_buffer_init(&h->t[i], tensor_bytes(h, &h->p, (la_tensor)i), h->stream, err));
    if (h->variant->params)
        h->n_params = h->variant->params(&h->p, h->opts, h->params, LA_MAX_PARAMS);
    for (size_t i = 0; i < h->n_params; i++)
        LA_TRY(la_cuda_buffer_init(&h->param[i],
                                   (size_t)la_param_elements(&h->params[i]) * sizeof(float),
                                   h->stream, err));
    LA_TRY(la_cuda_buffer_init(&h->o, output_bytes(&h->p), h->stream, err));
    LA_TRY(la_cuda_buffer_init(&h->state_in, sizes.state, h->stream, err));
    LA_TRY(la_cuda_buffer_init(&h->state_out, sizes.state, h->stream, err));
    LA_TRY(la_cuda_buffer_init(&h->saved, sizes.saved, h->stream, err));
    LA_TRY(la_cuda_buffer_init(&h->work, sizes.work, h->stream, err));
    if (k->backward) LA_TRY(make_backward(h, err));
    h->self = &h->p;
    return k->create ? k->create(&h->p, h->opts, device, &h->self, err) : LA_OK;
}

la_status la_cuda_create(const char *variant, const la_cuda_kernels *kernels, const la_problem *p,
                         const void *opts, const la_device *device, void **self, la_err *err)
{
    const la_variant *of = la_registry_find(variant);
    if (!of) return LA_FAIL(err, LA_E_INTERNAL, "kernels of no variant '%s'", variant);
    hosted *h = calloc(1, sizeof *h); /* not the impl's: it is not counted as its instance */
    if (!h) return LA_FAIL(err, LA_E_NOMEM, "out of memory for a host's view of kernels");
    h->variant = of;
    h->kernels = kernels;
    h->p = *p;
    la_status st = make(h, opts, device, err);
    if (st != LA_OK) {
        la_cuda_destroy(h);
        return st;
    }
    *self = h;
    return LA_OK;
}

void la_cuda_destroy(void *self)
{
    hosted *h = self;
    if (!h) return;
    if (h->self && h->self != &h->p && h->kernels->destroy) h->kernels->destroy(h->self);
    for (int i = 0; i < LA_T_COUNT; i++) {
        la_cuda_buffer_release(&h->t[i]);
        la_cuda_buffer_release(&h->dt[i]);
    }
    for (size_t i = 0; i < h->n_params; i++) {
        la_cuda_buffer_release(&h->param[i]);
        la_cuda_buffer_release(&h->dparam[i]);
    }
    la_cuda_buffer *rest[] = {&h->o,    &h->state_in, &h->state_out, &h->saved,
                              &h->work, &h->dout,     &h->dstate_in, &h->dstate_out};
    for (size_t i = 0; i < LA_COUNT(rest); i++) la_cuda_buffer_release(rest[i]);
    if (h->stream) la_cuda()->stream_end(h->stream);
    free(h->opts);
    free(h);
}

la_status la_cuda_keep(const void *from, size_t bytes, void **out, la_err *err)
{
    *out = NULL;
    LA_TRY(la_cuda()->take(bytes, out, err));
    la_status st = la_cuda()->upload(*out, from, bytes, NULL, err);
    if (st == LA_OK) st = la_cuda()->wait(NULL, err);
    if (st != LA_OK) la_cuda_drop(*out);
    return st;
}

void la_cuda_drop(void *p)
{
    if (p) la_cuda()->give(p);
}

/* ---- up and down ---- */

#define POISON 0xFF /* a NaN of every type we have */

/* The first `bytes` of a host tensor; NULL there is NULL here. */
static la_status up(hosted *h, la_cuda_buffer *to, const void *from, size_t bytes, const void **out,
                    la_err *err)
{
    *out = NULL;
    if (!from || bytes == 0) return LA_OK;
    LA_ASSERT(bytes <= to->bytes);
    *out = to->data;
    return la_cuda()->upload(to->data, from, bytes, h->stream, err);
}

/* A place for a result, poisoned; NULL when the caller does not want it. */
static la_status place(hosted *h, la_cuda_buffer *at, const void *wanted, void **out, la_err *err)
{
    *out = NULL;
    if (!wanted || at->bytes == 0) return LA_OK;
    *out = at->data;
    return la_cuda()->fill(at->data, POISON, at->bytes, h->stream, err);
}

static la_status down(hosted *h, const la_cuda_buffer *from, void *to, size_t bytes, la_err *err)
{
    return to && bytes ? la_cuda()->download(to, from->data, bytes, h->stream, err) : LA_OK;
}

/* The io of a call over the problem p (decode: of one token) on the device. */
typedef struct call {
    la_problem p;
    la_io io;
    const float *params[LA_MAX_PARAMS];
    size_t o_bytes;
    bool state_same; /* state_out is state_in, as decode may have it */
} call;

static la_status inputs_up(hosted *h, const la_io *from, call *c, la_err *err)
{
    const void *const host[LA_T_COUNT] = {
        [LA_T_Q] = from->q, [LA_T_K] = from->k,       [LA_T_V] = from->v, [LA_T_X] = from->x,
        [LA_T_G] = from->g, [LA_T_BETA] = from->beta, [LA_T_A] = from->a, [LA_T_B] = from->b};
    const void *at[LA_T_COUNT];
    for (int i = 0; i < LA_T_COUNT; i++)
        LA_TRY(up(h, &h->t[i], host[i], tensor_bytes(h, &c->p, (la_tensor)i), &at[i], err));
    c->io.q = at[LA_T_Q], c->io.k = at[LA_T_K], c->io.v = at[LA_T_V], c->io.x = at[LA_T_X];
    c->io.g = at[LA_T_G], c->io.beta = at[LA_T_BETA], c->io.a = at[LA_T_A], c->io.b = at[LA_T_B];
    for (size_t i = 0; from->params && i < h->n_params; i++) {
        const void *p;
        LA_TRY(up(h, &h->param[i], from->params[i], h->param[i].bytes, &p, err));
        c->params[i] = p;
    }
    c->io.params = from->params && h->n_params ? c->params : NULL;
    return LA_OK;
}

static la_status begin(hosted *h, const la_io *from, bool decode, call *c, la_err *err)
{
    c->p = h->p;
    if (decode) c->p.T = 1;
    c->o_bytes = output_bytes(&c->p);
    c->io = (la_io){.pos = from->pos, .stream = h->stream};
    LA_TRY(inputs_up(h, from, c, err));
    LA_TRY(up(h, &h->state_in, from->state_in, h->state_bytes, &c->io.state_in, err));
    LA_TRY(place(h, &h->work, h->work.data, &c->io.work, err));
    return LA_OK;
}

static la_status guards(hosted *h, la_err *err)
{
    const struct {
        const char *name;
        const la_cuda_buffer *buf;
    } all[] = {{"output", &h->o},
               {"state", &h->state_in},
               {"state", &h->state_out},
               {"saved", &h->saved},
               {"work", &h->work},
               {"gradient", &h->dt[LA_T_Q]},
               {"gradient", &h->dt[LA_T_K]},
               {"gradient", &h->dt[LA_T_V]},
               {"gradient", &h->dt[LA_T_X]},
               {"gradient", &h->dt[LA_T_G]},
               {"gradient", &h->dt[LA_T_BETA]}};
    for (size_t i = 0; i < LA_COUNT(all); i++)
        LA_TRY(la_cuda_buffer_guards(all[i].buf, all[i].name, h->stream, err));
    return la_cuda()->wait(h->stream, err);
}

static la_status forward_or_decode(hosted *h, const la_io *io, bool decode, la_err *err)
{
    call c;
    LA_TRY(begin(h, io, decode, &c, err));
    LA_TRY(place(h, &h->o, io->o, &c.io.o, err));
    LA_TRY(place(h, &h->saved, io->saved, &c.io.saved, err));
    la_cuda_buffer *state = io->state_out == io->state_in ? &h->state_in : &h->state_out;
    if (state == &h->state_in)
        c.io.state_out = (void *)(uintptr_t)c.io.state_in;
    else
        LA_TRY(place(h, state, io->state_out, &c.io.state_out, err));
    LA_TRY(decode ? h->kernels->decode(h->self, &c.io, err)
                  : h->kernels->forward(h->self, &c.io, err));
    LA_TRY(down(h, &h->o, io->o, c.o_bytes, err));
    LA_TRY(down(h, state, io->state_out, h->state_bytes, err));
    LA_TRY(down(h, &h->saved, io->saved, h->saved.bytes, err));
    return guards(h, err);
}

la_status la_cuda_forward(void *self, const la_io *io, la_err *err)
{
    return forward_or_decode(self, io, false, err);
}

la_status la_cuda_decode(void *self, const la_io *io, la_err *err)
{
    return forward_or_decode(self, io, true, err);
}

/* ---- backward ---- */

la_status la_cuda_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    hosted *h = self;
    call c;
    la_grads on = {0};
    void *host[LA_T_COUNT] = {
        [LA_T_Q] = grads->dq, [LA_T_K] = grads->dk,       [LA_T_V] = grads->dv,
        [LA_T_X] = grads->dx, [LA_T_BETA] = grads->dbeta, [LA_T_G] = grads->dg,
        [LA_T_A] = grads->da, [LA_T_B] = grads->db};
    void *at[LA_T_COUNT];
    float *dparams[LA_MAX_PARAMS] = {0};
    const void *saved;
    LA_TRY(begin(h, io, false, &c, err));
    LA_TRY(up(h, &h->saved, io->saved, h->saved.bytes, &saved, err));
    c.io.saved = (void *)(uintptr_t)saved;
    const void *o;
    LA_TRY(up(h, &h->o, io->o, c.o_bytes, &o, err));
    c.io.o = (void *)(uintptr_t)o;
    LA_TRY(up(h, &h->dout, grads->dout, c.o_bytes, &on.dout, err));
    LA_TRY(up(h, &h->dstate_out, grads->dstate_out, h->state_bytes, &on.dstate_out, err));
    LA_TRY(place(h, &h->dstate_in, grads->dstate_in, &on.dstate_in, err));
    for (int i = 0; i < LA_T_COUNT; i++) LA_TRY(place(h, &h->dt[i], host[i], &at[i], err));
    for (size_t i = 0; grads->dparams && i < h->n_params; i++) {
        void *p;
        LA_TRY(place(h, &h->dparam[i], grads->dparams[i], &p, err));
        dparams[i] = p;
    }
    on.dq = at[LA_T_Q], on.dk = at[LA_T_K], on.dv = at[LA_T_V], on.dx = at[LA_T_X];
    on.dbeta = at[LA_T_BETA], on.dg = at[LA_T_G], on.da = at[LA_T_A], on.db = at[LA_T_B];
    on.dparams = grads->dparams && h->n_params ? dparams : NULL;
    LA_TRY(h->kernels->backward(h->self, &c.io, &on, err));
    for (int i = 0; i < LA_T_COUNT; i++) LA_TRY(down(h, &h->dt[i], host[i], h->dt[i].bytes, err));
    for (size_t i = 0; grads->dparams && i < h->n_params; i++)
        LA_TRY(down(h, &h->dparam[i], grads->dparams[i], h->dparam[i].bytes, err));
    LA_TRY(down(h, &h->dstate_in, grads->dstate_in, h->state_bytes, err));
    return guards(h, err);
}
