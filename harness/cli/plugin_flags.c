/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_flags.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "commands.h"
#include "log.h"
#include "plugin_load.h"
#include "plugins.h"
#include "sizes.h"

extern char **environ;

static bool direct; /* this process loads plugins itself */
static size_t n_open;

/* ---- where plugins are ---- */

/* Calls `use` with each folder of the search path; stops when it returns true. */
static bool each_folder(bool (*use)(const char *folder, void *context), void *context)
{
    const char *at = getenv("LABENCH_PLUGIN_PATH");
    char folder[PATH_MAX];
    while (at && *at) {
        size_t n = strcspn(at, ":");
        if (n && n < sizeof folder) {
            snprintf(folder, sizeof folder, "%.*s", (int)n, at);
            if (use(folder, context)) return true;
        }
        at += n + (at[n] == ':');
    }
    return false;
}

typedef struct search {
    const char *name;
    char found[PATH_MAX];
} search;

/* mine.so as it stands; mine as mine.so or libmine.so. */
static bool look_for(const char *folder, void *context)
{
    static const char *const around[][2] = {{"", ""}, {"", ".so"}, {"lib", ".so"}};
    search *s = context;
    size_t len = strlen(s->name);
    bool whole = len > 3 && strcmp(s->name + len - 3, ".so") == 0;
    for (size_t i = whole ? 0 : 1; i < (whole ? 1 : LA_COUNT(around)); i++) {
        int n = snprintf(s->found, sizeof s->found, "%s/%s%s%s", folder, around[i][0], s->name,
                         around[i][1]);
        if (n > 0 && (size_t)n < sizeof s->found && access(s->found, R_OK) == 0) return true;
    }
    return false;
}

la_status la_plugin_flag(la_words *plugins, const char *value, la_err *err)
{
    search s = {.name = value};
    char q[64];
    if (strchr(value, '/')) return la_words_add(plugins, value, strlen(value), err);
    if (each_folder(look_for, &s)) return la_words_add(plugins, s.found, strlen(s.found), err);
    return LA_FAIL(
        err, LA_E_ARG,
        "--plugin '%s' is in no folder of LABENCH_PLUGIN_PATH; for a file in this folder "
        "write --plugin ./%s",
        la_quote(value, q), q);
}

/* ---- opening ---- */

static la_status open_one(const char *path, la_err *err)
{
    const la_plugin *plugin;
    la_status st = direct ? la_plugin_load(path, NULL, &plugin, err) : la_plugins_open(path, err);
    if (st == LA_OK) n_open++;
    /* Whatever is wrong with it: what was asked for cannot be done, and nothing was. */
    if (st != LA_OK && st != LA_E_NOMEM && err) err->status = st = LA_E_ARG;
    return st;
}

static bool same_file(const char *a, const char *b)
{
    char x[PATH_MAX], y[PATH_MAX];
    return realpath(a, x) && realpath(b, y) && strcmp(x, y) == 0;
}

static int is_library(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 3 && strcmp(entry->d_name + n - 3, ".so") == 0;
}

static bool open_folder(const char *folder, void *context)
{
    const la_words *named = context;
    struct dirent **list;
    int n = scandir(folder, &list, is_library, alphasort);
    if (n < 0 && !direct)
        la_log(LA_LOG_WARN, "LABENCH_PLUGIN_PATH: %.200s: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        la_err err = {0};
        int len = snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        bool before = len < 0 || (size_t)len >= sizeof path;
        for (size_t k = 0; k < named->n && !before; k++) before = same_file(named->v[k], path);
        if (!before && open_one(path, &err) != LA_OK && !direct)
            la_log(LA_LOG_WARN, "left out: %s", err.msg);
        free(list[i]);
    }
    if (n >= 0) free(list);
    return false;
}

la_status la_plugin_flags_open(const la_words *plugins, la_err *err)
{
    for (size_t i = 0; i < plugins->n; i++) {
        bool before = false;
        for (size_t k = 0; k < i; k++) before |= same_file(plugins->v[k], plugins->v[i]);
        if (!before) LA_TRY(open_one(plugins->v[i], err));
    }
    each_folder(open_folder, (void *)(uintptr_t)plugins);
    return LA_OK;
}

/* ---- a process of its own ---- */

static const char *volatile now;

void la_plugin_now(const char *what)
{
    now = what;
}

static void on_crash(int number)
{
    static const char head[] = "labench: crashed in ";
    const char *what = now;
    ssize_t done = what ? write(STDERR_FILENO, head, sizeof head - 1) : 0;
    if (what) done += write(STDERR_FILENO, what, strlen(what));
    if (what) done += write(STDERR_FILENO, "\n", 1);
    (void)done;
    signal(number, SIG_DFL);
    raise(number);
}

int la_plugin_do(int argc, char **argv)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    la_command command = argc > 3 ? la_command_find(argv[3]) : LA_CMD_COUNT;
    direct = true;
    for (size_t i = 0; i < LA_COUNT(signals); i++) signal(signals[i], on_crash);
    if (command == LA_CMD_VERIFY) return la_cmd_verify(argc, argv, 4);
    if (command == LA_CMD_APPLY) return la_cmd_apply(argc, argv, 4);
    return LA_EXIT_USAGE;
}

static int wait_for(pid_t pid)
{
    int status;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGINT, &ignore, &before); /* Ctrl-C reaches the other process as well */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    sigaction(SIGINT, &before, NULL);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    const char *name = sigabbrev_np(WTERMSIG(status));
    if (WTERMSIG(status) != SIGINT)
        la_log(LA_LOG_ERROR, "the process with the plugin was ended by SIG%s", name ? name : "?");
    return WTERMSIG(status) == SIGINT ? LA_EXIT_SIGNAL + SIGINT : LA_EXIT_VERIFY;
}

bool la_plugin_elsewhere(int argc, char **argv, int *code)
{
    static char program[] = "labench", word[] = "plugin", verb[] = "do";
    pid_t pid;
    if (direct || n_open == 0) return false;
    la_plugins_close();
    char **args = calloc((size_t)argc + 4, sizeof *args);
    if (!args) return false;
    args[0] = program;
    args[1] = word;
    args[2] = verb;
    for (int i = 1; i < argc; i++) args[i + 2] = argv[i];
    fflush(stdout);
    int rc = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ);
    free(args);
    if (rc != 0) {
        la_log(LA_LOG_ERROR, "cannot start a process for the plugin: %s", strerror(rc));
        *code = LA_EXIT_ENVIRONMENT;
        return true;
    }
    *code = wait_for(pid);
    return true;
}
