/* SPDX-License-Identifier: Apache-2.0
 * A cell: impl x problem x options x pass x task x threads. The unit of a run and of the store.
 */
#ifndef LA_CELL_H
#define LA_CELL_H

#include "labench/task.h"
#include "labench/variant.h"
#include "store.h"

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

#endif
