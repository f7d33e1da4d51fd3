/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "log.h"
#include "run_args.h"
#include "sizes.h"
#include "text.h"

#define BESIDE "./labench.ini"

/* Commands that read files, and the flags of files that count for others than run. */
#define READERS ((unsigned)LA_IN_CONFIG)
static const la_flag_id everywhere[] = {LA_FLAG_DB, LA_FLAG_PLUGIN, LA_FLAG_COLOR, LA_FLAG_QUIET,
                                        LA_FLAG_VERBOSE};
/* What says how to read files, or what to do this once, stands on the command line. */
static const la_flag_id never[] = {LA_FLAG_CONFIG, LA_FLAG_SECTION, LA_FLAG_SHOW_CONFIG,
                                   LA_FLAG_HELP, LA_FLAG_DRY_RUN};

static bool is_in(la_flag_id flag, const la_flag_id *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == flag) return true;
    return false;
}

/* ---- which item comes before which ---- */

/* Both say the same thing, or exclude each other: the one that counts more is alone. */
static bool clash(const la_config_item *a, const la_config_item *b)
{
    char of_a[96], of_b[96];
    if (la_run_setting_name(a->flag, a->value, of_a) &&
        la_run_setting_name(b->flag, b->value, of_b))
        return strcmp(of_a, of_b) == 0;
    if (a->flag == LA_FLAG_PLUGIN && b->flag == LA_FLAG_PLUGIN)
        return strcmp(a->value, b->value) == 0;
    if (a->flag == b->flag) return true;
    return !a->off && !b->off && la_flags_exclusive(a->flag, b->flag);
}

static la_status add_item(la_config *c, const la_config_item *like, const char *value, la_err *err)
{
    LA_TRY(la_grow((void **)&c->items, &c->cap, c->n + 1, sizeof *c->items, err));
    const char *name = la_flags[like->flag].name;
    size_t size = strlen(name) + (value ? strlen(value) : 0) + 4;
    char *word = la_alloc(size, err);
    if (!word) return LA_E_NOMEM;
    snprintf(word, size, "--%s%s%s", name, value ? "=" : "", value ? value : "");
    la_config_item *item = &c->items[c->n++];
    *item = *like;
    item->word = word;
    item->value = value ? strchr(word, '=') + 1 : NULL;
    return LA_OK;
}

/* Adds an item unless one of those that count more says otherwise. Of the same level it is a slip. */
static la_status take_item(la_config *c, const la_ini *ini, const la_config_item *like,
                           const char *value, la_err *err)
{
    la_config_item asked = *like;
    asked.value = value;
    for (size_t i = 0; i < c->n; i++) {
        const la_config_item *other = &c->items[i];
        if (!clash(other, &asked)) continue;
        if (other->level < asked.level) return LA_OK;
        if (other->flag == asked.flag)
            return la_ini_complain(ini, asked.line, err, "%s is there already in line %d",
                                   la_flags[asked.flag].name, other->line);
        return la_ini_complain(ini, asked.line, err, "%s excludes the %s of line %d",
                               la_flags[asked.flag].name, la_flags[other->flag].name, other->line);
    }
    return add_item(c, like, value, err);
}

/* ---- entries of files ---- */

static la_status unknown_key(const la_ini *ini, const la_ini_entry *e, la_err *err)
{
    char q[64];
    const char *best = NULL;
    int least = 3;
    for (int i = 0; i < LA_FLAG_COUNT; i++) {
        int d = la_edit_distance(e->key, la_flags[i].name);
        if ((la_flags[i].commands & LA_IN_RUN) && d < least) least = d, best = la_flags[i].name;
    }
    la_quote(e->key, q);
    if (best)
        return la_ini_complain(ini, e->line, err,
                               "no key '%s'. Nearest: %s. Keys are the flags of 'labench run'", q,
                               best);
    return la_ini_complain(ini, e->line, err,
                           "no key '%s'. Keys are the flags of 'labench run', without dashes", q);
}

