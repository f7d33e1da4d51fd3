/* SPDX-License-Identifier: Apache-2.0
 * Norms of rows and of heads: forward against plain loops in double, gradients against central
 * differences of them, at every instruction set of this machine.
 */
#include <stdio.h>

#include "layers_fixture.h"

static const int64_t sides[] = {1, 3, 4, 16, 17, 32, 40, 64};
static const float eps = 1e-5f;

static void rms_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N; i++) {
        const double *x = c->x.d + i * c->D;
        double sum = 0.0;
        for (int64_t j = 0; j < c->D; j++) sum += x[j] * x[j];
        double r = 1.0 / sqrt(sum / (double)c->D + c->eps);
        for (int64_t j = 0; j < c->D; j++) c->y[i * c->D + j] = x[j] * r * c->w.d[j];
    }
}

static void layer_norm_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N; i++) {
        const double *x = c->x.d + i * c->D;
        double mean = 0.0, square = 0.0;
        for (int64_t j = 0; j < c->D; j++) mean += x[j] / (double)c->D;
        for (int64_t j = 0; j < c->D; j++) square += (x[j] - mean) * (x[j] - mean);
        double r = 1.0 / sqrt(square / (double)c->D + c->eps);
        for (int64_t j = 0; j < c->D; j++)
            c->y[i * c->D + j] = (x[j] - mean) * r * c->w.d[j] + c->b.d[j];
    }
}

static void run_row_norm(const la_layers *f, layer_case *c, bool centred, bool add, const double *y,
                         const double *dx, const double *dw, const double *db)
{
    int64_t N = c->N, D = c->D;
    const float was = add ? 0.75f : NAN;
    tensor out = tensor_filled("y", N, D, 0, NAN), gx = tensor_filled("dx", N, D, 0, was);
    tensor gw = tensor_filled("dw", 1, D, 0, 0.5f), gb = tensor_filled("db", 1, D, 0, -0.5f);
    tensor mean = tensor_filled("mean", N, 1, 0, NAN), rstd = tensor_filled("rstd", N, 1, 0, NAN);
    if (centred) {
        f->layer_norm(N, D, (float)c->eps, c->x.f, c->w.f, c->b.f, out.f, mean.f, rstd.f);
        f->layer_norm_grad(N, D, c->x.f, c->w.f, mean.f, rstd.f, c->dy.f, add, gx.f, gw.f, gb.f);
        expect_tensor(&gb, db, -0.5, c->where);
    } else {
        f->rms_norm(N, D, (float)c->eps, c->x.f, c->w.f, out.f, rstd.f);
        f->rms_norm_grad(N, D, c->x.f, c->w.f, rstd.f, c->dy.f, add, gx.f, gw.f);
    }
    expect_tensor(&out, y, 0.0, c->where);
    expect_tensor(&gx, dx, add ? 0.75 : 0.0, c->where);
    expect_tensor(&gw, dw, 0.5, c->where);
    tensor *all[] = {&out, &gx, &gw, &gb, &mean, &rstd};
    for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
}

static void check_row_norm(int64_t N, int64_t D, bool centred)
{
    layer_case c = {.forward = centred ? layer_norm_forward : rms_forward,
                    .x = tensor_normal("x", N, D, 0, 1.5),
                    .w = tensor_normal("w", 1, D, 0, 1.0),
                    .b = tensor_normal("b", 1, D, 0, 1.0),
                    .dy = tensor_normal("dy", N, D, 0, 1.0),
                    .N = N,
                    .D = D,
                    /* The layer norm of one number is b: 1 / sqrt(eps) times what cancels. */
                    .eps = centred && D == 1 ? 0.01 : (double)eps};
    snprintf(c.where, sizeof c.where, "%s N %lld D %lld", centred ? "layer_norm" : "rms_norm",
             (long long)N, (long long)D);
    double *y = layer_forward(&c), *dx = layer_gradient(&c, &c.x), *dw = layer_gradient(&c, &c.w);
    double *db = centred ? layer_gradient(&c, &c.b) : NULL;
    for (int t = 0; t < layer_tables_len; t++) {
        run_row_norm(layer_tables[t], &c, centred, false, y, dx, dw, db);
        run_row_norm(layer_tables[t], &c, centred, true, y, dx, dw, db);
    }
    free(y);
    free(dx);
    free(dw);
    free(db);
    layer_case_free(&c);
}

