/* SPDX-License-Identifier: Apache-2.0
 * The conformance suite: every impl of a variant over awkward shapes, masks and inputs, held to what
 * its capability bits promise. Shipped, so that `labench verify` runs on any machine what the tests ran here.
 *
 * Checks: "descriptor", "cost", "refusals"; where the descriptor is sound "sizes", "forward", "repeat",
 * "threads", "causality", "cutting", "decode", "query"; where an impl declares backward "backward", "backward_repeat",
 * "backward_threads", "backward_state"; and "reference_gradient", of the reference alone.
 */
#ifndef LA_CONFORMANCE_H
#define LA_CONFORMANCE_H

#include "compare.h"

typedef enum la_level {
    LA_LEVEL_BRIEF, /* some of the quick shapes and options: for kernels that run on an emulator */
    LA_LEVEL_QUICK, /* seconds a variant */
    LA_LEVEL_FULL,  /* more shapes, all options */
} la_level;

/* One check of one impl on one case, told to the listener as it ends. */
typedef struct la_conformance_finding {
    const la_variant *variant;
    const la_impl *impl; /* NULL: a relation (verify.h), or of the reference */
    const char *check;   /* "forward", ... */
    la_status status;    /* LA_OK: it held */
    bool skipped;        /* nothing was checked; `message` says why */
    const char
        *message; /* "" when it held; else names variant, impl, shape, mask, inputs and seed */
} la_conformance_finding;
typedef void (*la_conformance_listener)(const la_conformance_finding *finding, void *context);

typedef struct la_conformance_settings {
    const la_device *device;
    la_level level;
    int threads;                      /* with 1, 2, 3 and so many; 0: no more */
    la_conformance_listener listener; /* may be NULL */
    void *context;
} la_conformance_settings;

typedef struct la_conformance_report {
    int64_t checks, failures, skipped;
    char first[LA_ERR_MAX]; /* message of the first failure */
} la_conformance_report;

/* What is being checked: "forward of mine cpu_recurrent, B 2 T 7 ...". For whoever must say where the
 * process crashed; a signal handler may read it. */
const char *la_conformance_now(void);
/* Notes it down; for relations, which are no part of the suite. */
void la_conformance_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs the suite on one impl, or on all impls of the variant that can run on the device when impl is
 * NULL. Failures are findings; the status is LA_OK when the suite itself could run, LA_E_NOMEM and the like when not.
 * The caller has called la_start. */
la_status la_conformance_run(const la_variant *variant, const la_impl *impl,
                             const la_conformance_settings *settings, la_conformance_report *report,
                             la_err *err);

#endif
