/* SPDX-License-Identifier: Apache-2.0
 * On the emulator what the inputs of the conformance suite do not reach. performer with keys whose exponents rise by
 * some 150 nats inside a chunk: what the first tokens see is nothing beside what comes later, in float32,
 * and is computed once more for them alone. Scales that float32 does not hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_driver.h"
#include "labench/kit.h"
#include "registry.h"
#include "suite.h"

enum { B = 1, T = 40, H = 2, D = 8, OUTPUTS = B * T * H * D };

/* |y|^2 / 2 of about 150 in the first half, next to nothing in the second. */
static void raise_keys(la_inputs *in)
{
    float *k = in->t[LA_T_K].data;
    for (int i = 0; i < OUTPUTS; i++) k[i] *= i < OUTPUTS / 2 ? 3.5f : 0.03f; /* from deviation 3 */
}

static void passes(la_status (*check)(const la_case *, la_err *), const la_case *c)
{
    la_err err = {0};
    la_status st = check(c, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
}

/* Forward and backward of an impl on the emulator against the definition. */
static void check_case(const char *variant, const char *impl, void *opts, double scale,
                       void (*change)(la_inputs *))
{
    static double want[OUTPUTS];
    const la_variant *of = la_registry_find(variant);
    la_err err = {0};
    la_device device;
    la_inputs in = {0};
    assert_int_equal(la_device_cuda(0, &device, &err), LA_OK);
    if (la_variant_impl(of, impl)->backend == LA_CPU) la_device_cpu(&device);
    la_case c = {.variant = of,
                 .impl = la_variant_impl(of, impl),
                 .device = &device,
                 .opts = opts,
                 .p = {.B = B,
                       .T = T,
                       .Tcap = T,
                       .H = H,
                       .Hkv = H,
                       .Hqk = H,
                       .dk = D,
                       .dv = D,
                       .mask = LA_MASK_CAUSAL,
                       .scale = scale,
                       .threads = 1},
                 .kind = LA_INPUTS_WIDE,
                 .seed = 7,
                 .n_rows = T};
    assert_int_equal(la_inputs_draw(of, &c.p, opts, c.kind, c.seed, &in, &err), LA_OK);
    if (change) change(&in);
    assert_int_equal(la_reference_forward(of, &c.p, opts, &in, NULL, 0, NULL, NULL, 0, want, &err),
                     LA_OK);
    c.in = &in;
    c.want = want;
    assert_int_equal(la_case_gradients(&c, false, &err), LA_OK);
    passes(la_check_forward, &c);
    passes(la_check_backward, &c);
    la_case_gradients_release(&c);
    la_inputs_release(&in);
}

static void check_kernel(const char *kernel)
{
    const la_variant *performer = la_registry_find("performer");
    la_err err = {0};
    void *opts = la_zalloc(performer->options_size, &err);
    la_options_default(performer->options, performer->options_len, opts);
    assert_int_equal(la_options_set(performer->options, performer->options_len, opts, "performer",
                                    "kernel", kernel, &err),
                     LA_OK);
    check_case("performer", "cuda_chunk", opts, 0, raise_keys);
    la_free(opts);
}

static void test_positive(void **unused)
{
    (void)unused;
    check_kernel("positive");
}

static void test_hyperbolic(void **unused)
{
    (void)unused;
    check_kernel("hyperbolic");
}

/* In float32 it would be 0, and times the -INFINITY of a hidden score NaN. */
static void test_tiny_scale(void **unused)
{
    (void)unused;
    check_case("flash", "cuda_tiled", NULL, 1e-60, NULL);
    check_case("flash", "cuda_tiled", NULL, -1e-60, NULL);
    check_case("flash", "cpu_tiled", NULL, 1e-60, NULL);
    check_case("softmax", "cuda_naive", NULL, 1e-60, NULL);
}

int main(void)
{
    la_start(1);
    la_cuda_use(&fake_driver);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_positive),
                                       cmocka_unit_test(test_hyperbolic),
                                       cmocka_unit_test(test_tiny_scale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
