/* SPDX-License-Identifier: Apache-2.0 */
#include "predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "alloc.h"
#include "registry.h"
#include "stats.h"
#include "text.h"

/* FLOP/s of one thread, when the machine's peak is not known: of cores of the last years. */
#define PEAK_GENERIC 1.5e10
#define PEAK_AVX2    6e10
#define PEAK_AVX512  1.2e11
/* What the kernels of a machine with few cores move at least, where their working set has left the caches. */
#define USUAL_BYTES 1.2e10
/* FLOP/s of a CUDA device, and what it moves; guesses until one is measured */
#define DEVICE_RATE   1e13
#define DEVICE_BYTES  1e12
#define LAUNCH_S      5e-6
#define STEP_LAUNCHES 200 /* of a model's step or example */

#define ONE_ROUND_S  0.3 /* a longer call gets a single round */
#define QUICK_CALL_S 5.0 /* longer calls are not made in a quick sweep */

enum { MOST_POINTS = 64 };

uint64_t la_predict_family(const la_cell *cell)
{
    const la_problem *p = &cell->problem;
    char text[256];
    int len =
        snprintf(text, sizeof text, "%s %s %s %s %s %d %.17g %d", cell->variant->name,
                 cell->impl->name, la_pass_name(la_cell_kernel_pass(cell)), la_mask_name(p->mask),
                 la_dtype_name(p->dtype), p->threads, p->scale, cell->cold);
    uint64_t hash = XXH3_64bits(text, (size_t)len);
    const int64_t shape[] = {p->B, p->H, p->Hkv, p->Hqk, p->dk, p->dv};
    hash = XXH3_64bits_withSeed(shape, sizeof shape, hash);
    const char *opts = cell->opts_json ? cell->opts_json : "";
    hash = XXH3_64bits_withSeed(opts, strlen(opts), hash);
    /* A learned cell runs a whole model: a training and its evaluations are families of their own. */
    return cell->learn ? hash ^ cell->learn->group : hash;
}

typedef struct member {
    uint64_t family;
    size_t cell;
} member;

static int by_family(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->family != y->family) return x->family > y->family ? 1 : -1;
    return (x->cell > y->cell) - (x->cell < y->cell);
}

la_status la_predict_begin(const la_plan *plan, la_known *known, la_err *err)
{
    member *all = la_alloc((plan->n + 1) * sizeof *all, err);
    if (!all) return LA_E_NOMEM;
    for (size_t i = 0; i < plan->n; i++) all[i] = (member){la_predict_family(&plan->cells[i]), i};
    if (plan->n) qsort(all, plan->n, sizeof *all, by_family);
    for (size_t k = 0, from = 0; k < plan->n; k++) {
        if (all[k].family != all[from].family) from = k;
        bool last = k + 1 == plan->n || all[k + 1].family != all[k].family;
        known[all[k].cell] = (la_known){.family = all[k].family,
                                        .call_s = NAN,
                                        .first = all[from].cell,
                                        .next = last ? LA_NO_CELL : all[k + 1].cell};
    }
    la_free(all);
    return LA_OK;
}

/* The time of one cell, carried to another length by what the two cost. */
static double by_cost(const la_cell *from, double call_s, const la_cell *to)
{
    if (from->really.flops > 0 && to->really.flops > 0)
        return call_s * to->really.flops / from->really.flops;
    if (from->really.bytes > 0 && to->really.bytes > 0)
        return call_s * to->really.bytes / from->really.bytes;
    return call_s * (double)to->seqlen / (double)from->seqlen;
}

/* Shares of the peak that kernels, steps of a training and examples of an evaluation reach where they take
 * time. An evaluation asks the last block of softmax and flash at scored tokens alone, and its cost
 * counts all of them. */
static double share_of(const la_cell *c)
{
    enum { CALL, STEP, EXAMPLE };
    static const double shares[][3] = {
        [LA_FAMILY_QUADRATIC] = {0.68, 0.4, 1.2},  [LA_FAMILY_KERNEL] = {0.55, 0.4, 0.28},
        [LA_FAMILY_LOW_RANK] = {0.65, 0.45, 0.3},  [LA_FAMILY_FOURIER] = {0.15, 0.42, 0.25},
        [LA_FAMILY_RECURRENT] = {0.5, 0.33, 0.22}, [LA_FAMILY_BASELINE] = {0.3, 0.4, 0.25},
    };
    la_pass pass = la_cell_kernel_pass(c);
    double share = shares[c->variant->family][!c->learn             ? CALL
                                              : c->pass == LA_TRAIN ? STEP
                                                                    : EXAMPLE];
    if (!c->learn && (pass == LA_BACKWARD || pass == LA_FWDBWD)) share *= 0.85;
    /* A matrix of all tokens by all tokens that no cache holds. */
    bool naive = strcmp(la_impl_form(c->impl), "naive") == 0;
    return naive && c->seqlen > 4096 ? 0.4 * share : share;
}

static double usual_peak(const la_cell *c)
{
    double thread = c->isa == LA_ISA_GENERIC ? PEAK_GENERIC
                    : c->isa == LA_ISA_AVX2  ? PEAK_AVX2
                                             : PEAK_AVX512;
    return thread * c->problem.threads;
}

