/* SPDX-License-Identifier: Apache-2.0
 * labench completion and labench man: what shells and man read, from the tables of commands and flags. Names of
 * variants, tasks and plots are asked of the program when they are wanted, so that they are those it has.
 */
#include <string.h>

#include "commands.h"
#include "export.h"

typedef struct words_args {
    la_common common;
    const char *word;
} words_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    return la_common_take(&((words_args *)context)->common, flag, value, err);
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    words_args *args = context;
    if (args->word) return LA_FAIL(err, LA_E_ARG, "'labench completion' takes one shell");
    args->word = word;
    return LA_OK;
}

static bool shown(int command)
{
    return *la_commands[command].summary != '\0';
}

/* What may stand behind a command: fixed words, and names that the program lists. */
typedef struct words_behind {
    la_command command;
    const char *words, *names[2];
} words_behind;

static const words_behind behind[] = {
    {LA_CMD_LIST, "variants tasks devices sweeps papers plots", {NULL}},
    {LA_CMD_SHOW, "last task", {"variants", "tasks"}},
    {LA_CMD_PLOT, "all", {"plots"}},
    {LA_CMD_EXPORT, "", {NULL}}, /* and what can be exported */
    {LA_CMD_COMPARE, "previous last", {"variants"}},
    {LA_CMD_CROSSOVER, "", {"variants"}},
    {LA_CMD_REPRODUCE, "list all", {"papers"}},
    {LA_CMD_DB, "check backup migrate recover", {NULL}},
    {LA_CMD_VERIFY, "", {"variants"}},
    {LA_CMD_SAMPLE, "", {"tasks"}},
    {LA_CMD_COMPLETION, "bash zsh fish", {NULL}},
};

static const words_behind *behind_of(int command)
{
    for (size_t i = 0; i < LA_COUNT(behind); i++)
        if ((int)behind[i].command == command) return &behind[i];
    return NULL;
}

/* With a space before each; `before` and `after` stand around what a shell asks the program for. */
static void print_behind(const words_behind *b, const char *before, const char *after, FILE *out)
{
    for (size_t i = 0; b->command == LA_CMD_EXPORT && i < la_export_count(); i++)
        fprintf(out, " %s", la_export_name(i));
    if (*b->words) fprintf(out, " %s", b->words);
    for (int k = 0; k < 2 && b->names[k]; k++) fprintf(out, " %s%s%s", before, b->names[k], after);
}

/* ---- bash, and zsh by its emulation ---- */

static void print_commands(FILE *out)
{
    bool first = true;
    for (int c = 0; c < LA_CMD_COUNT; c++)
        if (shown(c)) {
            fprintf(out, "%s%s", first ? "" : " ", la_commands[c].name);
            first = false;
        }
}

static const char bash_head[] =
    "_labench_names() { labench list \"$1\" 2>/dev/null | cut -d' ' -f1; }\n"
    "_labench() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd=run words= head= "
    "i\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n";

static const char bash_values[] =
    "    case $prev in\n"
    "        --variants|--variant) words=\"$(_labench_names variants) all card recurrent quadratic "
    "baseline\" ;;\n"
    "        --tasks) words=\"$(_labench_names tasks) none\" ;;\n";

static const char bash_tail[] =
    "    esac\n"
    "    if [ -n \"$words\" ]; then\n" /* lists: what stands before the last comma is kept */
    "        case $cur in *,*) head=${cur%,*}, ;; esac\n"
    "        COMPREPLY=($(compgen -P \"$head\" -W \"$words\" -- \"${cur##*,}\"))\n"
    "        return\n"
    "    fi\n"
    "    [ \"$COMP_CWORD\" -eq 1 ] && words='";

/* Flags whose values are a fixed list. */
static void print_lists(FILE *out)
{
    for (int f = 0; f < LA_FLAG_COUNT; f++) {
        size_t n;
        const char *const *words = la_flag_words((la_flag_id)f, &n);
        if (!words) continue;
        fprintf(out, "        --%s) words='", la_flags[f].name);
        for (size_t i = 0; i < n; i++) fprintf(out, "%s%s", i ? " " : "", words[i]);
        fputs("' ;;\n", out);
    }
}

/* Flags whose value is a path: the shell's own completion of files. */
static const la_flag_id files[] = {LA_FLAG_DB,     LA_FLAG_OUT,  LA_FLAG_IN,
                                   LA_FLAG_PLUGIN, LA_FLAG_WITH, LA_FLAG_CONFIG};

static bool takes_file(int flag)
{
    for (size_t i = 0; i < LA_COUNT(files); i++)
        if ((int)files[i] == flag) return true;
    return false;
}

