/* SPDX-License-Identifier: Apache-2.0
 * fnet by cuFFT: what is said without the library, what it is asked with it, what a failing plan leaves. That the
 * numbers are right is the conformance suite's part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fake_cufft.h"
#include "fake_driver.h"
#include "inputs.h"
#include "instance.h"
#include "labench/kit.h"
#include "registry.h"
#include "resident.h"

static const la_variant *fnet;
static const la_impl *cufft;
static la_device device;

static int set_up(void **state)
{
    la_err err = {0};
    (void)state;
    la_cuda_use(&fake_driver);
    la_cufft_use(&fake_cufft);
    fnet = la_registry_find("fnet");
    cufft = la_variant_impl(fnet, "cuda_cufft");
    return la_device_cuda(0, &device, &err) == LA_OK && cufft ? 0 : -1;
}

static la_problem problem(int64_t B, int64_t T, int64_t D, la_dtype dtype)
{
    return (la_problem){.B = B,
                        .T = T,
                        .Tcap = T,
                        .H = 1,
                        .Hkv = 1,
                        .Hqk = 1,
                        .dk = D,
                        .dv = D,
                        .mask = LA_MASK_BIDIRECTIONAL,
                        .dtype = dtype,
                        .threads = 1};
}

static void *options(void)
{
    void *opts = la_zalloc(fnet->options_size, NULL);
    la_options_default(fnet->options, fnet->options_len, opts);
    return opts;
}

static la_status make(la_problem p, void *opts, la_instance *out, la_err *err)
{
    return la_instance_create(fnet, cufft, &p, LA_FORWARD, opts, &device, out, err);
}

static void assert_nothing_left(void)
{
    assert_int_equal(fake_cufft_plans, 0);
    assert_int_equal(fake_taken + fake_streams + fake_graphs + fake_events, 0);
    assert_int_equal(la_cuda_live(), 0);
}

static void a_missing_library_is_refused_in_a_sentence(void **state)
{
    (void)state;
    la_problem p = problem(1, 8, 4, LA_F32);
    la_err why = {0}, err = {0};
    la_instance in;
    la_cufft_use(NULL);
    assert_int_equal(cufft->rank(&device, &why), 0);
    assert_non_null(strstr(why.msg, "cuFFT is not here (libcufft.so.12, .11 or .10): install"));
    assert_int_equal(cufft->check(&p, LA_FORWARD, NULL, &device, &err), LA_E_UNSUPPORTED);
    assert_string_equal(err.msg, why.msg);
    assert_int_equal(make(p, NULL, &in, &err), LA_E_UNSUPPORTED);
    la_cufft_use(&fake_cufft);
    assert_int_equal(cufft->check(&p, LA_FORWARD, NULL, &device, &err), LA_OK);
}

static void our_own_transform_is_preferred(void **state)
{
    (void)state;
    la_err why = {0};
    const la_impl *own = la_variant_impl(fnet, "cuda_fft");
    assert_ptr_equal(la_variant_best(fnet, &device, &why), own);
    assert_true(cufft->rank(&device, &why) > 0);
    assert_true(cufft->rank(&device, &why) < own->rank(&device, &why));
}

static void lengths_beyond_the_library_are_refused(void **state)
{
    (void)state;
    la_err err = {0};
    la_problem p = problem(1, INT64_C(1) << 27, 1, LA_F32);
    assert_int_equal(cufft->check(&p, LA_FORWARD, NULL, &device, &err), LA_OK);
    p.T++;
    assert_int_equal(cufft->check(&p, LA_FORWARD, NULL, &device, &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "up to 2^27, not 1 x 134217729; the form fft takes"));
}

static void asks_for(la_problem p, int rank, long long rows, long long columns, long long pitch)
{
    la_err err = {0};
    la_instance in;
    void *opts = options();
    assert_int_equal(make(p, opts, &in, &err), LA_OK);
    const fake_cufft_plan *got = &fake_cufft_last;
    assert_int_equal(got->rank, rank);
    assert_int_equal(got->allocates, 0);
    assert_int_equal(got->count, p.B);
    assert_int_equal(got->n[0], rows);
    assert_int_equal(got->n[1], columns);
    assert_int_equal(got->in[1], pitch);
    assert_int_equal(got->in_step, rows * pitch);
    assert_int_equal(got->out[1], columns / 2 + 1);
    assert_int_equal(got->out_step, rows * (columns / 2 + 1));
    la_instance_release(&in);
    la_free(opts);
    assert_nothing_left();
}

static void one_plan_is_both_axes(void **state)
{
    (void)state;
    asks_for(problem(3, 6, 10, LA_F32), 2, 6, 10, 10);
    asks_for(problem(3, 6, 9, LA_F32), 2, 6, 9, 9);
    asks_for(problem(2, 6, 10, LA_BF16), 2, 6, 10, 12); /* in place: padded */
    asks_for(problem(2, 6, 9, LA_F16), 2, 6, 9, 10);
    asks_for(problem(2, 1, 10, LA_F32), 1, 1, 10, 10);
    asks_for(problem(2, 10, 1, LA_F32), 1, 1, 10, 10); /* one number a token: tokens are the row */
}

