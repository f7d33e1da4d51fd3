/* SPDX-License-Identifier: Apache-2.0
 * Records become rows. Nothing that a worker says is trusted: it may be broken in any way.
 */
#include "attempt.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

#define MAX_SAMPLES 1000000
#define MAX_METRICS 256
#define MAX_TEXT    400
#define MAX_CONFIG  65536

void la_attempt_init(la_attempt *a)
{
    *a = (la_attempt){.phase = "start"};
    a->row = (la_attempt_row){.outcome = LA_OUTCOME_ERROR,
                              .exit_code = -1,
                              .signal = -1,
                              .workspace_peak_bytes = -1,
                              .output_bytes = -1,
                              .rss_peak_bytes = -1,
                              .rss_base_bytes = -1,
                              .load1 = NAN};
}

void la_attempt_conclude(la_attempt *a, la_outcome outcome, const char *format, ...)
{
    a->row.outcome = outcome;
    va_list args;
    va_start(args, format);
    vsnprintf(a->message, sizeof a->message, format, args);
    va_end(args);
}

static la_status broken(const char *what, la_err *err)
{
    return LA_FAIL(err, LA_E_FORMAT, "protocol: %s", what);
}

/* Copies text; control bytes and half characters have no business in a database. */
static void clean_copy(char *to, size_t cap, const char *from)
{
    size_t n = 0;
    for (; *from && n + 1 < cap; from++) to[n++] = (unsigned char)*from < 32 ? ' ' : *from;
    to[n] = '\0';
}

/* At most `most` bytes of it. */
static la_status own_text(la_attempt *a, const char *text, size_t most, const char **out,
                          la_err *err)
{
    size_t len = strlen(text) + 1;
    LA_TRY(
        la_grow((void **)&a->strings, &a->cap_strings, a->n_strings + 1, sizeof *a->strings, err));
    char *copy = la_alloc(len < most ? len : most, err);
    if (!copy) return LA_E_NOMEM;
    clean_copy(copy, len < most ? len : most, text);
    a->strings[a->n_strings++] = copy;
    *out = copy;
    return LA_OK;
}

static la_status own_string(la_attempt *a, const char *text, const char **out, la_err *err)
{
    return own_text(a, text, MAX_TEXT, out, err);
}

la_status la_attempt_warn(la_attempt *a, const char *code, const char *text, la_err *err)
{
    la_warning_row row = {0};
    LA_TRY(own_string(a, code, &row.code, err));
    LA_TRY(own_string(a, text, &row.text, err));
    LA_TRY(la_grow((void **)&a->warnings, &a->cap_warnings, a->n_warnings + 1, sizeof row, err));
    a->warnings[a->n_warnings++] = row;
    return LA_OK;
}

la_status la_attempt_measure(la_attempt *a, const char *name, double value, la_err *err)
{
    la_metric_row row = {.unit = "1", .value = value, .lo = NAN, .hi = NAN, .n_total = 1};
    for (size_t i = 0; i < a->n_metrics; i++)
        if (strcmp(a->metrics[i].name, name) == 0) {
            a->metrics[i].value = value;
            return LA_OK;
        }
    LA_TRY(own_string(a, name, &row.name, err));
    LA_TRY(la_grow((void **)&a->metrics, &a->cap_metrics, a->n_metrics + 1, sizeof row, err));
    a->metrics[a->n_metrics++] = row;
    return LA_OK;
}

