/* SPDX-License-Identifier: Apache-2.0
 * test_emulated VARIANT IMPL brief|quick|full: the conformance suite of a CUDA impl whose kernels run on the CPU
 * (emulator.h), on a device made of host memory. With LA_ON_DEVICE (test_device) nvcc's kernels run on the
 * first device; 77 where there is none, or the impl cannot run on it.
 */
#include <stdio.h>
#include <string.h>

#include "fake_cufft.h"
#include "fake_driver.h"
#include "labench/kit.h"
#include "registry.h"
#include "run_suite.h"

int main(int argc, char **argv)
{
    const la_variant *variant = argc == 4 ? la_registry_find(argv[1]) : NULL;
    const la_impl *impl = variant ? la_variant_impl(variant, argv[2]) : NULL;
    if (!impl) {
        fprintf(stderr, "usage: %s VARIANT IMPL brief|quick|full\n", argv[0]);
        return 2;
    }
    la_start(2);
#ifndef LA_ON_DEVICE
    la_cuda_use(&fake_driver);
    la_cufft_use(&fake_cufft);
#endif
    la_device device;
    la_err err = {0};
    if (la_device_cuda(0, &device, &err) != LA_OK) {
        printf("%s\n", err.msg);
        return 77;
    }
    char what[128];
    snprintf(what, sizeof what, "%s %s", variant->name, impl->name);
    suite_result result = run_suite(what, variant, impl, &device,
                                    strcmp(argv[3], "full") == 0    ? LA_LEVEL_FULL
                                    : strcmp(argv[3], "quick") == 0 ? LA_LEVEL_QUICK
                                                                    : LA_LEVEL_BRIEF);
    bool kept = fake_taken || fake_streams || fake_cufft_plans || la_mem_live();
    if (kept) printf("something was never given back\n");
#ifdef LA_ON_DEVICE
    if (result == SUITE_EMPTY && !kept) return 77;
#endif
    return result != SUITE_PASSED || kept;
}
