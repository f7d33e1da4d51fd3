/* SPDX-License-Identifier: Apache-2.0
 * Proxies. The functions of la_impl and la_variant get no word of whose they are, so each slot and
 * each impl of it has functions of its own, made by macros at the end.
 */
#include "plugin_proxy.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "plugins.h"

struct la_plugin_proxy {
    la_variant variant;
    la_impl impls[LA_PLUGIN_IMPLS];
    la_reference reference;
    la_option *options;   /* owned */
    const char **choices; /* owned: the lists of all options, one behind the other */
    cJSON *doc;           /* owned; strings of the above lie in it */
    char **names;         /* owned: of parameters and state parts, as they came up */
    size_t n_names, cap_names;
};

static la_plugin_proxy *slots[LA_PLUGINS_MAX];

/* ---- questions ---- */

static size_t opts_bytes_of(size_t slot)
{
    return slots[slot]->variant.options_len ? slots[slot]->variant.options_size : 0;
}

static la_status ask(size_t slot, la_wire_what what, size_t impl, const la_problem *p, la_pass pass,
                     const void *opts, const la_device *device, la_wire_answer *out, la_err *err)
{
    la_wire_ask a;
    memset(&a, 0, sizeof a); /* no stray bytes of ours go over */
    a.what = what;
    a.impl = (uint32_t)impl;
    a.pass = pass;
    if (p) a.problem = *p;
    if (device) a.device = *device;
    return la_plugins_ask(slot, &a, opts, opts_bytes_of(slot), out, err);
}

static int ask_rank(size_t slot, size_t impl, const la_device *device, la_err *why)
{
    la_wire_answer a;
    if (ask(slot, LA_WIRE_RANK, impl, NULL, LA_FORWARD, NULL, device, &a, why) != LA_OK) return 0;
    if (a.rank <= 0) LA_FAIL(why, LA_E_UNSUPPORTED, "%s", a.message);
    return a.rank;
}

static la_status ask_check(size_t slot, size_t impl, const la_problem *p, la_pass pass,
                           const void *opts, const la_device *device, la_err *err)
{
    la_wire_answer a;
    return ask(slot, LA_WIRE_CHECK, impl, p, pass, opts, device, &a, err);
}

static la_status ask_sizes(size_t slot, size_t impl, const la_problem *p, la_pass pass,
                           const void *opts, const la_device *device, la_sizes *out, la_err *err)
{
    la_wire_answer a;
    LA_TRY(ask(slot, LA_WIRE_SIZES, impl, p, pass, opts, device, &a, err));
    *out = a.sizes;
    return LA_OK;
}

static la_status ask_cost(size_t slot, la_wire_what what, size_t impl, const la_problem *p,
                          la_pass pass, const void *opts, la_cost *out, la_err *err)
{
    la_wire_answer a;
    LA_TRY(ask(slot, what, impl, p, pass, opts, NULL, &a, err));
    *out = a.cost;
    return LA_OK;
}

/* A name that stays, as names of literals do. */
static const char *keep(la_plugin_proxy *proxy, const char *name)
{
    for (size_t i = 0; i < proxy->n_names; i++)
        if (strcmp(proxy->names[i], name) == 0) return proxy->names[i];
    char *own = la_strdup(name, NULL);
    if (!own || la_grow((void **)&proxy->names, &proxy->cap_names, proxy->n_names + 1,
                        sizeof *proxy->names, NULL) != LA_OK) {
        la_free(own);
        return "?";
    }
    proxy->names[proxy->n_names++] = own;
    return own;
}

static size_t ask_params(size_t slot, const la_problem *p, const void *opts, la_param *out,
                         size_t cap)
{
    la_wire_answer a;
    if (ask(slot, LA_WIRE_PARAMS, 0, p, LA_FORWARD, opts, NULL, &a, NULL) != LA_OK) return 0;
    for (size_t i = 0; i < a.n_items && i < cap; i++) {
        out[i] = a.items[i].param;
        out[i].name = keep(slots[slot], a.items[i].name);
    }
    return a.n_items;
}

static size_t ask_state_parts(size_t slot, const la_problem *p, const void *opts, la_part *out,
                              size_t cap)
{
    la_wire_answer a;
    if (ask(slot, LA_WIRE_STATE_PARTS, 0, p, LA_FORWARD, opts, NULL, &a, NULL) != LA_OK) return 0;
    for (size_t i = 0; i < a.n_items && i < cap; i++) {
        out[i] = a.items[i].part;
        out[i].name = keep(slots[slot], a.items[i].name);
    }
    return a.n_items;
}

/* ---- what a proxy cannot do ---- */

#define NOT_HERE(err) LA_FAIL(err, LA_E_INTERNAL, "a plugin computes in worker processes only")

