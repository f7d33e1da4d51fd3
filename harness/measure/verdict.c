/* SPDX-License-Identifier: Apache-2.0
 * The rank test, its adjustment for many cells, and the four conditions.
 */
#include "verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

/* Samples of a side up to which the rank test is exact: the table of counts has n m + 1 sums. */
enum { EXACT = 20 };

const char *la_verdict_word(la_verdict verdict)
{
    static const char *const words[LA_VERDICTS] = {"same", "faster", "slower", "unclear"};
    return words[verdict];
}

/* ---- Mann-Whitney ---- */

typedef struct ranked {
    double x;
    bool second;
} ranked;

static int by_value(const void *a, const void *b)
{
    double x = ((const ranked *)a)->x, y = ((const ranked *)b)->x;
    return (x > y) - (x < y);
}

/* P(U <= u) for n and m distinct samples: orders of n + m whose count of inversions is at most u, by the
 * recurrence on whose sample is the largest, as a knapsack: the generating function of U is the Gaussian
 * binomial, prod (1 - q^(m+i)) / (1 - q^i). */
static double exact_below(size_t n, size_t m, double u)
{
    double ways[EXACT * EXACT + 1] = {1.0};
    size_t most = n * m;
    for (size_t i = 1; i <= n; i++) {
        for (size_t s = most; s >= m + i; s--) ways[s] -= ways[s - m - i];
        for (size_t s = i; s <= most; s++) ways[s] += ways[s - i];
    }
    double all = 0, below = 0;
    for (size_t s = 0; s <= most; s++) {
        all += ways[s];
        if ((double)s <= u) below += ways[s];
    }
    return below / all;
}

/* U of the first side, by mean ranks; *ties is the sum of t^3 - t over groups of equals. */
static double u_of(const ranked *all, size_t N, size_t n, double *ties)
{
    double ranks = 0;
    *ties = 0;
    for (size_t i = 0, j; i < N; i = j) {
        for (j = i + 1; j < N && !(all[j].x > all[i].x);) j++;
        double t = (double)(j - i), rank = ((double)i + 1 + (double)j) / 2;
        *ties += t * t * t - t;
        for (size_t k = i; k < j; k++)
            if (!all[k].second) ranks += rank;
    }
    return ranks - (double)n * ((double)n + 1) / 2;
}

double la_mann_whitney(const double *x, size_t n, const double *y, size_t m)
{
    size_t N = n + m;
    if (n == 0 || m == 0) return (double)NAN;
    ranked *all = la_alloc(N * sizeof *all, NULL);
    if (!all) return (double)NAN;
    for (size_t i = 0; i < n; i++) all[i] = (ranked){x[i], false};
    for (size_t i = 0; i < m; i++) all[n + i] = (ranked){y[i], true};
    qsort(all, N, sizeof *all, by_value);
    double ties, u = u_of(all, N, n, &ties), pairs = (double)n * (double)m;
    la_free(all);
    u = fmin(u, pairs - u);
    if (ties == 0 && n <= EXACT && m <= EXACT) return fmin(1.0, 2 * exact_below(n, m, u));
    double total = (double)N;
    double variance = pairs / 12 * (total + 1 - ties / (total * (total - 1)));
    if (!(variance > 0)) return 1.0; /* all are equal */
    double z = fmax(0.0, pairs / 2 - u - 0.5) / sqrt(variance);
    return erfc(z / sqrt(2.0));
}

double la_mann_whitney_least(size_t n, size_t m)
{
    double ways = lgamma((double)(n + m) + 1) - lgamma((double)n + 1) - lgamma((double)m + 1);
    return fmin(1.0, 2 * exp(-ways));
}

/* ---- Holm ---- */

typedef struct tested {
    double p;
    size_t at;
} tested;

static int by_p(const void *a, const void *b)
{
    double x = ((const tested *)a)->p, y = ((const tested *)b)->p;
    return (x > y) - (x < y);
}

la_status la_holm(const double *p, size_t n, double *adjusted, la_err *err)
{
    tested *order = la_alloc((n + 1) * sizeof *order, err);
    if (!order) return LA_E_NOMEM;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i]))
            adjusted[i] = p[i];
        else
            order[count++] = (tested){p[i], i};
    }
    qsort(order, count, sizeof *order, by_p);
    double most = 0;
    for (size_t k = 0; k < count; k++) {
        most = fmax(most, fmin(1.0, (double)(count - k) * order[k].p));
        adjusted[order[k].at] = most;
    }
    la_free(order);
    return LA_OK;
}

/* ---- verdicts ---- */

static size_t count_of(const la_timings *t)
{
    size_t n = 0;
    for (size_t r = 0; r < t->rounds; r++) n += t->round_n[r];
    return n;
}

/* The rounds' own medians differ in one direction, pair by pair; rounds that one side lacks do not count.
 * 0: they do not; else its sign. *pairs: how many there are. */
