/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "text.h"

#define RING      65536
#define JOB_MOST  60000 /* fits into an empty pipe, so that writing it never waits for the worker */
#define TICK_MS   100
#define GRACE_NS  INT64_C(2000000000) /* between SIGTERM and SIGKILL */
#define FD_LOW    10                /* our ends lie above the numbers that the worker's ends get */
#define READ_MOST ((size_t)1 << 20) /* per turn, so that a flood cannot starve the clock */

extern char **environ;

typedef struct child {
    pid_t pid;
    int pidfd, records, errs; /* -1: closed or not there */
    la_record_reader reader;
    char ring[RING];
    size_t ring_total;
    const la_child_limits *limits;
    la_attempt *attempt;
    int64_t start, term_at; /* term_at: when SIGTERM was sent; 0: not yet */
    bool exited, stopped, broken, timed_out;
    la_status failed; /* the runner itself could not go on, e.g. for want of memory */
    la_err why;
    int64_t too_large; /* resident bytes that passed the limit; 0: none did */
    int status;
    struct rusage usage;
} child;

static volatile sig_atomic_t current_pid;
static int wake_fd = -1;
static cpu_set_t cores; /* see la_child_keep_cores */
static bool cores_kept;

void la_child_keep_cores(void)
{
    cores_kept = sched_getaffinity(0, sizeof cores, &cores) == 0;
}

void la_child_wake_fd(int fd)
{
    wake_fd = fd;
}

void la_child_kill_now(void)
{
    pid_t pid = (pid_t)current_pid;
    if (pid > 0) kill(-pid, SIGKILL);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static la_status make_pipe(int fd[2], la_err *err)
{
    int low[2];
    fd[0] = fd[1] = -1;
    if (pipe2(low, O_CLOEXEC) != 0)
        return LA_FAIL(err, LA_E_IO, "no pipe for a worker: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        fd[i] = fcntl(low[i], F_DUPFD_CLOEXEC, FD_LOW);
        close(low[i]);
    }
    if (fd[0] >= 0 && fd[1] >= 0) return LA_OK;
    int why = errno;
    close_fd(&fd[0]);
    close_fd(&fd[1]);
    return LA_FAIL(err, LA_E_IO, "no pipe for a worker: %s", strerror(why));
}

/* The environment with what decides on threads set from the cell and not by the user's shell. */
typedef struct worker_env {
    char **vars; /* owned array of borrowed strings */
    char omp[40], blas[40];
} worker_env;

static bool is_replaced(const char *var)
{
    static const char *const names[] = {
        "OMP_NUM_THREADS=",  "OPENBLAS_NUM_THREADS=", "OMP_PROC_BIND=",
        "OMP_PLACES=",       "OMP_DYNAMIC=",          "MKL_NUM_THREADS=",
        "GOTO_NUM_THREADS=", "OMP_THREAD_LIMIT=",     "GOMP_CPU_AFFINITY="};
    for (size_t i = 0; i < LA_COUNT(names); i++)
        if (strncmp(var, names[i], strlen(names[i])) == 0) return true;
    return false;
}

static la_status make_env(worker_env *env, int threads, la_err *err)
{
    static char bind[] = "OMP_PROC_BIND=close", places[] = "OMP_PLACES=cores",
                dynamic[] = "OMP_DYNAMIC=false";
    size_t n = 0, count = 0;
    while (environ[count]) count++;
    env->vars = la_alloc((count + 6) * sizeof *env->vars, err);
    if (!env->vars) return LA_E_NOMEM;
    for (size_t i = 0; i < count; i++)
        if (!is_replaced(environ[i])) env->vars[n++] = environ[i];
    snprintf(env->omp, sizeof env->omp, "OMP_NUM_THREADS=%d", threads);
    snprintf(env->blas, sizeof env->blas, "OPENBLAS_NUM_THREADS=%d", threads);
    env->vars[n++] = env->omp;
    env->vars[n++] = env->blas;
    env->vars[n++] = bind;
    env->vars[n++] = places;
    env->vars[n++] = dynamic;
    env->vars[n] = NULL;
    return LA_OK;
}

/* No blocked or ignored signals, stdin from /dev/null, records on fd 3, the job on fd 4; every other
 * descriptor of ours closes on exec. */
static la_status spawn_with(posix_spawn_file_actions_t *files, short flags, pid_t *pid,
                            char *const *argv, char *const *vars, la_err *err)
{
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr,
                             (short)(flags | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    int rc = posix_spawn(pid, "/proc/self/exe", files, &attr, argv, vars);
    posix_spawnattr_destroy(&attr);
    return rc == 0 ? LA_OK : LA_FAIL(err, LA_E_IO, "cannot start a worker: %s", strerror(rc));
}

/* Its own process group; stdout and stderr into one pipe. */
static la_status spawn_worker(child *c, int job_end, int record_end, int err_end, la_err *err)
{
    static char name[] = "labench", word[] = "worker";
    char *argv[] = {name, word, NULL};
    worker_env env = {0};
    posix_spawn_file_actions_t files;
    LA_TRY(make_env(&env, c->limits->threads, err));
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, err_end, 1);
    posix_spawn_file_actions_adddup2(&files, err_end, 2);
    posix_spawn_file_actions_adddup2(&files, record_end, 3);
    posix_spawn_file_actions_adddup2(&files, job_end, 4);
    la_status st = spawn_with(&files, POSIX_SPAWN_SETPGROUP, &c->pid, argv, env.vars, err);
    posix_spawn_file_actions_destroy(&files);
    la_free(env.vars);
    return st;
}

enum { PROGRAM_WORDS = 40 };

/* By way of la_child_become. Our own thread may be bound to one core by now, which a child would
 * inherit. */
static la_status spawn_program(child *c, int job_end, int record_end, la_err *err)
{
    static char name[] = "labench", word[] = "worker", become[] = "exec";
    const la_child_program *program = c->limits->program;
    char self[24], *argv[PROGRAM_WORDS + 5] = {name, word, become, self};
    posix_spawn_file_actions_t files;
    cpu_set_t own;
    size_t n = 0;
    snprintf(self, sizeof self, "%d", (int)getpid());
    while (n < PROGRAM_WORDS && program->argv[n]) {
        argv[n + 4] = program->argv[n];
        n++;
    }
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, record_end, 3);
    posix_spawn_file_actions_adddup2(&files, job_end, 4);
    posix_spawn_file_actions_adddup2(&files, program->tensors, 5);
    bool moved = cores_kept && sched_getaffinity(0, sizeof own, &own) == 0 &&
                 sched_setaffinity(0, sizeof cores, &cores) == 0;
    la_status st = spawn_with(&files, 0, &c->pid, argv, program->env, err);
    if (moved) sched_setaffinity(0, sizeof own, &own);
    posix_spawn_file_actions_destroy(&files);
    return st;
}

