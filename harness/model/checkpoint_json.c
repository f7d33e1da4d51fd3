/* SPDX-License-Identifier: Apache-2.0
 * Numbers are written with 17 digits and read back as the same doubles; NaN is null.
 */
#include "checkpoint_json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "alloc.h"

static void real(la_text *t, double x)
{
    if (isfinite(x))
        la_text_add(t, "%.17g", x);
    else
        la_text_add(t, "null");
}

static void print_point(la_text *t, const la_curve_point *p)
{
    la_text_add(t, "[%lld,%lld,%lld,", (long long)p->step, (long long)p->tokens,
                (long long)p->elapsed_ns);
    const double numbers[] = {p->loss, p->val_accuracy, p->val_worst, p->lr, p->grad_norm};
    for (size_t i = 0; i < LA_COUNT(numbers); i++) {
        if (i) la_text_add(t, ",");
        real(t, numbers[i]);
    }
    la_text_add(t, "]");
}

static void print_eval(la_text *t, const la_eval *e)
{
    la_text_add(t,
                "{\"T\":%lld,\"n\":%lld,\"far\":%d,\"examples\":%lld,\"correct\":%lld,"
                "\"total\":%lld,\"loss\":",
                (long long)e->shape.T, (long long)e->shape.n, e->shape.far, (long long)e->examples,
                (long long)e->correct, (long long)e->total);
    real(t, e->loss);
    la_text_add(t, ",\"distances\":[");
    for (int i = 0; i < LA_EVAL_DISTANCES; i++)
        la_text_add(t, "%s%lld,%lld", i ? "," : "", (long long)e->distance_correct[i],
                    (long long)e->distance_total[i]);
    la_text_add(t, "],\"groups\":[");
    for (int i = 0; i < LA_MAX_GROUPS; i++)
        la_text_add(t, "%s%lld,%lld", i ? "," : "", (long long)e->group_correct[i],
                    (long long)e->group_total[i]);
    la_text_add(t, "]}");
}

void la_checkpoint_print(la_text *t, const char *key, const char *config_json,
                         const la_progress *at)
{
    la_text_add(t, "{\"key\":\"%s\",\"config\":%s,\"finished\":%d,\"stopped_early\":%d,", key,
                config_json, at->finished, at->stopped_early);
    la_text_add(t, "\"step\":%lld,\"examples\":%lld,\"tokens\":%lld,\"train_ns\":%lld,",
                (long long)at->step, (long long)at->examples, (long long)at->tokens,
                (long long)at->train_ns);
    la_text_add(t, "\"loss_steps\":%lld,\"loss_sum\":", (long long)at->loss_steps);
    real(t, at->loss_sum);
    la_text_add(t, ",\"loss\":");
    real(t, at->loss);
    la_text_add(t, ",\"val_accuracy\":");
    real(t, at->val_accuracy);
    la_text_add(t, ",\"val\":[");
    for (size_t i = 0; i < at->n_val; i++) {
        if (i) la_text_add(t, ",");
        print_eval(t, &at->val[i]);
    }
    la_text_add(t, "],\"curve\":[");
    for (size_t i = 0; i < at->n_curve; i++) {
        if (i) la_text_add(t, ",");
        print_point(t, &at->curve[i]);
    }
    la_text_add(t, "]}");
}

/* NaN for null, for what is absent and for what is no number: each is then seen or harmless. */
static double number(const cJSON *x)
{
    return cJSON_IsNumber(x) ? x->valuedouble : (double)NAN;
}

static double member(const cJSON *object, const char *name)
{
    return number(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int64_t whole(const cJSON *object, const char *name)
{
    double x = member(object, name);
    return isfinite(x) && fabs(x) < 0x1p62 ? (int64_t)x : -1;
}

static void parse_point(const cJSON *row, la_curve_point *p)
{
    double x[8];
    for (int i = 0; i < 8; i++) x[i] = number(cJSON_GetArrayItem(row, i));
    *p = (la_curve_point){.step = (int64_t)x[0],
                          .tokens = (int64_t)x[1],
                          .elapsed_ns = (int64_t)x[2],
                          .loss = x[3],
                          .val_accuracy = x[4],
                          .val_worst = x[5],
                          .lr = x[6],
                          .grad_norm = x[7]};
}

/* Pairs of right answers and all; what is missing stays 0. */
static void parse_shares(const cJSON *object, const char *name, int n, int64_t *correct,
                         int64_t *total)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, name);
    for (int i = 0; i < n && 2 * i + 1 < cJSON_GetArraySize(list); i++) {
        correct[i] = (int64_t)number(cJSON_GetArrayItem(list, 2 * i));
        total[i] = (int64_t)number(cJSON_GetArrayItem(list, 2 * i + 1));
    }
}

static void parse_eval(const cJSON *object, la_eval *e)
{
    *e = (la_eval){.shape = {.T = whole(object, "T"),
                             .n = whole(object, "n"),
                             .far = (int)whole(object, "far")},
                   .examples = whole(object, "examples"),
                   .correct = whole(object, "correct"),
                   .total = whole(object, "total"),
                   .loss = member(object, "loss")};
    parse_shares(object, "distances", LA_EVAL_DISTANCES, e->distance_correct, e->distance_total);
    parse_shares(object, "groups", LA_MAX_GROUPS, e->group_correct, e->group_total);
}

static la_status parse_lists(const cJSON *root, la_progress *at, la_err *err)
{
    const cJSON *val = cJSON_GetObjectItemCaseSensitive(root, "val");
    const cJSON *curve = cJSON_GetObjectItemCaseSensitive(root, "curve"), *row;
    cJSON_ArrayForEach(row, val) if (at->n_val < LA_MAX_SHAPES)
        parse_eval(row, &at->val[at->n_val++]);
    cJSON_ArrayForEach(row, curve)
    {
        LA_TRY(
            la_grow((void **)&at->curve, &at->cap_curve, at->n_curve + 1, sizeof *at->curve, err));
        parse_point(row, &at->curve[at->n_curve++]);
    }
    return LA_OK;
}

la_status la_checkpoint_parse(const char *path, const char *json, size_t n, char key[33],
                              la_progress *at, la_err *err)
{
    cJSON *root = cJSON_ParseWithLength(json, n);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(root, "key");
    if (!root || !cJSON_IsString(name) || strlen(name->valuestring) != 32 ||
        whole(root, "step") < 0 || whole(root, "examples") < 0) {
        cJSON_Delete(root);
        return LA_FAIL(err, LA_E_FORMAT, "the model %s has a head that cannot be read", path);
    }
    memcpy(key, name->valuestring, 33);
    *at = (la_progress){.finished = whole(root, "finished") == 1,
                        .stopped_early = whole(root, "stopped_early") == 1,
                        .step = whole(root, "step"),
                        .examples = whole(root, "examples"),
                        .tokens = whole(root, "tokens"),
                        .train_ns = whole(root, "train_ns"),
                        .loss_steps = whole(root, "loss_steps"),
                        .loss_sum = member(root, "loss_sum"),
                        .loss = member(root, "loss"),
                        .val_accuracy = member(root, "val_accuracy")};
    la_status st = parse_lists(root, at, err);
    cJSON_Delete(root);
    return st;
}
