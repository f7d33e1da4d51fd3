/* SPDX-License-Identifier: Apache-2.0 */
#include "bad_variants.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "labench/kit.h"
#include "registry.h"
#include "watched.h"

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)p, (void)opts, (void)dev;
    if (pass != LA_FORWARD) return LA_FAIL(err, LA_E_UNSUPPORTED, "forward only");
    return LA_OK;
}

static la_status check_backward(const la_problem *p, la_pass pass, const void *opts,
                                const la_device *dev, la_err *err)
{
    (void)p, (void)opts, (void)dev;
    if (pass == LA_DECODE) return LA_FAIL(err, LA_E_UNSUPPORTED, "no decode");
    return LA_OK;
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)dev, (void)err;
    *out = (la_sizes){.instance = sizeof(la_problem)};
    return LA_OK;
}

static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)pass, (void)opts, (void)err;
    *cost = (la_cost){.flops = 1, .bytes = (double)p->T, .version = 1};
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)opts, (void)dev;
    la_problem *copy = la_alloc(sizeof *copy, err);
    if (!copy) return LA_E_NOMEM;
    *copy = *p;
    *self = copy;
    return LA_OK;
}

/* Wants more than any limit of these tests, and is told that there is none. */
static la_status create_greedy(const la_problem *p, const void *opts, const la_device *dev,
                               void **self, la_err *err)
{
    (void)p, (void)opts, (void)dev;
    *self = la_alloc((size_t)8 << 30, err);
    return *self ? LA_OK : LA_E_NOMEM;
}

static size_t elements(const la_problem *p)
{
    return (size_t)(p->B * p->T * p->H * p->dv);
}

static void answer(void *self, const la_io *io)
{
    memset(io->o, 0, elements(self) * sizeof(float));
}

#define HABIT(name) static la_status name(void *self, const la_io *io, la_err *err)
#define UNUSED      (void)self, (void)io, (void)err

static volatile bool for_ever = true;

/* Sanitizers catch signals and turn them into exit codes: here the signal itself is wanted. */
HABIT(segv)
{
    UNUSED;
    static volatile uintptr_t nowhere = 64;
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)nowhere = 1;
    return LA_OK;
}

HABIT(fpe)
{
    UNUSED;
    signal(SIGFPE, SIG_DFL);
    raise(SIGFPE);
    return LA_OK;
}

HABIT(aborts)
{
    UNUSED;
    fprintf(stderr, "about to abort\n");
    abort();
}

HABIT(killed)
{
    UNUSED;
    kill(getpid(), SIGKILL);
    return LA_OK;
}

HABIT(exits)
{
    UNUSED;
    _exit(0);
}

HABIT(exits3)
{
    UNUSED;
    _exit(3);
}

/* Where BAD_HANG_ENDS is set, it answers like others: a sweep that is continued gets to its end. */
HABIT(hangs)
{
    (void)err;
    if (getenv("BAD_HANG_ENDS")) {
        answer(self, io);
        return LA_OK;
    }
    signal(SIGTERM, SIG_IGN);
    while (for_ever) pause();
    return LA_OK;
}

HABIT(spins)
{
    UNUSED;
    while (for_ever) {
    }
    return LA_OK;
}

HABIT(stops)
{
    UNUSED;
    signal(SIGTERM, SIG_IGN);
    raise(SIGSTOP);
    while (for_ever) pause();
    return LA_OK;
}

/* Takes and touches memory until it is stopped, past our allocator and past malloc. */
HABIT(eats)
{
    UNUSED;
    size_t step = (size_t)16 << 20;
    while (for_ever) {
        char *p = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) pause();
        memset(p, 1, step);
        usleep(2000);
    }
    return LA_OK;
}

HABIT(says_nan)
{
    (void)err;
    answer(self, io);
    ((float *)io->o)[elements(self) - 1] = NAN;
    return LA_OK;
}

HABIT(says_wrong)
{
    (void)err;
    answer(self, io);
    ((float *)io->o)[0] = 1.0f;
    return LA_OK;
}

HABIT(says_nothing)
{
    UNUSED;
    return LA_OK;
}

HABIT(floods)
{
    UNUSED;
    while (for_ever) {
        puts("and another line on stdout");
        fputs("and another line on stderr\n", stderr);
    }
    return LA_OK;
}

/* The worker's to find, and no sanitizer's. */
LA_UNWATCHED static void write_zero(float *to)
{
    *to = 0.0f;
}

HABIT(overruns)
{
    (void)err;
    answer(self, io);
    write_zero((float *)io->o + elements(self));
    return LA_OK;
}

HABIT(spoils_inputs)
{
    (void)err;
    answer(self, io);
    ((float *)(uintptr_t)io->q)[0] += 1.0f;
    return LA_OK;
}

/* Right at first, something else later, and yet declared to be deterministic. */
HABIT(drifts)
{
    (void)err;
    static int calls;
    answer(self, io);
    if (++calls > 5) ((float *)io->o)[0] = (float)calls;
    return LA_OK;
}

