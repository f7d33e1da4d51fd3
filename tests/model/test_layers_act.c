/* SPDX-License-Identifier: Apache-2.0
 * Elementwise layers: activations over their whole range, log-decays, SwiGLU, rotary positions.
 */
#include <stdio.h>

#include "layers_fixture.h"

static const int64_t sides[] = {1, 2, 3, 15, 16, 17, 32, 64};

static void act_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N; i++) c->y[i] = c->scale * act_of(c->act, c->x.d[i]);
}

static void check_act(int64_t n, la_act act)
{
    layer_case c = {.forward = act_forward,
                    .x = tensor_normal("x", 1, n, 0, 3.0),
                    .dy = tensor_normal("dy", 1, n, 0, 1.0),
                    .N = n,
                    .act = act,
                    .scale = 2.0};
    snprintf(c.where, sizeof c.where, "act %d n %lld", (int)act, (long long)n);
    double *y = layer_forward(&c), *dx = layer_gradient(&c, &c.x);
    for (int t = 0; t < layer_tables_len; t++) {
        tensor out = tensor_filled("y", 1, n, 0, NAN), gx = tensor_filled("dx", 1, n, 0, NAN);
        layer_tables[t]->act(n, act, 2.0f, c.x.f, out.f);
        layer_tables[t]->act_grad(n, act, 2.0f, c.x.f, c.dy.f, gx.f);
        expect_tensor(&out, y, 0.0, c.where);
        expect_tensor(&gx, dx, 0.0, c.where);
        tensor in = tensor_normal("x", 1, n, 0, 3.0), dy = tensor_normal("dy", 1, n, 0, 1.0);
        layer_tables[t]->act_grad(n, act, 2.0f, in.f, dy.f, dy.f);
        layer_tables[t]->act(n, act, 2.0f, in.f, in.f);
        expect_tensor(&in, y, 0.0, c.where);
        expect_tensor(&dy, dx, 0.0, c.where);
        tensor *all[] = {&out, &gx, &in, &dy};
        for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
    }
    free(y);
    free(dx);
    layer_case_free(&c);
}

static void test_activations_and_their_slopes(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(sides); i++)
        for (int act = LA_ACT_NONE; act <= LA_ACT_SIGMOID; act++) check_act(sides[i], (la_act)act);
}

static void expect_close(float got, double want, const char *what, double x)
{
    /* Below the normal numbers results are flushed to 0, and with them x times a sigmoid that was. */
    if (fabs(want) < 2e-36 ? !(fabs((double)got) <= 2e-36)
                           : !(fabs((double)got - want) <= 1.5e-6 * fabs(want)))
        fail_msg("%s(%g) is %.9g, not %.9g", what, x, (double)got, want);
}

/* log(1 + e^x) without cancellation at either end. */
static double softplus_of(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static void test_sigmoid_and_softplus_between_minus_and_plus_100(void **state)
{
    (void)state;
    enum { N = 16001 };
    static float x[N], y[N], slope[N], ones[N], g[N];
    const float zero[1] = {0.0f};
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i - N / 2) / (float)(N / 2) * 100.0f;
        ones[i] = 1.0f;
    }
    for (int t = 0; t < layer_tables_len; t++) {
        layer_tables[t]->act(N, LA_ACT_SIGMOID, 1.0f, x, y);
        layer_tables[t]->act_grad(N, LA_ACT_SIGMOID, 1.0f, x, ones, slope);
        layer_tables[t]->decay(N, 1, 1, x, 1, zero, zero, g);
        for (int i = 0; i < N; i++) {
            double at = (double)x[i], s = sigmoid_of(at);
            expect_close(y[i], s, "sigmoid", at);
            expect_close(g[i], -softplus_of(at), "-softplus", at);
            assert_true(fabs((double)slope[i] - s * (1.0 - s)) <= 1e-7);
        }
        layer_tables[t]->act(N, LA_ACT_SILU, 1.0f, x, y);
        layer_tables[t]->act_grad(N, LA_ACT_SILU, 1.0f, x, ones, slope);
        for (int i = 0; i < N; i++) {
            double at = (double)x[i], s = sigmoid_of(at);
            expect_close(y[i], at * s, "silu", at);
            assert_true(fabs((double)slope[i] - s * (1.0 + at * (1.0 - s))) <= 1e-6);
        }
        float edges[3] = {NAN, 0.0f, 1e30f}, out[3];
        layer_tables[t]->act(3, LA_ACT_SILU, 1.0f, edges, out);
        assert_true(isnan(out[0]) && out[1] == 0.0f && out[2] == 1e30f);
        layer_tables[t]->decay(1, 1, 1, edges, 1, zero, zero, out);
        assert_true(isnan(out[0]));
    }
}

