/* SPDX-License-Identifier: Apache-2.0
 * Embedding with and without positions, and dropout: its mask is the documented random stream.
 */
#include <stdio.h>

#include "layers_fixture.h"
#include "token_jobs.h"

enum { V = 7 };

static void embed_forward(layer_case *c)
{
    for (int64_t i = 0; i < c->N; i++)
        for (int64_t j = 0; j < c->D; j++)
            c->y[i * c->D + j] =
                c->w.d[c->tokens[i] * c->D + j] + (c->b.d ? c->b.d[i % c->T * c->D + j] : 0.0);
}

static void check_embed(int64_t B, int64_t T, int64_t D, bool positions)
{
    int64_t N = B * T;
    int32_t tokens[64];
    for (int64_t i = 0; i < N; i++) tokens[i] = (int32_t)((i * i + i / 2) % V);
    layer_case c = {.forward = embed_forward,
                    .w = tensor_normal("table", V, D, 0, 1.0),
                    .dy = tensor_normal("dx", N, D, 0, 1.0),
                    .N = N,
                    .T = T,
                    .D = D,
                    .tokens = tokens};
    if (positions) c.b = tensor_normal("positions", T + 2, D, 0, 1.0);
    snprintf(c.where, sizeof c.where, "embed B %lld T %lld D %lld positions %d", (long long)B,
             (long long)T, (long long)D, positions);
    la_token_jobs jobs = {.rows = N, .vocabulary = V};
    jobs.table = malloc((size_t)la_token_jobs_layout(N, V).size * sizeof *jobs.table);
    assert_non_null(jobs.table);
    la_token_jobs_fill(&jobs, N, tokens);
    double *x = layer_forward(&c), *dtable = layer_gradient(&c, &c.w);
    double *dpositions = positions ? layer_gradient(&c, &c.b) : NULL;
    for (int t = 0; t < layer_tables_len; t++) {
        tensor out = tensor_filled("x", N, D, 0, NAN), gw = tensor_filled("dtable", V, D, 0, 0.5f);
        tensor gp = tensor_filled("dpositions", T + 2, D, 0, -0.5f);
        layer_tables[t]->embed(N, T, D, tokens, c.w.f, c.b.f, out.f);
        layer_tables[t]->embed_grad(N, T, D, tokens, &jobs, c.dy.f, gw.f, positions ? gp.f : NULL);
        expect_tensor(&out, x, 0.0, c.where);
        expect_tensor(&gw, dtable, 0.5, c.where);
        if (positions) expect_tensor(&gp, dpositions, -0.5, c.where);
        tensor_free(&out);
        tensor_free(&gw);
        tensor_free(&gp);
    }
    free(x);
    free(dtable);
    free(dpositions);
    free(jobs.table);
    layer_case_free(&c);
}

static void test_embedding_with_and_without_positions(void **state)
{
    (void)state;
    static const int64_t sides[] = {1, 3, 17, 32, 64};
    for (size_t i = 0; i < LA_COUNT(sides); i++)
        for (int positions = 0; positions <= 1; positions++) {
            check_embed(1, 1, sides[i], positions);
            check_embed(3, 4, sides[i], positions);
        }
}

/* Any first element and any length: the mask is that of la_random_u32, element by element. */
static void test_dropout_follows_the_random_stream(void **state)
{
    (void)state;
    enum { N = 150 };
    const uint64_t stream = la_stream(3, 4, 5);
    const uint64_t firsts[] = {0, 1, 2, 3, 4, 29, 0x3fffffffeu, 0x1234567890u};
    const float p = 0.3f;
    float x[N + 1];
    for (int t = 0; t < layer_tables_len; t++)
        for (size_t f = 0; f < LA_COUNT(firsts); f++)
            for (int n = 0; n <= N; n++) {
                for (int i = 0; i <= N; i++) x[i] = (float)(i + 1);
                layer_tables[t]->dropout(n, p, stream, firsts[f], x);
                for (int i = 0; i < n; i++) {
                    uint32_t bits = la_random_u32(stream, firsts[f] + (uint64_t)i);
                    bool kept = (double)bits >= floor((double)p * 0x1p32);
                    float want = kept ? (float)(i + 1) * (1.0f / (1.0f - p)) : 0.0f;
                    if (!(x[i] == want))
                        fail_msg("element %llu + %d of %d is %g, not %g",
                                 (unsigned long long)firsts[f], i, n, (double)x[i], (double)want);
                }
                for (int i = n; i <= N; i++) assert_true(x[i] == (float)(i + 1));
            }
}

static void test_dropout_keeps_the_mean(void **state)
{
    (void)state;
    enum { N = 1 << 18 };
    static const float shares[] = {0.0f, 0.1f, 0.5f, 0.9f};
    tensor x = tensor_filled("x", 1, N, 0, 1.0f);
    for (int t = 0; t < layer_tables_len; t++)
        for (size_t s = 0; s < LA_COUNT(shares); s++) {
            double p = (double)shares[s], sum = 0.0;
            for (int i = 0; i < N; i++) x.f[i] = 1.0f;
            layer_tables[t]->dropout(N, shares[s], 99, 7, x.f);
            for (int i = 0; i < N; i++) {
                assert_true(x.f[i] == 0.0f || x.f[i] == 1.0f / (1.0f - shares[s]));
                sum += (double)x.f[i];
            }
            /* Five standard deviations of the mean of N independent elements. */
            double bound = 5.0 * sqrt(p / (1.0 - p) / N) + 1e-6;
            if (!(fabs(sum / N - 1.0) <= bound)) fail_msg("p %g: mean %g", p, sum / N);
        }
    tensor_free(&x);
}

/* The layer is linear: its gradient is the same call, here checked as <dropout(x), d> = <x, dropout(d)>. */
static void test_dropout_of_the_gradient_has_the_same_mask(void **state)
{
    (void)state;
    enum { N = 1000 };
    tensor x = tensor_normal("x", 1, N, 0, 1.0), d = tensor_normal("d", 1, N, 0, 1.0);
    for (int t = 0; t < layer_tables_len; t++) {
        double forward = 0.0, backward = 0.0;
        tensor y = tensor_normal("x", 1, N, 0, 1.0), dx = tensor_normal("d", 1, N, 0, 1.0);
        layer_tables[t]->dropout(N, 0.25f, 12, 345, y.f);
        layer_tables[t]->dropout(N, 0.25f, 12, 345, dx.f);
        for (int i = 0; i < N; i++) {
            assert_true((y.f[i] == 0.0f) == (dx.f[i] == 0.0f));
            forward += (double)y.f[i] * d.d[i];
            backward += x.d[i] * (double)dx.f[i];
        }
        assert_true(fabs(forward - backward) <= 1e-4);
        tensor_free(&y);
        tensor_free(&dx);
    }
    tensor_free(&x);
    tensor_free(&d);
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedding_with_and_without_positions),
        cmocka_unit_test(test_dropout_follows_the_random_stream),
        cmocka_unit_test(test_dropout_keeps_the_mean),
        cmocka_unit_test(test_dropout_of_the_gradient_has_the_same_mask),
    };
    return cmocka_run_group_tests(tests, collect_tables, leave_tables);
}
