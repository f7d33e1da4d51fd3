/* SPDX-License-Identifier: Apache-2.0
 * The one SQLite file. Knows rows, not how their numbers came about.
 *
 * Rollback journal, synchronous=EXTRA, STRICT tables; finished attempts and their samples never
 * change. Only the parent process opens it, and never across a fork. Every call is one transaction:
 * after a kill at any moment a finished attempt is there whole or not at all. On LA_E_IO or LA_E_DB
 * the transaction is rolled back and what was committed before stays.
 * Strings in rows are borrowed for the call; NULL stores NULL; NaN stores NULL.
 */
#ifndef LA_STORE_H
#define LA_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

#define LA_SCHEMA_VERSION 8 /* PRAGMA user_version of the file */

typedef struct la_store la_store;
typedef enum la_store_mode {
    /* The file must exist; all that may be written is a killed run's rollback. An older schema is read
     * through a copy in memory that is brought up to date. */
    LA_STORE_READ,
    /* Made when missing; leftovers of a killed run are repaired, an older schema is brought up to date, and the
     * file as it was kept as FILE.vN.bak. */
    LA_STORE_WRITE
} la_store_mode;

la_status la_store_open(const char *path, la_store_mode mode, la_store **out, la_err *err);
void la_store_close(la_store *store); /* accepts NULL */
/* Whether a file is an SQLite database in WAL mode, where a copy of the file alone may lack what was written last.
 * False where it cannot be read. Not for a file that this process has open: that would drop its locks. */
bool la_store_in_wal(const char *path);
/* A whole copy of the file as it was last committed, made as TO.part and renamed; TO is replaced. */
la_status la_store_copy(la_store *store, const char *to, la_err *err);
const char *la_store_path(const la_store *store);

/* What became of an attempt. One list: the enum, the words in the database, the words on screen. */
#define LA_OUTCOME_LIST(X)                                                                         \
    X(OK, "ok")                                                                                    \
    X(WRONG, "wrong")                                                                              \
    X(NONFINITE, "nonfinite")                                                                      \
    X(UNSUPPORTED, "unsupported")                                                                  \
    X(OOM_HOST, "oom_host")                                                                        \
    X(OOM_DEVICE, "oom_device")                                                                    \
    X(KILLED, "killed")                                                                            \
    X(TIMEOUT, "timeout")                                                                          \
    X(CRASH, "crash")                                                                              \
    X(ERROR, "error")                                                                              \
    X(INTERRUPTED, "interrupted")                                                                  \
    X(PREDICTED_OOM, "predicted_oom")                                                              \
    X(PREDICTED_TIMEOUT, "predicted_timeout")
typedef enum la_outcome {
#define LA_OUTCOME_ENUM(name, word) LA_OUTCOME_##name,
    LA_OUTCOME_LIST(LA_OUTCOME_ENUM)
#undef LA_OUTCOME_ENUM
        LA_OUTCOME_COUNT
} la_outcome;
const char *la_outcome_word(la_outcome outcome);
la_status la_outcome_parse(const char *word, la_outcome *out, la_err *err);

typedef struct la_machine_row {
    const char *uuid; /* stable: derived from the machine id and CPU */
    const char *hostname, *cpu_model, *isa, *kernel, *distro, *virt, *env_json;
    int64_t n_sockets, n_cores, n_logical, n_numa, ram_bytes, l1d_bytes, l2_bytes, llc_bytes;
} la_machine_row;

typedef struct la_device_row {
    const char *kind, *uuid, *name; /* "cpu" or "cuda" */
    int64_t mem_bytes;
    int64_t sms, l2_bytes, sm_hz, mem_hz; /* of CUDA devices; 0: unknown */
    int64_t driver, runtime;              /* 13000: CUDA 13.0; 0: unknown */
    int64_t ecc;                          /* -1: unknown */
    double peak_flops, peak_bw; /* FLOP/s f32 and byte/s whatever the threads; 0: unknown */
    const char *peak_source;    /* "measured", "datasheet" or NULL */
} la_device_row;

/* What a device can do at most with so many threads; the views take the one of a cell's threads,
 * else the one of threads 0. */
