/* SPDX-License-Identifier: Apache-2.0
 * Cross entropy: loss, gradient and answers; huge, infinite and NaN logits.
 */
#include <float.h>
#include <stdio.h>

#include "layers_fixture.h"

/* y of one row is its -log p; dy (ones) adds the rows up. */
static void loss_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N; i++) {
        const double *x = c->x.d + i * c->D;
        double top = x[0], sum = 0.0;
        for (int64_t j = 1; j < c->D; j++) top = fmax(top, x[j]);
        for (int64_t j = 0; j < c->D; j++) sum += exp(x[j] - top);
        c->y[i] = log(sum) + top - x[c->tokens[i]];
    }
}

static int64_t right_answers(const layer_case *c)
{
    int64_t right = 0;
    for (int64_t i = 0; i < c->N; i++) {
        const double *x = c->x.d + i * c->D;
        int64_t best = 0;
        for (int64_t j = 1; j < c->D; j++)
            if (x[j] > x[best]) best = j;
        right += best == c->tokens[i];
    }
    return right;
}

static void check_loss(int64_t M, int64_t V, double size)
{
    int32_t labels[16];
    layer_case c = {.forward = loss_forward,
                    .x = tensor_normal("logits", M, V, 0, size),
                    .dy = tensor_filled("ones", M, 1, 0, 1.0f),
                    .N = M,
                    .D = V,
                    .tokens = labels};
    for (int64_t i = 0; i < M; i++) {
        labels[i] = (int32_t)((i * 7 + 3) % V);
        c.dy.d[i] = 1.0;
        /* Every other label is the largest logit. */
        if (i % 2) c.x.d[i * V + labels[i]] = c.x.f[i * V + labels[i]] = 9.0f;
    }
    snprintf(c.where, sizeof c.where, "cross_entropy M %lld V %lld size %g", (long long)M,
             (long long)V, size);
    double *rows = layer_forward(&c), *gradient = layer_gradient(&c, &c.x), want = 0.0;
    for (int64_t i = 0; i < M; i++) want += rows[i];
    for (int t = 0; t < layer_tables_len; t++) {
        tensor g = tensor_filled("gradient", M, V, 0, NAN);
        memcpy(g.f, c.x.f, (size_t)(M * V) * sizeof *g.f);
        double loss = 100.0, silent = 0.0;
        int64_t correct = 1000, again = 0;
        layer_tables[t]->cross_entropy(M, V, g.f, labels, false, 1.0f, &silent, &again, NULL);
        assert_memory_equal(g.f, c.x.f, (size_t)(M * V) * sizeof *g.f);
        layer_tables[t]->cross_entropy(M, V, g.f, labels, true, 1.0f, &loss, &correct, NULL);
        assert_int_equal(correct - 1000, right_answers(&c));
        assert_int_equal(again, correct - 1000);
        assert_true(fabs(loss - 100.0 - want) <= 1e-6 * (fabs(want) + (double)M));
        assert_true(fabs(silent - want) <= 1e-6 * (fabs(want) + (double)M));
        expect_tensor(&g, gradient, 0.0, c.where);
        tensor_free(&g);
    }
    free(rows);
    free(gradient);
    layer_case_free(&c);
}

static void test_loss_and_gradient(void **state)
{
    (void)state;
    static const int64_t classes[] = {1, 2, 3, 16, 17, 64, 65, 100, 131};
    for (size_t i = 0; i < LA_COUNT(classes); i++)
        for (int64_t M = 1; M <= 4; M += 3) {
            check_loss(M, classes[i], 1.0);
            check_loss(M, classes[i], 6.0);
        }
}

