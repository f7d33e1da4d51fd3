/* SPDX-License-Identifier: Apache-2.0
 * What lanes share: tables of angles, and the weights packed for products.
 */
#include <math.h>

#include "alloc.h"
#include "head.h"

/* theta 10000; of pair i of `half` at place t. */
static double angle_of(int64_t t, int64_t i, int64_t half)
{
    return (double)t * pow(10000.0, -(double)i / (double)half);
}

static void add_bytes(la_engine *e, size_t bytes)
{
    *(e->device->backend == LA_CUDA ? &e->device_bytes : &e->bytes) += bytes;
}

/* A table of the host becomes one that is computed with. */
static la_status table_up(const la_engine *e, float *host, size_t n, float **out, la_err *err)
{
    *out = host;
    if (!e->site.on_device) return LA_OK;
    void *there = NULL;
    la_status st = la_site_take(&e->site, n * sizeof(float), &there, err);
    *out = there;
    if (st == LA_OK) st = la_site_up(&e->site, there, host, n * sizeof(float), err);
    if (st == LA_OK) st = la_site_finish(&e->site, err);
    la_free(host);
    return st;
}

/* Sines of a row's first half and cosines of its second (Vaswani et al. 2017, arXiv:1706.03762); what an odd
 * width leaves is 0. */
static la_status place_table(la_engine *e, bool count_only, la_err *err)
{
    if (e->spec->head.kind != LA_HEAD_DECODER) return LA_OK;
    int64_t d = e->spec->d, half = d / 2;
    size_t n = (size_t)(e->longest_T * d);
    add_bytes(e, n * sizeof(float));
    if (count_only) return LA_OK;
    float *places = la_zalloc(n * sizeof(float), err);
    if (!places) return LA_E_NOMEM;
    for (int64_t t = 0; t < e->longest_T; t++)
        for (int64_t i = 0; i < half; i++) {
            places[t * d + i] = (float)sin(angle_of(t, i, half));
            places[t * d + half + i] = (float)cos(angle_of(t, i, half));
        }
    return table_up(e, places, n, &e->places, err);
}

/* Angles t theta^(-2i/D). Blocks have one head width, since heads come from one option. */
static la_status rope_table(la_engine *e, double (*of)(double), float **out, la_err *err)
{
    int64_t half = e->spec->block[0].dk / 2;
    size_t n = (size_t)(e->longest_T * half);
    float *table = la_alloc(n * sizeof(float), err);
    if (!table) return LA_E_NOMEM;
    for (int64_t t = 0; t < e->longest_T; t++)
        for (int64_t i = 0; i < half; i++) table[t * half + i] = (float)of(angle_of(t, i, half));
    return table_up(e, table, n, out, err);
}

la_status la_engine_tables(la_engine *e, bool count_only, la_err *err)
{
    LA_TRY(place_table(e, count_only, err));
    if (!e->spec->rope) return LA_OK;
    add_bytes(e, 2 * (size_t)(e->longest_T * (e->spec->block[0].dk / 2)) * sizeof(float));
    if (count_only) return LA_OK;
    LA_TRY(rope_table(e, cos, &e->cosine, err));
    return rope_table(e, sin, &e->sine, err);
}

/* ---- panels ---- */

static int64_t matrices_of(const la_engine *e)
{
    return e->spec->layers * LA_MATRICES + LA_HEAD_MATRICES;
}

static size_t panel_bytes(const la_tile *tile, int64_t N, int64_t K)
{
    return (size_t)la_panels_floats(tile, N, K) * sizeof(float);
}

static void layout_panels(la_arena *m, const la_engine *e)
{
    for (int64_t i = 0; i < matrices_of(e); i++) {
        la_matrix *x = &e->matrix[i];
        if (x->place < 0) continue;
        x->across = la_arena_take(m, panel_bytes(e->tile, x->M, x->K));
        x->back = e->training ? la_arena_take(m, panel_bytes(e->tile, x->K, x->M)) : NULL;
    }
}

bool la_parts_apart(const la_engine *e, const la_block *b)
{
    int64_t width = 0;
    for (int i = 0; i < b->n_parts; i++) width += b->part[i].width;
    return b->project && b->conv == 0 && width == b->P && e->device->backend != LA_CUDA;
}

static void matrices_in(const la_engine *e, const la_block *b, la_matrix *x)
{
    const bool apart = la_parts_apart(e, b);
    x[LA_MATRIX_IN] = (la_matrix){.place = apart ? -1 : b->in_w, .M = b->P, .K = b->d};
    for (int i = 0; i < b->n_parts; i++) {
        const la_stream_part *p = &b->part[i];
        int64_t place = apart ? b->in_w + p->column * b->d : -1;
        x[LA_MATRIX_PART + i] = (la_matrix){.place = place, .M = p->width, .K = b->d};
    }
    for (int i = b->n_parts; i < 3; i++) x[LA_MATRIX_PART + i].place = -1;
}

la_status la_engine_panels(la_engine *e, bool count_only, la_err *err)
{
    const la_net *spec = e->spec;
    e->matrix = la_zalloc((size_t)matrices_of(e) * sizeof *e->matrix, err);
    if (!e->matrix) return LA_E_NOMEM;
    la_matrix *x = e->matrix;
    for (int64_t l = 0; l < spec->layers; l++, x += LA_MATRICES) {
        const la_block *b = &spec->block[l];
        matrices_in(e, b, x);
        x[LA_MATRIX_OUT] = (la_matrix){.place = b->out_w, .M = b->d, .K = b->width};
        x[LA_MATRIX_UP] = (la_matrix){.place = b->up_w, .M = 2 * b->mlp, .K = b->d};
        x[LA_MATRIX_DOWN] = (la_matrix){.place = b->down_w, .M = b->d, .K = b->mlp};
    }
    int64_t output = la_loss_blocked(e) == e->n_geometries ? -1 : spec->output;
    x[LA_MATRIX_OUTPUT] = (la_matrix){.place = output, .M = spec->outputs, .K = spec->d};
    for (int i = 0; i < LA_DECODER_LAYERS; i++)
        x[LA_MATRIX_DECODE + i] = (la_matrix){.place = spec->decode[i], .M = spec->d, .K = spec->d};
    if (e->device->backend == LA_CUDA) return LA_OK; /* products read the weights as they lie */
    la_arena arena = {0};
    layout_panels(&arena, e);
    e->bytes += arena.most;
    if (count_only) return LA_OK;
    e->panels = la_alloc(arena.most, err);
    if (!e->panels) return LA_E_NOMEM;
    arena = (la_arena){.base = e->panels};
    layout_panels(&arena, e);
    return LA_OK;
}

void la_engine_pack(const la_engine *e, const float *weights, int index, int count)
{
    for (int64_t i = 0; i < matrices_of(e); i++)
        if (e->matrix[i].place >= 0 && e->panels)
            la_matrix_pack(e->tile, &e->matrix[i], weights, index, count);
}
