/* SPDX-License-Identifier: Apache-2.0
 * A batch through the network, and what of it was answered: of validations and of tests.
 */
#include <string.h>

#include "engine.h"

la_status la_engine_failure(const la_engine *e, int lanes, la_err *err)
{
    for (int i = 0; i < lanes; i++)
        if (e->lane[i].status != LA_OK) {
            if (err) *err = e->lane[i].err;
            return e->lane[i].status;
        }
    return LA_OK;
}

static void score_lane(la_lane *lane, const float *weights, size_t geometry, const la_batch *batch,
                       la_eval *out)
{
    lane->status = la_lane_make(lane, geometry, batch, &lane->err);
    if (lane->status == LA_OK)
        lane->status = la_lane_score(lane, geometry, batch, weights, out, &lane->err);
}

static void gather(const la_lane *lane, const la_eval *of, la_eval *out)
{
    out->correct += lane->tally.correct;
    out->total += lane->n_rows;
    out->loss += lane->tally.loss;
    for (int s = 0; s < LA_EVAL_DISTANCES; s++) {
        out->distance_correct[s] += of->distance_correct[s];
        out->distance_total[s] += of->distance_total[s];
    }
    for (int g = 0; g < LA_MAX_GROUPS; g++) {
        out->group_correct[g] += of->group_correct[g];
        out->group_total[g] += of->group_total[g];
    }
}

la_status la_engine_score(la_engine *e, const float *weights, size_t geometry,
                          const la_batch *batch, la_eval *out, la_err *err)
{
    int lanes = e->geometry[geometry].lanes;
    la_eval *of = e->scores;
    memset(of, 0, (size_t)lanes * sizeof *of);
    if (lanes < e->threads)
        score_lane(&e->lane[0], weights, geometry, batch, &of[0]);
    else {
#pragma omp parallel for schedule(static, 1) num_threads(e->threads)
        for (int i = 0; i < lanes; i++) score_lane(&e->lane[i], weights, geometry, batch, &of[i]);
    }
    la_status st = la_engine_failure(e, lanes, err);
    for (int i = 0; st == LA_OK && i < lanes; i++) gather(&e->lane[i], &of[i], out);
    return st;
}
