/* SPDX-License-Identifier: Apache-2.0 */
#include "same_flags.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "options_table.h"
#include "text.h"

static bool says_what(const char *name)
{
    static const char *const others[] = {
        "db",          "label",     "note",       "out",          "resume",
        "new",         "retry",     "dry-run",    "json",         "progress",
        "quiet",       "color",     "verbose",    "help",         "strict",
        "yes",         "timeout",   "order",      "config",       "section",
        "show-config", "fail-fast", "no-predict", "memory-limit", "device-memory"};
    for (size_t i = 0; i < LA_COUNT(others); i++)
        if (strcmp(others[i], name) == 0) return false;
    return true;
}

/* The flag that a word names, with the start of a value that is in the word; NULL: it is none. */
static const la_flag *flag_of(const char *word, const char **value)
{
    *value = NULL;
    for (size_t i = 0; i < LA_FLAG_COUNT; i++) {
        const la_flag *flag = &la_flags[i];
        size_t n = strlen(flag->name);
        if (!(flag->commands & LA_IN_RUN)) continue;
        if (word[0] == '-' && word[1] != '-' && word[1] && word[1] == flag->letter) {
            if (word[2]) *value = word + 2;
            return flag;
        }
        if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, flag->name, n) != 0) continue;
        if (word[2 + n] == '=') *value = word + 3 + n;
        if (!word[2 + n] || *value) return flag;
    }
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

la_status la_flags_normal(char *const *words, size_t n, la_strings *out, la_err *err)
{
    *out = (la_strings){0};
    for (size_t i = 0; i < n; i++) {
        const char *value;
        const la_flag *flag = flag_of(words[i], &value);
        la_text text = {0};
        /* A word that no flag of this labench is: whoever wrote it meant something else. */
        la_text_add(&text, "%s", flag ? flag->name : words[i]);
        if (flag && flag->arg && !value && i + 1 < n) value = words[++i];
        if (value) la_text_add(&text, "=%s", value);
        la_status st = LA_OK;
        if (text.failed)
            st = LA_FAIL(err, LA_E_NOMEM, "out of memory: a command line");
        else if (!flag || says_what(flag->name))
            st = la_strings_add(out, la_text_str(&text), text.len, err);
        la_text_release(&text);
        LA_TRY(st);
    }
    if (out->n) qsort(out->v, out->n, sizeof *out->v, by_text);
    return LA_OK;
}

la_status la_flags_normal_json(const char *json, la_strings *out, la_err *err)
{
    cJSON *all = cJSON_Parse(json ? json : "");
    const cJSON *item;
    la_strings words = {0};
    la_status st = LA_OK;
    *out = (la_strings){0};
    cJSON_ArrayForEach(item, all)
    {
        const char *word = cJSON_GetStringValue(item);
        bool command = item == all->child && word && strcmp(word, "run") == 0;
        if (st == LA_OK && word && !command) st = la_strings_add(&words, word, strlen(word), err);
    }
    cJSON_Delete(all);
    if (st == LA_OK) st = la_flags_normal(words.v, words.n, out, err);
    la_strings_release(&words);
    return st;
}

bool la_flags_same(const la_strings *a, const la_strings *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0) return false;
    return true;
}
