/* SPDX-License-Identifier: Apache-2.0
 * CUDA kernels as an impl that takes host memory. Everything a call reads goes up, everything it wrote comes
 * back; what it leaves unwritten comes back as NaN, and a write beyond a buffer is an error. Slow on
 * purpose: this is how kernels are verified, never how they are timed.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "hosted.h"
#include "inputs.h"
#include "labench/cuda.h"
#include "registry.h"

/* ---- make and end ---- */

static size_t tensor_bytes(const la_hosted *h, const la_problem *p, la_tensor which)
{
    return (size_t)la_tensor_elements(h->variant, p, which) *
           la_dtype_size(la_tensor_dtype(p, which));
}

static size_t output_bytes(const la_problem *p)
{
    return (size_t)(p->B * p->T * p->H * p->dv) * la_dtype_size(p->dtype);
}

/* A forward that saves and a backward work in the same scratch: of pass bwd and of fwdbwd. */
static la_status ask_sizes(la_hosted *h, la_err *err)
{
    const la_cuda_kernels *k = h->kernels;
    static const struct {
        la_pass pass;
        int work;
    } passes[] = {{LA_FORWARD, 0}, {LA_FWDBWD, 1}, {LA_BACKWARD, 1}, {LA_DECODE, 2}};
    const bool has[] = {k->forward, k->backward, k->backward, k->decode};
    for (size_t i = 0; i < LA_COUNT(passes); i++) {
        la_sizes one = {0};
        if (!has[i]) continue;
        LA_TRY(k->sizes(&h->p, passes[i].pass, h->opts, &h->device, &one, err));
        size_t *work = &h->work_bytes[passes[i].work];
        if (one.state > h->state_bytes) h->state_bytes = one.state;
        if (one.saved > h->saved_bytes) h->saved_bytes = one.saved;
        if (one.work > *work) *work = one.work;
    }
    return LA_OK;
}

static la_status make(la_hosted *h, const void *opts, la_err *err)
{
    const la_cuda_kernels *k = h->kernels;
    LA_TRY(la_cuda()->select(h->device.index, err));
    LA_TRY(la_cuda()->stream(&h->stream, err));
    if (opts && h->variant->options_size) {
        h->opts = malloc(h->variant->options_size);
        if (!h->opts) return LA_FAIL(err, LA_E_NOMEM, "out of memory for options");
        memcpy(h->opts, opts, h->variant->options_size);
    }
    LA_TRY(ask_sizes(h, err));
    if (h->variant->params)
        h->n_params = h->variant->params(&h->p, h->opts, h->params, LA_MAX_PARAMS);
    h->self = &h->p;
    size_t before = la_cuda_live();
    if (k->create) LA_TRY(k->create(&h->p, h->opts, &h->device, &h->self, err));
    h->created_bytes = la_cuda_live() - before;
    return LA_OK;
}

/* Only an impl's thunk knows its kernels, and create is where it names them: asked by la_cuda_kernels_of, it
 * says which and makes nothing. */
static _Thread_local const la_cuda_kernels **asked;

const la_cuda_kernels *la_cuda_kernels_of(const la_impl *impl)
{
    const la_cuda_kernels *found = NULL;
    void *nothing = NULL;
    if (impl->backend != LA_CUDA || impl->destroy != la_cuda_destroy) return NULL;
    asked = &found;
    (void)impl->create(NULL, NULL, NULL, &nothing, NULL);
    asked = NULL;
    return found;
}

la_status la_cuda_create(const char *variant, const la_cuda_kernels *kernels, const la_problem *p,
                         const void *opts, const la_device *device, void **self, la_err *err)
{
    if (asked) {
        *asked = kernels;
        return LA_OK;
    }
    const la_variant *of = la_registry_find(variant);
    if (!of) return LA_FAIL(err, LA_E_INTERNAL, "kernels of no variant '%s'", variant);
    la_hosted *h = calloc(1, sizeof *h); /* not the impl's: it is not counted as its instance */
    if (!h) return LA_FAIL(err, LA_E_NOMEM, "out of memory for a host's view of kernels");
    h->variant = of;
    h->kernels = kernels;
    h->p = *p;
    h->device = *device;
    la_status st = make(h, opts, err);
    if (st != LA_OK) {
        la_cuda_destroy(h);
        return st;
    }
    *self = h;
    return LA_OK;
}

void la_cuda_destroy(void *self)
{
    la_hosted *h = self;
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
    la_cuda_buffer *rest[] = {&h->o,    &h->state_in,  &h->state_out,  &h->saved,     &h->work,
                              &h->dout, &h->dstate_in, &h->dstate_out, &h->state_kept};
    for (size_t i = 0; i < LA_COUNT(rest); i++) la_cuda_buffer_release(rest[i]);
    if (h->stream) la_cuda()->stream_end(h->stream);
    free(h->opts);
    free(h);
}

/* ---- up and down ---- */

#define POISON 0xFF /* a NaN of every type we have */

/* The buffer is of these bytes exactly from now on: what is behind them is guarded. Calls of another length were
 * given what is let go here, and cannot run again in place; only scratch is found anew for them (scratch_moved). */
