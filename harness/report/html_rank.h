/* SPDX-License-Identifier: Apache-2.0
 * Variants beside one another at each length: what the top of the report answers from. Private to it.
 */
#ifndef LA_HTML_RANK_H
#define LA_HTML_RANK_H

#include "html.h"

enum { LA_MAX_TASKS = 64 };
enum { LA_R_FORWARD, LA_R_BOTH, LA_R_DECODE, LA_R_WORK, LA_R_STATE, LA_R_TASK };
enum { LA_R_COLUMNS = LA_R_TASK + LA_MAX_TASKS };

typedef struct la_quantity {
    double v, lo, hi; /* ns, bytes or a part; NaN: none. lo, hi: its interval, or v */
    double most;      /* of several settings the largest v; else v */
    bool interval;
    char outcome[24];
} la_quantity;

typedef struct la_rank_row {
    char label[64], variant[64], mask[16];
    char *options; /* owned */
    char setting
        [160]; /* what must be the same for times to be compared: sizes, type, threads, caches */
    bool marked, baseline, kernel, peer;
    double T;
    la_quantity q[LA_R_COLUMNS];
    bool
        best[LA_R_COLUMNS]; /* none of the same setting and length is better beyond the intervals */
} la_rank_row;

typedef struct la_ranking {
    la_rank_row *v;
    size_t n, cap;
    char tasks[LA_MAX_TASKS][64]; /* recall first where there is one */
    size_t n_tasks;
    bool recall;              /* tasks[0] is the probe, which trains nothing */
    char mask[16], usual[16]; /* of marked rows ("": none is), and of the others */
} la_ranking;

/* Rows by setting in the order of the sweep, then by length, then by forward time. */
la_status la_ranking_load(const la_page *page, la_ranking *out, la_err *err);
void la_ranking_release(la_ranking *ranking);
/* The end of the rows that share setting and length (`length`), or setting alone, with row i. */
size_t la_ranking_end(const la_ranking *r, size_t i, bool length);
/* The row of least q[column] among i..end that is no baseline; with `recalls`, whose recall is at least
 * that; with `mask` (may be NULL), of that mask. NULL: none. */
const la_rank_row *la_ranking_best(const la_ranking *r, size_t i, size_t end, int column,
                                   double recalls, const char *mask);

#endif
