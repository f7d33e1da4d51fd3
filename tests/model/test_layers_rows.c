/* SPDX-License-Identifier: Apache-2.0
 * Rows moved and added, gates, a and b of rank one: against the formulas in double, element by element.
 */
#include "layers_fixture.h"
#include "token_jobs.h"

/* Everything about N rows of n numbers, in rows of ld where a layer has one. */
typedef struct rows_case {
    int64_t N, n, ld;
    tensor x, y, w, v, out;
} rows_case;

static rows_case rows_new(int64_t N, int64_t n, int64_t pad)
{
    return (rows_case){.N = N,
                       .n = n,
                       .ld = n + pad,
                       .x = tensor_normal("x", N, n, pad, 1.0),
                       .y = tensor_normal("y", N, n, 0, 1.0),
                       .w = tensor_normal("w", 1, n, 0, 0.5),
                       .v = tensor_normal("v", N, n, 0, 1.0),
                       .out = tensor_filled("out", N, n, 0, NAN)};
}

static void rows_free(rows_case *c)
{
    tensor *all[] = {&c->x, &c->y, &c->w, &c->v, &c->out};
    for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
}

static const int64_t sizes[][3] = {{1, 1, 0}, {3, 5, 2}, {70, 33, 3}, {600, 4, 0}};

static void check_moves(const la_layers *L, rows_case *c)
{
    double *want = malloc((size_t)(c->N * c->n + c->n) * sizeof *want);
    int64_t n = c->N * c->n;
    assert_non_null(want);
    L->copy_rows(c->N, c->n, c->x.f, c->ld, c->out.f, c->n);
    expect_tensor(&c->out, c->x.d, 0.0, "copy_rows");
    L->add_rows(c->N, c->n, c->x.f, c->ld, c->out.f, c->n);
    for (int64_t i = 0; i < n; i++) want[i] = 2.0 * c->x.d[i];
    expect_tensor(&c->out, want, 0.0, "add_rows");
    L->spread(c->N, c->n, c->w.f, false, c->out.f);
    for (int64_t i = 0; i < n; i++) want[i] = c->w.d[i % c->n];
    expect_tensor(&c->out, want, 0.0, "spread");
    L->spread(c->N, c->n, c->w.f, true, c->out.f);
    for (int64_t i = 0; i < n; i++) want[i] = 2.0 * c->w.d[i % c->n];
    expect_tensor(&c->out, want, 0.0, "spread, added");
    L->shift(c->N, c->n, c->x.f, c->ld, c->w.f, c->out.f);
    for (int64_t i = 0; i < n; i++) want[i] = c->x.d[i] + c->w.d[i % c->n];
    expect_tensor(&c->out, want, 0.0, "shift");
    L->times(c->N, c->n, -1.5f, c->w.f, c->y.f, c->out.f);
    for (int64_t i = 0; i < n; i++) want[i] = -1.5 * c->w.d[i % c->n] * c->y.d[i];
    expect_tensor(&c->out, want, 0.0, "times");
    tensor sum = tensor_filled("sum", 1, c->n, 0, 0.5f);
    L->sum_rows(c->N, c->n, c->y.f, sum.f);
    for (int64_t j = 0; j < c->n; j++) want[j] = 0.0;
    for (int64_t i = 0; i < n; i++) want[i % c->n] += c->y.d[i];
    expect_tensor(&sum, want, 0.5, "sum_rows");
    tensor_free(&sum);
    L->zero(n, c->out.f);
    for (int64_t i = 0; i < n; i++) want[i] = 0.0;
    expect_tensor(&c->out, want, 0.0, "zero");
    free(want);
}

static void test_rows_are_moved_and_added(void **state)
{
    (void)state;
    for (int t = 0; t < layer_tables_len; t++)
        for (size_t i = 0; i < LA_COUNT(sizes); i++) {
            rows_case c = rows_new(sizes[i][0], sizes[i][1], sizes[i][2]);
            check_moves(layer_tables[t], &c);
            rows_free(&c);
        }
}