typedef struct la_peak_row {
    int64_t threads;                     /* 0: whatever the threads */
    double flops, bandwidth, gemm_flops; /* FLOP/s f32, byte/s, FLOP/s of sgemm; 0: unknown */
    double bf16_flops;  /* FLOP/s of bf16, or of f32 where it is widened; 0: none */
    const char *source; /* "measured" or "datasheet" */
} la_peak_row;

typedef struct la_build_row {
    const char *uuid; /* of all below: another build, another uuid */
    const char *version, *git_commit, *cc, *cflags, *blas, *sqlite, *nvcc;
    bool git_dirty;
} la_build_row;

/* Insert or find by uuid. What may change of a machine (kernel, environment) is brought up to date;
 * a device's peaks (for threads 0) are updated when the new ones are > 0. */
la_status la_store_machine(la_store *store, const la_machine_row *row, int64_t *id, la_err *err);
la_status la_store_device(la_store *store, int64_t machine_id, const la_device_row *row,
                          int64_t *id, la_err *err);
la_status la_store_build(la_store *store, const la_build_row *row, int64_t *id, la_err *err);
/* Sets the peak of a device at row->threads; values that are not > 0 leave the old ones. */
la_status la_store_peak(la_store *store, int64_t device_id, const la_peak_row *row, la_err *err);
la_status la_store_peak_find(la_store *store, int64_t device_id, int64_t threads, la_peak_row *out,
                             bool *found, la_err *err);

typedef struct la_sweep_row {
    const char *spec_hash, *argv_json, *label, *note;
    int64_t build_id, machine_id;
    uint64_t seed;
    int64_t rounds;
    bool quick;
} la_sweep_row;

/* An unfinished sweep of the same spec, build and machine, to be continued. found is false when
 * there is none; LA_E_DB with a sentence when a live process owns it. */
la_status la_store_sweep_find_open(la_store *store, const la_sweep_row *row, bool *found,
                                   int64_t *sweep_id, la_err *err);
/* A new sweep, owned by this process (pid, start time, boot id, host). */
la_status la_store_sweep_new(la_store *store, const la_sweep_row *row, int64_t *sweep_id,
                             la_err *err);
/* Takes an open sweep over: attempts that were running become `interrupted`, their claims open. */
la_status la_store_sweep_adopt(la_store *store, int64_t sweep_id, la_err *err);
/* state: "done" or "interrupted". */
la_status la_store_sweep_end(la_store *store, int64_t sweep_id, const char *state, la_err *err);
/* The owner is alive. It waits for nobody: a file that another one reads or writes is a beat that is missed. */
la_status la_store_heartbeat(la_store *store, int64_t sweep_id, la_err *err);
/* First 8 hex digits of the sweep's uuid, as printed and accepted everywhere. */
la_status la_store_sweep_name(la_store *store, int64_t sweep_id, char out[9], la_err *err);

typedef struct la_cell_row {
    const char *key; /* 32 hex digits: content hash of everything below that identifies the cell */
    int64_t
        ordinal; /* place in the whole plan, where this one is a share of it; 0: that in this one */
    const char *variant, *origin, *code_hash, *tags;
    const char *impl, *form, *isa, *task, *pass, *dtype, *mask; /* task "" for timing */
    int64_t batch, seqlen, tcap, heads, kv_heads, qk_heads, dk, dv, threads;
    double scale;
    const char *cache_mode, *input_dist, *opts_json, *task_opts_json;
    double flops_algo, bytes_algo; /* useful work */
    double flops_impl, bytes_impl; /* what the form really does */
    const char *cost_model;
    /* -1: not known, as of a peer */
    int64_t state_bytes, saved_bytes, work_bytes, instance_bytes, output_bytes, input_bytes;
    int64_t rounds; /* attempts planned, at most 64 */
    /* Passes train and eval of learned tasks; "" and 0 for all others. */
    const char *model_json, *train_json; /* canonical: options of the model and of its training */
    const char *recipe;
    int64_t d_model;
} la_cell_row;

typedef enum la_column_type {
    LA_COLUMN_NULL,
    LA_COLUMN_INT,
    LA_COLUMN_REAL,
    LA_COLUMN_TEXT
} la_column_type;

