/* SPDX-License-Identifier: Apache-2.0
 * Legs of pieces by the kernel of a whole sequence (x->wide). States have rows as the caller's.
 */
#include "delta_pieces.h"

/* From `in`, or where the sequence starts from the caller's state. */
void la_delta_part_whole(const la_delta_slice *x, const la_delta_leg *leg)
{
    la_delta_slice y = la_delta_part(x, leg->start, leg->end);
    if (leg->start > 0) y.S_in = leg->in;
    y.S_out = leg->out;
    x->wide(&y);
    la_state_give(x, leg->out, x->S_row, la_state_saved(x, leg->end));
    if (leg->end == x->T) la_state_give(x, leg->out, x->S_row, x->S_out);
}

/* Adds rows [n,w] of the problem's type to o. */
static void add_rows(const la_delta_slice *x, int64_t n, const float *rows, float *wide, float *o)
{
    for (int64_t i = 0; i < n; i++) {
        float *to = la_delta_elements(x, o, i * x->v_row);
        const float *from = la_delta_elements(x, rows, i * x->w);
        if (!x->narrow) {
            x->tile->axpy(x->w, 1.0f, from, to);
            continue;
        }
        x->narrow->widen(x->w, (const la_bf16 *)(const void *)from, wide);
        x->narrow->widen(x->w, (const la_bf16 *)(const void *)to, wide + x->w);
        x->tile->axpy(x->w, 1.0f, wide, wide + x->w);
        x->narrow->narrow(x->w, wide + x->w, (la_bf16 *)(void *)to);
    }
}

void la_delta_part_mend(const la_delta_slice *x, const la_delta_leg *leg)
{
    int64_t size = x->segment * x->w;
    float *v = leg->scratch, *o = v + size;
    const float *S = leg->in;
    memset(v, 0, (size_t)size * sizeof *v);
    for (int64_t t = leg->start, end; t < leg->end; t = end, S = leg->out) {
        end = t + x->segment < leg->end ? t + x->segment : leg->end;
        la_delta_slice y = la_delta_part(x, t, end);
        float *outputs = y.o, *saved = la_state_saved(x, end);
        y.v = v, y.o = o, y.v_row = x->w;
        y.S_in = S, y.S_out = leg->out, y.saved = NULL;
        x->wide(&y);
        add_rows(x, y.T, o, o + size, outputs);
        if (saved) x->tile->axpy(x->dk * x->S_row, 1.0f, leg->out, saved);
    }
}
