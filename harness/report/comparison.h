/* SPDX-License-Identifier: Apache-2.0
 * Two sweeps, or two variants, cell by cell: is the second faster?
 */
#ifndef LA_COMPARISON_H
#define LA_COMPARISON_H

#include <stdio.h>

#include "store.h"
#include "verdict.h"

typedef struct la_compare_side {
    la_store *store; /* borrowed; both sides may be of one store */
    int64_t sweep;
    const char *variant; /* NULL: all, each against itself; else that of this side */
    const char *name;    /* as a person calls it */
} la_compare_side;

typedef struct la_compare_how {
    double min_change; /* a share; 0.02 */
    const char *pass;  /* NULL: all */
    bool across;       /* though machines or builds differ */
    bool json;
    bool all; /* rows that are the same too */
} la_compare_how;

typedef struct la_compare_result {
    size_t counts[LA_VERDICTS];
    size_t failed[2]; /* cells where one side is ok and that one is not */
    size_t alone;     /* cells that one side alone has */
    double noise;     /* of the machine, from rounds of the same cells; 0: too few to say */
    size_t noise_pairs;
} la_compare_result;

/* What two sweeps were made with, columns of v_sweep. */
typedef struct la_circumstance {
    const char *column, *words;
    bool refuses; /* a difference says that times compare little else: it asks for --across */
} la_circumstance;
enum { LA_CIRCUMSTANCES = 9 };
extern const char la_circumstances_sql[]; /* the columns of sweep ?1 */
extern const la_circumstance la_circumstances[LA_CIRCUMSTANCES];

/* Prints the comparison. What differs besides (machine, compiler, flags) is printed first and, unless
 * `across`, LA_E_ARG. LA_E_NOTFOUND when no cell is on both sides. */
la_status la_report_compare(const la_compare_side *a, const la_compare_side *b,
                            const la_compare_how *how, FILE *out, la_compare_result *result,
                            la_err *err);

#endif
