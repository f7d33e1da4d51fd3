/* SPDX-License-Identifier: Apache-2.0
 * A variant without code: the data of a plugin's, and functions that ask the process that has it.
 */
#ifndef LA_PLUGIN_PROXY_H
#define LA_PLUGIN_PROXY_H

#include "plugin_wire.h"

typedef struct la_plugin_proxy la_plugin_proxy;

/* From the JSON of la_plugin_describe; its functions ask as number `slot`. */
la_status la_plugin_proxy_new(const char *json, size_t slot, la_plugin_proxy **out, la_err *err);
void la_plugin_proxy_free(la_plugin_proxy *proxy); /* NULL is fine */
const la_variant *la_plugin_proxy_variant(const la_plugin_proxy *proxy);
const char *la_plugin_proxy_code(const la_plugin_proxy *proxy);
const char *la_plugin_proxy_built_with(const la_plugin_proxy *proxy);

/* One question to the process of a slot (plugins.c). */
la_status la_plugins_ask(size_t slot, la_wire_ask *ask, const void *opts, size_t opts_bytes,
                         la_wire_answer *out, la_err *err);

#endif