HABIT(writes_garbage)
{
    (void)err;
    answer(self, io);
    char garbage[64];
    memset(garbage, 'x', sizeof garbage);
    ssize_t n = write(3, garbage, sizeof garbage);
    (void)n;
    return LA_OK;
}

HABIT(closes_pipe)
{
    (void)err;
    answer(self, io);
    close(3);
    return LA_OK;
}

/* Leaves a process behind; its own answer is right. */
HABIT(forks)
{
    (void)err;
    static bool forked;
    answer(self, io);
    if (!forked && fork() == 0)
        for (;;) pause();
    forked = true;
    return LA_OK;
}

HABIT(declines)
{
    (void)self, (void)io;
    return LA_FAIL(err, LA_E_UNSUPPORTED, "not today");
}

HABIT(fails)
{
    (void)self, (void)io;
    return LA_FAIL(err, LA_E_DEVICE, "the device is on fire");
}

/* Gradients of nothing, of which one is left as it was, or gets a number. */
static la_status gradients(const la_problem *p, const la_grads *g, bool all)
{
    size_t rows = (size_t)(p->B * p->T * p->H) * sizeof(float);
    if (g->dq) memset(g->dq, 0, rows * (size_t)p->dk);
    if (g->dk && all) memset(g->dk, 0, rows * (size_t)p->dk);
    if (g->dv) memset(g->dv, 0, rows * (size_t)p->dv);
    return LA_OK;
}

static la_status forgets_gradient(void *self, const la_io *io, const la_grads *g, la_err *err)
{
    (void)io, (void)err;
    return gradients(self, g, false);
}

static la_status wrong_gradient(void *self, const la_io *io, const la_grads *g, la_err *err)
{
    (void)io, (void)err;
    gradients(self, g, true);
    if (g->dv) ((float *)g->dv)[0] = 1.0f;
    return LA_OK;
}

HABIT(right)
{
    (void)err;
    answer(self, io);
    return LA_OK;
}

/* What only training meets: each is right until its first way back. */
#define WAY_BACK(name)                                                                             \
    static la_status name(void *self, const la_io *io, const la_grads *g, la_err *err)

WAY_BACK(segv_back)
{
    (void)g;
    return segv(self, io, err);
}

WAY_BACK(hang_back)
{
    (void)g;
    return hangs(self, io, err);
}

WAY_BACK(eat_back)
{
    (void)g;
    return eats(self, io, err);
}

/* The other one's name in the folder BAD_MEETING, for the first two that come there; false for any later one. A
 * name is a link to the process's number, which so is there as soon as the name is. */
static bool come_to_meeting(char other[512])
{
    static const char *const names[] = {"first", "second"};
    const char *folder = getenv("BAD_MEETING");
    char path[512], pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    for (int i = 0; folder && i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        snprintf(other, 512, "%s/%s", folder, names[1 - i]);
        if (symlink(pid, path) == 0) return true;
    }
    return false;
}

/* Until the other one has come and is gone, half a minute at most. */
static void wait_until_gone(const char *other)
{
    for (int tries = 0; tries < 3000; tries++) {
        char pid[16] = "";
        if (readlink(other, pid, sizeof pid - 1) > 0 && kill((pid_t)strtol(pid, NULL, 10), 0) != 0)
            return;
        usleep(10000);
    }
}

/* Takes 600 MiB, past our allocator, as nobody could predict, and keeps them while another one does. */
WAY_BACK(bulky_back)
{
    (void)io, (void)err;
    static bool taken;
    size_t bytes = (size_t)600 << 20;
    char other[512];
    if (!taken) {
        bool met = come_to_meeting(other);
        char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED) memset(p, 1, bytes);
        if (met) wait_until_gone(other);
    }
    taken = true;
    return gradients(self, g, true);
}

#define BAD_MODEL_LIST(X)                                                                          \
    X(segv_back, segv_back, , )                                                                    \
    X(hang_back, hang_back, , )                                                                    \
    X(eat_back, eat_back, , )                                                                      \
    X(bulky_back, bulky_back, , )

#define BAD_GRADIENT_LIST(X)                                                                       \
    X(unwritten_gradient, forgets_gradient, NONFINITE, "values of dk are not finite")              \
    X(wrong_gradient, wrong_gradient, WRONG, "dv: relative rms error")

