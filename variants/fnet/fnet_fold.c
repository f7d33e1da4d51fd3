/* SPDX-License-Identifier: Apache-2.0
 * Sizes, tables and the two parallel loops of fnet_fold.h.
 */
#include "fnet_fold.h"

#include <math.h>
#include <omp.h>

#include "counts.h"
#include "labench/kit.h"
#include "labench/simd.h"

static bool power_of_two(int64_t n)
{
    return (n & (n - 1)) == 0;
}

bool la_fnet_fold_takes(const la_problem *p)
{
    int64_t D = p->H * p->dv;
    return p->T >= LA_FNET_FOLD_LEAST && D >= LA_FNET_FOLD_LEAST && power_of_two(p->T) &&
           power_of_two(D);
}

void la_fnet_fold_shape(const la_problem *p, la_isa isa, la_fnet_fold *f)
{
    int64_t T1 = 1, T = p->T, D = p->H * p->dv;
    while (2 * T1 * T1 < T) T1 *= 2; /* many b, which threads share */
    const la_tile *tile = la_tile_get(isa);
    int64_t lanes = tile->lanes, T2 = T / T1;
    *f = (la_fnet_fold){.T = T,
                        .D = D,
                        .T1 = T1,
                        .T2 = T2,
                        .half = D / 2 + 1,
                        .columns = (D / 2 + lanes) / lanes * lanes,
                        .row = D + 16,
                        .narrow = p->dtype == LA_BF16 ? la_tile_bf16_get(isa) : NULL,
                        .steps = LA_ISA_TABLE(la_fnet_steps, isa),
                        .tile = tile};
    f->spectrum = T1 * (T2 / 2 + 1) * 2 * f->columns;
    /* A block of rows: two transforms, the folded rows, bf16: two rows as floats. */
    int64_t blocks = 2 * lanes * (2 * D + f->row) + 2 * D;
    int64_t rows = T1 * 2 * f->columns + la_most(blocks, 4 * lanes * T1);
    int64_t columns = 2 * T2 * f->columns + 4 * lanes * T2 + D; /* and a row of o */
    f->scratch = la_whole_lines(la_most(rows, columns));
}

size_t la_fnet_fold_turns(const la_fnet_fold *f)
{
    return 2 * (size_t)(f->D + f->T1 + f->T2 + f->T / 2 + 1);
}

/* The first `count` of the n-th roots of one, exp(-2 pi i j/n); returns the place after them. */
static float *fill(int64_t n, int64_t count, float *to)
{
    for (int64_t j = 0; j < count; j++) {
        double angle = -6.283185307179586476925 * (double)j / (double)n;
        *to++ = (float)cos(angle);
        *to++ = (float)sin(angle);
    }
    return to;
}

la_status la_fnet_fold_prepare(la_fnet_fold *f, float factor, la_err *err)
{
    float *at = la_alloc(la_fnet_fold_turns(f) * sizeof(float), err);
    if (!at) return LA_E_NOMEM;
    f->factor = factor;
    f->turns = at;
    f->turn_D = at;
    f->turn_T1 = at = fill(f->D, f->D, at);
    f->turn_T2 = at = fill(f->T1, f->T1, at);
    f->turn_T = at = fill(f->T2, f->T2, at);
    fill(f->T, f->T / 2 + 1, at);
    return LA_OK;
}

void la_fnet_fold_run(const la_fnet_fold *f, const void *x, void *o, float *A, float *scratch)
{
    scratch += omp_get_thread_num() * f->scratch;
#pragma omp for schedule(static)
    for (int64_t b = 0; b <= f->T2 / 2; b++) f->steps.rows(f, x, b, A, scratch);
#pragma omp for schedule(static)
    for (int64_t pair = 0; pair < f->T1 / 2; pair++) f->steps.columns(f, A, pair, o, scratch);
}
