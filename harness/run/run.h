/* SPDX-License-Identifier: Apache-2.0
 * The runner: walks a plan round by round, one worker process per attempt, everything into the store.
 * What is timed runs alone; attempts of learned tasks run side by side.
 */
#ifndef LA_RUN_H
#define LA_RUN_H

#include "plan.h"

#define LA_JOBS_MAX 128 /* learned attempts at work at one time */

typedef struct la_run_settings {
    double min_time_s, max_time_s, target; /* stop rule; target as a fraction */
    int min_samples;
    double timeout_s;    /* 0: 10 times the predicted time, 4 times the longest, at least 120 s */
    size_t memory_limit; /* host bytes of the workers at work at one time; 0: no limit */
    size_t device_limit; /* bytes of the CUDA device that a worker may take; 0: no limit */
    int jobs;            /* learned attempts at work at one time; 0: 1 */
    int cores;           /* that their threads may fill; with fewer than jobs: as many as jobs */
    bool quick, fail_fast, predict, given_order;
    bool beside_peak;  /* the peak is measured between samples too */
    const char *retry; /* outcomes to run again: "failed,timeout,oom", or NULL */
    uint64_t seed;
    const char *cache_dir;  /* for float64 reference rows; NULL: a temporary folder of the run */
    const char *models_dir; /* of trained models; NULL: beside the database, x.models for x.db */
    double checkpoint_s;    /* between checkpoints of a training; 0: 10 s */
    double peak_flops;      /* f32, of this machine, for predictions; 0: unknown */
    int peak_threads;       /* that reach it; 0: as many as any cell has */
} la_run_settings;

typedef struct la_run_work { /* an attempt at work */
    const la_cell *cell;
    const char *phase;
    int round;
} la_run_work;

typedef struct la_run_event { /* told to the screen */
    /* STATUS: someone sent SIGUSR1 and wants to read how far things are. */
    enum { LA_RUN_START, LA_RUN_TICK, LA_RUN_CELL, LA_RUN_END, LA_RUN_STATUS } kind;
    const la_cell *cell; /* TICK, CELL, STATUS: of several the first; NULL between cells */
    const char *phase;   /* TICK, STATUS: what its worker does; NULL: not known */
    const la_attempt_row *attempt; /* CELL: how it ended */
    int round, rounds;
    size_t done, total; /* attempts of this run */
    double elapsed_s, left_s, cell_s;
    const la_run_work *work; /* all that are at work now */
    size_t n_work;
    int jobs;                                      /* as set: how many may be at work */
    size_t models, models_done, tests, tests_done; /* of the learned tasks of the sweep */
    size_t outcomes[LA_OUTCOME_COUNT]; /* so far, of cells, those of an earlier run included */
} la_run_event;
typedef void (*la_run_listener)(const la_run_event *event, void *context);

/* Runs what is missing. Cells that crash, time out or refuse are outcomes, not errors; *totals (may be
 * NULL) counts the cells of the plan by outcome, those of an earlier run included. Returns
 * LA_E_INTERRUPTED after a signal (la_run_signal says which), or with la_run_signal 0 after the first
 * failure under fail_fast, with everything finished stored; LA_E_DB or LA_E_IO when the store failed. */
la_status la_run(la_plan *plan, const la_run_settings *settings, const la_device *device,
                 la_store *store, int64_t sweep_id, la_run_listener listener, void *context,
                 size_t totals[LA_OUTCOME_COUNT], la_err *err);
/* Opens the cells of a sweep that ended so again ("failed,timeout"; la_run does it too): *cells, how many. */
la_status la_run_retry(la_store *store, int64_t sweep_id, const char *words, int64_t *cells,
                       la_err *err);
int la_run_signal(void); /* the signal that ended la_run, or 0 */

/* The worker's main: reads one cell from fd `in`, writes records to fd `out` (protocol.h), exits. */
int la_worker_main(int in, int out);

#endif
