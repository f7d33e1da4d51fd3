/* SPDX-License-Identifier: Apache-2.0
 * What an attempt takes besides its calls: a process, inputs, the first touch of its memory, float64 references,
 * warm-up and samples until the stop rule ends them; the steps and validations of a training; the
 * examples of an evaluation. Rates are of one core, as measured on x86 servers with AVX-512.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "alloc.h"
#include "measure.h"
#include "predict.h"
#include "sampled.h"
#include "sampled_backward.h"

#define START_S       0.03 /* a process with its libraries, two rows in the store */
#define DEVICE_S      1.0  /* a context, modules, a warm-up */
#define PEER_START_S  4.0  /* an interpreter and its libraries */
#define DRAWN         4e8  /* numbers a second: inputs of a timing cell */
#define FILLED        5e8  /* numbers a second: inputs of a probe */
#define TOUCHED       1e9 /* bytes a second: memory that is new to the process; all cores together */
#define HASHED        1e10 /* bytes a second: outputs, after every sample */
#define REFERENCE_OPS 6e9  /* useful FLOP a second of float64 loops that walk through tokens */
#define ROWS_OPS      6e9  /* of those that compute sampled rows alone */
#define GRADIENT_OPS  5e9  /* of the gradients' */
#define SCORE_OPS     5e9  /* float64 FLOP a second of what scores a probe */
#define USUAL_TIMES   1.8  /* samples last so many times what a first look asks for */
#define DECODE_TIMES  1.3  /* of one token's calls, which one core makes out of its caches */
#define USUAL_STEPS   0.85 /* of a training's steps are taken: some learn all before */
#define LONGEST_CALLS 4    /* in the worst case a call takes so many times as long */
#define LONGEST_REST  2    /* and all else */

static bool has_gradients(const la_cell *c)
{
    return c->pass == LA_BACKWARD || c->pass == LA_FWDBWD;
}

static la_problem whole_of(const la_cell *c)
{
    la_problem whole = c->problem;
    whole.T = c->seqlen;
    if (c->pass == LA_DECODE) whole.mask = LA_MASK_CAUSAL;
    return whole;
}

/* Numbers that are drawn for the inputs of p. */
static double numbers_of(const la_cell *c, const la_problem *p)
{
    return (double)la_inputs_bytes(c->variant, p, c->opts) / (double)la_dtype_size(p->dtype);
}

static double useful_flops(const la_cell *c, const la_problem *p, la_pass pass)
{
    la_cost cost = {0};
    return c->variant->useful(p, pass, c->opts, &cost, NULL) == LA_OK ? cost.flops : 0;
}

static int at_most(int64_t pieces, int cores)
{
    if (cores < 1) cores = 1;
    return pieces < cores ? (int)pieces : cores;
}

/* ---- float64 references ---- */

static double output_reference(const la_cell *c, int cores)
{
    la_problem whole = whole_of(c);
    double flops = useful_flops(c, &whole, LA_FORWARD);
    if (la_sampled_walks(c->variant, &whole, c->opts))
        return flops / (REFERENCE_OPS * at_most(whole.B * whole.H, cores));
    double rows = whole.T <= LA_SAMPLED_FULL ? (double)whole.T : LA_SAMPLED_ROWS;
    if (c->variant->family == LA_FAMILY_QUADRATIC) flops *= rows / (double)whole.T;
    if (c->variant->family == LA_FAMILY_LOW_RANK) flops *= 0.5; /* what all tokens are mixed by */
    return flops / (ROWS_OPS * at_most(whole.B * whole.H, cores));
}

static double gradient_reference(const la_cell *c, int cores)
{
    la_problem q = la_sampled_backward_problem(&c->problem);
    return useful_flops(c, &q, LA_FWDBWD) / (GRADIENT_OPS * at_most(q.B * q.H, cores));
}

/* The gradients of the impl itself, at the length where they are compared. */
static double gradient_call(const la_cell *c, double call_s)
{
    la_problem q = la_sampled_backward_problem(&c->problem);
    double whole = useful_flops(c, &c->problem, LA_FWDBWD);
    double scale = whole > 0 ? useful_flops(c, &q, LA_FWDBWD) / whole : 1;
    return 2 * numbers_of(c, &q) / (DRAWN * q.threads) + call_s * scale;
}

