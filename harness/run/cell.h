/* SPDX-License-Identifier: Apache-2.0
 * A cell: impl x problem x options x pass x task x threads. The unit of a run and of the store.
 */
#ifndef LA_CELL_H
#define LA_CELL_H

#include "labench/task.h"
#include "labench/variant.h"
#include "peer.h"
#include "store.h"
#include "train.h"

#define LA_CELL_INPUTS "normal-1" /* how inputs are drawn, with a version */
#define LA_CELL_COSTS  "useful-1" /* the formulas of the variants, likewise */

#define LA_CELL_RATES    8   /* learning rates to choose from, at most */
#define LA_CELL_EXAMPLES 128 /* of an evaluation, at most */
#define LA_CELL_REPEATS  256 /* forward passes of a probe, at most */
/* A worker's own code, libraries, thread stacks and BLAS buffers. */
#define LA_CELL_PROCESS_BYTES ((size_t)48 << 20)
/* A CUDA context and its modules: of the device's memory, and about as much of the host's. */
#define LA_CELL_CONTEXT_BYTES ((size_t)512 << 20)

/* What a cell of a learned task has besides: the model, how it is trained, and on which lengths. */
typedef struct la_learn {
    la_model_opts model;
    la_train_opts train; /* lr: the cell's own; of an evaluation the first of `rates` */
    char hybrid[160];    /* "deltanet*3,softmax"; "": the variant in every layer */
    int64_t lengths[16]; /* trained on, ascending */
    size_t n_lengths;
    /* Which step of --difficulty an evaluation is of, "vocab" and "32" ("baseline" and ""); "": none. */
    char difficulty[24], step[24];
    bool at_length; /* trained at the length it is evaluated at, and nowhere else */
    double
        rates[LA_CELL_RATES]; /* ascending; of an evaluation: the one that validates best counts */
    size_t n_rates;
    /* From la_cell_finish, owned. model_json: options of the model with "hybrid" in front; train_json:
     * options of its training with "at_length" and "lengths" in front, and a list of rates as lr. */
    char *model_json, *train_json;
    const char *recipe; /* its word */
    char examples[24];  /* "examples-1": how the task draws them, with its version */
    uint64_t group;     /* equal for the evaluations of a model and the cells that train it */
} la_learn;

typedef struct la_cell {
    const la_variant *variant;
    const la_impl *impl;
    const la_peer_impl *peer; /* what impl is part of; NULL: it is ours. From la_cell_finish */
    const la_task *task;      /* NULL: a timing cell */
    la_pass pass;    /* LA_FORWARD, LA_DECODE, ...; LA_EVAL for a task, LA_TRAIN too if learned */
    la_learn *learn; /* owned; NULL: no learned task */
    la_problem problem; /* for decode: T = 1, Tcap = tokens in the state after the call = seqlen */
    void *opts, *task_opts; /* owned; parsed option structs, NULL when the table is empty */
    char *opts_json, *task_opts_json; /* owned; canonical */
    int64_t seqlen;                   /* the length of the sweep's axis */
    int rounds;                       /* of a learned cell: seeds */
    bool cold;                        /* flush the caches before each call */
    la_isa isa;                       /* what the impl is built for here, from la_cell_finish */
    char key[33];                     /* content hash, from la_cell_finish */
    la_sizes sizes;
    la_cost useful, really;
    size_t input_bytes, output_bytes;
    size_t need_bytes;   /* host bytes the worker will take: inputs, outputs, sizes, verification */
    size_t device_bytes; /* likewise of a CUDA device's memory; 0: of the CPU, or a peer's affair */
    int device;          /* index of the CUDA device; 0 on the CPU. From la_cell_finish */
    bool refused;        /* does not run: outcome and reason say why */
    la_outcome outcome;
    char reason[256];
    double predicted_s; /* of one call; 0: unknown */
    double usual_s;     /* of one call, by earlier sweeps of this machine; 0: they say nothing */
    double usual_steps; /* that a training takes, likewise */
    uint64_t done;      /* bits of rounds that an estimate leaves out: their attempts are over */
    uint64_t trained;   /* bits of rounds whose models are there already */
    /* Cells of the plan that share a float64 reference with this one, itself included: of its output, of
     * its gradients. Whichever is first computes it. 0: not counted, as if alone. */
    int sharing, sharing_gradients;
    int64_t id;      /* in the store, once planned */
    int64_t ordinal; /* in the whole plan, where this is a share of one */
} la_cell;

