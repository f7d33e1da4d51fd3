/* SPDX-License-Identifier: Apache-2.0
 * The words of a table's file: lists, numbers, selectors, and the refusals of what is none.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "paper_file.h"
#include "text.h"

static const char *const scale_names[] = {"cpu", "full"};

const char *la_scale_name(la_paper_scale scale)
{
    return scale_names[scale];
}

la_status la_scale_parse(const char *word, la_paper_scale *out, la_err *err)
{
    for (int i = 0; i < LA_SCALE_COUNT; i++)
        if (strcmp(scale_names[i], word) == 0) {
            *out = (la_paper_scale)i;
            return LA_OK;
        }
    return LA_FAIL(err, LA_E_ARG, "'%.40s' is no scale: cpu or full", word);
}

la_status la_file_complain(la_paper_file *f, const la_ini_entry *e, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return la_ini_complain(&f->ini, e->line, f->err, "%s", text);
}

const char *la_file_nearest(const char *word, const char *const *known, size_t n, char buf[80])
{
    int best = 3;
    buf[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        int distance = la_edit_distance(word, known[i]);
        if (distance >= best) continue;
        best = distance;
        snprintf(buf, 80, "Nearest: %.60s. ", known[i]);
    }
    return buf;
}

/* ---- one section ---- */

const char *la_file_name(const la_ini_section *section, const char *kind)
{
    size_t n = strlen(kind);
    if (strncmp(section->name, kind, n) != 0) return NULL;
    const char *name = section->name + n;
    if (!*name) return name;
    size_t blanks = strspn(name, " \t");
    return blanks ? name + blanks : NULL;
}

/* KEY.cpu without its end, and which scale that is. */
static int split_scale(const char *key, char *buf, size_t cap)
{
    const char *dot = strrchr(key, '.');
    snprintf(buf, cap, "%s", key);
    for (int i = 0; dot && dot > key && i < LA_SCALE_COUNT; i++)
        if (strcmp(dot + 1, scale_names[i]) == 0) {
            snprintf(buf, cap, "%.*s", (int)(dot - key), key);
            return i;
        }
    return LA_BOTH_SCALES;
}

static const la_paper_key *find_key(const la_paper_key *keys, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(keys[i].name);
        bool begins = keys[i].name[len - 1] == '.' && strlen(name) > len;
        if (begins ? strncmp(name, keys[i].name, len) == 0 : strcmp(name, keys[i].name) == 0)
            return &keys[i];
    }
    return NULL;
}

static la_status unknown_key(la_paper_file *f, const la_ini_entry *e, const char *base,
                             const la_paper_key *keys, size_t n)
{
    const char *names[32];
    char near[80];
    for (size_t i = 0; i < n; i++) names[i] = keys[i].name;
    la_file_nearest(base, names, n, near);
    return la_file_complain(f, e, "[%.60s] has no key '%.60s'. %sdocs/reproduce.md has all",
                            e->section, e->key, near);
}

static la_status take_entry(la_paper_file *f, const la_ini_entry *e, const la_paper_key *keys,
                            size_t n, bool scaled, void *into)
{
    char base[256];
    int scale = split_scale(e->key, base, sizeof base);
    const la_paper_key *key = find_key(keys, n, base);
    if (!key) return unknown_key(f, e, base, keys, n);
    if (scale != LA_BOTH_SCALES && !key->by_scale)
        return la_file_complain(f, e, "'%.60s' cannot differ by scale: write it without .%s", base,
                                scale_names[scale]);
    if (scale != LA_BOTH_SCALES && !f->paper->scales[scale])
        return la_file_complain(f, e, "there is no [scale %s]", scale_names[scale]);
    if (scaled != (scale != LA_BOTH_SCALES)) return LA_OK;
    if (key->take) return key->take(f, e, scale, into);
    return la_file_string(f, e, (char **)((char *)into + key->offset));
}

la_status la_file_take(la_paper_file *f, const la_ini_section *section, const la_paper_key *keys,
                       size_t n_keys, void *into)
{
    const la_ini_entry *first = f->ini.entries + section->first;
    for (size_t i = 0; i < section->n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(first[i].key, first[j].key) == 0)
                return la_file_complain(f, &first[i], "'%.60s' is there already in line %d",
                                        first[i].key, first[j].line);
    for (int scaled = 0; scaled < 2; scaled++)
        for (size_t i = 0; i < section->n; i++)
            LA_TRY(take_entry(f, &first[i], keys, n_keys, scaled, into));
    for (size_t k = 0; k < n_keys; k++) {
        bool there = !keys[k].must;
        for (size_t i = 0; i < section->n && !there; i++)
            there = strcmp(first[i].key, keys[k].name) == 0;
        if (!there)
            return la_ini_complain(&f->ini, section->line, f->err, "[%.60s] needs '%s = ...'",
                                   section->name, keys[k].name);
    }
    return LA_OK;
}

