/* SPDX-License-Identifier: Apache-2.0
 * Examples of learned tasks for people and for use elsewhere.
 */
#ifndef LA_CLI_EXAMPLES_H
#define LA_CLI_EXAMPLES_H

#include <stdio.h>

#include "labench/task.h"

typedef struct la_drawn_example {
    la_shape shape;
    int32_t *tokens;    /* [shape.T] */
    la_answer *answers; /* [n], in order of position */
    int64_t n;
} la_drawn_example;
/* Room for examples of a shape. Release with la_example_release, which accepts zeroed ones. */
la_status la_example_room(const la_task *t, const void *opts, const la_shape *shape,
                          la_drawn_example *out, la_err *err);
void la_example_release(la_drawn_example *e);

/* Words and answers of one example in lines of `width` columns behind `indent` spaces: each answer under
 * the token that asks for it, what lies between and asks nothing shortened. */
la_status la_print_example(const la_task *t, const void *opts, const la_drawn_example *e,
                           int indent, int width, FILE *out, la_err *err);

#endif
