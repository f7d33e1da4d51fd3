/* SPDX-License-Identifier: Apache-2.0
 * A sweep as one writes it where there may be several databases.
 */
#ifndef LA_CLI_SIDES_H
#define LA_CLI_SIDES_H

#include <stddef.h>

#include "labench/status.h"

/* "x.db", "x.db:SWEEP", or a sweep of the database `db`: the path into path[cap], the sweep ("last" where
 * none is named) into *sweep, a part of `word`. */
la_status la_side_split(const char *word, const char *db, char *path, size_t cap,
                        const char **sweep, la_err *err);

#endif
