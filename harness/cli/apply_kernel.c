/* SPDX-License-Identifier: Apache-2.0
 * labench apply through a kernel: one forward, or T steps of decode.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "apply.h"
#include "labench/kit.h"
#include "log.h"
#include "registry.h"

/* What is missing, in words. */
static const char *lacking(uint32_t caps)
{
    if (caps & LA_CAP_DECODE) return "decode form";
    if (caps & LA_CAP_CAUSAL) return "causal form; --mask bidirectional";
    if (caps & LA_CAP_BIDIRECTIONAL) return "bidirectional form; --mask causal";
    if (caps & LA_CAP_BACKWARD) return "backward; leave --grad out";
    if (caps & LA_CAP_STATE_GRAD) return "gradient of its state; leave --state out";
    return "state in its forward; try --form decode";
}

/* The best impl whose name or form is the one asked for and that takes this problem. */
static la_status choose(const la_apply *a, const la_problem *p, la_pass pass,
                        const la_device *device, const la_impl **out, la_err *err)
{
    const la_variant *v = a->variant;
    bool any_form = !a->form || strcmp(a->form, "decode") == 0;
    uint32_t need = pass == LA_DECODE ? LA_CAP_DECODE : a->with_state ? LA_CAP_STATE_IN : 0;
    if (a->with_grad) need |= LA_CAP_BACKWARD | (a->with_state ? LA_CAP_STATE_GRAD : 0);
    need |= p->mask == LA_MASK_CAUSAL ? LA_CAP_CAUSAL : LA_CAP_BIDIRECTIONAL;
    int best = 0;
    bool named = false, elsewhere = false;
    la_err why = {0};
    *out = NULL;
    for (size_t i = 0; i < v->impls_len; i++) {
        const la_impl *impl = &v->impls[i];
        if (!any_form && strcmp(a->form, impl->name) && strcmp(a->form, la_impl_form(impl)))
            continue;
        int rank = impl->rank(device, &why);
        named |= rank > 0;
        elsewhere |= rank <= 0;
        if (rank <= 0) continue;
        if ((impl->caps & need) != need)
            LA_FAIL(&why, LA_E_UNSUPPORTED, "%s %s has no %s", v->name, impl->name,
                    lacking(need & ~impl->caps));
        else if (impl->check(p, pass, a->opts, device, &why) == LA_OK && rank > best)
            best = rank, *out = impl;
    }
    if (*out) return LA_OK;
    if (named) return LA_FAIL(err, LA_E_UNSUPPORTED, "%s", why.msg);
    if (any_form)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s does not run here: %s", v->name, why.msg);
    char all[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < v->impls_len && len < sizeof all; i++)
        if (v->impls[i].rank(device, NULL) > 0)
            len +=
                (size_t)snprintf(all + len, sizeof all - len, "%s, ", la_impl_form(&v->impls[i]));
    if (elsewhere)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s's form '%.40s' does not run here: %s; there are %sdecode and reference",
                       v->name, a->form, why.msg, all);
    return LA_FAIL(err, LA_E_ARG, "%s has no form '%.40s'; there are %sdecode and reference",
                   v->name, a->form, all);
}

/* A number that float32 cannot hold is refused; one it must round is only counted. */
static la_status narrow(const la_npy *npy, const char *name, float *out, bool *rounded, la_err *err)
{
    char index[192];
    for (int64_t i = 0; i < npy->n; i++) {
        double x = la_npy_at(npy, i);
        if (isfinite(x) && fabs(x) > (double)FLT_MAX)
            return LA_FAIL(err, LA_E_FORMAT, "%s.npy holds %g at %s, beyond float32", name, x,
                           la_index_words(npy->shape, npy->rank, i, index));
        out[i] = (float)x;
    }
    *rounded |= npy->dtype == LA_F64;
    return LA_OK;
}

/* Everything as float32, in the order of the files. */
typedef struct narrowed {
    la_buffer t[LA_T_COUNT], state[LA_MAX_PARTS];
} narrowed;

