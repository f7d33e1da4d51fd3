/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "commands.h"
#include "config.h"
#include "labench/kit.h"
#include "log.h"
#include "plugin_flags.h"
#include "plugins.h"
#include "run.h"
#include "sizes.h"

const char la_version[] = LABENCH_VERSION;

static const la_command_main mains[LA_CMD_COUNT] = {
    [LA_CMD_RUN] = la_cmd_run,
    [LA_CMD_SHOW] = la_cmd_show,
    [LA_CMD_PLOT] = la_cmd_plot,
    [LA_CMD_REPORT] = la_cmd_report,
    [LA_CMD_LIST] = la_cmd_list,
    [LA_CMD_EXPORT] = la_cmd_export,
    [LA_CMD_DOCTOR] = la_cmd_doctor,
    [LA_CMD_VERIFY] = la_cmd_verify,
    [LA_CMD_APPLY] = la_cmd_apply,
    [LA_CMD_SAMPLE] = la_cmd_sample,
    [LA_CMD_PEERS] = la_cmd_peers,
    [LA_CMD_NEW] = la_cmd_new,
    [LA_CMD_COMPARE] = la_cmd_compare,
    [LA_CMD_CROSSOVER] = la_cmd_crossover,
    [LA_CMD_REPRODUCE] = la_cmd_reproduce,
    [LA_CMD_MERGE] = la_cmd_merge,
    [LA_CMD_DB] = la_cmd_db,
    [LA_CMD_COMPLETION] = la_cmd_completion,
    [LA_CMD_MAN] = la_cmd_man,
};

int la_exit_code(la_status status)
{
    switch (status) {
    case LA_OK:
        return LA_EXIT_OK;
    case LA_E_ARG:
    case LA_E_UNSUPPORTED:
    case LA_E_NOTFOUND:
    case LA_E_FORMAT:
        return LA_EXIT_USAGE;
    case LA_E_DB:
        return LA_EXIT_DATABASE;
    case LA_E_WRONG:
    case LA_E_NONFINITE:
        return LA_EXIT_VERIFY;
    default:
        return LA_EXIT_ENVIRONMENT;
    }
}

int la_complain(const la_err *err)
{
    la_log(LA_LOG_ERROR, "%s", err->msg);
    return la_exit_code(err->status);
}

int la_finish_stdout(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    la_log(LA_LOG_ERROR, "cannot write to stdout: no space, or it was closed");
    return code ? code : LA_EXIT_ENVIRONMENT;
}

const char *la_db_path(const char *flag)
{
    const char *env = getenv("LABENCH_DB");
    return flag ? flag : env && *env ? env : "labench.db";
}

la_status la_store_if_there(const char *db, la_store **out, la_err *err)
{
    const char *path = la_db_path(db);
    *out = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT) return LA_OK;
    return la_store_open(path, LA_STORE_READ, out, err);
}

la_status la_check_target(const char *db, const char *out, la_err *err)
{
    struct stat a, b;
    if (!out || stat(out, &b) != 0) return LA_OK;
    if (stat(db, &a) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return LA_FAIL(err, LA_E_ARG, "--out %s is the database itself", out);
    if (S_ISDIR(b.st_mode))
        return LA_FAIL(err, LA_E_ARG, "--out %s is a folder; name a file in it", out);
    /* A finished file takes the place of what has its name, be that a device. */
    if (!S_ISREG(b.st_mode))
        return LA_FAIL(err, LA_E_ARG, "--out %s is no regular file; --out - is standard output",
                       out);
    return LA_OK;
}

la_status la_choice_parse(const char *flag, const char *value, const char *const *words, size_t n,
                          int *out, la_err *err)
{
    char all[256] = "", q[64];
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i], value) == 0) {
            *out = (int)i;
            return LA_OK;
        }
        if (len < sizeof all)
            len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", words[i]);
    }
    return LA_FAIL(err, LA_E_ARG, "%s has no value '%s'; there are %s", flag, la_quote(value, q),
                   all);
}

la_status la_setting_take(const char *owner, const la_option *table, size_t n, void *opts,
                          const char *setting, const char *like, la_err *err)
{
    char key[64], q[64];
    const char *equals = strchr(setting, '='), *start = setting;
    size_t prefix = strlen(owner);
    if (strncmp(setting, owner, prefix) == 0 && setting[prefix] == '.') start += prefix + 1;
    if (!equals || equals <= start || !equals[1] || (size_t)(equals - start) >= sizeof key)
        return LA_FAIL(err, LA_E_ARG, "--set '%s' is not KEY=VALUE, like %s", la_quote(setting, q),
                       like);
    snprintf(key, sizeof key, "%.*s", (int)(equals - start), start);
    return la_options_set(table, n, opts, owner, key, equals + 1, err);
}

