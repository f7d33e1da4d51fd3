/* SPDX-License-Identifier: Apache-2.0
 * A cell as JSON and back: one object, keys in alphabetical order, no white space. The text is the
 * cell's identity (its hash is the key) and all that a worker is told of it.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "cell.h"
#include "cuda.h"
#include "registry.h"
#include "text.h"

/* Digests of the plugins that the cell runs: another build of one makes another cell. */
static void add_code(const la_cell *cell, la_text *code)
{
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        if (*la_registry_code(v) && la_cell_uses(cell, v))
            la_text_add(code, "%s%s", code->len ? "," : "", la_registry_code(v));
    }
}

/* The order below is the alphabetical order of the keys; a test holds it to that. */
la_status la_cell_to_json(const la_cell *cell, char **json, la_err *err)
{
    const la_problem *p = &cell->problem;
    cJSON *o = cJSON_CreateObject();
    const la_learn *learn = cell->learn;
    char *text = NULL;
    la_text code = {0};
    *json = NULL;
    if (!o) return LA_FAIL(err, LA_E_NOMEM, "out of memory for a cell's JSON");
    add_code(cell, &code);
#define PUT_NUMBER(key, x)                                                                         \
    if (!cJSON_AddNumberToObject(o, key, (double)(x))) goto done
#define PUT_STRING(key, s)                                                                         \
    if (!cJSON_AddStringToObject(o, key, s)) goto done
#define PUT_RAW(key, s)                                                                            \
    if (!cJSON_AddRawToObject(o, key, (s) ? (s) : "{}")) goto done
    PUT_STRING("backend", la_backend_name(cell->impl->backend));
    PUT_NUMBER("batch", p->B);
    PUT_STRING("cache", cell->cold ? "cold" : "hot");
    if (code.len) PUT_STRING("code", la_text_str(&code));
    if (cell->impl->backend == LA_CUDA) PUT_NUMBER("device", cell->device);
    PUT_NUMBER("dk", p->dk);
    PUT_STRING("dtype", la_dtype_name(p->dtype));
    PUT_NUMBER("dv", p->dv);
    PUT_NUMBER("heads", p->H);
    PUT_STRING("impl", cell->impl->name);
    PUT_STRING("inputs", learn ? learn->examples : LA_CELL_INPUTS);
    PUT_STRING("isa", la_isa_name(cell->isa));
    PUT_NUMBER("kv_heads", p->Hkv);
    PUT_STRING("mask", la_mask_name(p->mask));
    PUT_RAW("model_options", learn ? learn->model_json : NULL);
    PUT_RAW("options", cell->opts_json);
    PUT_STRING("pass", la_pass_name(cell->pass));
    PUT_NUMBER("qk_heads", p->Hqk);
    PUT_NUMBER("scale", p->scale);
    PUT_NUMBER("seqlen", cell->seqlen);
    PUT_STRING("task", cell->task ? cell->task->name : "");
    PUT_RAW("task_options", cell->task_opts_json);
    PUT_NUMBER("tcap", p->Tcap);
    PUT_NUMBER("threads", p->threads);
    PUT_NUMBER("tokens", p->T);
    PUT_RAW("train_options", learn ? learn->train_json : NULL);
    PUT_STRING("variant", cell->variant->name);
#undef PUT_NUMBER
#undef PUT_STRING
#undef PUT_RAW
    text = cJSON_PrintUnformatted(o);
    if (text) *json = la_strdup(text, err);
done:
    cJSON_free(text);
    cJSON_Delete(o);
    la_text_release(&code);
    return *json ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory for a cell's JSON");
}

static la_status get_count(const cJSON *o, const char *key, int64_t *out, la_err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(x >= 1) || !(x <= 9e15) || x != floor(x))
        return LA_FAIL(err, LA_E_FORMAT, "the cell has no whole number '%s'", key);
    *out = (int64_t)x;
    return LA_OK;
}

static la_status get_word(const cJSON *o, const char *key, const char **out, la_err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    if (!cJSON_IsString(item)) return LA_FAIL(err, LA_E_FORMAT, "the cell has no word '%s'", key);
    *out = item->valuestring;
    return LA_OK;
}

/* Options from a JSON object, through the same table as the command line's. */
static la_status get_options(const cJSON *o, const char *field, const char *owner,
                             const la_option *table, size_t n, void *opts, la_err *err)
{
    const cJSON *set = cJSON_GetObjectItemCaseSensitive(o, field), *item;
    if (!cJSON_IsObject(set)) return LA_FAIL(err, LA_E_FORMAT, "the cell has no '%s'", field);
    cJSON_ArrayForEach(item, set)
    {
        char number[40];
        const char *value = number;
        if (cJSON_IsString(item))
            value = item->valuestring;
        else if (cJSON_IsNumber(item))
            snprintf(number, sizeof number, "%.17g", item->valuedouble);
        else
            return LA_FAIL(err, LA_E_FORMAT, "option '%s' of %s has no plain value", item->string,
                           owner);
        LA_TRY(la_options_set(table, n, opts, owner, item->string, value, err));
    }
    return LA_OK;
}

