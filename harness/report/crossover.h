/* SPDX-License-Identifier: Apache-2.0
 * From which length on is one variant faster than another? From the times of a sweep.
 */
#ifndef LA_CROSSOVER_H
#define LA_CROSSOVER_H

#include <stdio.h>

#include "stats.h"
#include "store.h"

typedef struct la_race_point { /* two variants at one length */
    double T;
    la_ratio ratio; /* time of the second over that of the first; lo, hi NaN: too few samples */
} la_race_point;

typedef struct la_crossover {
    double
        T; /* where the times are equal, between two lengths along a straight line in logarithms */
    double lo, hi; /* and where they may be equal; 0 and INFINITY: outside of what was measured */
    bool second_wins; /* behind it */
    bool bracket; /* lo and hi are the lengths around it: there are too few samples for intervals */
} la_crossover;

/* The crossings of n points in ascending T, at most cap into out; returns how many there are. Where equal
 * times are possible further away, interval by interval, the crossing's own interval reaches there. */
size_t la_crossovers_find(const la_race_point *points, size_t n, la_crossover *out, size_t cap);

typedef struct la_crossover_how {
    const char *a, *b; /* variants; NULL: each with each */
    const char *pass;  /* NULL: all */
    bool json;
    bool all; /* pairs without a crossing too, where each is held against each */
} la_crossover_how;

/* Prints them. LA_E_NOTFOUND when no two variants were timed at two lengths of one setting. */
la_status la_report_crossovers(la_store *store, int64_t sweep_id, const la_crossover_how *how,
                               FILE *out, la_err *err);

#endif