/* More rows than one group of a sum has, and than all groups have where each has few. */
static void test_sums_of_many_rows(void **state)
{
    (void)state;
    for (int t = 0; t < layer_tables_len; t++) {
        rows_case c = rows_new(20000, 3, 0);
        tensor sum = tensor_filled("sum", 1, 3, 0, 0.0f);
        double want[3] = {0};
        for (int64_t i = 0; i < c.N * 3; i++) {
            c.y.f[i] += 1.0f; /* so that the sum is large */
            want[i % 3] += (double)c.y.f[i];
        }
        layer_tables[t]->sum_rows(c.N, 3, c.y.f, sum.f);
        expect_tensor(&sum, want, 0.0, "sum of 20000 rows");
        tensor_free(&sum);
        rows_free(&c);
    }
}

static void test_gathered_and_scattered(void **state)
{
    (void)state;
    enum { N = 9, D = 5, n = 6, FIRST = 100, T = 4 };
    const int32_t at[n] = {101, 103, 103, 103, 104, 108};
    for (int t = 0; t < layer_tables_len; t++) {
        const la_layers *L = layer_tables[t];
        tensor x = tensor_normal("x", N, D, 0, 1.0), out = tensor_filled("out", n, D, 0, NAN);
        tensor back = tensor_filled("back", N, D, 0, 1.0f), some = tensor_normal("g", n, D, 0, 1.0);
        tensor places = tensor_normal("places", T, D, 0, 1.0);
        double want[n * D], want_back[N * D] = {0};
        L->gather(n, D, at, FIRST, x.f, out.f);
        for (int i = 0; i < n * D; i++) {
            want[i] = x.d[(at[i / D] - FIRST) * D + i % D];
            want_back[(at[i / D] - FIRST) * D + i % D] += some.d[i];
        }
        expect_tensor(&out, want, 0.0, "gather");
        L->scatter(n, D, at, FIRST, some.f, back.f);
        expect_tensor(&back, want_back, 1.0, "scatter");
        L->add_places(n, D, T, at, places.f, out.f);
        for (int i = 0; i < n * D; i++) want[i] += places.d[at[i / D] % T * D + i % D];
        expect_tensor(&out, want, 0.0, "add_places");
        tensor *all[] = {&x, &out, &back, &some, &places};
        for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
    }
}

/* ---- gates: out is what a layer overwrites, sum [n] what it adds to ---- */

static void check_gates(const la_layers *L, rows_case *c)
{
    int64_t n = c->N * c->n;
    double *want = malloc((size_t)n * sizeof *want), *sums = calloc((size_t)c->n, sizeof *sums);
    tensor sum = tensor_filled("sum", 1, c->n, 0, 0.25f);
    assert_true(want && sums);
    L->bounded_grad(c->N, c->n, 0.6f, c->y.f, c->v.f, c->out.f, c->n, sum.f);
    for (int64_t i = 0; i < n; i++) {
        want[i] = c->v.d[i] * c->y.d[i] * (1.0 + c->y.d[i] / (double)0.6f);
        sums[i % c->n] += want[i];
    }
    expect_tensor(&c->out, want, 0.0, "bounded_grad");
    expect_tensor(&sum, sums, 0.25, "bounded_grad");

    L->step(c->N, c->n, c->w.f, c->y.f, c->out.f);
    for (int64_t i = 0; i < n; i++) want[i] = -c->y.d[i] * exp(-c->w.d[i % c->n]);
    expect_tensor(&c->out, want, 0.0, "step");
    for (int64_t j = 0; j < c->n; j++) sum.f[j] = 0.25f, sums[j] = 0.0;
    for (int64_t i = 0; i < n; i++) sums[i % c->n] -= c->v.d[i] * (double)c->out.f[i];
    tensor dg = tensor_filled("dg", c->N, c->n, 0, 2.0f);
    L->step_grad(c->N, c->n, c->w.f, c->out.f, c->v.f, dg.f, sum.f);
    for (int64_t i = 0; i < n; i++) want[i] = -c->v.d[i] * exp(-c->w.d[i % c->n]);
    expect_tensor(&dg, want, 2.0, "step_grad");
    expect_tensor(&sum, sums, 0.25, "step_grad");

    L->rank_one(c->N, c->n, c->y.f, c->v.f, dg.f, c->w.f, c->out.f, c->x.f);
    tensor key = c->x; /* its rows are packed here */
    key.ld = c->n;
    for (int64_t i = 0; i < n; i++) {
        double iclr = (double)dg.f[i];
        assert_true(fabs((double)c->out.f[i] + c->v.d[i] * iclr) < 1e-5 * (1.0 + fabs(iclr)));
        double wanted = c->y.d[i] * (1.0 + (iclr - 1.0) * c->w.d[i % c->n]);
        assert_true(fabs((double)key.f[i] - wanted) < 1e-5 * (1.0 + fabs(wanted)));
    }
    free(want);
    free(sums);
    tensor_free(&sum);
    tensor_free(&dg);
}

