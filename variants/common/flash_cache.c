/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles: the KV cache, which keys a row sees, and how rows come into panels and out of
 * them, in float32 and bf16.
 */
#include <inttypes.h>
#include <string.h>

#include "flash_kernels.h"
#include "labench/kit.h"

/* ---- the cache ---- */

size_t la_flash_keys_bytes(const flash *f)
{
    return la_align((size_t)(f->p.B * f->p.Hkv * f->capacity * f->p.dk) * f->element);
}

size_t la_flash_cache_bytes(const flash *f)
{
    size_t values = (size_t)(f->p.B * f->p.Hkv * f->capacity * f->p.dv) * f->element;
    return la_flash_keys_bytes(f) + values;
}

/* Keys and values of one (batch, kv head): [capacity, dk], [capacity, dv]. */
static void cache_of(const flash *f, const void *state, int64_t head, const char **k,
                     const char **v)
{
    const char *first = (const char *)state + (size_t)(head * f->capacity * f->p.dk) * f->element;
    *k = first;
    first = (const char *)state + la_flash_keys_bytes(f);
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

void la_flash_append(const flash *f, const la_io *io, int64_t pos, int64_t T)
{
    const la_problem *p = &f->p;
    if (!io->state_out || !io->k) return;
    int64_t held = la_flash_held(f, pos);
    size_t dk = (size_t)p->dk * f->element, dv = (size_t)p->dv * f->element;
    for (int64_t i = 0; i < p->B * p->Hkv; i++) {
        const char *to_k, *to_v, *from_k, *from_v;
        size_t at = (size_t)(i / p->Hkv * T * p->Hkv + i % p->Hkv), heads = (size_t)p->Hkv;
        cache_of(f, io->state_out, i, &to_k, &to_v);
        char *k = (char *)(uintptr_t)to_k, *v = (char *)(uintptr_t)to_v;
        if (io->state_in && io->state_in != io->state_out) {
            cache_of(f, io->state_in, i, &from_k, &from_v);
            memcpy(k, from_k, (size_t)held * dk);
            memcpy(v, from_v, (size_t)held * dv);
        }
        const char *new_k = (const char *)io->k + at * dk, *new_v = (const char *)io->v + at * dv;
        for (int64_t t = T > f->capacity ? T - f->capacity : 0; t < T; t++) {
            size_t slot = (size_t)((pos + t) % f->capacity);
            memcpy(k + slot * dk, new_k + (size_t)t * heads * dk, dk);
            memcpy(v + slot * dv, new_v + (size_t)t * heads * dv, dv);
        }
    }
}

la_status la_flash_fits(const flash *f, const la_io *io, int64_t tokens, la_err *err)
{
    if ((io->state_in || io->state_out) && tokens > f->capacity && f->capacity < f->window)
        return LA_FAIL(err, LA_E_ARG, "%" PRId64 " tokens do not fit a cache of capacity %" PRId64,
                       tokens, f->capacity);
    return LA_OK;
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
