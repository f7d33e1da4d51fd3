/* SPDX-License-Identifier: Apache-2.0
 * Drawing what is to be remembered: positions, keys, codes and the order of the questions. All of it
 * follows from (seed, repeat, batch, head), so that the score draws it again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"
#include "recall_internal.h"

uint64_t la_recall_stream(const la_probe_io *io, int what, int64_t batch, int64_t head)
{
    uint64_t part = la_stream(io->repeat, (uint64_t)batch, (uint64_t)head);
    return la_stream(io->seed, (uint64_t)what, part);
}

void la_recall_unit(uint64_t stream, int64_t first, int64_t n, float *out)
{
    double norm = 0;
    la_random_fill_normal(stream, (uint64_t)first, out, n, 1);
    for (int64_t c = 0; c < n; c++) norm += (double)out[c] * (double)out[c];
    float scale = norm > 0 ? (float)(1.0 / sqrt(norm)) : 0.0f;
    for (int64_t c = 0; c < n; c++) out[c] *= scale;
}

la_status la_recall_codebook(const la_probe_io *io, float **out, la_err *err)
{
    int64_t dv = io->problem->dv;
    uint64_t stream = la_stream(io->seed, LA_RECALL_STREAM_CODEBOOK, 0);
    *out = la_alloc((size_t)(LA_RECALL_CODES * dv) * sizeof(float), err);
    if (!*out) return LA_E_NOMEM;
    for (int64_t i = 0; i < LA_RECALL_CODES; i++) la_recall_unit(stream, i * dv, dv, *out + i * dv);
    return LA_OK;
}

int64_t la_recall_code(const la_probe_io *io, int64_t batch, int64_t value_head, int64_t write)
{
    uint64_t stream = la_recall_stream(io, LA_RECALL_STREAM_CODES, batch, value_head);
    return (int64_t)la_random_below(stream, (uint64_t)write, LA_RECALL_CODES);
}

void la_recall_memory_release(la_recall_memory *m)
{
    la_free(m->position);
    la_free(m->pair);
    la_free(m->last);
    la_free(m->ask);
    la_free(m->twice);
    la_free(m->key);
    *m = (la_recall_memory){0};
}

/* Takes the components along the earlier keys away, twice for the last digits. */
static void orthogonalise(float *keys, int64_t i, int64_t d)
{
    float *k = keys + i * d;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t j = 0; j < i; j++) {
            double dot = 0;
            for (int64_t c = 0; c < d; c++) dot += (double)keys[j * d + c] * (double)k[c];
            for (int64_t c = 0; c < d; c++) k[c] -= (float)(dot * (double)keys[j * d + c]);
        }
        double norm = 0;
        for (int64_t c = 0; c < d; c++) norm += (double)k[c] * (double)k[c];
        for (int64_t c = 0; c < d; c++) k[c] = (float)((double)k[c] / sqrt(norm));
    }
}

/* Keys of norm 1. With correlation r they are sqrt(r) centre + sqrt(1-r) own, where the own parts
 * stand at right angles to the centre: two keys then have the cosine r plus noise of 1/sqrt(dk). */
static void draw_keys(const la_probe_io *io, int64_t batch, int64_t head, la_recall_memory *m,
                      float *centre)
{
    const la_recall_options *o = io->task_opts;
    int64_t d = io->problem->dk;
    uint64_t stream = la_recall_stream(io, LA_RECALL_STREAM_KEYS, batch, head);
    float r = (float)sqrt(o->correlation), rest = (float)sqrt(1.0 - o->correlation);
    la_recall_unit(la_recall_stream(io, LA_RECALL_STREAM_CENTRE, batch, head), 0, d, centre);
    for (int64_t i = 0; i < m->pairs; i++) {
        float *k = m->key + i * d;
        la_recall_unit(stream, i * d, d, k);
        if (o->keys == LA_RECALL_KEYS_ORTHOGONAL) orthogonalise(m->key, i, d);
        if (o->correlation > 0 && d > 1) {
            double dot = 0, norm = 0;
            for (int64_t c = 0; c < d; c++) dot += (double)k[c] * (double)centre[c];
            for (int64_t c = 0; c < d; c++) k[c] -= (float)dot * centre[c];
            for (int64_t c = 0; c < d; c++) norm += (double)k[c] * (double)k[c];
            for (int64_t c = 0; c < d; c++)
                k[c] = r * centre[c] + rest * (float)((double)k[c] / sqrt(norm));
        }
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Which pair each write writes: every pair once and the first `again` of them twice, shuffled. */
static void draw_writes(const la_probe_io *io, int64_t batch, int64_t head, la_recall_memory *m)
{
    int64_t half = io->problem->T / 2;
    la_random_permutation(la_recall_stream(io, LA_RECALL_STREAM_POSITIONS, batch, head),
                          m->position, half, m->writes);
    qsort(m->position, (size_t)m->writes, sizeof *m->position, by_value);
    la_random_permutation(la_recall_stream(io, LA_RECALL_STREAM_ORDER, batch, head), m->pair,
                          m->writes, m->writes);
    for (int64_t i = 0; i < m->pairs; i++) m->twice[i] = false, m->last[i] = -1;
    for (int64_t w = 0; w < m->writes; w++) {
        m->pair[w] %= m->pairs;
        if (m->last[m->pair[w]] >= 0) m->twice[m->pair[w]] = true;
        m->last[m->pair[w]] = w;
    }
    la_random_permutation(la_recall_stream(io, LA_RECALL_STREAM_ASK, batch, head), m->ask, m->pairs,
                          m->pairs);
}

la_status la_recall_memory_draw(const la_probe_io *io, int64_t batch, int64_t head,
                                la_recall_memory *out, la_err *err)
{
    const la_problem *p = io->problem;
    int64_t pairs = la_recall_pairs(p, io->task_opts);
    int64_t writes = pairs + la_recall_overwritten(p, io->task_opts);
    size_t word = sizeof(int64_t);
    *out = (la_recall_memory){.pairs = pairs, .writes = writes, .T = p->T};
    out->position = la_alloc((size_t)(p->T / 2) * word, err);
    out->pair = la_alloc((size_t)writes * word, err);
    out->last = la_alloc((size_t)pairs * word, err);
    out->ask = la_alloc((size_t)pairs * word, err);
    out->twice = la_alloc((size_t)pairs * sizeof(bool), err);
    out->key = la_alloc((size_t)(pairs * p->dk) * sizeof(float), err);
    float *centre = la_alloc((size_t)p->dk * sizeof(float), err);
    bool made = out->position && out->pair && out->last && out->ask && out->twice && out->key;
    if (made && centre) {
        draw_writes(io, batch, head, out);
        draw_keys(io, batch, head, out, centre);
    } else {
        la_recall_memory_release(out);
    }
    la_free(centre);
    return out->key ? LA_OK : LA_E_NOMEM;
}
