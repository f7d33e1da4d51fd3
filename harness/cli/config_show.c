/* SPDX-License-Identifier: Apache-2.0
 * --show-config: the values of a run as a file that repeats it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "config.h"
#include "registry.h"
#include "run_args.h"
#include "sizes.h"
#include "text.h"

#define LINE_BYTES 96  /* where a value goes on in the next line */
#define LINE_MAX   190 /* no place to go on before this: the reader takes 198 */

/* ---- values that an INI file can hold ---- */

/* ';' after a space begins a comment, and spaces at the ends are lost. */
static bool can_say(const char *value)
{
    size_t n = strlen(value);
    if (n == 0 || isspace((unsigned char)value[0]) || isspace((unsigned char)value[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c < 0x20 && c != '\t') return false;
        if (c == ';' && (i == 0 || isspace((unsigned char)value[i - 1]))) return false;
    }
    return true;
}

/* Where a line may end: after a comma, which takes the line's end away again, or at a lone space. What follows
 * must not look like a comment. 0: nowhere. */
static size_t line_end(const char *value, bool list, size_t least)
{
    for (size_t i = least; value[i] && i < LINE_MAX - 32; i++) {
        const char *next = list ? value + i : value + i + 1;
        bool end = list ? value[i - 1] == ','
                        : value[i] == ' ' && !isspace((unsigned char)value[i - 1]) &&
                              !isspace((unsigned char)next[0]);
        if (end && next[0] && !strchr(";#", next[0])) return i;
    }
    return 0;
}

/* "name = value  ; origin", going on in indented lines where it is long. */
static la_status print_value(FILE *out, la_flag_id flag, const char *value, const char *origin,
                             la_err *err)
{
    const char *name = la_flags[flag].name;
    char q[64];
    bool list = la_config_takes_list(flag);
    if (!can_say(value))
        return LA_FAIL(err, LA_E_ARG,
                       "--%s '%s' cannot be said in an INI file (spaces at its ends, ';' after a "
                       "space, control characters); leave it out",
                       name, la_quote(value, q));
    bool first = true;
    fprintf(out, "%s = ", name);
    do {
        size_t n = strlen(value);
        if (n > LINE_BYTES) n = line_end(value, list, LINE_BYTES);
        if (n == 0 && strlen(value) > LINE_MAX - 32)
            return LA_FAIL(err, LA_E_ARG,
                           "--%s '%s' is too long for a line of an INI file and has no place where "
                           "it could go on; leave it out",
                           name, la_quote(value, q));
        if (n == 0) n = strlen(value);
        fprintf(out, "%.*s", (int)n, value);
        if (first && n < LINE_BYTES) fprintf(out, "  ; %s", origin);
        fputs("\n", out);
        first = false;
        value += n + (!list && value[n] == ' ');
        if (*value) fputs("    ", out);
    } while (*value);
    return LA_OK;
}

/* ---- where a value came from ---- */

static const char *origin_of(const la_config *c, const la_config_item *item, char out[128])
{
    if (item->level == LA_LEVEL_COMMAND) return "command line";
    if (item->level == LA_LEVEL_ENVIRONMENT) return "$LABENCH_DB";
    int at = item->level - LA_LEVEL_FILES;
    char path[64], name[64];
    snprintf(out, 128, "%s:%d [%s]", la_quote(c->files[at / 2].path, path), item->line,
             at % 2 ? "global" : la_quote(c->section, name));
    return out;
}

/* ---- defaults ---- */

static void join(const char *const *words, size_t n, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < n && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? "," : "", words[i]);
}

