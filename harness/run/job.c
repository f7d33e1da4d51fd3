/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"

static const struct {
    const char *name;
    size_t offset;
    bool whole;
} rule_members[] = {
    {"min_time_s", offsetof(la_stop_rule, min_time_s), false},
    {"max_time_s", offsetof(la_stop_rule, max_time_s), false},
    {"target", offsetof(la_stop_rule, target), false},
    {"min_samples", offsetof(la_stop_rule, min_samples), true},
    {"max_samples", offsetof(la_stop_rule, max_samples), true},
    {"slow_s", offsetof(la_stop_rule, slow_s), false},
};

static bool add_rule(cJSON *job, const la_stop_rule *rule)
{
    cJSON *o = cJSON_AddObjectToObject(job, "rule");
    if (!o) return false;
    for (size_t i = 0; i < LA_COUNT(rule_members); i++) {
        const void *at = (const char *)rule + rule_members[i].offset;
        double x = rule_members[i].whole ? (double)*(const int *)at : *(const double *)at;
        if (!cJSON_AddNumberToObject(o, rule_members[i].name, x)) return false;
    }
    return true;
}

/* Whole 64 bits do not fit a JSON number: as decimal text. */
static bool add_seed(cJSON *o, const char *name, uint64_t seed)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, seed);
    return cJSON_AddStringToObject(o, name, text) != NULL;
}

static bool add_path(cJSON *o, const char *name, const char *path)
{
    return (path ? cJSON_AddStringToObject(o, name, path) : cJSON_AddNullToObject(o, name)) != NULL;
}

static bool add_plugins(cJSON *job, const la_job *from)
{
    if (from->n_plugins == 0) return true;
    cJSON *all = cJSON_AddArrayToObject(job, "plugins");
    for (size_t i = 0; all && i < from->n_plugins; i++) {
        cJSON *one = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(all, one) ||
            !cJSON_AddStringToObject(one, "path", from->plugins[i].path) ||
            !cJSON_AddStringToObject(one, "code", from->plugins[i].code))
            return false;
    }
    return all != NULL;
}

la_status la_job_to_json(const la_job *job, char **json, la_err *err)
{
    char *text = NULL;
    *json = NULL;
    cJSON *o = cJSON_CreateObject();
    bool ok = o && cJSON_AddRawToObject(o, "cell", job->cell_json) &&
              cJSON_AddNumberToObject(o, "parent", (double)job->parent) &&
              add_seed(o, "seed", job->seed) && cJSON_AddBoolToObject(o, "verify", job->verify) &&
              cJSON_AddNumberToObject(o, "memory_limit", (double)job->memory_limit) &&
              cJSON_AddNumberToObject(o, "device_limit", (double)job->device_limit) &&
              add_path(o, "cache_dir", job->cache_dir) && add_rule(o, &job->rule) &&
              cJSON_AddBoolToObject(o, "beside_peak", job->beside_peak) &&
              add_path(o, "models_dir", job->models_dir) &&
              add_seed(o, "model_seed", job->model_seed) &&
              cJSON_AddNumberToObject(o, "lr", job->lr) && add_path(o, "peer", job->peer) &&
              cJSON_AddNumberToObject(o, "checkpoint_s", job->checkpoint_s) && add_plugins(o, job);
    if (ok) text = cJSON_PrintUnformatted(o);
    if (text) *json = la_strdup(text, err);
    cJSON_free(text);
    cJSON_Delete(o);
    return *json ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory for a worker's job");
}

static la_status get_seed(const cJSON *o, const char *name, uint64_t *out, la_err *err)
{
    const cJSON *seed = cJSON_GetObjectItemCaseSensitive(o, name);
    char *end;
    if (!cJSON_IsString(seed)) return LA_FAIL(err, LA_E_FORMAT, "the job has no %s", name);
    errno = 0;
    *out = strtoull(seed->valuestring, &end, 10);
    if (errno || *end || end == seed->valuestring)
        return LA_FAIL(err, LA_E_FORMAT, "'%.40s' is no seed", seed->valuestring);
    return LA_OK;
}