static void narrowed_release(narrowed *n)
{
    for (int i = 0; i < LA_T_COUNT; i++) la_buffer_release(&n->t[i]);
    for (size_t i = 0; i < LA_MAX_PARTS; i++) la_buffer_release(&n->state[i]);
}

static la_status narrow_all(const la_apply *a, narrowed *out, la_err *err)
{
    bool rounded = false;
    for (int i = 0; i < LA_T_COUNT; i++) {
        LA_TRY(la_buffer_init(&out->t[i], (size_t)a->t[i].n * sizeof(float), err));
        if (a->t[i].n) LA_TRY(narrow(&a->t[i], la_apply_name(a, i), out->t[i].data, &rounded, err));
    }
    for (size_t i = 0; i < a->n_parts && a->has_state; i++) {
        char name[64];
        snprintf(name, sizeof name, "state_in_%.40s", a->parts[i].name);
        LA_TRY(la_buffer_init(&out->state[i], (size_t)a->state_in[i].n * sizeof(float), err));
        if (a->state_in[i].n)
            LA_TRY(narrow(&a->state_in[i], name, out->state[i].data, &rounded, err));
    }
    if (rounded) la_log(LA_LOG_WARN, "float64 input is rounded to float32 for the kernel");
    return LA_OK;
}

static la_status fill_params(const la_apply *a, la_inputs *in, la_err *err)
{
    bool rounded = false;
    for (size_t i = 0; i < a->n_params; i++)
        LA_TRY(narrow(&a->param[i], a->params[i].name, in->param[i].data, &rounded, err));
    return LA_OK;
}

/* The given state into the instance's buffer; a KV cache [B,heads,pos,d] into one of Tcap tokens. */
static void put_state(const la_apply *a, const narrowed *from, la_instance *inst)
{
    la_instance_state_initial(inst);
    for (size_t i = 0; i < a->n_parts && a->has_state; i++) {
        const la_part *part = &a->parts[i];
        float *to = (float *)(void *)((char *)inst->state.data + inst->part_offset[i]);
        const float *source = from->state[i].data;
        int64_t slices = part->shape[0] * part->shape[1];
        int64_t have = a->state_in[i].n / slices, room = la_part_elements(part) / slices;
        for (int64_t s = 0; s < slices && have; s++)
            memcpy(to + s * room, source + s * have, (size_t)have * sizeof(float));
    }
}

static la_status take_state(la_apply *a, const la_instance *inst, const la_buffer *state,
                            la_err *err)
{
    for (size_t i = 0; i < a->n_parts && a->with_state; i++) {
        size_t bytes = (size_t)la_part_elements(&a->parts[i]) * sizeof(float);
        LA_TRY(la_buffer_init(&a->state[i], bytes, err));
        memcpy(a->state[i].data, (const char *)state->data + inst->part_offset[i], bytes);
    }
    return LA_OK;
}

static la_status forward(la_apply *a, const narrowed *from, const la_device *device, la_err *err)
{
    la_instance inst = {0};
    la_inputs in = {0};
    la_buffer after = {0}; /* backward needs the state that forward began with */
    const la_impl *impl;
    la_pass pass = a->with_grad ? LA_FWDBWD : LA_FORWARD;
    LA_TRY(choose(a, &a->p, pass, device, &impl, err));
    snprintf(a->how, sizeof a->how, "%.60s forward%s", impl->name,
             a->with_grad ? " and backward" : "");
    la_status st = la_instance_create(a->variant, impl, &a->p, pass, a->opts, device, &inst, err);
    if (st == LA_OK && a->with_state) st = la_buffer_init(&after, inst.state.bytes, err);
    if (st == LA_OK) st = la_inputs_alloc(a->variant, &a->p, a->opts, &in, err);
    if (st == LA_OK) st = fill_params(a, &in, err);
    if (st != LA_OK) goto done;
    for (int i = 0; i < LA_T_COUNT; i++)
        if (in.t[i].bytes) memcpy(in.t[i].data, from->t[i].data, in.t[i].bytes);
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, &in);
    io.pos = a->pos;
    if (a->with_state) {
        put_state(a, from, &inst);
        io.state_in = a->has_state ? inst.state.data : NULL;
        memcpy(after.data, inst.state.data, after.bytes);
        io.state_out = after.data;
    }
    st = impl->forward(inst.self, &io, err);
    if (st == LA_OK && a->with_grad) st = la_apply_kernel_backward(a, &inst, &io, &in, err);
    if (st == LA_OK) st = la_instance_guards(&inst, err);
    if (st == LA_OK && a->with_state) st = take_state(a, &inst, &after, err);
    if (st == LA_OK) memcpy(a->o.data, inst.o.data, a->o.bytes);
