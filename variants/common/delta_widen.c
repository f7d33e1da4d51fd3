/* SPDX-License-Identifier: Apache-2.0
 * A float32 kernel on bfloat16 rows: q, k and v are widened a segment at a time, o is rounded, and S goes
 * from segment to segment in float32. For what is bound by S and not by products of rows: the recurrent
 * form and the decode step.
 */
#include "delta_slice.h"

static const la_bf16 *narrow_of(const float *p)
{
    return (const la_bf16 *)(const void *)p;
}

void la_delta_widened(const la_delta_slice *x)
{
    int64_t run = x->segment < x->T ? x->segment : x->T, dk = x->dk, w = x->w;
    float *q = x->work, *k = q + la_delta_up(run * dk), *v = k + la_delta_up(run * dk);
    float *o = v + la_delta_up(run * w), *S = o + la_delta_up(run * w);
    float *work = run < x->T ? S + la_delta_up(dk * x->S_row) : S, *behind = NULL;
    for (int64_t t = 0; t < x->T; t += run) {
        int64_t n = x->T - t < run ? x->T - t : run;
        la_delta_slice y = la_delta_part(x, t, t + n);
        la_bf16 *outputs = (la_bf16 *)(void *)y.o;
        x->narrow->widen_rows(n, dk, narrow_of(y.q), x->qk_row, q, dk);
        x->narrow->widen_rows(n, dk, narrow_of(y.k), x->qk_row, k, dk);
        x->narrow->widen_rows(n, w, narrow_of(y.v), x->v_row, v, w);
        y.q = q, y.k = k, y.v = v, y.o = o;
        y.qk_row = dk, y.v_row = w;
        y.work = work;
        if (t > 0) y.S_in = behind;
        behind = x->saved ? x->saved + t / run * dk * x->S_row : S;
        if (t + n == x->T) behind = x->S_out;
        y.S_out = behind, y.saved = NULL;
        x->wide(&y);
        x->narrow->narrow_rows(n, w, o, w, outputs, x->v_row);
    }
}
