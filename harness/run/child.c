/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "child_internal.h"
#include "clock.h"
#include "process.h"
#include "sysfile.h"

#define TICK_MS   100
#define GRACE_NS  INT64_C(2000000000) /* between SIGTERM and SIGKILL */
#define READ_MOST ((size_t)1 << 20)   /* per turn, so that a flood cannot starve the clock */

/* The workers that live, for a signal handler; 0: a free place. */
static volatile sig_atomic_t living[LA_CHILDREN_MAX];
static int wake_fd = -1;

void la_child_wake_fd(int fd)
{
    wake_fd = fd;
}

void la_child_kill_now(void)
{
    for (size_t i = 0; i < LA_CHILDREN_MAX; i++) {
        pid_t pid = (pid_t)living[i];
        if (pid > 0) kill(-pid, SIGKILL);
    }
}

/* One number for another in the list of the living. */
static void exchange(pid_t from, pid_t to)
{
    for (size_t i = 0; i < LA_CHILDREN_MAX; i++)
        if ((pid_t)living[i] == from) {
            living[i] = to;
            return;
        }
}

/* A program is of our own group, which the runner kills when we are gone. */
static void signal_child(const la_child *c, int signal)
{
    kill(c->limits.program ? c->pid : -c->pid, signal);
}

static void kill_group(const la_child *c)
{
    signal_child(c, SIGKILL);
}

static void give_up(la_child *c, const char *message)
{
    c->broken = true;
    la_attempt_conclude(c->attempt, LA_OUTCOME_ERROR, "%s", message);
    kill_group(c);
    la_child_close_fd(&c->records);
}

/* A stream that breaks the protocol is the worker's fault; anything else is ours. */
static void give_up_for(la_child *c, la_status st, const la_err *err)
{
    if (st != LA_E_FORMAT) {
        c->failed = st;
        c->why = *err;
    }
    give_up(c, err->msg);
}

static void take_records(la_child *c)
{
    la_record record;
    la_err err;
    bool more = true;
    while (more) {
        la_status st = la_record_next(&c->reader, &record, &more, &err);
        if (st == LA_OK && more) st = la_attempt_take(c->attempt, &record, &err);
        if (st != LA_OK) {
            give_up_for(c, st, &err);
            return;
        }
    }
}

static void read_records(la_child *c)
{
    char bytes[16384];
    for (size_t taken = 0; c->records >= 0 && taken < READ_MOST;) {
        ssize_t n = read(c->records, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            la_child_close_fd(&c->records);
            return;
        }
        taken += (size_t)n;
        la_err err;
        la_status st = la_record_feed(&c->reader, bytes, (size_t)n, &err);
        if (st == LA_OK)
            take_records(c);
        else
            give_up_for(c, st, &err);
    }
}

static void read_errs(la_child *c)
{
    char bytes[16384];
    for (size_t taken = 0; c->errs >= 0 && taken < READ_MOST;) {
        ssize_t n = read(c->errs, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            la_child_close_fd(&c->errs);
            return;
        }
        taken += (size_t)n;
        for (ssize_t i = 0; i < n; i++) c->ring[c->ring_total++ % LA_CHILD_RING] = bytes[i];
    }
}

