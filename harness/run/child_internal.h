/* SPDX-License-Identifier: Apache-2.0
 * A worker process, for the files that start it (child_start.c), watch it (child.c) and judge its end
 * (child_judge.c).
 */
#ifndef LA_CHILD_INTERNAL_H
#define LA_CHILD_INTERNAL_H

#include <sys/resource.h>

#include "child.h"

#define LA_CHILD_RING 65536 /* bytes kept of what a worker prints */

struct la_child {
    pid_t pid;
    int pidfd, records, errs; /* -1: closed or not there */
    la_record_reader reader;
    char ring[LA_CHILD_RING];
    size_t ring_total;
    la_child_limits limits;
    la_attempt *attempt;
    int64_t start, term_at; /* term_at: when SIGTERM was sent; 0: not yet */
    int64_t counted;        /* from when its time limit counts: not while it waits for a device */
    bool exited, stopped, broken, timed_out;
    bool crowded;     /* killed for the sum of all that were at work */
    la_status failed; /* the runner itself could not go on, e.g. for want of memory */
    la_err why;
    int64_t too_large; /* resident bytes that passed a limit; 0: none did */
    int64_t oom_kills; /* of the whole system, when it was started */
    int status;
    struct rusage usage;
};

void la_child_close_fd(int *fd);
/* The process is there and has its job; its pipes are ours to read. */
la_status la_child_spawn(la_child *c, const char *job, la_err *err);
/* Processes that the kernel killed for want of memory, since boot. */
int64_t la_child_oom_kills(void);
/* What became of a worker that was buried: outcome and message, usage, the end of what it printed. */
void la_child_judge(la_child *c);

#endif