int la_child_become(int argc, char **argv)
{
    int words = 0; /* argv: labench worker exec PID PROGRAM ... */
    while (words < argc && argv[words]) words++;
    if (words < 5) return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)strtol(argv[3], NULL, 10)) return 1; /* it died before the line above */
    execvp(argv[4], argv + 4);
    fprintf(stderr, "cannot start %s: %s\n", argv[4], strerror(errno));
    return 127;
}

static la_status write_job(int fd, const char *job, la_err *err)
{
    size_t len = strlen(job);
    if (len > JOB_MOST)
        return LA_FAIL(err, LA_E_INTERNAL, "a job of %zu bytes; the most is %d", len, JOB_MOST);
    if (write(fd, job, len) != (ssize_t)len)
        return LA_FAIL(err, LA_E_IO, "cannot hand a worker its job: %s", strerror(errno));
    return LA_OK;
}

static la_status start_child(child *c, const char *job, la_err *err)
{
    int jobs[2] = {-1, -1}, records[2] = {-1, -1}, errs[2] = {-1, -1};
    bool ours = !c->limits->program;
    la_status st = make_pipe(jobs, err);
    if (st == LA_OK) st = make_pipe(records, err);
    if (st == LA_OK && ours) st = make_pipe(errs, err);
    if (st == LA_OK) st = write_job(jobs[1], job, err);
    if (st == LA_OK)
        st = ours ? spawn_worker(c, jobs[0], records[1], errs[1], err)
                  : spawn_program(c, jobs[0], records[1], err);
    close_fd(&jobs[0]);
    close_fd(&jobs[1]);
    close_fd(&records[1]);
    close_fd(&errs[1]);
    if (st != LA_OK) {
        close_fd(&records[0]);
        close_fd(&errs[0]);
        return st;
    }
    if (ours) current_pid = c->pid;
    c->records = records[0];
    c->errs = errs[0];
    fcntl(c->records, F_SETFL, O_NONBLOCK);
    if (ours) fcntl(c->errs, F_SETFL, O_NONBLOCK);
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0); /* -1 on old kernels: then we only tick */
    if (c->pidfd >= 0) fcntl(c->pidfd, F_SETFD, FD_CLOEXEC);
    return LA_OK;
}

