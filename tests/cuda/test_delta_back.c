/* SPDX-License-Identifier: Apache-2.0
 * Backward of the recurrent family on CUDA devices, called straight: how a sequence is divided, and that the
 * division changes no bit of the gradients (conformance shapes are one window, whose states fit).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "delta_back.h"
#include "labench/kit.h"

static la_problem problem(int64_t B, int64_t T, int64_t H, int64_t Hqk, int64_t dk, int64_t dv)
{
    return (la_problem){.B = B,
                        .T = T,
                        .Tcap = T,
                        .H = H,
                        .Hkv = H,
                        .Hqk = Hqk,
                        .dk = dk,
                        .dv = dv,
                        .dtype = LA_F32,
                        .threads = 1};
}

static void division(void **state)
{
    (void)state;
    static const la_write_rule rules[] = {LA_WRITE_ADDITIVE, LA_WRITE_DELTA, LA_WRITE_RANK_ONE};
    static const int64_t lengths[] = {1, 31, 32, 33, 100, 4096, 131072, (int64_t)1 << 30};
    for (size_t r = 0; r < LA_COUNT(rules); r++)
        for (size_t i = 0; i < LA_COUNT(lengths); i++) {
            la_problem p = problem(3, lengths[i], 5, 5, 100, 77);
            int64_t chunks = (p.T + LA_DELTA_BACK_C - 1) / LA_DELTA_BACK_C;
            const size_t most = (size_t)64 << 20;
            la_delta_back_plan plan = la_delta_back_divide(rules[r], &p, most);
            assert_int_equal(plan.each.K, 112);
            assert_int_equal(plan.each.W, 80);
            assert_true(plan.chunks >= 1 && plan.chunks <= chunks);
            assert_true(plan.windows * plan.chunks >= chunks);
            assert_true((plan.windows - 1) * plan.chunks < chunks);
            assert_true((size_t)(15 * plan.chunks * plan.each.chunk) * sizeof(float) <= most);
            assert_int_equal(plan.state, 15 * 100 * 77);
            assert_true(plan.floats >= 15 * plan.chunks * plan.each.chunk +
                                           (plan.windows > 1 ? plan.windows * plan.state : 0));
        }
}

/* A member's switches, and inputs and gradients [.., most] of a small problem. */
enum { B = 1, T = 100, H = 4, HQK = 2, DK = 20, DV = 18, MOST = B * T * H * DK };
enum { GRADS = 8 };

typedef struct member {
    la_write_rule write;
    la_decay decay;
} member;

static float in[9][MOST], grads[3][GRADS][MOST];

static void draw(void)
{
    for (int i = 0; i < (int)LA_COUNT(in); i++)
        la_random_fill_normal(la_stream(7, (uint32_t)i, 0), 0, in[i], MOST, 1);
    for (int e = 0; e < MOST; e++) {
        in[3][e] = e % 97 == 0 ? -50.0f : -.1f * in[3][e] * in[3][e]; /* g */
        in[4][e] = .3f + .1f * in[4][e];                              /* beta */
        for (int i = 0; i < 7; i++)
            if (i == 1 || i >= 5) in[i][e] *= .2f; /* k, a, b */
    }
}

/* The gradients with `most` bytes for a window and `shared` for a block, into number `to`. */
static void run(member m, size_t most, size_t shared, int to)
{
    la_problem p = problem(B, T, H, HQK, DK, DV);
    la_delta_back_plan plan = la_delta_back_divide(m.write, &p, most);
    la_err err = {0};
    float *work = la_alloc((size_t)plan.floats * sizeof *work, &err);
    assert_non_null(work);
    memset(work, 0xff, (size_t)plan.floats * sizeof *work);
    memset(grads[to], 0, sizeof grads[to]);
    float(*g)[MOST] = grads[to];
    const bool rank_one = m.write == LA_WRITE_RANK_ONE;
    la_delta_back w = {.c = {.write = m.write,
                             .decay = m.decay,
                             .B = B,
                             .T = T,
                             .H = H,
                             .Hqk = HQK,
                             .dk = DK,
                             .dv = DV,
                             .dtype = LA_F32,
                             .scale = .5f,
                             .q = in[0],
                             .k = in[1],
                             .v = in[2],
                             .g = in[3],
                             .beta = rank_one ? NULL : in[4],
                             .a = rank_one ? in[5] : NULL,
                             .b = rank_one ? in[6] : NULL,
                             .S_in = in[7]},
                       .dout = in[8],
                       .dS_out = in[2],
                       .dq = g[0],
                       .dk = g[1],
                       .dv = g[2],
                       .dg = g[3],
                       .dbeta = rank_one ? NULL : g[4],
                       .da = rank_one ? g[5] : NULL,
                       .db = rank_one ? g[6] : NULL,
                       .dS_in = g[7],
                       .shared = shared};
    assert_int_equal(la_delta_back_run(&w, &p, most, work, &err), LA_OK);
    la_free(work);
}

static void windows(void **state)
{
    (void)state;
    static const member members[] = {{LA_WRITE_ADDITIVE, LA_DECAY_HEAD},
                                     {LA_WRITE_DELTA, LA_DECAY_CHANNEL},
                                     {LA_WRITE_RANK_ONE, LA_DECAY_CHANNEL}};
    draw();
    for (size_t i = 0; i < LA_COUNT(members); i++) {
        la_problem p = problem(B, T, H, HQK, DK, DV);
        assert_int_equal(la_delta_back_divide(members[i].write, &p, 1).windows, 4);
        run(members[i], LA_DELTA_BACK_WORK, 227 << 10, 0);
        run(members[i], 1, 227 << 10, 1);          /* a chunk a window */
        run(members[i], LA_DELTA_BACK_WORK, 0, 2); /* nothing staged */
        assert_memory_equal(grads[0], grads[1], sizeof grads[0]);
        assert_memory_equal(grads[0], grads[2], sizeof grads[0]);
        assert_true(grads[0][0][0] != 0.0f && grads[0][7][0] != 0.0f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(division), cmocka_unit_test(windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