/* ---- values ---- */

la_status la_file_string(la_paper_file *f, const la_ini_entry *e, char **out)
{
    if (!*e->value) return la_file_complain(f, e, "'%.60s' is empty", e->key);
    la_free(*out);
    *out = la_strdup(e->value, f->err);
    return *out ? LA_OK : LA_E_NOMEM;
}

la_status la_file_list(la_paper_file *f, const la_ini_entry *e, la_strings *out)
{
    la_strings_release(out);
    for (const char *at = e->value;; at++) {
        at += strspn(at, " \t");
        size_t n = strcspn(at, ","), end = n;
        while (end > 0 && (at[end - 1] == ' ' || at[end - 1] == '\t')) end--;
        if (end == 0)
            return la_file_complain(f, e, "'%.60s' has nothing %s", e->key,
                                    out->n ? "between or behind two commas" : "to begin with");
        LA_TRY(la_strings_add(out, at, end, f->err));
        at += n;
        if (!*at) return LA_OK;
    }
}

bool la_paper_number(const char *text, bool counts, double *out)
{
    /* strtod takes more than numbers in decimal: blanks before, inf, nan, 0x1p3. */
    if (!strchr("0123456789+-.", *text) || strpbrk(text, "xXnNiI")) return false;
    char *end;
    double value = strtod(text, &end);
    if (end == text || !isfinite(value)) return false;
    if (counts && *end && !end[1]) {
        static const char units[] = "kmg";
        const char *unit = strchr(units, *end | 0x20);
        if (!unit) return false;
        value = ldexp(value, 10 * (int)(unit - units + 1));
        end++;
    }
    if (*end) return false;
    *out = value;
    return true;
}

la_status la_file_number(la_paper_file *f, const la_ini_entry *e, bool counts, double *out)
{
    if (la_paper_number(e->value, counts, out)) return LA_OK;
    return la_file_complain(f, e, "'%.60s' is '%.60s', which is no number", e->key, e->value);
}

la_status la_file_tolerance(la_paper_file *f, const la_ini_entry *e, la_tolerance *out)
{
    char text[64];
    size_t n = strlen(e->value);
    bool relative = n > 1 && e->value[n - 1] == '%';
    snprintf(text, sizeof text, "%s", e->value);
    if (relative && n < sizeof text) {
        text[n - 1] = '\0';
        while (n > 1 && text[n - 2] == ' ') text[--n - 1] = '\0';
    }
    double value = 0;
    if (!la_paper_number(text, false, &value) || value < 0)
        return la_file_complain(f, e, "'%.60s' is '%.60s': write a number like 0.05, or 5 %%",
                                e->key, e->value);
    *out = (la_tolerance){
        .value = relative ? value / 100 : value, .relative = relative, .given = true};
    return LA_OK;
}

la_status la_file_yes(la_paper_file *f, const la_ini_entry *e, bool *out)
{
    *out = strcmp(e->value, "yes") == 0;
    if (*out || strcmp(e->value, "no") == 0) return LA_OK;
    return la_file_complain(f, e, "'%.60s' is '%.60s': write yes or no", e->key, e->value);
}

la_status la_file_scales(la_paper_file *f, const la_ini_entry *e, bool out[LA_SCALE_COUNT])
{
    la_strings words = {0};
    la_status st = la_file_list(f, e, &words);
    for (int i = 0; i < LA_SCALE_COUNT; i++) out[i] = false;
    for (size_t i = 0; i < words.n && st == LA_OK; i++) {
        la_paper_scale scale = LA_SCALE_CPU;
        if (la_scale_parse(words.v[i], &scale, NULL) != LA_OK)
            st = la_file_complain(f, e, "'%.40s' is no scale: cpu or full", words.v[i]);
        else if (!f->paper->scales[scale])
            st = la_file_complain(f, e, "there is no [scale %s]", words.v[i]);
        else
            out[scale] = true;
    }
    la_strings_release(&words);
    return st;
}

