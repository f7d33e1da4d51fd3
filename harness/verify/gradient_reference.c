/* SPDX-License-Identifier: Apache-2.0
 * f(x) = sum(dout o(x)) + sum(dstate_out S_T(x)). Along a direction u the four-point difference
 *   (8 (f(x+hu) - f(x-hu)) - (f(x+2hu) - f(x-2hu))) / 12h
 * is f'(x) u with an error of h^4, which the gradients must give too.
 */
#include "gradient_reference.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "doubles.h"
#include "labench/kit.h"
#include "tolerance.h"

/* The first is right where f is smooth. Where a bend (of max(x, 0)) or a divisor of nearly 0 is closer than
 * that, only a shorter one stays on this side of it; it counts where its noise is within the tolerance. */
static const double steps[] = {1e-4, 1e-6, 1e-8, 1e-10};
/* What the rounding of f leaves in a difference, as a share of the size of its terms, times the step: 2e-16
 * with room for sums of many terms. */
#define NOISE 1e-14
enum { ELEMENTS = 4, STREAM = 500 };

typedef struct probe {
    const la_variant *variant;
    const la_problem *p;
    const void *opts;
    la_doubles x, grad;
    double *dout, *dstate; /* of o and of the packed state after the last token; NULL: none */
    double *o, *state_out;
    int64_t n_out, n_state;
    double size; /* root of the sum of the squared terms of f */
} probe;

static double *normal(uint64_t seed, uint64_t stream, int64_t n, la_err *err)
{
    double *x = la_alloc((size_t)n * sizeof *x, err);
    for (int64_t i = 0; x && i < n; i++)
        x[i] = la_random_normal(la_stream(seed, STREAM, stream), (uint64_t)i);
    return x;
}

static la_status value(probe *f, double *out, la_err *err)
{
    LA_TRY(la_doubles_forward(f->variant, f->p, f->opts, &f->x, f->o, f->state_out, err));
    double sum = 0, size = 0;
    for (int64_t i = 0; i < f->n_out; i++) {
        double term = f->dout[i] * f->o[i];
        sum += term, size += term * term;
    }
    for (int64_t i = 0; f->dstate && i < f->n_state; i++) {
        double term = f->dstate[i] * f->state_out[i];
        sum += term, size += term * term;
    }
    f->size = sqrt(size);
    *out = sum;
    return LA_OK;
}

/* The difference along u (NULL: element `at` alone) of the array x of n numbers. */
static la_status difference(probe *f, double step, double *x, int64_t n, const double *u,
                            int64_t at, const double *kept, double *out, la_err *err)
{
    static const double places[] = {1, -1, 2, -2}, weights[] = {8, -8, -1, 1};
    double sum = 0, y = 0;
    la_status st = LA_OK;
    for (int i = 0; i < 4 && st == LA_OK; i++) {
        double h = places[i] * step;
        for (int64_t e = 0; u && e < n; e++) x[e] = kept[e] + h * u[e];
        if (!u) x[at] = kept[at] + h;
        st = value(f, &y, err);
        sum += weights[i] * y;
    }
    memcpy(x, kept, (size_t)n * sizeof *x);
    *out = sum / (12 * step);
    return st;
}

/* The gradient `got` along u, or of element `at`, of array `which`; `scale` is the least that counts. */
static la_status compare(probe *f, int which, double *x, int64_t n, const double *u, int64_t at,
                         const double *kept, double got, double scale, la_err *err)
{
    double first = 0, least = 0;
    for (size_t i = 0; i < LA_COUNT(steps); i++) {
        double want = 0;
        LA_TRY(difference(f, steps[i], x, n, u, at, kept, &want, err));
        double part = la_tolerance_differences() * fmax(fabs(want), scale);
        double noise = NOISE / steps[i] * (1 + f->size), allowed = part + noise;
        if (fabs(got - want) <= allowed && (i == 0 || noise <= part)) return LA_OK;
        if (i == 0) first = want, least = allowed;
    }
    char name[48];
    return LA_FAIL(err, LA_E_WRONG,
                   "the reference's d%s %s %" PRId64 " is %.12g, central differences say %.12g "
                   "(allowed %.3g)",
                   la_doubles_name(f->variant, f->p, f->opts, which, name),
                   u ? "along direction" : "at element", at, got, first, least);
}

