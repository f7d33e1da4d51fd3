/* SPDX-License-Identifier: Apache-2.0
 * Plugins as the program that plans and stores sees them. It never loads one: a process of its own
 * does (the program again, with the word `plugin`), describes the variant, and answers what rank,
 * check, sizes, cost, params and state_parts say. The variant that is registered here is data, and
 * functions that ask there. A plugin that crashes or hangs costs a sentence.
 */
#ifndef LA_PLUGINS_H
#define LA_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>

#include "labench/variant.h"

/* Plugins at a time, and impls that one may have. */
enum { LA_PLUGINS_MAX = 8, LA_PLUGIN_IMPLS = 8 };

typedef struct la_plugin_ref { /* what a worker needs to load one */
    const char *path;          /* absolute */
    char code[33];             /* digest of the file when it was probed */
} la_plugin_ref;

/* Probes a plugin and registers its variant. The same file twice is one plugin. LA_E_ARG and the like
 * with a sentence when it is refused, crashes or hangs. */
la_status la_plugins_open(const char *path, la_err *err);
size_t la_plugins_count(void);
const la_plugin_ref *la_plugins_at(size_t i);
const la_variant *la_plugins_variant(size_t i);
const char *la_plugins_built_with(size_t i); /* the compiler's word, as the plugin tells it */
/* Ends the processes and takes the variants out of the registry again. */
void la_plugins_close(void);

/* The main of the other process: requests and answers go over the socket `fd` (plugin_wire.h). */
int la_plugin_host_main(int fd);

#endif
