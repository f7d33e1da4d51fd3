/* SPDX-License-Identifier: Apache-2.0
 * --plugin and LABENCH_PLUGIN_PATH.
 */
#ifndef LA_CLI_PLUGIN_FLAGS_H
#define LA_CLI_PLUGIN_FLAGS_H

#include <stdbool.h>

#include "plan.h"

/* One value of --plugin: a path, or a name without a slash that LABENCH_PLUGIN_PATH is searched for. */
la_status la_plugin_flag(la_words *plugins, const char *value, la_err *err);
/* Opens what the flags name, then every .so in the folders of LABENCH_PLUGIN_PATH. A refusal of a
 * named one is an error, of another a warning. In a process of la_plugin_elsewhere they are loaded, in any
 * other only probed (plugins.h). */
la_status la_plugin_flags_open(const la_words *plugins, la_err *err);
/* For commands that compute in their own process: when plugins are open and this is not yet the other
 * process, runs the same command line there and returns true with its exit code. */
bool la_plugin_elsewhere(int argc, char **argv, int *code);
/* The main of that process: `labench plugin do verify mine --plugin ./mine.so`. */
int la_plugin_do(int argc, char **argv);
/* What goes on, for the sentence that says where a plugin crashed. Static text or NULL; borrowed. */
void la_plugin_now(const char *what);

#endif
