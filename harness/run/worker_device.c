/* SPDX-License-Identifier: Apache-2.0
 * Cells on a CUDA device: who else may be there meanwhile. A timing cell is alone, warmed until the clock settles, and
 * timed by the device's own events over the memory that the verified call left there.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "cuda.h"
#include "device_lock.h"
#include "nvml.h"
#include "resident.h"
#include "stats.h"
#include "worker.h"

#define WARM_NS      300e6 /* of the device's time: a shorter warm-up reads up to a third too slow */
#define WARM_MOST_NS 2e9   /* of ours */
#define WINDOW_NS    50e6  /* between two looks at the clock */
#define SETTLED      0.01  /* relative difference of two clocks that counts as none */
#define SLOW_CLOCK   0.75  /* of the highest: a look below is remarked */
#define SLOW_SHARE   0.2   /* of the looks */
#define WALL_CALLS   9
#define LAUNCH_BOUND 2.0 /* the host's time of a call over the device's */

typedef struct device_run {
    la_work *w;
    la_cuda_timer timer;
    la_cuda_about about;
    int64_t began, looked; /* when warm-up began, when the clock was looked at last */
    la_nvml_state state;   /* of the last look */
    bool known;            /* there is something to look with */
    int64_t looks, slow;
    uint64_t reasons;
    double sm_hz; /* sum over the looks of the measuring */
} device_run;

la_status la_work_device_open(la_work *w, la_err *err)
{
    la_cuda_about about;
    size_t all;
    if (w->device.backend != LA_CUDA) return LA_OK;
    LA_TRY(la_cuda()->about(w->device.index, &about, err));
    LA_TRY(la_work_phase(w, LA_PHASE_WAITING, err));
    LA_TRY(la_device_lock(NULL, about.uuid, w->cell.learn ? LA_DEVICE_SHARED : LA_DEVICE_ALONE,
                          &w->lock, err));
    LA_TRY(la_work_phase(w, "device", err));
    if (w->cell.peer) return LA_OK; /* its program makes the context */
    LA_TRY(la_cuda()->select(w->device.index, err));
    la_cuda_limit(w->job.device_limit);
    return la_cuda()->memory(&w->device_free, &all, err);
}

static unsigned calls_of(const la_work *w)
{
    switch (w->cell.pass) {
    case LA_DECODE:
        return LA_RESIDENT_DECODE;
    case LA_BACKWARD:
        return LA_RESIDENT_BACKWARD;
    case LA_FWDBWD:
        return LA_RESIDENT_FORWARD | LA_RESIDENT_BACKWARD;
    default:
        return LA_RESIDENT_FORWARD;
    }
}

void la_work_device_peak(la_work *w)
{
    w->workspace = (int64_t)la_cuda_peak();
    la_work_quantity_add(w, "device_peak_bytes", "B", (double)la_cuda_peak(), NAN, NAN, 1);
}

void la_work_device_memory(la_work *w)
{
    size_t now, all;
    w->workspace = (int64_t)la_resident_workspace(w->inst.self);
    la_work_quantity_add(w, "device_peak_bytes", "B", (double)la_cuda_peak(), NAN, NAN, 1);
    if (la_cuda()->memory(&now, &all, NULL) == LA_OK && now <= w->device_free)
        la_work_quantity_add(w, "device_taken_bytes", "B", (double)(w->device_free - now), NAN, NAN,
                             1);
}

/* ---- the clock ---- */

static void look(device_run *r, bool measuring)
{
    r->looked = la_now_ns();
    if (!r->known) return;
    r->known = la_nvml_read(r->about.bus, &r->state, NULL) == LA_OK;
    if (!r->known || !measuring) return;
    r->looks++;
    r->sm_hz += (double)r->state.sm_hz;
    r->reasons |= r->state.reasons & LA_NVML_SLOWED;
    r->slow += (double)r->state.sm_hz < SLOW_CLOCK * (double)r->state.sm_max_hz;
}

static bool warm(void *context, int64_t spent_ns)
{
    device_run *r = context;
    int64_t now = la_now_ns();
    if (r->began == 0) r->began = now;
    if ((double)(now - r->began) > WARM_MOST_NS) return true;
    if ((double)spent_ns < WARM_NS) return false;
    if (!r->known) return true;
    if ((double)(now - r->looked) < WINDOW_NS) return false;
    double before = (double)r->state.sm_hz;
    look(r, false);
    return fabs((double)r->state.sm_hz - before) <= SETTLED * before;
}

/* ---- calls ---- */

static la_status timed(void *context, int64_t *total_ns, la_err *err)
{
    device_run *r = context;
    double ns;
    LA_TRY(la_cuda_timer_call(&r->timer, &ns, err));
    *total_ns = (int64_t)(ns + 0.5);
    return LA_OK;
}

