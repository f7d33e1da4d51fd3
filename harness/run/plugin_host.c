/* SPDX-License-Identifier: Apache-2.0
 * The process that holds a plugin for a program that must not: loads it, describes it, answers.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "plugin_load.h"
#include "plugin_wire.h"
#include "plugins.h"
#include "registry.h"

const char *const la_wire_names[LA_WIRE_COUNT] = {"rank",   "check",  "sizes",      "cost",
                                                  "useful", "params", "state_parts"};

int la_wire_read(int fd, void *bytes, size_t n, int timeout_ms)
{
    for (size_t at = 0; at < n;) {
        struct pollfd p = {fd, POLLIN, 0};
        int ready = poll(&p, 1, timeout_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return -1;
        ssize_t got = ready < 0 ? -1 : read(fd, (char *)bytes + at, n - at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        at += (size_t)got;
    }
    return 1;
}

int la_wire_write(int fd, const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = send(fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return 0;
        at += (size_t)put;
    }
    return 1;
}

/* ---- the description ---- */

/* Numbers that JSON has no word for (infinite bounds of an option) go as hexadecimal text. */
static void add_real(cJSON *o, const char *key, double x)
{
    char text[40];
    snprintf(text, sizeof text, "%a", x);
    cJSON_AddStringToObject(o, key, text);
}

static void add_options(cJSON *o, const la_variant *v)
{
    cJSON *all = cJSON_AddArrayToObject(o, "options");
    for (size_t i = 0; i < v->options_len; i++) {
        const la_option *p = &v->options[i];
        cJSON *one = cJSON_CreateObject(), *choices;
        cJSON_AddStringToObject(one, "name", p->name);
        cJSON_AddNumberToObject(one, "type", p->type);
        cJSON_AddNumberToObject(one, "offset", (double)p->offset);
        add_real(one, "def", p->def);
        add_real(one, "min", p->min);
        add_real(one, "max", p->max);
        cJSON_AddStringToObject(one, "help", p->help);
        if (p->type == LA_OPTION_CHOICE) {
            choices = cJSON_AddArrayToObject(one, "choices");
            for (size_t c = 0; p->choices[c]; c++)
                cJSON_AddItemToArray(choices, cJSON_CreateString(p->choices[c]));
        }
        cJSON_AddItemToArray(all, one);
    }
}

static void add_impls(cJSON *o, const la_variant *v)
{
    cJSON *all = cJSON_AddArrayToObject(o, "impls");
    for (size_t i = 0; i < v->impls_len; i++) {
        const la_impl *p = &v->impls[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", p->name);
        cJSON_AddNumberToObject(one, "backend", p->backend);
        cJSON_AddNumberToObject(one, "caps", p->caps);
        cJSON_AddNumberToObject(one, "dtypes", p->dtypes);
        cJSON_AddBoolToObject(one, "cost", p->cost != NULL);
        cJSON_AddItemToArray(all, one);
    }
}

la_status la_plugin_describe(const la_plugin *plugin, const char *code, char **json, la_err *err)
{
    const la_variant *v = plugin->variant;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "code", code);
    cJSON_AddStringToObject(o, "built_with", plugin->built_with ? plugin->built_with : "");
    cJSON_AddStringToObject(o, "name", v->name);
    cJSON_AddNumberToObject(o, "family", v->family);
    cJSON_AddStringToObject(o, "summary", v->summary);
    cJSON_AddStringToObject(o, "paper", v->paper);
    cJSON_AddStringToObject(o, "cost_words", v->cost_words);
    cJSON_AddNumberToObject(o, "inputs", v->inputs);
    add_real(o, "default_scale", v->default_scale);
    if (v->same_as) cJSON_AddStringToObject(o, "same_as", v->same_as);
    cJSON_AddBoolToObject(o, "reference", v->reference != NULL);
    cJSON_AddBoolToObject(o, "reference_backward", v->reference && v->reference->backward);
    cJSON_AddNumberToObject(o, "options_size", (double)v->options_size);
    cJSON_AddBoolToObject(o, "params", v->params != NULL);
    cJSON_AddBoolToObject(o, "state_parts", v->state_parts != NULL);
    add_options(o, v);
    add_impls(o, v);
    char *text = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    *json = text ? la_strdup(text, err) : NULL;
    cJSON_free(text);
    return *json ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory for a plugin's description");
}

/* ---- answers ---- */

static void name_item(la_wire_item *item, const char *name)
{
    snprintf(item->name, sizeof item->name, "%s", name ? name : "");
}

