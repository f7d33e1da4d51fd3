/* SPDX-License-Identifier: Apache-2.0
 * One worker process from spawn to burial. The worker and all it starts form one process group, which
 * is killed whole at the end, however the end came.
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
    double timeout_s; /* 0: none */
    size_t memory;    /* resident bytes; of a program with ours and its children's; 0: none */
    int threads;
    const la_child_program *program; /* NULL: a worker of labench */
} la_child_limits;

/* Asked several times a second; true: kill the worker at once. */
typedef bool (*la_child_stop)(double elapsed_s, void *context);

/* Spawns a worker (the running program with the argument `worker`), hands it the job, collects its
 * records into *attempt, and says what became of it there. Fails only when the runner itself cannot
 * go on: no process, no memory. When `stop` asked for it, the outcome is `interrupted`. */
la_status la_child_run(const char *job, const la_child_limits *limits, la_child_stop stop,
                       void *context, la_attempt *attempt, la_err *err);

/* What stands between a host and its peer: `labench worker exec PID PROGRAM ...` becomes the program,
 * once it is sure to die with the host PID. */
int la_child_become(int argc, char **argv);
/* The cores that this process may use, before OpenMP binds its threads: a program gets them all. */
void la_child_keep_cores(void);

/* For the handler of a second signal: kills the group of the running worker, if there is one. */
void la_child_kill_now(void);
/* A descriptor whose becoming readable wakes the wait up (signals write to it); -1: none. */
void la_child_wake_fd(int fd);

#endif
