/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <time.h>

#include "alloc.h"
#include "clock.h"
#include "measure.h"
#include "memory.h"
#include "peak.h"

/* A call that lasts as long as it is told, by the clock. */
typedef struct spinner {
    int64_t ns, jitter_ns;
    uint64_t calls, before, after;
    bool fails;
} spinner;

static la_status spin(void *context, la_err *err)
{
    spinner *s = context;
    int64_t noise =
        s->jitter_ns ? (int64_t)la_random_below(3, s->calls, (uint64_t)s->jitter_ns) : 0;
    int64_t end = la_now_ns() + s->ns + noise;
    s->calls++;
    if (s->fails) return LA_FAIL(err, LA_E_DEVICE, "the spinner failed");
    while (la_now_ns() < end) {
    }
    return LA_OK;
}

static void before(void *context)
{
    ((spinner *)context)->before++;
}

static const la_stop_rule usual = {
    .min_time_s = 0.05, .max_time_s = 0.3, .target = 0.03, .min_samples = 10, .slow_s = 10};

static double shortest(const la_timing *t)
{
    double best = INFINITY;
    for (size_t i = 0; i < t->n; i++)
        best = fmin(best, (double)t->samples[i].total_ns / (double)t->samples[i].iters);
    return best;
}

/* How much longer than it was the shortest sample of a spin reads, since a busy machine can only lengthen them. */
static double shortest_error(int64_t ns)
{
    spinner s = {.ns = ns};
    la_measured what = {.call = spin, .context = &s};
    la_timing t;
    assert_int_equal(la_measure(&what, &usual, &t, NULL), LA_OK);
    double error = shortest(&t) / (double)ns - 1;
    la_timing_release(&t);
    return error;
}

static void test_timer_tells_the_truth(void **state)
{
    (void)state;
    static const int64_t known_ns[] = {10000, 1000000, 3000000};
    for (size_t i = 0; i < LA_COUNT(known_ns); i++) {
        double error = shortest_error(known_ns[i]);
        for (int tries = 0; tries < 10 && error > 0.03; tries++)
            error = fmin(error, shortest_error(known_ns[i]));
        if (!(error >= -0.001 && error <= 0.03))
            fail_msg("a spin of %lld ns reads %.4f %% long", (long long)known_ns[i], 100 * error);
    }
}

static void test_short_calls_are_timed_together(void **state)
{
    (void)state;
    spinner s = {.ns = 2000};
    la_measured what = {.call = spin, .before = before, .context = &s};
    la_timing t;
    assert_int_equal(la_measure(&what, &usual, &t, NULL), LA_OK);
    assert_true(t.samples[0].iters > 100);
    assert_true(t.samples[0].total_ns > 500000);
    assert_true(s.before >= t.n);
    what.single = true;
    la_timing_release(&t);
    assert_int_equal(la_measure(&what, &usual, &t, NULL), LA_OK);
    assert_int_equal(t.samples[0].iters, 1);
    la_timing_release(&t);
}

