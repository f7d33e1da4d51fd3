/* SPDX-License-Identifier: Apache-2.0 */
#include <omp.h>

#include "labench/kit.h"
#include "labench/tile.h"
#include "linformer_internal.h"

#define ROWS 64 /* query rows of a tile */

typedef struct linformer {
    la_problem p;
    int64_t r;
    int64_t keys, values; /* floats of K' and of V' */
    int64_t scores,
        scratch; /* floats of one thread's tile of scores and of the products' scratch */
    const la_tile *tile;
} linformer;

static int64_t round_up(int64_t floats)
{
    return (floats + 15) / 16 * 16;
}

static void shape(const la_problem *p, const void *opts, linformer *f)
{
    int64_t r = la_linformer_rank(p, opts);
    *f = (linformer){.p = *p,
                     .r = r,
                     .keys = round_up(p->B * r * p->H * p->dk),
                     .values = round_up(p->B * r * p->H * p->dv),
                     .scores = round_up(ROWS * r),
                     .scratch = LA_TILE_SCRATCH(r > p->dk ? r : p->dk)};
}

la_status la_linformer_sizes(const la_problem *p, la_pass pass, const void *opts,
                             const la_device *dev, la_sizes *out, la_err *err)
{
    (void)pass, (void)dev, (void)err;
    linformer f;
    shape(p, opts, &f);
    int64_t floats = f.keys + f.values + p->threads * (f.scores + f.scratch);
    *out = (la_sizes){.work = (size_t)floats * sizeof(float), .instance = sizeof(linformer)};
    return LA_OK;
}

la_status la_linformer_create(const la_problem *p, const void *opts, const la_device *dev,
                              void **self, la_err *err)
{
    linformer *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    shape(p, opts, f);
    f->tile = la_tile_get(dev->isa);
    *self = f;
    return LA_OK;
}

/* n query rows of one (batch, head) against all mixtures. P is [n, r]. */
static void attend(const linformer *f, int64_t n, const float *q, const float *K, const float *V,
                   float *o, float *P, float *scratch)
{
    const la_tile *tile = f->tile;
    int64_t H = f->p.H, dk = f->p.dk, dv = f->p.dv, r = f->r;
    tile->nt(n, r, dk, (float)la_scale(&f->p), q, H * dk, K, H * dk, false, P, r, scratch);
    float weight[ROWS];
    for (int64_t i = 0; i < n; i++) {
        float *row = P + i * r;
        weight[i] = 1.0f / tile->exp_sum(r, 1.0f, -tile->max(r, row), row, row);
    }
    tile->nn(n, dv, r, 1.0f, P, r, V, H * dv, false, o, H * dv, scratch);
    for (int64_t i = 0; i < n; i++) tile->scale(dv, weight[i], o + i * H * dv, o + i * H * dv);
}

la_status la_linformer_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const linformer *f = self;
    int64_t T = f->p.T, H = f->p.H, dk = f->p.dk, dv = f->p.dv, r = f->r;
    float *K = io->work, *V = K + f->keys, *per_thread = V + f->values;
    for (int64_t b = 0; b < f->p.B; b++) {
        const float *k = (const float *)io->k + b * T * H * dk;
        const float *v = (const float *)io->v + b * T * H * dv;
        la_gemm(false, false, r, H * dk, T, 1.0f, io->params[0], T, k, H * dk, 0.0f,
                K + b * r * H * dk, H * dk);
        la_gemm(false, false, r, H * dv, T, 1.0f, io->params[1], T, v, H * dv, 0.0f,
                V + b * r * H * dv, H * dv);
    }
    int64_t tiles = (T + ROWS - 1) / ROWS;
#pragma omp parallel for num_threads(f->p.threads) schedule(static)
    for (int64_t i = 0; i < f->p.B * H * tiles; i++) {
        int64_t b = i / (H * tiles), h = i / tiles % H, t = i % tiles * ROWS;
        float *P = per_thread + omp_get_thread_num() * (f->scores + f->scratch);
        attend(f, T - t < ROWS ? T - t : ROWS, (const float *)io->q + ((b * T + t) * H + h) * dk,
               K + (b * r * H + h) * dk, V + (b * r * H + h) * dv,
               (float *)io->o + ((b * T + t) * H + h) * dv, P, P + f->scores);
    }
    return LA_OK;
}
