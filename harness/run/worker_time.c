/* SPDX-License-Identifier: Apache-2.0
 * A timing cell inside its worker: inputs, instance, the verified first call, then samples.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "elements.h"
#include "memory.h"
#include "stats.h"
#include "worker.h"

#define DRIFT       0.02               /* a trend over the attempt beyond this is warned of */
#define FLUSH_LEAST ((size_t)32 << 20) /* where the size of the last cache is not known */

la_status la_work_call(void *work, la_err *err)
{
    la_work *w = work;
    if (w->decode) return w->inst.impl->decode(w->inst.self, &w->io, err);
    if (w->cell.pass == LA_BACKWARD) return la_work_backward(w, err);
    LA_TRY(w->inst.impl->forward(w->inst.self, &w->io, err));
    return w->cell.pass == LA_FWDBWD ? la_work_backward(w, err) : LA_OK;
}

uint64_t la_work_checksum(const la_work *w)
{
    uint64_t sum = la_elements_hash(w->inst.o.data, w->inst.o.bytes, 0);
    if (la_work_has_backward(w)) sum = 31 * sum + la_gradients_hash_made(&w->grads);
    return sum ? sum : 1;
}

la_status la_work_finite(la_work *w, la_err *err)
{
    const la_problem *p = &w->inst.problem;
    int64_t n = p->B * p->T * p->H * p->dv;
    int64_t bad = la_count_nonfinite(w->inst.o.data, n, p->dtype);
    if (bad == 0) return la_work_has_backward(w) ? la_work_gradients_finite(w, err) : LA_OK;
    la_work_metric_add(w, "nonfinite", (double)bad / (double)n, NAN, NAN, bad, n);
    return LA_FAIL(err, LA_E_NONFINITE, "%" PRId64 " of %" PRId64 " output values are not finite",
                   bad, n);
}

static la_status check_guards(la_work *w, la_err *err)
{
    la_status st = la_instance_guards(&w->inst, err);
    if (st == LA_OK) st = la_gradients_guards(&w->grads, &w->in, err);
    if (st != LA_OK) w->misbehaved = true;
    return st;
}

/* Memory is taken from the very first call: later ones find its pages there already. */
static la_status measured_call(la_work *w, la_err *err)
{
    size_t created =
        w->inst.saved.bytes + w->inst.work.bytes + w->inst.created_bytes; /* the state is apart */
    bool first = w->rss_base < 0;
    if (first) {
        w->rss_base = la_rss_now();
        if (!la_rss_peak_reset())
            la_work_warn(w, "rss_peak",
                         "the peak of resident memory could not be reset: it is of the worker's "
                         "whole life");
    }
    if (first && w->job.verify && la_work_has_backward(w))
        la_work_gradients_poison(w);
    else if (first && w->job.verify)
        la_instance_poison(&w->inst);
    size_t before = la_mem_live();
    la_mem_peak_reset();
    int64_t start = la_now_ns();
    la_status st = la_work_call(w, err);
    w->first_ns = la_now_ns() - start;
    if (!first) return st;
    w->rss_peak = la_rss_peak();
    w->workspace = (int64_t)(created + (la_mem_peak() - before));
    if (st == LA_OK && w->device.backend == LA_CUDA) la_work_device_memory(w);
    return st;
}

static uint64_t all_inputs_hash(const la_work *w)
{
    return la_inputs_hash(&w->in) + la_gradients_hash_given(&w->grads);
}

la_status la_work_checked_call(la_work *w, la_err *err)
{
    uint64_t inputs_were = w->job.verify ? all_inputs_hash(w) : 0;
    LA_TRY(measured_call(w, err));
    LA_TRY(check_guards(w, err));
    if (w->job.verify && all_inputs_hash(w) != inputs_were) {
        w->misbehaved = true;
        return LA_FAIL(err, LA_E_WRONG, "%s %s changed its inputs", w->cell.variant->name,
                       w->cell.impl->name);
    }
    LA_TRY(la_work_finite(w, err));
    w->checksum = la_work_checksum(w);
    return LA_OK;
}

/* True when the state grows with its capacity: keys and values, which a call appends to at a fixed
 * place, so that the next call may be given the same state again. */
static bool state_is_cache(const la_cell *cell)
{
    la_part parts[LA_MAX_PARTS];
    if (!cell->variant->state_parts) return false;
    la_problem p = cell->problem;
    size_t n = cell->variant->state_parts(&p, cell->opts, parts, LA_MAX_PARTS);
    size_t now = la_state_layout(parts, n, NULL);
    p.Tcap += 64;
    n = cell->variant->state_parts(&p, cell->opts, parts, LA_MAX_PARTS);
    return la_state_layout(parts, n, NULL) > now;
}

