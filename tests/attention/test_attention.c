/* SPDX-License-Identifier: Apache-2.0
 * What is special to exact softmax attention, for the variant named on the command line (softmax or
 * flash), at every instruction set of this machine and build. The conformance suite covers the rest.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "compare.h"
#include "labench/kit.h"
#include "registry.h"

static const la_variant *variant;
static la_device devices[LA_ISAS];
static size_t n_devices;

static int start(void **state)
{
    (void)state;
    la_device best;
    la_device_cpu(&best);
    for (int isa = 0; isa <= (int)best.isa; isa++) {
        devices[n_devices] = best;
        devices[n_devices++].isa = (la_isa)isa;
    }
    return 0;
}

static void ok(la_status st, const la_err *err)
{
    if (st != LA_OK) fail_msg("%s", err->msg);
}

static la_problem problem(int64_t B, int64_t T, int64_t H, int64_t dk, int64_t dv, la_mask mask)
{
    return (la_problem){.B = B,
                        .T = T,
                        .Tcap = T,
                        .H = H,
                        .Hkv = H,
                        .Hqk = H,
                        .dk = dk,
                        .dv = dv,
                        .mask = mask,
                        .threads = 2};
}

/* A problem with its inputs, made ready on one device. */
typedef struct bench {
    la_inputs in;
    la_instance inst;
    la_io io;
} bench;

static void set_up(bench *b, const la_problem *p, la_pass pass, la_input_kind kind,
                   const la_device *device)
{
    la_err err;
    ok(la_inputs_draw(variant, p, NULL, kind, 11, &b->in, &err), &err);
    ok(la_instance_create(variant, &variant->impls[0], p, pass, NULL, device, &b->inst, &err),
       &err);
    la_instance_poison(&b->inst);
    b->io = la_instance_io(&b->inst, &b->in);
}

static void forward(bench *b)
{
    la_err err;
    ok(b->inst.impl->forward(b->inst.self, &b->io, &err), &err);
    ok(la_instance_guards(&b->inst, &err), &err);
}

static void decode(bench *b)
{
    la_err err;
    ok(b->inst.impl->decode(b->inst.self, &b->io, &err), &err);
    ok(la_instance_guards(&b->inst, &err), &err);
}

static void tear_down(bench *b)
{
    la_instance_release(&b->inst);
    la_inputs_release(&b->in);
}

/* o [B,T,H,dv] against the whole problem's float64 rows. */
static void assert_right(const la_problem *p, const la_inputs *in, const float *o)
{
    la_err err;
    double *want = la_alloc((size_t)(p->B * p->T * p->H * p->dv) * sizeof(double), &err);
    ok(la_reference_forward(variant, p, NULL, in, NULL, 0, NULL, NULL, 0, want, &err), &err);
    la_error error;
    la_compare(variant, p, o, NULL, 0, want, &error);
    la_free(want);
    ok(la_judge(&error, la_tolerance_of(variant, &variant->impls[0], p->dtype), &err), &err);
}

/* Logits of thousands, of both signs: a row is nearly one-hot, and exp of anything but a difference to
 * the maximum would overflow. Values are whole multiples of a power of two, so that the products are
 * exact and ties are real. */
static void test_logits_of_ten_thousand(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++)
        for (int mask = 0; mask < 2; mask++) {
            la_problem p = problem(1, 300, 2, 16, 24, (la_mask)mask);
            p.scale = 1.0;
            bench b;
            set_up(&b, &p, LA_FORWARD, LA_INPUTS_DEFAULT, &devices[d]);
            float *q = b.in.t[LA_T_Q].data, *k = b.in.t[LA_T_K].data;
            double top = 0.0;
            for (int64_t i = 0; i < p.T * p.H * p.dk; i++) {
                q[i] = 64.0f * rintf(8.0f * q[i]);
                k[i] = rintf(2.0f * k[i]) / 2.0f;
            }
            for (int64_t i = 0; i < p.T; i++) {
                double dot = 0.0;
                for (int64_t c = 0; c < p.dk; c++)
                    dot += (double)q[i * p.H * p.dk + c] * (double)k[c];
                top = fmax(top, fabs(dot));
            }
            assert_true(top > 5e3);
            forward(&b);
            assert_int_equal(la_count_nonfinite(b.inst.o.data, p.T * p.H * p.dv, LA_F32), 0);
            assert_right(&p, &b.in, b.inst.o.data);
            tear_down(&b);
        }
}