/* A program is of our own group, which the runner kills when we are gone. */
static void signal_child(const child *c, int signal)
{
    kill(c->limits->program ? c->pid : -c->pid, signal);
}

static void kill_group(const child *c)
{
    signal_child(c, SIGKILL);
}

static void give_up(child *c, const char *message)
{
    c->broken = true;
    la_attempt_conclude(c->attempt, LA_OUTCOME_ERROR, "%s", message);
    kill_group(c);
    close_fd(&c->records);
}

/* A stream that breaks the protocol is the worker's fault; anything else is ours. */
static void give_up_for(child *c, la_status st, const la_err *err)
{
    if (st != LA_E_FORMAT) {
        c->failed = st;
        c->why = *err;
    }
    give_up(c, err->msg);
}

static void take_records(child *c)
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

static void read_records(child *c)
{
    char bytes[16384];
    for (size_t taken = 0; c->records >= 0 && taken < READ_MOST;) {
        ssize_t n = read(c->records, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            close_fd(&c->records);
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

static void read_errs(child *c)
{
    char bytes[16384];
    for (size_t taken = 0; c->errs >= 0 && taken < READ_MOST;) {
        ssize_t n = read(c->errs, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            close_fd(&c->errs);
            return;
        }
        taken += (size_t)n;
        for (ssize_t i = 0; i < n; i++) c->ring[c->ring_total++ % RING] = bytes[i];
    }
}

/* Without reaping: the group's number stays taken until we have killed what is left of it. */
static bool has_exited(const child *c)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == c->pid;
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
    char path[64], line[256];
    int64_t bytes = resident(pid), files = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssShmem: %" SCNd64, &files) == 1) break;
    if (f) fclose(f);
    files *= 1024;
    bytes -= files < shared ? files : shared;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    f = depth > 0 ? fopen(path, "re") : NULL;
    for (int one; f && fscanf(f, "%d", &one) == 1;)
        bytes += resident_tree((pid_t)one, shared, depth - 1);
    if (f) fclose(f);
    return bytes;
}

static int64_t resident_of(const child *c)
{
    const la_child_program *program = c->limits->program;
    if (!program) return resident(c->pid);
    return resident(getpid()) + resident_tree(c->pid, (int64_t)program->shared, 4);
}

static void enforce_limits(child *c, la_child_stop stop, void *context)
{
    int64_t now = la_now_ns();
    double elapsed = (double)(now - c->start) / 1e9;
    if (!c->stopped && stop && stop(elapsed, context)) {
        c->stopped = true;
        kill_group(c);
    }
    if (c->term_at == 0 && c->limits->timeout_s > 0 && elapsed > c->limits->timeout_s) {
        c->timed_out = true;
        c->term_at = now;
        signal_child(c, SIGTERM);
        signal_child(c, SIGCONT); /* a stopped process takes no signal */
    }
    if (c->term_at && now - c->term_at > GRACE_NS) kill_group(c);
    int64_t bytes = c->limits->memory ? resident_of(c) : 0;
    if (!c->too_large && bytes > (int64_t)c->limits->memory) {
        c->too_large = bytes;
        kill_group(c);
    }
}

static void watch(child *c, la_child_stop stop, void *context)
{
    int64_t next_tick = c->start + TICK_MS * INT64_C(1000000);
    while (!c->exited) {
        struct pollfd fds[4] = {{c->records, POLLIN, 0},
                                {c->errs, POLLIN, 0},
                                {c->pidfd, POLLIN, 0},
                                {wake_fd, POLLIN, 0}};
        int wait_ms = c->pidfd >= 0 ? TICK_MS : 10;
        int ready = poll(fds, 4, wait_ms);
        read_records(c);
        read_errs(c);
        c->exited = has_exited(c);
        if (la_now_ns() >= next_tick || (ready > 0 && fds[3].revents)) {
            next_tick = la_now_ns() + TICK_MS * INT64_C(1000000);
            enforce_limits(c, stop, context);
        }
    }
}

static void bury(child *c)
{
    kill_group(c);
    read_records(c);
    read_errs(c);
    while (wait4(c->pid, &c->status, 0, &c->usage) < 0 && errno == EINTR) {
    }
    current_pid = 0;
    close_fd(&c->records);
    close_fd(&c->errs);
    close_fd(&c->pidfd);
}

/* The end of what the worker printed, oldest first, NUL bytes made visible. */
static void keep_stderr(child *c)
{
    size_t len = c->ring_total < RING ? c->ring_total : RING;
    if (len == 0) return;
    char *tail = la_alloc(len + 1, NULL);
    if (!tail) return;
    for (size_t i = 0; i < len; i++) {
        char b = c->ring[(c->ring_total - len + i) % RING];
        tail[i] = b ? b : '?';
    }
    tail[len] = '\0';
    c->attempt->stderr_tail = tail;
}

/* Processes that the kernel killed for want of memory, since boot. */
static int64_t oom_kills(void)
{
    FILE *f = fopen("/proc/vmstat", "re");
    char line[128];
    int64_t n = -1;
    while (f && n < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "oom_kill %" SCNd64, &n) != 1) n = -1;
    if (f) fclose(f);
    return n;
}

static void judge_signal(child *c, int signal, int64_t oom_before)
{
    la_attempt *a = c->attempt;
    const char *name = sigabbrev_np(signal);
    switch (signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGABRT:
    case SIGSYS:
    case SIGTRAP:
        la_attempt_conclude(a, LA_OUTCOME_CRASH, "SIG%s in phase '%s'", name, a->phase);
        return;
    case SIGKILL:
        if (oom_kills() > oom_before) {
            la_attempt_conclude(a, LA_OUTCOME_OOM_HOST,
                                "the system ran out of memory and killed the worker in phase '%s'",
                                a->phase);
            return;
        }
        break;
    default:
        break;
    }
    la_attempt_conclude(a, LA_OUTCOME_KILLED, "killed by SIG%s from outside in phase '%s'",
                        name ? name : "?", a->phase);
}

static void judge_limits(child *c)
{
    la_attempt *a = c->attempt;
    char took[24], limit[24];
    if (c->too_large) {
        la_format_bytes((double)c->too_large, took);
        la_format_bytes((double)c->limits->memory, limit);
        la_attempt_conclude(a, LA_OUTCOME_OOM_HOST, "took %s in phase '%s' (limit %s)", took,
                            a->phase, limit);
    } else {
        la_attempt_conclude(a, LA_OUTCOME_TIMEOUT, "no end after %.0f s, in phase '%s'",
                            c->limits->timeout_s, a->phase);
    }
}

static void judge(child *c, int64_t oom_before)
{
    la_attempt *a = c->attempt;
    bool signalled = WIFSIGNALED(c->status);
    if (signalled)
        a->row.signal = WTERMSIG(c->status);
    else
        a->row.exit_code = WEXITSTATUS(c->status);
    if (c->broken) return;
    if (c->stopped && !a->ended) {
        la_attempt_conclude(a, LA_OUTCOME_INTERRUPTED, "stopped in phase '%s'", a->phase);
    } else if (a->ended && (!signalled || c->stopped)) {
        return; /* its own word counts */
    } else if (!a->ended && (c->too_large || c->timed_out)) {
        judge_limits(c);
    } else if (signalled) {
        judge_signal(c, WTERMSIG(c->status), oom_before);
    } else if (la_record_rest(&c->reader) > 0) {
        la_attempt_conclude(a, LA_OUTCOME_ERROR,
                            "protocol: the stream ends inside a record of phase '%s'", a->phase);
    } else {
        la_attempt_conclude(a, LA_OUTCOME_ERROR,
                            "ended early: exit code %d and no end record, in phase '%s'",
                            WEXITSTATUS(c->status), a->phase);
    }
}

static int64_t as_ns(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

static void keep_usage(child *c)
{
    la_attempt_row *row = &c->attempt->row;
    row->wall_ns = la_now_ns() - c->start;
    row->cpu_user_ns = as_ns(c->usage.ru_utime);
    row->cpu_sys_ns = as_ns(c->usage.ru_stime);
    row->ctx_invol = c->usage.ru_nivcsw;
    row->minor_faults = c->usage.ru_minflt;
    row->major_faults = c->usage.ru_majflt;
}

la_status la_child_run(const char *job, const la_child_limits *limits, la_child_stop stop,
                       void *context, la_attempt *attempt, la_err *err)
{
    child *c = la_zalloc(sizeof *c, err);
    if (!c) return LA_E_NOMEM;
    c->limits = limits;
    c->attempt = attempt;
    c->pidfd = c->records = c->errs = -1;
    c->start = la_now_ns();
    double load;
    if (getloadavg(&load, 1) == 1) attempt->row.load1 = load;
    int64_t oom_before = oom_kills();
    la_status st = start_child(c, job, err);
    if (st == LA_OK) {
        watch(c, stop, context);
        bury(c);
        judge(c, oom_before);
        keep_usage(c);
        keep_stderr(c);
        st = c->failed;
        if (st != LA_OK && err) *err = c->why;
    }
    la_record_reader_release(&c->reader);
    la_free(c);
    return st;
}
