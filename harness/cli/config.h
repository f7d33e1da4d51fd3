/* SPDX-License-Identifier: Apache-2.0
 * Configuration files: flags of `labench run` kept in an INI file, and where each value came from.
 *
 *     [global]
 *     variants = all
 *     lengths = 1k..8k
 *     quick = yes
 *     [nightly]            ; counts with --section nightly, before [global]
 *     quick = no
 *     rounds = 5
 *
 * The command line comes before the environment, that before ./labench.ini, that before
 * ~/.config/labench/labench.ini. A file that is named (--config, LABENCH_CONFIG) counts alone, so that it
 * means the same everywhere; 'none' is no file at all.
 */
#ifndef LA_CLI_CONFIG_H
#define LA_CLI_CONFIG_H

#include "ini_file.h"
#include "options_table.h"

/* Where a value came from; a smaller number comes before a larger one. The file at `i` has two levels: its
 * named section, and [global]. */
enum { LA_LEVEL_COMMAND, LA_LEVEL_ENVIRONMENT, LA_LEVEL_FILES };

typedef struct la_config_item {
    la_flag_id flag;
    char *word;        /* --name=value, or --name of a switch */
    const char *value; /* in word; NULL: a switch */
    int level, line;
    bool off; /* a switch that a file says `no` to: it hides those that count less */
} la_config_item;

typedef struct la_config {
    la_ini files[2]; /* those that count, the one before the other */
    size_t n_files;
    const char *section; /* --section, or NULL */
    bool read;           /* the command takes files, and its words are right */
    bool show;           /* --show-config */
    bool implicit;       /* the files were found and not named */
    la_config_item *items;
    size_t n, cap;
    char **argv;     /* the words of the command line, with those of files before its flags */
    int argc, first; /* of argv; the flags begin there */
} la_config;

/* Adds to a command line what files say. A command that takes no file, and a command line that is wrong, are
 * left as they are. LA_E_ARG with "file:line: ..." for what is wrong in a file, all of which is read;
 * LA_E_NOTFOUND for a named file that is not there. *out is released by la_config_release, also after a
 * failure, and borrows argv. */
la_status la_config_read(la_command command, int argc, char **argv, int first, la_config *out,
                         la_err *err);
void la_config_release(la_config *config);
/* Says on stderr that files that were only found change a run. */
void la_config_tell(la_command command, const la_config *config);

/* The flag's value is a list, in a file written with spaces after commas as well. */
bool la_config_takes_list(la_flag_id flag);

/* --show-config: a file that repeats the run, with the origin of each value as a comment, and what is left at
 * its default in comments. LA_E_ARG where the command line is wrong, or a value cannot be said in INI. */
la_status la_config_show(const la_config *config, FILE *out, la_err *err);

#endif
