/* SPDX-License-Identifier: Apache-2.0
 * What the files of the worker share: one attempt as it goes on.
 */
#ifndef LA_WORKER_H
#define LA_WORKER_H

#include "gradients.h"
#include "inputs.h"
#include "instance.h"
#include "job.h"
#include "peak.h"
#include "protocol.h"
#include "sampled.h"
#include "sampled_backward.h"

enum { LA_WORK_METRICS = 128, LA_WORK_WARNINGS = 8 };

typedef struct la_work_metric {
    char name[64];
    const char *unit;
    double value, lo, hi; /* NaN: none */
    int64_t n_nonfinite, n_total;
} la_work_metric;

typedef struct la_work {
    int out; /* records go here */
    la_job job;
    la_cell cell;
    la_device device; /* with the cell's instruction set */
    char phase[64];   /* a copy: who names a phase may be gone when it is told */
    la_inputs in;
    la_instance inst;
    la_io io;
    la_gradients grads; /* of bwd and fwdbwd; else empty */
    la_grads wanted;
    la_sampled sampled;
    bool decode, cache; /* cache: the state is a KV cache, which a call leaves as it was */
    void *state_copy;   /* owned; a recurrent state before the call */
    void *flush;        /* owned; what is read to empty the caches */
    size_t flush_bytes;
    int lock;           /* of a CUDA device, held until the end; -1: none */
    size_t device_free; /* bytes of its memory before we took any */
    uint64_t checksum;  /* of the first output; 0: none yet */
    int said; /* what became of a peer, an la_outcome; -1: nothing that a status does not tell */
    bool misbehaved;  /* wrote outside its buffers or into its inputs: outcome error, not wrong */
    int64_t first_ns; /* of the last checked call */
    int64_t workspace, rss_base, rss_peak; /* -1: unknown */
    la_timing timing;
    la_gauge gauge; /* no loop: the machine's rate is not asked for */
    double *rates;  /* owned; FLOP/s before each sample, and behind the last */
    size_t n_rates, cap_rates;
    double rate; /* the last one read */
    la_work_metric metrics[LA_WORK_METRICS];
    size_t n_metrics;
    struct {
        const char *code;
        char text[160];
    } warnings[LA_WORK_WARNINGS];
    size_t n_warnings;
    la_train_config train;   /* of a learned cell */
    la_train_result trained; /* of a training */
    char *config_json;       /* owned; what decides the model */
    char model_key[33];      /* of the model that was trained or evaluated; "": none */
    char data_digest[33];    /* of the examples that it was scored on; "": none */
} la_work;

la_status la_work_phase(la_work *w, const char *phase, la_err *err);
void la_work_metric_add(la_work *w, const char *name, double value, double lo, double hi,
                        int64_t n_nonfinite, int64_t n_total);
/* Of a quantity, not a share. unit: static. */
void la_work_quantity_add(la_work *w, const char *name, const char *unit, double value, double lo,
                          double hi, int64_t n);
void la_work_warn(la_work *w, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The call that is timed: forward, decode, backward, or forward and backward. */
la_status la_work_call(void *work, la_err *err);
/* A call whose time (first_ns) is taken, with guards, finiteness and checksum looked at; the first of a
 * worker also gives its memory figures, and poisons the buffers when the job says verify. */
la_status la_work_checked_call(la_work *w, la_err *err);
/* Passes bwd and fwdbwd (worker_gradient.c): gradients allocated and drawn, and for bwd the forward run;
 * what the verifying call must overwrite; a call of backward alone; checks of what it made. */
bool la_work_has_backward(const la_work *w);
la_status la_work_gradients(la_work *w, la_err *err);
void la_work_gradients_poison(la_work *w);
la_status la_work_backward(la_work *w, la_err *err);
la_status la_work_gradients_finite(la_work *w, la_err *err);
/* The gradients of a run (NULL: of the cell's own impl) against the reference, as metrics. */
la_status la_work_gradients_verify(la_work *w, la_backward_run run, void *context, la_err *err);
/* Holds an output to the float64 reference, as metrics; a decode cell's reference is there already. */
la_status la_work_output_verify(la_work *w, const void *o, la_err *err);
/* On a CUDA device (worker_device.c): choosing it, when it is free for the cell; memory figures behind the first call; the samples. */
la_status la_work_device_open(la_work *w, la_err *err);
void la_work_device_memory(la_work *w);
/* Of a model's training or evaluation: the most that it had there is its workspace. */
void la_work_device_peak(la_work *w);
la_status la_work_device_measure(la_work *w, la_err *err);
/* Of the output and the gradients made, never 0; whether all of them are finite. */
uint64_t la_work_checksum(const la_work *w);
la_status la_work_finite(la_work *w, la_err *err);
la_status la_work_peer(la_work *w, la_err *err);   /* a cell of a peer, all of it */
la_status la_work_timing(la_work *w, la_err *err); /* a timing cell, all of it */
la_status la_work_probe(la_work *w, la_err *err);  /* a probe of a task, all of it */
la_status la_work_train(la_work *w, la_err *err);  /* a training, all of it */
la_status la_work_eval(la_work *w, la_err *err);   /* an evaluation of a trained model, all of it */
/* Metric `name` with a Wilson interval; nothing where total is 0. */
void la_work_accuracy(la_work *w, const char *name, int64_t correct, int64_t total);
/* The end record as JSON; la_free the text. */
la_status la_work_end_json(const la_work *w, la_status st, const la_err *why, char **json,
                           la_err *err);

#endif