typedef struct reference {
    uint64_t key;
    size_t cell;
} reference;

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const reference *)a)->key, y = ((const reference *)b)->key;
    return (x > y) - (x < y);
}

/* What the reference is computed from: of equal variants the same. */
static uint64_t reference_key(const la_cell *c, bool gradients)
{
    la_cell q = *c;
    const char *opts = c->variant->reference && c->opts_json ? c->opts_json : "{}";
    q.task = NULL;
    if (gradients) {
        q.problem = la_sampled_backward_problem(&c->problem);
        q.seqlen = q.problem.T;
    }
    uint64_t key = la_cell_seed(&q, (uint64_t)q.problem.dtype, 0);
    key = XXH3_64bits_withSeed(&q.problem.scale, sizeof q.problem.scale, key);
    return XXH3_64bits_withSeed(opts, strlen(opts), key);
}

static bool wants(const la_cell *c, bool gradients)
{
    return !c->refused && !c->task && (!gradients || has_gradients(c));
}

static void count_sharing(la_plan *plan, reference *all, bool gradients)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n; i++)
        if (wants(&plan->cells[i], gradients))
            all[n++] = (reference){reference_key(&plan->cells[i], gradients), i};
    if (n) qsort(all, n, sizeof *all, by_key);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && all[to].key == all[from].key;) to++;
        for (size_t i = from; i < to; i++) {
            la_cell *c = &plan->cells[all[i].cell];
            *(gradients ? &c->sharing_gradients : &c->sharing) = (int)(to - from);
        }
    }
}

la_status la_predict_references(la_plan *plan, la_err *err)
{
    reference *all = la_alloc((plan->n + 1) * sizeof *all, err);
    if (!all) return LA_E_NOMEM;
    count_sharing(plan, all, false);
    count_sharing(plan, all, true);
    la_free(all);
    return LA_OK;
}

/* ---- attempts ---- */

typedef struct outlook {
    const la_cell *cell;
    const la_run_settings *set;
    double call_s;
    int round;
    bool longest;
} outlook;

/* A cell's part of what one of `sharing` computes for all. */
static double part_of(const outlook *o, double s, int sharing)
{
    return o->longest || sharing < 2 ? s : s / sharing;
}

static double verification(const outlook *o)
{
    const la_cell *c = o->cell;
    double s = part_of(o, output_reference(c, o->set->cores), c->sharing);
    if (!has_gradients(c)) return s;
    return s + gradient_call(c, o->call_s) +
           part_of(o, gradient_reference(c, o->set->cores), c->sharing_gradients);
}

/* Of a long call, beyond the first. */
static double few_samples(const outlook *o, double call)
{
    const la_cell *c = o->cell;
    bool ours = !c->peer && c->impl->backend == LA_CPU && c->pass != LA_DECODE && !c->cold;
    bool counted = ours && o->round == 0 && call > LA_COUNTED_S;
    return fmin(LA_FEW_SAMPLES, ceil(LA_FEW_LIMIT * o->set->max_time_s / call)) - counted;
}

/* Warm-up and samples; beside them the output of each is hashed. */
static double measuring(const outlook *o)
{
    const la_run_settings *set = o->set;
    double call = fmax(o->call_s, 1e-9), least = set->min_time_s, most = set->max_time_s;
    double hash = (double)o->cell->output_bytes / HASHED;
    if (call > LA_SLOW_S) return 0;
    if (call > LA_FEW_TIMES * least) return few_samples(o, call) * (call + hash);
    double sample = fmax(call, 1e-3);
    double warm = fmin(LA_WARMUP_S, least / 4);
    if (call >= warm) warm = 0; /* the first one was it */
    if (o->cell->impl->backend == LA_CUDA) warm = fmax(warm, LA_WARMUP_CALLS * call);
    double times = o->cell->pass == LA_DECODE ? DECODE_TIMES : USUAL_TIMES;
    double s = o->longest ? most : times * fmax(set->min_samples * sample, least);
    s = fmin(s, fmax(most, LA_INTERVAL_SAMPLES * sample));
    if (set->quick) s = LA_FEW_SAMPLES * sample;
    return warm + s + s / sample * hash;
}

