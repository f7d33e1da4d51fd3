/* SPDX-License-Identifier: Apache-2.0
 * NumPy's .npy files: format 1.0, 2.0 and 3.0, float32 or float64, little endian, C order; int32 is
 * written only.
 */
#ifndef LA_CLI_NPY_H
#define LA_CLI_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labench/problem.h"

#define LA_NPY_RANK 8

typedef struct la_npy {
    la_dtype dtype; /* LA_F32 or LA_F64 */
    int rank;
    int64_t shape[LA_NPY_RANK];
    int64_t n;  /* elements */
    void *data; /* owned */
} la_npy;

/* LA_E_NOTFOUND when there is no such file, LA_E_FORMAT when it is not what it should be, with what
 * was found. */
la_status la_npy_read(const char *path, la_npy *out, la_err *err);
void la_npy_release(la_npy *npy); /* accepts NULL and zeroed */
/* Writes beside `path` and renames: the file is there whole or not at all. */
la_status la_npy_write(const char *path, la_dtype dtype, const int64_t *shape, int rank,
                       const void *data, la_err *err);
/* The same for whole numbers, '<i4'. */
la_status la_npy_write_ints(const char *path, const int64_t *shape, int rank, const int32_t *data,
                            la_err *err);
double la_npy_at(const la_npy *npy, int64_t i);
/* "(2, 8, 64)" */
const char *la_shape_words(const int64_t *shape, int rank, char buf[192]);
/* "[1, 0, 3]" of element i. */
const char *la_index_words(const int64_t *shape, int rank, int64_t i, char buf[192]);

#endif
