/* SPDX-License-Identifier: Apache-2.0
 * What the flags of `labench run` say.
 */
#ifndef LA_CLI_RUN_ARGS_H
#define LA_CLI_RUN_ARGS_H

#include "commands.h"
#include "run.h"
#include "text.h"

typedef enum la_when { LA_AUTO, LA_ALWAYS, LA_NEVER } la_when;

typedef struct la_run_args {
    la_common common;
    la_spec spec;
    la_run_settings settings;
    la_words plugins;
    la_text notes;     /* what to tell before the start, a line each */
    bool cache_chosen; /* --cache was given; else cold on CUDA devices, hot on the CPU */
    const char *device, *db, *label, *note, *out;
    bool resume, fresh, dry_run, json, strict;
    bool bare; /* no flag: only measured, without the table and figures at the end */
    la_when progress;
} la_run_args;

/* Flags to args, defaults filled in. *help: --help was given, nothing else is of use. */
la_status la_run_args_parse(int argc, char **argv, int first, la_run_args *out, bool *help,
                            la_err *err);
void la_run_args_release(la_run_args *args);
/* Is this a value of that flag of run, as far as can be said without the others? */
la_status la_run_flag_check(la_flag_id flag, const char *value, la_err *err);
/* "owner.key" of a flag that sets an option: --set and those that are short for it. False for others. */
bool la_run_setting_name(la_flag_id flag, const char *value, char out[96]);
/* The device that --device names. LA_E_DEVICE when it is not there. */
la_status la_device_choose(const char *name, la_device *out, la_err *err);

#endif
