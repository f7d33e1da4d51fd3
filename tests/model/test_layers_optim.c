/* SPDX-License-Identifier: Apache-2.0
 * AdamW against a plain loop in double, the norm of a gradient, sums over threads.
 */
#include <stdio.h>

#include "layers_fixture.h"
#include "tolerance.h"

static void check_adamw(const la_layers *f, int64_t n, float weight_decay, float grad_scale)
{
    const double lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    tensor w = tensor_normal("w", 1, n, 0, 1.0), m = tensor_filled("m", 1, n, 0, 0.0f);
    tensor v = tensor_filled("v", 1, n, 0, 0.0f), g = tensor_filled("g", 1, n, 0, NAN);
    for (int step = 1; step <= 10; step++) {
        double correct1 = 1.0 - pow(beta1, step), correct2 = 1.0 - pow(beta2, step);
        la_adamw how = {.lr = (float)lr,
                        .beta1 = (float)beta1,
                        .beta2 = (float)beta2,
                        .eps = (float)eps,
                        .weight_decay = weight_decay,
                        .correct1 = (float)correct1,
                        .correct2 = (float)correct2,
                        .grad_scale = grad_scale};
        for (int64_t i = 0; i < n; i++) {
            /* Gradients of very different sizes, some of them 0. */
            double z = la_random_normal(la_stream(5, (uint64_t)step, 0), (uint64_t)i);
            g.f[i] = i % 7 == 3 ? 0.0f : (float)(z * pow(10.0, (double)(i % 5) - 3.0));
            double gi = (double)g.f[i] * (double)grad_scale;
            m.d[i] = beta1 * m.d[i] + (1.0 - beta1) * gi;
            v.d[i] = beta2 * v.d[i] + (1.0 - beta2) * gi * gi;
            w.d[i] -= lr * (double)weight_decay * w.d[i];
            w.d[i] -= lr * (m.d[i] / correct1) / (sqrt(v.d[i] / correct2) + eps);
        }
        f->adamw(n, &how, g.f, w.f, m.f, v.f);
    }
    char where[80];
    snprintf(where, sizeof where, "adamw n %lld", (long long)n);
    expect_tensor(&w, w.d, 0.0, where);
    expect_tensor(&m, m.d, 0.0, where);
    /* 1 - 0.999f is 1.3e-5 away from 0.001: v is compared with that apart. */
    for (int64_t i = 0; i < n; i++) v.d[i] *= (double)(1.0f - 0.999f) / (1.0 - beta2);
    expect_tensor(&v, v.d, 0.0, where);
    tensor *all[] = {&w, &m, &v, &g};
    for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
}

static void test_adamw_of_ten_steps(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 3, 16, 17, 64, 200};
    for (int t = 0; t < layer_tables_len; t++)
        for (size_t i = 0; i < LA_COUNT(sizes); i++) {
            check_adamw(layer_tables[t], sizes[i], 0.1f, 1.0f);
            check_adamw(layer_tables[t], sizes[i], 0.0f, 0.25f);
        }
}

/* The first step of Adam is lr times the sign of the gradient, whatever its size. */
static void test_the_first_step_is_the_sign(void **state)
{
    (void)state;
    const la_adamw how = {.lr = 0.5f,
                          .beta1 = 0.9f,
                          .beta2 = 0.999f,
                          .eps = 1e-8f,
                          .correct1 = 1.0f - 0.9f,
                          .correct2 = 1.0f - 0.999f,
                          .grad_scale = 1.0f};
    for (int t = 0; t < layer_tables_len; t++) {
        float g[4] = {1e-3f, -2e3f, 7.0f, 0.0f}, w[4] = {0}, m[4] = {0}, v[4] = {0};
        layer_tables[t]->adamw(4, &how, g, w, m, v);
        assert_true(fabsf(w[0] + 0.5f) < 1e-5f && fabsf(w[1] - 0.5f) < 1e-5f);
        assert_true(fabsf(w[2] + 0.5f) < 1e-5f && w[3] == 0.0f);
    }
}

static void test_sums_of_squares_are_doubles(void **state)
{
    (void)state;
    for (int t = 0; t < layer_tables_len; t++) {
        for (int64_t n = 0; n <= 150; n++) {
            tensor x = tensor_normal("x", 1, n, 0, 1.0);
            double want = 0.0;
            for (int64_t i = 0; i < n; i++) want += x.d[i] * x.d[i];
            assert_true(fabs(layer_tables[t]->sum_squares(n, x.f) - want) <= 1e-13 * want);
            tensor_free(&x);
        }
        float large[20], tiny[20];
        for (int i = 0; i < 20; i++) {
            large[i] = 1e30f;
            tiny[i] = 1e-30f;
        }
        double of_large = layer_tables[t]->sum_squares(20, large);
        double of_tiny = layer_tables[t]->sum_squares(20, tiny);
        assert_true(fabs(of_large / 2e61 - 1.0) < 1e-6 && fabs(of_tiny / 2e-59 - 1.0) < 1e-6);
        large[19] = NAN;
        assert_true(isnan(layer_tables[t]->sum_squares(20, large)));
    }
}

static void test_adding_one_array_to_another(void **state)
{
    (void)state;
    for (int t = 0; t < layer_tables_len; t++)
        for (int64_t n = 1; n <= 70; n++) {
            tensor x = tensor_normal("x", 1, n, 0, 1.0), y = tensor_filled("y", 1, n, 0, 2.0f);
            layer_tables[t]->add(n, x.f, y.f);
            expect_tensor(&y, x.d, 2.0, "add");
            tensor_free(&x);
            tensor_free(&y);
        }
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adamw_of_ten_steps),
        cmocka_unit_test(test_the_first_step_is_the_sign),
        cmocka_unit_test(test_sums_of_squares_are_doubles),
        cmocka_unit_test(test_adding_one_array_to_another),
    };
    return cmocka_run_group_tests(tests, collect_tables, leave_tables);
}
