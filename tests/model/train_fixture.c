/* SPDX-License-Identifier: Apache-2.0 */
#include "train_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "labench/kit.h"
#include "registry.h"

enum { CLASSES = 5 };

static int64_t vocabulary(const void *opts)
{
    return ((const pairs_opts *)opts)->V;
}

static size_t mixture(const void *opts, const int64_t *lengths, size_t n, la_shape *out, size_t cap)
{
    size_t count = 0;
    int64_t pairs = ((const pairs_opts *)opts)->n;
    for (size_t i = 0; i < n && count < cap; i++)
        if (3 * pairs <= lengths[i]) out[count++] = (la_shape){.T = lengths[i], .n = pairs};
    return count;
}

static la_status shape_at(const void *opts, int64_t T, la_shape *out, la_err *err)
{
    int64_t n = ((const pairs_opts *)opts)->n;
    if (3 * n > T) return LA_FAIL(err, LA_E_ARG, "%d pairs do not fit %d tokens", (int)n, (int)T);
    *out = (la_shape){.T = T, .n = n};
    return LA_OK;
}

static int64_t most_answers(const void *opts, const la_shape *shape)
{
    const pairs_opts *o = opts;
    if (o->head == 1 || o->head == 2) return 1;
    return o->head == 3 || o->also ? 2 * shape->n : shape->n;
}

static la_head head(const void *opts)
{
    const pairs_opts *o = opts;
    if (o->head == 0) return (la_head){.kind = LA_HEAD_TOKENS};
    if (o->head == 3) return (la_head){.kind = LA_HEAD_DECODER};
    return (la_head){.kind = LA_HEAD_CLASSES, .classes = CLASSES, .mean = o->head == 2};
}

/* The answers of a head that is not of tokens. */
static int64_t answer_head(const pairs_opts *o, const la_shape *shape, const int32_t *tokens,
                           la_answer *answers)
{
    int64_t n = shape->n, sum = 0;
    for (int64_t t = 0; t < 2 * n; t++) {
        if (t % 2) sum += tokens[t];
        if (o->head == 3)
            answers[t] = (la_answer){.position = (int32_t)t,
                                     .label = tokens[t],
                                     .distance = (int32_t)(shape->T - 1 - t)};
    }
    if (o->head == 3) return 2 * n;
    answers[0] =
        (la_answer){.position = (int32_t)(shape->T - 1), .label = (int32_t)(sum % CLASSES)};
    return 1;
}

static la_status make(const void *opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const pairs_opts *o = opts;
    int64_t half = o->V / 2, n = shape->n, rest = shape->T - 2 * n, order[4096];
    uint64_t stream = la_stream(seed, 900 + (uint64_t)split, index);
    if (half > 4096 || rest > 4096) return LA_FAIL(err, LA_E_ARG, "too large for the test task");
    memset(tokens, 0, (size_t)shape->T * sizeof *tokens);
    la_random_permutation(stream, order, half - 1, n);
    for (int64_t i = 0; i < n; i++) {
        tokens[2 * i] = (int32_t)(1 + order[i]);
        tokens[2 * i + 1] =
            (int32_t)(half + (int64_t)la_random_below(stream ^ 1, (uint64_t)i, (uint64_t)half));
    }
    la_random_permutation(stream ^ 2, order, rest, n);
    int64_t count = 0;
    for (int64_t i = 0; o->also && !o->head && i < n; i++)
        answers[count++] = (la_answer){
            .position = (int32_t)(2 * i), .label = tokens[2 * i + 1], .group = LA_ONLY_TRAINED};
    for (int64_t at = 0; at < rest; at++)
        for (int64_t i = 0; i < n; i++)
            if (order[i] == at) {
                tokens[2 * n + at] = tokens[2 * i];
                if (o->head) continue; /* there may be room for fewer */
                answers[count++] = (la_answer){.position = (int32_t)(2 * n + at),
                                               .label = tokens[2 * i + 1],
                                               .distance = (int32_t)(2 * n + at - 2 * i),
                                               .group = (int32_t)(at % 2)};
            }
    *n_answers = o->head ? answer_head(o, shape, tokens, answers) : count;
    return LA_OK;
}

