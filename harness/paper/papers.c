/* SPDX-License-Identifier: Apache-2.0
 * Where tables of papers are looked for.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "paper.h"
#include "search.h"
#include "text.h"

static const char variable[] = "LABENCH_PAPER_PATH", kind[] = "papers", ending[] = ".table";

static bool is_table(const char *name)
{
    size_t n = strlen(name), end = strlen(ending);
    return n > end && strcmp(name + n - end, ending) == 0;
}

/* Whether a folder before this one has a table of that name. */
static bool hidden(const char *name, size_t folder)
{
    char path[PATH_MAX], other[256];
    for (size_t f = 0; f < folder && la_search_folder(f, variable, kind, path, sizeof path); f++)
        for (size_t i = 0; la_search_name(path, i, other, sizeof other); i++)
            if (strcmp(other, name) == 0) return true;
    return false;
}

bool la_paper_at(size_t i, char *buf, size_t cap)
{
    char folder[PATH_MAX], name[256];
    for (size_t f = 0; la_search_folder(f, variable, kind, folder, sizeof folder); f++)
        for (size_t k = 0; la_search_name(folder, k, name, sizeof name); k++)
            if (is_table(name) && !hidden(name, f) && i-- == 0)
                return snprintf(buf, cap, "%s/%s", folder, name) < (int)cap;
    return false;
}

la_status la_paper_find(const char *word, char *buf, size_t cap, la_err *err)
{
    char where[1024], near[80] = "";
    int least = 3;
    if (strchr(word, '/') || is_table(word)) {
        if (snprintf(buf, cap, "%s", word) < (int)cap) return LA_OK;
        return LA_FAIL(err, LA_E_ARG, "the path %.60s... is too long", word);
    }
    for (size_t i = 0; la_paper_at(i, buf, cap); i++) {
        char id[256];
        const char *name = strrchr(buf, '/') + 1;
        snprintf(id, sizeof id, "%.*s", (int)(strlen(name) - strlen(ending)), name);
        if (strcmp(id, word) == 0) return LA_OK;
        int distance = la_edit_distance(id, word);
        if (distance >= least) continue;
        least = distance;
        snprintf(near, sizeof near, "Nearest: %.60s. ", id);
    }
    return LA_FAIL(
        err, LA_E_NOTFOUND,
        "no table '%.40s'. %s'labench reproduce list' shows all; a file of your own is named by "
        "its path, like ./%.40s.table. Searched: %.500s",
        word, near, word, la_search_words(variable, kind, where, sizeof where));
}