/* Other tokens after t, huge ones too: o_0..o_t keep every bit, wherever t lies in a tile. */
static void test_the_future_never_reaches_the_past(void **state)
{
    (void)state;
    const int64_t cuts[] = {0, 1, 46, 47, 48, 126, 127, 128, 255, 290};
    for (size_t d = 0; d < n_devices; d++) {
        la_problem p = problem(1, 300, 2, 20, 9, LA_MASK_CAUSAL);
        bench b;
        set_up(&b, &p, LA_FORWARD, LA_INPUTS_DEFAULT, &devices[d]);
        forward(&b);
        size_t bytes = (size_t)(p.T * p.H * p.dv) * sizeof(float);
        la_err err;
        float *before = la_alloc(bytes, &err);
        memcpy(before, b.inst.o.data, bytes);
        for (size_t c = LA_COUNT(cuts); c-- > 0;) {
            float *q = b.in.t[LA_T_Q].data, *k = b.in.t[LA_T_K].data, *v = b.in.t[LA_T_V].data;
            int64_t t = cuts[c] + 1;
            for (int64_t i = t * p.H * p.dk; i < p.T * p.H * p.dk; i++) q[i] = 3.0f, k[i] = 100.0f;
            for (int64_t i = t * p.H * p.dv; i < p.T * p.H * p.dv; i++) v[i] = -1e30f;
            la_instance_poison(&b.inst);
            forward(&b);
            assert_memory_equal(before, b.inst.o.data, (size_t)(t * p.H * p.dv) * sizeof(float));
            assert_memory_not_equal(before, b.inst.o.data, bytes);
        }
        la_free(before);
        tear_down(&b);
    }
}

/* Rows are computed by blocks that depend on the thread count; their bits do not. */
static void test_thread_count_leaves_the_bits_alone(void **state)
{
    (void)state;
    for (int mask = 0; mask < 2; mask++) {
        la_problem p = problem(1, 1100, 1, 32, 32, (la_mask)mask);
        la_err err;
        size_t bytes = (size_t)(p.T * p.dv) * sizeof(float);
        float *first = la_alloc(bytes, &err);
        for (p.threads = 1; p.threads <= 3; p.threads++) {
            bench b;
            set_up(&b, &p, LA_FORWARD, LA_INPUTS_DEFAULT, &devices[n_devices - 1]);
            forward(&b);
            if (p.threads == 1) memcpy(first, b.inst.o.data, bytes);
            assert_memory_equal(first, b.inst.o.data, bytes);
            tear_down(&b);
        }
        la_free(first);
    }
}

/* Grouped heads give what repeated key/value heads give. */
static void test_grouped_heads_are_repeated_heads(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++) {
        la_problem p = problem(2, 70, 6, 8, 12, LA_MASK_CAUSAL), grouped = p;
        grouped.Hkv = 2;
        bench a, b;
        set_up(&a, &grouped, LA_FORWARD, LA_INPUTS_DEFAULT, &devices[d]);
        set_up(&b, &p, LA_FORWARD, LA_INPUTS_DEFAULT, &devices[d]);
        memcpy(b.in.t[LA_T_Q].data, a.in.t[LA_T_Q].data, a.in.t[LA_T_Q].bytes);
        for (int64_t t = 0; t < p.B * p.T; t++)
            for (int64_t h = 0; h < p.H; h++) {
                memcpy((float *)b.in.t[LA_T_K].data + (t * p.H + h) * p.dk,
                       (float *)a.in.t[LA_T_K].data + (t * 2 + h / 3) * p.dk, 8 * sizeof(float));
                memcpy((float *)b.in.t[LA_T_V].data + (t * p.H + h) * p.dv,
                       (float *)a.in.t[LA_T_V].data + (t * 2 + h / 3) * p.dv, 12 * sizeof(float));
            }
        forward(&a);
        forward(&b);
        assert_right(&grouped, &a.in, a.inst.o.data);
        assert_memory_equal(a.inst.o.data, b.inst.o.data, a.inst.o.bytes);
        tear_down(&a);
        tear_down(&b);
    }
}