la_status la_file_status(la_paper_file *f, const la_ini_entry *e, char *out)
{
    if (strcmp(e->value, "none") == 0) {
        *out = '-';
        return LA_OK;
    }
    if (strlen(e->value) == 1 && strchr("ABVDSM", *e->value)) {
        *out = *e->value;
        return LA_OK;
    }
    return la_file_complain(f, e, "status '%.40s' is none of A, B, V, D, S, M and none", e->value);
}

/* ---- selectors ---- */

static const char *const selector_keys[] = {"task",     "pass",    "length", "batch",  "heads",
                                            "kv_heads", "dim",     "dk",     "dv",     "dtype",
                                            "mask",     "variant", "impl",   "threads"};

void la_selectors_release(la_selectors *selectors)
{
    for (size_t i = 0; i < selectors->n; i++) {
        la_free(selectors->v[i].key);
        la_free(selectors->v[i].value);
    }
    la_free(selectors->v);
    *selectors = (la_selectors){0};
}

static la_status check_selector(la_paper_file *f, const la_ini_entry *e, const la_selectors *before,
                                const char *key, const char *value)
{
    char near[80];
    const char *dot = strchr(key, '.');
    bool known = dot && dot > key && dot[1];
    for (size_t i = 0; i < LA_COUNT(selector_keys) && !known; i++)
        known = strcmp(key, selector_keys[i]) == 0;
    if (!known) {
        la_file_nearest(key, selector_keys, LA_COUNT(selector_keys), near);
        return la_file_complain(f, e,
                                "no cells are selected by '%.40s'. %sAn option of a variant, a "
                                "task, model or train is OWNER.KEY",
                                key, near);
    }
    for (size_t i = 0; i < before->n; i++)
        if (strcmp(before->v[i].key, key) == 0)
            return la_file_complain(f, e, "'%.40s' is selected twice", key);
    size_t n = strlen(value);
    if (n == 0 || value[0] == '|' || value[n - 1] == '|' || strstr(value, "||"))
        return la_file_complain(f, e, "an alternative of '%.40s=%.40s' is empty", key, value);
    int open = 0;
    for (const char *at = value; *at && open >= 0 && open <= 1; at++)
        open += *at == '{' ? 1 : *at == '}' ? -1 : 0;
    if (open != 0 || strstr(value, "{}"))
        return la_file_complain(f, e, "'%.40s=%.40s' has a brace too many, or an empty hole", key,
                                value);
    return LA_OK;
}

static la_status add_selector(la_paper_file *f, const la_ini_entry *e, const char *word,
                              la_selectors *out)
{
    const char *equals = strchr(word, '=');
    if (!equals || equals == word)
        return la_file_complain(f, e, "'%.60s' is no selector: write key=value", word);
    char key[128];
    size_t n = (size_t)(equals - word);
    while (n > 0 && word[n - 1] == ' ') n--;
    snprintf(key, sizeof key, "%.*s", (int)n, word);
    const char *value = equals + 1 + strspn(equals + 1, " ");
    LA_TRY(check_selector(f, e, out, key, value));
    LA_TRY(la_grow((void **)&out->v, &out->cap, out->n + 1, sizeof *out->v, f->err));
    out->v[out->n++] =
        (la_selector){.key = la_strdup(key, f->err), .value = la_strdup(value, f->err)};
    return out->v[out->n - 1].key && out->v[out->n - 1].value ? LA_OK : LA_E_NOMEM;
}

la_status la_file_selectors(la_paper_file *f, const la_ini_entry *e, la_selectors *out)
{
    la_strings words = {0};
    la_selectors_release(out);
    if (!*e->value) return LA_OK; /* whatever the panel selects */
    la_status st = la_file_list(f, e, &words);
    for (size_t i = 0; i < words.n && st == LA_OK; i++) st = add_selector(f, e, words.v[i], out);
    la_strings_release(&words);
    return st;
}

/* ---- names ---- */

la_status la_file_panel(la_paper_file *f, const la_ini_entry *e, const char *name, size_t *out)
{
    const la_paper *p = f->paper;
    for (*out = 0; *out < p->n_panels; (*out)++)
        if (strcmp(p->panels[*out].name, name) == 0) return LA_OK;
    return la_file_complain(f, e, "there is no [panel %.60s]", name);
}

la_status la_file_row(la_paper_file *f, const la_ini_entry *e, const char *key, size_t *out)
{
    const la_paper *p = f->paper;
    for (*out = 0; *out < p->n_rows; (*out)++)
        if (strcmp(p->rows[*out].key, key) == 0) return LA_OK;
    return la_file_complain(f, e, "there is no [row %.60s]", key);
}
