/* SPDX-License-Identifier: Apache-2.0
 * A whole copy of a database, beside it or elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "store_internal.h"

/* SQLite does not wait until the copy is on the disk. */
static la_status wait_for_disk(const char *path, la_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    la_status st = LA_OK;
    if (fd < 0 || fsync(fd) != 0)
        st = LA_FAIL(err, LA_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return st;
}

la_status la_store_copy(la_store *store, const char *to, la_err *err)
{
    char name[PATH_MAX + 2], part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.part", to) >= (int)sizeof part)
        return LA_FAIL(err, LA_E_ARG, "the name of a copy is longer than %d bytes", PATH_MAX - 6);
    snprintf(name, sizeof name, "%s%s", store->path[0] == '/' ? "" : "./", store->path);
    /* A connection of its own: the store's may be in a transaction, which others can read past. */
    la_store reader = {.path = store->path, .mode = LA_STORE_READ, .pid = store->pid};
    int rc = sqlite3_open_v2(name, &reader.db, SQLITE_OPEN_READONLY, NULL);
    la_status st =
        rc == SQLITE_OK ? la_sql_settings(&reader, err) : la_sql_fail(&reader, rc, "copy", err);
    unlink(part); /* of a run that was killed */
    if (st == LA_OK) st = la_sql_run(&reader, err, "VACUUM INTO ?1", "s", part);
    sqlite3_close_v2(reader.db);
    if (st == LA_OK) st = wait_for_disk(part, err);
    if (st == LA_OK && rename(part, to) != 0)
        st = LA_FAIL(err, LA_E_IO, "cannot make %s: %s", to, strerror(errno));
    if (st != LA_OK) unlink(part);
    return st;
}