static void print_file_flags(FILE *out)
{
    fputs("        ", out);
    for (size_t i = 0; i < LA_COUNT(files); i++)
        fprintf(out, "%s--%s", i ? "|" : "", la_flags[files[i]].name);
    fputs("|-o) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", out);
}

static void print_bash(FILE *out)
{
    fputs(bash_head, out);
    fputs("            ", out);
    for (int c = 0, n = 0; c < LA_CMD_COUNT; c++)
        if (shown(c)) fprintf(out, "%s%s", n++ ? "|" : "", la_commands[c].name);
    fputs(") cmd=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n", out);
    fputs(bash_values, out);
    print_lists(out);
    print_file_flags(out);
    fputs(bash_tail, out);
    print_commands(out);
    fputs("'\n    case $cmd in\n", out);
    for (int c = 0; c < LA_CMD_COUNT; c++) {
        if (!shown(c)) continue;
        fprintf(out, "        %s) words=\"$words", la_commands[c].name);
        for (int f = 0; f < LA_FLAG_COUNT; f++)
            if (la_flag_belongs((la_flag_id)f, (la_command)c))
                fprintf(out, " --%s", la_flags[f].name);
        if (behind_of(c)) print_behind(behind_of(c), "$(_labench_names ", ")", out);
        fputs("\" ;;\n", out);
    }
    fputs("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
          "complete -F _labench labench\n",
          out);
}

static void print_zsh(FILE *out)
{
    fputs("#compdef labench\nautoload -U +X bashcompinit && bashcompinit\n", out);
    print_bash(out);
}

/* ---- fish ---- */

/* Within single quotes. */
static void quote(const char *text, FILE *out)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

static void print_fish(FILE *out)
{
    fputs("complete -c labench -f\n", out);
    for (int c = 0; c < LA_CMD_COUNT; c++) {
        if (!shown(c)) continue;
        fprintf(out, "complete -c labench -n __fish_use_subcommand -a %s -d ", la_commands[c].name);
        quote(la_commands[c].summary, out);
        fputc('\n', out);
    }
    for (int c = 0; c < LA_CMD_COUNT; c++) {
        const words_behind *b = behind_of(c);
        if (!shown(c) || !b) continue;
        fprintf(out, "complete -c labench -n '__fish_seen_subcommand_from %s' -a '",
                la_commands[c].name);
        print_behind(b, "(labench list ", " | cut -d\" \" -f1)", out);
        fputs("'\n", out);
    }
    for (int c = 0; c < LA_CMD_COUNT; c++)
        for (int f = 0; shown(c) && f < LA_FLAG_COUNT; f++) {
            if (!la_flag_belongs((la_flag_id)f, (la_command)c)) continue;
            /* `run` may be left out, so its flags are also those of no command. */
            fprintf(out, "complete -c labench -n '%s__fish_seen_subcommand_from %s' -l %s",
                    c == LA_CMD_RUN ? "__fish_use_subcommand; or " : "", la_commands[c].name,
                    la_flags[f].name);
            if (la_flags[f].letter) fprintf(out, " -s %c", la_flags[f].letter);
            if (la_flags[f].arg) fputs(takes_file(f) ? " -r -F" : " -x", out);
            if (f == LA_FLAG_VARIANTS || f == LA_FLAG_TASKS) /* lists, with commas between */
                fprintf(out,
                        " -a '(__fish_complete_list , \"labench list %s | cut -d\\\" \\\" -f1\")'",
                        la_flags[f].name);
            size_t n;
            const char *const *words = la_flag_words((la_flag_id)f, &n);
            for (size_t i = 0; i < n; i++)
                fprintf(out, "%s%s%s", i ? " " : " -a '", words[i], i + 1 < n ? "" : "'");
            fputs(" -d ", out);
            quote(la_flag_of((la_command)c, (la_flag_id)f).help, out);
            fputc('\n', out);
        }
}

/* ---- man ---- */

/* Text for roff: no line begins with a control character, and backslashes and hyphens are themselves. */
static void roff(const char *text, FILE *out)
{
    if (*text == '.' || *text == '\'') fputs("\\&", out);
    for (; *text; text++)
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
}

static void man_flag(int c, int f, FILE *out)
{
    la_flag of = la_flag_of((la_command)c, (la_flag_id)f), *flag = &of;
    fputs(".TP\n.B ", out);
    if (flag->letter) fprintf(out, "\\-%c, ", flag->letter);
    fputs("\\-\\-", out);
    roff(flag->name, out);
    if (flag->arg) fprintf(out, " \\fI%s\\fR", flag->arg);
    fputc('\n', out);
    roff(flag->help, out);
    if (flag->def) {
        fputs(" [", out);
        roff(flag->def, out);
        fputc(']', out);
    }
    fputc('\n', out);
}

