/* SPDX-License-Identifier: Apache-2.0
 * One kernel: called once through host memory and held to its reference, then timed in place on the device.
 */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "gradients.h"
#include "instance.h"
#include "registry.h"
#include "resident.h"
#include "sampled.h"
#include "sampled_backward.h"
#include "tolerance.h"

enum { SAMPLES_LEAST = 10, SAMPLES_MOST = 2000, WARM_CALLS = 3 };
#define WARM_NS   0.3e9 /* of the device's time, or of */
#define WARM_MOST 2e9   /* the host's */

typedef struct bench {
    const la_bench_args *args;
    const la_device *device;
    la_bench_row *row;
    void *opts;
    la_inputs in;
    la_instance inst;
    la_gradients grads;
    la_grads wanted;
    la_io io;
    la_sampled sampled;
    la_cuda_timer timer;
    unsigned what; /* of resident.h */
} bench;

static la_status default_options(bench *b, la_err *err)
{
    const la_variant *v = b->row->variant;
    if (v->options_size == 0) return LA_OK;
    b->opts = la_zalloc(v->options_size, err);
    if (!b->opts) return LA_E_NOMEM;
    la_options_default(v->options, v->options_len, b->opts);
    return LA_OK;
}

/* The state before the last token, and that token, from the reference. */
static la_status make_decode(bench *b, la_err *err)
{
    la_bench_row *row = b->row;
    row->p.Tcap = row->p.T;
    row->p.T = 1;
    LA_TRY(la_instance_create(row->variant, row->impl, &row->p, LA_DECODE, b->opts, b->device,
                              &b->inst, err));
    LA_TRY(la_sampled_decode(row->variant, &row->p, b->opts, b->args->seed, NULL, &b->in,
                             b->inst.state.data, &b->sampled, err));
    b->io = la_instance_io(&b->inst, &b->in);
    b->io.state_in = b->io.state_out = b->inst.state.data;
    b->io.pos = row->p.Tcap - 1;
    b->what = LA_RESIDENT_DECODE;
    return LA_OK;
}

static la_status make(bench *b, la_err *err)
{
    la_bench_row *row = b->row;
    LA_TRY(default_options(b, err));
    if (row->pass == LA_DECODE) return make_decode(b, err);
    LA_TRY(la_inputs_draw(row->variant, &row->p, b->opts, LA_INPUTS_DEFAULT, b->args->seed, &b->in,
                          err));
    LA_TRY(la_instance_create(row->variant, row->impl, &row->p, row->pass, b->opts, b->device,
                              &b->inst, err));
    b->io = la_instance_io(&b->inst, &b->in);
    b->what = LA_RESIDENT_FORWARD;
    if (row->pass != LA_FWDBWD) return LA_OK;
    b->what |= LA_RESIDENT_BACKWARD;
    LA_TRY(la_gradients_alloc(row->variant, &row->p, b->opts, false, &b->grads, err));
    la_gradients_draw(&b->grads, b->args->seed);
    b->wanted = la_gradients_grads(&b->grads);
    return LA_OK;
}

static la_status verify(bench *b, la_err *err)
{
    la_bench_row *row = b->row;
    const la_impl *impl = row->impl;
    la_error e = {0};
    bool decode = row->pass == LA_DECODE;
    void *state = NULL;
    if (decode) {
        state = la_alloc(b->inst.state.bytes, err);
        if (!state) return LA_E_NOMEM;
        memcpy(state, b->inst.state.data, b->inst.state.bytes);
    }
    la_status st =
        decode ? impl->decode(b->inst.self, &b->io, err) : impl->forward(b->inst.self, &b->io, err);
    if (st == LA_OK && decode) st = la_resident_keep_state(b->inst.self, state, err);
    la_free(state);
    LA_TRY(st);
    if (row->pass == LA_FWDBWD) LA_TRY(impl->backward(b->inst.self, &b->io, &b->wanted, err));
    if (!decode)
        LA_TRY(la_sampled_forward(row->variant, &row->p, b->opts, &b->in, b->args->seed, NULL,
                                  &b->sampled, err));
    LA_TRY(la_sampled_check(&b->sampled, row->variant, impl, b->inst.o.data, &e, err));
    row->rel_rms = e.rel_rms;
    if (row->pass != LA_FWDBWD) return LA_OK;
    la_gradient_error each[LA_GRADIENTS_MOST];
    size_t n = 0;
    LA_TRY(
        la_sampled_backward(row->variant, impl, &row->p, b->opts, b->device, NULL, each, &n, err));
    for (size_t i = 0; i < n; i++)
        if (each[i].e.rel_rms > row->rel_rms) row->rel_rms = each[i].e.rel_rms;
    return LA_OK;
}

