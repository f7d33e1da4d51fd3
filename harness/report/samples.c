/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"

#include <inttypes.h>
#include <stdio.h>

#include "alloc.h"
#include "query.h"

void la_samples_release(la_samples *s)
{
    la_free(s->x);
    la_free(s->round_n);
    *s = (la_samples){0};
}

static la_status samples_add(la_samples *s, bool new_round, double x, la_err *err)
{
    if (new_round) {
        LA_TRY(
            la_grow((void **)&s->round_n, &s->rounds_cap, s->rounds + 1, sizeof *s->round_n, err));
        s->round_n[s->rounds++] = 0;
    }
    LA_TRY(la_grow((void **)&s->x, &s->cap, s->n + 1, sizeof *s->x, err));
    s->x[s->n++] = x;
    s->round_n[s->rounds - 1]++;
    return LA_OK;
}

la_status la_samples_read(la_store *store, int64_t cell, la_samples *s, la_err *err)
{
    static const char sql[] = "SELECT l.round, 1.0 * p.total_ns / p.iters FROM v_last l "
                              "JOIN sample p ON p.attempt_id = l.attempt_id "
                              "WHERE l.cell_id = CAST(?1 AS INT) AND l.outcome = 'ok' "
                              "ORDER BY l.round, p.idx";
    char id[24];
    int64_t last = -1;
    *s = (la_samples){.cell = cell};
    snprintf(id, sizeof id, "%" PRId64, cell);
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, (const char *[]){id}, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        int64_t round = la_query_int(q, 0);
        if ((st = samples_add(s, round != last, la_query_real(q, 1), err)) != LA_OK) break;
        last = round;
    }
    la_query_close(q);
    if (st != LA_OK) la_samples_release(s);
    return st;
}