static la_status no_create(const la_problem *p, const void *opts, const la_device *device,
                           void **self, la_err *err)
{
    (void)p, (void)opts, (void)device;
    *self = NULL;
    return NOT_HERE(err);
}

static void no_destroy(void *self)
{
    (void)self;
}

static la_status no_call(void *self, const la_io *io, la_err *err)
{
    (void)self, (void)io;
    return NOT_HERE(err);
}

static la_status no_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)self, (void)io, (void)grads;
    return NOT_HERE(err);
}

static la_status no_reference(const la_problem *p, const void *opts, const la_ref_io *io,
                              la_err *err)
{
    (void)p, (void)opts, (void)io;
    return NOT_HERE(err);
}

static la_status no_reference_backward(const la_problem *p, const void *opts, const la_ref_io *io,
                                       const la_ref_grads *grads, la_err *err)
{
    (void)p, (void)opts, (void)io, (void)grads;
    return NOT_HERE(err);
}

/* ---- functions of each slot and impl ---- */

#define EACH_IMPL(X, s) X(s, 0) X(s, 1) X(s, 2) X(s, 3) X(s, 4) X(s, 5) X(s, 6) X(s, 7)
#define EACH_SLOT(X)    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
_Static_assert(LA_PLUGINS_MAX == 8 && LA_PLUGIN_IMPLS == 8, "the lists above have eight entries");

#define OF_IMPL(s, i)                                                                              \
    static int rank_##s##_##i(const la_device *device, la_err *why)                                \
    {                                                                                              \
        return ask_rank(s, i, device, why);                                                        \
    }                                                                                              \
    static la_status check_##s##_##i(const la_problem *p, la_pass pass, const void *opts,          \
                                     const la_device *device, la_err *err)                         \
    {                                                                                              \
        return ask_check(s, i, p, pass, opts, device, err);                                        \
    }                                                                                              \
    static la_status sizes_##s##_##i(const la_problem *p, la_pass pass, const void *opts,          \
                                     const la_device *device, la_sizes *out, la_err *err)          \
    {                                                                                              \
        return ask_sizes(s, i, p, pass, opts, device, out, err);                                   \
    }                                                                                              \
    static la_status cost_##s##_##i(const la_problem *p, la_pass pass, const void *opts,           \
                                    la_cost *out, la_err *err)                                     \
    {                                                                                              \
        return ask_cost(s, LA_WIRE_COST, i, p, pass, opts, out, err);                              \
    }
#define OF_SLOT(s)                                                                                 \
    EACH_IMPL(OF_IMPL, s)                                                                          \
    static la_status useful_##s(const la_problem *p, la_pass pass, const void *opts, la_cost *out, \
                                la_err *err)                                                       \
    {                                                                                              \
        return ask_cost(s, LA_WIRE_USEFUL, 0, p, pass, opts, out, err);                            \
    }                                                                                              \
    static size_t params_##s(const la_problem *p, const void *opts, la_param *out, size_t cap)     \
    {                                                                                              \
        return ask_params(s, p, opts, out, cap);                                                   \
    }                                                                                              \
    static size_t state_parts_##s(const la_problem *p, const void *opts, la_part *out, size_t cap) \
    {                                                                                              \
        return ask_state_parts(s, p, opts, out, cap);                                              \
    }
EACH_SLOT(OF_SLOT)

#define IMPL_ROW(s, i)                                                                             \
    {.rank = rank_##s##_##i,                                                                       \
     .check = check_##s##_##i,                                                                     \
     .sizes = sizes_##s##_##i,                                                                     \
     .cost = cost_##s##_##i,                                                                       \
     .create = no_create,                                                                          \
     .destroy = no_destroy,                                                                        \
     .forward = no_call},
#define SLOT_ROW(s) {EACH_IMPL(IMPL_ROW, s)},
static const la_impl impl_rows[LA_PLUGINS_MAX][LA_PLUGIN_IMPLS] = {EACH_SLOT(SLOT_ROW)};
#define VARIANT_ROW(s) {.useful = useful_##s, .params = params_##s, .state_parts = state_parts_##s},
static const la_variant variant_rows[LA_PLUGINS_MAX] = {EACH_SLOT(VARIANT_ROW)};

/* ---- from the description ---- */