static la_status check_array(probe *f, size_t i, uint64_t seed, la_err *err)
{
    int64_t n = 0, same_n = 0;
    int which = 0;
    double *x = la_doubles_at(&f->x, i, &n, &which), norm = 0, along = 0;
    const double *g = la_doubles_at(&f->grad, i, &same_n, &which);
    double *u = normal(seed, 10 + i, n, err), *kept = la_alloc((size_t)n * sizeof *kept, err);
    la_status st = u && kept ? LA_OK : LA_E_NOMEM;
    if (st != LA_OK) goto done;
    memcpy(kept, x, (size_t)n * sizeof *kept);
    double length = 0;
    for (int64_t e = 0; e < n; e++)
        norm += g[e] * g[e], along += g[e] * u[e], length += u[e] * u[e];
    double rms = sqrt(norm / (double)n);
    st = compare(f, which, x, n, u, (int64_t)i, kept, along, rms * sqrt(length), err);
    for (uint64_t k = 0; k < ELEMENTS && st == LA_OK; k++) {
        int64_t at = (int64_t)la_random_below(la_stream(seed, STREAM, 9), 64 * i + k, (uint64_t)n);
        st = compare(f, which, x, n, NULL, at, kept, g[at], rms, err);
    }
done:
    la_free(u);
    la_free(kept);
    return st;
}

/* A state such as one finds on the way: that after the same tokens. */
static la_status prepare_state(probe *f, uint64_t seed, la_err *err)
{
    f->n_state = f->x.n_state;
    if (f->n_state == 0) return LA_OK;
    f->state_out = la_zalloc((size_t)f->n_state * sizeof(double), err);
    f->dstate = normal(seed, 2, f->n_state, err);
    if (!f->state_out || !f->dstate) return LA_E_NOMEM;
    double *state = f->x.state;
    f->x.state = NULL;
    la_status st = la_doubles_forward(f->variant, f->p, f->opts, &f->x, f->o, f->state_out, err);
    f->x.state = state;
    memcpy(state, f->state_out, (size_t)f->n_state * sizeof(double));
    return st;
}

static void release(probe *f)
{
    la_doubles_release(&f->x);
    la_doubles_release(&f->grad);
    la_free(f->dout);
    la_free(f->dstate);
    la_free(f->o);
    la_free(f->state_out);
}

la_status la_gradient_reference_check(const la_variant *variant, const la_problem *p,
                                      const void *opts, la_input_kind kind, bool state,
                                      uint64_t seed, la_err *err)
{
    probe f = {.variant = variant, .p = p, .opts = opts, .n_out = p->B * p->T * p->H * p->dv};
    la_inputs in;
    LA_TRY(la_inputs_draw(variant, p, opts, kind, seed, &in, err));
    la_inputs_vary_constants(&in, seed);
    la_status st = la_doubles_of(variant, opts, &in, state, &f.x, err);
    la_inputs_release(&in);
    if (st == LA_OK) st = la_doubles_alloc(variant, p, opts, state, &f.grad, err);
    f.dout = normal(seed, 1, f.n_out, err);
    f.o = la_alloc((size_t)f.n_out * sizeof(double), err);
    if (st == LA_OK && (!f.dout || !f.o)) st = LA_E_NOMEM;
    if (st == LA_OK) st = prepare_state(&f, seed, err);
    if (st == LA_OK)
        st = la_doubles_backward(variant, p, opts, &f.x, f.dout, f.dstate, &f.grad, err);
    int64_t n;
    int which;
    for (size_t i = 0; st == LA_OK && la_doubles_at(&f.x, i, &n, &which); i++)
        st = check_array(&f, i, seed, err);
    release(&f);
    return st;
}
