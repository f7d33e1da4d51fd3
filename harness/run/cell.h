/* SPDX-License-Identifier: Apache-2.0
 * A cell: impl x problem x options x pass x task x threads. The unit of a run and of the store.
 */
#ifndef LA_CELL_H
#define LA_CELL_H

#include "labench/task.h"
#include "labench/variant.h"
#include "store.h"

#define LA_CELL_INPUTS "normal-1" /* how inputs are drawn, with a version */
#define LA_CELL_COSTS  "useful-1" /* the formulas of the variants, likewise */

typedef struct la_cell {
    const la_variant *variant;
    const la_impl *impl;
    const la_task *task; /* NULL: a timing cell */
    la_pass pass;        /* LA_FORWARD, LA_DECODE, ...; LA_EVAL for a task */
    la_problem problem;  /* for decode: T = 1, Tcap = tokens in the state after the call = seqlen */
    void *opts, *task_opts; /* owned; parsed option structs, NULL when the table is empty */
    char *opts_json, *task_opts_json; /* owned; canonical */
    int64_t seqlen;                   /* the length of the sweep's axis */
    int rounds;
    bool cold;    /* flush the caches before each call */
    la_isa isa;   /* what the impl is built for here, from la_cell_finish */
    char key[33]; /* content hash, from la_cell_finish */
    la_sizes sizes;
    la_cost useful, really;
    size_t input_bytes, output_bytes;
    size_t need_bytes; /* host bytes the worker will take: inputs, outputs, sizes, verification */
    bool refused;      /* does not run: outcome and reason say why */
    la_outcome outcome;
    char reason[256];
    double predicted_s; /* of one call; 0: unknown */
    int64_t id;         /* in the store, once planned */
} la_cell;

void la_cell_release(la_cell *cell);
/* Computes key, sizes, costs, bytes and refusals (check, sizes) from the rest. Touches no device
 * memory. A refusal is not an error: cell->refused. */
la_status la_cell_finish(la_cell *cell, const la_device *device, la_err *err);
/* The identity as canonical JSON (sorted keys), for the key and for the worker; la_free the text. */
la_status la_cell_to_json(const la_cell *cell, char **json, la_err *err);
/* The inverse; the cell is finished (la_cell_finish) too. */
la_status la_cell_from_json(const char *json, const la_device *device, la_cell *out, la_err *err);
/* "softmax 8k fwd f32 causal" for messages; buf of 128. */
const char *la_cell_words(const la_cell *cell, char buf[128]);
/* Sets opts (or task_opts) and their canonical text from the owner's table: the defaults, to be
 * changed with la_options_set before la_cell_finish. */
la_status la_cell_default_options(la_cell *cell, la_err *err);
/* The pass that the kernel itself runs: forward for an evaluation. */
la_pass la_cell_kernel_pass(const la_cell *cell);
/* The row for la_store_plan; its strings are the cell's own or static. */
void la_cell_row_of(const la_cell *cell, const char *code_hash, la_cell_row *row);
/* The seed of the inputs of one round: hash(seed, what is computed, round). Impls, passes and equal
 * variants (flash and softmax) draw the same inputs, so that they share one float64 reference. */
uint64_t la_cell_seed(const la_cell *cell, uint64_t seed, int round);

#endif
