/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "query.h"

/* What became of the seeds of one learning rate. */
typedef struct trained {
    double sum;     /* of validation accuracies */
    int n;          /* attempts that ended */
    bool any, here; /* some seed, the seed of this round was trained */
    char why[256];
} trained;

static la_status read_trained(la_store *store, const la_cell *cell, int round, trained *t,
                              la_err *err)
{
    static const char sql[] =
        "SELECT l.round, l.outcome, l.message, (SELECT m.value FROM metric m WHERE "
        "m.attempt_id = l.attempt_id AND m.name = 'val_accuracy') FROM v_last l "
        "WHERE l.cell_id = CAST(?1 AS INT) AND l.outcome <> 'interrupted' ORDER BY l.round";
    char id[24];
    const char *args[] = {id};
    snprintf(id, sizeof id, "%" PRId64, cell->id);
    la_query *q;
    LA_TRY(la_query_open(store, sql, args, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        bool ok = strcmp(la_query_text(q, 1), "ok") == 0;
        double accuracy = la_query_real(q, 3);
        const char *message = la_query_text(q, 2);
        t->n++;
        if (ok && isfinite(accuracy)) t->sum += accuracy;
        t->any |= ok;
        if (la_query_int(q, 0) == round) t->here = ok;
        if (!ok && (!*t->why || la_query_int(q, 0) == round))
            snprintf(t->why, sizeof t->why, "no model: training ended %.20s%s%.200s",
                     la_query_text(q, 1), message ? ": " : "", message ? message : "");
    }
    la_query_close(q);
    return st;
}

la_status la_choice_make(la_store *store, const la_plan *plan, const la_cell *eval, int round,
                         la_choice *out, la_err *err)
{
    double best = -1;
    *out = (la_choice){.why = "no model: none of this kind was trained"};
    for (size_t i = 0; i < plan->n; i++) {
        const la_cell *c = &plan->cells[i];
        if (!c->learn || c->pass != LA_TRAIN || c->learn->group != eval->learn->group) continue;
        trained t = {0};
        LA_TRY(read_trained(store, c, round, &t, err));
        double mean = t.n ? t.sum / t.n : 0, lr = c->learn->train.lr;
        if (!t.any) {
            if (best < 0 && *t.why) memcpy(out->why, t.why, sizeof out->why);
            continue;
        }
        if (mean < best || (!(mean > best) && lr > out->lr)) continue;
        best = mean;
        *out = (la_choice){.found = t.here, .lr = lr};
        memcpy(out->why, t.why, sizeof out->why);
    }
    return LA_OK;
}