/* Tokens [from, from + n) of every sequence of one tensor, contiguous, into `to`. */
static void take(const la_inputs *in, la_tensor which, int64_t width, int64_t from, int64_t n,
                 float *to)
{
    const la_problem *p = &in->problem;
    for (int64_t b = 0; b < p->B; b++)
        memcpy(to + b * n * width, (const float *)in->t[which].data + (b * p->T + from) * width,
               (size_t)(n * width) * sizeof *to);
}

/* The whole sequence in pieces of the given length through a cache of capacity T: every piece by
 * forward, or by decode when the pieces are single tokens. `copying` hands the cache on from buffer to
 * buffer instead of growing it in place. o is [B,T,H,dv]. */
static void run_in_pieces(const la_problem *whole, const la_inputs *in, const la_device *device,
                          int64_t piece, bool by_decode, bool copying, float *o)
{
    la_buffer states[2] = {{0}};
    la_err err;
    int turn = 0;
    for (int64_t pos = 0; pos < whole->T; pos += piece) {
        la_problem p = *whole;
        p.T = whole->T - pos < piece ? whole->T - pos : piece;
        bench b;
        set_up(&b, &p, by_decode ? LA_DECODE : LA_FORWARD, LA_INPUTS_DEFAULT, device);
        if (pos == 0)
            for (int i = 0; i < 2; i++) {
                ok(la_buffer_init(&states[i], b.inst.sizes.state, &err), &err);
                la_buffer_poison(&states[i]);
            }
        take(in, LA_T_Q, p.H * p.dk, pos, p.T, b.in.t[LA_T_Q].data);
        take(in, LA_T_K, p.Hkv * p.dk, pos, p.T, b.in.t[LA_T_K].data);
        take(in, LA_T_V, p.Hkv * p.dv, pos, p.T, b.in.t[LA_T_V].data);
        b.io.pos = pos;
        b.io.state_in = pos ? states[turn].data : NULL;
        if (copying) turn = !turn;
        b.io.state_out = states[turn].data;
        if (by_decode)
            decode(&b);
        else
            forward(&b);
        for (int64_t s = 0; s < p.B; s++)
            memcpy(o + (s * whole->T + pos) * p.H * p.dv,
                   (float *)b.inst.o.data + s * p.T * p.H * p.dv,
                   (size_t)(p.T * p.H * p.dv) * sizeof *o);
        tear_down(&b);
    }
    for (int i = 0; i < 2; i++) {
        assert_true(la_buffer_intact(&states[i]));
        la_buffer_release(&states[i]);
    }
}

static void test_pieces_through_the_cache_are_the_whole(void **state)
{
    (void)state;
    const int64_t pieces[] = {1, 5, 48, 130, 200};
    for (size_t d = 0; d < n_devices; d++)
        for (size_t i = 0; i < LA_COUNT(pieces); i++)
            for (int copying = 0; copying < 2; copying++) {
                la_problem p = problem(2, 201, 4, 12, 7, LA_MASK_CAUSAL);
                p.Hkv = 2;
                la_inputs in;
                la_err err;
                ok(la_inputs_draw(variant, &p, NULL, LA_INPUTS_DEFAULT, 4, &in, &err), &err);
                float *o = la_alloc((size_t)(p.B * p.T * p.H * p.dv) * sizeof *o, &err);
                run_in_pieces(&p, &in, &devices[d], pieces[i], pieces[i] == 1, copying, o);
                assert_right(&p, &in, o);
                la_free(o);
                la_inputs_release(&in);
            }
}