done:
    la_buffer_release(&after);
    la_inputs_release(&in);
    la_instance_release(&inst);
    return st;
}

/* Token t of every tensor [B, T, ...] into one of [B, 1, ...]. */
static void take_token(const la_apply *a, const narrowed *from, int64_t t, la_inputs *in)
{
    int64_t B = a->p.B, T = a->p.T;
    for (int i = 0; i < LA_T_COUNT; i++) {
        if (!in->t[i].bytes) continue;
        size_t row = (size_t)(a->t[i].n / (B * T)) * sizeof(float);
        for (int64_t b = 0; b < B; b++)
            memcpy((char *)in->t[i].data + (size_t)b * row,
                   (const char *)from->t[i].data + (size_t)(b * T + t) * row, row);
    }
}

static la_status decode(la_apply *a, const narrowed *from, const la_device *device, la_err *err)
{
    la_instance inst = {0};
    la_inputs in = {0};
    const la_impl *impl;
    la_problem p = a->p;
    if (p.mask != LA_MASK_CAUSAL && p.T > 1)
        return LA_FAIL(err, LA_E_ARG,
                       "--form decode goes token by token, and none sees those that come later: "
                       "leave --mask out, or --form");
    p.T = 1;
    LA_TRY(choose(a, &p, LA_DECODE, device, &impl, err));
    snprintf(a->how, sizeof a->how, "%.60s, %" PRId64 " steps of decode", impl->name, a->p.T);
    la_status st = la_instance_create(a->variant, impl, &p, LA_DECODE, a->opts, device, &inst, err);
    if (st == LA_OK) st = la_inputs_alloc(a->variant, &p, a->opts, &in, err);
    if (st == LA_OK) st = fill_params(a, &in, err);
    if (st != LA_OK) goto done;
    la_instance_poison(&inst);
    put_state(a, from, &inst);
    la_io io = la_instance_io(&inst, &in);
    io.state_in = io.state_out = inst.state.data;
    size_t row = (size_t)(p.H * p.dv) * sizeof(float);
    for (int64_t t = 0; t < a->p.T && st == LA_OK; t++) {
        take_token(a, from, t, &in);
        io.pos = a->pos + t;
        st = impl->decode(inst.self, &io, err);
        for (int64_t b = 0; b < p.B; b++)
            memcpy((char *)a->o.data + (size_t)(b * a->p.T + t) * row,
                   (const char *)inst.o.data + (size_t)b * row, row);
    }
    if (st == LA_OK) st = la_instance_guards(&inst, err);
    if (st == LA_OK) st = take_state(a, &inst, &inst.state, err);
done:
    la_inputs_release(&in);
    la_instance_release(&inst);
    return st;
}

la_status la_apply_kernel(la_apply *a, la_err *err)
{
    la_device device;
    narrowed from = {0};
    const la_problem *p = &a->p;
    la_device_cpu(&device);
    la_start(a->threads);
    a->dtype = LA_F32;
    la_status st = la_buffer_init(&a->o, (size_t)(p->B * p->T * p->H * p->dv) * sizeof(float), err);
    if (st == LA_OK) st = narrow_all(a, &from, err);
    if (st == LA_OK)
        st = a->form && strcmp(a->form, "decode") == 0 ? decode(a, &from, &device, err)
                                                       : forward(a, &from, &device, err);
    narrowed_release(&from);
    return st;
}