double la_predict_usual(const la_cell *c, double peak_flops)
{
    if (c->usual_s > 0) return c->usual_s;
    if (c->impl->backend == LA_CUDA)
        return LAUNCH_S * (c->learn ? STEP_LAUNCHES : 1) + c->really.flops / DEVICE_RATE +
               c->really.bytes / DEVICE_BYTES;
    double peak = peak_flops > 0 ? peak_flops : usual_peak(c);
    return fmax(c->really.flops / (share_of(c) * peak), c->really.bytes / USUAL_BYTES);
}

double la_predict_floor(const la_cell *cell, double peak_flops)
{
    return peak_flops > 0 ? cell->really.flops / peak_flops : 0;
}

double la_predict_call(const la_plan *plan, const la_known *known, size_t cell, double peak_flops,
                       bool *measured)
{
    const la_cell *c = &plan->cells[cell];
    double x[MOST_POINTS], y[MOST_POINTS];
    size_t n = 0, nearest = LA_NO_CELL;
    bool two_lengths = false;
    for (size_t i = known[cell].first; i != LA_NO_CELL; i = known[i].next) {
        if (isnan(known[i].call_s)) continue;
        const la_cell *other = &plan->cells[i];
        if (other->seqlen > c->seqlen) continue;
        if (n < MOST_POINTS) {
            x[n] = (double)other->seqlen;
            y[n++] = fmax(known[i].call_s, 1e-9);
        }
        if (nearest != LA_NO_CELL && other->seqlen != plan->cells[nearest].seqlen)
            two_lengths = true;
        if (nearest == LA_NO_CELL || other->seqlen > plan->cells[nearest].seqlen) nearest = i;
    }
    *measured = nearest != LA_NO_CELL;
    if (!*measured) return la_predict_usual(c, peak_flops);
    const la_cell *from = &plan->cells[nearest];
    double near_s = known[nearest].call_s;
    if (from->seqlen == c->seqlen) return near_s;
    if (!two_lengths) return by_cost(from, near_s, c);
    double exponent = fmin(fmax(la_fit_exponent(x, y, n), 0.0), 3.0);
    /* Short cells are mostly overhead: the cost grows at least as its formula says from there on. */
    double fitted = near_s * pow((double)c->seqlen / (double)from->seqlen, exponent);
    return from->really.flops > 0 ? fmax(fitted, 0.5 * by_cost(from, near_s, c)) : fitted;
}

double la_predict_peak(const la_cell *cell, double peak_flops, int peak_threads)
{
    int threads = cell->problem.threads;
    if (!cell->learn || threads >= peak_threads) return peak_flops;
    return peak_flops * threads / peak_threads;
}

double la_predict_share(const la_cell *cell, int jobs, int cores)
{
    if (!cell->learn || jobs < 2) return 1;
    int capacity = cores > jobs ? cores : jobs;
    return fmin(1, fmax(1.0 / jobs, (double)cell->problem.threads / capacity));
}

int64_t la_predict_oom(const la_plan *plan, const la_known *known, size_t cell)
{
    int64_t found = -1;
    for (size_t i = known[cell].first; i != LA_NO_CELL; i = known[i].next)
        if (known[i].oom && plan->cells[i].seqlen < plan->cells[cell].seqlen) found = (int64_t)i;
    return found;
}

int la_predict_rounds(const la_cell *cell, const la_run_settings *settings, double call_s)
{
    if (cell->refused || cell->rounds < 1) return 1;
    if (!cell->learn && (settings->quick || call_s > ONE_ROUND_S)) return 1;
    return cell->rounds < LA_ROUNDS_MAX ? cell->rounds : LA_ROUNDS_MAX;
}

static bool over(size_t need, size_t limit, const char *where, la_left_out *out)
{
    char needed[24], most[24];
    if (limit == 0 || need <= limit) return false;
    out->outcome = LA_OUTCOME_PREDICTED_OOM;
    snprintf(out->why, sizeof out->why, "needs %s%s (limit %s)",
             la_format_bytes((double)need, needed), where, la_format_bytes((double)limit, most));
    return true;
}

bool la_predict_too_large(const la_cell *cell, const la_run_settings *settings, la_left_out *out)
{
    return settings->predict &&
           (over(cell->need_bytes, settings->memory_limit, "", out) ||
            over(cell->device_bytes, settings->device_limit, " of the device", out));
}

bool la_predict_too_slow(const la_run_settings *settings, double call_s, la_left_out *out)
{
    bool slow = settings->quick && call_s > QUICK_CALL_S;
    bool late = settings->timeout_s > 0 && call_s > settings->timeout_s;
    if (!settings->predict || !(slow || late)) return false;
    out->outcome = LA_OUTCOME_PREDICTED_TIMEOUT;
    if (slow)
        snprintf(out->why, sizeof out->why,
                 "a call would take about %.3g s; a quick sweep makes none over %.0f s", call_s,
                 QUICK_CALL_S);
    else
        snprintf(out->why, sizeof out->why, "a call would take about %.3g s (timeout %.3g s)",
                 call_s, settings->timeout_s);
    return true;
}
