/* SPDX-License-Identifier: Apache-2.0
 * [sweep NAME]: flags of `labench run`, kept as the words of a command line. Whether they are flags is
 * for whoever runs them to say.
 */
#include <string.h>

#include "alloc.h"
#include "paper_file.h"

/* Flags that are decided by who reproduces, not by the table. */
static const char *const not_here[] = {
    "db",      "label",   "note",     "out",         "resume",  "new",       "retry",
    "dry-run", "json",    "progress", "quiet",       "verbose", "color",     "help",
    "config",  "section", "shard",    "show-config", "strict",  "fail-fast",
};

static bool may_repeat(const char *flag)
{
    return strcmp(flag, "set") == 0 || strcmp(flag, "plugin") == 0;
}

/* "lengths.cpu": the flag, and its scale or LA_BOTH_SCALES. */
static int flag_of(const la_ini_entry *e, char *buf, size_t cap)
{
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        const char *name = la_scale_name((la_paper_scale)s);
        size_t n = strlen(e->key), end = strlen(name);
        if (n <= end + 1 || e->key[n - end - 1] != '.' || strcmp(e->key + n - end, name) != 0)
            continue;
        snprintf(buf, cap, "%.*s", (int)(n - end - 1), e->key);
        return s;
    }
    snprintf(buf, cap, "%s", e->key);
    return LA_BOTH_SCALES;
}

static la_status check_entry(la_paper_file *f, const la_ini_section *section, size_t i)
{
    const la_ini_entry *entries = f->ini.entries + section->first, *e = &entries[i];
    char flag[256];
    int scale = flag_of(e, flag, sizeof flag);
    if (scale != LA_BOTH_SCALES && !f->paper->scales[scale])
        return la_file_complain(f, e, "there is no [scale %s]",
                                la_scale_name((la_paper_scale)scale));
    for (size_t k = 0; k < LA_COUNT(not_here); k++)
        if (strcmp(flag, not_here[k]) == 0)
            return la_file_complain(f, e, "--%s is for who runs the table, not for its file", flag);
    if (!*e->value) return la_file_complain(f, e, "'%.60s' is empty; a switch is 'yes'", e->key);
    for (size_t j = 0; j < i && !may_repeat(flag); j++)
        if (strcmp(entries[j].key, e->key) == 0)
            return la_file_complain(f, e, "'%.60s' is there already in line %d", e->key,
                                    entries[j].line);
    return LA_OK;
}

/* Whether a line without a scale gives way to one of this scale. */
static bool overridden(la_paper_file *f, const la_ini_section *section, const char *flag, int scale)
{
    const la_ini_entry *entries = f->ini.entries + section->first;
    char other[256];
    for (size_t i = 0; i < section->n && !may_repeat(flag); i++)
        if (flag_of(&entries[i], other, sizeof other) == scale && strcmp(other, flag) == 0)
            return true;
    return false;
}

static la_status add_words(la_paper_file *f, const la_ini_section *section, const la_ini_entry *e,
                           int at, la_strings *out)
{
    char flag[256], word[260];
    int scale = flag_of(e, flag, sizeof flag);
    if (scale != at && (scale != LA_BOTH_SCALES || overridden(f, section, flag, at))) return LA_OK;
    if (strcmp(e->value, "no") == 0) return LA_OK; /* a switch that the other scale has */
    int n = snprintf(word, sizeof word, "--%s", flag);
    LA_TRY(la_strings_add(out, word, (size_t)n, f->err));
    if (strcmp(e->value, "yes") == 0) return LA_OK;
    return la_strings_add(out, e->value, strlen(e->value), f->err);
}

la_status la_file_sweep(la_paper_file *f, const la_ini_section *section, la_paper_sweep *sweep)
{
    const la_ini_entry *entries = f->ini.entries + section->first;
    for (int s = 0; s < LA_SCALE_COUNT; s++) sweep->scales[s] = f->paper->scales[s];
    for (size_t i = 0; i < section->n; i++) LA_TRY(check_entry(f, section, i));
    for (size_t i = 0; i < section->n; i++)
        if (strcmp(entries[i].key, "scales") == 0)
            LA_TRY(la_file_scales(f, &entries[i], sweep->scales));
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        for (size_t i = 0; i < section->n && sweep->scales[s]; i++)
            if (strcmp(entries[i].key, "scales") != 0)
                LA_TRY(add_words(f, section, &entries[i], s, &sweep->words[s]));
        if (sweep->scales[s] && sweep->words[s].n == 0)
            return la_ini_complain(&f->ini, section->line, f->err,
                                   "[%.60s] has no flags at scale %s", section->name,
                                   la_scale_name((la_paper_scale)s));
    }
    return LA_OK;
}
