/* SPDX-License-Identifier: Apache-2.0 */
#include "options_table.h"

#include <getopt.h>
#include <string.h>

#include "registry.h"
#include "sizes.h"
#include "text.h"

const la_command_row la_commands[LA_CMD_COUNT] = {
#define ROW(id, name, words, summary) {name, words, summary},
    LA_COMMAND_LIST(ROW)
#undef ROW
};

const la_flag la_flags[LA_FLAG_COUNT] = {
#define ROW(id, name, letter, arg, def, commands, help) {name, letter, arg, def, commands, help},
    LA_FLAG_LIST(ROW)
#undef ROW
};

/* Flags of which a command line has at most one. */
static const la_flag_id exclusive[][2] = {
    {LA_FLAG_RESUME, LA_FLAG_NEW},
    {LA_FLAG_RETRY, LA_FLAG_NEW},
    {LA_FLAG_MEASURE, LA_FLAG_DRY_RUN},
    {LA_FLAG_QUIET, LA_FLAG_VERBOSE},
    {LA_FLAG_QUICK, LA_FLAG_ROUNDS},
    {LA_FLAG_QUICK, LA_FLAG_CAREFUL},
    {LA_FLAG_QUICK, LA_FLAG_TIME},
    {LA_FLAG_QUICK, LA_FLAG_MAX_TIME},
    {LA_FLAG_QUICK, LA_FLAG_MIN_SAMPLES},
    {LA_FLAG_DIM, LA_FLAG_DK},
    {LA_FLAG_DIM, LA_FLAG_DV},
    {LA_FLAG_TRAIN_LENGTHS, LA_FLAG_TRAIN_AT_LENGTH},
    {LA_FLAG_DIFFICULTY, LA_FLAG_LENGTHS},
    {LA_FLAG_DIFFICULTY, LA_FLAG_TRAIN_LENGTHS},
    {LA_FLAG_DIFFICULTY, LA_FLAG_TRAIN_AT_LENGTH},
};

la_command la_command_find(const char *name)
{
    int i = 0;
    if (strcmp(name, "table") == 0) return LA_CMD_REPRODUCE;
    while (i < LA_CMD_COUNT && strcmp(la_commands[i].name, name) != 0) i++;
    return (la_command)i;
}

const char *la_command_nearest(const char *name)
{
    const char *best = NULL;
    int least = 3;
    for (int i = 0; i < LA_CMD_COUNT; i++) {
        int d = la_edit_distance(name, la_commands[i].name);
        if (*la_commands[i].summary && d < least) least = d, best = la_commands[i].name;
    }
    return best;
}

bool la_flags_exclusive(la_flag_id a, la_flag_id b)
{
    for (size_t i = 0; i < LA_COUNT(exclusive); i++)
        if ((exclusive[i][0] == a && exclusive[i][1] == b) ||
            (exclusive[i][0] == b && exclusive[i][1] == a))
            return true;
    return false;
}

bool la_flag_belongs(la_flag_id flag, la_command command)
{
    return (la_flags[flag].commands >> command & 1u) != 0;
}

static int flag_find(const char *name, size_t len)
{
    for (int i = 0; i < LA_FLAG_COUNT; i++)
        if (strncmp(la_flags[i].name, name, len) == 0 && !la_flags[i].name[len]) return i;
    return -1;
}

static la_status unknown_flag(la_command command, const char *word, la_err *err)
{
    char q[64], name[64];
    const char *of = la_commands[command].name;
    size_t len = strcspn(word + 2, "=");
    snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), word + 2);
    const char *best = NULL, *longer = NULL;
    int least = 3;
    for (int i = 0; i < LA_FLAG_COUNT; i++) {
        if (!la_flag_belongs((la_flag_id)i, command)) continue;
        int d = la_edit_distance(name, la_flags[i].name);
        if (d < least && d < (int)len) least = d, best = la_flags[i].name;
        if (!longer && len > 2 && strncmp(la_flags[i].name, name, len) == 0)
            longer = la_flags[i].name;
    }
    /* --length is sample's, but in run somebody may have meant --lengths. */
    int known = flag_find(word + 2, len);
    if (known >= 0) {
        for (int c = 0; c < LA_CMD_COUNT; c++)
            if (la_flag_belongs((la_flag_id)known, (la_command)c))
                return LA_FAIL(err, LA_E_ARG,
                               "--%s belongs to 'labench %s', not to 'labench %s'%s%s", name,
                               la_commands[c].name, of, least == 1 ? ". Nearest: --" : "",
                               least == 1 ? best : "");
    }
    la_quote(name, q);
    if (longer && least > 1) best = longer;
    if (best)
        return LA_FAIL(err, LA_E_ARG,
                       "no flag '--%s'. Nearest: --%s. 'labench %s --help' shows all.", q, best,
                       of);
    return LA_FAIL(err, LA_E_ARG, "no flag '--%s'. 'labench %s --help' shows all.", q, of);
}

/* Variants and tasks are values of flags, except where a command says otherwise. */
static la_status unwanted_word(la_command command, const char *word, la_err *err)
{
    static const la_flag_id takes_variants[] = {LA_FLAG_VARIANT, LA_FLAG_VARIANTS};
    const char *flag = NULL, *of = la_commands[command].name;
    char q[64];
    for (size_t i = 0; i < LA_COUNT(takes_variants) && la_registry_find(word); i++)
        if (la_flag_belongs(takes_variants[i], command)) flag = la_flags[takes_variants[i]].name;
    if (la_tasks_find(word) && la_flag_belongs(LA_FLAG_TASKS, command))
        flag = la_flags[LA_FLAG_TASKS].name;
    la_quote(word, q);
    if (flag)
        return LA_FAIL(err, LA_E_ARG, "'labench %s' takes no word '%s'. Write --%s %s", of, q, flag,
                       q);
    if (la_command_find(word) != LA_CMD_COUNT)
        return LA_FAIL(err, LA_E_ARG,
                       "'labench %s' takes no word '%s'. A command comes first: labench %s", of, q,
                       q);
    return LA_FAIL(err, LA_E_ARG, "'labench %s' takes no word '%s'", of, q);
}

