/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <inttypes.h>
#include <math.h>

static double value_at(const void *data, int64_t i, la_dtype dtype)
{
    if (dtype == LA_F64) return ((const double *)data)[i];
    LA_ASSERT(dtype == LA_F32);
    return (double)((const float *)data)[i];
}

void la_compare(const la_variant *variant, const la_problem *p, const void *o, const int64_t *rows,
                int64_t n_rows, const double *want, la_error *out)
{
    if (!rows) n_rows = p->T;
    /* Rows of o are [B, T, groups, width]; fnet's have one group of H*dv. */
    int64_t groups = variant->inputs & LA_IN_X ? 1 : p->H;
    int64_t width = p->H * p->dv / groups;
    *out = (la_error){.n = p->B * n_rows * p->H * p->dv, .worst = -1};
    double diff2 = 0, want2 = 0, got2 = 0, dot = 0;
    for (int64_t i = 0; i < out->n; i++) want2 += want[i] * want[i];
    double rms = sqrt(want2 / (double)out->n);
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t r = 0; r < n_rows; r++)
            for (int64_t h = 0; h < groups; h++) {
                int64_t t = rows ? rows[r] : r;
                int64_t from = ((b * p->T + t) * groups + h) * width;
                int64_t ref = ((b * n_rows + r) * groups + h) * width;
                double row_diff = 0, row2 = 0;
                for (int64_t c = 0; c < width; c++) {
                    double got = value_at(o, from + c, p->dtype), w = want[ref + c];
                    double d = fabs(got - w);
                    if (!isfinite(got)) {
                        out->n_nonfinite++;
                        if (out->worst < 0 || isfinite(out->worst_got))
                            out->worst = ref + c, out->worst_got = got, out->worst_want = w;
                        continue;
                    }
                    diff2 += d * d;
                    got2 += got * got;
                    dot += got * w;
                    row2 += w * w;
                    if (d > row_diff) row_diff = d;
                    if (out->worst < 0 || d > out->max_abs) {
                        out->max_abs = d > out->max_abs ? d : out->max_abs;
                        if (!out->n_nonfinite)
                            out->worst = ref + c, out->worst_got = got, out->worst_want = w;
                    }
                }
                /* A row much smaller than the tensor is measured against the tensor. */
                double scale = fmax(sqrt(row2 / (double)width), 1e-2 * rms);
                double rel = scale > 0 ? row_diff / scale : row_diff;
                if (rel > out->max_rel) out->max_rel = rel;
            }
    out->rel_rms = want2 > 0 ? sqrt(diff2 / want2) : sqrt(diff2);
    out->cosine = want2 > 0 && got2 > 0 ? dot / sqrt(want2 * got2) : want2 == got2;
}

int64_t la_count_nonfinite(const void *data, int64_t n, la_dtype dtype)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) bad += !isfinite(value_at(data, i, dtype));
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
