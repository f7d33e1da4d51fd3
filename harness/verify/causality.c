/* SPDX-License-Identifier: Apache-2.0
 * Causality: tokens after t changed, o_1..o_t keep their bits (or stay within the tolerance that a
 * stabiliser shared inside a chunk is given).
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "elements.h"
#include "suite.h"

/* Overwrites tokens after t of `to` with those of `other`. */
static void replace_future(la_inputs *to, const la_inputs *other, int64_t t)
{
    const la_problem *p = &to->problem;
    for (int i = 0; i < LA_T_COUNT; i++) {
        if (!to->t[i].data) continue;
        size_t row = to->t[i].bytes / (size_t)(p->B * p->T);
        for (int64_t b = 0; b < p->B; b++) {
            size_t from = (size_t)(b * p->T + t + 1) * row;
            memcpy((char *)to->t[i].data + from, (const char *)other->t[i].data + from,
                   (size_t)(p->T - t - 1) * row);
        }
    }
}

/* Rows 0..t of both outputs agree, for every batch entry. */
static la_status same_past(const la_case *c, const char *was, const char *is, int64_t t,
                           la_err *err)
{
    double allowed = la_tolerance_causal(c->variant, c->impl, c->p.dtype);
    size_t row = la_case_row_bytes(c), past = (size_t)(t + 1) * row;
    for (int64_t b = 0; b < c->p.B; b++) {
        size_t at = (size_t)(b * c->p.T) * row;
        if (memcmp(was + at, is + at, past) == 0) continue;
        double norm2 = 0;
        int64_t n = (int64_t)(past / la_dtype_size(c->p.dtype)), width = c->p.H * c->p.dv;
        for (int64_t i = 0; i < n; i++) {
            double x = la_element(was + at, i, c->p.dtype);
            norm2 += x * x;
        }
        double rms = sqrt(norm2 / (double)n);
        for (int64_t i = 0; i < n; i++) {
            double x = la_element(was + at, i, c->p.dtype), y = la_element(is + at, i, c->p.dtype);
            if (fabs(x - y) <= allowed * rms) continue;
            return LA_FAIL(err, LA_E_WRONG,
                           "changing the tokens after %" PRId64 " changes o at batch %" PRId64
                           ", token %" PRId64 ", head %" PRId64 ", channel %" PRId64
                           " from %.9g to %.9g",
                           t, b, i / width, i % width / c->p.dv, i % c->p.dv, x, y);
        }
    }
    return LA_OK;
}

la_status la_check_causality(const la_case *c, la_err *err)
{
    int64_t T = c->p.T, points[] = {0, T / 3, 63, T / 2, 64, T - 2};
    la_inputs other = {0}, mixed = {0};
    la_instance inst = {0};
    la_buffer first = {0};
    la_status st =
        la_inputs_draw(c->variant, &c->p, c->opts, LA_INPUTS_WIDE, c->seed + 1000, &other, err);
    if (st == LA_OK) st = la_case_instance(c, LA_FORWARD, T, c->p.threads, &inst, err);
    if (st == LA_OK) st = la_buffer_init(&first, inst.o.bytes, err);
    if (st == LA_OK) st = la_case_call(&inst, c->in, NULL, NULL, 0, err);
    if (st != LA_OK) goto done;
    memcpy(first.data, inst.o.data, first.bytes);
    for (size_t i = 0; i < LA_COUNT(points) && st == LA_OK; i++) {
        if (points[i] < 0 || points[i] > T - 2) continue;
        st = la_inputs_piece(c->variant, c->opts, c->in, 0, T, &mixed, err);
        if (st != LA_OK) break;
        replace_future(&mixed, &other, points[i]);
        st = la_case_call(&inst, &mixed, NULL, NULL, 0, err);
        if (st == LA_OK) st = same_past(c, first.data, inst.o.data, points[i], err);
        la_inputs_release(&mixed);
    }
done:
    la_buffer_release(&first);
    la_instance_release(&inst);
    la_inputs_release(&other);
    return st;
}