static const char *word_of(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static double number_of(const cJSON *o, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    if (cJSON_IsString(item)) return strtod(item->valuestring, NULL);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static bool truth_of(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static la_status take_options(la_plugin_proxy *x, la_err *err)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(x->doc, "options"), *one, *choice;
    size_t n = (size_t)cJSON_GetArraySize(all), words = 0, i = 0;
    cJSON_ArrayForEach(one, all) words +=
        (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(one, "choices")) + 1;
    x->options = la_zalloc((n + 1) * sizeof *x->options, err);
    x->choices = la_zalloc((words + 1) * sizeof *x->choices, err);
    if (!x->options || !x->choices) return LA_E_NOMEM;
    const char **at = x->choices;
    cJSON_ArrayForEach(one, all)
    {
        la_option *o = &x->options[i++];
        *o = (la_option){.name = word_of(one, "name"),
                         .type = (la_option_type)number_of(one, "type"),
                         .offset = (size_t)number_of(one, "offset"),
                         .def = number_of(one, "def"),
                         .min = number_of(one, "min"),
                         .max = number_of(one, "max"),
                         .help = word_of(one, "help")};
        if (o->type != LA_OPTION_CHOICE) continue;
        o->choices = at;
        cJSON_ArrayForEach(choice, cJSON_GetObjectItemCaseSensitive(one, "choices")) *at++ =
            cJSON_GetStringValue(choice);
        at++; /* the NULL behind them */
    }
    x->variant.options = x->options;
    x->variant.options_len = n;
    x->variant.options_size = (size_t)number_of(x->doc, "options_size");
    return LA_OK;
}

static void take_impls(la_plugin_proxy *x, size_t slot)
{
    const cJSON *one;
    size_t n = 0;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(x->doc, "impls"))
    {
        la_impl *impl = &x->impls[n];
        *impl = impl_rows[slot][n++];
        impl->name = word_of(one, "name");
        impl->backend = (la_backend)number_of(one, "backend");
        impl->caps = (uint32_t)number_of(one, "caps");
        impl->dtypes = (uint32_t)number_of(one, "dtypes");
        if (!truth_of(one, "cost")) impl->cost = NULL;
        if (impl->caps & LA_CAP_BACKWARD) impl->backward = no_backward;
        if (impl->caps & LA_CAP_DECODE) impl->decode = no_call;
    }
    x->variant.impls = x->impls;
    x->variant.impls_len = n;
}

static la_status take(la_plugin_proxy *x, size_t slot, la_err *err)
{
    const cJSON *o = x->doc;
    int impls = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(o, "impls"));
    x->variant = variant_rows[slot];
    la_variant *v = &x->variant;
    v->abi = LA_ABI;
    v->size = sizeof *v;
    v->name = word_of(o, "name");
    v->family = (la_family)number_of(o, "family");
    v->summary = word_of(o, "summary");
    v->paper = word_of(o, "paper");
    v->cost_words = word_of(o, "cost_words");
    v->inputs = (uint32_t)number_of(o, "inputs");
    v->default_scale = number_of(o, "default_scale");
    v->same_as = word_of(o, "same_as");
    x->reference = (la_reference){no_reference,
                                  truth_of(o, "reference_backward") ? no_reference_backward : NULL};
    v->reference = truth_of(o, "reference") ? &x->reference : NULL;
    if (!truth_of(o, "params")) v->params = NULL;
    if (!truth_of(o, "state_parts")) v->state_parts = NULL;
    if (impls > LA_PLUGIN_IMPLS)
        return LA_FAIL(err, LA_E_ARG, "variant %s has %d impls; a plugin has at most %d", v->name,
                       impls, LA_PLUGIN_IMPLS);
    if (number_of(o, "options_size") > LA_WIRE_OPTS_MAX)
        return LA_FAIL(err, LA_E_ARG, "variant %s has options of more than %d bytes", v->name,
                       LA_WIRE_OPTS_MAX);
    take_impls(x, slot);
    return take_options(x, err);
}

la_status la_plugin_proxy_new(const char *json, size_t slot, la_plugin_proxy **out, la_err *err)
{
    la_plugin_proxy *x = la_zalloc(sizeof *x, err);
    *out = NULL;
    if (!x) return LA_E_NOMEM;
    x->doc = cJSON_Parse(json);
    la_status st = x->doc ? take(x, slot, err)
                          : LA_FAIL(err, LA_E_FORMAT, "the plugin's description is no JSON");
    if (st != LA_OK) {
        la_plugin_proxy_free(x);
        return st;
    }
    slots[slot] = *out = x;
    return LA_OK;
}

void la_plugin_proxy_free(la_plugin_proxy *proxy)
{
    if (!proxy) return;
    for (size_t i = 0; i < proxy->n_names; i++) la_free(proxy->names[i]);
    la_free(proxy->names);
    la_free(proxy->options);
    la_free(proxy->choices);
    cJSON_Delete(proxy->doc);
    la_free(proxy);
}

const la_variant *la_plugin_proxy_variant(const la_plugin_proxy *proxy)
{
    return &proxy->variant;
}

const char *la_plugin_proxy_code(const la_plugin_proxy *proxy)
{
    return word_of(proxy->doc, "code");
}

const char *la_plugin_proxy_built_with(const la_plugin_proxy *proxy)
{
    return word_of(proxy->doc, "built_with");
}
