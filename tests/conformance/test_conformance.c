/* SPDX-License-Identifier: Apache-2.0
 * test_conformance VARIANT quick|full [IMPL]: the conformance suite as a test program.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "labench/kit.h"
#include "registry.h"

enum { SHOWN = 20 };

static void print_finding(const la_conformance_finding *finding, void *context)
{
    int *shown = context;
    if (finding->status == LA_OK && !finding->skipped) return;
    if ((*shown)++ < SHOWN)
        printf("%s %s\n", finding->skipped ? "skipped:" : "FAILED: ", finding->message);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s VARIANT quick|full [IMPL]\n", argv[0]);
        return 2;
    }
    const la_variant *variant = la_registry_find(argv[1]);
    if (!variant) {
        fprintf(stderr, "no variant '%s'\n", argv[1]);
        return 2;
    }
    const la_impl *impl = argc > 3 ? la_variant_impl(variant, argv[3]) : NULL;
    if (argc > 3 && !impl) {
        fprintf(stderr, "%s has no impl '%s'\n", argv[1], argv[3]);
        return 2;
    }
    la_start(2);
    la_device device;
    la_device_cpu(&device);
    int shown = 0;
    la_conformance_report report;
    la_err err = {0};
    la_level level = strcmp(argv[2], "full") == 0 ? LA_LEVEL_FULL : LA_LEVEL_QUICK;
    la_status st =
        la_conformance_run(variant, impl, &device, level, print_finding, &shown, &report, &err);
    if (st != LA_OK) {
        printf("the suite could not run: %s\n", err.msg);
        return 1;
    }
    printf("%s on %s: %" PRId64 " checks, %" PRId64 " failed, %" PRId64 " skipped\n", variant->name,
           la_isa_name(device.isa), report.checks, report.failures, report.skipped);
    if (la_mem_live() != 0) printf("%zu bytes were never freed\n", la_mem_live());
    return report.failures || la_mem_live() ? 1 : 0;
}
