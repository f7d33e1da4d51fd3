/* SPDX-License-Identifier: Apache-2.0
 * What a worker's records say of an attempt, held until it is stored.
 */
#ifndef LA_ATTEMPT_H
#define LA_ATTEMPT_H

#include "protocol.h"
#include "store.h"

typedef struct la_attempt {
    la_attempt_row row; /* its pointers are into the members below */
    bool ended;         /* the end record came */
    bool hosted;        /* by a worker that watched a peer: it may say what became of that one */
    bool crowded;       /* killed because all that were at work took too much memory together */
    int64_t call_ns;    /* of the first call; 0: none was finished */
    char phase[64];     /* what the worker was doing last */
    char message[LA_ERR_MAX];
    char stop_reason[32];
    char *stderr_tail;      /* owned */
    la_sample_row *samples; /* owned */
    size_t n_samples, cap_samples;
    la_metric_row *metrics;
    size_t n_metrics, cap_metrics;
    la_warning_row *warnings;
    size_t n_warnings, cap_warnings;
    la_model_row model;  /* trained or found again; key NULL: none */
    la_curve_row *curve; /* owned */
    size_t n_curve, cap_curve;
    char **strings; /* owned: names and texts of metrics and warnings */
    size_t n_strings, cap_strings;
} la_attempt;

void la_attempt_init(la_attempt *attempt);
/* LA_E_FORMAT with "protocol: ..." when the record's JSON is not what it should be. */
la_status la_attempt_take(la_attempt *attempt, const la_record *record, la_err *err);
la_status la_attempt_warn(la_attempt *attempt, const char *code, const char *text, la_err *err);
/* A number of ours beside the worker's metrics; it takes the place of one with this name. */
la_status la_attempt_measure(la_attempt *attempt, const char *name, double value, la_err *err);
/* Sets outcome and message. */
void la_attempt_conclude(la_attempt *attempt, la_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Points the row at everything; call last. */
const la_attempt_row *la_attempt_finish(la_attempt *attempt);
void la_attempt_release(la_attempt *attempt);

#endif
