/* SPDX-License-Identifier: Apache-2.0
 * What a model is called: the digest of everything that decides it.
 */
#include <string.h>

#include "alloc.h"
#include "digest.h"
#include "registry.h"
#include "spec.h"
#include "text.h"

enum { KEY_FORMAT = 2 }; /* raised when the same configuration trains to another model */

/* "name":{options} with a comma in front. */
static la_status add_options(la_text *t, const char *name, const la_option *table, size_t n,
                             const void *opts, la_err *err)
{
    size_t len = la_options_json(table, n, opts, NULL, 0);
    char *json = la_alloc(len + 1, err);
    if (!json) return LA_E_NOMEM;
    la_options_json(table, n, opts, json, len + 1);
    la_text_add(t, ",\"%s\":%s", name, json);
    la_free(json);
    return LA_OK;
}

static bool only_asks(const la_task *task, const la_option *option)
{
    const char *const *name = task->learned->asking_options;
    while (name && *name && strcmp(*name, option->name) != 0) name++;
    return name && *name;
}

la_status la_train_task_json(const la_task *task, const void *task_opts, char **json, la_err *err)
{
    size_t n = 0;
    la_option *kept = la_alloc((task->options_len + 1) * sizeof *kept, err);
    if (!kept) return LA_E_NOMEM;
    for (size_t i = 0; i < task->options_len; i++)
        if (!only_asks(task, &task->options[i])) kept[n++] = task->options[i];
    size_t len = la_options_json(kept, n, task_opts, NULL, 0);
    *json = la_alloc(len + 1, err);
    if (*json) la_options_json(kept, n, task_opts, *json, len + 1);
    la_free(kept);
    return *json ? LA_OK : LA_E_NOMEM;
}

/* Whether a variant is the configuration's or stands in its hybrid pattern. */
static bool uses(const la_train_config *c, const la_variant *v)
{
    const char *at = c->hybrid ? strstr(c->hybrid, v->name) : NULL;
    return c->variant == v || at; /* a name inside another's costs a training, no more */
}

/* Variants that came out of a file, by what is in it; a plugin that changed trains anew. */
static void add_code(la_text *t, const la_train_config *c)
{
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        if (*la_registry_code(v) && uses(c, v))
            la_text_add(t, ",\"code_%s\":\"%s\"", v->name, la_registry_code(v));
    }
}

static la_status canonical(const la_train_config *c, la_text *t, la_err *err)
{
    la_text_add(t, "{\"format\":%d,\"variant\":\"%s\"", KEY_FORMAT, c->variant->name);
    add_code(t, c);
    LA_TRY(add_options(t, "variant_options", c->variant->options, c->variant->options_len,
                       c->variant_opts, err));
    la_text_add(t, ",\"hybrid\":\"%s\",\"mask\":\"%s\"", c->hybrid ? c->hybrid : "",
                la_mask_name(c->mask));
    LA_TRY(add_options(t, "model", la_model_option_table, la_model_options_len, c->model, err));
    la_text_add(t, ",\"task\":\"%s\",\"task_version\":%d", c->task->name,
                c->task->learned->version);
    char *task_json;
    LA_TRY(la_train_task_json(c->task, c->task_opts, &task_json, err));
    la_text_add(t, ",\"task_options\":%s", task_json);
    la_free(task_json);
    LA_TRY(add_options(t, "train", la_train_option_table, la_train_options_len, c->train, err));
    la_text_add(t, ",\"lengths\":[");
    for (size_t i = 0; i < c->n_lengths; i++)
        la_text_add(t, "%s%lld", i ? "," : "", (long long)c->lengths[i]);
    la_text_add(t, "],\"longest\":%lld,\"seed\":\"%llu\"}", (long long)la_train_longest(c),
                (unsigned long long)c->seed);
    if (t->failed) return LA_FAIL(err, LA_E_NOMEM, "no memory for the description of a model");
    return LA_OK;
}

void la_hex_digest(XXH128_hash_t h, char out[33])
{
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

la_status la_train_key(const la_train_config *config, char key[33], char **json, la_err *err)
{
    la_text t = {0};
    if (!config->task->learned)
        return LA_FAIL(err, LA_E_ARG, "task %s is a probe: no model is trained for it",
                       config->task->name);
    la_status st = canonical(config, &t, err);
    if (st == LA_OK) {
        la_hex_digest(XXH3_128bits(t.s, t.len), key);
        if (json && !(*json = la_strdup(t.s, err))) st = LA_E_NOMEM;
    }
    la_text_release(&t);
    return st;
}
