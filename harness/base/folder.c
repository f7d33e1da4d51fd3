/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

la_status la_make_folder(const char *path, la_err *err)
{
    char part[PATH_BYTES];
    if (strlen(path) >= sizeof part || !*path)
        return LA_FAIL(err, LA_E_ARG, "the folder's name is empty or longer than %d bytes",
                       PATH_BYTES - 1);
    snprintf(part, sizeof part, "%s", path);
    for (char *c = part + 1;; c++) {
        if (*c && *c != '/') continue;
        char kept = *c;
        *c = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return LA_FAIL(err, LA_E_IO, "cannot make the folder %s: %s", part, strerror(errno));
        *c = kept;
        if (!kept) break;
    }
    struct stat s;
    if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode))
        return LA_FAIL(err, LA_E_IO, "%s is not a folder", path);
    return LA_OK;
}

la_status la_make_folder_of(const char *file, la_err *err)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(file, '/');
    if (!slash || slash == file) return LA_OK;
    if (slash - file >= PATH_BYTES)
        return LA_FAIL(err, LA_E_ARG, "the path %.60s... is too long", file);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - file), file);
    return la_make_folder(folder, err);
}
