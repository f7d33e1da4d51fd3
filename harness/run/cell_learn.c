/* SPDX-License-Identifier: Apache-2.0
 * The learned part of a cell: its texts, what of it cannot be, what it takes.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "alloc.h"
#include "cell.h"
#include "text.h"

#define TEST_TOKENS (INT64_C(1) << 18) /* of all examples together, where that leaves enough */
#define TEST_PAIRS  (INT64_C(1) << 31) /* and pairs of tokens, which attention looks at */

la_train_config la_cell_train_config(const la_cell *cell, const la_device *device, uint64_t seed,
                                     double lr)
{
    la_learn *learn = cell->learn;
    if (lr > 0) learn->train.lr = lr;
    la_train_config c = {.variant = cell->variant,
                         .variant_opts = cell->opts,
                         .hybrid = *learn->hybrid ? learn->hybrid : NULL,
                         .mask = cell->problem.mask,
                         .model = &learn->model,
                         .task = cell->task,
                         .task_opts = cell->task_opts,
                         .train = &learn->train,
                         .n_lengths = learn->n_lengths,
                         .seed = seed,
                         .threads = cell->problem.threads,
                         .device = device};
    memcpy(c.lengths, learn->lengths, sizeof c.lengths);
    return c;
}

/* ---- texts ---- */

/* `front`, an object without its last brace, and then the options of a table. */
static la_status object_text(const char *front, const la_option *table, size_t n, const void *opts,
                             char **out, la_err *err)
{
    la_free(*out);
    *out = NULL;
    size_t len = la_options_json(table, n, opts, NULL, 0), at = strlen(front);
    char *text = la_alloc(at + len + 2, err);
    if (!text) return LA_E_NOMEM;
    memcpy(text, front, at);
    la_options_json(table, n, opts, text + at, len + 1);
    text[at] = n ? ',' : '}'; /* over the brace that opens the options */
    text[at + (n ? len : 1)] = '\0';
    *out = text;
    return LA_OK;
}

static void add_numbers(la_text *t, const char *name, const int64_t *whole, const double *real,
                        size_t n)
{
    la_text_add(t, "\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i) la_text_add(t, ",");
        if (whole)
            la_text_add(t, "%" PRId64, whole[i]);
        else
            la_text_add(t, "%.*g", la_digits(real[i]), real[i]);
    }
    la_text_add(t, "]");
}

/* The first member of an object of options whose value is exchanged for a list. */
static la_status list_as_value(char **json, const char *name, const double *values, size_t n,
                               la_err *err)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", name);
    char *at = strstr(*json, key);
    if (!at) return LA_OK;
    la_text t = {0};
    la_text_bytes(&t, *json, (size_t)(at - *json));
    add_numbers(&t, name, NULL, values, n);
    at += strlen(key);
    la_text_add(&t, "%s", at + strcspn(at, ",}"));
    la_free(*json);
    *json = t.failed ? NULL : la_strdup(la_text_str(&t), err);
    la_text_release(&t);
    return *json ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory for a cell's options");
}

static const char *recipe_word(const la_learn *learn)
{
    for (size_t i = 0; i < la_model_options_len; i++) {
        const la_option *o = &la_model_option_table[i];
        if (strcmp(o->name, "recipe") == 0 && o->choices) return o->choices[learn->model.recipe];
    }
    return "";
}

/* Everything that decides the models of a group, but the learning rate; what a task only asks does not. */
static la_status take_group(la_cell *cell, la_err *err)
{
    la_learn *learn = cell->learn;
    la_train_opts train = learn->train;
    char *task_json;
    train.lr = 0;
    LA_TRY(la_train_task_json(cell->task, cell->task_opts, &task_json, err));
    const char *texts[] = {cell->variant->name, cell->opts_json,
                           cell->task->name,    task_json,
                           learn->model_json,   la_mask_name(cell->problem.mask)};
    uint64_t hash = (uint64_t)learn->at_length + (uint64_t)cell->problem.threads * 2;
    for (size_t i = 0; i < LA_COUNT(texts); i++)
        hash = XXH3_64bits_withSeed(texts[i], strlen(texts[i]) + 1, hash);
    hash = XXH3_64bits_withSeed(learn->lengths, learn->n_lengths * sizeof *learn->lengths, hash);
    learn->group = XXH3_64bits_withSeed(&train, sizeof train, hash);
    la_free(task_json);
    return LA_OK;
}