static void test_a_call_longer_than_the_time_asked_for_has_three_samples(void **state)
{
    (void)state;
    spinner s = {.ns = 1500000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    rule.min_time_s = 0.0007;
    la_timing t;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(t.n, 3);
    assert_string_equal(t.stop_reason, "slow");
    la_timing_release(&t);
    rule.max_time_s = 0.00023; /* twelve times that are two samples */
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_true(t.n <= 2);
    assert_string_equal(t.stop_reason, "slow");
    la_timing_release(&t);
}

/* Its memory was there before it: then the first of three calls need not be made again. */
static void test_the_first_of_long_calls_may_be_a_sample(void **state)
{
    (void)state;
    spinner s = {.ns = 1500000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    rule.min_time_s = 0.0007;
    rule.first_call_ns = 1600000;
    la_timing t;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(s.calls, 3);
    la_timing_release(&t);
    rule.first_counts = true;
    s.calls = 0;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(s.calls, 2);
    assert_int_equal(t.n, 3);
    assert_int_equal(t.samples[0].total_ns, 1600000);
    la_timing_release(&t);
    rule.max_time_s = 0.0001; /* twelve times that are less than the first call */
    s.calls = 0;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(s.calls, 0);
    assert_int_equal(t.n, 1);
    assert_string_equal(t.stop_reason, "slow");
    la_timing_release(&t);
    rule.max_time_s = usual.max_time_s;
    rule.min_time_s = usual.min_time_s; /* the call is short beside it */
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_string_not_equal(t.stop_reason, "slow");
    assert_int_not_equal(t.samples[0].total_ns, 1600000);
    la_timing_release(&t);
}

/* A cold first call, long beside the time asked for, and short ones behind it: these have all their samples. */
static void test_a_cold_first_call_is_no_long_call(void **state)
{
    (void)state;
    spinner s = {.ns = 100000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    rule.min_time_s = 0.01;
    rule.first_call_ns = 30000000;
    la_timing t;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_true(t.n >= (size_t)rule.min_samples);
    assert_string_not_equal(t.stop_reason, "slow");
    assert_true(t.samples[0].iters > 1);
    la_timing_release(&t);
}

static void test_warm_up_is_one_call_and_a_while(void **state)
{
    (void)state;
    spinner s = {.ns = 14000000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    rule.max_samples = 3;
    la_timing t;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(t.warmup_iters, 1); /* a quarter of the time asked for is less */
    la_timing_release(&t);
    s.ns = 200000;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_true(t.warmup_ns >= 12500000);
    la_timing_release(&t);
}

static void test_long_first_call_is_the_warm_up(void **state)
{
    (void)state;
    spinner s = {.ns = 14000000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    la_timing t;
    rule.max_samples = 3;
    rule.first_call_ns = 13000000; /* a quarter of the time asked for */
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(t.warmup_iters, 0);
    assert_int_equal(s.calls, 3);
    la_timing_release(&t);
    rule.first_call_ns = 12000000;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(t.warmup_iters, 1);
    la_timing_release(&t);
}

/* Its pages were new, or something else ran: samples still hold as many calls as the clock needs. */
static void test_short_call_is_warmed_up_though_its_first_was_long(void **state)
{
    (void)state;
    spinner s = {.ns = 20000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    la_timing t;
    rule.max_samples = 3;
    rule.first_call_ns = 30000000;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_true(t.warmup_ns >= 12500000);
    assert_int_equal(t.n, 3);
    for (size_t i = 0; i < t.n; i++) assert_true(t.samples[i].iters > 10);
    la_timing_release(&t);
}

static void test_rule_is_looked_at_once_time_and_samples_are_there(void **state)
{
    (void)state;
    spinner s = {.ns = 1500000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    la_timing t;
    rule.target = 1e6;         /* a busy machine makes wide intervals */
    rule.first_call_ns = s.ns; /* and its one call of warm-up may last long */
    rule.max_time_s = 60;      /* as may its samples */
    rule.min_time_s = 0.024;   /* reached at sample 16, or before on a busy machine */
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_string_equal(t.stop_reason, "target");
    assert_true(t.n >= 10 && t.n <= 16);
    int64_t spent = 0;
    for (size_t i = 0; i < t.n; i++) spent += t.samples[i].total_ns;
    assert_true(spent >= 24000000);
    if (t.n > 10) assert_true(spent - t.samples[t.n - 1].total_ns < 24000000);
    assert_true(t.half_width <= 1e6);
    la_timing_release(&t);
    rule.min_time_s = 0.002; /* there before the samples are */
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(t.n, 10);
    la_timing_release(&t);
}

/* A device's clock, which sees a hundredth of what a call takes. */
static la_status by_its_own_clock(void *context, int64_t *ns, la_err *err)
{
    LA_TRY(spin(context, err));
    *ns = 10000 + (int64_t)((spinner *)context)->calls * 10;
    return LA_OK;
}

static void test_what_goes_on_around_a_sample_counts_in_part(void **state)
{
    (void)state;
    spinner s = {.ns = 1000000};
    la_measured what = {.timed = by_its_own_clock, .context = &s};
    la_stop_rule rule = usual;
    rule.target = 0;
    la_timing t;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    size_t most = (size_t)(rule.max_time_s * LA_AROUND / 1e-3) + 1;
    assert_true(t.n >= 10 && t.n <= most); /* and not 0.3 s of 10 us: 30000 */
    la_timing_release(&t);
}

static void test_noise_runs_into_the_limit(void **state)
{
    (void)state;
    spinner s = {.ns = 1000000, .jitter_ns = 3000000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    rule.target = 1e-6;
    rule.first_call_ns = s.ns;
    la_timing t;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    double spent = 0; /* without its last sample, which a busy machine may make long */
    for (size_t i = 0; i + 1 < t.n; i++) spent += (double)t.samples[i].total_ns / 1e9;
    assert_true(strcmp(t.stop_reason, "max_time") == 0 || strcmp(t.stop_reason, "settled") == 0);
    assert_true(t.half_width > 1e-6);
    if (!(spent < rule.max_time_s || t.n <= LA_INTERVAL_SAMPLES))
        fail_msg("%.3f s before the last of %d samples", spent, (int)t.n);
    la_timing_release(&t);
}

static void test_at_the_limit_there_are_samples_for_an_interval(void **state)
{
    (void)state;
    spinner s = {
        .ns =
            100000000}; /* so long that a busy machine does not make four times the limit of six */
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    rule.target = 1e-9;
    rule.first_call_ns = s.ns;
    rule.min_time_s = 0.3;
    rule.max_time_s = 0.4; /* reached with the fourth */
    la_timing t = {0};
    for (int tries = 0; tries < 5 && t.n < LA_INTERVAL_SAMPLES; tries++) {
        la_timing_release(&t);
        assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    }
    assert_string_equal(t.stop_reason, "max_time");
    assert_int_equal(t.n, LA_INTERVAL_SAMPLES);
    assert_true(t.half_width >= 0);
    la_timing_release(&t);
}

static void test_a_slow_call_is_its_own_sample(void **state)
{
    (void)state;
    spinner s = {.ns = 1000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    rule.first_call_ns = 11000000000;
    la_timing t;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.samples[0].total_ns, 11000000000);
    assert_int_equal(s.calls, 0);
    assert_true(isnan(t.half_width));
    la_timing_release(&t);
}

static void test_quick_takes_three(void **state)
{
    (void)state;
    spinner s = {.ns = 1200000};
    la_measured what = {.call = spin, .context = &s};
    la_stop_rule rule = usual;
    rule.max_samples = 3;
    la_timing t;
    assert_int_equal(la_measure(&what, &rule, &t, NULL), LA_OK);
    assert_int_equal(t.n, 3);
    assert_string_equal(t.stop_reason, "samples");
    la_timing_release(&t);
}

static la_status refuse(void *context, la_err *err)
{
    spinner *s = context;
    return ++s->after == 4 ? LA_FAIL(err, LA_E_WRONG, "the output changed") : LA_OK;
}

static void test_failures_end_the_measuring(void **state)
{
    (void)state;
    spinner s = {.ns = 1000, .fails = true};
    la_measured what = {.call = spin, .context = &s};
    la_timing t;
    la_err err = {0};
    assert_int_equal(la_measure(&what, &usual, &t, &err), LA_E_DEVICE);
    assert_string_equal(err.msg, "the spinner failed");
    la_timing_release(&t);
    s.fails = false;
    what.after = refuse;
    assert_int_equal(la_measure(&what, &usual, &t, &err), LA_E_WRONG);
    la_timing_release(&t);
}

static void test_clock_is_probed(void **state)
{
    (void)state;
    double resolution, cost;
    la_clock_probe(&resolution, &cost);
    assert_true(resolution > 0 && resolution < 1e6);
    assert_true(cost > 0 && cost < 1e5);
}

static void test_peak_memory_reads_what_was_touched(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20 };
#ifdef __SANITIZE_ADDRESS__
    skip(); /* the sanitizer's shadow of the block is resident too, an eighth more */
#endif
    int64_t base = la_rss_now();
    assert_true(base > 0 && la_vm_size() >= base && la_memory_free() > BYTES);
    if (!la_rss_peak_reset()) skip();
    char *p = la_alloc(BYTES, NULL);
    assert_non_null(p);
    memset(p, 1, BYTES);
    assert_int_equal(p[BYTES - 1], 1);
    la_free(p);
    int64_t rise = la_rss_peak() - base;
    /* The kernel counts pages per CPU in batches, so the peak may lag by a few dozen pages. */
    if (rise < BYTES - (1 << 20) || rise > BYTES + (2 << 20))
        fail_msg("%d bytes touched, the peak rose by %lld", BYTES, (long long)rise);
    assert_true(la_rss_peak_reset());
    assert_true(la_rss_peak() < base + BYTES / 2);
}

static void test_usage_counts_this_process(void **state)
{
    (void)state;
    la_usage start;
    la_usage_now(&start);
    /* By the clock of the process: on a busy machine a while may pass without it. */
    clock_t end = clock() + CLOCKS_PER_SEC / 50;
    while (clock() < end) {
    }
    la_usage took = la_usage_since(&start);
    assert_true(took.user_ns + took.sys_ns > 15000000 && took.user_ns + took.sys_ns < 10000000000);
}

static int nothing_is_left(void **state)
{
    (void)state;
    return la_mem_live() != 0;
}

/* A gauge is of the type and instruction set that it was made for, and reads about what the peak was. */
static void test_a_gauge_reads_the_rate_of_its_type(void **state)
{
    (void)state;
    la_gauge gauge;
    assert_false(la_gauge_init(1, LA_ISA_GENERIC, LA_BF16, &gauge));
    assert_false(la_gauge_init(1, la_isa_best(), LA_F64, &gauge));
    assert_true(la_gauge_init(1, LA_ISA_GENERIC, LA_F32, &gauge));
    double slow = la_gauge_read(&gauge), fast = la_peak_arithmetic(1, LA_ISA_GENERIC).best;
    assert_true(slow > fast / 20 && slow < 4 * fast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_tells_the_truth),
        cmocka_unit_test(test_a_gauge_reads_the_rate_of_its_type),
        cmocka_unit_test(test_short_calls_are_timed_together),
        cmocka_unit_test(test_a_call_longer_than_the_time_asked_for_has_three_samples),
        cmocka_unit_test(test_the_first_of_long_calls_may_be_a_sample),
        cmocka_unit_test(test_a_cold_first_call_is_no_long_call),
        cmocka_unit_test(test_warm_up_is_one_call_and_a_while),
        cmocka_unit_test(test_long_first_call_is_the_warm_up),
        cmocka_unit_test(test_short_call_is_warmed_up_though_its_first_was_long),
        cmocka_unit_test(test_rule_is_looked_at_once_time_and_samples_are_there),
        cmocka_unit_test(test_what_goes_on_around_a_sample_counts_in_part),
        cmocka_unit_test(test_noise_runs_into_the_limit),
        cmocka_unit_test(test_at_the_limit_there_are_samples_for_an_interval),
        cmocka_unit_test(test_a_slow_call_is_its_own_sample),
        cmocka_unit_test(test_quick_takes_three),
        cmocka_unit_test(test_failures_end_the_measuring),
        cmocka_unit_test(test_clock_is_probed),
        cmocka_unit_test(test_peak_memory_reads_what_was_touched),
        cmocka_unit_test(test_usage_counts_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