/* Few new tokens behind a long cache: flash cuts the keys of a block into parts for the threads. */
static void test_few_rows_over_a_long_cache(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++) {
        la_problem p = problem(1, 2301, 1, 12, 7, LA_MASK_CAUSAL);
        la_inputs in;
        la_err err;
        ok(la_inputs_draw(variant, &p, NULL, LA_INPUTS_DEFAULT, 4, &in, &err), &err);
        float *o = la_alloc((size_t)(p.T * p.dv) * sizeof *o, &err);
        run_in_pieces(&p, &in, &devices[d], 2290, false, false, o);
        assert_right(&p, &in, o);
        la_free(o);
        la_inputs_release(&in);
    }
}

/* A long cache and one head: flash cuts it into parts for the threads. The last row of the whole. */
static void test_decode_over_a_long_cache(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++)
        for (int query_only = 0; query_only < 2; query_only++) {
            la_problem whole = problem(1, 3001, 1, 16, 16, LA_MASK_CAUSAL), p = whole;
            p.T = 1;
            la_inputs in;
            la_err err;
            ok(la_inputs_draw(variant, &whole, NULL, LA_INPUTS_WIDE, 4, &in, &err), &err);
            bench b;
            set_up(&b, &p, LA_DECODE, LA_INPUTS_DEFAULT, &devices[d]);
            la_buffer_poison(&b.inst.state);
            int64_t last = whole.T - 1, pos = query_only ? whole.T : last;
            float *K = b.inst.state.data;
            float *V = (float *)(void *)((char *)K + b.inst.part_offset[1]);
            take(&in, LA_T_K, p.dk, 0, pos, K);
            take(&in, LA_T_V, p.dv, 0, pos, V);
            take(&in, LA_T_Q, p.dk, last, 1, b.in.t[LA_T_Q].data);
            take(&in, LA_T_K, p.dk, last, 1, b.in.t[LA_T_K].data);
            take(&in, LA_T_V, p.dv, last, 1, b.in.t[LA_T_V].data);
            b.io.pos = pos;
            b.io.state_in = b.io.state_out = b.inst.state.data;
            if (query_only) b.io.k = b.io.v = b.io.state_out = NULL;
            decode(&b);
            double want[16];
            ok(la_reference_forward(variant, &whole, NULL, &in, &last, 1, NULL, NULL, 0, want,
                                    &err),
               &err);
            la_error error;
            la_compare(variant, &p, b.inst.o.data, NULL, 0, want, &error);
            ok(la_judge(&error, la_tolerance_of(variant, b.inst.impl, LA_F32), &err), &err);
            if (!query_only) assert_memory_equal(V + last * p.dv, b.io.v, (size_t)p.dv * sizeof *V);
            tear_down(&b);
            la_inputs_release(&in);
        }
}

static void test_an_empty_cache_gives_zero(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++) {
        la_problem p = problem(2, 1, 3, 5, 6, LA_MASK_CAUSAL);
        p.Tcap = 900;
        bench b;
        set_up(&b, &p, LA_DECODE, LA_INPUTS_DEFAULT, &devices[d]);
        la_buffer_poison(&b.inst.state);
        b.io.k = b.io.v = NULL;
        for (int given = 0; given < 2; given++) {
            la_instance_poison(&b.inst);
            b.io.state_in = given ? b.inst.state.data : NULL;
            decode(&b);
            for (int64_t i = 0; i < p.B * p.H * p.dv; i++)
                assert_true(((float *)b.inst.o.data)[i] == 0.0f);
        }
        tear_down(&b);
    }
}

static void test_a_full_cache_is_refused(void **state)
{
    (void)state;
    la_problem p = problem(1, 1, 1, 4, 4, LA_MASK_CAUSAL);
    p.Tcap = 8;
    bench b;
    set_up(&b, &p, LA_DECODE, LA_INPUTS_DEFAULT, &devices[0]);
    b.io.state_in = b.io.state_out = b.inst.state.data;
    b.io.pos = 8;
    la_err err = {0};
    assert_int_equal(b.inst.impl->decode(b.inst.self, &b.io, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "capacity 8"));
    tear_down(&b);
}