static la_status key_of(const la_config *c, const la_ini *ini, const la_ini_entry *e,
                        la_flag_id *out, la_err *err)
{
    int i = 0;
    while (i < LA_FLAG_COUNT && strcmp(la_flags[i].name, e->key) != 0) i++;
    if (i == LA_FLAG_COUNT) return unknown_key(ini, e, err);
    *out = (la_flag_id)i;
    if (*out == LA_FLAG_CONFIG)
        return la_ini_complain(ini, e->line, err, "a file names no other file");
    if (is_in(*out, never, LA_COUNT(never)))
        return la_ini_complain(ini, e->line, err, "%s belongs on the command line", e->key);
    if (!(la_flags[i].commands & LA_IN_RUN))
        return la_ini_complain(ini, e->line, err,
                               "%s is no flag of 'labench run', and so no key of a file", e->key);
    /* Who enters a folder and types labench does not mean to run what lies there. */
    if (c->implicit && strcmp(ini->path, BESIDE) == 0 &&
        (*out == LA_FLAG_PLUGIN || (*out == LA_FLAG_PEERS && strchr(e->value, '/'))))
        return la_ini_complain(ini, e->line, err,
                               "a file that was only found starts no code; name it with --config "
                               "%s, or give --%s on the command line",
                               ini->path, e->key);
    return LA_OK;
}

static la_status read_switch(const la_ini *ini, const la_ini_entry *e, bool *on, la_err *err)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    char q[64];
    for (size_t i = 0; i < LA_COUNT(yes); i++) {
        *on = strcmp(e->value, yes[i]) == 0;
        if (*on || strcmp(e->value, no[i]) == 0) return LA_OK;
    }
    return la_ini_complain(ini, e->line, err, "%s is yes or no, not '%s'", e->key,
                           la_quote(e->value, q));
}

/* Lists may go on in the next line and have spaces after commas; as a flag they have none. */
static void close_list(char *value)
{
    char *to = value;
    for (const char *s = value; *s; s++) {
        if (to > value && to[-1] == ',' && isspace((unsigned char)*s)) continue;
        *to++ = *s;
    }
    *to = '\0';
}

bool la_config_takes_list(la_flag_id flag)
{
    const char *arg = la_flags[flag].arg;
    static const char *const lists[] = {"LIST", "SIZES", "OWNER.KEY=V,V", "PATTERN"};
    for (size_t i = 0; i < LA_COUNT(lists); i++)
        if (arg && strcmp(arg, lists[i]) == 0) return true;
    return false;
}

/* Checks one entry and adds it where its section and flag count for the command. */
static la_status take_entry(la_config *c, la_command command, const la_ini *ini,
                            const la_ini_entry *e, int level, la_err *err)
{
    la_err inner = {0};
    la_config_item item = {.level = level, .line = e->line};
    LA_TRY(key_of(c, ini, e, &item.flag, err));
    const la_flag *flag = &la_flags[item.flag];
    char *value = NULL;
    if (!flag->arg) {
        bool on;
        LA_TRY(read_switch(ini, e, &on, err));
        item.off = !on;
    } else {
        if (!*e->value)
            return la_ini_complain(ini, e->line, err, "%s has no value: %s = %s", e->key, e->key,
                                   flag->arg);
        value = la_strdup(e->value, err);
        if (!value) return LA_E_NOMEM;
        if (la_config_takes_list(item.flag)) close_list(value);
    }
    la_status st = la_run_flag_check(item.flag, value, &inner);
    if (st != LA_OK) st = la_ini_complain(ini, e->line, err, "%s", inner.msg);
    bool counts = level >= 0 && la_flag_belongs(item.flag, command) &&
                  (command == LA_CMD_RUN || is_in(item.flag, everywhere, LA_COUNT(everywhere)));
    if (st == LA_OK && counts) st = take_item(c, ini, &item, value, err);
    la_free(value);
    return st;
}

