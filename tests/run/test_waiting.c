/* SPDX-License-Identifier: Apache-2.0
 * The time that a worker waits for a device is not of its limit. The workers are this program: they read what to do
 * as their job.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "protocol.h"

#define MS INT64_C(1000000)

/* "WAIT WORK AFTER": milliseconds of each, the last after the end is told. */
static int worker(void)
{
    char job[64] = "", json[64];
    int wait = 0, work = 0, after = 0;
    if (read(4, job, sizeof job - 1) < 0 || sscanf(job, "%d %d %d", &wait, &work, &after) != 3)
        return 1;
    snprintf(json, sizeof json, "{\"protocol\":%d}", LA_PROTOCOL_VERSION);
    (void)la_record_write(3, LA_RECORD_START, json, NULL);
    (void)la_record_write(3, LA_RECORD_PHASE, "{\"phase\":\"" LA_PHASE_WAITING "\"}", NULL);
    la_sleep_ns(wait * MS);
    (void)la_record_write(3, LA_RECORD_PHASE, "{\"phase\":\"work\"}", NULL);
    la_sleep_ns(work * MS);
    (void)la_record_write(3, LA_RECORD_END, "{\"outcome\":\"ok\"}", NULL);
    la_sleep_ns(after * MS);
    return 0;
}

static int outcome_of(const char *job)
{
    la_child_limits limits = {.timeout_s = 3, .threads = 1};
    la_attempt a;
    la_err err = {0};
    la_attempt_init(&a);
    la_status st = la_child_run(job, &limits, NULL, NULL, &a, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    int outcome = a.row.outcome;
    la_attempt_release(&a);
    return outcome;
}

static void waiting_costs_no_timeout(void **state)
{
    (void)state;
    assert_int_equal(outcome_of("4000 1 0"), LA_OUTCOME_OK);
}

static void work_behind_it_does(void **state)
{
    (void)state;
    assert_int_equal(outcome_of("300 60000 0"), LA_OUTCOME_TIMEOUT);
}

static void a_hang_after_the_end_spoils_nothing(void **state)
{
    (void)state;
    assert_int_equal(outcome_of("0 1 60000"), LA_OUTCOME_OK);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return worker();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_costs_no_timeout),
        cmocka_unit_test(work_behind_it_does),
        cmocka_unit_test(a_hang_after_the_end_spoils_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
