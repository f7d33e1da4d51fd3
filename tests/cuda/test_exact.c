/* SPDX-License-Identifier: Apache-2.0
 * performer on the emulator, with keys whose exponents rise by some 150 nats inside a chunk: what the first
 * tokens see is nothing beside what comes later, in float32, and is computed once more for them alone.
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

static void check_kernel(const char *kernel)
{
    static double want[OUTPUTS];
    const la_variant *performer = la_registry_find("performer");
    la_err err = {0};
    la_device device;
    la_inputs in = {0};
    assert_int_equal(la_device_cuda(0, &device, &err), LA_OK);
    void *opts = la_zalloc(performer->options_size, &err);
    la_options_default(performer->options, performer->options_len, opts);
    assert_int_equal(la_options_set(performer->options, performer->options_len, opts, "performer",
                                    "kernel", kernel, &err),
                     LA_OK);
    la_case c = {.variant = performer,
                 .impl = la_variant_impl(performer, "cuda_chunk"),
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
                       .threads = 1},
                 .kind = LA_INPUTS_WIDE,
                 .seed = 7,
                 .n_rows = T};
    assert_int_equal(la_inputs_draw(performer, &c.p, opts, c.kind, c.seed, &in, &err), LA_OK);
    raise_keys(&in);
    assert_int_equal(
        la_reference_forward(performer, &c.p, opts, &in, NULL, 0, NULL, NULL, 0, want, &err),
        LA_OK);
    c.in = &in;
    c.want = want;
    assert_int_equal(la_case_gradients(&c, false, &err), LA_OK);
    passes(la_check_forward, &c);
    passes(la_check_backward, &c);
    la_case_gradients_release(&c);
    la_inputs_release(&in);
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

int main(void)
{
    la_start(1);
    la_cuda_use(&fake_driver);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_positive),
                                       cmocka_unit_test(test_hyperbolic)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