static void scratch_beyond_the_room_is_kept_by_the_plan(void **state)
{
    (void)state;
    la_err err = {0};
    la_instance even, odd;
    void *opts = options();
    assert_int_equal(make(problem(1, 8, 4, LA_F32), opts, &even, &err), LA_OK);
    assert_int_equal(la_cuda_live(), 0);
    assert_int_equal(even.sizes.work, 256 + 8 * 3 * 8); /* scratch, then the spectrum */
    assert_int_equal(make(problem(1, 7, 4, LA_F32), opts, &odd, &err), LA_OK);
    assert_int_equal(la_cuda_live(), 3 * 7 * 3 * 8);
    assert_int_equal(la_resident_workspace(odd.self), 3 * 7 * 3 * 8); /* nothing ran yet */
    la_instance_release(&even);
    la_instance_release(&odd);
    la_free(opts);
    assert_nothing_left();
}

static void a_plan_that_fails_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        int code;
        la_status status;
        const char *words;
    } fails[] = {{LA_CUFFT_ALLOC_FAILED, LA_E_NOMEM, "1 planes of 7 x 4: out of memory (2)"},
                 {LA_CUFFT_INVALID_SIZE, LA_E_UNSUPPORTED, "a size that it does not take (8)"},
                 {5, LA_E_DEVICE, "an error of the driver (5)"}};
    la_err err = {0};
    la_instance in;
    void *opts = options();
    for (size_t i = 0; i < sizeof fails / sizeof *fails; i++) {
        fake_cufft_code = fails[i].code;
        assert_int_equal(make(problem(1, 7, 4, LA_F32), opts, &in, &err), fails[i].status);
        assert_non_null(strstr(err.msg, fails[i].words));
        assert_nothing_left();
    }
    fake_fail_take = 1; /* the scratch that it keeps */
    assert_int_equal(make(problem(1, 7, 4, LA_F32), opts, &in, &err), LA_E_NOMEM);
    la_free(opts);
    assert_nothing_left();
}

/* Timed calls enqueue and no more: they can be captured, and give what the verified one gave. */
static void runs_again_as_a_graph(void **state)
{
    (void)state;
    static const la_dtype types[] = {LA_F32, LA_BF16};
    for (int i = 0; i < 2; i++) {
        la_problem p = problem(2, 7, 6, types[i]);
        la_err err = {0};
        la_instance in;
        la_inputs x;
        la_cuda_timer timer;
        float first[2 * 7 * 6];
        void *opts = options();
        assert_int_equal(make(p, opts, &in, &err), LA_OK);
        assert_int_equal(la_inputs_draw(fnet, &p, opts, LA_INPUTS_DEFAULT, 3, &x, &err), LA_OK);
        la_io io = la_instance_io(&in, &x);
        assert_int_equal(cufft->forward(in.self, &io, &err), LA_OK);
        memcpy(first, in.o.data, in.o.bytes);
        assert_int_equal(la_cuda_timer_init(&timer, in.self, LA_RESIDENT_FORWARD, 0, &err), LA_OK);
        assert_int_equal(timer.launches, i ? 3 : 2);
        assert_int_equal(la_resident_poison(in.self, LA_RESIDENT_FORWARD, &err), LA_OK);
        assert_int_equal(la_cuda()->graph_launch(timer.graph, NULL, &err), LA_OK);
        assert_int_equal(la_resident_fetch(in.self, LA_RESIDENT_FORWARD, in.o.data, NULL, &err),
                         LA_OK);
        assert_memory_equal(in.o.data, first, in.o.bytes);
        la_cuda_timer_release(&timer);
        la_inputs_release(&x);
        la_instance_release(&in);
        la_free(opts);
        assert_nothing_left();
    }
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_library_is_refused_in_a_sentence),
        cmocka_unit_test(our_own_transform_is_preferred),
        cmocka_unit_test(lengths_beyond_the_library_are_refused),
        cmocka_unit_test(one_plan_is_both_axes),
        cmocka_unit_test(scratch_beyond_the_room_is_kept_by_the_plan),
        cmocka_unit_test(a_plan_that_fails_leaves_nothing),
        cmocka_unit_test(runs_again_as_a_graph),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
