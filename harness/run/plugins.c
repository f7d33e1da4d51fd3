/* SPDX-License-Identifier: Apache-2.0
 * The processes that hold the plugins, and how they are asked.
 */
#include "plugins.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "plugin_load.h"
#include "plugin_proxy.h"
#include "process.h"
#include "registry.h"

enum {
    PATIENCE_MS =
        10000,       /* of an answer; a library that loads a whole runtime takes a second or two */
    MOST_STARTS = 4, /* a plugin that dies more often is not asked again */
    FD_LOW = 10,     /* our end lies above the number that the other's end gets */
};

extern char **environ;

typedef struct plugin {
    la_plugin_ref ref; /* ref.path owned */
    la_plugin_proxy *proxy;
    pid_t pid;     /* 0: none runs */
    int fd, words; /* -1: none; words: what it prints */
    int starts;
    char last[LA_ERR_MAX]; /* how it died last */
    la_status last_status;
} plugin;

static plugin plugins[LA_PLUGINS_MAX];
static size_t n_plugins;

/* ---- a process ---- */

static la_status spawn(plugin *p, int theirs, la_err *err)
{
    static char name[] = "labench", word[] = "plugin";
    char *argv[] = {name, word, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, p->words, 1);
    posix_spawn_file_actions_adddup2(&files, p->words, 2);
    posix_spawn_file_actions_adddup2(&files, theirs, 3);
    posix_spawnattr_setpgroup(&attr, 0); /* Ctrl-C is for the program, not for this one */
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn(&p->pid, "/proc/self/exe", &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    if (rc == 0) return LA_OK;
    p->pid = 0;
    return LA_FAIL(err, LA_E_IO, "cannot start the process that loads plugins: %s", strerror(rc));
}

static int raise_fd(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_LOW);
    close(fd);
    return high;
}

static la_status start(plugin *p, la_err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return LA_FAIL(err, LA_E_IO, "no socket for a plugin: %s", strerror(errno));
    p->fd = raise_fd(pair[0]);
    int theirs = raise_fd(pair[1]), words = memfd_create("labench-plugin", MFD_CLOEXEC);
    p->words = words < 0 ? -1 : raise_fd(words);
    la_status st = p->fd < 0 || theirs < 0 || p->words < 0
                       ? LA_FAIL(err, LA_E_IO, "no descriptors for a plugin: %s", strerror(errno))
                       : spawn(p, theirs, err);
    if (theirs >= 0) close(theirs);
    if (st == LA_OK) p->starts++;
    return st;
}

/* Leaves it a second to end by itself. */
static void let_end(pid_t pid)
{
    enum { LOOKS = 200, EACH_NS = 5000000 };
    for (int i = 0; i < LOOKS && !la_process_has_exited(pid); i++) la_sleep_ns(EACH_NS);
}

/* Ends the process, which may be at its end already, with whatever it started, and closes what belongs to it; its
 * wait status. */
static int stop(plugin *p, bool kill_it)
{
    int status = 0;
    if (p->pid > 0) {
        if (p->fd >= 0) close(p->fd);
        p->fd = -1;
        if (!kill_it) let_end(p->pid);
        kill(-p->pid, SIGKILL);
        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
        }
    } else if (p->fd >= 0) {
        close(p->fd);
    }
    if (p->words >= 0) close(p->words);
    p->fd = p->words = -1;
    p->pid = 0;
    return status;
}

/* The last line that the process printed, in quotes, or nothing. */
static void last_words(const plugin *p, char *buf, size_t cap)
{
    char bytes[256];
    off_t len = p->words >= 0 ? lseek(p->words, 0, SEEK_END) : 0;
    off_t from = len > (off_t)sizeof bytes - 1 ? len - (off_t)sizeof bytes + 1 : 0;
    ssize_t n = len > 0 ? pread(p->words, bytes, sizeof bytes - 1, from) : 0;
    buf[0] = '\0';
    while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == ' ')) n--;
    if (n <= 0) return;
    bytes[n] = '\0';
    char *line = strrchr(bytes, '\n');
    snprintf(buf, cap, "; it said '%s'", line ? line + 1 : bytes);
}

/* Notes down in p->last how the process failed while it was at `what`, and ends it. */
static void bury(plugin *p, int answered, const char *what)
{
    char words[300];
    last_words(p, words, sizeof words);
    if (answered < 0) {
        stop(p, true);
        p->starts = MOST_STARTS; /* each further try would cost as long */
        p->last_status = LA_E_TIMEOUT;
        snprintf(p->last, sizeof p->last, "plugin %.300s gave no answer for %d s in %s%s",
                 p->ref.path, PATIENCE_MS / 1000, what, words);
        return;
    }
    int status = stop(p, false);
    p->last_status = LA_E_IO;
    if (WIFSIGNALED(status)) {
        const char *signal = sigabbrev_np(WTERMSIG(status));
        snprintf(p->last, sizeof p->last, "plugin %.300s crashed in %s (SIG%s)%s", p->ref.path,
                 what, signal ? signal : "?", words);
    } else {
        snprintf(p->last, sizeof p->last, "plugin %.300s ended its process in %s (exit code %d)%s",
                 p->ref.path, what, WEXITSTATUS(status), words);
    }
}

