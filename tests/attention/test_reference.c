/* SPDX-License-Identifier: Apache-2.0
 * The float64 gradient of softmax attention against central differences of the float64 forward.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "labench/kit.h"
#include "registry.h"

enum { MOST = 600 }; /* elements of any tensor here */

/* One head: its tensors and what every gradient should be. */
typedef struct sample {
    la_problem p;
    double q[MOST], k[MOST], v[MOST], dout[MOST], old_k[MOST], old_v[MOST];
    const double *state[2];
    la_ref_io io;
} sample;

static void draw(double *to, uint64_t stream)
{
    for (uint64_t i = 0; i < MOST; i++) to[i] = la_random_normal(stream, i);
}

static void set_up(sample *s, int64_t T, int64_t pos, int64_t dk, int64_t dv, la_mask mask)
{
    s->p = (la_problem){.B = 1,
                        .T = T,
                        .Tcap = T + pos,
                        .H = 1,
                        .Hkv = 1,
                        .Hqk = 1,
                        .dk = dk,
                        .dv = dv,
                        .mask = mask,
                        .threads = 1};
    double *to[] = {s->q, s->k, s->v, s->dout, s->old_k, s->old_v};
    for (size_t i = 0; i < LA_COUNT(to); i++) draw(to[i], la_stream(5, i, 0));
    s->state[0] = s->old_k;
    s->state[1] = s->old_v;
    s->io = (la_ref_io){.q = s->q,
                        .k = s->k,
                        .v = s->v,
                        .n_rows = T,
                        .state_in = pos ? s->state : NULL,
                        .pos = pos};
}

/* sum of dout o: the function whose gradient is wanted. */
static double value(const la_reference *reference, sample *s)
{
    double o[MOST], sum = 0.0;
    la_err err;
    s->io.o = o;
    assert_int_equal(reference->forward(&s->p, NULL, &s->io, &err), LA_OK);
    for (int64_t i = 0; i < s->p.T * s->p.dv; i++) sum += s->dout[i] * o[i];
    return sum;
}

static void assert_differences(const la_reference *reference, sample *s, double *x, int64_t n,
                               const double *got)
{
    const double h = 1e-5;
    for (int64_t i = 0; i < n; i++) {
        double at = x[i];
        x[i] = at + h;
        double up = value(reference, s);
        x[i] = at - h;
        double down = value(reference, s);
        x[i] = at;
        double want = (up - down) / (2.0 * h);
        if (!(fabs(got[i] - want) <=
              1e-6 * (1.0 + fabs(want)))) /* differences have errors ~1e-10 */
            fail_msg("element %d: %.12g, not %.12g", (int)i, got[i], want);
    }
}

static void check(int64_t T, int64_t pos, int64_t dk, int64_t dv, la_mask mask, double scale)
{
    const la_reference *reference = la_variant_reference(la_registry_find("flash"));
    static sample s;
    double dq[MOST], dkey[MOST], dval[MOST];
    la_err err;
    set_up(&s, T, pos, dk, dv, mask);
    s.p.scale = scale;
    la_ref_grads grads = {.dout = s.dout, .dq = dq, .dk = dkey, .dv = dval};
    for (int i = 0; i < MOST; i++) dq[i] = dkey[i] = dval[i] = NAN;
    assert_int_equal(reference->backward(&s.p, NULL, &s.io, &grads, &err), LA_OK);
    assert_differences(reference, &s, s.q, T * dk, dq);
    assert_differences(reference, &s, s.k, T * dk, dkey);
    assert_differences(reference, &s, s.v, T * dv, dval);
}

static void test_gradients_are_central_differences(void **state)
{
    (void)state;
    for (int mask = 0; mask < 2; mask++) {
        check(1, 0, 3, 2, (la_mask)mask, 0.0);
        check(11, 0, 5, 7, (la_mask)mask, 0.0);
        check(24, 0, 8, 4, (la_mask)mask, 1.0);
        check(9, 0, 4, 4, (la_mask)mask, -0.7);
        check(10, 6, 4, 5, (la_mask)mask, 0.0);
    }
}

static void test_unwanted_gradients_stay_away(void **state)
{
    (void)state;
    const la_reference *reference = la_variant_reference(la_registry_find("softmax"));
    static sample s;
    double all[3][MOST], one[MOST];
    la_err err;
    set_up(&s, 12, 0, 4, 3, LA_MASK_CAUSAL);
    la_ref_grads every = {.dout = s.dout, .dq = all[0], .dk = all[1], .dv = all[2]};
    assert_int_equal(reference->backward(&s.p, NULL, &s.io, &every, &err), LA_OK);
    for (int i = 0; i < 3; i++) {
        la_ref_grads grads = {.dout = s.dout,
                              .dq = i == 0 ? one : NULL,
                              .dk = i == 1 ? one : NULL,
                              .dv = i == 2 ? one : NULL};
        assert_int_equal(reference->backward(&s.p, NULL, &s.io, &grads, &err), LA_OK);
        assert_memory_equal(one, all[i],
                            (size_t)(s.p.T * (i == 2 ? s.p.dv : s.p.dk)) * sizeof *one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_are_central_differences),
        cmocka_unit_test(test_unwanted_gradients_stay_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
