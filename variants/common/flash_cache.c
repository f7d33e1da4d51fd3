/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles: the KV cache, which keys a row sees, and how rows come into panels and out of
 * them, in float32 and bf16.
 */
#include <string.h>

#include "flash_kernels.h"
#include "kv_attention.h"
#include "labench/kit.h"

/* ---- the cache ---- */

/* Keys and values of one (batch, kv head): [capacity, dk], [capacity, dv]. */
static void cache_of(const flash *f, const void *state, int64_t head, const char **k,
                     const char **v)
{
    const char *first = (const char *)state + (size_t)(head * f->capacity * f->p.dk) * f->element;
    *k = first;
    first = (const char *)state + la_kv_values_at(&f->p, f->capacity);
    *v = first + (size_t)(head * f->capacity * f->p.dv) * f->element;
}

int64_t la_flash_held(const flash *f, int64_t pos)
{
    return pos < f->capacity ? pos : f->capacity;
}

flash_run la_flash_cached(const flash *f, const void *state, int64_t head, int64_t pos,
                          int64_t count, int64_t from)
{
    int64_t slot = (pos - count + from) % f->capacity, n = count - from;
    flash_run run = {.k_step = f->p.dk, .v_step = f->p.dv, .before = n};
    cache_of(f, state, head, &run.k, &run.v);
    run.k += (size_t)(slot * run.k_step) * f->element;
    run.v += (size_t)(slot * run.v_step) * f->element;
    run.n = n < f->capacity - slot ? n : f->capacity - slot;
    return run;
}

flash_run la_flash_own(const flash *f, const la_io *io, int64_t b, int64_t kv)
{
    const la_problem *p = &f->p;
    int64_t at = b * p->T * p->Hkv + kv;
    return (flash_run){.k = (const char *)io->k + (size_t)(at * p->dk) * f->element,
                       .v = (const char *)io->v + (size_t)(at * p->dv) * f->element,
                       .k_step = p->Hkv * p->dk,
                       .v_step = p->Hkv * p->dv,
                       .n = p->T};
}

void la_flash_sees(const flash *f, const flash_run *run, int64_t row, int64_t *hidden,
                   int64_t *visible)
{
    int64_t at = run->before + row;
    *hidden = at + 1 - f->window;
    *visible = f->p.mask == LA_MASK_BIDIRECTIONAL ? at + f->window : at + 1;
}

double la_flash_flops(const flash *f, int64_t pos)
{
    const la_problem *p = &f->p;
    int64_t keys = pos + p->T < f->window ? pos + p->T : f->window;
    return 2.0 * (double)(p->B * p->H * p->T) * (double)(keys * (p->dk + p->dv));
}

la_status la_flash_fits(const flash *f, const la_io *io, int64_t tokens, la_err *err)
{
    return f->capacity < f->window ? la_kv_fits(&f->p, io, tokens, err) : LA_OK;
}

/* ---- rows and panels ---- */

size_t la_flash_floats(int64_t a, int64_t b, int64_t c)
{
    return la_align((size_t)(a * b * c) * sizeof(float)) / sizeof(float);
}

enum { LINE = 64 };

void la_flash_copy(int64_t n, size_t bytes, const char *x, size_t step, char *to)
{
    for (int64_t i = 0; i < n; i++, x += step, to += bytes) {
        size_t at = 0;
        for (; at + LINE <= bytes; at += LINE) memcpy(to + at, x + at, LINE);
        if (at < bytes) memcpy(to + at, x + at, bytes - at);
    }
}

void la_flash_clear(int64_t n, size_t bytes, char *x, size_t step)
{
    for (int64_t i = 0; i < n; i++, x += step) {
        size_t at = 0;
        for (; at + LINE <= bytes; at += LINE) memset(x + at, 0, LINE);
        if (at < bytes) memset(x + at, 0, bytes - at);
    }
}

bool la_flash_near(const flash *f, int64_t n, int64_t step)
{
    return n * step * (int64_t)f->element <= 16 * 1024;
}

const void *la_flash_rows(const flash *f, int64_t panels, const char *x, int64_t step, int64_t n,
                          int64_t d, void *to, int64_t *words)
{
    const void *rows = x;
    if (f->half && !f->narrow) {
        *words = d;
        f->half->widen_rows(n, d, rows, step, to, d);
        return to;
    }
    bool whole = !f->narrow || d % 2 == 0;
    int64_t width = f->narrow ? (d + 1) / 2 : d;
    *words = f->narrow ? step / 2 : step;
    if (whole && (step == d || panels < 3 || la_flash_near(f, n, step))) return rows;
    *words = width;
    if (!whole) {
        f->narrow->pairs_along(n, d, rows, step, to, width);
        return to;
    }
    la_flash_copy(n, (size_t)d * f->element, x, (size_t)step * f->element, to);
    return to;
}

/* The panel of rows in bf16, widened a few channels at a time. */
static void widened_panel(const flash *f, const la_bf16 *x, int64_t step, int64_t n, int64_t d,
                          float *to)
{
    enum { CHANNELS = 32 };
    float wide[LA_TILE_PANEL * CHANNELS];
    int64_t w = f->tile->panel;
    for (int64_t c = 0; c < d; c += CHANNELS) {
        int64_t some = d - c < CHANNELS ? d - c : CHANNELS;
        f->half->widen_rows(n, some, x + c, step, wide, CHANNELS);
        f->tile->transpose(n, some, wide, CHANNELS, to + c * w, w);
    }
}

void la_flash_panel(const flash *f, const char *x, int64_t step, int64_t n, int64_t d, void *to)
{
    int64_t w = f->tile->panel, words = f->narrow ? (d + 1) / 2 : d;
    const void *rows = x;
    if (n < w) memset(to, 0, (size_t)(words * w) * sizeof(float));
    if (f->narrow)
        f->narrow->pairs_of_columns(d, n, rows, step, to, w);
    else if (f->half)
        widened_panel(f, rows, step, n, d, to);
    else
        f->tile->transpose(n, d, rows, step, to, w);
}

void la_flash_unpanel(const flash *f, const float *panel, int64_t d, int64_t n, const float *scale,
                      char *to, int64_t step, float *scratch)
{
    const la_tile *t = f->tile;
    int64_t w = t->panel;
    void *rows = to;
    if (!f->half) {
        t->transpose(d, n, panel, w, rows, step);
        for (int64_t r = 0; r < n; r++) {
            float *row = (float *)rows + r * step;
            t->scale(d, scale[r], row, row);
        }
        return;
    }
    for (int64_t c = 0; c < d; c += FLASH_BACK_KEYS) {
        int64_t m = d - c < FLASH_BACK_KEYS ? d - c : FLASH_BACK_KEYS;
        t->transpose(m, n, panel + c * w, w, scratch, m);
        t->scale_rows(n, m, scale, scratch, m, scratch, m);
        f->half->narrow_rows(n, m, scratch, m, (la_bf16 *)rows + c, step);
    }
}