static void test_norms_of_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(sides); i++)
        for (int64_t N = 1; N <= 5; N += 4)
            for (int centred = 0; centred <= 1; centred++) check_row_norm(N, sides[i], centred);
}

/* A mean a thousand times the deviation costs no more than its own rounding. */
static void test_layer_norm_of_a_large_mean(void **state)
{
    (void)state;
    enum { D = 64 };
    float x[D], w[D], b[D], y[D], mean, rstd;
    for (int t = 0; t < layer_tables_len; t++) {
        for (int j = 0; j < D; j++) {
            x[j] = 1024.0f + (float)(j % 2 ? 1 : -1);
            w[j] = 1.0f;
            b[j] = 0.0f;
        }
        layer_tables[t]->layer_norm(1, D, 0.0f, x, w, b, y, &mean, &rstd);
        assert_true(mean == 1024.0f && rstd == 1.0f);
        for (int j = 0; j < D; j++) assert_true(y[j] == (float)(j % 2 ? 1 : -1));
    }
}

static void head_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N * c->H; i++) {
        const double *x = c->x.d + i * c->D;
        double sum = 0.0;
        for (int64_t j = 0; j < c->D; j++) sum += x[j] * x[j];
        double r = 1.0 / sqrt(sum / (double)c->D + c->eps);
        for (int64_t j = 0; j < c->D; j++) {
            double v = c->w.d ? x[j] * r * c->w.d[j] : x[j];
            c->y[i * c->D + j] = c->gate.d ? v * act_of(c->act, c->gate.d[i * c->D + j]) : v;
        }
    }
}

static void check_head_norm(int64_t N, int64_t H, int64_t D, int64_t pad, bool norm, bool gated,
                            la_act act)
{
    layer_case c = {.forward = head_forward,
                    .x = tensor_normal("x", N, H * D, pad, 1.5),
                    .dy = tensor_normal("dy", N, H * D, pad * 2, 1.0),
                    .N = N,
                    .H = H,
                    .D = D,
                    .act = act,
                    .eps = (double)eps};
    if (norm) c.w = tensor_normal("w", 1, D, 0, 1.0);
    if (gated) c.gate = tensor_normal("gate", N, H * D, pad * 3, 2.0);
    snprintf(c.where, sizeof c.where, "head_norm N %lld H %lld D %lld pad %lld w %d gate %d act %d",
             (long long)N, (long long)H, (long long)D, (long long)pad, norm, gated, (int)act);
    double *y = layer_forward(&c), *dx = layer_gradient(&c, &c.x);
    double *dw = norm ? layer_gradient(&c, &c.w) : NULL;
    double *dgate = gated ? layer_gradient(&c, &c.gate) : NULL;
    for (int t = 0; t < layer_tables_len; t++) {
        const la_layers *f = layer_tables[t];
        tensor out = tensor_filled("y", N, H * D, pad, NAN);
        tensor gx = tensor_filled("dx", N, H * D, pad, NAN);
        tensor gg = tensor_filled("dgate", N, H * D, pad, NAN);
        tensor gw = tensor_filled("dw", 1, D, 0, 0.5f);
        tensor rstd = tensor_filled("rstd", N, H, 0, NAN);
        f->head_norm(N, H, D, eps, c.x.f, c.x.ld, c.w.f, c.gate.f, c.gate.ld, act, out.f, out.ld,
                     rstd.f);
        f->head_norm_grad(N, H, D, c.x.f, c.x.ld, c.w.f, c.gate.f, c.gate.ld, act, rstd.f, c.dy.f,
                          c.dy.ld, gx.f, gx.ld, gated ? gg.f : NULL, gg.ld, norm ? gw.f : NULL);
        expect_tensor(&out, y, 0.0, c.where);
        expect_tensor(&gx, dx, 0.0, c.where);
        if (norm) expect_tensor(&gw, dw, 0.5, c.where);
        if (gated) expect_tensor(&gg, dgate, 0.0, c.where);
        tensor *all[] = {&out, &gx, &gg, &gw, &rstd};
        for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
    }
    free(y);
    free(dx);
    free(dw);
    free(dgate);
    layer_case_free(&c);
}

