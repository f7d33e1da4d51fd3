/* SPDX-License-Identifier: Apache-2.0
 * Folders in which what came with labench, and what a user adds, is looked for by name.
 */
#ifndef LA_SEARCH_H
#define LA_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "labench/status.h"

/* Folder of what came with labench: share/labench/<kind> beside bin. */
la_status la_search_shipped(const char *kind, char *buf, size_t cap);
/* The i-th folder: those of the environment variable, with colons between, then the shipped one. */
bool la_search_folder(size_t i, const char *variable, const char *kind, char *buf, size_t cap);
/* All of them, joined by ", ": for messages. "nowhere" when there is none. */
const char *la_search_words(const char *variable, const char *kind, char *buf, size_t cap);
/* The i-th name in a folder that begins with no dot, in alphabetical order; false: no more. */
bool la_search_name(const char *folder, size_t i, char *buf, size_t cap);

#endif