#define BAD_LIST(X)                                                                                \
    X(segv, segv, create, CRASH, SIGSEGV, "SIGSEGV in phase 'verify'", false)                      \
    X(fpe, fpe, create, CRASH, SIGFPE, "SIGFPE", false)                                            \
    X(abort, aborts, create, CRASH, SIGABRT, "SIGABRT", false)                                     \
    X(killed, killed, create, KILLED, SIGKILL, "SIGKILL from outside", false)                      \
    X(exit, exits, create, ERROR, 0, "ended early: exit code 0", false)                            \
    X(exit3, exits3, create, ERROR, 0, "ended early: exit code 3", false)                          \
    X(hang, hangs, create, TIMEOUT, SIGKILL, "in phase 'verify'", true)                            \
    X(spin, spins, create, TIMEOUT, SIGTERM, NULL, true)                                           \
    X(stopped, stops, create, TIMEOUT, SIGKILL, NULL, true)                                        \
    X(eat, eats, create, OOM_HOST, SIGKILL, "limit", false)                                        \
    X(greedy, says_nothing, create_greedy, OOM_HOST, 0, "out of memory", false)                    \
    X(nan, says_nan, create, NONFINITE, 0, "not finite", false)                                    \
    X(wrong, says_wrong, create, WRONG, 0, "is right", false)                                      \
    X(silent, says_nothing, create, NONFINITE, 0, "not finite", false)                             \
    X(flood, floods, create, TIMEOUT, SIGTERM, NULL, true)                                         \
    X(overrun, overruns, create, ERROR, 0, "outside its output buffer", false)                     \
    X(spoil, spoils_inputs, create, ERROR, 0, "changed its inputs", false)                         \
    X(drift, drifts, create, WRONG, 0, "deterministic", false)                                     \
    X(garbage, writes_garbage, create, ERROR, 0, "protocol", false)                                \
    X(close, closes_pipe, create, ERROR, 0, "ended early", false)                                  \
    X(fork, forks, create, OK, 0, NULL, false)                                                     \
    X(decline, declines, create, UNSUPPORTED, 0, "not today", false)                               \
    X(fail, fails, create, ERROR, 0, "on fire", false)

#define BAD_VARIANT(word, call, make, out, sig, msg, slow)                                         \
    static const la_impl impl_##word = {.name = "cpu_bad",                                         \
                                        .backend = LA_CPU,                                         \
                                        .caps = LA_CAP_CAUSAL | LA_CAP_DETERMINISTIC,              \
                                        .dtypes = 1u << LA_F32,                                    \
                                        .rank = la_rank_any_cpu,                                   \
                                        .check = check,                                            \
                                        .sizes = sizes,                                            \
                                        .create = make,                                            \
                                        .destroy = la_free,                                        \
                                        .forward = call};                                          \
    static const la_variant variant_##word = {                                                     \
        LA_VARIANT_HEAD,         .name = "bad_" #word, .family = LA_FAMILY_BASELINE,               \
        .summary = "misbehaves", .paper = "-",         .cost_words = "-",                          \
        .inputs = LA_IN_QKV,     .same_as = "null",    .useful = useful,                           \
        .impls = &impl_##word,   .impls_len = 1};
BAD_LIST(BAD_VARIANT)

#define BAD_GRADIENT_VARIANT(word, call, out, msg)                                                 \
    static const la_impl impl_##word = {.name = "cpu_bad",                                         \
                                        .backend = LA_CPU,                                         \
                                        .caps = LA_CAP_CAUSAL | LA_CAP_BACKWARD |                  \
                                                LA_CAP_DETERMINISTIC,                              \
                                        .dtypes = 1u << LA_F32,                                    \
                                        .rank = la_rank_any_cpu,                                   \
                                        .check = check_backward,                                   \
                                        .sizes = sizes,                                            \
                                        .create = create,                                          \
                                        .destroy = la_free,                                        \
                                        .forward = right,                                          \
                                        .backward = call};                                         \
    static const la_variant variant_##word = {                                                     \
        LA_VARIANT_HEAD,         .name = "bad_" #word, .family = LA_FAMILY_BASELINE,               \
        .summary = "misbehaves", .paper = "-",         .cost_words = "-",                          \
        .inputs = LA_IN_QKV,     .same_as = "null",    .useful = useful,                           \
        .impls = &impl_##word,   .impls_len = 1};
BAD_GRADIENT_LIST(BAD_GRADIENT_VARIANT)
BAD_MODEL_LIST(BAD_GRADIENT_VARIANT)

#define BAD_HABIT(word, call, make, out, sig, msg, slow)                                           \
    {"bad_" #word, LA_OUTCOME_##out, sig, msg, slow, LA_FORWARD},
#define BAD_GRADIENT_HABIT(word, call, out, msg)                                                   \
    {"bad_" #word, LA_OUTCOME_##out, 0, msg, false, LA_FWDBWD},
const bad_habit bad_habits[] = {BAD_LIST(BAD_HABIT) BAD_GRADIENT_LIST(BAD_GRADIENT_HABIT)};
const size_t bad_habits_len = LA_COUNT(bad_habits);

#define BAD_POINTER(word, call, make, out, sig, msg, slow) &variant_##word,
#define BAD_GRADIENT_POINTER(word, call, out, msg)         &variant_##word,
static const la_variant *const variants[] = {BAD_LIST(BAD_POINTER) BAD_GRADIENT_LIST(
    BAD_GRADIENT_POINTER) BAD_MODEL_LIST(BAD_GRADIENT_POINTER)};

void bad_register(void)
{
    la_err err = {0};
    for (size_t i = 0; i < LA_COUNT(variants); i++)
        if (la_registry_add(variants[i], &err) != LA_OK) {
            fprintf(stderr, "%s\n", err.msg);
            abort();
        }
}
