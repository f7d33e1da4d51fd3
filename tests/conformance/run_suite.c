/* SPDX-License-Identifier: Apache-2.0 */
#include "run_suite.h"

#include <inttypes.h>
#include <stdio.h>

enum { SHOWN = 20 };

static void print_finding(const la_conformance_finding *finding, void *context)
{
    int *shown = context;
    if (finding->status == LA_OK && !finding->skipped) return;
    if ((*shown)++ < SHOWN)
        printf("%s %s\n", finding->skipped ? "skipped:" : "FAILED: ", finding->message);
}

suite_result run_suite(const char *what, const la_variant *variant, const la_impl *impl,
                       const la_device *device, la_level level)
{
    la_conformance_report report = {0};
    la_err err = {0};
    int shown = 0;
    la_conformance_settings settings = {
        .device = device, .level = level, .listener = print_finding, .context = &shown};
    la_status st = la_conformance_run(variant, impl, &settings, &report, &err);
    if (st != LA_OK) {
        printf("the suite could not run: %s\n", err.msg);
        return SUITE_FAILED;
    }
    printf("%s: %" PRId64 " checks, %" PRId64 " failed, %" PRId64 " skipped\n", what, report.checks,
           report.failures, report.skipped);
    if (report.failures) return SUITE_FAILED;
    if (report.checks) return SUITE_PASSED;
    return report.skipped ? SUITE_EMPTY : SUITE_FAILED;
}