/* The columns of table `cell` that come from a row as they are: field and column, type, whether two
 * cells that differ in it are different cells, and its name in the views (NULL: not in v_cell).
 * Besides these a cell is told from others by its variant's name and its device. Not identity: form,
 * which follows from impl, and what is computed from the rest. */
#define LA_CELL_COLUMNS(X)                                                                         \
    X(impl, TEXT, true, "impl")                                                                    \
    X(form, TEXT, false, "form")                                                                   \
    X(isa, TEXT, true, "isa")                                                                      \
    X(task, TEXT, true, "task")                                                                    \
    X(pass, TEXT, true, "pass")                                                                    \
    X(dtype, TEXT, true, "dtype")                                                                  \
    X(mask, TEXT, true, "mask")                                                                    \
    X(batch, INT, true, "batch")                                                                   \
    X(seqlen, INT, true, "seqlen")                                                                 \
    X(tcap, INT, true, "tcap")                                                                     \
    X(heads, INT, true, "heads")                                                                   \
    X(kv_heads, INT, true, "kv_heads")                                                             \
    X(qk_heads, INT, true, "qk_heads")                                                             \
    X(dk, INT, true, "dk")                                                                         \
    X(dv, INT, true, "dv")                                                                         \
    X(threads, INT, true, "threads")                                                               \
    X(scale, REAL, true, "scale")                                                                  \
    X(cache_mode, TEXT, true, "cache_mode")                                                        \
    X(input_dist, TEXT, true, "input_dist")                                                        \
    X(opts_json, TEXT, true, "options")                                                            \
    X(task_opts_json, TEXT, true, "task_options")                                                  \
    X(flops_algo, REAL, false, NULL)                                                               \
    X(bytes_algo, REAL, false, NULL)                                                               \
    X(flops_impl, REAL, false, NULL)                                                               \
    X(bytes_impl, REAL, false, NULL)                                                               \
    X(cost_model, TEXT, false, NULL)                                                               \
    X(state_bytes, INT, false, NULL)                                                               \
    X(saved_bytes, INT, false, NULL)                                                               \
    X(work_bytes, INT, false, NULL)                                                                \
    X(instance_bytes, INT, false, NULL)                                                            \
    X(output_bytes, INT, false, NULL)                                                              \
    X(input_bytes, INT, false, NULL)                                                               \
    X(rounds, INT, false, "rounds")                                                                \
    X(model_json, TEXT, true, "model_options")                                                     \
    X(train_json, TEXT, true, "train_options")                                                     \
    X(recipe, TEXT, false, "recipe")                                                               \
    X(d_model, INT, false, "d_model")
typedef struct la_cell_column {
    const char *name, *shown;
    la_column_type type;
    bool identity;
    size_t offset; /* in la_cell_row */
} la_cell_column;
const la_cell_column *la_store_cell_columns(size_t *n);

/* Stores the whole plan in one transaction, in the given order; ids may be NULL. Cells that are
 * already there (a continued sweep) are found by key. */
la_status la_store_plan(la_store *store, int64_t sweep_id, int64_t device_id,
                        const la_cell_row *cells, size_t n, int64_t *ids, la_err *err);
/* Rounds of this cell that have a finished attempt, as bits 1 << round; other than interrupted. */
la_status la_store_rounds_done(la_store *store, int64_t cell_id, uint64_t *bits, la_err *err);
/* Opens the rounds of all cells of the sweep whose outcome is among `outcomes` (bits 1u << outcome)
 * to be measured again; what was stored stays. *cells: how many. */
la_status la_store_retry(la_store *store, int64_t sweep_id, uint32_t outcomes, int64_t *cells,
                         la_err *err);
/* The same for all rounds of one cell. */
la_status la_store_reopen(la_store *store, int64_t cell_id, la_err *err);
/* Marks (cell, round) as running; LA_E_DB when it is claimed or done. Returns the attempt's id. */
la_status la_store_claim(la_store *store, int64_t cell_id, int64_t round, int64_t *attempt_id,
                         la_err *err);