static la_status get_names(const cJSON *o, la_cell *cell, la_err *err)
{
    const char *variant = "", *impl = "", *task = "", *pass = "", *mask = "", *dtype = "",
               *cache = "";
    LA_TRY(get_word(o, "variant", &variant, err));
    LA_TRY(get_word(o, "impl", &impl, err));
    LA_TRY(get_word(o, "task", &task, err));
    LA_TRY(get_word(o, "pass", &pass, err));
    LA_TRY(get_word(o, "mask", &mask, err));
    LA_TRY(get_word(o, "dtype", &dtype, err));
    LA_TRY(get_word(o, "cache", &cache, err));
    cell->variant = la_registry_find(variant);
    if (!cell->variant) return LA_FAIL(err, LA_E_NOTFOUND, "no variant '%s'", variant);
    cell->impl = la_variant_impl(cell->variant, impl);
    const la_peer_impl *peer = cell->impl ? NULL : la_peer_impl_find(cell->variant, impl);
    if (peer) cell->impl = &peer->impl;
    if (!cell->impl) return LA_FAIL(err, LA_E_NOTFOUND, "%s has no impl '%s'", variant, impl);
    if (*task && !(cell->task = la_tasks_find(task)))
        return LA_FAIL(err, LA_E_NOTFOUND, "no task '%s'", task);
    LA_TRY(la_pass_parse(pass, &cell->pass, err));
    LA_TRY(la_mask_parse(mask, &cell->problem.mask, err));
    LA_TRY(la_dtype_parse(dtype, &cell->problem.dtype, err));
    cell->cold = strcmp(cache, "cold") == 0;
    return LA_OK;
}

static la_status get_sizes(const cJSON *o, la_cell *cell, la_err *err)
{
    la_problem *p = &cell->problem;
    int64_t threads = 1;
    LA_TRY(get_count(o, "batch", &p->B, err));
    LA_TRY(get_count(o, "tokens", &p->T, err));
    LA_TRY(get_count(o, "tcap", &p->Tcap, err));
    LA_TRY(get_count(o, "heads", &p->H, err));
    LA_TRY(get_count(o, "kv_heads", &p->Hkv, err));
    LA_TRY(get_count(o, "qk_heads", &p->Hqk, err));
    LA_TRY(get_count(o, "dk", &p->dk, err));
    LA_TRY(get_count(o, "dv", &p->dv, err));
    LA_TRY(get_count(o, "seqlen", &cell->seqlen, err));
    LA_TRY(get_count(o, "threads", &threads, err));
    if (threads > 1 << 20) return LA_FAIL(err, LA_E_FORMAT, "the cell asks for too many threads");
    p->threads = (int)threads;
    const cJSON *scale = cJSON_GetObjectItemCaseSensitive(o, "scale");
    if (!cJSON_IsNumber(scale)) return LA_FAIL(err, LA_E_FORMAT, "the cell has no 'scale'");
    p->scale = scale->valuedouble;
    return LA_OK;
}

static la_status get_learn(const cJSON *o, la_cell *cell, la_err *err)
{
    if (!cell->task || cell->task->kind != LA_TASK_LEARNED) return LA_OK;
    cell->learn = la_zalloc(sizeof *cell->learn, err);
    if (!cell->learn) return LA_E_NOMEM;
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(o, "model_options");
    const cJSON *train = cJSON_GetObjectItemCaseSensitive(o, "train_options");
    return la_cell_learn_read(model, train, cell->learn, err);
}

/* The cell was planned for an instruction set; a worker must not silently use another. */
static la_status get_device(const cJSON *o, la_device *device, la_err *err)
{
    const char *isa = "";
    LA_TRY(get_word(o, "isa", &isa, err));
    for (int i = 0; i <= (int)device->isa; i++)
        if (strcmp(la_isa_name((la_isa)i), isa) == 0) {
            device->isa = (la_isa)i;
            return LA_OK;
        }
    return LA_FAIL(err, LA_E_UNSUPPORTED, "the cell wants %s; here is %s", isa,
                   la_isa_name(device->isa));
}

la_status la_cell_json_device(const char *json, bool peer, la_device *out, la_err *err)
{
    cJSON *o = cJSON_Parse(json);
    const char *backend = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "backend"));
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(o, "device");
    la_status st = LA_OK;
    la_device_cpu(out);
    if (backend && strcmp(backend, "cuda") == 0) {
        double index = cJSON_IsNumber(number) ? number->valuedouble : -1;
        la_device cuda = {.backend = LA_CUDA, .index = (int)index};
        if (!(index >= 0) || !(index < 1024))
            st = LA_FAIL(err, LA_E_FORMAT, "the cell has no device of CUDA");
        else if (!peer)
            st = la_device_cuda((int)index, &cuda, err);
        *out = cuda;
    }
    cJSON_Delete(o);
    return st;
}

la_status la_cell_from_json(const char *json, const la_device *device, la_cell *out, la_err *err)
{
    *out = (la_cell){0};
    la_device own = *device;
    la_status st;
    cJSON *o = cJSON_Parse(json);
    if (!cJSON_IsObject(o)) {
        st = LA_FAIL(err, LA_E_FORMAT, "the cell is no JSON object");
        goto done;
    }
    if ((st = get_names(o, out, err)) != LA_OK) goto done;
    if ((st = get_sizes(o, out, err)) != LA_OK) goto done;
    if ((st = get_device(o, &own, err)) != LA_OK) goto done;
    if ((st = get_learn(o, out, err)) != LA_OK) goto done;
    if ((st = la_cell_default_options(out, err)) != LA_OK) goto done;
    const la_variant *v = out->variant;
    const la_task *t = out->task;
    st = get_options(o, "options", v->name, v->options, v->options_len, out->opts, err);
    if (st == LA_OK && t)
        st = get_options(o, "task_options", t->name, t->options, t->options_len, out->task_opts,
                         err);
    if (st == LA_OK) st = la_cell_finish(out, &own, err);
done:
    cJSON_Delete(o);
    if (st != LA_OK) la_cell_release(out);
    return st;
}