static void decay_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N * c->H * c->D; i++) {
        int64_t column = i % (c->H * c->D);
        c->y[i] = -exp(c->w.d[column / c->D]) * softplus_of(c->x.d[i] + c->b.d[column]);
    }
}

static void check_decay(int64_t N, int64_t H, int64_t D, int64_t pad)
{
    int64_t wide = H * D;
    layer_case c = {.forward = decay_forward,
                    .x = tensor_normal("a", N, wide, pad, 3.0),
                    .w = tensor_normal("A_log", 1, H, 0, 1.0),
                    .b = tensor_normal("dt_bias", 1, wide, 0, 1.0),
                    .dy = tensor_normal("dg", N, wide, 0, 1.0),
                    .N = N,
                    .H = H,
                    .D = D};
    snprintf(c.where, sizeof c.where, "decay N %lld H %lld D %lld", (long long)N, (long long)H,
             (long long)D);
    double *g = layer_forward(&c), *da = layer_gradient(&c, &c.x);
    double *dA = layer_gradient(&c, &c.w), *db = layer_gradient(&c, &c.b);
    for (int t = 0; t < layer_tables_len; t++) {
        tensor out = tensor_filled("g", N, wide, 0, NAN);
        tensor ga = tensor_filled("da", N, wide, 2 * pad, NAN);
        tensor gA = tensor_filled("dA_log", 1, H, 0, 0.5f);
        tensor gb = tensor_filled("ddt_bias", 1, wide, 0, -0.5f);
        layer_tables[t]->decay(N, H, D, c.x.f, c.x.ld, c.w.f, c.b.f, out.f);
        layer_tables[t]->decay_grad(N, H, D, c.x.f, c.x.ld, c.w.f, c.b.f, c.dy.f, ga.f, ga.ld, gA.f,
                                    gb.f);
        expect_tensor(&out, g, 0.0, c.where);
        expect_tensor(&ga, da, 0.0, c.where);
        expect_tensor(&gA, dA, 0.5, c.where);
        expect_tensor(&gb, db, -0.5, c.where);
        tensor *all[] = {&out, &ga, &gA, &gb};
        for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
    }
    free(g);
    free(da);
    free(dA);
    free(db);
    layer_case_free(&c);
}

static void test_log_decays(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(sides); i++)
        for (int64_t N = 1; N <= 4; N += 3) {
            check_decay(N, sides[i], 1, (int64_t)(i % 2) * 3);
            check_decay(N, 1 + (int64_t)i % 3, sides[i], (int64_t)(i % 2) * 3);
        }
}

static void swiglu_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N; i++)
        for (int64_t j = 0; j < c->D; j++) {
            const double *row = c->x.d + 2 * i * c->D;
            c->y[i * c->D + j] = act_of(LA_ACT_SILU, row[j]) * row[c->D + j];
        }
}

static void test_swiglu(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(sides); i++)
        for (int64_t N = 1; N <= 3; N += 2) {
            int64_t F = sides[i];
            layer_case c = {.forward = swiglu_forward,
                            .x = tensor_normal("uv", N, 2 * F, 0, 2.0),
                            .dy = tensor_normal("dh", N, F, 0, 1.0),
                            .N = N,
                            .D = F};
            snprintf(c.where, sizeof c.where, "swiglu N %lld F %lld", (long long)N, (long long)F);
            double *h = layer_forward(&c), *duv = layer_gradient(&c, &c.x);
            for (int t = 0; t < layer_tables_len; t++) {
                tensor out = tensor_filled("h", N, F, 0, NAN);
                tensor gx = tensor_filled("duv", N, 2 * F, 0, NAN);
                tensor again = tensor_filled("h", N, F, 0, NAN);
                memcpy(gx.f, c.x.f, (size_t)(2 * N * F) * sizeof *gx.f);
                memcpy(again.f, c.dy.f, (size_t)(N * F) * sizeof *again.f);
                layer_tables[t]->swiglu(N, F, c.x.f, out.f);
                layer_tables[t]->swiglu_grad(N, F, gx.f, again.f);
                expect_tensor(&out, h, 0.0, c.where);
                expect_tensor(&again, h, 0.0, c.where);
                expect_tensor(&gx, duv, 0.0, c.where);
                tensor *all[] = {&out, &gx, &again};
                for (size_t j = 0; j < LA_COUNT(all); j++) tensor_free(all[j]);
            }
            free(h);
            free(duv);
            layer_case_free(&c);
        }
}

