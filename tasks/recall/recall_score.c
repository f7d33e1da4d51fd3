/* SPDX-License-Identifier: Apache-2.0
 * Decoding the answers: the code vector of the largest cosine with the output.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "recall_internal.h"

/* The code nearest to o by cosine (the codes have norm 1), or -1 for an output without a direction:
 * zero or not finite. */
static int64_t decode(const float *o, const float *codebook, int64_t dv)
{
    int64_t best = -1;
    double best_dot = -INFINITY, norm = 0;
    for (int64_t c = 0; c < dv; c++) norm += (double)o[c] * (double)o[c];
    if (!(norm > 0) || !isfinite(norm)) return -1;
    for (int64_t i = 0; i < LA_RECALL_CODES; i++) {
        double dot = 0;
        for (int64_t c = 0; c < dv; c++) dot += (double)o[c] * (double)codebook[i * dv + c];
        if (dot > best_dot) best_dot = dot, best = i;
    }
    return best;
}

enum { OLD, OVERWRITTEN, SLICES };
static const char *const slice_names[SLICES] = {"old", "overwritten"};

static void score_head(const la_probe_io *io, const la_recall_memory *m, int64_t b, int64_t h,
                       const float *o, const float *codebook, la_score *score)
{
    const la_problem *p = io->problem;
    int64_t value_head = h / (p->H / la_recall_value_heads(io->variant, p));
    for (int64_t j = 0; j < m->pairs; j++) {
        int64_t t = p->T - m->pairs + j, pair = m->ask[j];
        int64_t got = decode(o + ((b * p->T + t) * p->H + h) * p->dv, codebook, p->dv);
        bool right = got == la_recall_code(io, b, value_head, m->last[pair]);
        int slice = m->twice[pair] ? OVERWRITTEN : OLD;
        score->correct += right;
        score->total++;
        score->slices[slice].correct += right;
        score->slices[slice].total++;
    }
}

la_status la_recall_score(const la_probe_io *io, const float *o, la_score *score, la_err *err)
{
    const la_problem *p = io->problem;
    const la_recall_options *opts = io->task_opts;
    int64_t key_heads = la_recall_key_heads(io->variant, p), share = p->H / key_heads;
    float *codebook;
    LA_TRY(la_recall_codebook(io, &codebook, err));
    la_status st = LA_OK;
    la_score plain = *score; /* without overwriting all pairs are alike: no slices */
    for (int64_t i = 0; i < p->B * key_heads && st == LA_OK; i++) {
        la_recall_memory m;
        st = la_recall_memory_draw(io, i / key_heads, i % key_heads, &m, err);
        for (int64_t h = 0; h < share && st == LA_OK; h++)
            score_head(io, &m, i / key_heads, i % key_heads * share + h, o, codebook, score);
        if (st == LA_OK) la_recall_memory_release(&m);
    }
    if (opts->overwrite > 0)
        for (int s = 0; s < SLICES; s++)
            snprintf(score->slices[s].name, sizeof score->slices[s].name, "%s", slice_names[s]);
    else
        memcpy(score->slices, plain.slices, sizeof plain.slices);
    la_free(codebook);
    return st;
}
