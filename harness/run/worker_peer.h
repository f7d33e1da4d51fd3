/* SPDX-License-Identifier: Apache-2.0
 * The tensors of a peer's cell in one memory file, as the job's "tensors" tell of them.
 */
#ifndef LA_WORKER_PEER_H
#define LA_WORKER_PEER_H

#include "gradients.h"
#include "inputs.h"

enum {
    LA_PEER_TENSORS = 4 * LA_T_COUNT + 2 * LA_MAX_PARAMS + 2 * LA_MAX_PARTS,
    LA_PEER_PAGE = 4096
};

typedef struct la_peer_tensor {
    char name[64]; /* "q", "do", "dparam.W", "state_in.S" */
    bool out;
    la_dtype dtype;
    int rank;
    int64_t shape[4];
    size_t offset, bytes;
    const void *from; /* what is copied in; NULL: an output */
} la_peer_tensor;

typedef struct la_peer_file {
    la_peer_tensor t[LA_PEER_TENSORS];
    size_t n, bytes;
    int fd; /* -1: none */
    char *map;
} la_peer_file;

/* What a call of `pass` reads and writes: inputs and parameters; o; for passes with backward do and the
 * gradients (g is given); for decode the state before (state: in the layout of the variant) and after.
 * Makes the file, copies in what is read, and fills what is to be written with NaN. */
la_status la_peer_file_make(const la_variant *variant, const la_problem *p, la_pass pass,
                            const void *opts, const la_inputs *in, const la_gradients *g,
                            const void *state, la_peer_file *out, la_err *err);
void la_peer_file_release(la_peer_file *file); /* accepts zeroed: set fd to -1 or make it first */
void *la_peer_file_find(const la_peer_file *file, const char *name); /* NULL: no such tensor */
/* The first input that is no longer what was copied in; NULL: all are. */
const char *la_peer_file_changed(const la_peer_file *file);
/* Copies the gradients to where la_gradients_judge looks for them. */
void la_peer_file_gradients(const la_peer_file *file, const la_inputs *in, la_gradients *g);

#endif
