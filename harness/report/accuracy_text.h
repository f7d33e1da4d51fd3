/* SPDX-License-Identifier: Apache-2.0
 * What the tables of trained models' accuracy share.
 */
#ifndef LA_ACCURACY_TEXT_H
#define LA_ACCURACY_TEXT_H

#include <stdio.h>

#include "series.h"

/* The different x of all points, ascending, at most cap. */
size_t la_lines_lengths(const la_lines *lines, double *lengths, size_t cap);

enum { LA_ACCURACY_TEXT = 12 };
/* "0.998" at x, or what became of it ("OOM"; "-": unsupported); "" where the line has no such x. */
void la_accuracy_text(const la_series *s, double x, char out[LA_ACCURACY_TEXT]);
/* "* bidirectional, the others causal" below a table where some lines are marked. */
void la_accuracy_mask_note(const la_lines *lines, FILE *out);

#endif
