/* SPDX-License-Identifier: Apache-2.0
 * The output matrix and the loss of rows, logits whole and by blocks of outputs, against float64: numbers of outputs
 * and rows that are no multiple of anything, logits from -80 to 80 whose largest comes early, late or between.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "head.h"
#include "labench/kit.h"
#include "train_fixture.h"
#include "trainer.h"

enum { WIDTH = 20, ANSWERS = 1000 };

/* n rows of V outputs, and what is right of them. */
typedef struct rows_case {
    int64_t V, n;
    float *W, *h; /* [V, WIDTH], [n, WIDTH] */
    int32_t *label, *right;
    double *dW, *dh, loss;
    int64_t correct;
} rows_case;

/* Multiples of 1/16: products and their sums are exact in float32. */
static float sixteenths(uint64_t stream, uint64_t i)
{
    return (float)((int)(la_random_u32(la_stream(7, 1, stream), i) % 25) - 12) / 16.0f;
}

static double logit(const rows_case *c, int64_t r, int64_t j)
{
    double x = 0;
    for (int64_t i = 0; i < WIDTH; i++)
        x += (double)c->W[j * WIDTH + i] * (double)c->h[r * WIDTH + i];
    return x;
}

static int64_t best_of(const rows_case *c, int64_t r)
{
    int64_t best = 0;
    for (int64_t j = 1; j < c->V; j++)
        if (logit(c, r, j) > logit(c, r, best)) best = j;
    return best;
}

/* Two columns of W rise and bend with the output, by `range` in all; each row takes one of them, or the first
 * downwards. The last output is as good for the last row as its best, and does not answer. */
static void fill(rows_case *c, double range)
{
    for (int64_t i = 0; i < c->V * WIDTH; i++) c->W[i] = sixteenths(1, (uint64_t)i);
    for (int64_t i = 0; i < c->n * WIDTH; i++) c->h[i] = sixteenths(2, (uint64_t)i);
    for (int64_t j = 0; j < c->V; j++) {
        double at = (double)j / (double)c->V, bend = at - 0.6;
        c->W[j * WIDTH] = (float)(rint(16 * range * (at - 0.5)) / 16);
        c->W[j * WIDTH + 1] = (float)(rint(16 * range * (0.5 - 2 * bend * bend)) / 16);
    }
    for (int64_t r = 0; r < c->n; r++) {
        c->h[r * WIDTH] = r % 3 == 0 ? 1.0f : r % 3 == 1 ? -1.0f : 0.0f;
        c->h[r * WIDTH + 1] = r % 3 == 2 ? 1.0f : 0.0f;
        c->label[r] = (int32_t)((r * 391 + 5) % c->V);
    }
    memmove(c->W + (c->V - 1) * WIDTH, c->W + best_of(c, c->n - 1) * WIDTH, WIDTH * sizeof *c->W);
    c->label[c->n - 1] = (int32_t)c->V - 1;
}

/* Every fourth row has the first of its largest as its label. */
static void define_row(rows_case *c, int64_t r)
{
    const int64_t best = best_of(c, r);
    double *x = malloc((size_t)c->V * sizeof *x), top = logit(c, r, best), sum = 0;
    assert_non_null(x);
    for (int64_t j = 0; j < c->V; j++) x[j] = logit(c, r, j);
    if (r % 4 == 0) c->label[r] = (int32_t)best;
    const int32_t label = c->label[r];
    for (int64_t j = 0; j < c->V; j++) sum += exp(x[j] - top);
    c->loss += log(sum) + top - x[label];
    c->right[r] = best == label;
    c->correct += best == label;
    for (int64_t j = 0; j < c->V; j++) {
        double dx = (exp(x[j] - top) / sum - (j == label)) / ANSWERS;
        for (int64_t i = 0; i < WIDTH; i++) {
            c->dW[j * WIDTH + i] += dx * (double)c->h[r * WIDTH + i];
            c->dh[r * WIDTH + i] += dx * (double)c->W[j * WIDTH + i];
        }
    }
    free(x);
}

static rows_case define(int64_t V, int64_t n, double range)
{
    rows_case c = {.V = V,
                   .n = n,
                   .W = malloc((size_t)(V * WIDTH) * sizeof *c.W),
                   .h = malloc((size_t)(n * WIDTH) * sizeof *c.h),
                   .label = malloc((size_t)n * sizeof *c.label),
                   .right = malloc((size_t)n * sizeof *c.right),
                   .dW = calloc((size_t)(V * WIDTH), sizeof *c.dW),
                   .dh = calloc((size_t)(n * WIDTH), sizeof *c.dh)};
    assert_true(c.W && c.h && c.label && c.right && c.dW && c.dh);
    fill(&c, range);
    for (int64_t r = 0; r < n; r++) define_row(&c, r);
    return c;
}