static la_status make_instance(la_work *w, la_err *err)
{
    la_cell *c = &w->cell;
    LA_TRY(la_work_phase(w, "create", err));
    LA_TRY(la_instance_create(c->variant, c->impl, &c->problem, la_cell_kernel_pass(c), c->opts,
                              &w->device, &w->inst, err));
    if (w->inst.created_bytes > w->inst.sizes.instance)
        la_work_warn(w, "sizes", "create took %zu bytes and had said %zu", w->inst.created_bytes,
                     w->inst.sizes.instance);
    return LA_OK;
}

static la_status prepare_forward(la_work *w, la_err *err)
{
    la_cell *c = &w->cell;
    LA_TRY(la_work_phase(w, "inputs", err));
    LA_TRY(la_inputs_draw(c->variant, &c->problem, c->opts, LA_INPUTS_DEFAULT, w->job.seed, &w->in,
                          err));
    LA_TRY(make_instance(w, err));
    w->io = la_instance_io(&w->inst, &w->in);
    return la_work_has_backward(w) ? la_work_gradients(w, err) : LA_OK;
}

/* The state after all tokens but the last comes from the reference, which gives the last row too. */
static la_status prepare_decode(la_work *w, la_err *err)
{
    la_cell *c = &w->cell;
    LA_TRY(make_instance(w, err));
    LA_TRY(la_work_phase(w, "state", err));
    LA_TRY(la_sampled_decode(c->variant, &c->problem, c->opts, w->job.seed, w->job.cache_dir,
                             &w->in, w->inst.state.data, &w->sampled, err));
    w->cache = state_is_cache(c);
    w->io = la_instance_io(&w->inst, &w->in);
    w->io.state_in = w->io.state_out = w->inst.state.data;
    w->io.pos = c->problem.Tcap - 1;
    if (w->cache) return LA_OK;
    w->state_copy = la_alloc(w->inst.state.bytes, err);
    if (!w->state_copy) return LA_E_NOMEM;
    memcpy(w->state_copy, w->inst.state.data, w->inst.state.bytes);
    return LA_OK;
}

la_status la_work_output_verify(la_work *w, const void *o, la_err *err)
{
    la_cell *c = &w->cell;
    LA_TRY(la_work_phase(w, "reference", err));
    if (c->pass != LA_DECODE)
        LA_TRY(la_sampled_forward(c->variant, &c->problem, c->opts, &w->in, w->job.seed,
                                  w->job.cache_dir, &w->sampled, err));
    LA_TRY(la_work_phase(w, "compare", err));
    la_error e = {0};
    la_status st = la_sampled_check(&w->sampled, c->variant, c->impl, o, &e, err);
    la_sampled_release(&w->sampled);
    if (la_work_has_backward(w)) {
        la_work_metric_add(w, "rel_rms.o", e.rel_rms, NAN, NAN, e.n_nonfinite, e.n);
        return st;
    }
    la_work_metric_add(w, "rel_rms", e.rel_rms, NAN, NAN, e.n_nonfinite, e.n);
    la_work_metric_add(w, "max_rel", e.max_rel, NAN, NAN, e.n_nonfinite, e.n);
    la_work_metric_add(w, "max_abs", e.max_abs, NAN, NAN, e.n_nonfinite, e.n);
    la_work_metric_add(w, "cosine", e.cosine, NAN, NAN, e.n_nonfinite, e.n);
    la_work_metric_add(w, "rel_rms_bound", /* what the error was held to: drawn beside it */
                       la_tolerance_of(c->variant, c->impl, c->problem.dtype).rel_rms, NAN, NAN, 0,
                       e.n);
    return st;
}

static la_status verify(la_work *w, la_err *err)
{
    LA_TRY(la_work_output_verify(w, w->inst.o.data, err));
    return la_work_has_backward(w) ? la_work_gradients_verify(w, NULL, NULL, err) : LA_OK;
}

static void before_sample(void *work)
{
    la_work *w = work;
    if (w->gauge.loop) w->rate = la_gauge_read(&w->gauge);
    if (w->state_copy) memcpy(w->inst.state.data, w->state_copy, w->inst.state.bytes);
    for (size_t i = 0; i < w->flush_bytes; i += 64) ((volatile char *)w->flush)[i]++;
}

static la_status keep_rate(la_work *w, la_err *err)
{
    LA_TRY(la_grow((void **)&w->rates, &w->cap_rates, w->n_rates + 1, sizeof *w->rates, err));
    w->rates[w->n_rates++] = w->rate;
    return LA_OK;
}

/* The output is used, and must stay what it was: it cannot be skipped, nor drift. */
static la_status after_sample(void *work, la_err *err)
{
    la_work *w = work;
    if (w->gauge.loop) LA_TRY(keep_rate(w, err));
    uint64_t sum = la_work_checksum(w);
    if (w->checksum == 0) w->checksum = sum;
    if (sum == w->checksum || !(w->cell.impl->caps & LA_CAP_DETERMINISTIC)) return LA_OK;
    return LA_FAIL(err, LA_E_WRONG,
                   "the output of a repeated call has other bits, and %s %s declares that it is "
                   "deterministic",
                   w->cell.variant->name, w->cell.impl->name);
}

