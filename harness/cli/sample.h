/* SPDX-License-Identifier: Apache-2.0
 * Many examples of one length as arrays, and the folder they are written to.
 */
#ifndef LA_CLI_SAMPLE_H
#define LA_CLI_SAMPLE_H

#include <stdbool.h>

#include "labench/task.h"

#define LA_NOTHING_ASKED (-100) /* in labels, as the losses of deep learning libraries ignore it */

typedef struct la_sample_set {
    const la_task *task;
    const void *opts;
    uint64_t seed;
    la_split split;
    int64_t n, T;
    la_shape shapes[LA_MAX_SHAPES]; /* example i is of shape i mod n_shapes */
    size_t n_shapes;
    int32_t *tokens, *labels, *distances, *groups; /* [n, T] */
    int32_t *shape;                                /* [n] */
    bool has_distances, has_groups;
    char digest[33]; /* XXH3-128 of tokens and labels */
} la_sample_set;

/* The shapes of `length` tokens (0: the task's longest trained), and all examples. Training and validation
 * are drawn as training draws them, the test split as a sweep asks at that length. */
la_status la_sample_draw(la_sample_set *s, int64_t length, la_err *err);
void la_sample_release(la_sample_set *s);
/* LA_OK: nothing is at that path, or an empty folder. */
la_status la_sample_check_target(const char *dir, la_err *err);
/* tokens.npy, labels.npy, what else there is, and meta.json. The folder is there whole or not at all; one
 * that holds anything is refused. */
la_status la_sample_write(const la_sample_set *s, const char *dir, la_err *err);

#endif
