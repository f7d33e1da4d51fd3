/* SPDX-License-Identifier: Apache-2.0
 * What the commands share. A command is a function from its arguments to an exit code.
 */
#ifndef LA_CLI_COMMANDS_H
#define LA_CLI_COMMANDS_H

#include <stdbool.h>

#include "labench/task.h"
#include "options_table.h"
#include "store.h"

enum {
    LA_EXIT_OK = 0,
    LA_EXIT_FAILED_CELLS = 1, /* a cell crashed, was killed, erred or was wrong */
    LA_EXIT_USAGE = 2,        /* nothing was run */
    LA_EXIT_ENVIRONMENT = 3,  /* device, disk, program missing */
    LA_EXIT_DATABASE = 4,
    LA_EXIT_CONDITION = 5, /* what --fail-on names */
    LA_EXIT_VERIFY = 6,
    LA_EXIT_SIGNAL = 128, /* + the signal's number */
};

typedef int (*la_command_main)(int argc, char **argv, int first);
int la_cmd_run(int argc, char **argv, int first);
int la_cmd_list(int argc, char **argv, int first);
int la_cmd_show(int argc, char **argv, int first);
int la_cmd_plot(int argc, char **argv, int first);
int la_cmd_report(int argc, char **argv, int first);
int la_cmd_export(int argc, char **argv, int first);
int la_cmd_compare(int argc, char **argv, int first);
int la_cmd_crossover(int argc, char **argv, int first);
int la_cmd_reproduce(int argc, char **argv, int first);
int la_cmd_merge(int argc, char **argv, int first);
int la_cmd_db(int argc, char **argv, int first);
int la_cmd_doctor(int argc, char **argv, int first);
int la_cmd_peers(int argc, char **argv, int first);
int la_cmd_verify(int argc, char **argv, int first);
int la_cmd_apply(int argc, char **argv, int first);
int la_cmd_sample(int argc, char **argv, int first);
int la_cmd_new(int argc, char **argv, int first);
int la_cmd_completion(int argc, char **argv, int first);
int la_cmd_man(int argc, char **argv, int first);

/* Flags that every command has; a command's taker passes on what it does not know. */
typedef struct la_common {
    bool quiet, verbose;
    int color_when; /* auto, always, never */
    bool color;     /* from la_common_apply */
} la_common;
la_status la_common_take(la_common *common, la_flag_id flag, const char *value, la_err *err);
/* After parsing: colour by terminal and environment, the log level. */
void la_common_apply(la_common *common);

/* Flags of commands that compare what is stored. */
typedef struct la_stored {
    la_common common;
    const char *db, *sweep;
    const char *pass; /* NULL: all */
    bool all, json;
} la_stored;
la_status la_stored_take(la_stored *stored, la_flag_id flag, const char *value, la_err *err);

/* "labench: <message>" on stderr; the exit code of the status. */
int la_complain(const la_err *err);
int la_exit_code(la_status status);
/* Flushes stdout: a full disk is not success. */
int la_finish_stdout(int code);
/* --db, $LABENCH_DB or ./labench.db. */
const char *la_db_path(const char *flag);
/* NULL in *out where there is no such file: nothing is stored yet. */
la_status la_store_if_there(const char *db, la_store **out, la_err *err);
/* Refuses to write over the database that is read, a folder or a device; out may be NULL. */
la_status la_check_target(const char *db, const char *out, la_err *err);
/* Which of `words` is `value`; LA_E_ARG naming all of them. */
la_status la_choice_parse(const char *flag, const char *value, const char *const *words, size_t n,
                          int *out, la_err *err);
/* KEY=VALUE, or OWNER.KEY=VALUE as in run, into an options struct; `like` is an example to show. */
la_status la_setting_take(const char *owner, const la_option *table, size_t n, void *opts,
                          const char *setting, const char *like, la_err *err);
extern const char la_version[];

/* The options of `model` or `train`; *known is false for another word. */
la_status la_print_learning(const char *owner, FILE *out, bool *known, la_err *err);
/* Each with its help, default and range. */
la_status la_print_options(const la_option *table, size_t n, size_t bytes, FILE *out, la_err *err);
/* A variant as a line, or with impls and options. */
la_status la_print_variant(const la_variant *v, bool full, FILE *out, la_err *err);
/* A task as a line; or its definition, options, steps of difficulty and three examples in lines of
 * `width` columns (0: the default), with settings as of `labench sample`. */
la_status la_print_task_line(const la_task *t, FILE *out, la_err *err);
la_status la_show_task(const la_task *t, const char *const *settings, size_t n, int width,
                       FILE *out, la_err *err);
const la_task *la_task_in_order(size_t i); /* by family, then name */
/* The default options; la_free them. */
la_status la_task_defaults(const la_task *t, void **opts, la_err *err);

/* Starts the program again when OpenBLAS was loaded for another CPU than it should be (blas_core.c). */
void la_cli_settle_blas(char **argv);
/* Lets the first thread run on all processors that OpenMP may use (unbind.c). */
void la_cli_unbind(void);

#endif