static la_status take(la_hosted *h, la_cuda_buffer *buf, size_t bytes, la_err *err)
{
    if (buf->bytes == bytes && (buf->base || bytes == 0)) return LA_OK;
    if (buf->base && buf != &h->work) h->forward.made = h->backward.made = h->decode.made = false;
    la_cuda_buffer_release(buf);
    la_status st = la_cuda_buffer_init(buf, bytes, h->stream, err);
    if (st != LA_OK) h->forward.made = h->backward.made = h->decode.made = false;
    return st;
}

/* A host tensor, in a buffer for `room` bytes of which it fills the first; NULL there is NULL here. */
static la_status up(la_hosted *h, la_cuda_buffer *to, size_t room, const void *from, size_t bytes,
                    const void **out, la_err *err)
{
    *out = NULL;
    if (!from || bytes == 0) return LA_OK;
    LA_TRY(take(h, to, room, err));
    *out = to->data;
    return la_cuda()->upload(to->data, from, bytes, h->stream, err);
}

/* A place for a result, poisoned; NULL when the caller does not want it. */
static la_status place(la_hosted *h, la_cuda_buffer *at, size_t bytes, const void *wanted,
                       void **out, la_err *err)
{
    *out = NULL;
    if (!wanted || bytes == 0) return LA_OK;
    LA_TRY(take(h, at, bytes, err));
    *out = at->data;
    return la_cuda()->fill(at->data, POISON, bytes, h->stream, err);
}

static la_status down(la_hosted *h, const la_cuda_buffer *from, void *to, size_t bytes, la_err *err)
{
    return to && bytes ? la_cuda()->download(to, from->data, bytes, h->stream, err) : LA_OK;
}

static size_t param_bytes(const la_hosted *h, size_t i)
{
    return (size_t)la_param_elements(&h->params[i]) * sizeof(float);
}

static la_status inputs_up(la_hosted *h, const la_io *from, la_hosted_call *c, la_err *err)
{
    const void *const host[LA_T_COUNT] = {
        [LA_T_Q] = from->q, [LA_T_K] = from->k,       [LA_T_V] = from->v, [LA_T_X] = from->x,
        [LA_T_G] = from->g, [LA_T_BETA] = from->beta, [LA_T_A] = from->a, [LA_T_B] = from->b};
    const void *at[LA_T_COUNT];
    for (int i = 0; i < LA_T_COUNT; i++) {
        size_t bytes = tensor_bytes(h, &c->p, (la_tensor)i);
        LA_TRY(up(h, &h->t[i], bytes, host[i], bytes, &at[i], err));
    }
    c->io.q = at[LA_T_Q], c->io.k = at[LA_T_K], c->io.v = at[LA_T_V], c->io.x = at[LA_T_X];
    c->io.g = at[LA_T_G], c->io.beta = at[LA_T_BETA], c->io.a = at[LA_T_A], c->io.b = at[LA_T_B];
    for (size_t i = 0; from->params && i < h->n_params; i++) {
        const void *p;
        LA_TRY(up(h, &h->param[i], param_bytes(h, i), from->params[i], param_bytes(h, i), &p, err));
        c->params[i] = p;
    }
    c->io.params = from->params && h->n_params ? c->params : NULL;
    return LA_OK;
}

/* The scratch may have been taken anew for this call: calls made before work in it too, where it is large enough
 * for them. A forward that saved nothing finds that of its backward. */
static void scratch_moved(la_hosted *h)
{
    la_hosted_call *const calls[] = {&h->forward, &h->backward, &h->decode};
    for (size_t i = 0; i < LA_COUNT(calls); i++) {
        size_t needs = h->work_bytes[calls[i]->work];
        if (needs == 0) continue;
        calls[i]->io.work = h->work.data;
        if (h->work.bytes < needs) calls[i]->made = false;
    }
}

/* Begins a call; `work` says which scratch. */
static la_status begin(la_hosted *h, const la_io *from, int work, la_hosted_call *c, la_err *err)
{
    static const char wanted;
    *c = (la_hosted_call){.p = h->p, .work = work, .io = {.pos = from->pos, .stream = h->stream}};
    if (work == 2) c->p.T = 1;
    c->o_bytes = output_bytes(&c->p);
    LA_TRY(inputs_up(h, from, c, err));
    LA_TRY(
        up(h, &h->state_in, h->state_bytes, from->state_in, h->state_bytes, &c->io.state_in, err));
    LA_TRY(place(h, &h->work, h->work_bytes[work], &wanted, &c->io.work, err));
    scratch_moved(h);
    return LA_OK;
}

la_status la_hosted_guards(la_hosted *h, la_err *err)
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
               {"gradient", &h->dt[LA_T_BETA]},
               {"gradient", &h->dt[LA_T_A]},
               {"gradient", &h->dt[LA_T_B]},
               {"gradient", &h->dstate_in}};
    for (size_t i = 0; i < LA_COUNT(all); i++)
        LA_TRY(la_cuda_buffer_guards(all[i].buf, all[i].name, h->stream, err));
    for (size_t i = 0; i < h->n_params; i++)
        LA_TRY(la_cuda_buffer_guards(&h->dparam[i], "gradient", h->stream, err));
    return la_cuda()->wait(h->stream, err);
}

