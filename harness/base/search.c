/* SPDX-License-Identifier: Apache-2.0 */
#include "search.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

la_status la_search_shipped(const char *kind, char *buf, size_t cap)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return LA_E_IO;
    exe[n] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash) *slash = '\0';
    char relative[PATH_MAX + 96], full[PATH_MAX];
    snprintf(relative, sizeof relative, "%s/../share/labench/%.60s", exe, kind);
    if (!realpath(relative, full)) return LA_E_NOTFOUND;
    return snprintf(buf, cap, "%s", full) < (int)cap ? LA_OK : LA_E_IO;
}

bool la_search_folder(size_t i, const char *variable, const char *kind, char *buf, size_t cap)
{
    const char *env = getenv(variable);
    for (const char *at = env ? env : ""; *at;) {
        size_t n = strcspn(at, ":");
        if (n > 0 && i-- == 0) {
            snprintf(buf, cap, "%.*s", (int)n, at);
            return true;
        }
        at += n + (at[n] == ':');
    }
    return i == 0 && la_search_shipped(kind, buf, cap) == LA_OK;
}

const char *la_search_words(const char *variable, const char *kind, char *buf, size_t cap)
{
    char folder[PATH_MAX];
    size_t len = 0;
    snprintf(buf, cap, "nowhere");
    for (size_t i = 0; la_search_folder(i, variable, kind, folder, sizeof folder) && len < cap; i++)
        len += (size_t)snprintf(buf + len, cap - len, "%s%s", i ? ", " : "", folder);
    return buf;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

bool la_search_name(const char *folder, size_t i, char *buf, size_t cap)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, visible, alphasort);
    bool found = n >= 0 && i < (size_t)n && snprintf(buf, cap, "%s", names[i]->d_name) < (int)cap;
    for (int k = 0; k < n; k++) free(names[k]);
    free(names);
    return found;
}