la_status la_common_take(la_common *common, la_flag_id flag, const char *value, la_err *err)
{
    switch (flag) {
    case LA_FLAG_QUIET:
        common->quiet = true;
        return LA_OK;
    case LA_FLAG_VERBOSE:
        common->verbose = true;
        return LA_OK;
    case LA_FLAG_COLOR:
        return la_flag_choice(LA_FLAG_COLOR, value, &common->color_when, err);
    case LA_FLAG_CONFIG: /* read before the command began (config.h) */
    case LA_FLAG_SECTION:
    case LA_FLAG_SHOW_CONFIG:
        return LA_OK;
    default:
        return LA_FAIL(err, LA_E_INTERNAL, "flag --%s has no meaning here", la_flags[flag].name);
    }
}

la_status la_stored_take(la_stored *stored, la_flag_id flag, const char *value, la_err *err)
{
    la_pass pass;
    switch (flag) {
    case LA_FLAG_DB:
        stored->db = value;
        return LA_OK;
    case LA_FLAG_SWEEP:
        stored->sweep = value;
        return LA_OK;
    case LA_FLAG_PASS:
        LA_TRY(la_pass_parse(value, &pass, err));
        stored->pass = la_pass_name(pass);
        return LA_OK;
    case LA_FLAG_ALL:
        stored->all = true;
        return LA_OK;
    case LA_FLAG_JSON:
        stored->json = true;
        return LA_OK;
    default:
        return la_common_take(&stored->common, flag, value, err);
    }
}

void la_common_apply(la_common *common)
{
    const char *no = getenv("NO_COLOR");
    const char *force = getenv("FORCE_COLOR"), *term = getenv("TERM");
    bool plain = (no && *no) || !term || strcmp(term, "dumb") == 0;
    common->color = isatty(STDERR_FILENO) && !plain;
    if (force && *force && !(no && *no)) common->color = true;
    if (common->color_when) common->color = common->color_when == 1;
    la_log_set_level(common->quiet ? LA_LOG_ERROR : common->verbose ? LA_LOG_DEBUG : LA_LOG_INFO);
}

static void short_help(FILE *out)
{
    fprintf(out, "labench %s - time, memory and accuracy of attention variants\n\n", la_version);
    for (int i = 0; i < LA_CMD_COUNT; i++)
        if (*la_commands[i].summary && mains[i])
            fprintf(out, "  labench %-11s %s\n", la_commands[i].name, la_commands[i].summary);
    fprintf(out, "\nstart with   labench --variants all --lengths 1k..16k --quick\n"
                 "then         labench plot time, labench show\n"
                 "more         labench COMMAND --help, labench --version\n");
}

/* `labench --variants all`: run may be left out before a flag of run. */
static bool isa_is_here(void)
{
    la_err err = {0};
    if (la_isa_check(&err) == LA_OK) return true;
    la_log(LA_LOG_ERROR, "%s", err.msg);
    return false;
}

/* Runs a command with what configuration files add to its words. */
static int with_files(la_command command, int argc, char **argv, int first)
{
    la_config config;
    la_err err = {0};
    la_status st = la_config_read(command, argc, argv, first, &config, &err);
    int code;
    if (st == LA_OK && config.show)
        st = la_config_show(&config, stdout, &err);
    else if (st == LA_OK)
        la_config_tell(command, &config);
    if (st != LA_OK)
        code = la_complain(&err);
    else if (config.show)
        code = la_finish_stdout(LA_EXIT_OK);
    else
        code = mains[command](config.argc, config.argv, first);
    la_config_release(&config);
    return code;
}

static int without_command(int argc, char **argv)
{
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        short_help(stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("labench %s\n", la_version);
        return la_finish_stdout(LA_EXIT_OK);
    }
    if (!isa_is_here()) return LA_EXIT_USAGE;
    return with_files(LA_CMD_RUN, argc, argv, 1);
}

int la_cli_main(int argc, char **argv)
{
    /* A limit on file sizes becomes a failed write, which has a sentence, and not a silent death. */
    signal(SIGXFSZ, SIG_IGN);
    if (argc > 2 && la_command_find(argv[1]) == LA_CMD_WORKER) return la_child_become(argc, argv);
    if (argc < 2 || la_command_find(argv[1]) != LA_CMD_WORKER) la_cli_unbind();
    la_cli_settle_blas(argv);
    if (argc < 2) {
        short_help(stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    if (argv[1][0] == '-') return without_command(argc, argv);
    la_command command = la_command_find(argv[1]);
    if (!isa_is_here()) return LA_EXIT_USAGE;
    if (command == LA_CMD_WORKER) return la_worker_main(4, 3);
    if (command == LA_CMD_PLUGIN)
        return argc > 2 ? la_plugin_do(argc, argv) : la_plugin_host_main(3);
    if (command < LA_CMD_COUNT && mains[command]) return with_files(command, argc, argv, 2);
    char q[64];
    const char *nearest = la_command_nearest(argv[1]);
    if (nearest)
        la_log(LA_LOG_ERROR, "no command '%s'. Nearest: %s. 'labench --help' shows all.",
               la_quote(argv[1], q), nearest);
    else
        la_log(LA_LOG_ERROR, "no command '%s'. 'labench --help' shows all.", la_quote(argv[1], q));
    return LA_EXIT_USAGE;
}