static double timing(const outlook *o)
{
    const la_cell *c = o->cell;
    la_problem whole = whole_of(c);
    double numbers = numbers_of(c, &whole);
    /* A state comes from the reference, which all but the first find in a file. */
    if (c->pass == LA_DECODE && la_sampled_walks(c->variant, &whole, c->opts))
        numbers = o->round == 0 ? part_of(o, numbers, c->sharing) : 0;
    if (has_gradients(c)) numbers += (double)(whole.B * whole.T * whole.H * whole.dv);
    double bytes = (double)(c->input_bytes + c->output_bytes + c->sizes.state + c->sizes.saved +
                            c->sizes.work + c->sizes.instance);
    double s = numbers / (DRAWN * c->problem.threads) + bytes / TOUCHED + o->call_s + measuring(o);
    if (c->pass == LA_BACKWARD) s += o->call_s / 2; /* a forward goes before */
    if (o->round > 0) return s;
    double poisoned = (double)(c->output_bytes + c->sizes.saved + c->sizes.work);
    return s + poisoned / TOUCHED + verification(o);
}

static double probe(const outlook *o)
{
    const la_cell *c = o->cell;
    const la_task *t = c->task;
    int64_t answers = t->answers(&c->problem, c->task_opts);
    la_problem called;
    double call_s = o->call_s;
    if (la_cell_called(c, &called)) call_s *= 2 * (double)called.T / (double)called.Tcap;
    int64_t enough = la_cell_answers(call_s);
    int64_t repeats = t->probe_samples ? t->probe_samples(c->task_opts)
                      : answers > 0    ? (enough + answers - 1) / answers
                                       : 1;
    if (!t->probe_samples && repeats > LA_CELL_REPEATS) repeats = LA_CELL_REPEATS;
    int threads = c->problem.threads;
    double bytes = (double)(c->input_bytes + c->output_bytes);
    double each = call_s + numbers_of(c, &c->problem) / (FILLED * threads) + bytes / HASHED;
    if (t->probe_score_flops)
        each += t->probe_score_flops(&c->problem, c->task_opts) / (SCORE_OPS * threads);
    return (bytes + (double)(c->sizes.work + c->sizes.instance)) / TOUCHED + (double)repeats * each;
}

/* Validations count in steps: forward alone is a third of one. */
static double training(const outlook *o)
{
    const la_cell *c = o->cell;
    const la_train_opts *t = &c->learn->train;
    la_shape shapes[LA_MAX_SHAPES];
    if (!o->longest && c->trained >> o->round & 1) return 0; /* it is found again */
    double length = 0, steps = (double)t->steps;
    if (!o->longest && t->stop > 0)
        steps = c->usual_steps > 0 ? c->usual_steps : USUAL_STEPS * steps;
    size_t n = c->task->learned->mixture(c->task_opts, c->learn->lengths, c->learn->n_lengths,
                                         shapes, LA_MAX_SHAPES);
    for (size_t i = 0; i < n; i++) length += (double)shapes[i].T;
    double before = ceil(steps / (double)t->validate_every) - 1;
    double examples = (double)t->validate_examples + before * (double)la_train_glance(t);
    return o->call_s * (steps + examples * length / (3 * (double)t->tokens));
}

static double evaluation(const outlook *o)
{
    const la_cell *c = o->cell;
    la_shape shape, shapes[LA_MAX_SHAPES];
    if (c->task->learned->shape_at(c->task_opts, c->seqlen, &shape, NULL) != LA_OK) return 0;
    size_t slices = la_cell_slices(c, shapes);
    int64_t examples = la_cell_examples(c, &shape) + LA_CELL_EXAMPLES * (int64_t)slices;
    return (double)c->sizes.work / TOUCHED + o->call_s * (double)examples;
}

static double attempt(const outlook *o)
{
    const la_cell *c = o->cell;
    double s = START_S;
    if (c->peer) s += PEER_START_S;
    if (c->impl->backend == LA_CUDA) s += DEVICE_S;
    if (!c->learn) return s + (c->task ? probe(o) : timing(o));
    return s + (c->pass == LA_TRAIN ? training(o) : evaluation(o));
}

double la_predict_attempt(const la_cell *cell, double call_s, const la_run_settings *settings,
                          int round)
{
    outlook o = {cell, settings, call_s, round, false};
    return attempt(&o);
}

double la_predict_longest(const la_cell *cell, double call_s, const la_run_settings *settings,
                          int round)
{
    outlook calls = {cell, settings, LONGEST_CALLS * call_s, round, true};
    outlook usual = {cell, settings, call_s, round, true};
    return fmax(attempt(&calls), LONGEST_REST * attempt(&usual));
}