la_status la_hosted_output_down(la_hosted *h, const la_hosted_call *c, void *o, la_err *err)
{
    return down(h, &h->o, o, c->o_bytes, err);
}

static la_status forward_or_decode(la_hosted *h, const la_io *io, bool decode, la_err *err)
{
    la_hosted_call *c = decode ? &h->decode : &h->forward;
    LA_TRY(begin(h, io, decode ? 2 : io->saved ? 1 : 0, c, err));
    LA_TRY(place(h, &h->o, c->o_bytes, io->o, &c->io.o, err));
    LA_TRY(place(h, &h->saved, h->saved_bytes, io->saved, &c->io.saved, err));
    la_cuda_buffer *state = io->state_out == io->state_in ? &h->state_in : &h->state_out;
    if (state == &h->state_in)
        c->io.state_out = (void *)(uintptr_t)c->io.state_in;
    else
        LA_TRY(place(h, state, h->state_bytes, io->state_out, &c->io.state_out, err));
    LA_TRY(decode ? h->kernels->decode(h->self, &c->io, err)
                  : h->kernels->forward(h->self, &c->io, err));
    LA_TRY(la_hosted_output_down(h, c, io->o, err));
    LA_TRY(down(h, state, io->state_out, h->state_bytes, err));
    LA_TRY(down(h, &h->saved, io->saved, h->saved_bytes, err));
    LA_TRY(la_hosted_guards(h, err));
    c->made = true;
    return LA_OK;
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

/* Gradients of tensors by their number. */
static void list(const la_grads *grads, void *host[LA_T_COUNT])
{
    host[LA_T_Q] = grads->dq, host[LA_T_K] = grads->dk, host[LA_T_V] = grads->dv;
    host[LA_T_X] = grads->dx, host[LA_T_BETA] = grads->dbeta, host[LA_T_G] = grads->dg;
    host[LA_T_A] = grads->da, host[LA_T_B] = grads->db;
}

/* Where the gradients go that the caller wants. */
static la_status gradients_placed(la_hosted *h, const la_grads *grads, la_hosted_call *c,
                                  la_err *err)
{
    la_grads *on = &c->grads;
    void *host[LA_T_COUNT], *at[LA_T_COUNT], *p;
    list(grads, host);
    LA_TRY(up(h, &h->dout, c->o_bytes, grads->dout, c->o_bytes, &on->dout, err));
    LA_TRY(up(h, &h->dstate_out, h->state_bytes, grads->dstate_out, h->state_bytes, &on->dstate_out,
              err));
    LA_TRY(place(h, &h->dstate_in, h->state_bytes, grads->dstate_in, &on->dstate_in, err));
    for (int i = 0; i < LA_T_COUNT; i++)
        LA_TRY(place(h, &h->dt[i], tensor_bytes(h, &c->p, (la_tensor)i), host[i], &at[i], err));
    for (size_t i = 0; grads->dparams && i < h->n_params; i++) {
        LA_TRY(place(h, &h->dparam[i], param_bytes(h, i), grads->dparams[i], &p, err));
        c->dparams[i] = p;
    }
    on->dq = at[LA_T_Q], on->dk = at[LA_T_K], on->dv = at[LA_T_V], on->dx = at[LA_T_X];
    on->dbeta = at[LA_T_BETA], on->dg = at[LA_T_G], on->da = at[LA_T_A], on->db = at[LA_T_B];
    on->dparams = grads->dparams && h->n_params ? c->dparams : NULL;
    return LA_OK;
}

la_status la_hosted_gradients_down(la_hosted *h, const la_grads *grads, la_err *err)
{
    void *host[LA_T_COUNT];
    list(grads, host);
    for (int i = 0; i < LA_T_COUNT; i++) LA_TRY(down(h, &h->dt[i], host[i], h->dt[i].bytes, err));
    for (size_t i = 0; grads->dparams && i < h->n_params; i++)
        LA_TRY(down(h, &h->dparam[i], grads->dparams[i], h->dparam[i].bytes, err));
    return down(h, &h->dstate_in, grads->dstate_in, h->dstate_in.bytes, err);
}

la_status la_cuda_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    la_hosted *h = self;
    la_hosted_call *c = &h->backward;
    const void *saved, *o;
    LA_TRY(begin(h, io, 1, c, err));
    LA_TRY(up(h, &h->saved, h->saved_bytes, io->saved, h->saved_bytes, &saved, err));
    c->io.saved = (void *)(uintptr_t)saved;
    LA_TRY(up(h, &h->o, c->o_bytes, io->o, c->o_bytes, &o, err));
    c->io.o = (void *)(uintptr_t)o;
    LA_TRY(gradients_placed(h, grads, c, err));
    LA_TRY(h->kernels->backward(h->self, &c->io, &c->grads, err));
    LA_TRY(la_hosted_gradients_down(h, grads, err));
    LA_TRY(la_hosted_guards(h, err));
    c->made = true;
    return LA_OK;
}