/* What the run takes where nothing was said; NULL: there is no such value. */
static const char *default_of(const la_run_args *args, la_flag_id flag, char out[128])
{
    const la_run_settings *set = &args->settings;
    la_device cpu;
    size_t n;
    switch (flag) {
    case LA_FLAG_LENGTHS: /* each step of difficulty has its own */
        return args->spec.difficulty ? NULL : la_flags[flag].def;
    case LA_FLAG_PASS: {
        const char *const *passes = la_plan_passes(&args->spec, &n);
        join(passes, n, out, 128);
        return n ? out : "none";
    }
    case LA_FLAG_ROUNDS:
        snprintf(out, 128, "%d", la_plan_rounds(&args->spec));
        return out;
    case LA_FLAG_TIME:
        snprintf(out, 128, "%g", set->min_time_s);
        return out;
    case LA_FLAG_MAX_TIME:
        snprintf(out, 128, "%g", set->max_time_s);
        return out;
    case LA_FLAG_TARGET:
        snprintf(out, 128, "%g", set->target * 100);
        return out;
    case LA_FLAG_MIN_SAMPLES:
        snprintf(out, 128, "%d", set->min_samples);
        return out;
    case LA_FLAG_JOBS:
        snprintf(out, 128, "%d", set->jobs);
        return out;
    case LA_FLAG_THREADS:
        la_device_cpu(&cpu);
        snprintf(out, 128, "%d", cpu.cores);
        return out;
    case LA_FLAG_DB:
        return la_db_path(NULL);
    case LA_FLAG_CONFIG:
        return NULL;
    default:
        return la_flags[flag].def;
    }
}

static bool is_set(const la_config *c, la_flag_id flag)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].flag == flag && !c->items[i].off) return true;
    return false;
}

/* --dim stands for --dk and --dv, and a file has the one or the others. */
static bool said_otherwise(const la_config *c, la_flag_id flag)
{
    bool apart = is_set(c, LA_FLAG_DK) || is_set(c, LA_FLAG_DV);
    return flag == LA_FLAG_DIM ? apart : (flag == LA_FLAG_DK || flag == LA_FLAG_DV) && !apart;
}

static void print_defaults(const la_config *c, const la_run_args *args, FILE *out)
{
    char text[128];
    for (int i = 0; i < LA_FLAG_COUNT; i++) {
        la_flag_id flag = (la_flag_id)i;
        if (is_set(c, flag) || said_otherwise(c, flag) || !(la_flags[i].commands & LA_IN_RUN))
            continue;
        const char *value = default_of(args, flag, text);
        if (value) fprintf(out, "; %s = %s\n", la_flags[i].name, value);
    }
}

/* ---- the file ---- */

/* Said on the command line and of no meaning in a file. */
static bool once(la_flag_id flag)
{
    return flag == LA_FLAG_CONFIG || flag == LA_FLAG_SECTION || flag == LA_FLAG_SHOW_CONFIG ||
           flag == LA_FLAG_DRY_RUN;
}

static la_status print_item(const la_config *c, const la_config_item *item, FILE *out, la_err *err)
{
    char origin[128];
    if (item->off || once(item->flag)) return LA_OK;
    return print_value(out, item->flag, item->value ? item->value : "yes",
                       origin_of(c, item, origin), err);
}

static la_status print_file(const la_config *c, const la_run_args *args, FILE *out, la_err *err)
{
    fprintf(out,
            "# labench %s: 'labench run --config FILE' with this in FILE repeats the run.\n"
            "[global]\n",
            la_version);
    /* In the order the run reads them, files first: it decides the order of cells. */
    for (int files = 1; files >= 0; files--)
        for (size_t i = 0; i < c->n; i++)
            if ((c->items[i].level >= LA_LEVEL_FILES) == files)
                LA_TRY(print_item(c, &c->items[i], out, err));
    fputs("\n# What is left at its default:\n", out);
    print_defaults(c, args, out);
    return LA_OK;
}

la_status la_config_show(const la_config *config, FILE *out, la_err *err)
{
    la_run_args args;
    bool help;
    char *text = NULL;
    size_t n = 0;
    la_status st = la_run_args_parse(config->argc, config->argv, config->first, &args, &help, err);
    FILE *memory = st == LA_OK ? open_memstream(&text, &n) : NULL;
    if (st == LA_OK)
        st = memory ? print_file(config, &args, memory, err)
                    : LA_FAIL(err, LA_E_NOMEM, "out of memory: the configuration as a file");
    if (memory) fclose(memory);
    if (st == LA_OK) fwrite(text, 1, n, out);
    free(text);
    la_run_args_release(&args);
    return st;
}
