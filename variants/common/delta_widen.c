/* SPDX-License-Identifier: Apache-2.0
 * A float32 kernel on bfloat16 rows: q, k and v are widened a segment at a time, o is rounded, and S goes
 * from segment to segment in float32. For what is bound by S and not by products of rows: the recurrent
 * form and the decode step.
 */
#include "delta_slice.h"

static const la_bf16 *rows_of(const float *p, int64_t elements)
{
    return (const la_bf16 *)(const void *)p + elements;
}

void la_delta_widened(const la_delta_slice *x)
{
    int64_t run = x->segment < x->T ? x->segment : x->T, dk = x->dk, w = x->w;
    int64_t gates = x->gate_row * (x->decay == LA_DECAY_CHANNEL ? dk : 1);
    float *q = x->work, *k = q + la_delta_up(run * dk), *v = k + la_delta_up(run * dk);
    float *o = v + la_delta_up(run * w), *S = o + la_delta_up(run * w);
    la_delta_slice y = *x;
    y.q = q, y.k = k, y.v = v, y.o = o;
    y.qk_row = dk, y.v_row = w;
    y.saved = NULL;
    y.work = S + la_delta_up(dk * x->S_row);
    for (int64_t t = 0; t < x->T; t += run) {
        int64_t n = x->T - t < run ? x->T - t : run;
        x->narrow->widen_rows(n, dk, rows_of(x->q, t * x->qk_row), x->qk_row, q, dk);
        x->narrow->widen_rows(n, dk, rows_of(x->k, t * x->qk_row), x->qk_row, k, dk);
        x->narrow->widen_rows(n, w, rows_of(x->v, t * x->v_row), x->v_row, v, w);
        y.T = n;
        if (t > 0) y.S_in = y.S_out;
        y.S_out = x->saved ? x->saved + t / run * dk * x->S_row : S;
        if (t + n == x->T) y.S_out = x->S_out;
        x->wide(&y);
        x->narrow->narrow_rows(n, w, o, w, (la_bf16 *)(void *)x->o + t * x->v_row, x->v_row);
        y.g = y.g ? y.g + n * gates : NULL;
        y.a = y.a ? y.a + n * gates : NULL;
        y.b = y.b ? y.b + n * gates : NULL;
        y.beta = y.beta ? y.beta + n * x->gate_row : NULL;
    }
}