static double chance(const void *opts)
{
    return 2.0 / (double)((const pairs_opts *)opts)->V;
}

#define OPTION(key, default, least)                                                                \
    {                                                                                              \
        .name = #key, .type = LA_OPTION_INT, .offset = offsetof(pairs_opts, key), .def = default,  \
        .min = least, .max = 2048, .help = #key                                                    \
    }
static const la_option options[] = {OPTION(V, 16, 1), OPTION(n, 2, 1), OPTION(head, 0, 0),
                                    OPTION(also, 0, 0), OPTION(ask, 0, 0)};
static const char *const groups[] = {"even", "odd", NULL};
static const char *const asking[] = {"ask", NULL};
static const int64_t train_lengths[] = {16, 0};
static const la_learned learned = {.vocabulary = vocabulary,
                                   .train_lengths = train_lengths,
                                   .mixture = mixture,
                                   .shape_at = shape_at,
                                   .most_answers = most_answers,
                                   .make = make,
                                   .group_names = groups,
                                   .head = head,
                                   .asking_options = asking,
                                   .version = 1};
const la_task pairs_task = {LA_TASK_HEAD,
                            .name = "pairs",
                            .kind = LA_TASK_LEARNED,
                            .summary = "pairs, then their keys",
                            .paper = "",
                            .options = options,
                            .options_len = LA_COUNT(options),
                            .options_size = sizeof(pairs_opts),
                            .chance = chance,
                            .learned = &learned};

void fixture_init(fixture *f, const char *variant, int64_t T)
{
    *f = (fixture){0};
    const la_variant *v = la_registry_find(variant);
    assert_non_null(v);
    assert_true(v->options_size <= sizeof f->variant_opts);
    la_device_cpu(&f->device);
    la_options_default(v->options, v->options_len, f->variant_opts);
    la_options_default(la_model_option_table, la_model_options_len, &f->model);
    la_options_default(la_train_option_table, la_train_options_len, &f->train);
    la_options_default(options, LA_COUNT(options), &f->task_opts);
    f->model.d_model = 16;
    uint32_t caps = 0;
    for (size_t i = 0; i < v->impls_len; i++) caps |= v->impls[i].caps;
    f->config =
        (la_train_config){.variant = v,
                          .variant_opts = f->variant_opts,
                          .mask = caps & LA_CAP_CAUSAL ? LA_MASK_CAUSAL : LA_MASK_BIDIRECTIONAL,
                          .model = &f->model,
                          .task = &pairs_task,
                          .task_opts = &f->task_opts,
                          .train = &f->train,
                          .lengths = {T},
                          .n_lengths = 1,
                          .seed = 1,
                          .threads = 1,
                          .device = &f->device};
}

void fixture_set(fixture *f, const char *assignment)
{
    char owner[32], key[32], value[64];
    la_err err = {0};
    la_status st;
    assert_int_equal(sscanf(assignment, "%31[^.].%31[^=]=%63s", owner, key, value), 3);
    if (strcmp(owner, "model") == 0)
        st = la_options_set(la_model_option_table, la_model_options_len, &f->model, owner, key,
                            value, &err);
    else if (strcmp(owner, "train") == 0)
        st = la_options_set(la_train_option_table, la_train_options_len, &f->train, owner, key,
                            value, &err);
    else if (strcmp(owner, "task") == 0)
        st = la_options_set(options, LA_COUNT(options), &f->task_opts, owner, key, value, &err);
    else
        st = la_options_set(f->config.variant->options, f->config.variant->options_len,
                            f->variant_opts, owner, key, value, &err);
    if (st != LA_OK) fail_msg("%s: %s", assignment, err.msg);
}
