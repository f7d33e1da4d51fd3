/* SPDX-License-Identifier: Apache-2.0 */
#include "predict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "sampled_backward.h"
#include "stats.h"

#define USUAL_SHARE 0.2  /* of the peak, for what was never measured */
#define USUAL_PEAK  2e10 /* FLOP/s of one thread, when the machine's is not known */
#define DEVICE_RATE                                                                                \
    1e13 /* FLOP/s of a CUDA device, and what it moves; guesses until one is measured */
#define DEVICE_BYTES  1e12
#define LAUNCH_S      5e-6
#define DEVICE_S      1.0 /* a context, modules, a warm-up */
#define STARTUP_S     0.05
#define PEER_START_S  4.0  /* an interpreter and its libraries */
#define VALIDATION    1.2  /* a training takes so much longer than its steps alone */
#define REFERENCE_OPS 3e8  /* useful FLOP/s of the float64 loops */
#define DRAW_S        2e-8 /* seconds an input element */

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

/* The time of one cell, carried to another length by what the two cost. */
static double by_cost(const la_cell *from, double call_s, const la_cell *to)
{
    if (from->really.flops > 0 && to->really.flops > 0)
        return call_s * to->really.flops / from->really.flops;
    if (from->really.bytes > 0 && to->really.bytes > 0)
        return call_s * to->really.bytes / from->really.bytes;
    return call_s * (double)to->seqlen / (double)from->seqlen;
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
    size_t n = 0, nearest = SIZE_MAX;
    bool two_lengths = false;
    for (size_t i = 0; i < plan->n; i++) {
        if (known[i].family != known[cell].family || isnan(known[i].call_s)) continue;
        const la_cell *other = &plan->cells[i];
        if (other->seqlen > c->seqlen) continue;
        if (n < MOST_POINTS) {
            x[n] = (double)other->seqlen;
            y[n++] = fmax(known[i].call_s, 1e-9);
        }
        if (nearest != SIZE_MAX && other->seqlen != plan->cells[nearest].seqlen) two_lengths = true;
        if (nearest == SIZE_MAX || other->seqlen > plan->cells[nearest].seqlen) nearest = i;
    }
    *measured = nearest != SIZE_MAX;
    if (!*measured && c->impl->backend == LA_CUDA)
        return LAUNCH_S + c->really.flops / DEVICE_RATE + c->really.bytes / DEVICE_BYTES;
    if (!*measured) {
        double peak = peak_flops > 0 ? peak_flops : USUAL_PEAK * c->problem.threads;
        return c->really.flops / (USUAL_SHARE * peak) + c->really.bytes / 4e9;
    }
    const la_cell *from = &plan->cells[nearest];
    double near_s = known[nearest].call_s;
    if (from->seqlen == c->seqlen) return near_s;
    if (!two_lengths) return by_cost(from, near_s, c);
    double exponent = fmin(fmax(la_fit_exponent(x, y, n), 0.0), 3.0);
    /* Short cells are mostly overhead: the cost grows at least as its formula says from there on. */
    double fitted = near_s * pow((double)c->seqlen / (double)from->seqlen, exponent);
    return from->really.flops > 0 ? fmax(fitted, 0.5 * by_cost(from, near_s, c)) : fitted;
}

double la_predict_attempt(const la_cell *cell, double call_s, double min_time_s, double max_time_s,
                          bool verify)
{
    double T = (double)cell->seqlen;
    double s = STARTUP_S + DRAW_S * (double)cell->input_bytes / 4;
    if (cell->peer) s += PEER_START_S;
    if (cell->impl->backend == LA_CUDA) s += DEVICE_S;
    if (cell->pass == LA_DECODE) s += DRAW_S * T * (double)cell->input_bytes / 4;
    if (cell->learn && cell->pass == LA_TRAIN)
        return s + VALIDATION * call_s * (double)cell->learn->train.steps;
    if (cell->learn) return s + (call_s > 1 ? 4 * call_s : fmin(2, 128 * call_s));
    if (cell->task) return s + call_s * (call_s > 1 ? 2 : 8);
    if (verify) {
        double share = cell->variant->family == LA_FAMILY_RECURRENT ||
                               cell->variant->family == LA_FAMILY_KERNEL
                           ? 1.0
                           : fmin(1.0, 64.0 / T);
        double tokens = cell->pass == LA_DECODE ? T : 1.0;
        bool gradients = cell->pass == LA_BACKWARD || cell->pass == LA_FWDBWD;
        s += share * tokens * cell->useful.flops / REFERENCE_OPS / (gradients ? 3 : 1);
        /* Gradients are verified on a shorter problem. */
        double shorter = fmin(1.0, LA_SAMPLED_BACKWARD_TOKENS / T);
        if (gradients)
            s += (share < 1 ? shorter * shorter : shorter) * cell->useful.flops / REFERENCE_OPS;
    }
    double calls = call_s > 10           ? 1
                   : call_s > min_time_s ? 4
                                         : 1 + fmin(max_time_s, 2 * min_time_s) / call_s;
    return s + call_s * calls;
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
    for (size_t i = 0; i < plan->n; i++)
        if (known[i].family == known[cell].family && known[i].oom &&
            plan->cells[i].seqlen < plan->cells[cell].seqlen)
            found = (int64_t)i;
    return found;
}
