/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles, decode: one query a head over the cache, whose parts are shared out.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "counts.h"
#include "flash_kernels.h"
#include "kv_attention.h"

enum {
    DECODE_KEYS = 256, /* keys whose scores are held at once */
    FEW_KEYS = 8,      /* that are read between prefetches of as many */
};
/* Below this a call is over before a second thread is awake. */
#define DECODE_SERIAL_BYTES (256 * 1024)

void la_flash_decode_plan(flash *f)
{
    const la_problem *p = &f->p;
    f->parts = la_even_parts(p->B * p->Hkv, p->threads, f->capacity / DECODE_KEYS, 8);
}

size_t la_flash_decode_bytes(const flash *f)
{
    return (size_t)(f->p.B * f->p.H * f->parts * (f->p.dv + 2)) * sizeof(float);
}

/* What one part of a cache gives for one query head: o over its own maximum and sum. */
typedef struct partial {
    float *top, *sum, *o;
} partial;

static partial partial_of(const flash *f, const la_io *io, int64_t head, int64_t part)
{
    float *at = (float *)io->work + (head * f->parts + part) * (f->p.dv + 2);
    return (partial){at, at + 1, at + 2};
}

/* Two streams are faster than one: while keys are read, their values come, and while these are read, the `next`
 * keys. */
static void add_keys(const flash *f, partial r, const void *q, const char *k, const char *v,
                     int64_t n, int64_t next)
{
    const la_tile *t = f->tile;
    const int64_t dk = f->p.dk, dv = f->p.dv, k_row = dk * (int64_t)f->element,
                  v_row = dv * (int64_t)f->element;
    float score[DECODE_KEYS], s = (float)f->scale;
    int64_t i = 0;
    do {
        const int64_t few = la_least(n - i, FEW_KEYS);
        const void *rows = k + i * k_row;
        la_ask_for(v + i * v_row, few * v_row);
        if (f->half)
            f->half->mv(few, dk, s, rows, dk, q, false, score + i);
        else
            t->mv(few, dk, s, rows, dk, q, false, score + i);
    } while ((i += FEW_KEYS) < n);
    float top = fmaxf(*r.top, t->max(n, score)), before = expf(*r.top - top);
    float sum = t->exp_sum(n, 1.0f, -top, score, score);
    if (before != 1.0f) t->scale(dv, before, r.o, r.o);
    for (i = 0; i < n; i += FEW_KEYS) {
        const int64_t few = la_least(n - i, FEW_KEYS);
        const void *rows = v + i * v_row;
        if (i < next) la_ask_for(k + (n + i) * k_row, la_least(next - i, few) * k_row);
        if (f->half)
            f->half->vm(few, dv, 1.0f, rows, dv, score + i, true, r.o);
        else
            t->vm(few, dv, 1.0f, rows, dv, score + i, true, r.o);
    }
    *r.sum = *r.sum * before + sum;
    *r.top = top;
}

/* Part `part` of the cache of kv head i, for all query heads that read it. */
static void run_part(const flash *f, const la_io *io, int64_t pos, int64_t i, int64_t part)
{
    const la_problem *p = &f->p;
    int64_t group = p->H / p->Hkv, first = i * group; /* = b H + kv group */
    for (int64_t g = 0; g < group; g++) {
        partial r = partial_of(f, io, first + g, part);
        *r.top = -FLT_MAX;
        *r.sum = 0.0f;
        memset(r.o, 0, (size_t)p->dv * sizeof *r.o);
    }
    const char *q = (const char *)io->q + (size_t)(first * p->dk) * f->element;
    const size_t q_step = (size_t)p->dk * f->element;
    /* A new token takes one place of the window; without one, the query sees all of it. */
    int64_t most = io->k ? f->window - 1 : f->window;
    int64_t count = la_flash_held(f, pos) < most ? la_flash_held(f, pos) : most;
    int64_t from = count * part / f->parts, to = count * (part + 1) / f->parts;
    while (from < to) {
        flash_run c = la_flash_cached(f, io->state_in, i, pos, count, from);
        int64_t n = la_least(la_least(to - from, c.n), DECODE_KEYS);
        for (int64_t g = 0; g < group; g++)
            add_keys(f, partial_of(f, io, first + g, part), q + (size_t)g * q_step, c.k, c.v, n,
                     g + 1 < group ? 0 : la_least(c.n, to - from) - n);
        from += n;
    }
    for (int64_t g = 0; io->k && part == f->parts - 1 && g < group; g++)
        add_keys(f, partial_of(f, io, first + g, part), q + (size_t)g * q_step,
                 (const char *)io->k + (size_t)(i * p->dk) * f->element,
                 (const char *)io->v + (size_t)(i * p->dv) * f->element, 1, 0);
}

/* The parts of one query head, brought to a common maximum in the first. No key at all gives 0. */
static void join(const flash *f, const la_io *io, int64_t head)
{
    int64_t dv = f->p.dv;
    partial all = partial_of(f, io, head, 0);
    float top = -FLT_MAX, sum = 0.0f;
    for (int64_t i = 0; i < f->parts; i++) top = fmaxf(top, *partial_of(f, io, head, i).top);
    for (int64_t i = 0; i < f->parts; i++) {
        partial r = partial_of(f, io, head, i);
        float weight = expf(*r.top - top);
        sum += weight * *r.sum;
        if (i == 0)
            f->tile->scale(dv, weight, all.o, all.o);
        else
            f->tile->axpy(dv, weight, r.o, all.o);
    }
    if (sum > 0.0f) f->tile->scale(dv, 1.0f / sum, all.o, all.o);
    if (f->half)
        f->half->narrow(dv, all.o, (la_bf16 *)io->o + head * dv);
    else
        memcpy((float *)io->o + head * dv, all.o, (size_t)dv * sizeof(float));
}

la_status la_flash_decode(void *self, const la_io *io, la_err *err)
{
    const flash *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, heads = p->B * p->Hkv;
    LA_TRY(la_flash_fits(f, io, pos + (io->k != NULL), err));
    size_t bytes = (size_t)(heads * la_flash_held(f, pos) * (p->dk + p->dv)) * f->element;
#pragma omp parallel for num_threads(p->threads) schedule(static) if (bytes > DECODE_SERIAL_BYTES)
    for (int64_t i = 0; i < heads * f->parts; i++) run_part(f, io, pos, i / f->parts, i % f->parts);
    for (int64_t i = 0; i < p->B * p->H; i++) join(f, io, i);
    la_kv_append(p, f->capacity, io, pos, 1);
    return LA_OK;
}
