/* SPDX-License-Identifier: Apache-2.0
 * What became of a worker, from how it ended and from what it said before.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "alloc.h"
#include "child_internal.h"
#include "clock.h"
#include "memory.h"
#include "text.h"

/* The end of what the worker printed, oldest first, NUL bytes made visible. */
static void keep_stderr(la_child *c)
{
    size_t len = c->ring_total < LA_CHILD_RING ? c->ring_total : LA_CHILD_RING;
    if (len == 0) return;
    char *tail = la_alloc(len + 1, NULL);
    if (!tail) return;
    for (size_t i = 0; i < len; i++) {
        char b = c->ring[(c->ring_total - len + i) % LA_CHILD_RING];
        tail[i] = b ? b : '?';
    }
    tail[len] = '\0';
    c->attempt->stderr_tail = tail;
}

int64_t la_child_oom_kills(void)
{
    FILE *f = fopen("/proc/vmstat", "re");
    char line[128];
    int64_t n = -1;
    while (f && n < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "oom_kill %" SCNd64, &n) != 1) n = -1;
    if (f) fclose(f);
    return n;
}

static void judge_signal(la_child *c, int signal)
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
        if (la_child_oom_kills() > c->oom_kills) {
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

static void judge_limits(la_child *c)
{
    la_attempt *a = c->attempt;
    char took[24], limit[24];
    if (c->too_large) {
        la_format_bytes((double)c->too_large, took);
        la_format_bytes((double)c->limits.memory, limit);
        la_attempt_conclude(a, LA_OUTCOME_OOM_HOST, "took %s in phase '%s' (limit %s)", took,
                            a->phase, limit);
    } else {
        la_attempt_conclude(a, LA_OUTCOME_TIMEOUT, "no end after %.0f s, in phase '%s'",
                            c->limits.timeout_s, a->phase);
    }
}

/* That it would not fit alone is not said by this: it is tried again, alone. */
static void judge_crowded(la_child *c)
{
    char took[24];
    c->attempt->crowded = true;
    la_attempt_conclude(c->attempt, LA_OUTCOME_INTERRUPTED,
                        "stopped in phase '%s': with those beside it, it took %s of memory",
                        c->attempt->phase, la_format_bytes((double)c->too_large, took));
}

static void judge(la_child *c)
{
    la_attempt *a = c->attempt;
    bool signalled = WIFSIGNALED(c->status);
    if (signalled)
        a->row.signal = WTERMSIG(c->status);
    else
        a->row.exit_code = WEXITSTATUS(c->status);
    if (c->broken) return;
    if (c->crowded && !a->ended) {
        judge_crowded(c);
    } else if (c->stopped && !a->ended) {
        la_attempt_conclude(a, LA_OUTCOME_INTERRUPTED, "stopped in phase '%s'", a->phase);
    } else if (a->ended && (!signalled || c->stopped || c->timed_out || c->too_large)) {
        return; /* its own word counts, and no signal of ours came from outside */
    } else if (c->too_large || c->timed_out) {
        judge_limits(c);
    } else if (signalled) {
        judge_signal(c, WTERMSIG(c->status));
    } else if (la_record_rest(&c->reader) > 0) {
        la_attempt_conclude(a, LA_OUTCOME_ERROR,
                            "protocol: the stream ends inside a record of phase '%s'", a->phase);
    } else {
        la_attempt_conclude(a, LA_OUTCOME_ERROR,
                            "ended early: exit code %d and no end record, in phase '%s'",
                            WEXITSTATUS(c->status), a->phase);
    }
}

static void keep_usage(la_child *c)
{
    la_attempt_row *row = &c->attempt->row;
    row->wall_ns = la_now_ns() - c->counted; /* without the wait for a device */
    la_usage used = la_usage_of(&c->usage);
    row->cpu_user_ns = used.user_ns;
    row->cpu_sys_ns = used.sys_ns;
    row->ctx_invol = used.involuntary;
    row->minor_faults = used.minor_faults;
    row->major_faults = used.major_faults;
}

void la_child_judge(la_child *c)
{
    judge(c);
    keep_usage(c);
    keep_stderr(c);
}