static la_status prepare_flush(la_work *w, la_err *err)
{
    if (!w->cell.cold) return LA_OK;
    size_t bytes = w->device.l3 ? 2 * w->device.l3 : FLUSH_LEAST;
    w->flush = la_zalloc(bytes, err);
    if (!w->flush) return LA_E_NOMEM;
    w->flush_bytes = bytes;
    return LA_OK;
}

static void warn_of_drift(la_work *w)
{
    double *x = la_alloc(w->timing.n * sizeof *x, NULL);
    if (!x) return;
    for (size_t i = 0; i < w->timing.n; i++)
        x[i] = (double)w->timing.samples[i].total_ns / (double)w->timing.samples[i].iters;
    la_summary s;
    la_summarise(x, w->timing.n, &s);
    la_free(x);
    if (w->timing.n >= 10 && fabs(s.trend) > DRIFT)
        la_work_warn(w, "drift", "the time of a call moved by %.1f %% over the attempt",
                     100 * s.trend);
}

/* What decode does is to read, and a peer's samples are made elsewhere. */
static void prepare_gauge(la_work *w)
{
    const la_cell *c = &w->cell;
    if (w->job.beside_peak && !w->decode && c->useful.flops > 0)
        la_gauge_init(c->problem.threads, w->device.isa, c->problem.dtype, &w->gauge);
}

/* Each sample against the mean of the rates before and behind it. A call that was its own sample has none. */
static la_status tell_shares(la_work *w, la_err *err)
{
    size_t n = w->timing.n;
    if (!w->gauge.loop || w->n_rates != n) return LA_OK;
    w->rate = la_gauge_read(&w->gauge);
    LA_TRY(keep_rate(w, err));
    double *shares = la_alloc(n * sizeof *shares, err);
    if (!shares) return LA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        double ns = (double)w->timing.samples[i].total_ns / (double)w->timing.samples[i].iters;
        shares[i] = 2e9 * w->cell.useful.flops / ns / (w->rates[i] + w->rates[i + 1]);
    }
    la_summary share, rate;
    la_summarise(shares, n, &share);
    la_summarise(w->rates, n + 1, &rate);
    la_free(shares);
    la_work_metric_add(w, "peak_share", share.median, share.lo, share.hi, 0, (int64_t)n);
    la_work_quantity_add(w, "peak_beside", "FLOP/s", rate.median, rate.lo, rate.hi, (int64_t)n + 1);
    return LA_OK;
}

static la_status measure(la_work *w, la_err *err)
{
    LA_TRY(la_work_phase(w, "measure", err));
    if (w->device.backend == LA_CUDA) {
        LA_TRY(la_work_device_measure(w, err));
        warn_of_drift(w);
        return check_guards(w, err);
    }
    LA_TRY(prepare_flush(w, err));
    la_stop_rule rule = w->job.rule;
    rule.first_call_ns = w->first_ns;
    /* Its memory was there before it: poisoned. */
    prepare_gauge(w);
    rule.first_counts = w->job.verify && !w->cell.cold && !w->decode && !w->gauge.loop &&
                        (double)w->first_ns > LA_COUNTED_S * 1e9;
    la_measured what = {.call = la_work_call,
                        .before = before_sample,
                        .after = after_sample,
                        .single = w->cell.cold,
                        .context = w};
    /* A recurrent state moves on with each call of a sample, so its output is another one than that
     * of the first call; samples must agree among themselves. */
    if (w->state_copy) w->checksum = 0;
    la_usage start;
    la_usage_now(&start);
    LA_TRY(la_measure(&what, &rule, &w->timing, err));
    la_usage used = la_usage_since(&start);
    if (w->timing.n == 1) w->timing.warmup_iters = 0;
    warn_of_drift(w);
    if (used.major_faults > 0)
        la_work_warn(w, "major_faults", "%" PRId64 " page faults went to disk while timing",
                     used.major_faults);
    LA_TRY(tell_shares(w, err));
    LA_TRY(check_guards(w, err));
    /* Every sample left the bits of the checked call, whose numbers are finite. */
    bool same = (w->cell.impl->caps & LA_CAP_DETERMINISTIC) && !w->state_copy;
    return same ? LA_OK : la_work_finite(w, err);
}

la_status la_work_timing(la_work *w, la_err *err)
{
    w->decode = w->cell.pass == LA_DECODE;
    if (w->decode)
        LA_TRY(prepare_decode(w, err));
    else
        LA_TRY(prepare_forward(w, err));
    LA_TRY(la_work_phase(w, w->job.verify ? "verify" : "warmup", err));
    LA_TRY(la_work_checked_call(w, err));
    if (w->job.verify) LA_TRY(verify(w, err));
    la_sampled_release(&w->sampled);
    return measure(w, err);
}
