/* SPDX-License-Identifier: Apache-2.0
 * Reference rows kept in a folder: one file per (variant, options, shape, mask, scale, seed), named by
 * the hash of those, written under another name and renamed, so that a file is whole or not there.
 */
#ifndef LA_SAMPLED_FILE_H
#define LA_SAMPLED_FILE_H

#include <stdbool.h>

#include "compare.h"

/* What the reference said of one whole sequence. */
typedef struct la_ref_rows {
    int64_t *rows, n_rows; /* tokens, ascending */
    double *want;          /* [B, n_rows, H, dv] */
    int64_t n_want;
    double *state; /* packed, before the last token; NULL: this variant hands no state over */
    int64_t n_state;
    char *token; /* the input tensors of the last token, one after the other, beside a state */
    size_t token_bytes;
} la_ref_rows;

/* Allocates the arrays for the lengths already set in *r. */
la_status la_ref_rows_alloc(la_ref_rows *r, la_err *err);
void la_ref_rows_release(la_ref_rows *r);

/* Where the rows of a sequence are kept below `dir`. */
typedef struct la_ref_file {
    char path[1024];
} la_ref_file;
la_status la_ref_file_name(const char *dir, const la_variant *variant, const la_problem *whole,
                           const void *opts, uint64_t seed, la_ref_file *out, la_err *err);
/* Fills the arrays of *r (allocated, lengths and rows set) when a whole and fitting file is there. */
bool la_ref_file_read(const la_ref_file *file, la_ref_rows *r);
/* A file that cannot be written is not kept; nothing else depends on it. */
void la_ref_file_write(const la_ref_file *file, const la_ref_rows *r);

#endif
