/* SPDX-License-Identifier: Apache-2.0
 * Sums and maxima that run over the chunks of a sequence, on the emulator, against plain loops: chunks for one line of
 * a block and for several, of stretches longer and shorter than what a thread asks for at once.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel_cuda.h"

enum { H = 2, M = 3, LD = 4, DV = 2, STATE = M * DV, SLOT = 12, CHUNK = 64 };

static const int64_t counts[] = {1, 3, 7, 8, 9, 33, 70, 300};

static float number(int64_t i)
{
    return sinf((float)(i * 13 % 1009));
}

static float *numbers(int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = number(i);
    return x;
}

static la_kc problem(int64_t chunks, bool stabilised)
{
    return (la_kc){.map = stabilised ? LA_KC_POSITIVE : LA_KC_IDENTITY,
                   .B = 1,
                   .T = chunks * CHUNK - 10,
                   .H = H,
                   .dk = M,
                   .dv = DV,
                   .m = M,
                   .ld = LD,
                   .slot = SLOT,
                   .chunk = CHUNK,
                   .chunks = chunks,
                   .causal = true,
                   .normalize = true,
                   .stabilised = stabilised};
}

/* R rises by one or none from slot to slot. */
static float power(int64_t head, int64_t slot, int64_t i)
{
    return (float)((slot + i) / 2 + head);
}

static void check_scan(int64_t chunks, bool back, bool stabilised)
{
    const int64_t slots = H * (chunks + 1);
    la_kc c = problem(chunks, stabilised);
    float *x = numbers(slots * SLOT), *R = numbers(slots * LD), *start = numbers(H * (STATE + M)),
          maxima[2 * H * M], end[H * (STATE + M)];
    la_err err = {0};
    for (int64_t s = 0; s < slots * LD; s++)
        R[s] = power(s / LD / (chunks + 1), s / LD % (chunks + 1), s % LD);
    for (int i = 0; i < 2 * H * M; i++) maxima[i] = -INFINITY; /* nothing to turn in a state */
    la_kc_sums sums = {x, R, maxima};
    la_kc_state in = {start, start + H * STATE, NULL}, out = {end, end + H * STATE, NULL};
    assert_int_equal(la_kc_scan(&c, back, &sums, &in, &out, NULL, &err), LA_OK);
    for (int64_t head = 0; head < H; head++)
        for (int64_t e = 0; e < STATE + M; e++) {
            const int64_t i = e < STATE ? e / DV : e - STATE, base = head * (chunks + 1);
            const int64_t at = e < STATE ? head * STATE + e : H * STATE + head * M + i;
            double sum = (double)number(at);
            for (int64_t j = 0; j <= chunks; j++) {
                const int64_t slot = back ? chunks - j : j, low = back ? slot : slot - 1;
                if (j > 0) {
                    if (stabilised)
                        sum *= exp2((double)(power(head, low, i) - power(head, low + 1, i)));
                    sum += (double)number((base + slot) * SLOT + e);
                }
                assert_true(fabs((double)x[(base + slot) * SLOT + e] - sum) <= 1e-4);
            }
            assert_true(fabs((double)end[at] - sum) <= 1e-4);
        }
    free(x);
    free(R);
    free(start);
}

static void states_are_running_sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int which = 0; which < 4; which++) check_scan(counts[i], which % 2, which / 2);
}

static void powers_follow_the_largest_so_far(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        la_kc c = problem(counts[n], true);
        float *e = numbers(H * c.T * LD), *R = numbers(H * (c.chunks + 1) * LD), c_in[H * M],
              c_out[H * M], maxima[2 * H * M];
        la_err err = {0};
        for (int64_t i = 0; i < H * c.T * LD; i++) e[i] += 0.01f * (float)(i / LD % c.T);
        for (int i = 0; i < H * M; i++) c_in[i] = 0.5f * (float)i;
        la_kc_sums sums = {NULL, R, maxima};
        la_kc_state in = {NULL, NULL, c_in}, out = {NULL, NULL, c_out};
        assert_int_equal(la_kc_maxima(&c, e, &sums, &in, &out, NULL, &err), LA_OK);
        for (int64_t at = 0; at < H * M; at++) {
            const int64_t head = at / M, i = at % M;
            float top = c_in[at];
            assert_true(maxima[2 * head * M + i] == top);
            for (int64_t j = 0; j <= c.chunks; j++) {
                int64_t first = j > 0 ? (j - 1) * CHUNK : 0, last = j * CHUNK;
                for (int64_t t = first; t < last && t < c.T; t++)
                    top = fmaxf(top, e[(head * c.T + t) * LD + i]);
                float want = ceilf(top * 1.44269504088896341f) - (float)LA_KC_ROOM;
                assert_true(R[(head * (c.chunks + 1) + j) * LD + i] == want);
            }
            assert_true(c_out[at] == top && maxima[(2 * head + 1) * M + i] == top);
        }
        free(e);
        free(R);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_running_sums),
        cmocka_unit_test(powers_follow_the_largest_so_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
