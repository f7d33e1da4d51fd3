/* SPDX-License-Identifier: Apache-2.0 */
#include "sides.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

la_status la_side_split(const char *word, const char *db, char *path, size_t cap,
                        const char **sweep, la_err *err)
{
    const char *end = strstr(word, ".db");
    while (end && end[3] && end[3] != ':') end = strstr(end + 3, ".db");
    size_t len = strlen(db);
    *sweep = word;
    if (end) {
        db = word;
        len = (size_t)(end + 3 - word);
        *sweep = end[3] ? end + 4 : "last";
    }
    if (len >= cap) return LA_FAIL(err, LA_E_ARG, "the path %.60s... is too long", db);
    snprintf(path, cap, "%.*s", (int)len, db);
    return LA_OK;
}

la_status la_side_open(const char *path, const char *like, la_store **out, la_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0 && errno == ENOENT)
        return LA_FAIL(err, LA_E_NOTFOUND, "no file %s; name a stored run, as in '%s'", path, like);
    return la_store_open(path, LA_STORE_READ, out, err);
}