static const char *word(const cJSON *o, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* NaN when absent, null or not a number. */
static double real(const cJSON *o, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* A whole number, or `absent`. */
static int64_t whole(const cJSON *o, const char *key, int64_t absent)
{
    double x = real(o, key);
    return x >= -9e15 && x <= 9e15 ? (int64_t)x : absent;
}

static la_status take_samples(la_attempt *a, const cJSON *o, la_err *err)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(o, "samples"), *one;
    if (!cJSON_IsArray(all)) return broken("samples that are no list", err);
    cJSON_ArrayForEach(one, all)
    {
        const cJSON *iters = cJSON_GetArrayItem(one, 0), *ns = cJSON_GetArrayItem(one, 1);
        if (!cJSON_IsNumber(iters) || !cJSON_IsNumber(ns) || !(iters->valuedouble >= 1) ||
            !(iters->valuedouble <= 1e15) || !(ns->valuedouble >= 0) || !(ns->valuedouble <= 1e18))
            return broken("a sample that is no pair of iterations and nanoseconds", err);
        if (a->n_samples == MAX_SAMPLES) return broken("more than a million samples", err);
        LA_TRY(la_grow((void **)&a->samples, &a->cap_samples, a->n_samples + 1, sizeof *a->samples,
                       err));
        a->samples[a->n_samples++] =
            (la_sample_row){(int64_t)iters->valuedouble, (int64_t)ns->valuedouble, 0};
    }
    return LA_OK;
}

static la_status take_curve(la_attempt *a, const cJSON *o, la_err *err)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(o, "curve"), *one;
    if (!cJSON_IsArray(all)) return broken("a curve that is no list", err);
    cJSON_ArrayForEach(one, all)
    {
        double x[8];
        for (int i = 0; i < 8; i++) {
            const cJSON *item = cJSON_GetArrayItem(one, i);
            x[i] = cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
            if (i < 3 && !(x[i] >= 0 && x[i] <= 9e15))
                return broken("a point of a curve without step, tokens or time", err);
        }
        if (a->n_curve == LA_CURVE_POINTS) return broken("a curve of too many points", err);
        if (a->n_curve && !(x[0] > (double)a->curve[a->n_curve - 1].step))
            return broken("a curve whose steps do not rise", err);
        LA_TRY(la_grow((void **)&a->curve, &a->cap_curve, a->n_curve + 1, sizeof *a->curve, err));
        a->curve[a->n_curve++] = (la_curve_row){(int64_t)x[0], (int64_t)x[1], (int64_t)x[2], x[3],
                                                x[4],          x[5],          x[6],          x[7]};
    }
    return LA_OK;
}

static bool is_key(const char *text)
{
    return text && strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static la_status take_model(la_attempt *a, const cJSON *o, la_err *err)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, "model");
    if (!m) return LA_OK;
    const char *key = word(m, "key"), *config = word(m, "config"), *path = word(m, "path");
    const char *digest = word(m, "digest"), *seed = word(m, "seed");
    if (!is_key(key) || !is_key(digest) || !config || !path || !seed)
        return broken("a model without key, digest, config, path or seed", err);
    la_model_row *row = &a->model;
    *row = (la_model_row){.seed = strtoull(seed, NULL, 10),
                          .lr = real(m, "lr"),
                          .loss = real(m, "loss"),
                          .val_accuracy = real(m, "val_accuracy"),
                          .parameters = whole(m, "parameters", 0),
                          .steps = whole(m, "steps", 0),
                          .tokens = whole(m, "tokens", 0),
                          .train_ns = whole(m, "train_ns", 0),
                          .threads = whole(m, "threads", 0)};
    LA_TRY(own_text(a, config, MAX_CONFIG, &row->config_json, err));
    LA_TRY(own_text(a, path, MAX_CONFIG, &row->path, err));
    LA_TRY(own_string(a, digest, &row->digest, err));
    return own_string(a, key, &row->key, err);
}

static la_status take_metrics(la_attempt *a, const cJSON *o, la_err *err)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(o, "metrics"), *one;
    cJSON_ArrayForEach(one, all)
    {
        const char *name = word(one, "name"), *unit = word(one, "unit");
        if (!name || !unit) return broken("a metric without name or unit", err);
        if (a->n_metrics == MAX_METRICS) return broken("too many metrics", err);
        la_metric_row row = {.value = real(one, "value"),
                             .lo = real(one, "lo"),
                             .hi = real(one, "hi"),
                             .n_nonfinite = whole(one, "n_nonfinite", 0),
                             .n_total = whole(one, "n_total", 0)};
        if (row.n_nonfinite < 0 || row.n_total < 0) return broken("a metric of -1 values", err);
        LA_TRY(own_string(a, name, &row.name, err));
        LA_TRY(own_string(a, unit, &row.unit, err));
        for (size_t i = 0; i < a->n_metrics; i++)
            if (strcmp(a->metrics[i].name, row.name) == 0)
                return broken("a metric that comes twice", err);
        LA_TRY(la_grow((void **)&a->metrics, &a->cap_metrics, a->n_metrics + 1, sizeof row, err));
        a->metrics[a->n_metrics++] = row;
    }
    return LA_OK;
}

static la_status take_warnings(la_attempt *a, const cJSON *o, la_err *err)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(o, "warnings"), *one;
    cJSON_ArrayForEach(one, all)
    {
        const char *code = word(one, "code"), *text = word(one, "text");
        if (!code || !text) return broken("a warning without code or text", err);
        if (a->n_warnings == MAX_METRICS) return broken("too many warnings", err);
        LA_TRY(la_attempt_warn(a, code, text, err));
    }
    return LA_OK;
}