static void forget(rows_case *c)
{
    void *all[] = {c->W, c->h, c->label, c->right, c->dW, c->dh};
    for (size_t i = 0; i < LA_COUNT(all); i++) free(all[i]);
}

/* Sums of probabilities times rows of `x`, n numbers. */
static void close_to(const char *what, const rows_case *c, int64_t n, const float *got,
                     const double *want, int64_t n_x, const float *x)
{
    double largest = 0;
    for (int64_t i = 0; i < n_x; i++) largest = fmax(largest, fabs((double)x[i]) / ANSWERS);
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(want[i]));
    for (int64_t i = 0; i < n; i++) {
        double off = fabs((double)got[i] - want[i]);
        if (!(off <= 3e-6 * largest))
            fail_msg("%lld rows of %lld outputs: element %lld of %s is %g, should be %g",
                     (long long)c->n, (long long)c->V, (long long)i, what, (double)got[i], want[i]);
    }
}

static void check_sums(const la_lane *lane, const rows_case *c)
{
    if (!(fabs(lane->tally.loss - c->loss) <= 1e-6 * (c->loss + (double)c->n)))
        fail_msg("%lld outputs: a loss of %.9g, should be %.9g", (long long)c->V, lane->tally.loss,
                 c->loss);
    assert_int_equal(lane->tally.correct, c->correct);
}

/* The rows take the place of what the network would have given. */
static void check_rows(la_trainer *t, const rows_case *c)
{
    la_lane *lane = &t->engine.lane[0];
    float *dW = lane->grad + t->spec.output;
    size_t rows = (size_t)(c->n * WIDTH) * sizeof(float);
    assert_true(c->n <= t->engine.head_rows && t->spec.outputs == c->V);
    memcpy(t->weights + t->spec.output, c->W, (size_t)(c->V * WIDTH) * sizeof(float));
    memcpy(lane->made.label, c->label, (size_t)c->n * sizeof *c->label);
    la_engine_pack(&t->engine, t->weights, 0, 1);

    memcpy(lane->final.y, c->h, rows);
    lane->tally = (struct la_tally){0};
    la_head_loss(lane, t->weights, 0, c->n, 0.0f);
    check_sums(lane, c);
    assert_memory_equal(lane->right, c->right, (size_t)c->n * sizeof *c->right);
    assert_memory_equal(lane->final.y, c->h, rows);

    for (int64_t i = 0; i < c->V * WIDTH; i++) dW[i] = 0.0f;
    lane->tally = (struct la_tally){0};
    la_head_loss(lane, t->weights, 0, c->n, 1.0f / ANSWERS);
    check_sums(lane, c);
    close_to("dh", c, c->n * WIDTH, lane->final.y, c->dh, c->V * WIDTH, c->W);
    close_to("dW", c, c->V * WIDTH, dW, c->dW, c->n * WIDTH, c->h);
}

/* With every instruction set; blocks of outputs are for more than 1024 and lanes of one thread. */
static void check(int64_t V, int threads, bool blocks)
{
    static const int64_t rows[] = {1, 8, 31, 64, 97};
    static const double ranges[] = {1.0, 40.0, 160.0};
    fixture f;
    fixture_init(&f, "linear", 24);
    const la_isa best = f.device.isa;
    char outputs[32];
    snprintf(outputs, sizeof outputs, "task.V=%d", (int)V);
    fixture_set(&f, outputs);
    fixture_set(&f, "model.d_model=20");
    fixture_set(&f, "model.logits=all");
    fixture_set(&f, threads > 1 ? "train.tokens=24" : "train.tokens=240");
    for (int isa = LA_ISA_GENERIC; isa <= (int)best; isa++) {
        la_trainer t;
        f.device.isa = (la_isa)isa;
        f.config.threads = threads;
        assert_int_equal(la_trainer_init(&t, &f.config, NULL), LA_OK);
        t.engine.lane[0].means.threads = threads;
        assert_int_equal(la_loss_by_blocks(&t.engine, threads), blocks);
        for (size_t i = 0; i < LA_COUNT(rows); i++)
            for (size_t j = 0; j < LA_COUNT(ranges); j++) {
                if (threads > 1 && rows[i] > 24) continue; /* no room for their labels */
                rows_case c = define(V, rows[i], ranges[j]);
                check_rows(&t, &c);
                forget(&c);
            }
        la_trainer_release(&t);
    }
}

static void whole(void **state)
{
    (void)state;
    check(60, 1, false);
    check(1024, 1, false);
    check(1057, 2, false);
}

static void by_blocks(void **state)
{
    (void)state;
    check(1057, 1, true); /* one is left for the last block */
    check(1300, 1, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(by_blocks),
    };
    la_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