static void test_norms_of_heads_and_gates(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(sides); i++)
        for (int64_t N = 1; N <= 3; N += 2) {
            int64_t H = (int64_t)i % 3 + 1, pad = (int64_t)(i % 2) * 5;
            for (int norm = 0; norm <= 1; norm++) {
                check_head_norm(N, H, sides[i], pad, norm, false, LA_ACT_NONE);
                for (int act = LA_ACT_NONE; act <= LA_ACT_SIGMOID; act++)
                    check_head_norm(N, H, sides[i], pad, norm, true, (la_act)act);
            }
        }
}

static void l2_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N * c->H; i++) {
        const double *x = c->x.d + i * c->D;
        double sum = 0.0;
        for (int64_t j = 0; j < c->D; j++) sum += x[j] * x[j];
        for (int64_t j = 0; j < c->D; j++) c->y[i * c->D + j] = x[j] / sqrt(sum + c->eps);
    }
}

static void check_l2_norm(int64_t N, int64_t H, int64_t D, int64_t pad, double size)
{
    /* A large eps beside a small x: its share of the gradient counts. */
    layer_case c = {.forward = l2_forward,
                    .x = tensor_normal("x", N, H * D, pad, size),
                    .dy = tensor_normal("dy", N, H * D, pad, 1.0),
                    .N = N,
                    .H = H,
                    .D = D,
                    .eps = 0.01};
    snprintf(c.where, sizeof c.where, "l2_norm N %lld H %lld D %lld", (long long)N, (long long)H,
             (long long)D);
    double *y = layer_forward(&c), *dx = layer_gradient(&c, &c.x);
    for (int t = 0; t < layer_tables_len; t++) {
        const la_layers *f = layer_tables[t];
        tensor out = tensor_filled("y", N, H * D, pad * 2, NAN);
        tensor gx = tensor_filled("dx", N, H * D, 2 * pad, NAN);
        tensor rnorm = tensor_filled("rnorm", N, H, 0, NAN);
        f->l2_norm(N, H, D, 0.01f, c.x.f, c.x.ld, out.f, out.ld, rnorm.f);
        f->l2_norm_grad(N, H, D, out.f, out.ld, rnorm.f, c.dy.f, c.dy.ld, gx.f, gx.ld);
        expect_tensor(&out, y, 0.0, c.where);
        expect_tensor(&gx, dx, 0.0, c.where);
        /* y may be x, and dx may be dy. */
        tensor in = tensor_normal("x", N, H * D, pad, size);
        tensor dy = tensor_normal("dy", N, H * D, pad, 1.0);
        f->l2_norm(N, H, D, 0.01f, in.f, in.ld, in.f, in.ld, rnorm.f);
        f->l2_norm_grad(N, H, D, in.f, in.ld, rnorm.f, dy.f, dy.ld, dy.f, dy.ld);
        expect_tensor(&in, y, 0.0, c.where);
        expect_tensor(&dy, dx, 0.0, c.where);
        tensor *all[] = {&out, &gx, &rnorm, &in, &dy};
        for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
    }
    free(y);
    free(dx);
    layer_case_free(&c);
}

static void test_unit_lengths_of_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(sides); i++)
        for (int64_t N = 1; N <= 3; N += 2)
            check_l2_norm(N, (int64_t)i % 3 + 1, sides[i], (int64_t)(i % 2) * 5, i % 2 ? 1.0 : 0.1);
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms_of_rows),
        cmocka_unit_test(test_layer_norm_of_a_large_mean),
        cmocka_unit_test(test_norms_of_heads_and_gates),
        cmocka_unit_test(test_unit_lengths_of_heads),
    };
    return cmocka_run_group_tests(tests, collect_tables, leave_tables);
}
