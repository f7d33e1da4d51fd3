/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cufft.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fake_driver.h"

enum { PLANS = 64, INVALID_PLAN = 1, INVALID_VALUE = 4, NO_WORKSPACE = 0xD };

int fake_cufft_plans, fake_cufft_code;
fake_cufft_plan fake_cufft_last;
static fake_cufft_plan plans[PLANS];
static bool taken[PLANS];

static int create(int *plan)
{
    for (int i = 0; i < PLANS; i++) {
        if (taken[i]) continue;
        taken[i] = true;
        plans[i] = (fake_cufft_plan){.allocates = 1};
        fake_cufft_plans++;
        *plan = i + 1;
        return 0;
    }
    return LA_CUFFT_ALLOC_FAILED;
}

static fake_cufft_plan *of(int plan)
{
    return plan >= 1 && plan <= PLANS && taken[plan - 1] ? &plans[plan - 1] : NULL;
}

static int set_auto_allocation(int plan, int on)
{
    if (!of(plan)) return INVALID_PLAN;
    of(plan)->allocates = on;
    return 0;
}

static int make_plan_many(int plan, int rank, long long *n, long long *in, long long in_stride,
                          long long in_step, long long *out, long long out_stride,
                          long long out_step, int type, long long count, size_t *work_bytes)
{
    fake_cufft_plan *p = of(plan);
    int code = fake_cufft_code;
    fake_cufft_code = 0;
    if (!p || code) return code ? code : INVALID_PLAN;
    if (rank < 1 || rank > 2 || in_stride != 1 || out_stride != 1 || type != LA_CUFFT_R2C)
        return INVALID_VALUE;
    const int first = 2 - rank; /* one axis lies in the second place */
    p->rank = rank, p->type = type, p->count = count;
    p->n[0] = p->in[0] = p->out[0] = 1;
    memcpy(p->n + first, n, (size_t)rank * sizeof *n);
    memcpy(p->in + first, in, (size_t)rank * sizeof *in);
    memcpy(p->out + first, out, (size_t)rank * sizeof *out);
    p->in_step = in_step, p->out_step = out_step;
    if (p->n[0] < 1 || p->n[1] < 1 || count < 1) return LA_CUFFT_INVALID_SIZE;
    if (p->in[1] < p->n[1] || p->out[1] < p->n[1] / 2 + 1) return INVALID_VALUE;
    long long longest = p->n[0] > p->n[1] ? p->n[0] : p->n[1];
    p->work_bytes = (size_t)(count * out_step) * 2 * sizeof(float) * (longest % 2 ? 3 : 1);
    *work_bytes = p->work_bytes;
    fake_cufft_last = *p;
    return 0;
}

static int set_stream(int plan, void *stream)
{
    if (!of(plan)) return INVALID_PLAN;
    of(plan)->stream = stream;
    return 0;
}

static int set_work_area(int plan, void *work)
{
    if (!of(plan)) return INVALID_PLAN;
    of(plan)->work = work;
    return 0;
}

static int destroy(int plan)
{
    if (!of(plan)) return INVALID_PLAN;
    taken[plan - 1] = false;
    fake_cufft_plans--;
    return 0;
}

/* ---- the transform ---- */

/* n numbers `stride` apart to as many of the n that their transform has. */
static void transform(const double complex *from, double complex *to, long long n, long long stride,
                      long long kept)
{
    for (long long k = 0; k < kept; k++) {
        double complex sum = 0;
        for (long long j = 0; j < n; j++) {
            double angle = -6.283185307179586 * (double)(j * k % n) / (double)n;
            sum += from[j * stride] * CMPLX(cos(angle), sin(angle));
        }
        to[k * stride] = sum;
    }
}

static void transform_plane(const fake_cufft_plan *p, const float *in, float *out)
{
    const long long rows = p->n[0], columns = p->n[1], half = columns / 2 + 1;
    double complex *x = malloc((size_t)(rows * columns) * sizeof *x),
                   *z = malloc((size_t)(rows * columns) * sizeof *z);
    if (!x || !z) abort();
    for (long long r = 0; r < rows; r++) {
        for (long long c = 0; c < columns; c++) x[r * columns + c] = (double)in[r * p->in[1] + c];
        transform(x + r * columns, z + r * columns, columns, 1, half);
    }
    for (long long c = 0; c < half; c++) transform(z + c, x + c, rows, columns, rows);
    for (long long r = 0; r < rows; r++)
        for (long long c = 0; c < half; c++) {
            float *to = out + 2 * (r * p->out[1] + c);
            to[0] = (float)creal(x[r * columns + c]);
            to[1] = (float)cimag(x[r * columns + c]);
        }
    free(x);
    free(z);
}

typedef struct call {
    fake_cufft_plan plan;
    const float *in;
    float *out;
} call;

static void run(void *data)
{
    const call *c = data;
    memset(c->plan.work, 0xFF, c->plan.work_bytes); /* all of it is the library's */
    for (long long i = 0; i < c->plan.count; i++)
        transform_plane(&c->plan, c->in + i * c->plan.in_step, c->out + 2 * i * c->plan.out_step);
    fake_ran();
}

static int exec_r2c(int plan, float *in, float *out)
{
    const fake_cufft_plan *p = of(plan);
    if (!p || !p->stream) return INVALID_PLAN;
    if (p->allocates || !p->work) return NO_WORKSPACE;
    /* In place the two layouts are one, in the order that planes are gone through here too. */
    if (in == out && (p->in[1] != 2 * p->out[1] || p->in_step != 2 * p->out_step))
        return INVALID_VALUE;
    call now = {*p, in, out}, *kept = malloc(sizeof now);
    if (!kept) abort();
    *kept = now;
    if (fake_record(run, free, kept, true)) return 0;
    run(&now);
    free(kept);
    return 0;
}

const la_cufft fake_cufft = {.create = create,
                             .set_auto_allocation = set_auto_allocation,
                             .make_plan_many = make_plan_many,
                             .set_stream = set_stream,
                             .set_work_area = set_work_area,
                             .exec_r2c = exec_r2c,
                             .destroy = destroy};
