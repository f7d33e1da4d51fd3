/* SPDX-License-Identifier: Apache-2.0
 * The worker's last words.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cuda.h"
#include "worker.h"

static la_outcome outcome_of(const la_work *w, la_status st)
{
    if (w->said >= 0) return (la_outcome)w->said;
    if (w->misbehaved) return LA_OUTCOME_ERROR;
    switch (st) {
    case LA_OK:
        return LA_OUTCOME_OK;
    case LA_E_WRONG:
        return LA_OUTCOME_WRONG;
    case LA_E_NONFINITE:
        return LA_OUTCOME_NONFINITE;
    case LA_E_UNSUPPORTED:
        return LA_OUTCOME_UNSUPPORTED;
    case LA_E_NOMEM:
        return la_cuda_ran_out() ? LA_OUTCOME_OOM_DEVICE : LA_OUTCOME_OOM_HOST;
    default:
        return LA_OUTCOME_ERROR;
    }
}

/* JSON knows no NaN: null. */
static bool add_real(cJSON *o, const char *name, double x)
{
    return isfinite(x) ? cJSON_AddNumberToObject(o, name, x) != NULL
                       : cJSON_AddNullToObject(o, name) != NULL;
}

static bool add_metrics(cJSON *o, const la_work *w)
{
    cJSON *all = cJSON_AddArrayToObject(o, "metrics");
    if (!all) return false;
    for (size_t i = 0; i < w->n_metrics; i++) {
        const la_work_metric *m = &w->metrics[i];
        cJSON *one = cJSON_CreateObject();
        if (!one || !cJSON_AddItemToArray(all, one)) return false;
        if (!cJSON_AddStringToObject(one, "name", m->name) ||
            !cJSON_AddStringToObject(one, "unit", m->unit) || !add_real(one, "value", m->value) ||
            !add_real(one, "lo", m->lo) || !add_real(one, "hi", m->hi) ||
            !cJSON_AddNumberToObject(one, "n_nonfinite", (double)m->n_nonfinite) ||
            !cJSON_AddNumberToObject(one, "n_total", (double)m->n_total))
            return false;
    }
    return true;
}

static bool add_warnings(cJSON *o, const la_work *w)
{
    cJSON *all = cJSON_AddArrayToObject(o, "warnings");
    if (!all) return false;
    for (size_t i = 0; i < w->n_warnings; i++) {
        cJSON *one = cJSON_CreateObject();
        if (!one || !cJSON_AddItemToArray(all, one) ||
            !cJSON_AddStringToObject(one, "code", w->warnings[i].code) ||
            !cJSON_AddStringToObject(one, "text", w->warnings[i].text))
            return false;
    }
    return true;
}

/* What was trained, or found again. */
static bool add_model(cJSON *o, const la_work *w)
{
    const la_train_result *r = &w->trained;
    if (!*r->key || !w->config_json) return true;
    cJSON *m = cJSON_AddObjectToObject(o, "model");
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, w->train.seed);
    return m && cJSON_AddStringToObject(m, "key", r->key) &&
           cJSON_AddStringToObject(m, "config", w->config_json) &&
           cJSON_AddStringToObject(m, "path", r->path) &&
           cJSON_AddStringToObject(m, "digest", r->digest) &&
           cJSON_AddStringToObject(m, "seed", seed) && add_real(m, "lr", w->train.train->lr) &&
           add_real(m, "loss", r->loss) && add_real(m, "val_accuracy", r->val_accuracy) &&
           cJSON_AddNumberToObject(m, "parameters", (double)r->parameters) &&
           cJSON_AddNumberToObject(m, "steps", (double)r->steps) &&
           cJSON_AddNumberToObject(m, "tokens", (double)r->tokens) &&
           cJSON_AddNumberToObject(m, "train_ns", (double)r->train_ns) &&
           cJSON_AddNumberToObject(m, "threads", w->train.threads);
}

static bool add_all(cJSON *o, const la_work *w, la_status st, const la_err *why)
{
    char checksum[24];
    snprintf(checksum, sizeof checksum, "%016" PRIx64, w->checksum);
    return cJSON_AddStringToObject(o, "outcome", la_outcome_word(outcome_of(w, st))) &&
           (st == LA_OK || cJSON_AddStringToObject(o, "message", why->msg)) &&
           cJSON_AddStringToObject(o, "phase", st == LA_OK ? "end" : w->phase) &&
           (!w->timing.stop_reason ||
            cJSON_AddStringToObject(o, "stop_reason", w->timing.stop_reason)) &&
           cJSON_AddNumberToObject(o, "warmup_iters", (double)w->timing.warmup_iters) &&
           cJSON_AddNumberToObject(o, "warmup_ns", (double)w->timing.warmup_ns) &&
           cJSON_AddNumberToObject(o, "call_ns", (double)w->first_ns) &&
           cJSON_AddNumberToObject(o, "workspace_peak_bytes", (double)w->workspace) &&
           cJSON_AddNumberToObject(o, "output_bytes", (double)w->cell.output_bytes) &&
           cJSON_AddNumberToObject(o, "rss_base_bytes", (double)w->rss_base) &&
           cJSON_AddNumberToObject(o, "rss_peak_bytes", (double)w->rss_peak) &&
           cJSON_AddStringToObject(o, "checksum", checksum) &&
           (!*w->model_key || cJSON_AddStringToObject(o, "model_key", w->model_key)) &&
           (!*w->data_digest || cJSON_AddStringToObject(o, "data_digest", w->data_digest)) &&
           (st != LA_OK || add_model(o, w)) && add_metrics(o, w) && add_warnings(o, w);
}

la_status la_work_end_json(const la_work *w, la_status st, const la_err *why, char **json,
                           la_err *err)
{
    cJSON *o = cJSON_CreateObject();
    char *text = o && add_all(o, w, st, why) ? cJSON_PrintUnformatted(o) : NULL;
    *json = text ? la_strdup(text, err) : NULL;
    cJSON_free(text);
    cJSON_Delete(o);
    return *json ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory for the end record");
}
