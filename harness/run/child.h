/* SPDX-License-Identifier: Apache-2.0
 * Worker processes from spawn to burial, one or several at a time. A worker and all it starts form one
 * process group, which is killed whole at the end, however the end came.
 */
#ifndef LA_CHILD_H
#define LA_CHILD_H

#include <sys/types.h>

#include "attempt.h"

/* Another program instead of a worker of labench: a peer, started by the worker that is its host. It
 * joins our process group, writes to our stdout and stderr, and dies with us. */
typedef struct la_child_program {
    char *const *argv; /* found in PATH; NULL at the end */
    char *const *env;
    int tensors;   /* becomes its fd 5 */
    size_t shared; /* bytes of that file: they are ours, and count once */
} la_child_program;

typedef struct la_child_limits {
    double timeout_s; /* of work, waiting for a device not counted; 0: none */
    size_t memory;    /* resident bytes; of a program with ours and its children's; 0: none */
    size_t expected;  /* what it should take of them, where several share what there is */
    int threads;
    bool beside; /* others or a driver are at work: threads are bound to no cores */
    const la_child_program *program; /* NULL: a worker of labench */
} la_child_limits;

#define LA_CHILDREN_MAX 128 /* at one time */
typedef struct la_child la_child;

/* Asked several times a second, with the age of the first worker; true: kill all at once. */
typedef bool (*la_child_stop)(double elapsed_s, void *context);

typedef struct la_child_watch { /* kept from wait to wait */
    la_child_stop stop;
    void *context;
    size_t memory;     /* resident bytes of all together; 0: no limit */
    int64_t next_tick; /* 0 at first */
} la_child_watch;

/* Spawns a worker (the running program with the argument `worker`) and hands it the job. Its records
 * are collected into *attempt, which stays where it is until la_child_end. Fails only when the runner
 * itself cannot go on: no process, no memory. */
la_status la_child_start(const char *job, const la_child_limits *limits, la_attempt *attempt,
                         la_child **out, la_err *err);
/* Until at least one of them has ended; holds all of them to their limits meanwhile. Where all together
 * take more than watch->memory, one is killed: `interrupted`, and attempt->crowded. */
void la_child_wait(la_child *const *children, size_t n, la_child_watch *watch);
bool la_child_ended(const la_child *child);
/* Kills it; unless it had finished, its outcome is `interrupted`. la_child_wait then sees it end. */
void la_child_stop_now(la_child *child);
/* Buries one that has ended, says in its attempt what became of it, and frees it. Fails like
 * la_child_start. */
la_status la_child_end(la_child *child, la_err *err);
/* All three for one worker alone. When `stop` asked for it, the outcome is `interrupted`. */
la_status la_child_run(const char *job, const la_child_limits *limits, la_child_stop stop,
                       void *context, la_attempt *attempt, la_err *err);

/* What stands between a host and its peer: `labench worker exec PID PROGRAM ...` becomes the program,
 * once it is sure to die with the host PID. */
int la_child_become(int argc, char **argv);
/* The cores that this process may use, before OpenMP binds its threads: a program gets them all. */
void la_child_keep_cores(void);

/* For the handler of a second signal: kills the groups of all workers that live. */
void la_child_kill_now(void);
/* A descriptor whose becoming readable wakes the wait up (signals write to it); -1: none. */
void la_child_wake_fd(int fd);

#endif