/* Angles t theta^(-2i/D) with theta = 100, from their definition. */
static double angle_of(const layer_case *c, int64_t t, int64_t i)
{
    return (double)t * pow(100.0, -2.0 * (double)i / (double)c->D);
}

static void rope_forward(layer_case *c)
{
    int64_t half = c->D / 2;
    for (int64_t r = 0; r < c->B * c->T * c->H; r++)
        for (int64_t i = 0; i < half; i++) {
            double angle = angle_of(c, r / c->H % c->T, i), co = cos(angle), si = sin(angle);
            const double *x = c->x.d + r * c->D;
            c->y[r * c->D + i] = x[i] * co - x[i + half] * si;
            c->y[r * c->D + i + half] = x[i] * si + x[i + half] * co;
        }
}

static void check_rope(int64_t B, int64_t T, int64_t H, int64_t D, int64_t pad)
{
    layer_case c = {.forward = rope_forward,
                    .x = tensor_normal("x", B * T, H * D, pad, 1.0),
                    .dy = tensor_normal("dy", B * T, H * D, pad, 1.0),
                    .B = B,
                    .T = T,
                    .H = H,
                    .D = D};
    snprintf(c.where, sizeof c.where, "rope B %lld T %lld H %lld D %lld", (long long)B,
             (long long)T, (long long)H, (long long)D);
    tensor co = tensor_filled("cosine", T, D / 2, 0, NAN);
    tensor si = tensor_filled("sine", T, D / 2, 0, NAN);
    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < D / 2; i++) {
            co.f[t * (D / 2) + i] = (float)cos(angle_of(&c, t, i));
            si.f[t * (D / 2) + i] = (float)sin(angle_of(&c, t, i));
        }
    double *y = layer_forward(&c), *dx = layer_gradient(&c, &c.x);
    for (int t = 0; t < layer_tables_len; t++) {
        const la_layers *f = layer_tables[t];
        tensor out = tensor_normal("x", B * T, H * D, pad, 1.0);
        tensor gx = tensor_normal("dy", B * T, H * D, pad, 1.0);
        out.name = "y", gx.name = "dx";
        f->rope(B, T, H, D, co.f, si.f, false, out.f, out.ld);
        f->rope(B, T, H, D, co.f, si.f, true, gx.f, gx.ld);
        expect_tensor(&out, y, 0.0, c.where);
        expect_tensor(&gx, dx, 0.0, c.where);
        f->rope(B, T, H, D, co.f, si.f, true, out.f, out.ld);
        expect_tensor(&out, c.x.d, 0.0, "rope and back");
        tensor_free(&out);
        tensor_free(&gx);
    }
    free(y);
    free(dx);
    tensor_free(&co);
    tensor_free(&si);
    layer_case_free(&c);
}

static void test_rotary_positions(void **state)
{
    (void)state;
    static const int64_t even[] = {2, 6, 32, 34, 64};
    for (size_t i = 0; i < LA_COUNT(even); i++)
        check_rope(1 + (int64_t)i % 2, 1 + (int64_t)i, 1 + (int64_t)i % 3, even[i],
                   (int64_t)i % 2 * 4);
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations_and_their_slopes),
        cmocka_unit_test(test_sigmoid_and_softplus_between_minus_and_plus_100),
        cmocka_unit_test(test_log_decays),
        cmocka_unit_test(test_swiglu),
        cmocka_unit_test(test_rotary_positions),
    };
    return cmocka_run_group_tests(tests, collect_tables, leave_tables);
}