void la_cell_release(la_cell *cell);
/* Computes key, sizes, costs, bytes and refusals (check, sizes) from the rest. Touches no device
 * memory. A refusal is not an error: cell->refused. */
la_status la_cell_finish(la_cell *cell, const la_device *device, la_err *err);
/* The identity as canonical JSON (sorted keys), for the key and for the worker; la_free the text. */
la_status la_cell_to_json(const la_cell *cell, char **json, la_err *err);
/* The inverse; the cell is finished (la_cell_finish) too. */
la_status la_cell_from_json(const char *json, const la_device *device, la_cell *out, la_err *err);
/* The device that a cell's JSON is for: the CPU, or the CUDA device of its number, which must be here unless a
 * peer's program is to use it. */
la_status la_cell_json_device(const char *json, bool peer, la_device *out, la_err *err);
/* "softmax cpu_naive 8k fwd f32" for messages, with the task and a step of its difficulty; buf of 128. */
const char *la_cell_words(const la_cell *cell, char buf[128]);
/* Sets opts (or task_opts) and their canonical text from the owner's table: the defaults, to be
 * changed with la_options_set before la_cell_finish. */
la_status la_cell_default_options(la_cell *cell, la_err *err);
/* For a cell of a learned task: the configuration that trains its model with this seed and, where lr is
 * above 0, this learning rate. Its pointers are into the cell. */
la_train_config la_cell_train_config(const la_cell *cell, const la_device *device, uint64_t seed,
                                     double lr);
/* The part of la_cell_finish for learned cells: texts, then shapes, costs and bytes; *why and a status
 * say what cannot be trained or evaluated. cell_learn.c */
la_status la_cell_learn_texts(la_cell *cell, la_err *err);
la_status la_cell_learn_sizes(la_cell *cell, const la_device *device, la_err *why);
/* Examples of the headline of an evaluation: from the length alone, so that every variant answers the same
 * test on any machine; fewer as they grow longer, but enough for an interval. */
int64_t la_cell_examples(const la_cell *cell, const la_shape *shape);
/* At a length that was trained on: the shapes of that length, LA_CELL_EXAMPLES of each; else none. */
size_t la_cell_slices(const la_cell *cell, la_shape shapes[LA_MAX_SHAPES]);
/* The inverse of the texts, from parsed JSON. */
struct cJSON;
la_status la_cell_learn_read(const struct cJSON *model, const struct cJSON *train, la_learn *out,
                             la_err *err);
/* Answers after which a probe whose forward takes call_s ends, unless its task says how many passes it wants. */
int64_t la_cell_answers(double call_s);
/* What a forward call of the cell is given: its problem, or for a long probe of attention that reads the last tokens
 * alone those tokens, behind a cache of all others, which answers the same. True in that case. */
bool la_cell_called(const la_cell *cell, la_problem *called);
/* The pass that the kernel itself runs: forward for an evaluation. */
la_pass la_cell_kernel_pass(const la_cell *cell);
/* The variant is the cell's, or one of its hybrid's layers. */
bool la_cell_uses(const la_cell *cell, const la_variant *variant);
/* The row for la_store_plan; its strings are the cell's own or static. */
void la_cell_row_of(const la_cell *cell, const char *code_hash, la_cell_row *row);
/* The seed of the inputs of one round: hash(seed, what is computed, round). Impls, passes and equal
 * variants (flash and softmax) draw the same inputs, so that they share one float64 reference. */
uint64_t la_cell_seed(const la_cell *cell, uint64_t seed, int round);

#endif