static la_status get_path(const cJSON *o, const char *name, char **text, const char **out,
                          la_err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);
    if (!cJSON_IsString(item)) return LA_OK;
    *out = *text = la_strdup(item->valuestring, err);
    return *text ? LA_OK : LA_E_NOMEM;
}

static la_status get_number(const cJSON *o, const char *key, double *out, la_err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0))
        return LA_FAIL(err, LA_E_FORMAT, "the job has no number '%s'", key);
    *out = item->valuedouble;
    return LA_OK;
}

static la_status get_rule(const cJSON *o, la_stop_rule *rule, la_err *err)
{
    const cJSON *r = cJSON_GetObjectItemCaseSensitive(o, "rule");
    for (size_t i = 0; i < LA_COUNT(rule_members); i++) {
        double x = 0;
        LA_TRY(get_number(r, rule_members[i].name, &x, err));
        void *at = (char *)rule + rule_members[i].offset;
        if (rule_members[i].whole)
            *(int *)at = (int)fmin(x, 1e9);
        else
            *(double *)at = x;
    }
    return LA_OK;
}

static la_status get_plugins(const cJSON *o, la_job *out, la_err *err)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(o, "plugins"))
    {
        const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "path"));
        const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "code"));
        size_t i = out->n_plugins;
        if (!path || !code || i == LA_PLUGINS_MAX)
            return LA_FAIL(err, LA_E_FORMAT, "the job's plugins are no list of path and code");
        out->plugin_texts[i] = la_strdup(path, err);
        if (!out->plugin_texts[i]) return LA_E_NOMEM;
        out->plugins[i].path = out->plugin_texts[i];
        snprintf(out->plugins[i].code, sizeof out->plugins[i].code, "%s", code);
        out->n_plugins++;
    }
    return LA_OK;
}

static la_status read_job(const cJSON *o, la_job *out, la_err *err)
{
    const cJSON *cell = cJSON_GetObjectItemCaseSensitive(o, "cell");
    double parent = 0, limit = 0, device_limit = 0;
    if (!cJSON_IsObject(cell)) return LA_FAIL(err, LA_E_FORMAT, "the job has no cell");
    LA_TRY(get_seed(o, "seed", &out->seed, err));
    LA_TRY(get_seed(o, "model_seed", &out->model_seed, err));
    LA_TRY(get_number(o, "lr", &out->lr, err));
    LA_TRY(get_number(o, "checkpoint_s", &out->checkpoint_s, err));
    LA_TRY(get_number(o, "parent", &parent, err));
    LA_TRY(get_number(o, "memory_limit", &limit, err));
    LA_TRY(get_number(o, "device_limit", &device_limit, err));
    LA_TRY(get_rule(o, &out->rule, err));
    LA_TRY(get_plugins(o, out, err));
    out->parent = (int64_t)parent;
    out->memory_limit = (size_t)limit;
    out->device_limit = (size_t)device_limit;
    out->verify = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "verify"));
    out->beside_peak = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "beside_peak"));
    LA_TRY(get_path(o, "cache_dir", &out->cache_text, &out->cache_dir, err));
    LA_TRY(get_path(o, "models_dir", &out->models_text, &out->models_dir, err));
    LA_TRY(get_path(o, "peer", &out->peer_text, &out->peer, err));
    char *text = cJSON_PrintUnformatted(cell);
    if (text) out->cell_text = la_strdup(text, err);
    cJSON_free(text);
    out->cell_json = out->cell_text;
    return out->cell_text ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory for the job");
}

la_status la_job_read(const char *json, la_job *out, la_err *err)
{
    *out = (la_job){0};
    cJSON *o = cJSON_Parse(json);
    la_status st = cJSON_IsObject(o) ? read_job(o, out, err)
                                     : LA_FAIL(err, LA_E_FORMAT, "the job is no JSON object");
    cJSON_Delete(o);
    if (st != LA_OK) la_job_release(out);
    return st;
}

void la_job_release(la_job *job)
{
    if (!job) return;
    la_free(job->cell_text);
    la_free(job->cache_text);
    la_free(job->models_text);
    la_free(job->peer_text);
    for (size_t i = 0; i < job->n_plugins; i++) la_free(job->plugin_texts[i]);
    *job = (la_job){0};
}
