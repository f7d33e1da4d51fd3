/* SPDX-License-Identifier: Apache-2.0
 * approximation - how near is a mechanism to the softmax attention that it stands for?
 */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "approximation_internal.h"
#include "labench/kit.h"

static const la_option options[] = {
    {"samples", LA_OPTION_INT, offsetof(la_approximation_options, samples), 15, 1, 1 << 20, NULL,
     "inputs drawn, and parameters with them"},
    {"rows", LA_OPTION_INT, offsetof(la_approximation_options, rows), 1024, 0, 1 << 30, NULL,
     "tokens compared in each head, spread evenly; 0: all"},
    {"sigma", LA_OPTION_REAL, offsetof(la_approximation_options, sigma), 1, 0, 100, NULL,
     "standard deviation of q and k; the larger, the more one key outweighs the others"},
};

int64_t la_approximation_rows(const la_problem *p, const la_approximation_options *o)
{
    return o->rows && o->rows < p->T ? o->rows : p->T;
}

int64_t la_approximation_token(const la_problem *p, const la_approximation_options *o, int64_t i)
{
    return (i + 1) * p->T / la_approximation_rows(p, o) - 1;
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    (void)task_opts;
    bool stands = variant->inputs & LA_IN_LOGITS || variant->family == LA_FAMILY_KERNEL;
    if (!stands || !(variant->inputs & LA_IN_QKV))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s does not stand for softmax attention",
                       variant->name);
    if (p->dtype != LA_F32)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "approximation fills f32 tensors, not %s",
                       la_dtype_name(p->dtype));
    return LA_OK;
}

static int64_t samples(const void *task_opts)
{
    return ((const la_approximation_options *)task_opts)->samples;
}

static int64_t answers(const la_problem *p, const void *task_opts)
{
    return p->B * p->H * la_approximation_rows(p, task_opts);
}

static la_status fill(const la_probe_io *io, la_err *err)
{
    enum { STREAM_Q = 0x6170700, STREAM_K, STREAM_V };
    const la_problem *p = io->problem;
    const la_approximation_options *o = io->task_opts;
    int64_t tokens = p->B * p->T;
    (void)err;
    la_random_fill_scaled(la_stream(io->seed, STREAM_Q, io->repeat), 0, o->sigma, io->q,
                          tokens * p->Hqk * p->dk, p->threads);
    la_random_fill_scaled(la_stream(io->seed, STREAM_K, io->repeat), 0, o->sigma, io->k,
                          tokens * p->Hkv * p->dk, p->threads);
    la_random_fill_normal(la_stream(io->seed, STREAM_V, io->repeat), 0, io->v,
                          tokens * p->Hkv * p->dv, p->threads);
    return LA_OK;
}

/* Two for each channel of a key that a compared token sees, and of its value. */
static double score_flops(const la_problem *p, const void *task_opts)
{
    double keys = p->mask == LA_MASK_CAUSAL ? 0.5 * (double)p->T : (double)p->T;
    return (double)answers(p, task_opts) * keys * 2 * (double)(p->dk + p->dv);
}

static void add(la_score *score, int i, const char *name, double value)
{
    snprintf(score->figures[i].name, sizeof score->figures[i].name, "%s", name);
    score->figures[i].sum += value;
    score->figures[i].squares += value * value;
    score->figures[i].n++;
}

static la_status score_pass(const la_probe_io *io, const float *o, la_score *score, la_err *err)
{
    double difference, exact;
    LA_TRY(la_approximation_sums(io, o, &difference, &exact, err));
    double numbers = (double)(answers(io->problem, io->task_opts) * io->problem->dv);
    add(score, 0, "mse", difference / numbers);
    add(score, 1, "rel_rms", sqrt(difference / exact));
    return LA_OK;
}

static const char definition[] =
    "q and k are normal with standard deviation sigma, v with 1. The output is compared with "
    "softmax\n"
    "attention of the same q, k, v, computed row by row in float64. Each sample has other inputs, "
    "and\n"
    "other parameters where the variant has some (the directions of performer, E and F of "
    "linformer).\n"
    "\n"
    "Source    Choromanski et al. 2020, \"Rethinking Attention with Performers\", "
    "arXiv:2009.14794,\n"
    "          figure 4: mean squared error over 15 samples\n"
    "mse       mean square of the difference, over all numbers compared\n"
    "rel_rms   root of the sum of squares of the difference over that of the exact output: 1 is "
    "what\n"
    "          an output of zeros has\n"
    "Interval  Student's, of the mean over the samples; mse.sd, rel_rms.sd are what samples vary "
    "by\n"
    "Variants  those that form exp(q.k) or stand for it by features. The maps of linear are "
    "compared,\n"
    "          too, though only taylor2 is meant as exp; flash and softmax show the rounding\n";

LA_TASK(approximation) = {
    LA_TASK_HEAD,
    .name = "approximation",
    .kind = LA_TASK_PROBE,
    .summary = "error of the output against exact softmax attention, without training",
    .paper = "arXiv:2009.14794",
    .definition = definition,
    .family = "probe",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_approximation_options),
    .check = check,
    .answers = answers,
    .probe_fill = fill,
    .probe_score = score_pass,
    .probe_samples = samples,
    .probe_score_flops = score_flops,
};