static void test_gates(void **state)
{
    (void)state;
    for (int t = 0; t < layer_tables_len; t++)
        for (size_t i = 0; i < LA_COUNT(sizes); i++) {
            rows_case c = rows_new(sizes[i][0], sizes[i][1], 0);
            check_gates(layer_tables[t], &c);
            rows_free(&c);
        }
}

static void check_skip(const la_layers *L, int64_t N, int64_t H, int64_t D)
{
    int64_t n = N * H * D;
    tensor v = tensor_normal("v", N, H * D, 0, 1.0), w = tensor_normal("w", 1, H, 0, 1.0);
    tensor dout = tensor_normal("dout", N, H * D, 0, 1.0);
    tensor o = tensor_filled("o", N, H * D, 0, 1.0f), dv = tensor_filled("dv", N, H * D, 0, -1.0f);
    tensor dw = tensor_filled("dw", 1, H, 0, 0.5f);
    double *want = malloc((size_t)n * sizeof *want), *back = malloc((size_t)n * sizeof *back);
    double *sums = calloc((size_t)H, sizeof *sums);
    assert_true(want && back && sums);
    for (int64_t i = 0; i < n; i++) {
        want[i] = w.d[i / D % H] * v.d[i];
        back[i] = w.d[i / D % H] * dout.d[i];
        sums[i / D % H] += dout.d[i] * v.d[i];
    }
    (L->skip)(N, H, D, w.f, v.f, o.f); /* cmocka has a macro of this name */
    L->skip_grad(N, H, D, w.f, v.f, dout.f, dv.f, dw.f);
    expect_tensor(&o, want, 1.0, "skip");
    expect_tensor(&dv, back, -1.0, "skip_grad");
    expect_tensor(&dw, sums, 0.5, "skip_grad");
    tensor *all[] = {&v, &w, &dout, &o, &dv, &dw};
    for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
    free(want);
    free(back);
    free(sums);
}

static void test_the_skip(void **state)
{
    (void)state;
    for (int t = 0; t < layer_tables_len; t++) {
        check_skip(layer_tables[t], 1, 1, 1);
        check_skip(layer_tables[t], 7, 3, 5);
        check_skip(layer_tables[t], 40, 2, 33);
    }
}

static void test_rank_one_backward(void **state)
{
    (void)state;
    enum { N = 30, D = 6, E = N * D };
    for (int t = 0; t < layer_tables_len; t++) {
        const la_layers *L = layer_tables[t];
        tensor k = tensor_normal("k", N, D, 0, 1.0), a = tensor_normal("a", N, D, 0, 1.0);
        tensor iclr = tensor_normal("iclr", N, D, 0, 1.0), w = tensor_normal("w", 1, D, 0, 1.0);
        tensor dk = tensor_normal("dk", N, D, 0, 1.0), da = tensor_normal("da", N, D, 0, 1.0);
        tensor db = tensor_normal("db", N, D, 0, 1.0), dw = tensor_filled("dw", 1, D, 0, 0.5f);
        tensor dbias = tensor_filled("dbias", 1, D, 0, 0.5f);
        double want_k[E], want_a[E], want_b[E], sums[D] = {0}, biases[D] = {0};
        for (int i = 0; i < E; i++) {
            double less = iclr.d[i] - 1.0;
            want_a[i] = da.d[i] - db.d[i] * iclr.d[i];
            want_b[i] = dk.d[i] * k.d[i] * w.d[i % D] - db.d[i] * a.d[i];
            want_k[i] = dk.d[i] * (1.0 + less * w.d[i % D]);
            sums[i % D] += dk.d[i] * k.d[i] * less;
        }
        L->rank_one_grad(N, D, k.f, a.f, iclr.f, w.f, dk.f, da.f, db.f, dw.f);
        expect_tensor(&dk, want_k, 0.0, "rank_one_grad");
        expect_tensor(&da, want_a, 0.0, "rank_one_grad");
        expect_tensor(&db, want_b, 0.0, "rank_one_grad");
        expect_tensor(&dw, sums, 0.5, "rank_one_grad");
        for (int j = 0; j < D; j++) dw.f[j] = 0.5f, sums[j] = 0.0;
        for (int i = 0; i < E; i++) {
            sums[i % D] -= k.d[i] * want_a[i];
            biases[i % D] += want_b[i];
            want_k[i] -= w.d[i % D] * want_a[i];
        }
        L->removal_grad(N, D, k.f, w.f, da.f, db.f, dk.f, dw.f, dbias.f);
        expect_tensor(&dk, want_k, 0.0, "removal_grad");
        expect_tensor(&dw, sums, 0.5, "removal_grad");
        expect_tensor(&dbias, biases, 0.5, "removal_grad");
        tensor *all[] = {&k, &a, &iclr, &w, &dk, &da, &db, &dw, &dbias};
        for (size_t i = 0; i < LA_COUNT(all); i++) tensor_free(all[i]);
    }
}

