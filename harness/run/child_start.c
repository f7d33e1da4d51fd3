/* SPDX-License-Identifier: Apache-2.0
 * From a job to a running process.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "child_internal.h"

#define JOB_MOST 60000 /* fits into an empty pipe, so that writing it never waits for the worker */
#define FD_LOW   10    /* our ends lie above the numbers that the worker's ends get */

extern char **environ;

static cpu_set_t cores; /* see la_child_keep_cores */
static bool cores_kept;

void la_child_keep_cores(void)
{
    cores_kept = sched_getaffinity(0, sizeof cores, &cores) == 0;
}

void la_child_close_fd(int *fd)
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
    la_child_close_fd(&fd[0]);
    la_child_close_fd(&fd[1]);
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

/* Threads are bound to cores, from the first one on; a worker beside others is not, or all of them would
 * be bound to the same. */
static la_status make_env(worker_env *env, const la_child_limits *limits, la_err *err)
{
    static char bind[] = "OMP_PROC_BIND=close", places[] = "OMP_PLACES=cores",
                dynamic[] = "OMP_DYNAMIC=false", floating[] = "OMP_PROC_BIND=false";
    size_t n = 0, count = 0;
    while (environ[count]) count++;
    env->vars = la_alloc((count + 6) * sizeof *env->vars, err);
    if (!env->vars) return LA_E_NOMEM;
    for (size_t i = 0; i < count; i++)
        if (!is_replaced(environ[i])) env->vars[n++] = environ[i];
    snprintf(env->omp, sizeof env->omp, "OMP_NUM_THREADS=%d", limits->threads);
    snprintf(env->blas, sizeof env->blas, "OPENBLAS_NUM_THREADS=%d", limits->threads);
    env->vars[n++] = env->omp;
    env->vars[n++] = env->blas;
    env->vars[n++] = limits->beside ? floating : bind;
    if (!limits->beside) env->vars[n++] = places;
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
static la_status spawn_worker(la_child *c, int job_end, int record_end, int err_end, la_err *err)
{
    static char name[] = "labench", word[] = "worker";
    char *argv[] = {name, word, NULL};
    worker_env env = {0};
    posix_spawn_file_actions_t files;
    LA_TRY(make_env(&env, &c->limits, err));
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
static la_status spawn_program(la_child *c, int job_end, int record_end, la_err *err)
{
    static char name[] = "labench", word[] = "worker", become[] = "exec";
    const la_child_program *program = c->limits.program;
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

la_status la_child_spawn(la_child *c, const char *job, la_err *err)
{
    int jobs[2] = {-1, -1}, records[2] = {-1, -1}, errs[2] = {-1, -1};
    bool ours = !c->limits.program;
    la_status st = make_pipe(jobs, err);
    if (st == LA_OK) st = make_pipe(records, err);
    if (st == LA_OK && ours) st = make_pipe(errs, err);
    if (st == LA_OK) st = write_job(jobs[1], job, err);
    if (st == LA_OK)
        st = ours ? spawn_worker(c, jobs[0], records[1], errs[1], err)
                  : spawn_program(c, jobs[0], records[1], err);
    la_child_close_fd(&jobs[0]);
    la_child_close_fd(&jobs[1]);
    la_child_close_fd(&records[1]);
    la_child_close_fd(&errs[1]);
    if (st != LA_OK) {
        la_child_close_fd(&records[0]);
        la_child_close_fd(&errs[0]);
        return st;
    }
    c->records = records[0];
    c->errs = errs[0];
    fcntl(c->records, F_SETFL, O_NONBLOCK);
    if (ours) fcntl(c->errs, F_SETFL, O_NONBLOCK);
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0); /* -1 on old kernels: then we only tick */
    if (c->pidfd >= 0) fcntl(c->pidfd, F_SETFD, FD_CLOEXEC);
    return LA_OK;
}