static la_status take_end(la_attempt *a, const cJSON *o, la_err *err)
{
    const char *outcome = word(o, "outcome"), *message = word(o, "message");
    const char *phase = word(o, "phase"), *stop = word(o, "stop_reason");
    const char *checksum = word(o, "checksum");
    la_attempt_row *row = &a->row;
    la_outcome said;
    if (!outcome || la_outcome_parse(outcome, &said, NULL) != LA_OK)
        return broken("an end without an outcome", err);
    /* A worker cannot know of the others: they are the runner's to say. */
    if (said != LA_OUTCOME_OK && said != LA_OUTCOME_WRONG && said != LA_OUTCOME_NONFINITE &&
        said != LA_OUTCOME_UNSUPPORTED && said != LA_OUTCOME_OOM_HOST &&
        said != LA_OUTCOME_OOM_DEVICE && said != LA_OUTCOME_ERROR &&
        !(a->hosted && (said == LA_OUTCOME_CRASH || said == LA_OUTCOME_KILLED)))
        return broken("an outcome that a worker cannot have", err);
    if (checksum) {
        char *end;
        errno = 0;
        uint64_t sum = strtoull(checksum, &end, 16);
        if (errno || *end || end == checksum) return broken("a checksum that is no number", err);
        memcpy(&row->checksum, &sum, sizeof sum);
    }
    row->warmup_iters = whole(o, "warmup_iters", 0);
    row->warmup_ns = whole(o, "warmup_ns", 0);
    row->workspace_peak_bytes = whole(o, "workspace_peak_bytes", -1);
    row->output_bytes = whole(o, "output_bytes", -1);
    row->rss_base_bytes = whole(o, "rss_base_bytes", -1);
    row->rss_peak_bytes = whole(o, "rss_peak_bytes", -1);
    a->call_ns = whole(o, "call_ns", 0);
    const char *model_key = word(o, "model_key"), *data = word(o, "data_digest");
    if (is_key(model_key)) LA_TRY(own_string(a, model_key, &row->model_key, err));
    if (is_key(data)) LA_TRY(own_string(a, data, &row->data_digest, err));
    LA_TRY(take_model(a, o, err));
    LA_TRY(take_metrics(a, o, err));
    LA_TRY(take_warnings(a, o, err));
    row->outcome = said;
    a->ended = true;
    if (message) clean_copy(a->message, sizeof a->message, message);
    if (phase) clean_copy(a->phase, sizeof a->phase, phase);
    if (stop) clean_copy(a->stop_reason, sizeof a->stop_reason, stop);
    return LA_OK;
}

la_status la_attempt_take(la_attempt *a, const la_record *record, la_err *err)
{
    cJSON *o = cJSON_Parse(record->json);
    la_status st = LA_OK;
    if (!cJSON_IsObject(o)) {
        st = broken("a record that is no JSON object", err);
    } else if (record->type == LA_RECORD_START) {
        if (whole(o, "protocol", -1) != LA_PROTOCOL_VERSION)
            st = broken("a worker of another protocol", err);
    } else if (record->type == LA_RECORD_PHASE) {
        const char *phase = word(o, "phase");
        if (phase)
            clean_copy(a->phase, sizeof a->phase, phase);
        else
            st = broken("a phase without a name", err);
    } else if (record->type == LA_RECORD_SAMPLES) {
        st = take_samples(a, o, err);
    } else if (record->type == LA_RECORD_CURVE) {
        st = take_curve(a, o, err);
    } else {
        st = take_end(a, o, err);
    }
    cJSON_Delete(o);
    return st;
}

const la_attempt_row *la_attempt_finish(la_attempt *a)
{
    la_attempt_row *row = &a->row;
    row->phase = a->phase;
    row->message = *a->message ? a->message : NULL;
    row->stop_reason = *a->stop_reason ? a->stop_reason : NULL;
    row->stderr_tail = a->stderr_tail;
    row->samples = a->samples;
    row->n_samples = a->n_samples;
    row->metrics = a->metrics;
    row->n_metrics = a->n_metrics;
    row->warnings = a->warnings;
    row->n_warnings = a->n_warnings;
    a->model.curve = a->curve;
    a->model.n_curve = a->n_curve;
    if (a->model.key) row->model = &a->model;
    return row;
}

void la_attempt_release(la_attempt *a)
{
    if (!a) return;
    for (size_t i = 0; i < a->n_strings; i++) la_free(a->strings[i]);
    la_free(a->strings);
    la_free(a->samples);
    la_free(a->curve);
    la_free(a->metrics);
    la_free(a->warnings);
    la_free(a->stderr_tail);
    *a = (la_attempt){0};
}