static void test_small_products(void **state)
{
    (void)state;
    enum { M = 7, N = 5, K = 11, LD = 13 };
    for (int t = 0; t < layer_tables_len; t++)
        for (int form = 0; form < 8; form++) {
            bool ta = form & 1, tb = form & 2, add = form & 4;
            tensor a = tensor_normal("a", ta ? K : M, ta ? M : K, 2, 1.0);
            tensor b = tensor_normal("b", tb ? N : K, tb ? K : N, 1, 1.0);
            tensor c = tensor_filled("c", M, N, LD - N, add ? 1.0f : NAN);
            double want[M * N] = {0};
            for (int i = 0; i < M * N * K; i++) {
                int m = i / K / N, n = i / K % N, k = i % K;
                want[m * N + n] +=
                    a.d[ta ? k * M + m : m * K + k] * b.d[tb ? n * K + k : k * N + n];
            }
            layer_tables[t]->gemm(ta, tb, M, N, K, a.f, a.ld, b.f, b.ld, add ? 1.0f : 0.0f, c.f,
                                  LD);
            expect_tensor(&c, want, add ? 1.0 : 0.0, "gemm");
            tensor_free(&a);
            tensor_free(&b);
            tensor_free(&c);
        }
}

/* Each row of the batch lies in one job of its token, in ascending order, 64 a job at most. */
static void test_rows_by_their_tokens(void **state)
{
    (void)state;
    enum { N = 500, V = 9 };
    int32_t tokens[N], seen[N] = {0};
    for (int i = 0; i < N; i++) tokens[i] = i % 3 == 0 ? 4 : i % 7;
    la_token_layout l = la_token_jobs_layout(N, V);
    la_token_jobs jobs = {N, V, malloc((size_t)l.size * sizeof(int32_t))};
    assert_non_null(jobs.table);
    la_token_jobs_fill(&jobs, N, tokens);
    const int32_t *t = jobs.table;
    assert_true(t[0] <= l.most_jobs && t[1] == 7);
    for (int32_t i = 0; i < t[1]; i++)
        for (int32_t job = t[l.first + i]; job < t[l.first + i + 1]; job++) {
            int32_t from = t[l.start + job], to = t[l.start + job + 1];
            assert_true(to > from && to - from <= LA_JOB_ROWS);
            for (int32_t r = from; r < to; r++) {
                int32_t row = t[l.order + r];
                assert_int_equal(tokens[row], t[l.token + i]);
                assert_true(r == from || row > t[l.order + r - 1]);
                seen[row]++;
            }
        }
    for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
    free(jobs.table);
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_moved_and_added),
        cmocka_unit_test(test_sums_of_many_rows),
        cmocka_unit_test(test_gathered_and_scattered),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_the_skip),
        cmocka_unit_test(test_rank_one_backward),
        cmocka_unit_test(test_small_products),
        cmocka_unit_test(test_rows_by_their_tokens),
    };
    return cmocka_run_group_tests(tests, collect_tables, leave_tables);
}
