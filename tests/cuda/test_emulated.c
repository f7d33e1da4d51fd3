/* SPDX-License-Identifier: Apache-2.0
 * test_emulated VARIANT IMPL brief|quick|full: the conformance suite of a CUDA impl whose kernels run on the CPU
 * (emulator.h), on a device made of host memory. With LA_ON_DEVICE (test_device) nvcc's kernels run on the
 * first device; 77 where there is none, or the impl cannot run on it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conformance.h"
#include "fake_cufft.h"
#include "fake_driver.h"
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
    const la_variant *variant = argc == 4 ? la_registry_find(argv[1]) : NULL;
    const la_impl *impl = variant ? la_variant_impl(variant, argv[2]) : NULL;
    if (!impl) {
        fprintf(stderr, "usage: %s VARIANT IMPL brief|quick|full\n", argv[0]);
        return 2;
    }
    la_start(2);
    la_device device;
    la_err err = {0};
#ifdef LA_ON_DEVICE
    if (la_device_cuda(0, &device, &err) != LA_OK) {
        printf("%s\n", err.msg);
        return 77;
    }
#else
    la_cuda_use(&fake_driver);
    la_cufft_use(&fake_cufft);
#endif
    la_conformance_report report = {0};
    int shown = 0;
    la_level level = strcmp(argv[3], "full") == 0    ? LA_LEVEL_FULL
                     : strcmp(argv[3], "quick") == 0 ? LA_LEVEL_QUICK
                                                     : LA_LEVEL_BRIEF;
    la_status st = la_device_cuda(0, &device, &err);
    if (st == LA_OK)
        st =
            la_conformance_run(variant, impl, &device, level, print_finding, &shown, &report, &err);
    if (st != LA_OK) {
        printf("the suite could not run: %s\n", err.msg);
        return 1;
    }
    printf("%s %s: %" PRId64 " checks, %" PRId64 " failed, %" PRId64 " skipped\n", variant->name,
           impl->name, report.checks, report.failures, report.skipped);
    bool kept = fake_taken || fake_streams || fake_cufft_plans || la_mem_live();
    if (kept) printf("something was never given back\n");
#ifdef LA_ON_DEVICE
    if (report.checks == 0 && report.skipped && !kept) return 77;
#endif
    return report.failures || report.checks == 0 || kept;
}
