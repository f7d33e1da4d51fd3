/* SPDX-License-Identifier: Apache-2.0
 * The short convolution: any width, any place of the present token, sequences shorter than the taps.
 */
#include <stdio.h>

#include "layers_fixture.h"

static void conv_forward(layer_case *c)
{
    for (int64_t b = 0; b < c->B; b++)
        for (int64_t t = 0; t < c->T; t++)
            for (int64_t d = 0; d < c->D; d++) {
                double pre = c->b.d ? c->b.d[d] : 0.0;
                for (int64_t j = 0; j < c->width; j++) {
                    int64_t from = t + j - c->left;
                    if (from >= 0 && from < c->T)
                        pre += c->w.d[j * c->D + d] * c->x.d[(b * c->T + from) * c->D + d];
                }
                c->y[(b * c->T + t) * c->D + d] = c->silu ? act_of(LA_ACT_SILU, pre) : pre;
            }
}

static void run_conv(const la_layers *f, layer_case *c, const double *y, const double *dx,
                     const double *dw, const double *db)
{
    int64_t N = c->B * c->T, D = c->D, pad = c->x.ld - D;
    tensor out = tensor_filled("y", N, D, pad, NAN), gx = tensor_filled("dx", N, D, 2 * pad, NAN);
    tensor gw = tensor_filled("dw", c->width, D, 0, 0.5f);
    tensor gb = tensor_filled("dbias", 1, D, 0, -0.5f);
    tensor scratch = tensor_filled("scratch", c->B * c->T, D, 0, NAN);
    f->conv(c->B, c->T, D, c->width, c->left, c->x.f, c->x.ld, c->w.f, c->b.f, c->silu, out.f,
            out.ld);
    f->conv_grad(c->B, c->T, D, c->width, c->left, c->x.f, c->x.ld, c->w.f, c->b.f, c->silu,
                 c->dy.f, c->dy.ld, gx.f, gx.ld, gw.f, c->b.f ? gb.f : NULL, scratch.f);
    expect_tensor(&out, y, 0.0, c->where);
    expect_tensor(&gx, dx, 0.0, c->where);
    expect_tensor(&gw, dw, 0.5, c->where);
    if (db) expect_tensor(&gb, db, -0.5, c->where);
    tensor *all[] = {&out, &gx, &gw, &gb, &scratch};
    for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
}

static void check_conv(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left, int64_t pad,
                       bool bias, bool silu)
{
    layer_case c = {.forward = conv_forward,
                    .x = tensor_normal("x", B * T, D, pad, 1.0),
                    .w = tensor_normal("w", width, D, 0, 0.7),
                    .dy = tensor_normal("dy", B * T, D, pad, 1.0),
                    .B = B,
                    .T = T,
                    .D = D,
                    .width = width,
                    .left = left,
                    .silu = silu};
    if (bias) c.b = tensor_normal("bias", 1, D, 0, 1.0);
    snprintf(c.where, sizeof c.where,
             "conv B %lld T %lld D %lld width %lld left %lld pad %lld bias %d silu %d",
             (long long)B, (long long)T, (long long)D, (long long)width, (long long)left,
             (long long)pad, bias, silu);
    double *y = layer_forward(&c), *dx = layer_gradient(&c, &c.x), *dw = layer_gradient(&c, &c.w);
    double *db = bias ? layer_gradient(&c, &c.b) : NULL;
    for (int t = 0; t < layer_tables_len; t++) run_conv(layer_tables[t], &c, y, dx, dw, db);
    free(y);
    free(dx);
    free(dw);
    free(db);
    layer_case_free(&c);
}

static void test_convolutions_of_every_width_and_place(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1, 2, 3, 5}, sides[] = {1, 3, 17};
    for (int64_t width = 1; width <= 5; width++)
        for (int64_t left = 0; left < width; left++)
            for (size_t t = 0; t < LA_COUNT(lengths); t++)
                for (size_t d = 0; d < LA_COUNT(sides); d++) {
                    int64_t step = width + left + (int64_t)t;
                    check_conv(1 + step % 2, lengths[t], sides[d], width, left, step % 3 * 2,
                               step % 2 == 0, (step + (int64_t)d) % 2 == 0);
                }
}

/* Long enough for whole blocks of the backward pass in the middle, and for a rest. */
static void test_convolutions_of_long_sequences(void **state)
{
    (void)state;
    static const int64_t lengths[] = {16, 17, 31, 32, 33, 50};
    for (size_t t = 0; t < LA_COUNT(lengths); t++)
        for (int64_t left = 0; left < 4; left++) {
            check_conv(2, lengths[t], 3, 4, left, 2, left % 2 == 0, true);
            check_conv(1, lengths[t], 3, 3, left % 3, 0, left % 2 == 1, left < 2);
        }
    check_conv(1, 35, 32, 4, 3, 16, true, true);
    check_conv(1, 20, 64, 4, 2, 0, false, true);
}

/* A sequence's outputs and gradients know nothing of its neighbours. */
static void test_sequences_do_not_mix(void **state)
{
    (void)state;
    enum { B = 3, T = 19, D = 20, W = 4 };
    tensor x = tensor_normal("x", B * T, D, 0, 1.0), w = tensor_normal("w", W, D, 0, 1.0);
    tensor dy = tensor_normal("dy", B * T, D, 0, 1.0);
    for (int t = 0; t < layer_tables_len; t++) {
        static float together[B * T * D], alone[T * D], dw[W * D], scratch[B * T * D];
        layer_tables[t]->conv_grad(B, T, D, W, 3, x.f, D, w.f, NULL, true, dy.f, D, together, D, dw,
                                   NULL, scratch);
        for (int b = 0; b < B; b++) {
            layer_tables[t]->conv_grad(1, T, D, W, 3, x.f + b * T * D, D, w.f, NULL, true,
                                       dy.f + b * T * D, D, alone, D, dw, NULL, scratch);
            assert_memory_equal(together + b * T * D, alone, sizeof alone);
        }
    }
    tensor_free(&x);
    tensor_free(&w);
    tensor_free(&dy);
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions_of_every_width_and_place),
        cmocka_unit_test(test_convolutions_of_long_sequences),
        cmocka_unit_test(test_sequences_do_not_mix),
    };
    return cmocka_run_group_tests(tests, collect_tables, leave_tables);
}
