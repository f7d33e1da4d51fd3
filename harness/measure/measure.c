/* SPDX-License-Identifier: Apache-2.0
 * The stop rule is looked at when the samples asked for and the time asked for are both there, and then
 * only when n has doubled: looking after each sample and stopping when it looks good makes intervals too
 * narrow.
 */
#include "measure.h"

#include <math.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "stats.h"

#define MIN_SAMPLE_NS 1e6    /* and 1000 times the cost of a clock reading: under 0.1 % of it */
#define SETTLED       0.05   /* relative change of the half-width that counts as none */
#define DEFAULT_MAX   100000 /* samples */

void la_clock_probe(double *resolution_ns, double *cost_ns)
{
    enum { READINGS = 2000 };
    int64_t first = la_now_ns(), last = first, smallest = INT64_MAX;
    for (int i = 0; i < READINGS; i++) {
        int64_t now = la_now_ns();
        if (now > last && now - last < smallest) smallest = now - last;
        last = now;
    }
    *cost_ns = (double)(last - first) / READINGS;
    *resolution_ns = smallest == INT64_MAX ? *cost_ns : (double)smallest;
}

void la_timing_release(la_timing *timing)
{
    if (!timing) return;
    la_free(timing->samples);
    *timing = (la_timing){0};
}

static la_status one_sample(const la_measured *what, int64_t iters, int64_t *total_ns, la_err *err)
{
    if (what->timed) return what->timed(what->context, total_ns, err);
    if (what->before) what->before(what->context);
    int64_t start = la_now_ns();
    for (int64_t i = 0; i < iters; i++) LA_TRY(what->call(what->context, err));
    *total_ns = la_now_ns() - start;
    return LA_OK;
}

static la_status keep(la_timing *out, int64_t iters, int64_t total_ns, la_err *err)
{
    LA_TRY(la_grow((void **)&out->samples, &out->cap, out->n + 1, sizeof *out->samples, err));
    out->samples[out->n++] = (la_timing_sample){iters, total_ns};
    return LA_OK;
}

/* One sample, and what it takes of the time there is. */
static la_status counted_sample(const la_measured *what, int64_t iters, int64_t *ns, int64_t *took,
                                la_err *err)
{
    int64_t start = la_now_ns();
    LA_TRY(one_sample(what, iters, ns, err));
    int64_t around = (la_now_ns() - start) / LA_AROUND;
    *took = *ns > around ? *ns : around;
    return LA_OK;
}

/* A call far longer than the whole time asked for: few samples, no stop rule to look at. */
static bool takes_few(const la_stop_rule *rule, double call_ns)
{
    return call_ns > LA_FEW_TIMES * rule->min_time_s * 1e9;
}

/* Of samples. */
static double most_ns(const la_stop_rule *rule, bool few)
{
    return rule->max_time_s * 1e9 * (few ? LA_FEW_LIMIT : 1);
}

static double warmup_ns(const la_stop_rule *rule)
{
    return fmin(LA_WARMUP_S, rule->min_time_s / 4) * 1e9;
}

/* A call as long as a warm-up has warmed everything by being verified; a device has clocks to raise. */
static bool is_warm(const la_measured *what, const la_stop_rule *rule)
{
    return !what->warm && rule->first_call_ns > 0 && (double)rule->first_call_ns >= warmup_ns(rule);
}

/* Warm-up, of one call at least; *call_ns: the shortest call so far. */
static la_status warm_up(const la_measured *what, const la_stop_rule *rule, la_timing *out,
                         double *call_ns, la_err *err)
{
    int64_t start = la_now_ns();
    for (bool more = true; more;) {
        int64_t ns;
        LA_TRY(one_sample(what, 1, &ns, err));
        out->warmup_iters++;
        out->warmup_ns = what->warm ? out->warmup_ns + ns : la_now_ns() - start;
        *call_ns = fmin(*call_ns, (double)ns);
        more = what->warm ? out->warmup_iters < LA_WARMUP_CALLS ||
                                !what->warm(what->context, out->warmup_ns)
                          : (double)out->warmup_ns < warmup_ns(rule);
        if (!what->warm && (double)out->warmup_ns > rule->max_time_s * 1e9) break;
    }
    return LA_OK;
}

