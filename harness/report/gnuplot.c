/* SPDX-License-Identifier: Apache-2.0 */
#include "gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "new_file.h"

extern char **environ;

enum { PATH_BYTES = 4096 };
int la_gnuplot_limit_s = 60;

static la_status join(char out[PATH_BYTES], const char *dir, const char *name, const char *ending,
                      la_err *err)
{
    if (snprintf(out, PATH_BYTES, "%s/%s%s", dir, name, ending) >= PATH_BYTES)
        return LA_FAIL(err, LA_E_ARG, "the path %.80s... is longer than %d bytes", dir,
                       PATH_BYTES - 1);
    return LA_OK;
}

static void sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

la_status la_write_file(const char *dir, const char *name, const char *bytes, size_t n, la_err *err)
{
    char path[PATH_BYTES];
    la_new_file file;
    LA_TRY(join(path, dir, name, "", err));
    LA_TRY(la_new_file_open(&file, path, err));
    fwrite(bytes, 1, n, file.f);
    return la_new_file_close(&file, LA_OK, err);
}

static la_status read_file(const char *path, la_text *out, la_err *err)
{
    char block[16384];
    size_t n;
    FILE *f = fopen(path, "re");
    if (!f) return LA_FAIL(err, LA_E_IO, "cannot read %s: %s", path, strerror(errno));
    while ((n = fread(block, 1, sizeof block, f)) > 0) la_text_bytes(out, block, n);
    bool bad = ferror(f) || out->failed;
    fclose(f);
    return bad ? LA_FAIL(err, LA_E_IO, "cannot read %s", path) : LA_OK;
}

/* ---- the program ---- */

struct la_gnuplot {
    const char *dir;
    char work[PATH_BYTES], stem[160], title[256];
    pid_t pid;
    int64_t begin;
};

static la_status spawn(const char *dir, const char *script, pid_t *pid, la_err *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addchdir_np(&files, dir);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "words", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&how, &none);
    /* A session of its own has no terminal, where a group that is not in its foreground is stopped. */
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    /* -d: no start-up file of the user's, so that figures look the same everywhere. */
    char name[] = "gnuplot", defaults[] = "-d", file[160];
    snprintf(file, sizeof file, "%.150s", script);
    char *argv[] = {name, defaults, file, NULL};
    int rc = posix_spawnp(pid, "gnuplot", &files, &how, argv, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    if (rc == 0) return LA_OK;
    return LA_FAIL(err, LA_E_ENV,
                   "gnuplot cannot be run (%s); the data are written. Figures need: sudo apt-get "
                   "install --no-install-recommends gnuplot-nox fonts-dejavu-core",
                   strerror(rc));
}