/* Those of one section at a level; -1 only checks them. */
static la_status take_section(la_config *c, la_command command, const la_ini *ini,
                              const la_ini_section *section, int level, la_err *err)
{
    for (size_t i = 0; i < section->n; i++)
        LA_TRY(take_entry(c, command, ini, &ini->entries[section->first + i], level, err));
    return LA_OK;
}

static la_status take_file(la_config *c, la_command command, size_t at, la_err *err)
{
    const la_ini *ini = &c->files[at];
    for (int named = 1; named >= 0; named--)
        for (size_t i = 0; i < ini->n_sections; i++) {
            const la_ini_section *section = &ini->sections[i];
            bool global = strcmp(section->name, "global") == 0;
            if (!*section->name)
                return la_ini_complain(ini, ini->entries[0].line, err,
                                       "this stands before any section; put [global] above it");
            if (named == global) continue;
            bool asked = global || (c->section && strcmp(section->name, c->section) == 0);
            int level = LA_LEVEL_FILES + 2 * (int)at + (global ? 1 : 0);
            LA_TRY(take_section(c, command, ini, section, asked ? level : -1, err));
        }
    return LA_OK;
}

static la_status check_section(const la_config *c, la_err *err)
{
    char q[64];
    const char *best = NULL;
    int least = 4;
    if (!c->section || strcmp(c->section, "global") == 0) return LA_OK;
    for (size_t f = 0; f < c->n_files; f++)
        for (size_t i = 0; i < c->files[f].n_sections; i++) {
            int d = la_edit_distance(c->section, c->files[f].sections[i].name);
            if (d == 0) return LA_OK;
            if (d < least) least = d, best = c->files[f].sections[i].name;
        }
    la_quote(c->section, q);
    if (c->n_files == 0)
        return LA_FAIL(err, LA_E_ARG,
                       "--section '%s': there is no configuration file; name one with --config", q);
    return LA_FAIL(err, LA_E_ARG, "%s has no section [%s]%s%s%s", c->files[0].path, q,
                   best ? ". Nearest: [" : "", best ? best : "", best ? "]" : "");
}

/* ---- which files ---- */

/* A file that need not be there. */
static la_status open_found(la_config *c, const char *path, la_err *err)
{
    la_ini *ini = &c->files[c->n_files];
    la_status st = la_ini_read(path, ini, err);
    if (st == LA_E_NOTFOUND) {
        la_ini_release(ini);
        return LA_OK;
    }
    c->n_files++;
    return st;
}

static la_status open_files(la_config *c, const char *named, la_err *err)
{
    const char *env = getenv("LABENCH_CONFIG");
    if (!named && env && *env) named = env;
    if (named && strcmp(named, "none") == 0) return LA_OK;
    if (named) {
        c->n_files = 1;
        la_status st = la_ini_read(named, &c->files[0], err);
        if (st == LA_E_NOTFOUND)
            return LA_FAIL(err, st,
                           "no file %s; --config and LABENCH_CONFIG name an INI file, or "
                           "none",
                           named);
        return st;
    }
    c->implicit = true;
    LA_TRY(open_found(c, BESIDE, err));
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    bool own =
        base && *base == '/'; /* others are to be ignored, says the XDG base directory page */
    if (!own && !(home && *home == '/')) return LA_OK;
    la_text path = {0};
    la_text_add(&path, "%s%s/labench/labench.ini", own ? base : home, own ? "" : "/.config");
    la_status st = path.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory: the path of labench.ini")
                               : open_found(c, la_text_str(&path), err);
    la_text_release(&path);
    return st;
}

/* ---- the command line ---- */

typedef struct typed { /* what the command line says */
    la_config *config;
    const char *file;
} typed;

static la_status note_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    typed *t = context;
    if (flag == LA_FLAG_CONFIG) t->file = value;
    if (flag == LA_FLAG_SECTION) t->config->section = value;
    if (flag == LA_FLAG_SHOW_CONFIG) t->config->show = true;
    la_config_item item = {.flag = flag, .level = LA_LEVEL_COMMAND};
    return add_item(t->config, &item, value, err);
}

