/* SPDX-License-Identifier: Apache-2.0
 * Whether one set of timings is faster than another: a verdict for each of many cells, with its reason.
 * Four conditions make a difference (size, intervals, rank test over all cells, every pair of rounds), since
 * each alone is fooled by something that timings do: samples of one process resemble each other, processes
 * differ, and of a hundred cells a few always look different.
 */
#ifndef LA_VERDICT_H
#define LA_VERDICT_H

#include <stdbool.h>

#include "labench/kit.h"
#include "stats.h"

typedef enum la_verdict { LA_SAME, LA_FASTER, LA_SLOWER, LA_UNCLEAR, LA_VERDICTS } la_verdict;
const char *la_verdict_word(la_verdict verdict); /* "same", "faster", "slower", "unclear" */

/* Times of one call, ns, round after round. Borrowed. */
typedef struct la_timings {
    const double *x;
    const size_t *round_n;
    size_t rounds;
} la_timings;

typedef struct la_verdict_rule {
    double noise; /* differences that this machine shows between equals, as a share; 0: unknown */
    double min_change; /* smaller ones do not matter to who asks; 0.02 */
    double alpha;      /* of all cells together; 0.05 */
} la_verdict_rule;

typedef struct la_judgement {
    la_verdict verdict;   /* of the second side: faster than the first, ... */
    la_ratio ratio;       /* the second side's time over the first's */
    double p, p_adjusted; /* Mann-Whitney, two-sided; after Holm over all cells */
    int more_rounds;      /* UNCLEAR: so many more would likely settle it; 0: not known */
    char why[160]; /* one clause: "every condition holds", "the interval is wider than 2 %" */
} la_judgement;

/* The probability of ranks at least as uneven when both come from one distribution, two-sided: exact for
 * small samples without ties, else the normal approximation with ties and continuity corrected. NaN when a
 * side is empty or memory is short. */
double la_mann_whitney(const double *x, size_t n, const double *y, size_t m);
/* The least p that samples of these sizes can reach. */
double la_mann_whitney_least(size_t n, size_t m);
/* Holm's step-down over n tests; NaN stays NaN and does not count. adjusted may be p. */
la_status la_holm(const double *p, size_t n, double *adjusted, la_err *err);

/* Cell i is first[i] against second[i]. A side without samples makes its cell UNCLEAR. */
la_status la_verdicts_make(const la_timings *first, const la_timings *second, size_t n,
                           const la_verdict_rule *rule, la_judgement *out, la_err *err);

/* The noise of a machine: of n differences between equals (as shares of their time, any sign) the size that
 * 95 % do not exceed. NaN when n is 0 or memory is short. */
double la_noise_floor(const double *differences, size_t n);

#endif