static const char man_tail[] =
    ".SH EXIT STATUS\n"
    ".TP\n0\nall went well; outcomes such as unsupported or out of memory are results\n"
    ".TP\n1\na cell crashed, was killed, erred or was wrong\n"
    ".TP\n2\nthe command line makes no sense; nothing was run\n"
    ".TP\n3\na device, a program or disk space is missing\n"
    ".TP\n4\nthe database\n"
    ".TP\n5\nwhat \\-\\-fail\\-on names is so\n"
    ".TP\n6\na kernel does not agree with its reference\n"
    ".TP\n128+n\nended by signal n; the same command continues\n"
    ".SH ENVIRONMENT\n"
    ".TP\nLABENCH_DB\nthe database where no \\-\\-db says which\n"
    ".TP\nLABENCH_CONFIG\na file of flags, or none, where no \\-\\-config says which\n"
    ".TP\nLABENCH_ISA\nthe highest instruction set that kernels may use: generic, avx2, "
    "avx512, avx512_bf16, amx_bf16\n"
    ".TP\nLABENCH_BF16\npairs or widened: whether kernels multiply pairs of bf16, or float32; "
    "else what is faster here\n"
    ".TP\nLABENCH_PYTHON\nthe Python that runs peers\n"
    ".TP\nLABENCH_PLUGIN_PATH, LABENCH_PEER_PATH, LABENCH_PAPER_PATH\nfolders, colons between, "
    "where variants, peers and tables of papers of your own are looked for\n"
    ".TP\nNO_COLOR, FORCE_COLOR\nno colours, or always\n"
    ".SH FILES\n"
    ".TP\nlabench.db, labench.models/\nall that was measured, and the models that were trained\n"
    ".TP\nresults/\nthe figures of each sweep\n"
    ".TP\nlabench.ini, ~/.config/labench/labench.ini\nflags that are always the same\n"
    ".SH EXAMPLES\n"
    ".TP\nlabench \\-\\-variants all \\-\\-lengths 1k..128k\nmeasure, print the table, draw the "
    "figures; \\-\\-quick for a rough picture\n"
    ".TP\nlabench plot speedup \\-\\-base flash\nof the last sweep: how many times faster than "
    "flash\n"
    ".TP\nlabench reproduce parity \\-\\-run\na table of a paper beside ours\n";

static void print_man(FILE *out)
{
    fprintf(out,
            ".TH LABENCH 1 \"\" \"labench %s\"\n.SH NAME\nlabench \\- time, memory and accuracy of "
            "attention variants\n.SH SYNOPSIS\n.B labench\n.I command\n[flags]\n.PP\n.B labench "
            "\\-\\-variants\n.I list\n[flags]\n.SH COMMANDS\n",
            la_version);
    for (int c = 0; c < LA_CMD_COUNT; c++) {
        if (!shown(c)) continue;
        fprintf(out, ".SS \"%s\"\n.B labench %s ", la_commands[c].name, la_commands[c].name);
        roff(la_commands[c].words, out);
        fputs("\n.PP\n", out);
        roff(la_commands[c].summary, out);
        fputc('\n', out);
        for (int f = 0; f < LA_FLAG_COUNT; f++)
            if (la_flag_belongs((la_flag_id)f, (la_command)c) && la_flags[f].commands != LA_IN_ALL)
                man_flag(c, f, out);
    }
    fputs(".SH FLAGS OF EVERY COMMAND\n", out);
    for (int f = 0; f < LA_FLAG_COUNT; f++)
        if (la_flags[f].commands == LA_IN_ALL) man_flag(LA_CMD_RUN, f, out);
    fputs(man_tail, out);
}

static int words_main(la_command command, int argc, char **argv, int first)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    static void (*const printers[])(FILE *) = {print_bash, print_zsh, print_fish};
    words_args args = {0};
    la_err err = {0};
    bool help;
    int shell = 0;
    bool man = command == LA_CMD_MAN;
    la_status st = la_flags_parse(command, argc, argv, first, take_flag, man ? NULL : take_word,
                                  &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(command, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK && !man && !args.word)
        st = LA_FAIL(&err, LA_E_ARG, "'labench completion' needs a shell: bash, zsh or fish");
    if (st == LA_OK && !man)
        st = la_choice_parse("completion", args.word, shells, LA_COUNT(shells), &shell, &err);
    if (st == LA_OK) (man ? print_man : printers[shell])(stdout);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}

int la_cmd_completion(int argc, char **argv, int first)
{
    return words_main(LA_CMD_COMPLETION, argc, argv, first);
}

int la_cmd_man(int argc, char **argv, int first)
{
    return words_main(LA_CMD_MAN, argc, argv, first);
}