static la_status note_word(void *context, const char *word, la_err *err)
{
    (void)context;
    (void)word;
    (void)err;
    return LA_OK;
}

/* A database of the environment hides that of files; the command looks it up itself. */
static la_status note_environment(la_config *c, la_err *err)
{
    const char *db = getenv("LABENCH_DB");
    la_config_item item = {.flag = LA_FLAG_DB, .level = LA_LEVEL_ENVIRONMENT};
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].flag == LA_FLAG_DB) return LA_OK;
    return db && *db ? add_item(c, &item, db, err) : LA_OK;
}

/* How many words from `word` on say which files to read: they are done with. */
static int words_of_files(const char *word)
{
    static const la_flag_id flags[] = {LA_FLAG_CONFIG, LA_FLAG_SECTION, LA_FLAG_SHOW_CONFIG};
    for (size_t i = 0; i < LA_COUNT(flags); i++) {
        const la_flag *flag = &la_flags[flags[i]];
        size_t n = strlen(flag->name);
        if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, flag->name, n) != 0) continue;
        if (word[2 + n] == '=') return 1;
        if (!word[2 + n]) return flag->arg ? 2 : 1;
    }
    return 0;
}

static la_status make_argv(la_config *c, int argc, char **argv, int first, la_err *err)
{
    char **words = la_alloc(((size_t)argc + c->n + 1) * sizeof *words, err);
    if (!words) return LA_E_NOMEM;
    int n = 0;
    for (int i = 0; i < first; i++) words[n++] = argv[i];
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].level >= LA_LEVEL_FILES && !c->items[i].off) words[n++] = c->items[i].word;
    bool flags = true; /* until "--" */
    for (int i = first; i < argc; i++) {
        flags = flags && strcmp(argv[i], "--") != 0;
        int skip = flags && c->read ? words_of_files(argv[i]) : 0;
        if (skip)
            i += skip - 1;
        else
            words[n++] = argv[i];
    }
    words[n] = NULL;
    c->argv = words;
    c->argc = n;
    c->first = first;
    return LA_OK;
}

la_status la_config_read(la_command command, int argc, char **argv, int first, la_config *out,
                         la_err *err)
{
    *out = (la_config){0};
    typed t = {.config = out};
    bool help = true;
    /* A wrong command line has its own sentence, which the command says. */
    la_err ignored;
    if (!(READERS >> command & 1u) ||
        la_flags_parse(command, argc, argv, first, note_flag, note_word, &t, &help, &ignored) !=
            LA_OK ||
        help) {
        return make_argv(out, argc, argv, first, err);
    }
    out->read = true;
    LA_TRY(note_environment(out, err));
    LA_TRY(open_files(out, t.file, err));
    for (size_t i = 0; i < out->n_files; i++) LA_TRY(take_file(out, command, i, err));
    LA_TRY(check_section(out, err));
    return make_argv(out, argc, argv, first, err);
}

void la_config_tell(la_command command, const la_config *config)
{
    size_t n = 0;
    bool quiet = false;
    for (size_t i = 0; i < config->n; i++) {
        n += config->items[i].level >= LA_LEVEL_FILES && !config->items[i].off;
        quiet |= config->items[i].flag == LA_FLAG_QUIET && !config->items[i].off;
    }
    if (command != LA_CMD_RUN || !config->implicit || n == 0 || quiet) return;
    la_log(LA_LOG_INFO,
           "%zu value%s from %s%s%s; --show-config says which, --config none leaves "
           "them out",
           n, n == 1 ? "" : "s", config->files[0].path, config->n_files > 1 ? " and " : "",
           config->n_files > 1 ? config->files[1].path : "");
}

void la_config_release(la_config *config)
{
    for (size_t i = 0; i < config->n; i++) la_free(config->items[i].word);
    la_free(config->items);
    la_free(config->argv);
    for (size_t i = 0; i < LA_COUNT(config->files); i++) la_ini_release(&config->files[i]);
    *config = (la_config){0};
}