/* Half-width of the median's interval over the median, of the first n samples; NaN where it has none. */
static double half_width(const la_timing *t, size_t n)
{
    double *x = n < LA_INTERVAL_SAMPLES ? NULL : la_alloc(n * sizeof *x, NULL);
    if (!x) return NAN;
    for (size_t i = 0; i < n; i++)
        x[i] = (double)t->samples[i].total_ns / (double)t->samples[i].iters;
    la_summary s;
    la_summarise(x, n, &s);
    la_free(x);
    return s.median > 0 ? (s.hi - s.lo) / (2 * s.median) : isnan(s.hi) ? (double)NAN : 0.0;
}

/* Iterations per sample, so that a sample lasts long enough for the clock. What goes on around a
 * sample (`before`) must hold for one call only, so such calls are timed one by one. */
static int64_t iterations(const la_measured *what, double call_ns)
{
    double resolution, cost;
    la_clock_probe(&resolution, &cost);
    double want = fmax(1000 * cost, MIN_SAMPLE_NS);
    if (what->single || what->timed || call_ns >= want) return 1;
    return (int64_t)fmin(ceil(want / fmax(call_ns, 1.0)), 1e7);
}

/* What a look says: why to stop, or NULL. Settled: twice as many samples changed little, two times. */
static const char *verdict(const la_timing *t, const la_stop_rule *rule)
{
    double now = half_width(t, t->n), last = half_width(t, t->n / 2);
    if (now <= rule->target) return "target";
    bool settled =
        fabs(now - last) < SETTLED * now && fabs(last - half_width(t, t->n / 4)) < SETTLED * now;
    return settled ? "settled" : NULL;
}

la_status la_measure(const la_measured *what, const la_stop_rule *rule, la_timing *out, la_err *err)
{
    *out = (la_timing){.half_width = NAN, .stop_reason = "slow"};
    if (rule->slow_s > 0 && (double)rule->first_call_ns > rule->slow_s * 1e9)
        return keep(out, 1, rule->first_call_ns, err);
    double call_ns = rule->first_call_ns > 0 ? (double)rule->first_call_ns : (double)INFINITY;
    if (!is_warm(what, rule)) LA_TRY(warm_up(what, rule, out, &call_ns, err));
    int64_t iters = iterations(what, call_ns), spent = 0;
    bool few = takes_few(rule, call_ns);
    size_t most = rule->max_samples > 0 ? (size_t)rule->max_samples : DEFAULT_MAX;
    size_t look = (size_t)rule->min_samples;
    double limit = most_ns(rule, few);
    const char *stop = NULL;
    if (few && rule->first_counts) {
        LA_TRY(keep(out, 1, rule->first_call_ns, err));
        spent = rule->first_call_ns;
        if ((double)spent >= limit || most == 1) stop = "slow";
    }
    while (!stop) {
        int64_t ns, took;
        LA_TRY(counted_sample(what, iters, &ns, &took, err));
        if (out->n + (size_t)out->warmup_iters == 0 && (double)ns < MIN_SAMPLE_NS) {
            /* Only its first call was that long. */
            LA_TRY(warm_up(what, rule, out, &call_ns, err));
            iters = iterations(what, call_ns);
            few = takes_few(rule, call_ns);
            limit = most_ns(rule, few);
            continue;
        }
        if (what->after) LA_TRY(what->after(what->context, err));
        LA_TRY(keep(out, iters, ns, err));
        spent += took;
        if (few && out->n >= LA_FEW_SAMPLES)
            stop = "slow";
        else if (out->n >= most)
            stop = "samples";
        else if (out->n >= look && (double)spent >= rule->min_time_s * 1e9) {
            stop = verdict(out, rule);
            look = 2 * out->n;
        }
        /* Of slow calls what fits, by the shortest: a busy machine takes no sample from a call that is
         * not slow enough. Of others enough for an interval. Unless even these take far too long. */
        call_ns = fmin(call_ns, (double)ns / (double)iters);
        bool full = few ? (double)out->n * call_ns >= limit
                        : (double)spent >= limit && out->n >= LA_INTERVAL_SAMPLES;
        if (!stop && (full || (double)spent >= 4 * limit)) stop = few ? "slow" : "max_time";
    }
    out->stop_reason = stop;
    out->half_width = half_width(out, out->n);
    return LA_OK;
}
