/* SPDX-License-Identifier: Apache-2.0
 * The help of a command, and what a flag of several commands means in one of them.
 */
#include <string.h>

#include "options_table.h"

/* Where the row of the table speaks of another command. */
static const struct {
    la_command command;
    la_flag_id flag;
    const char *arg, *def, *help;
} told[] = {
    {LA_CMD_VERIFY, LA_FLAG_THREADS, "N", "physical cores",
     "threads: 1, 2, 3 and so many are tried"},
    {LA_CMD_APPLY, LA_FLAG_THREADS, "N", "physical cores", "threads of the call"},
    {LA_CMD_DOCTOR, LA_FLAG_THREADS, "N", "physical cores", "threads whose peaks are measured"},
    {LA_CMD_COMPARE, LA_FLAG_PASS, "PASS", "all", "fwd, bwd, fwdbwd, decode"},
    {LA_CMD_CROSSOVER, LA_FLAG_PASS, "PASS", "all", "fwd, bwd, fwdbwd, decode"},
    {LA_CMD_EXPORT, LA_FLAG_SWEEP, "ID", "last", "the sweep, or all"},
    {LA_CMD_APPLY, LA_FLAG_MASK, "MASK", "auto",
     "auto (causal where there is one), causal, bidirectional"},
    {LA_CMD_APPLY, LA_FLAG_SET, "VARIANT.KEY=V", NULL, "an option of the variant; repeatable"},
    {LA_CMD_APPLY, LA_FLAG_SEED, "N", "1", "of parameters that are drawn"},
    {LA_CMD_APPLY, LA_FLAG_OUT, "DIR", NULL, "folder of what comes out, made when missing"},
    {LA_CMD_SAMPLE, LA_FLAG_SET, "TASK.KEY=V", NULL, "an option of the task; repeatable"},
    {LA_CMD_SAMPLE, LA_FLAG_SEED, "N", "1", "of the examples"},
    {LA_CMD_SAMPLE, LA_FLAG_OUT, "DIR", NULL, "folder of the files, made when missing"},
    {LA_CMD_SHOW, LA_FLAG_SET, "TASK.KEY=V", NULL,
     "an option of the task that is shown; repeatable"},
    {LA_CMD_REPRODUCE, LA_FLAG_SCALE, "NAME", "cpu",
     "cpu (reduced, for small machines) or full (the paper's sizes)"},
    {LA_CMD_PLOT, LA_FLAG_LENGTH, "T", "the longest", "tokens of what plot samples shows"},
    {LA_CMD_PLOT, LA_FLAG_OUT, "DIR", "results/SWEEP", "folder of the figures, made when missing"},
    {LA_CMD_REPORT, LA_FLAG_OUT, "FILE", "results/SWEEP/report.html", "the page; - is stdout"},
    {LA_CMD_EXPORT, LA_FLAG_OUT, "FILE", "stdout", "where the rows go"},
    {LA_CMD_REPRODUCE, LA_FLAG_OUT, "PATH", "stdout",
     "a file, or a folder for md, json and figures of each table"},
    {LA_CMD_DB, LA_FLAG_OUT, "FILE", "the database's name and an ending",
     "the new file of backup and recover"},
    {LA_CMD_NEW, LA_FLAG_OUT, "DIR", "./NAME", "folder of the plugin, made when missing"},
    {LA_CMD_REPRODUCE, LA_FLAG_FORMAT, "NAME", "text", "text, csv, json, md or latex"},
    {LA_CMD_REPRODUCE, LA_FLAG_FAIL_ON, "miss", NULL,
     "exit 5 when what a paper claims does not hold here"},
};

la_flag la_flag_of(la_command command, la_flag_id flag)
{
    la_flag f = la_flags[flag];
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (told[i].command == command && told[i].flag == flag)
            f.arg = told[i].arg, f.def = told[i].def, f.help = told[i].help;
    return f;
}

void la_flags_help(la_command command, FILE *out)
{
    const la_command_row *c = &la_commands[command];
    fprintf(out, "usage: labench %s%s%s\n%s\n\n", c->name, *c->words ? " " : "", c->words,
            c->summary);
    for (int i = 0; i < LA_FLAG_COUNT; i++) {
        if (!la_flag_belongs((la_flag_id)i, command)) continue;
        la_flag f = la_flag_of(command, (la_flag_id)i);
        char left[64], letter[8] = "    ";
        if (f.letter) snprintf(letter, sizeof letter, "-%c, ", f.letter);
        snprintf(left, sizeof left, "  %s--%s%s%s", letter, f.name, f.arg ? " " : "",
                 f.arg ? f.arg : "");
        fprintf(out, "%-28s%s", left, strlen(left) >= 28 ? "  " : "");
        fprintf(out, "%s", f.help);
        if (f.def) fprintf(out, " [%s]", f.def);
        fprintf(out, "\n");
    }
}