static la_status warm_up(bench *b, la_err *err)
{
    double spent = 0, ns;
    int64_t start = la_now_ns();
    for (int i = 0; i < WARM_CALLS || spent < WARM_NS; i++) {
        if (i >= WARM_CALLS && (double)(la_now_ns() - start) > WARM_MOST) break;
        LA_TRY(la_cuda_timer_call(&b->timer, &ns, err));
        spent += ns;
    }
    return LA_OK;
}

static la_status measure(bench *b, la_err *err)
{
    static double ns[SAMPLES_MOST];
    la_bench_row *row = b->row;
    double spent = 0;
    size_t n = 0;
    LA_TRY(la_cuda_timer_init(&b->timer, b->inst.self, b->what, b->args->hot ? 0 : b->device->l2,
                              err));
    row->launches = b->timer.launches;
    LA_TRY(warm_up(b, err));
    while (n < SAMPLES_LEAST || (n < SAMPLES_MOST && spent < b->args->time_s * 1e9)) {
        LA_TRY(la_cuda_timer_call(&b->timer, &ns[n], err));
        spent += ns[n++];
    }
    row->timer = la_cuda_how_word(b->timer.how);
    la_summarise(ns, n, &row->device);
    return la_cuda_timer_wall(&b->timer, &row->wall_ns, err);
}

static void useful(bench *b)
{
    la_bench_row *row = b->row;
    la_cost cost = {0};
    if (!row->variant->useful ||
        row->variant->useful(&row->p, row->pass, b->opts, &cost, NULL) != LA_OK)
        return;
    row->flops = cost.flops;
    row->bytes = cost.bytes;
}

static la_status run(bench *b, la_err *err)
{
    la_cuda_peak_reset();
    LA_TRY(make(b, err));
    LA_TRY(verify(b, err));
    LA_TRY(measure(b, err));
    useful(b);
    b->row->workspace = la_resident_workspace(b->inst.self);
    b->row->peak = la_cuda_peak();
    return LA_OK;
}

void la_bench_one(const la_bench_args *args, const la_device *device, la_bench_row *row)
{
    la_err err = {0};
    bench b = {.args = args, .device = device, .row = row};
    row->device = (la_summary){.median = NAN, .lo = NAN, .hi = NAN};
    row->wall_ns = row->rel_rms = row->flops = row->bytes = NAN;
    row->impl = args->impl ? la_variant_impl(row->variant, args->impl)
                           : la_variant_best(row->variant, device, &err);
    la_status st = row->impl ? run(&b, &err) : LA_E_UNSUPPORTED;
    if (!row->impl && args->impl)
        LA_FAIL(&err, st, "%s has no impl '%s'", row->variant->name, args->impl);
    la_cuda_timer_release(&b.timer);
    la_sampled_release(&b.sampled);
    la_gradients_release(&b.grads);
    la_instance_release(&b.inst);
    la_inputs_release(&b.in);
    la_free(b.opts);
    row->outcome = st == LA_OK ? "ok" : la_status_word(st);
    if (st != LA_OK) snprintf(row->reason, sizeof row->reason, "%.250s", err.msg);
}
