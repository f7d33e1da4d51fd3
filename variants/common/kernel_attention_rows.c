/* SPDX-License-Identifier: Apache-2.0
 * Rows of tensors for kernel attention: float32 where they lie, bfloat16 by way of a thread's buffers, a
 * chunk at a time. All arithmetic is in float32.
 */
#include "counts.h"
#include "kernel_attention.h"

bool la_ka_is_half(const la_ka *ka)
{
    return ka->p.dtype == LA_BF16;
}

int64_t la_ka_wide_floats(const la_ka *ka)
{
    return la_ka_is_half(ka) ? 2 * ka->chunk * (la_whole_lines(ka->p.dk) + la_whole_lines(ka->p.dv))
                             : 0;
}

int64_t la_ka_row(const la_ka *ka, int64_t i, int64_t t)
{
    int64_t H = ka->p.H;
    return (i / H * ka->p.T + t) * H + i % H;
}

/* Rows [n,d] of a tensor from row `row` on, H rows apart, widened into `to`. */
const float *la_ka_widened(const la_ka *ka, const void *tensor, int64_t row, int64_t n, int64_t d,
                           float *to)
{
    ka->half->widen_rows(n, d, (const la_bf16 *)tensor + row * d, ka->p.H * d, to,
                         la_whole_lines(d));
    return to;
}

la_ka_rows la_ka_rows_at(const la_ka *ka, const la_io *io, int64_t i, int64_t t, int64_t n,
                         unsigned wanted, const la_ka_buffers *w)
{
    int64_t H = ka->p.H, dk = ka->p.dk, dv = ka->p.dv, row = la_ka_row(ka, i, t);
    la_ka_rows x = {.n = n,
                    .ldk = H * dk,
                    .ldv = H * dv,
                    .head = i % H,
                    .params = io->params,
                    .shared = ka->prepare ? io->work : NULL};
    if (!la_ka_is_half(ka)) {
        x.q = (const float *)io->q + row * dk;
        x.k = (const float *)io->k + row * dk;
        x.v = (const float *)io->v + row * dv;
        x.o = (float *)io->o + row * dv;
        return x;
    }
    x.ldk = la_whole_lines(dk), x.ldv = la_whole_lines(dv);
    float *q = w->wide, *k = q + ka->chunk * x.ldk, *v = k + ka->chunk * x.ldk;
    x.q = q, x.k = k, x.v = v, x.o = v + ka->chunk * x.ldv;
    if (wanted & LA_KA_Q) la_ka_widened(ka, io->q, row, n, dk, q);
    if (wanted & LA_KA_K) la_ka_widened(ka, io->k, row, n, dk, k);
    if (wanted & LA_KA_V) la_ka_widened(ka, io->v, row, n, dv, v);
    return x;
}

la_ka_rows la_ka_chunk_rows(const la_ka *ka, const la_io *io, int64_t i, int64_t c, unsigned wanted,
                            const la_ka_buffers *w)
{
    int64_t t = c * ka->chunk, left = ka->p.T - t;
    return la_ka_rows_at(ka, io, i, t, left < ka->chunk ? left : ka->chunk, wanted, w);
}

void la_ka_put(const la_ka *ka, int64_t n, int64_t d, const float *from, int64_t ld, void *tensor,
               int64_t row)
{
    if (la_ka_is_half(ka) && tensor)
        ka->half->narrow_rows(n, d, from, ld, (la_bf16 *)tensor + row * d, ka->p.H * d);
}

/* Rows of one head lie H rows apart, a page every few rows, where the hardware does not look ahead. */
static void ask_for_rows(const float *rows, int64_t n, int64_t ld, int64_t d)
{
    if (ld == d) return; /* one stretch, where the hardware does look ahead */
    for (int64_t i = 0; i < n; i++) la_ask_for(rows + i * ld, d * (int64_t)sizeof *rows);
}

void la_ka_look_ahead(const la_ka *ka, const la_io *io, int64_t i, int64_t c, unsigned wanted)
{
    if (la_ka_is_half(ka)) return;
    la_ka_rows x = la_ka_chunk_rows(ka, io, i, c, 0, NULL);
    if (wanted & LA_KA_Q) ask_for_rows(x.q, x.n, x.ldk, ka->p.dk);
    if (wanted & LA_KA_K) ask_for_rows(x.k, x.n, x.ldk, ka->p.dk);
    if (wanted & LA_KA_V) ask_for_rows(x.v, x.n, x.ldv, ka->p.dv);
}
