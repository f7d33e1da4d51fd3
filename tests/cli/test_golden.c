/* SPDX-License-Identifier: Apache-2.0
 * Golden cases: what a command prints and how it ends. A .cases file holds
 *
 *   === a name that says what holds
 *   $ labench list plots          (more $ lines continue the command)
 *   exit 0                        (left out: 0)
 *   | a line of stdout            (shell patterns; "| ..." is any number of lines)
 *   ! a line of stderr
 *
 * Commands of one file run in one folder, in order. `test_cli_golden LABENCH FILE --rewrite` puts what
 * was printed into the file in place of what was expected; read the diff before believing it.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell.h"

enum { MAX_LINES = 512 };

typedef struct golden {
    char name[256], command[8192];
    char *out[MAX_LINES], *err[MAX_LINES];
    int n_out, n_err, code;
} golden;

static char *copy(const char *s)
{
    char *c = strdup(s);
    if (!c) abort();
    return c;
}

static void golden_clear(golden *g)
{
    for (int i = 0; i < g->n_out; i++) free(g->out[i]);
    for (int i = 0; i < g->n_err; i++) free(g->err[i]);
    *g = (golden){0};
}

/* Text of a line after its mark and one space. */
static const char *after(const char *line)
{
    return line[1] == ' ' ? line + 2 : line + 1;
}

static int split(char *text, char *lines[MAX_LINES])
{
    int n = 0;
    for (char *at = text; *at && n < MAX_LINES;) {
        char *end = strchr(at, '\n');
        lines[n++] = at;
        if (!end) break;
        *end = '\0';
        at = end + 1;
    }
    return n;
}

/* "..." stands for any number of lines. */
static bool match(char *const *want, int n_want, char *const *got, int n_got)
{
    if (n_want == 0) return n_got == 0;
    if (strcmp(want[0], "...") == 0) {
        for (int skip = 0; skip <= n_got; skip++)
            if (match(want + 1, n_want - 1, got + skip, n_got - skip)) return true;
        return false;
    }
    return n_got > 0 && fnmatch(want[0], got[0], 0) == 0 &&
           match(want + 1, n_want - 1, got + 1, n_got - 1);
}

static void print_lines(FILE *f, char mark, char *const *lines, int n)
{
    for (int i = 0; i < n; i++) fprintf(f, *lines[i] ? "%c %s\n" : "%c%s\n", mark, lines[i]);
}

static void print_case(FILE *f, const golden *g, int code, char *const *out, int n_out,
                       char *const *err, int n_err)
{
    fprintf(f, "=== %s\n", g->name);
    for (const char *at = g->command; *at;) {
        size_t n = strcspn(at, "\n");
        fprintf(f, "$ %.*s\n", (int)n, at);
        at += n + (at[n] == '\n');
    }
    if (code) fprintf(f, "exit %d\n", code);
    print_lines(f, '|', out, n_out);
    print_lines(f, '!', err, n_err);
    fprintf(f, "\n");
}

/* Runs one case; prints what differs. */
static bool run_case(const golden *g, FILE *rewrite)
{
    shell_result r;
    char *out[MAX_LINES], *err[MAX_LINES];
    shell_run(g->command, &r);
    int n_out = split(r.out, out), n_err = split(r.err, err);
    bool good = r.code == g->code && match(g->out, g->n_out, out, n_out) &&
                match(g->err, g->n_err, err, n_err);
    if (!good) {
        printf("FAILED: got\n");
        print_case(stdout, g, r.code, out, n_out, err, n_err);
        printf("where this was expected:\n");
        print_case(stdout, g, g->code, g->out, g->n_out, g->err, g->n_err);
    } else {
        printf("ok: %s\n", g->name);
    }
    if (rewrite && good)
        print_case(rewrite, g, g->code, g->out, g->n_out, g->err, g->n_err);
    else if (rewrite)
        print_case(rewrite, g, r.code, out, n_out, err, n_err);
    shell_release(&r);
    return good;
}

static bool read_line(golden *g, const char *line)
{
    size_t len = strlen(g->command);
    if (line[0] == '$')
        snprintf(g->command + len, sizeof g->command - len, "%s\n", after(line));
    else if (line[0] == '|' && g->n_out < MAX_LINES)
        g->out[g->n_out++] = copy(after(line));
    else if (line[0] == '!' && g->n_err < MAX_LINES)
        g->err[g->n_err++] = copy(after(line));
    else if (strncmp(line, "exit ", 5) == 0)
        g->code = atoi(line + 5);
    else
        return !*line || line[0] == '#';
    return true;
}

int main(int argc, char **argv)
{
    char line[4096], file[PATH_MAX], fresh[PATH_MAX + 8];
    static golden g;
    int failures = 0, cases = 0;
    if (argc < 3 || !realpath(argv[2], file)) {
        fprintf(stderr, "usage: %s LABENCH FILE.cases [--rewrite]\n", argv[0]);
        return 1;
    }
    bool rewriting = argc > 3 && strcmp(argv[3], "--rewrite") == 0;
    snprintf(fresh, sizeof fresh, "%s.new", file);
    FILE *f = fopen(file, "r"), *rewrite = rewriting ? fopen(fresh, "w") : NULL;
    if (!f || (rewriting && !rewrite)) {
        perror(file);
        return 1;
    }
    shell_begin(argv[1]);
    for (bool more = true; more;) {
        more = fgets(line, sizeof line, f) != NULL;
        line[strcspn(line, "\n")] = '\0';
        if (!more || strncmp(line, "===", 3) == 0) {
            if (*g.command) failures += !run_case(&g, rewrite), cases++;
            golden_clear(&g);
            if (more) snprintf(g.name, sizeof g.name, "%.250s", after(line + 2));
        } else if (!read_line(&g, line)) {
            printf("FAILED: a line of %s starts with no mark: %s\n", file, line);
            failures++;
        } else if (rewrite && line[0] == '#') {
            fprintf(rewrite, "%s\n", line);
        }
    }
    fclose(f);
    shell_end();
    if (rewrite && (fclose(rewrite) != 0 || rename(fresh, file) != 0)) perror(fresh);
    printf("%d of %d cases failed\n", failures, cases);
    return failures || !cases;
}