/* Starts the process and reads what it says of the plugin: owned text, the description. */
static la_status load(plugin *p, char **description, la_err *err)
{
    la_wire_head head;
    *description = NULL;
    LA_TRY(start(p, err));
    uint32_t len = (uint32_t)strlen(p->ref.path);
    int said = la_wire_write(p->fd, &len, sizeof len) && la_wire_write(p->fd, p->ref.path, len);
    if (said) said = la_wire_read(p->fd, &head, sizeof head, PATIENCE_MS);
    char *text =
        said == 1 && head.len <= LA_WIRE_TEXT_MAX ? la_zalloc((size_t)head.len + 1, err) : NULL;
    if (text) said = la_wire_read(p->fd, text, head.len, PATIENCE_MS);
    if (!text || said != 1) {
        la_free(text);
        bury(p, said, "loading");
        return LA_FAIL(err, p->last_status, "%s", p->last);
    }
    if (head.status == LA_OK) {
        *description = text;
        return LA_OK;
    }
    la_status st = LA_FAIL(err, (la_status)head.status, "%s", text);
    la_free(text);
    stop(p, true);
    return st;
}

/* ---- asking ---- */

/* A process that died is started again, a few times. */
static la_status revive(plugin *p, la_err *err)
{
    char *description;
    if (p->pid > 0) return LA_OK;
    if (p->starts >= MOST_STARTS) return LA_FAIL(err, p->last_status, "%s", p->last);
    LA_TRY(load(p, &description, err));
    la_free(description);
    return LA_OK;
}

la_status la_plugins_ask(size_t slot, la_wire_ask *ask, const void *opts, size_t opts_bytes,
                         la_wire_answer *out, la_err *err)
{
    plugin *p = &plugins[slot];
    ask->opts_bytes = opts ? (uint32_t)opts_bytes : 0;
    LA_TRY(revive(p, err));
    int said = la_wire_write(p->fd, ask, sizeof *ask) &&
               (!ask->opts_bytes || la_wire_write(p->fd, opts, ask->opts_bytes));
    if (said) said = la_wire_read(p->fd, out, sizeof *out, PATIENCE_MS);
    if (said != 1) {
        bury(p, said, la_wire_names[ask->what]);
        return LA_FAIL(err, p->last_status, "%s", p->last);
    }
    out->message[sizeof out->message - 1] = '\0';
    return out->status == LA_OK ? LA_OK : LA_FAIL(err, out->status, "%s", out->message);
}

/* ---- the list ---- */

static la_status add(plugin *p, la_err *err)
{
    char *description;
    la_err why = {0};
    LA_TRY(load(p, &description, err));
    la_status st = la_plugin_proxy_new(description, n_plugins, &p->proxy, &why);
    la_free(description);
    if (st == LA_OK) {
        const char *code = la_plugin_proxy_code(p->proxy);
        snprintf(p->ref.code, sizeof p->ref.code, "%s", code);
        st = la_registry_add_from(la_plugin_proxy_variant(p->proxy), p->ref.path, code, &why);
    }
    return st == LA_OK ? LA_OK : LA_FAIL(err, st, "plugin %.300s: %s", p->ref.path, why.msg);
}

static void release(plugin *p)
{
    stop(p, true);
    if (p->proxy) la_registry_remove(la_plugin_proxy_variant(p->proxy));
    la_plugin_proxy_free(p->proxy);
    la_free((char *)p->ref.path);
    *p = (plugin){.fd = -1, .words = -1};
}

la_status la_plugins_open(const char *path, la_err *err)
{
    char code[33];
    LA_TRY(la_plugin_file_check(path, code, err));
    char *full = realpath(path, NULL), *own = full ? la_strdup(full, err) : NULL;
    free(full);
    if (!own) return LA_FAIL(err, LA_E_IO, "plugin %.300s: its path cannot be resolved", path);
    for (size_t i = 0; i < n_plugins; i++)
        if (strcmp(plugins[i].ref.path, own) == 0) {
            la_free(own);
            return LA_OK;
        }
    if (n_plugins == LA_PLUGINS_MAX) {
        la_free(own);
        return LA_FAIL(err, LA_E_ARG, "plugin %.300s is one more than the %d that there may be",
                       path, LA_PLUGINS_MAX);
    }
    plugin *p = &plugins[n_plugins];
    *p = (plugin){.ref.path = own, .fd = -1, .words = -1};
    la_status st = add(p, err);
    if (st == LA_OK)
        n_plugins++;
    else
        release(p);
    return st;
}

size_t la_plugins_count(void)
{
    return n_plugins;
}

const la_plugin_ref *la_plugins_at(size_t i)
{
    return &plugins[i].ref;
}

const la_variant *la_plugins_variant(size_t i)
{
    return la_plugin_proxy_variant(plugins[i].proxy);
}

const char *la_plugins_built_with(size_t i)
{
    return la_plugin_proxy_built_with(plugins[i].proxy);
}

void la_plugins_close(void)
{
    while (n_plugins) release(&plugins[--n_plugins]);
}