static int64_t resident(pid_t pid)
{
    char path[40];
    long long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    if (fscanf(f, "%*s %lld", &pages) != 1) pages = 0;
    fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* Of a process and its children, without `shared` bytes of memory files that another one counts. */
static int64_t resident_tree(pid_t pid, int64_t shared, int depth)
{
    char path[64];
    int64_t bytes = resident(pid);
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int64_t files = la_sysfile_bytes(path, "RssShmem");
    if (files > 0) bytes -= files < shared ? files : shared;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = depth > 0 ? fopen(path, "re") : NULL;
    for (int one; f && fscanf(f, "%d", &one) == 1;)
        bytes += resident_tree((pid_t)one, shared, depth - 1);
    if (f) fclose(f);
    return bytes;
}

static int64_t resident_of(const la_child *c)
{
    const la_child_program *program = c->limits.program;
    if (!program) return resident(c->pid);
    return resident(getpid()) + resident_tree(c->pid, (int64_t)program->shared, 4);
}

static void enforce_limits(la_child *c)
{
    int64_t now = la_now_ns();
    if (!c->limits.program && strcmp(c->attempt->phase, LA_PHASE_WAITING) == 0) c->counted = now;
    double elapsed = (double)(now - c->counted) / 1e9;
    if (c->term_at == 0 && c->limits.timeout_s > 0 && elapsed > c->limits.timeout_s) {
        c->timed_out = true;
        c->term_at = now;
        signal_child(c, SIGTERM);
        signal_child(c, SIGCONT); /* a stopped process takes no signal */
    }
    if (c->term_at && now - c->term_at > GRACE_NS) kill_group(c);
    int64_t bytes = c->limits.memory ? resident_of(c) : 0;
    if (!c->too_large && bytes > (int64_t)c->limits.memory) {
        c->too_large = bytes;
        kill_group(c);
    }
}

/* Where all together take more than there is, the one goes that took most beyond what it was expected
 * to, and nobody else has to suffer for it. */
static void enforce_sum(la_child *const *children, size_t n, size_t memory)
{
    int64_t sum = 0, most = INT64_MIN;
    la_child *worst = NULL;
    for (size_t i = 0; i < n; i++) {
        la_child *c = children[i];
        if (c->exited || c->too_large) return; /* memory is about to be given back */
        int64_t bytes = resident_of(c), beyond = bytes - (int64_t)c->limits.expected;
        sum += bytes;
        if (beyond > most) {
            most = beyond;
            worst = c;
        }
    }
    if (n < 2 || memory == 0 || sum <= (int64_t)memory) return;
    worst->crowded = true;
    worst->too_large = resident_of(worst);
    kill_group(worst);
}

static void tick(la_child *const *children, size_t n, la_child_watch *watch)
{
    int64_t now = la_now_ns();
    watch->next_tick = now + TICK_MS * INT64_C(1000000);
    double elapsed = (double)(now - children[0]->start) / 1e9;
    bool stop = watch->stop && watch->stop(elapsed, watch->context);
    for (size_t i = 0; i < n; i++) {
        if (stop) la_child_stop_now(children[i]);
        enforce_limits(children[i]);
    }
    enforce_sum(children, n, watch->memory);
}

/* Sleeps until one of them says something or ends, a signal comes, or it is time for a tick. True: a signal
 * came. */
static bool sleep_for_news(la_child *const *children, size_t n)
{
    struct pollfd fds[3 * LA_CHILDREN_MAX + 1];
    nfds_t count = 0;
    int wait_ms = TICK_MS;
    for (size_t i = 0; i < n; i++) {
        const la_child *c = children[i];
        fds[count++] = (struct pollfd){c->records, POLLIN, 0};
        fds[count++] = (struct pollfd){c->errs, POLLIN, 0};
        fds[count++] = (struct pollfd){c->pidfd, POLLIN, 0};
        if (c->pidfd < 0) wait_ms = 10;
    }
    fds[count++] = (struct pollfd){wake_fd, POLLIN, 0};
    return poll(fds, count, wait_ms) > 0 && fds[count - 1].revents;
}

bool la_child_ended(const la_child *c)
{
    return c->exited;
}

void la_child_stop_now(la_child *c)
{
    if (c->stopped) return;
    c->stopped = true;
    kill_group(c);
}

void la_child_wait(la_child *const *children, size_t n, la_child_watch *watch)
{
    bool ended = false;
    if (n == 0) return;
    if (watch->next_tick == 0) watch->next_tick = la_now_ns() + TICK_MS * INT64_C(1000000);
    while (!ended) {
        bool woken = sleep_for_news(children, n);
        for (size_t i = 0; i < n; i++) {
            la_child *c = children[i];
            read_records(c);
            read_errs(c);
            c->exited = c->exited || la_process_has_exited(c->pid);
            ended |= c->exited;
        }
        if (woken || la_now_ns() >= watch->next_tick) tick(children, n, watch);
    }
}

static void bury(la_child *c)
{
    kill_group(c);
    read_records(c);
    read_errs(c);
    while (wait4(c->pid, &c->status, 0, &c->usage) < 0 && errno == EINTR) {
    }
    if (!c->limits.program) exchange(c->pid, 0);
    la_child_close_fd(&c->records);
    la_child_close_fd(&c->errs);
    la_child_close_fd(&c->pidfd);
}

static void child_free(la_child *c)
{
    la_record_reader_release(&c->reader);
    la_free(c);
}

la_status la_child_start(const char *job, const la_child_limits *limits, la_attempt *attempt,
                         la_child **out, la_err *err)
{
    la_child *c = la_zalloc(sizeof *c, err);
    if (!c) return LA_E_NOMEM;
    c->limits = *limits;
    c->attempt = attempt;
    c->pidfd = c->records = c->errs = -1;
    c->start = c->counted = la_now_ns();
    double load;
    if (getloadavg(&load, 1) == 1) attempt->row.load1 = load;
    c->oom_kills = la_child_oom_kills();
    la_status st = la_child_spawn(c, job, err);
    if (st != LA_OK) {
        child_free(c);
        return st;
    }
    if (!limits->program) exchange(0, c->pid);
    *out = c;
    return LA_OK;
}

la_status la_child_end(la_child *c, la_err *err)
{
    bury(c);
    la_child_judge(c);
    la_status st = c->failed;
    if (st != LA_OK && err) *err = c->why;
    child_free(c);
    return st;
}

la_status la_child_run(const char *job, const la_child_limits *limits, la_child_stop stop,
                       void *context, la_attempt *attempt, la_err *err)
{
    la_child *c;
    la_child_watch watch = {.stop = stop, .context = context};
    LA_TRY(la_child_start(job, limits, attempt, &c, err));
    la_child_wait(&c, 1, &watch);
    return la_child_end(c, err);
}