static void test_a_negative_scale(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++) {
        la_problem p = problem(1, 150, 2, 8, 8, LA_MASK_CAUSAL);
        p.scale = -0.5;
        bench b;
        set_up(&b, &p, LA_FORWARD, LA_INPUTS_DEFAULT, &devices[d]);
        forward(&b);
        assert_right(&p, &b.in, b.inst.o.data);
        tear_down(&b);
    }
}

/* ---- flash alone ---- */

static void test_saved_log_sum_exp_is_the_reference(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++)
        for (int mask = 0; mask < 2; mask++) {
            la_problem p = problem(2, 137, 2, 10, 6, (la_mask)mask);
            bench b;
            set_up(&b, &p, LA_FWDBWD, LA_INPUTS_WIDE, &devices[d]);
            assert_int_equal(b.inst.sizes.saved, (size_t)(p.B * p.H * p.T) * sizeof(float));
            forward(&b);
            const float *q = b.in.t[LA_T_Q].data, *k = b.in.t[LA_T_K].data;
            for (int64_t i = 0; i < p.B * p.H * p.T; i++) {
                int64_t t = i % p.T, h = i / p.T % p.H, s = i / p.T / p.H;
                double sum = 0.0;
                for (int64_t j = 0; j < (mask == LA_MASK_CAUSAL ? t + 1 : p.T); j++) {
                    double dot = 0.0;
                    for (int64_t c = 0; c < p.dk; c++)
                        dot += (double)q[((s * p.T + t) * p.H + h) * p.dk + c] *
                               (double)k[((s * p.T + j) * p.H + h) * p.dk + c];
                    sum += exp(la_scale(&p) * dot); /* at most about e^60 here */
                }
                double got = (double)((float *)b.inst.saved.data)[i], want = log(sum);
                if (!(fabs(got - want) <= 1e-5 * (1.0 + fabs(want))))
                    fail_msg("row %d: log-sum-exp %.9g, not %.9g", (int)i, got, want);
            }
            tear_down(&b);
        }
}

static void test_memory_does_not_grow_with_length(void **state)
{
    (void)state;
    la_sizes small, large;
    la_problem p = problem(1, 1 << 15, 2, 64, 64, LA_MASK_CAUSAL);
    la_err err;
    const la_impl *impl = &variant->impls[0];
    ok(impl->sizes(&p, LA_FORWARD, NULL, &devices[0], &small, &err), &err);
    p.T = p.Tcap = 1 << 20;
    ok(impl->sizes(&p, LA_FORWARD, NULL, &devices[0], &large, &err), &err);
    assert_int_equal(small.work, large.work);
}

int main(int argc, char **argv)
{
    variant = argc == 2 ? la_registry_find(argv[1]) : NULL;
    if (!variant) return 2;
    la_start(2);
    const struct CMUnitTest both[] = {
        cmocka_unit_test(test_logits_of_ten_thousand),
        cmocka_unit_test(test_the_future_never_reaches_the_past),
        cmocka_unit_test(test_grouped_heads_are_repeated_heads),
        cmocka_unit_test(test_pieces_through_the_cache_are_the_whole),
        cmocka_unit_test(test_few_rows_over_a_long_cache),
        cmocka_unit_test(test_decode_over_a_long_cache),
        cmocka_unit_test(test_an_empty_cache_gives_zero),
        cmocka_unit_test(test_a_full_cache_is_refused),
        cmocka_unit_test(test_a_negative_scale),
    };
    const struct CMUnitTest tiled[] = {
        cmocka_unit_test(test_thread_count_leaves_the_bits_alone),
        cmocka_unit_test(test_saved_log_sum_exp_is_the_reference),
        cmocka_unit_test(test_memory_does_not_grow_with_length),
    };
    int failed = cmocka_run_group_tests(both, start, NULL);
    if (strcmp(variant->name, "flash") == 0) failed += cmocka_run_group_tests(tiled, NULL, NULL);
    return failed;
}
