/* SPDX-License-Identifier: Apache-2.0
 * Whether two command lines of run measure the same, by their flags.
 */
#ifndef LA_CLI_SAME_FLAGS_H
#define LA_CLI_SAME_FLAGS_H

#include "paper.h"

/* Words behind `run` (or what it leaves out) as "name=value", sorted; flags that say where and how something is
 * run, not what, are left out. *out is released by la_strings_release, also after a failure. */
la_status la_flags_normal(char *const *words, size_t n, la_strings *out, la_err *err);
/* The same of a sweep's stored command line, a JSON array. */
la_status la_flags_normal_json(const char *json, la_strings *out, la_err *err);
bool la_flags_same(const la_strings *a, const la_strings *b);

#endif
