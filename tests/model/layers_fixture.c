/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "layers_fixture.h"
#include "tolerance.h"

enum { GUARD = 64 };

const la_layers *layer_tables[LA_ISAS];
int layer_tables_len;

#if LA_ON_EMULATOR
#include "layers_cuda.h"

static la_layers_queue queue;

/* The table of devices, whose kernels run on the CPU here and whose memory is the host's. */
int collect_tables(void **state)
{
    (void)state;
    queue.scratch_bytes = la_layers_cuda_scratch(4096, 4096, 4096, 256, 4096);
    queue.scratch = malloc(queue.scratch_bytes);
    assert_non_null(queue.scratch);
    la_layers_queue_enter(&queue);
    layer_tables[0] = la_layers_cuda();
    layer_tables_len = 1;
    return 0;
}

int leave_tables(void **state)
{
    (void)state;
    free(queue.scratch);
    if (queue.status != LA_OK) print_error("%s\n", queue.err.msg);
    return queue.status != LA_OK;
}
#else
int collect_tables(void **state)
{
    (void)state;
    layer_tables_len = 0;
    la_isa best = la_isa_best();
    for (int isa = getenv("LABENCH_ISA") ? (int)best : 0; isa <= (int)best; isa++) {
        const la_layers *table = la_layers_get((la_isa)isa);
        if (table->isa == (la_isa)isa) layer_tables[layer_tables_len++] = table;
    }
    assert_true(layer_tables_len > 0);
    return 0;
}

int leave_tables(void **state)
{
    (void)state;
    return 0;
}
#endif

static tensor tensor_new(const char *name, int64_t rows, int64_t cols, int64_t pad)
{
    tensor t = {name, rows, cols, cols + pad, NULL, NULL};
    int64_t room = rows * t.ld + GUARD;
    t.f = malloc((size_t)room * sizeof *t.f);
    t.d = calloc((size_t)(rows * cols + 1), sizeof *t.d);
    assert_true(t.f && t.d);
    for (int64_t i = 0; i < room; i++) t.f[i] = NAN;
    return t;
}

tensor tensor_normal(const char *name, int64_t rows, int64_t cols, int64_t pad, double scale)
{
    tensor t = tensor_new(name, rows, cols, pad);
    uint64_t tensor_id = 0;
    for (const char *c = name; *c; c++) tensor_id = 31 * tensor_id + (uint64_t)*c;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            double z = la_random_normal(la_stream(11, tensor_id, 0), (uint64_t)(i * cols + j));
            t.f[i * t.ld + j] = (float)(z * scale);
            t.d[i * cols + j] = (double)t.f[i * t.ld + j];
        }
    return t;
}

tensor tensor_filled(const char *name, int64_t rows, int64_t cols, int64_t pad, float value)
{
    tensor t = tensor_new(name, rows, cols, pad);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) t.f[i * t.ld + j] = value;
    return t;
}

void tensor_free(tensor *t)
{
    free(t->f);
    free(t->d);
    *t = (tensor){0};
}

/* Differences count against the tensor's rms, or against 0.1 where cancellation leaves less than that of
 * terms of size 1. */
void expect_tensor(const tensor *t, const double *want, double base, const char *where)
{
    const la_tolerance tolerance = la_tolerance_layer();
    double error = 0.0, size = 0.0, worst = 0.0;
    int64_t at = 0, n = t->rows * t->cols;
    for (int64_t i = 0; i < n; i++) {
        double got = (double)t->f[i / t->cols * t->ld + i % t->cols] - base;
        double off = fabs(got - want[i]);
        size += want[i] * want[i];
        error += off * off;
        if (!(off <= worst)) {
            worst = off;
            at = i;
        }
    }
    size = fmax(sqrt(size / (double)n), 0.1);
    if (!(sqrt(error / (double)n) <= tolerance.rel_rms * size) ||
        !(worst <= tolerance.max_rel * size))
        fail_msg("%s, %s: [%lld, %lld] is %.9g, not %.9g (rms of all %.3g, of the error %.3g)",
                 where, t->name, (long long)(at / t->cols), (long long)(at % t->cols),
                 (double)t->f[at / t->cols * t->ld + at % t->cols] - base, want[at], size,
                 sqrt(error / (double)n));
    for (int64_t i = 0; i < t->rows * t->ld + GUARD; i++)
        if ((i / t->ld >= t->rows || i % t->ld >= t->cols) && !isnan(t->f[i]))
            fail_msg("%s, %s: float %lld lies outside and was written", where, t->name,
                     (long long)i);
}

void layer_case_free(layer_case *c)
{
    tensor_free(&c->x);
    tensor_free(&c->w);
    tensor_free(&c->b);
    tensor_free(&c->gate);
    tensor_free(&c->dy);
    free(c->y);
    c->y = NULL;
}

static double loss_of(layer_case *c)
{
    int64_t n = c->dy.rows * c->dy.cols;
    if (!c->y) c->y = malloc((size_t)(n + 1) * sizeof *c->y);
    assert_non_null(c->y);
    c->forward(c);
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += c->dy.d[i] * c->y[i];
    return sum;
}

double *layer_forward(layer_case *c)
{
    loss_of(c);
    int64_t n = c->dy.rows * c->dy.cols;
    double *y = malloc((size_t)(n + 1) * sizeof *y);
    assert_non_null(y);
    memcpy(y, c->y, (size_t)n * sizeof *y);
    return y;
}

double *layer_gradient(layer_case *c, tensor *input)
{
    const double h = 1e-5;
    int64_t n = input->rows * input->cols;
    double *gradient = malloc((size_t)(n + 1) * sizeof *gradient);
    assert_non_null(gradient);
    for (int64_t i = 0; i < n; i++) {
        double x = input->d[i];
        input->d[i] = x + h;
        double above = loss_of(c);
        input->d[i] = x - h;
        double below = loss_of(c);
        input->d[i] = x;
        gradient[i] = (above - below) / (2.0 * h);
    }
    return gradient;
}

double sigmoid_of(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

double act_of(la_act act, double x)
{
    return act == LA_ACT_NONE ? x : act == LA_ACT_SILU ? x * sigmoid_of(x) : sigmoid_of(x);
}
