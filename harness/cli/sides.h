/* SPDX-License-Identifier: Apache-2.0
 * A sweep as one writes it where there may be several databases.
 */
#ifndef LA_CLI_SIDES_H
#define LA_CLI_SIDES_H

#include <stddef.h>

#include "labench/status.h"
#include "store.h"

/* "x.db", "x.db:SWEEP", or a sweep of the database `db`: the path into path[cap], the sweep ("last" where
 * none is named) into *sweep, a part of `word`. */
la_status la_side_split(const char *word, const char *db, char *path, size_t cap,
                        const char **sweep, la_err *err);
/* Opens a path for reading that a word or a flag other than --db named: where there is no such file, `like`
 * shows how one is named. */
la_status la_side_open(const char *path, const char *like, la_store **out, la_err *err);

#endif
