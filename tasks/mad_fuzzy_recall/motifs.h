/* SPDX-License-Identifier: Apache-2.0
 * Keys and values of several tokens: the examples of mad_fuzzy_recall.
 */
#ifndef MOTIFS_H
#define MOTIFS_H

#include "examples.h"

#define LA_LONGEST_MOTIF 4 /* codes of keys (of at most 2047 tokens each) stay below 2^48 */

typedef struct la_motifs_options {
    int64_t vocab, key_motif, value_motif;
} la_motifs_options;

/* Refuses a vocabulary with fewer tokens than a motif has. */
la_status la_motifs_check(const char *task, const la_motifs_options *o, la_err *err);
/* T and the options are fine already. */
la_status la_motifs_make(const la_motifs_options *o, const la_example *example, la_split split,
                         int64_t T, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                         la_err *err);

#endif
