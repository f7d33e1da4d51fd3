/* SPDX-License-Identifier: Apache-2.0
 * Asks a peer's program whether it can run here: `command --probe`, one JSON object on its stdout.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "peer.h"
#include "process.h"

#define ANSWER_MOST 65536

typedef struct talk {
    pid_t pid;
    int fd; /* its stdout */
    char answer[ANSWER_MOST];
    size_t len;
    bool late, exited;
    int status;
} talk;

static void not_usable(la_peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void not_usable(la_peer *peer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(peer->reason, sizeof peer->reason, format, args);
    va_end(args);
    peer->usable = false;
    for (char *c = peer->reason; *c; c++)
        if ((unsigned char)*c < 32) *c = ' ';
}

/* Its own process group, so that a hanging one is killed whole; stderr goes nowhere. */
static int start(const la_peer *peer, talk *t)
{
    static char flag[] = "--probe";
    char *argv[40];
    int ends[2];
    la_peer_env env;
    size_t n = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    if (la_peer_env_make(&env, NULL) != LA_OK) {
        close(ends[0]);
        close(ends[1]);
        return ENOMEM;
    }
    for (; n < peer->n_command; n++) argv[n] = peer->command[n];
    argv[n++] = flag;
    argv[n] = NULL;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    int rc = posix_spawnp(&t->pid, argv[0], &files, &attr, argv, env.vars);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    la_peer_env_release(&env);
    close(ends[1]);
    t->fd = ends[0];
    if (rc != 0) close(ends[0]);
    return rc;
}

/* Until it ends or the time is over; what it leaves running is killed with it. */
static void listen_to(talk *t)
{
    int64_t end = la_now_ns() + (int64_t)(LA_PEER_PROBE_S * 1e9);
    bool open = true;
    fcntl(t->fd, F_SETFL, O_NONBLOCK);
    while (!t->exited && !t->late) {
        struct pollfd p = {open ? t->fd : -1, POLLIN, 0};
        poll(&p, 1, 20);
        t->exited = la_process_has_exited(t->pid);
        while (open) {
            char rest[4096];
            bool room = t->len < sizeof t->answer - 1;
            ssize_t n = read(t->fd, room ? t->answer + t->len : rest,
                             room ? sizeof t->answer - 1 - t->len : sizeof rest);
            if (n < 0) break;
            if (n == 0) open = false;
            if (room) t->len += (size_t)n;
            if (!room && n > 0) break; /* a flood: the clock is looked at between reads */
        }
        t->late = !t->exited && la_now_ns() > end;
    }
    t->answer[t->len] = '\0';
    kill(-t->pid, SIGKILL);
    while (waitpid(t->pid, &t->status, 0) < 0 && errno == EINTR) {
    }
    close(t->fd);
}

static const char *word(const cJSON *o, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsString(item) && *item->valuestring ? item->valuestring : NULL;
}

static void understand(la_peer *peer, const char *answer)
{
    cJSON *o = cJSON_Parse(answer);
    const cJSON *usable = cJSON_GetObjectItemCaseSensitive(o, "usable");
    const char *version = word(o, "version"), *reason = word(o, "reason");
    if (!cJSON_IsBool(usable)) {
        not_usable(peer, "its probe prints no JSON with \"usable\": '%.60s'", answer);
    } else if (!cJSON_IsTrue(usable)) {
        not_usable(peer, "%.200s", reason ? reason : "its probe says so");
    } else if (!version) {
        not_usable(peer, "its probe names no version");
    } else {
        peer->usable = true;
        snprintf(peer->version, sizeof peer->version, "%.127s", version);
        const cJSON *some = cJSON_GetObjectItemCaseSensitive(o, "unusable");
        for (size_t i = 0; i < peer->n_impls; i++) {
            const char *why = word(some, peer->impls[i].name);
            if (why)
                snprintf(peer->impls[i].unusable, sizeof peer->impls[i].unusable, "%.199s", why);
        }
    }
    cJSON_Delete(o);
}

void la_peer_probe(la_peer *peer)
{
    if (peer->probed) return;
    peer->probed = true;
    talk *t = la_zalloc(sizeof *t, NULL);
    if (!t) {
        not_usable(peer, "out of memory for its probe");
        return;
    }
    int rc = start(peer, t);
    if (rc != 0) {
        not_usable(peer, "cannot start %.80s: %.60s", peer->command[0], strerror(rc));
    } else {
        listen_to(t);
        if (t->late) {
            not_usable(peer, "its probe did not end within %.0f s", LA_PEER_PROBE_S);
        } else if (WIFSIGNALED(t->status)) {
            not_usable(peer, "its probe died of SIG%.16s", sigabbrev_np(WTERMSIG(t->status)));
        } else if (WEXITSTATUS(t->status) != 0) {
            not_usable(peer, "its probe ended with exit code %d", WEXITSTATUS(t->status));
        } else {
            understand(peer, t->answer);
        }
    }
    la_free(t);
    la_peer_hash(peer);
}