static void test_gradient_is_scaled(void **state)
{
    (void)state;
    for (int t = 0; t < layer_tables_len; t++) {
        float x[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        const int32_t label = 2;
        double loss = 0.0;
        int64_t correct = 0;
        layer_tables[t]->cross_entropy(1, 4, x, &label, true, 0.125f, &loss, &correct, NULL);
        assert_true(fabs(loss - log(4.0)) < 1e-7);
        assert_true(x[0] == 0.03125f && x[1] == 0.03125f && x[2] == -0.09375f);
        assert_int_equal(correct, 0); /* of equals the lowest id answers */
    }
}

static void test_huge_logits_stay_finite(void **state)
{
    (void)state;
    enum { V = 544 };
    for (int t = 0; t < layer_tables_len; t++)
        for (int own = 0; own <= 1; own++) {
            static float x[V];
            for (int j = 0; j < V; j++) x[j] = j % 2 ? 3e4f : -3e38f;
            x[77] = 1e5f;
            const int32_t label = own ? 77 : 5;
            double loss = 0.0;
            int64_t correct = 0;
            layer_tables[t]->cross_entropy(1, V, x, &label, true, 1.0f, &loss, &correct, NULL);
            assert_true(loss == (own ? 0.0 : 7e4) && correct == own);
            for (int j = 0; j < V; j++) {
                float want = (j == 77 ? 1.0f : 0.0f) - (j == label ? 1.0f : 0.0f);
                assert_true(x[j] == want);
            }
        }
}

/* A NaN anywhere, in a whole vector or in the last lanes, shows in loss and gradient; so does +inf. */
static void test_a_nan_is_not_hidden(void **state)
{
    (void)state;
    enum { V = 77, M = 3 };
    for (int t = 0; t < layer_tables_len; t++)
        for (int place = 0; place < V; place++)
            for (int kind = 0; kind < 2; kind++) {
                static float x[M * V];
                const int32_t labels[M] = {0, 40, 1};
                for (int j = 0; j < M * V; j++) x[j] = j % V == labels[j / V] ? 4.0f : 0.0f;
                x[V + place] = kind ? INFINITY : NAN;
                double loss = 0.0;
                int64_t correct = 0;
                layer_tables[t]->cross_entropy(M, V, x, labels, true, 1.0f, &loss, &correct, NULL);
                assert_true(isnan(loss));
                assert_int_equal(correct, 2);
                for (int j = 0; j < V; j++) {
                    assert_false(isnan(x[j]) || isnan(x[2 * V + j]));
                    assert_true(isnan(x[V + j]));
                }
            }
}

/* A label of probability 0 has infinite loss, not a silent large one. */
static void test_an_impossible_label_costs_infinity(void **state)
{
    (void)state;
    for (int t = 0; t < layer_tables_len; t++) {
        float x[3] = {1.0f, -INFINITY, 0.0f};
        const int32_t label = 1;
        double loss = 0.0;
        int64_t correct = 0;
        layer_tables[t]->cross_entropy(1, 3, x, &label, true, 1.0f, &loss, &correct, NULL);
        assert_true(isinf(loss) && loss > 0.0 && x[1] == -1.0f);
    }
}

/* Logits [V, M] that rise from block to block in even rows and fall in odd ones, `range` in all. */
static double ramp(int64_t j, int64_t V, int64_t row, double range)
{
    double rise = rint(64 * range * ((double)j / (double)V - 0.5)) / 64;
    return (row % 2 ? -rise : rise) + 0.25 * (double)((j * 7 + row * 3) % 11);
}

static void check_powers(const la_layers *L, int64_t V, int64_t M, int64_t block, double range)
{
    const int64_t ld = M + 3;
    tensor x = tensor_filled("powers", V, M, ld - M, 0.0f),
           state = tensor_filled("p", 4, M, 0, 0.0f);
    const la_powers p = {state.f, state.f + M, state.f + 2 * M, state.f + 3 * M};
    int moves = 0;
    for (int64_t j = 0; j < V; j++)
        for (int64_t r = 0; r < M; r++) x.f[j * ld + r] = (float)ramp(j, V, r, range);
    for (int64_t r = 0; r < M; r++) {
        p.base[r] = -FLT_MAX;
        p.top[r] = -INFINITY;
    }
    for (int64_t at = 0; at < V; at += block)
        moves += L->powers(at, at + block < V ? block : V - at, M, x.f + at * ld, ld, &p);
    /* A new block is hardly ever so much above what was seen that what was made of that must change. */
    assert_true(range > 100.0 ? moves > 1 : moves == 1);
    for (int64_t r = 0; r < M; r++) {
        double top = -INFINITY, sum = 0.0;
        for (int64_t j = 0; j < V; j++) top = fmax(top, ramp(j, V, r, range));
        for (int64_t j = 0; j < V; j++) sum += exp(ramp(j, V, r, range) - top);
        assert_true((double)p.top[r] == top);
        double all = log((double)p.sum[r]) + (double)p.base[r];
        assert_true(fabs(all - log(sum) - top) <= 1e-6 * fabs(all) + 1e-6);
        for (int64_t j = 0; j < V; j++) { /* arguments of powers are rounded */
            double logit = ramp(j, V, r, range), want = exp(logit - top) / sum;
            double got = (double)x.f[j * ld + r] / (double)p.sum[r];
            double away = fabs(logit - (double)p.base[r]) + top - (double)p.base[r];
            assert_true(fabs(got - want) <= (1e-6 + 1e-7 * away) * want + 1e-30);
        }
        assert_true(isnan(x.f[r * ld + M]));
    }
    tensor_free(&x);
    tensor_free(&state);
}

static void test_powers_by_blocks(void **state)
{
    (void)state;
    static const int64_t rows[] = {1, 5, 16, 33};
    for (int t = 0; t < layer_tables_len; t++)
        for (size_t i = 0; i < LA_COUNT(rows) && layer_tables[t]->powers; i++) {
            check_powers(layer_tables[t], 97, rows[i], 97, 1.0);
            check_powers(layer_tables[t], 131, rows[i], 13, 20.0);
            check_powers(layer_tables[t], 131, rows[i], 16, 160.0);
            check_powers(layer_tables[t], 200, rows[i], 1, 400.0);
        }
}

static void test_a_nan_stays_in_its_row_of_powers(void **state)
{
    (void)state;
    enum { V = 20, M = 19, BLOCK = 8 };
    for (int t = 0; t < layer_tables_len; t++)
        for (int place = 0; place < V * 2 && layer_tables[t]->powers; place++) {
            float x[V * M], base[M], sum[M], top[M], factor[M];
            for (int i = 0; i < V * M; i++) x[i] = i % M == 3 ? -INFINITY : (float)(i / M);
            for (int r = 0; r < M; r++) base[r] = -FLT_MAX, sum[r] = 0.0f, top[r] = -INFINITY;
            x[place / 2 * M + 17] = place % 2 ? NAN : INFINITY;
            x[(V - 1) * M + 3] = 2.0f; /* all in front of it are impossible */
            const la_powers p = {base, sum, top, factor};
            for (int at = 0; at < V; at += BLOCK)
                layer_tables[t]->powers(at, at + BLOCK < V ? BLOCK : V - at, M, x + at * M, M, &p);
            for (int r = 0; r < M; r++) assert_true((r == 17) == isnan(sum[r]));
            assert_true(sum[3] == 1.0f && x[3] == 0.0f && base[3] == 2.0f);
        }
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_and_gradient),
        cmocka_unit_test(test_gradient_is_scaled),
        cmocka_unit_test(test_huge_logits_stay_finite),
        cmocka_unit_test(test_a_nan_is_not_hidden),
        cmocka_unit_test(test_an_impossible_label_costs_infinity),
        cmocka_unit_test(test_powers_by_blocks),
        cmocka_unit_test(test_a_nan_stays_in_its_row_of_powers),
    };
    return cmocka_run_group_tests(tests, collect_tables, leave_tables);
}