typedef struct parser {
    la_command command;
    bool seen[LA_FLAG_COUNT];
    la_flag_taker flag;
    void *context;
} parser;

static la_status take(parser *p, la_flag_id id, const char *value, la_err *err)
{
    const char *name = la_flags[id].name;
    if (p->seen[id] && id != LA_FLAG_SET && id != LA_FLAG_PLUGIN && id != LA_FLAG_WITH)
        return LA_FAIL(err, LA_E_ARG, "--%s is given twice", name);
    p->seen[id] = true;
    for (size_t i = 0; i < LA_COUNT(exclusive); i++)
        if (p->seen[exclusive[i][0]] && p->seen[exclusive[i][1]])
            return LA_FAIL(err, LA_E_ARG, "--%s and --%s exclude each other",
                           la_flags[exclusive[i][0]].name, la_flags[exclusive[i][1]].name);
    if (value && strncmp(value, "--", 2) == 0)
        return LA_FAIL(err, LA_E_ARG, "--%s needs a value: --%s %s", name, name,
                       la_flag_of(p->command, id).arg);
    return p->flag(p->context, id, value, err);
}

/* -variants would be read as the letters v, a, r ... */
static la_status one_dash(la_command command, const char *word, la_err *err)
{
    size_t len = strcspn(word + 1, "=");
    if (word[0] != '-' || word[1] == '-' || len < 2) return LA_OK;
    int id = flag_find(word + 1, len);
    if (id < 0 || !la_flag_belongs((la_flag_id)id, command)) return LA_OK;
    return LA_FAIL(err, LA_E_ARG, "no flag '-%s'; with two dashes: --%s", la_flags[id].name,
                   la_flags[id].name);
}

/* The arrays getopt_long wants, of this command's flags. */
static void getopt_tables(la_command command, struct option *longs, char *shorts)
{
    size_t n = 0;
    /* '-': words come in their order as code 1; ':': a missing value is told from an unknown flag. */
    *shorts++ = '-';
    *shorts++ = ':';
    for (int i = 0; i < LA_FLAG_COUNT; i++) {
        if (!la_flag_belongs((la_flag_id)i, command)) continue;
        longs[n++] = (struct option){
            la_flags[i].name, la_flags[i].arg ? required_argument : no_argument, NULL, 1000 + i};
        if (!la_flags[i].letter) continue;
        *shorts++ = la_flags[i].letter;
        if (la_flags[i].arg) *shorts++ = ':';
    }
    longs[n] = (struct option){0};
    *shorts = '\0';
}

static int letter_find(la_command command, int letter)
{
    for (int i = 0; i < LA_FLAG_COUNT; i++)
        if (la_flags[i].letter == letter && la_flag_belongs((la_flag_id)i, command)) return i;
    return -1;
}

la_status la_flags_parse(la_command command, int argc, char **argv, int first, la_flag_taker flag,
                         la_word_taker word, void *context, bool *help, la_err *err)
{
    struct option longs[LA_FLAG_COUNT + 1];
    char shorts[2 * LA_FLAG_COUNT + 3];
    parser p = {.command = command, .flag = flag, .context = context};
    const char *of = la_commands[command].name;
    getopt_tables(command, longs, shorts);
    *help = false;
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    argc -= first - 1;
    argv += first - 1;
    for (bool only_words = false;;) {
        int at = optind ? optind : 1;
        if (at >= argc) return LA_OK;
        const char *now = argv[at];
        if (only_words || (now[0] == '-' && now[1] == '-' && !now[2])) {
            if (only_words && !word) return unwanted_word(command, now, err);
            if (only_words) LA_TRY(word(context, now, err));
            only_words = true;
            optind = at + 1;
            continue;
        }
        if (strncmp(now, "--", 2) == 0) {
            size_t len = strcspn(now + 2, "=");
            int id = flag_find(now + 2, len);
            if (id < 0 || !la_flag_belongs((la_flag_id)id, command))
                return unknown_flag(command, now, err);
            if (now[2 + len] == '=' && !la_flags[id].arg)
                return LA_FAIL(err, LA_E_ARG, "--%s takes no value", la_flags[id].name);
        }
        LA_TRY(one_dash(command, now, err));
        int code = getopt_long(argc, argv, shorts, longs, NULL);
        if (code == -1) return LA_OK;
        if (code == 1) {
            if (!word) return unwanted_word(command, optarg, err);
            LA_TRY(word(context, optarg, err));
            continue;
        }
        if (code == ':') {
            int id = optopt >= 1000 ? optopt - 1000 : letter_find(command, optopt);
            return LA_FAIL(err, LA_E_ARG, "--%s needs a value: --%s %s", la_flags[id].name,
                           la_flags[id].name, la_flag_of(command, (la_flag_id)id).arg);
        }
        if (code == '?')
            return LA_FAIL(err, LA_E_ARG, "no flag '-%c'. 'labench %s --help' shows all.", optopt,
                           of);
        int id = code >= 1000 ? code - 1000 : letter_find(command, code);
        if (id == LA_FLAG_HELP) {
            *help = true;
            return LA_OK;
        }
        LA_TRY(take(&p, (la_flag_id)id, optarg, err));
    }
}