la_status la_cell_learn_texts(la_cell *cell, la_err *err)
{
    la_learn *learn = cell->learn;
    la_text front = {0};
    learn->recipe = recipe_word(learn);
    snprintf(learn->examples, sizeof learn->examples, "examples-%d", cell->task->learned->version);
    la_text_add(&front, "{\"hybrid\":\"%s\"", learn->hybrid);
    la_status st = object_text(la_text_str(&front), la_model_option_table, la_model_options_len,
                               &learn->model, &learn->model_json, err);
    la_text_release(&front);
    if (st != LA_OK) return st;
    la_text_add(&front, "{\"at_length\":%d,", learn->at_length);
    if (*learn->difficulty)
        la_text_add(&front, "\"difficulty\":\"%s\",\"step\":\"%s\",", learn->difficulty,
                    learn->step);
    add_numbers(&front, "lengths", learn->lengths, NULL, learn->n_lengths);
    st = front.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for a cell's options")
                      : object_text(la_text_str(&front), la_train_option_table,
                                    la_train_options_len, &learn->train, &learn->train_json, err);
    la_text_release(&front);
    if (st == LA_OK && learn->n_rates > 1)
        st = list_as_value(&learn->train_json, "lr", learn->rates, learn->n_rates, err);
    return st == LA_OK ? take_group(cell, err) : st;
}

/* ---- back from JSON ---- */

static la_status read_options(const cJSON *o, const char *owner, const la_option *table, size_t n,
                              void *opts, la_err *err)
{
    const cJSON *item;
    la_options_default(table, n, opts);
    for (size_t i = 0; i < n; i++) {
        char number[40];
        item = cJSON_GetObjectItemCaseSensitive(o, table[i].name);
        if (cJSON_IsArray(item)) item = cJSON_GetArrayItem(item, 0); /* of rates the first */
        if (!cJSON_IsString(item) && !cJSON_IsNumber(item))
            return LA_FAIL(err, LA_E_FORMAT, "option '%s' of %s has no plain value", table[i].name,
                           owner);
        snprintf(number, sizeof number, "%.17g", item->valuedouble);
        LA_TRY(la_options_set(table, n, opts, owner, table[i].name,
                              cJSON_IsString(item) ? item->valuestring : number, err));
    }
    return LA_OK;
}

/* Positive numbers of a list, or one alone; at least one. */
static la_status read_list(const cJSON *o, const char *name, double *out, size_t cap, size_t *n,
                           la_err *err)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(o, name), *one;
    *n = 0;
    if (cJSON_IsNumber(all)) {
        out[(*n)++] = all->valuedouble;
        return LA_OK;
    }
    cJSON_ArrayForEach(one, all)
    {
        if (!cJSON_IsNumber(one) || !(one->valuedouble > 0) || *n == cap)
            return LA_FAIL(err, LA_E_FORMAT, "the cell's '%s' is no list of numbers", name);
        out[(*n)++] = one->valuedouble;
    }
    return *n ? LA_OK : LA_FAIL(err, LA_E_FORMAT, "the cell has no '%s'", name);
}

/* A member that need not be there. */
static void read_word(const cJSON *o, const char *name, char *out, size_t cap)
{
    const cJSON *word = cJSON_GetObjectItemCaseSensitive(o, name);
    snprintf(out, cap, "%s", cJSON_IsString(word) ? word->valuestring : "");
}

la_status la_cell_learn_read(const cJSON *model, const cJSON *train, la_learn *out, la_err *err)
{
    double lengths[LA_COUNT(out->lengths)];
    const cJSON *hybrid = cJSON_GetObjectItemCaseSensitive(model, "hybrid");
    const cJSON *at_length = cJSON_GetObjectItemCaseSensitive(train, "at_length");
    if (!cJSON_IsString(hybrid) || strlen(hybrid->valuestring) >= sizeof out->hybrid)
        return LA_FAIL(err, LA_E_FORMAT, "the cell's model has no 'hybrid'");
    snprintf(out->hybrid, sizeof out->hybrid, "%s", hybrid->valuestring);
    out->at_length = cJSON_IsNumber(at_length) && at_length->valuedouble != 0;
    read_word(train, "difficulty", out->difficulty, sizeof out->difficulty);
    read_word(train, "step", out->step, sizeof out->step);
    LA_TRY(read_options(model, "model", la_model_option_table, la_model_options_len, &out->model,
                        err));
    LA_TRY(read_options(train, "train", la_train_option_table, la_train_options_len, &out->train,
                        err));
    LA_TRY(read_list(train, "lr", out->rates, LA_CELL_RATES, &out->n_rates, err));
    LA_TRY(read_list(train, "lengths", lengths, LA_COUNT(lengths), &out->n_lengths, err));
    for (size_t i = 0; i < out->n_lengths; i++) {
        if (!(lengths[i] <= (double)(1 << 30)) || lengths[i] != floor(lengths[i]))
            return LA_FAIL(err, LA_E_FORMAT, "the cell's 'lengths' are no token counts");
        out->lengths[i] = (int64_t)lengths[i];
    }
    return LA_OK;
}

