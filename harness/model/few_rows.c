/* SPDX-License-Identifier: Apache-2.0
 * The last block of an evaluation is asked at a few rows only: those that are scored. Attention over a cache of
 * keys and values can answer single rows, by decode, so the other rows' share of T^2 is not computed. What
 * comes behind the op goes row by row and never mixes them.
 */
#include <string.h>

#include "engine.h"

enum {
    LEAST_TOKENS = 2048, /* shorter sequences take no time, and go in pieces of several */
    LEAST_SHARE = 8      /* a row in so many at most */
};

/* Two parts, K and V, with a place for each token: nothing else is known to take a token again. */
static bool is_cache(const la_part *parts, size_t n, const la_problem *p)
{
    if (n != 2 || strcmp(parts[0].name, "K") != 0 || strcmp(parts[1].name, "V") != 0) return false;
    return parts[0].dtype == LA_F32 && parts[1].dtype == LA_F32 && parts[0].rank == 4 &&
           parts[1].rank == 4 && parts[0].shape[2] == p->Tcap && parts[1].shape[2] == p->Tcap;
}

void la_few_init(la_few *f, const la_engine *e, const la_block *b, const la_kernel *k)
{
    la_part parts[LA_MAX_PARTS];
    la_sizes sizes = {0};
    la_problem p = k->problem;
    *f = (la_few){0};
    if (k->on_device) return; /* a call a row would wait more than it computes */
    if (p.mask != LA_MASK_CAUSAL || p.B != 1 || p.T < LEAST_TOKENS) return;
    if (!(k->impl->caps & LA_CAP_DECODE) || !b->variant->state_parts || b->n_params) return;
    if (b->variant->family != LA_FAMILY_QUADRATIC || b->skip >= 0) return;
    p.T = 1;
    size_t n = b->variant->state_parts(&p, b->opts, parts, LA_MAX_PARTS);
    if (!is_cache(parts, n, &p)) return;
    if (k->impl->check(&p, LA_DECODE, b->opts, e->device, NULL) != LA_OK) return;
    if (k->impl->sizes(&p, LA_DECODE, b->opts, e->device, &sizes, NULL) != LA_OK) return;
    f->impl = k->impl;
    f->problem = p;
    f->state_bytes = la_state_layout(parts, n, f->part_at);
    f->work_bytes = sizes.work;
    f->instance_bytes = sizes.instance;
}

la_status la_few_create(la_few *f, const la_engine *e, const la_block *b, la_err *err)
{
    if (!f->impl) return LA_OK;
    return f->impl->create(&f->problem, b->opts, e->device, &f->self, err);
}

void la_few_destroy(la_few *f)
{
    if (f->self) f->impl->destroy(f->self);
    f->self = NULL;
}

bool la_few_pays(const la_few *f, const la_kept *kept)
{
    return f->impl && kept->alone && kept->n * LEAST_SHARE <= f->problem.Tcap;
}

/* Rows 0..T-1 of x [T, heads, d] into a part [heads, Tcap, d]. */
static void fill(const la_few *f, int part, int64_t T, int64_t d, const float *x)
{
    int64_t heads = f->problem.Hkv;
    float *to = (float *)((char *)f->state + f->part_at[part]);
    for (int64_t h = 0; h < heads; h++)
        for (int64_t t = 0; t < T; t++)
            memcpy(to + (h * f->problem.Tcap + t) * d, x + (t * heads + h) * d,
                   (size_t)d * sizeof *to);
}

la_status la_few_forward(const la_few *f, const la_acts *a, const la_kept *kept, la_err *err)
{
    const la_problem *p = &f->problem;
    int64_t last = -1, q = p->H * p->dk, k = p->Hkv * p->dk, v = p->Hkv * p->dv, o = p->H * p->dv;
    for (int64_t i = 0; i < kept->n; i++)
        if (kept->at[i] - kept->from > last) last = kept->at[i] - kept->from;
    fill(f, 0, last + 1, p->dk, a->part[1]);
    fill(f, 1, last + 1, p->dv, a->part[2]);
    for (int64_t i = 0; i < kept->n; i++) {
        int64_t t = kept->at[i] - kept->from;
        la_io io = {.q = a->part[0] + t * q,
                    .k = a->part[1] + t * k,
                    .v = a->part[2] + t * v,
                    .o = a->o + t * o,
                    .state_in = f->state,
                    .state_out = f->state,
                    .pos = t,
                    .work = f->work};
        LA_TRY(f->impl->decode(f->self, &io, err));
    }
    return LA_OK;
}