typedef struct la_sample_row {
    int64_t iters, total_ns;
    int64_t flags;
} la_sample_row;
typedef struct la_metric_row {
    const char *name, *unit;
    double value;
    int64_t n_nonfinite, n_total;
    double lo, hi; /* interval of the value; NaN: none */
} la_metric_row;
typedef struct la_warning_row {
    const char *code, *text;
} la_warning_row;
/* A trained model and its curve: written with the attempt that trained it. A model whose key is there
 * already stays as it is; where it was trained again to other weights, the attempt has a warning of it. */
typedef struct la_curve_row {
    int64_t step, tokens, elapsed_ns;
    double loss, val_accuracy, val_worst, lr, grad_norm; /* NaN: not known at this step */
} la_curve_row;
typedef struct la_model_row {
    const char *key; /* 32 hex digits: content of the configuration */
    const char *config_json;
    const char *variant, *task, *path, *digest; /* of the checkpoint: its file, its weights */
    uint64_t seed;
    double lr, loss, val_accuracy;
    int64_t parameters, steps, tokens, train_ns, threads;
    const la_curve_row *curve;
    size_t n_curve;
} la_model_row;

typedef struct la_attempt_row {
    la_outcome outcome;
    int64_t exit_code, signal; /* -1: none */
    const char *phase, *message, *stderr_tail, *stop_reason;
    int64_t warmup_iters, warmup_ns, wall_ns, cpu_user_ns, cpu_sys_ns;
    int64_t ctx_invol, minor_faults, major_faults;
    int64_t workspace_peak_bytes, output_bytes, rss_peak_bytes, rss_base_bytes; /* -1: unknown */
    int64_t checksum;                                                           /* of the output */
    double load1;
    const la_sample_row *samples;
    size_t n_samples;
    const la_metric_row *metrics;
    size_t n_metrics;
    const la_warning_row *warnings;
    size_t n_warnings;
    const la_model_row *model; /* trained (or found again) by this attempt; NULL: none */
    const char *model_key;     /* of the stored model that this attempt evaluated; NULL: none */
    const char *data_digest;   /* 32 hex digits of the examples it was scored on; NULL: none */
} la_attempt_row;

/* Ends a claimed attempt: attempt, samples, metrics, warnings and the cell's summary at once. */
la_status la_store_finish(la_store *store, int64_t attempt_id, const la_attempt_row *row,
                          la_err *err);
typedef struct la_store_facts {
    int64_t schema; /* of the file, before it was read as one of today's */
    int64_t sweeps, cells, attempts, samples, models, bytes;
} la_store_facts;
/* Looks at every page, index and reference, and at what summaries say; LA_E_DB with what is wrong. */
la_status la_store_check(la_store *store, la_store_facts *out, la_err *err);

/* What merging one file added, and what was there already. */
typedef struct la_merged {
    int64_t sweeps, cells, attempts, models;
    int64_t known;        /* attempts that were there */
    int64_t other_models; /* there with other weights, which stay */
    int64_t running;      /* attempts without an end, left out */
} la_merged;
/* Adds the sweeps of other files, in one transaction. What is there already, by uuid, is not added again; a
 * sweep that both have gets what it lacks. Shares of one spec (--shard) of one build become one sweep, done
 * when all shares are. LA_E_DB when a uuid is in both with other content, or a sweep is still measured.
 * `each`: one for each file. */
la_status la_store_merge(la_store *out, la_store *const *in, size_t n, la_merged *each,
                         la_err *err);

/* What was read of a damaged file, and of what some rows are lost, or may be. */
typedef struct la_recovered {
    int64_t sweeps, cells, attempts, models, others;
    int64_t unfinished; /* sweeps that are to be continued */
    bool lost_cells, lost_attempts, lost_others;
} la_recovered;
/* Copies all that can still be read, of any schema up to today's, to a new file `to`, made as TO.part and
 * renamed. An attempt has all of its samples there or is left out; sweeps that may lack something are open
 * to be continued. The damaged file stays as it is. LA_E_DB where nothing can be read. */
la_status la_store_recover(const char *from, const char *to, la_recovered *out, la_err *err);

la_status la_store_sweep_warning(la_store *store, int64_t sweep_id, const la_warning_row *row,
                                 la_err *err);

#endif