/* ---- what it takes ---- */

/* Mean over the lengths that batches are drawn of. */
static double flops_per_token(const la_train_config *c)
{
    double sum = 0;
    for (size_t i = 0; i < c->n_lengths; i++) sum += la_train_flops_per_token(c, c->lengths[i]);
    return sum / (double)c->n_lengths;
}

/* Of the test itself, and of those of each shape that was trained at this length, whichever takes more. */
static la_status eval_bytes(const la_cell *cell, const la_train_config *c, la_model_bytes *bytes,
                            la_err *why)
{
    la_shape shape, trained[LA_MAX_SHAPES];
    la_model_bytes slice = {0};
    LA_TRY(cell->task->learned->shape_at(cell->task_opts, cell->seqlen, &shape, why));
    LA_TRY(la_eval_bytes(c, la_cell_examples(cell, &shape), cell->seqlen, bytes, why));
    if (la_cell_slices(cell, trained) > 0)
        LA_TRY(la_eval_bytes(c, LA_CELL_EXAMPLES, cell->seqlen, &slice, why));
    if (slice.host > bytes->host) bytes->host = slice.host;
    if (slice.device > bytes->device) bytes->device = slice.device;
    return LA_OK;
}

la_status la_cell_learn_sizes(la_cell *cell, const la_device *device, la_err *why)
{
    const la_problem *p = &cell->problem;
    la_train_config c = la_cell_train_config(cell, device, 1, 0);
    LA_TRY(cell->task->check(cell->variant, p, cell->task_opts, why));
    LA_TRY(la_train_check(&c, why));
    la_model_bytes bytes = {0};
    double flops;
    if (cell->pass == LA_TRAIN) {
        LA_TRY(la_train_bytes(&c, &bytes, why));
        flops = flops_per_token(&c);
    } else {
        LA_TRY(eval_bytes(cell, &c, &bytes, why));
        flops = la_train_flops_per_token(&c, cell->seqlen) / 3; /* forward alone */
    }
    bool on_device = device->backend == LA_CUDA;
    size_t context = on_device ? LA_CELL_CONTEXT_BYTES : 0;
    cell->need_bytes = LA_CELL_PROCESS_BYTES + context + bytes.host;
    cell->device_bytes = context + bytes.device;
    cell->useful.flops = cell->really.flops = flops * (double)(p->B * p->T);
    cell->sizes.state = la_train_state_bytes(&c, cell->seqlen);
    cell->sizes.work = bytes.host + bytes.device;
    return LA_OK;
}

int64_t la_cell_examples(const la_cell *cell, const la_shape *shape)
{
    int64_t answers = cell->task->learned->most_answers(cell->task_opts, shape);
    int64_t least = answers > 0 ? (LA_TEST_ANSWERS + answers - 1) / answers : 1;
    int64_t examples = TEST_TOKENS / shape->T, by_pairs = TEST_PAIRS / shape->T / shape->T;
    if (examples > by_pairs) examples = by_pairs;
    if (examples > LA_CELL_EXAMPLES) examples = LA_CELL_EXAMPLES;
    return examples < least ? least : examples;
}

static bool is_trained_length(const la_learn *learn, int64_t T)
{
    for (size_t i = 0; i < learn->n_lengths; i++)
        if (learn->lengths[i] == T) return true;
    return false;
}

size_t la_cell_slices(const la_cell *cell, la_shape shapes[LA_MAX_SHAPES])
{
    size_t kept = 0;
    if (!is_trained_length(cell->learn, cell->seqlen)) return 0;
    size_t n =
        cell->task->learned->mixture(cell->task_opts, &cell->seqlen, 1, shapes, LA_MAX_SHAPES);
    for (size_t i = 0; i < n; i++)
        if (shapes[i].T == cell->seqlen && shapes[i].n != 0) shapes[kept++] = shapes[i];
    return kept;
}
