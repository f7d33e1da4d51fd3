/* SPDX-License-Identifier: Apache-2.0
 * test_conformance VARIANT quick|full [IMPL]: the conformance suite as a test program.
 */
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"
#include "run_suite.h"

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
    char what[128];
    la_device_cpu(&device);
    snprintf(what, sizeof what, "%s on %s", variant->name, la_isa_name(device.isa));
    la_level level = strcmp(argv[2], "full") == 0 ? LA_LEVEL_FULL : LA_LEVEL_QUICK;
    suite_result result = run_suite(what, variant, impl, &device, level);
    if (la_mem_live() != 0) printf("%zu bytes were never freed\n", la_mem_live());
    return result != SUITE_PASSED || la_mem_live() != 0;
}