static la_status after_sample(void *context, la_err *err)
{
    device_run *r = context;
    (void)err;
    if ((double)(la_now_ns() - r->looked) >= WINDOW_NS) look(r, true);
    return LA_OK;
}

/* The timed calls' own output, over NaN that was there before them. */
static la_status check_output(la_work *w, la_err *err)
{
    uint64_t verified = w->checksum;
    LA_TRY(la_resident_fetch(w->inst.self, calls_of(w), w->inst.o.data,
                             la_work_has_backward(w) ? &w->wanted : NULL, err));
    LA_TRY(la_work_finite(w, err));
    if (la_work_checksum(w) == verified || !(w->cell.impl->caps & LA_CAP_DETERMINISTIC))
        return LA_OK;
    return LA_FAIL(err, LA_E_WRONG,
                   "the output of the timed calls has other bits than the verified one, and %s %s "
                   "declares that it is deterministic",
                   w->cell.variant->name, w->cell.impl->name);
}

static double median_of_samples(const la_timing *t)
{
    la_summary s = {0};
    double *x = la_alloc(t->n * sizeof *x, NULL);
    if (!x) return NAN;
    for (size_t i = 0; i < t->n; i++) x[i] = (double)t->samples[i].total_ns;
    la_summarise(x, t->n, &s);
    la_free(x);
    return s.median;
}

static la_status measure_wall(device_run *r, la_err *err)
{
    la_work *w = r->w;
    double x[WALL_CALLS], device = median_of_samples(&w->timing);
    size_t n = 0, most = device > 1e8 ? 1 : WALL_CALLS;
    la_summary s;
    for (; n < most; n++) LA_TRY(la_cuda_timer_wall(&r->timer, &x[n], err));
    la_summarise(x, n, &s);
    la_work_quantity_add(w, "wall_ns", "ns", s.median, NAN, NAN, (int64_t)n);
    if (s.median > LAUNCH_BOUND * device)
        la_work_warn(w, "launch_bound",
                     "a call takes %.1f us on the device, and %.1f us for a host that launches it "
                     "and waits",
                     device / 1e3, s.median / 1e3);
    return LA_OK;
}

static void tell(device_run *r)
{
    la_work *w = r->w;
    char reasons[96];
    la_work_quantity_add(w, "first_call_ns", "ns", (double)w->first_ns, NAN, NAN, 1);
    if (r->timer.launches >= 0)
        la_work_quantity_add(w, "launches", "1", (double)r->timer.launches, NAN, NAN, 1);
    if (r->timer.how == LA_CUDA_PLAIN)
        la_work_warn(
            w, "timer",
            "timed with event+launch: its calls cannot be captured, or launches wait for the "
            "stream, and the host's launches may be in their time");
    if (r->looks == 0) return;
    la_work_quantity_add(w, "sm_clock_hz", "Hz", r->sm_hz / (double)r->looks, NAN, NAN, r->looks);
    la_work_quantity_add(w, "celsius", "C", r->state.celsius, NAN, NAN, 1);
    la_work_quantity_add(w, "watts", "W", r->state.watts, NAN, NAN, 1);
    if ((double)r->slow > SLOW_SHARE * (double)r->looks || r->reasons)
        la_work_warn(w, "throttled",
                     "%" PRId64 " of %" PRId64 " looks found the clock below %.0f %% of its "
                     "highest%s%s",
                     r->slow, r->looks, 100 * SLOW_CLOCK, r->reasons ? "; the driver says: " : "",
                     la_nvml_reasons_text(r->reasons, reasons));
    if (r->state.processes > 1)
        la_work_warn(w, "shared_device", "%d processes compute on the device", r->state.processes);
}

static la_status run(device_run *r, la_err *err)
{
    la_work *w = r->w;
    la_stop_rule rule = w->job.rule;
    /* The first call loads modules and carries everything to the device: never a sample. */
    rule.first_call_ns = 0;
    if (w->state_copy) LA_TRY(la_resident_keep_state(w->inst.self, w->state_copy, err));
    LA_TRY(la_cuda_timer_init(&r->timer, w->inst.self, calls_of(w), w->cell.cold ? w->device.l2 : 0,
                              err));
    LA_TRY(la_resident_poison(w->inst.self, calls_of(w), err));
    r->known = true;
    look(r, false);
    la_measured what = {.timed = timed, .after = after_sample, .warm = warm, .context = r};
    LA_TRY(la_measure(&what, &rule, &w->timing, err));
    look(r, true);
    LA_TRY(check_output(w, err));
    LA_TRY(measure_wall(r, err));
    tell(r);
    return LA_OK;
}

la_status la_work_device_measure(la_work *w, la_err *err)
{
    device_run r = {.w = w};
    LA_TRY(la_cuda()->about(w->device.index, &r.about, err));
    la_status st = run(&r, err);
    la_cuda_timer_release(&r.timer);
    return st;
}