static void answer_params(const la_variant *v, const la_wire_ask *ask, const void *opts,
                          la_wire_answer *out)
{
    la_param list[LA_MAX_PARAMS] = {{0}};
    size_t n = v->params(&ask->problem, opts, list, LA_MAX_PARAMS);
    out->n_items = (uint32_t)(n < LA_MAX_PARAMS ? n : LA_MAX_PARAMS);
    for (uint32_t i = 0; i < out->n_items; i++) {
        out->items[i].param = list[i];
        name_item(&out->items[i], list[i].name);
    }
}

static void answer_parts(const la_variant *v, const la_wire_ask *ask, const void *opts,
                         la_wire_answer *out)
{
    la_part list[LA_MAX_PARTS] = {{0}};
    size_t n = v->state_parts(&ask->problem, opts, list, LA_MAX_PARTS);
    out->n_items = (uint32_t)(n < LA_MAX_PARTS ? n : LA_MAX_PARTS);
    for (uint32_t i = 0; i < out->n_items; i++) {
        out->items[i].part = list[i];
        name_item(&out->items[i], list[i].name);
    }
}

static void answer(const la_variant *v, const la_wire_ask *ask, const void *opts,
                   la_wire_answer *out)
{
    const la_impl *impl = &v->impls[ask->impl < v->impls_len ? ask->impl : 0];
    const la_problem *p = &ask->problem;
    la_err err = {0};
    switch (ask->what) {
    case LA_WIRE_RANK:
        out->rank = impl->rank(&ask->device, &err);
        break;
    case LA_WIRE_CHECK:
        out->status = impl->check(p, ask->pass, opts, &ask->device, &err);
        break;
    case LA_WIRE_SIZES:
        out->status = impl->sizes(p, ask->pass, opts, &ask->device, &out->sizes, &err);
        break;
    case LA_WIRE_COST:
        out->status = (impl->cost ? impl->cost : v->useful)(p, ask->pass, opts, &out->cost, &err);
        break;
    case LA_WIRE_USEFUL:
        out->status = v->useful(p, ask->pass, opts, &out->cost, &err);
        break;
    case LA_WIRE_PARAMS:
        if (v->params) answer_params(v, ask, opts, out);
        break;
    case LA_WIRE_STATE_PARTS:
        if (v->state_parts) answer_parts(v, ask, opts, out);
        break;
    case LA_WIRE_COUNT:
        break;
    }
    memcpy(out->message, err.msg, sizeof out->message);
}

static int serve(int fd, const la_variant *v)
{
    la_wire_ask ask;
    la_wire_answer *out = calloc(1, sizeof *out);
    void *opts = calloc(1, LA_WIRE_OPTS_MAX);
    while (out && opts && la_wire_read(fd, &ask, sizeof ask, -1) == 1) {
        if (ask.opts_bytes > LA_WIRE_OPTS_MAX) break;
        if (ask.opts_bytes && la_wire_read(fd, opts, ask.opts_bytes, -1) != 1) break;
        memset(out, 0, sizeof *out);
        answer(v, &ask, ask.opts_bytes ? opts : NULL, out);
        if (!la_wire_write(fd, out, sizeof *out)) break;
    }
    free(out);
    free(opts);
    return 0;
}

/* The path that the program sends first; owned, NULL when it is gone. */
static char *read_path(int fd)
{
    uint32_t len;
    if (la_wire_read(fd, &len, sizeof len, -1) != 1 || len > LA_WIRE_OPTS_MAX) return NULL;
    char *path = calloc(1, (size_t)len + 1);
    if (path && la_wire_read(fd, path, len, -1) == 1) return path;
    free(path);
    return NULL;
}

int la_plugin_host_main(int fd)
{
    const la_plugin *plugin = NULL;
    la_err err = {0};
    char *json = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    char *path = read_path(fd);
    if (!path) return 1;
    la_status st = la_plugin_load(path, NULL, &plugin, &err);
    free(path);
    if (st == LA_OK)
        st = la_plugin_describe(plugin, la_registry_code(plugin->variant), &json, &err);
    const char *text = st == LA_OK ? json : err.msg;
    la_wire_head head = {.status = st, .len = (uint32_t)strlen(text)};
    bool told = la_wire_write(fd, &head, sizeof head) && la_wire_write(fd, text, head.len);
    la_free(json);
    /* What the library left behind (destructors, threads) must not spoil the end. */
    _exit(told && st == LA_OK ? serve(fd, plugin->variant) : 1);
}
