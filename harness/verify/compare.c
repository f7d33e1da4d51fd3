/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "elements.h"
#include "gradient_compare.h"

/* Rows below this part of the tensor's rms are measured against it. In narrow types the plain method is off by
 * more than a row that holds almost nothing: what a token reads right after a reset. */
#define SMALL        1e-2
#define SMALL_NARROW 1e-1

enum { SHARED = 1 << 18 }; /* values that are more than a thread's work */

/* Sums over what was compared so far; row by row, so that an output need not be gathered first. */
typedef struct sums {
    la_error *e;
    double diff2, got2, want2, dot, rms;
    double least; /* errors are relative to this at least */
    double small; /* and to this part of rms */
} sums;

/* Root mean square of what is wanted, over its finite values. */
static double rms_of(const double *want, int64_t n, double *sum)
{
    *sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(want[i])) *sum += want[i] * want[i];
    return n ? sqrt(*sum / (double)n) : 0;
}

/* One row; `at` is the index of its first element in the compared set. */
static void add_row(sums *s, const void *got_row, la_dtype dtype, const double *want, int64_t width,
                    int64_t at)
{
    la_error *e = s->e;
    double row_diff = 0, row2;
    double row_rms = rms_of(want, width, &row2);
    for (int64_t c = 0; c < width; c++) {
        double got = la_element(got_row, c, dtype), w = want[c];
        if (got == w && !isfinite(w)) continue;
        double d = fabs(got - w);
        if (!isfinite(got)) {
            if (e->n_nonfinite++ == 0) e->worst = at + c, e->worst_got = got, e->worst_want = w;
            continue;
        }
        s->diff2 += d * d;
        s->got2 += got * got;
        s->dot += got * w;
        if (!(d <= row_diff)) row_diff = d;
        if (e->worst < 0 || !(d <= e->max_abs)) {
            e->max_abs = d;
            if (!e->n_nonfinite) e->worst = at + c, e->worst_got = got, e->worst_want = w;
        }
    }
    /* A row much smaller than the tensor is measured against the tensor. */
    double scale = fmax(row_rms, fmax(s->small * s->rms, s->least));
    double rel = scale > 0 ? row_diff / scale : row_diff;
    if (!(rel <= e->max_rel)) e->max_rel = rel;
}

static void finish(const sums *s)
{
    double want2 = fmax(s->want2, s->least * s->least * (double)s->e->n);
    s->e->rel_rms = want2 > 0 ? sqrt(s->diff2 / want2) : sqrt(s->diff2);
    s->e->cosine =
        s->want2 > 0 && s->got2 > 0 ? s->dot / sqrt(s->want2 * s->got2) : s->want2 == s->got2;
}

void la_compare(const la_variant *variant, const la_problem *p, const void *o, const int64_t *rows,
                int64_t n_rows, const double *want, la_error *out)
{
    if (!rows) n_rows = p->T;
    /* Rows of o are [B, T, groups, width]; fnet's have one group of H*dv. */
    int64_t groups = variant->inputs & LA_IN_X ? 1 : p->H;
    int64_t width = p->H * p->dv / groups;
    size_t element = la_dtype_size(p->dtype);
    *out = (la_error){.n = p->B * n_rows * p->H * p->dv, .worst = -1};
    sums s = {.e = out, .small = p->dtype == LA_F32 || p->dtype == LA_F64 ? SMALL : SMALL_NARROW};
    s.rms = rms_of(want, out->n, &s.want2);
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t r = 0; r < n_rows; r++)
            for (int64_t h = 0; h < groups; h++) {
                int64_t t = rows ? rows[r] : r;
                int64_t from = ((b * p->T + t) * groups + h) * width;
                int64_t at = ((b * n_rows + r) * groups + h) * width;
                add_row(&s, (const char *)o + (size_t)from * element, p->dtype, want + at, width,
                        at);
            }
    finish(&s);
}

void la_compare_doubles(const double *got, const double *want, int64_t n, int64_t width,
                        la_error *out)
{
    *out = (la_error){.n = n, .worst = -1};
    sums s = {.e = out, .small = SMALL};
    s.rms = rms_of(want, n, &s.want2);
    for (int64_t at = 0; at < n; at += width) add_row(&s, got + at, LA_F64, want + at, width, at);
    finish(&s);
}

void la_compare_least(const void *got, la_dtype dtype, const double *want, int64_t n, int64_t width,
                      double least, la_error *out)
{
    *out = (la_error){.n = n, .worst = -1};
    sums s = {.e = out, .least = least, .small = SMALL};
    s.rms = rms_of(want, n, &s.want2);
    for (int64_t at = 0; at < n; at += width)
        add_row(&s, (const char *)got + (size_t)at * la_dtype_size(dtype), dtype, want + at, width,
                at);
    finish(&s);
}

/* Infinities and NaN have every bit of the exponent set. */
static int64_t nonfinite_words(const char *x, int64_t n)
{
    int64_t bad = 0;
#pragma omp parallel for reduction(+ : bad) if (n > SHARED) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, x + i * (int64_t)sizeof word, sizeof word);
        bad += (word & 0x7F800000u) == 0x7F800000u;
    }
    return bad;
}

static int64_t nonfinite_halves(const char *x, int64_t n, uint32_t exponent)
{
    int64_t bad = 0;
#pragma omp parallel for reduction(+ : bad) if (n > SHARED) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, x + i * (int64_t)sizeof half, sizeof half);
        bad += (half & exponent) == exponent;
    }
    return bad;
}

int64_t la_count_nonfinite(const void *data, int64_t n, la_dtype dtype)
{
    if (dtype == LA_F32) return nonfinite_words(data, n);
    if (dtype == LA_BF16) return nonfinite_halves(data, n, 0x7F80u);
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) bad += !isfinite(la_element(data, i, dtype));
    return bad;
}

la_status la_judge(const la_error *e, la_tolerance tol, la_err *err)
{
    if (e->n_nonfinite)
        return LA_FAIL(err, LA_E_NONFINITE,
                       "%" PRId64 " of %" PRId64 " values are not finite, the first at %" PRId64
                       ": %g where %.9g is right",
                       e->n_nonfinite, e->n, e->worst, e->worst_got, e->worst_want);
    if (!(e->rel_rms <= tol.rel_rms) || !(e->max_rel <= tol.max_rel))
        return LA_FAIL(
            err, LA_E_WRONG,
            "relative rms error %.3g (allowed %.3g), worst row %.3g (allowed %.3g); at %" PRId64
            ": %.9g where %.9g is right",
            e->rel_rms, tol.rel_rms, e->max_rel, tol.max_rel, e->worst, e->worst_got,
            e->worst_want);
    return LA_OK;
}
