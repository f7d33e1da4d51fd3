/* SPDX-License-Identifier: Apache-2.0 */
#include "shell.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

void shell_begin(const char *program)
{
    static const char *const gone[] = {"COLUMNS", "LABENCH_DB",      "FORCE_COLOR",   "NO_COLOR",
                                       "TERM",    "OMP_NUM_THREADS", "LABENCH_CONFIG"};
    char real[PATH_MAX], path[3 * PATH_MAX];
    if (!realpath(program, real)) give_up(program);
    *strrchr(real, '/') = '\0';
    const char *before = getenv("PATH");
    snprintf(path, sizeof path, "%s:%s", real, before ? before : "/usr/bin:/bin");
    setenv("PATH", path, 1);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) unsetenv(gone[i]);
    snprintf(folder, sizeof folder, "/tmp/labench-cli-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder) != 0) give_up(folder);
    /* No test reads a configuration file of whoever runs it. */
    setenv("XDG_CONFIG_HOME", "/nowhere", 1);
}

void shell_end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (chdir("/") != 0 || system(command) != 0) give_up(folder);
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) give_up(path);
    size_t cap = 1 << 16, len = 0;
    char *text = malloc(cap);
    for (size_t n; text && (n = fread(text + len, 1, cap - len - 1, f)) > 0;) {
        len += n;
        if (cap - len < 2) text = realloc(text, cap *= 2);
    }
    fclose(f);
    if (!text) give_up("memory");
    text[len] = '\0';
    return text;
}

void shell_run(const char *command, shell_result *out)
{
    size_t need = strlen(command) + 64;
    char *line = malloc(need);
    if (!line) give_up("memory");
    snprintf(line, need, "{ %s\n} >.stdout 2>.stderr </dev/null", command);
    int status = system(line);
    free(line);
    out->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    out->out = read_all(".stdout");
    out->err = read_all(".stderr");
}

void shell_release(shell_result *result)
{
    free(result->out);
    free(result->err);
    *result = (shell_result){0};
}