static int direction(const la_timings *a, const la_timings *b, size_t *pairs)
{
    int sign = 0;
    bool agree = true;
    const double *x = a->x, *y = b->x;
    *pairs = 0;
    for (size_t r = 0; r < a->rounds && r < b->rounds;
         x += a->round_n[r], y += b->round_n[r], r++) {
        la_summary one, two;
        if (a->round_n[r] == 0 || b->round_n[r] == 0) continue;
        la_summarise(x, a->round_n[r], &one);
        la_summarise(y, b->round_n[r], &two);
        int mine = (two.median > one.median) - (two.median < one.median);
        agree = agree && mine != 0 && (*pairs == 0 || mine == sign);
        sign = mine;
        ++*pairs;
    }
    return agree ? sign : 0;
}

/* An interval shrinks with the root of the number of rounds. */
static int rounds_for(const la_judgement *j, size_t rounds, double wanted)
{
    double half = (log(j->ratio.hi) - log(j->ratio.lo)) / 2;
    if (!(half > wanted) || !(wanted > 0)) return 1;
    double more = ceil((double)rounds * (half * half / (wanted * wanted) - 1));
    return more < 1 ? 1 : more > 60 ? 0 : (int)more;
}

static void unclear(la_judgement *j, int more, const char *why)
{
    j->verdict = LA_UNCLEAR;
    j->more_rounds = more;
    snprintf(j->why, sizeof j->why, "%s", why);
}

static void judge_one(const la_timings *a, const la_timings *b, const la_verdict_rule *rule,
                      la_judgement *j)
{
    double floor = fmax(rule->noise, rule->min_change), size = fabs(j->ratio.ratio - 1);
    size_t n = count_of(a), m = count_of(b), pairs;
    char why[sizeof j->why];
    if (isnan(j->ratio.lo)) {
        snprintf(why, sizeof why, "%zu and %zu samples are too few for an interval", n, m);
        unclear(j, n && m ? 1 : 0, why);
        return;
    }
    bool apart = j->ratio.lo > 1 || j->ratio.hi < 1;
    if (j->ratio.lo >= 1 - floor && j->ratio.hi <= 1 + floor) {
        j->verdict = LA_SAME;
        snprintf(j->why, sizeof j->why, "the interval lies within %.2g %%", 100 * floor);
        return;
    }
    int sign = direction(a, b, &pairs), half = (int)(a->rounds < b->rounds ? a->rounds : b->rounds);
    if (size < floor) {
        snprintf(why, sizeof why, "its interval is wider than the %.2g %% of %s", 100 * floor,
                 rule->noise > rule->min_change ? "the machine's noise" : "the least change");
        unclear(j, rounds_for(j, (size_t)half, floor - size), why);
    } else if (!apart) {
        snprintf(why, sizeof why, "the interval [%.3g, %.3g] holds 1", j->ratio.lo, j->ratio.hi);
        unclear(j, rounds_for(j, (size_t)half, fabs(log(j->ratio.ratio))), why);
    } else if (la_mann_whitney_least(n, m) >= rule->alpha) {
        snprintf(why, sizeof why, "%zu and %zu samples are too few for the rank test", n, m);
        unclear(j, 1, why);
    } else if (!(j->p_adjusted < rule->alpha)) {
        snprintf(why, sizeof why, "the rank test over all cells has p %.2g", j->p_adjusted);
        unclear(j, half > 0 ? half : 1, why);
    } else if (sign == 0) {
        snprintf(why, sizeof why, "the %zu pairs of rounds do not agree on the direction", pairs);
        unclear(j, half > 0 ? half : 1, why);
    } else {
        j->verdict = sign < 0 ? LA_FASTER : LA_SLOWER;
        snprintf(j->why, sizeof j->why, "p %.2g, and %zu pair%s of rounds agree", j->p_adjusted,
                 pairs, pairs == 1 ? "" : "s");
    }
}

la_status la_verdicts_make(const la_timings *first, const la_timings *second, size_t n,
                           const la_verdict_rule *rule, la_judgement *out, la_err *err)
{
    double *p = la_alloc((n + 1) * sizeof *p, err);
    if (!p) return LA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const la_timings *a = &first[i], *b = &second[i];
        out[i] = (la_judgement){.p = (double)NAN};
        la_ratio_rounds(b->x, b->round_n, b->rounds, a->x, a->round_n, a->rounds, &out[i].ratio);
        p[i] = out[i].p = la_mann_whitney(a->x, count_of(a), b->x, count_of(b));
    }
    la_status st = la_holm(p, n, p, err);
    for (size_t i = 0; i < n && st == LA_OK; i++) {
        out[i].p_adjusted = p[i];
        judge_one(&first[i], &second[i], rule, &out[i]);
    }
    la_free(p);
    return st;
}

double la_noise_floor(const double *differences, size_t n)
{
    if (n == 0) return (double)NAN;
    ranked *sizes = la_alloc(n * sizeof *sizes, NULL);
    if (!sizes) return (double)NAN;
    for (size_t i = 0; i < n; i++) sizes[i] = (ranked){fabs(differences[i]), false};
    qsort(sizes, n, sizeof *sizes, by_value);
    size_t at = (size_t)ceil(0.95 * (double)n);
    double floor = sizes[at > 0 ? at - 1 : 0].x;
    la_free(sizes);
    return floor;
}