static la_status wait_for(const la_gnuplot *g, la_err *err)
{
    int status;
    for (;;) {
        pid_t got = waitpid(g->pid, &status, WNOHANG);
        if (got == g->pid) break;
        if (got < 0 && errno != EINTR)
            return LA_FAIL(err, LA_E_ENV, "lost sight of gnuplot: %s", strerror(errno));
        if (la_now_ns() - g->begin > la_gnuplot_limit_s * 1000000000ll) {
            kill(-g->pid, SIGKILL);
            waitpid(g->pid, &status, 0);
            return LA_FAIL(err, LA_E_ENV, "gnuplot took more than %d s and was stopped",
                           la_gnuplot_limit_s);
        }
        la_sleep_ns(3000000);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return LA_FAIL(err, LA_E_ENV,
                       "gnuplot is missing; the data are written. Figures need: sudo apt-get "
                       "install --no-install-recommends gnuplot-nox fonts-dejavu-core");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return LA_FAIL(err, LA_E_ENV, "gnuplot ended with %s %d",
                       WIFEXITED(status) ? "status" : "signal",
                       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return LA_OK;
}

/* Cairo dates a PDF, and knows no other way: another date of the same length in its place. */
static void redate(la_text *pdf)
{
    static const char before[] = "/CreationDate (D:", date[] = "20000101000000";
    char *at = pdf->len ? memmem(pdf->s, pdf->len, before, sizeof before - 1) : NULL;
    if (!at || (size_t)(pdf->s + pdf->len - at) < sizeof before + sizeof date) return;
    memcpy(at + sizeof before - 1, date, sizeof date - 1);
}

/* Puts our title in the place of gnuplot's own. */
static void retitle(const la_text *svg, const char *title, la_text *out)
{
    static const char theirs[] = "<title>Gnuplot</title>";
    const char *at = svg->len ? strstr(svg->s, theirs) : NULL;
    if (!at) {
        la_text_bytes(out, la_text_str(svg), svg->len);
        return;
    }
    la_text_bytes(out, svg->s, (size_t)(at - svg->s));
    la_text_add(out, "<title>");
    for (const char *c = title; *c; c++) {
        if (*c == '<' || *c == '>' || *c == '&')
            la_text_add(out, *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : "&amp;");
        else
            la_text_bytes(out, c, 1);
    }
    la_text_add(out, "</title>");
    at += sizeof theirs - 1;
    la_text_bytes(out, at, svg->len - (size_t)(at - svg->s));
}

static la_status collect(const la_plot_how *how, const char *work, const char *dir,
                         const char *stem, const char *title, la_err *err)
{
    enum { PDF = 2, TIKZ };
    const char *const endings[] = {".svg", ".png", how->pdf ? ".pdf" : NULL,
                                   how->tikz ? ".tikz" : NULL};
    for (size_t i = 0; i < LA_COUNT(endings); i++) {
        if (!endings[i]) continue;
        char path[PATH_BYTES], name[160];
        la_text raw = {0}, ready = {0};
        LA_TRY(join(path, work, stem, endings[i], err));
        snprintf(name, sizeof name, "%.120s%s", stem, endings[i]);
        la_status st = read_file(path, &raw, err);
        if (st == LA_OK && raw.len < 200)
            st = LA_FAIL(err, LA_E_ENV, "gnuplot wrote only %zu bytes of %s", raw.len, name);
        if (st == LA_OK && i == PDF) redate(&raw);
        if (st == LA_OK && i == TIKZ) st = la_tikz_finish(&raw, &ready, err);
        if (st == LA_OK && i != TIKZ) retitle(&raw, title, &ready);
        if (st == LA_OK) st = la_write_file(dir, name, la_text_str(&ready), ready.len, err);
        la_text_release(&raw);
        la_text_release(&ready);
        LA_TRY(st);
    }
    return LA_OK;
}

/* The first line gnuplot complained with, appended to the message. */
static la_status complain(const char *work, la_status st, la_err *err)
{
    char path[PATH_BYTES];
    la_text words = {0};
    la_err ignored;
    if (!err || join(path, work, "words", "", &ignored) != LA_OK) return st;
    if (read_file(path, &words, &ignored) == LA_OK && words.len > 0) {
        char said[256], before[512];
        snprintf(before, sizeof before, "%.500s", err->msg);
        snprintf(said, sizeof said, "%.250s", words.s + strspn(words.s, "\n ^"));
        said[strcspn(said, "\n")] = '\0';
        if (*said) LA_FAIL(err, st, "%s: %s", before, said);
    }
    la_text_release(&words);
    return st;
}

/* The temporary folder and what may be in it. */
static void clear(const la_gnuplot *g)
{
    static const char *const left[] = {".dat", ".gp", ".svg", ".png", ".pdf", ".tikz"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < LA_COUNT(left); i++)
        if (join(path, g->work, g->stem, left[i], NULL) == LA_OK) unlink(path);
    if (join(path, g->work, "words", "", NULL) == LA_OK) unlink(path);
    rmdir(g->work);
    sync_folder(g->dir);
}

static la_status start(la_gnuplot *g, const la_text *dat, const la_text *gp, la_err *err)
{
    static const char *const endings[] = {".dat", ".gp"};
    const la_text *const texts[] = {dat, gp};
    char name[160];
    LA_TRY(join(g->work, g->dir, ".", g->stem, err));
    if (strlen(g->work) + 8 > sizeof g->work) return LA_FAIL(err, LA_E_ARG, "the path is too long");
    strcat(g->work, ".XXXXXX");
    if (!mkdtemp(g->work))
        return LA_FAIL(err, LA_E_IO, "cannot make a folder in %s: %s", g->dir, strerror(errno));
    la_status st = LA_OK;
    for (size_t i = 0; i < LA_COUNT(endings) && st == LA_OK; i++) {
        snprintf(name, sizeof name, "%.120s%s", g->stem, endings[i]);
        st = la_write_file(g->dir, name, la_text_str(texts[i]), texts[i]->len, err);
        if (st == LA_OK)
            st = la_write_file(g->work, name, la_text_str(texts[i]), texts[i]->len, err);
    }
    if (st == LA_OK) st = spawn(g->work, name, &g->pid, err);
    if (st != LA_OK) clear(g);
    return st;
}

la_status la_gnuplot_begin(const char *dir, const char *stem, const char *title, const la_text *dat,
                           const la_text *gp, la_gnuplot **out, la_err *err)
{
    la_gnuplot *g = la_zalloc(sizeof *g, err);
    *out = NULL;
    if (!g) return LA_E_NOMEM;
    g->dir = dir;
    g->begin = la_now_ns();
    snprintf(g->stem, sizeof g->stem, "%s", stem);
    snprintf(g->title, sizeof g->title, "%s", title);
    la_status st = start(g, dat, gp, err);
    if (st == LA_OK)
        *out = g;
    else
        la_free(g);
    return st;
}

la_status la_gnuplot_end(la_gnuplot *g, const la_plot_how *how, la_err *err)
{
    la_status st = wait_for(g, err);
    if (st == LA_OK) st = collect(how, g->work, g->dir, g->stem, g->title, err);
    if (st != LA_OK) st = complain(g->work, st, err);
    clear(g);
    la_free(g);
    return st;
}

la_status la_gnuplot_draw(const la_plot_how *how, const char *dir, const char *stem,
                          const char *title, const la_text *dat, const la_text *gp, la_err *err)
{
    la_gnuplot *g;
    LA_TRY(la_gnuplot_begin(dir, stem, title, dat, gp, &g, err));
    return la_gnuplot_end(g, how, err);
}
