/* SPDX-License-Identifier: Apache-2.0
 * Writing the memory into q, k, v and the gates.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "recall_internal.h"

static double sharpness(const la_probe_io *io)
{
    const la_recall_options *o = io->task_opts;
    const la_problem *p = io->problem;
    bool logits = io->variant->inputs & LA_IN_LOGITS;
    double wanted = o->sharpness;
    if (wanted == 0) wanted = logits ? 2.0 * log((double)p->T) + 8.0 : 1.0;
    /* Feature maps without a scale take the key as it is. */
    return !logits && io->variant->family == LA_FAMILY_KERNEL
               ? wanted
               : wanted / la_variant_scale(io->variant, p);
}

static float *row(float *data, const la_problem *p, int64_t b, int64_t t, int64_t heads, int64_t h,
                  int64_t d)
{
    return data + ((b * p->T + t) * heads + h) * d;
}

static void fill_queries(const la_probe_io *io, const la_recall_memory *m, int64_t b, int64_t head,
                         int64_t key_heads)
{
    const la_problem *p = io->problem;
    int64_t share = p->Hqk / key_heads;
    float sharp = (float)sharpness(io);
    for (int64_t h = head * share; h < (head + 1) * share; h++)
        for (int64_t j = 0; j < m->pairs; j++) {
            float *q = row(io->q, p, b, p->T - m->pairs + j, p->Hqk, h, p->dk);
            const float *key = m->key + m->ask[j] * p->dk;
            for (int64_t c = 0; c < p->dk; c++) q[c] = sharp * key[c];
        }
}

static void fill_values(const la_probe_io *io, const la_recall_memory *m, int64_t b, int64_t head,
                        int64_t key_heads, const float *codebook)
{
    const la_problem *p = io->problem;
    int64_t heads = la_recall_value_heads(io->variant, p), share = heads / key_heads;
    for (int64_t h = head * share; h < (head + 1) * share; h++)
        for (int64_t w = 0; w < m->writes; w++)
            memcpy(row(io->v, p, b, m->position[w], heads, h, p->dv),
                   codebook + la_recall_code(io, b, h, w) * p->dv, (size_t)p->dv * sizeof(float));
}

/* Random keys and values at every token that neither writes a pair nor asks. */
static void fill_noise(const la_probe_io *io, const la_recall_memory *m, int64_t b, int64_t head,
                       int64_t key_heads)
{
    const la_problem *p = io->problem;
    int64_t heads = la_recall_value_heads(io->variant, p), share = heads / key_heads, w = 0;
    uint64_t keys = la_recall_stream(io, LA_RECALL_STREAM_FILLER_KEYS, b, head);
    for (int64_t t = 0; t < p->T - m->pairs; t++) {
        if (w < m->writes && m->position[w] == t) {
            w++;
            continue;
        }
        la_recall_unit(keys, t * p->dk, p->dk, row(io->k, p, b, t, key_heads, head, p->dk));
        for (int64_t h = head * share; h < (head + 1) * share; h++)
            la_recall_unit(la_recall_stream(io, LA_RECALL_STREAM_FILLER_VALUES, b, h), t * p->dv,
                           p->dv, row(io->v, p, b, t, heads, h, p->dv));
    }
}

/* beta (or dt): 1 where something is written. g: 0 at writes and questions, the decay between. */
static void fill_gates(const la_probe_io *io, const la_recall_memory *m, int64_t b, int64_t head,
                       int64_t key_heads)
{
    const la_problem *p = io->problem;
    const la_recall_options *o = io->task_opts;
    int64_t share = p->H / key_heads;
    int64_t channels = io->variant->inputs & LA_IN_GATE_CHANNEL ? p->dk : 1;
    for (int64_t h = head * share; h < (head + 1) * share; h++) {
        int64_t w = 0;
        for (int64_t t = 0; t < p->T; t++) {
            bool writes = w < m->writes && m->position[w] == t, asks = t >= p->T - m->pairs;
            bool between = !writes && !asks;
            w += writes;
            if (io->beta)
                *row(io->beta, p, b, t, p->H, h, 1) =
                    writes || (between && o->filler == LA_RECALL_FILLER_RANDOM) ? 1.0f : 0.0f;
            float *g = io->g ? row(io->g, p, b, t, p->H, h, channels) : NULL;
            for (int64_t c = 0; g && c < channels; c++) g[c] = between ? (float)o->decay : 0.0f;
        }
    }
}

/* a and b: what the decayed memory holds under the key of the token is taken away before the value is
 * written, as by a delta rule with beta = 1. Tokens without a key change nothing. */
static void fill_removal(const la_probe_io *io, int64_t b, int64_t head, int64_t key_heads)
{
    const la_problem *p = io->problem;
    int64_t share = p->H / key_heads;
    int64_t channels = io->variant->inputs & LA_IN_GATE_CHANNEL ? p->dk : 1;
    for (int64_t h = head * share; h < (head + 1) * share; h++)
        for (int64_t t = 0; t < p->T; t++) {
            const float *k = row(io->k, p, b, t, key_heads, head, p->dk);
            const float *g = io->g ? row(io->g, p, b, t, p->H, h, channels) : NULL;
            float *reads = row(io->a, p, b, t, p->H, h, p->dk);
            float *writes = row(io->b, p, b, t, p->H, h, p->dk);
            for (int64_t c = 0; c < p->dk; c++) {
                reads[c] = -k[c] * (g ? expf(g[channels == 1 ? 0 : c]) : 1.0f);
                writes[c] = k[c];
            }
        }
}

static la_status fill_head(const la_probe_io *io, int64_t b, int64_t head, const float *codebook,
                           la_err *err)
{
    const la_problem *p = io->problem;
    const la_recall_options *o = io->task_opts;
    int64_t key_heads = la_recall_key_heads(io->variant, p);
    la_recall_memory m;
    LA_TRY(la_recall_memory_draw(io, b, head, &m, err));
    for (int64_t w = 0; w < m.writes; w++)
        memcpy(row(io->k, p, b, m.position[w], key_heads, head, p->dk), m.key + m.pair[w] * p->dk,
               (size_t)p->dk * sizeof(float));
    fill_values(io, &m, b, head, key_heads, codebook);
    fill_queries(io, &m, b, head, key_heads);
    if (o->filler == LA_RECALL_FILLER_RANDOM) fill_noise(io, &m, b, head, key_heads);
    fill_gates(io, &m, b, head, key_heads);
    if (io->a && io->b) fill_removal(io, b, head, key_heads);
    la_recall_memory_release(&m);
    return LA_OK;
}

static void clear(float *x, int64_t n)
{
    if (x) memset(x, 0, (size_t)n * sizeof *x);
}

la_status la_recall_fill(const la_probe_io *io, la_err *err)
{
    const la_problem *p = io->problem;
    int64_t tokens = p->B * p->T, key_heads = la_recall_key_heads(io->variant, p);
    float *codebook;
    LA_TRY(la_recall_codebook(io, &codebook, err));
    clear(io->q, tokens * p->Hqk * p->dk);
    clear(io->k, tokens * key_heads * p->dk);
    clear(io->v, tokens * la_recall_value_heads(io->variant, p) * p->dv);
    la_status st = LA_OK;
#pragma omp parallel for num_threads(p->threads) schedule(dynamic)
    for (int64_t i = 0; i < p->B * key_heads; i++) {
        la_err own;
        la_status got = fill_head(io, i / key_heads, i % key_heads, codebook, &own);
        if (got == LA_OK) continue;
#pragma omp critical(la_recall_error)
        {
            st = got;
            if (err) *err = own;
        }
    }
    la_free(codebook);
    return st;
}
