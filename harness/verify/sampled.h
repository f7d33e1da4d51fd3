/* SPDX-License-Identifier: Apache-2.0
 * Verification of one cell, cheaply: up to 1024 tokens every row is compared with the float64
 * reference; above, 64 sampled rows (always the first, the last and chunk borders) and a finiteness
 * scan of everything. The float64 rows are computed with all cores and may be kept in a folder, shared by fwd and
 * decode cells and by all impls of a variant.
 *
 * A worker's forward cell:   la_inputs_draw, la_sampled_forward, [forward], la_sampled_check.
 * A worker's decode cell:    la_instance_create, la_sampled_decode (it draws), [decode], la_sampled_check.
 */
#ifndef LA_SAMPLED_H
#define LA_SAMPLED_H

#include "compare.h"

enum { LA_SAMPLED_FULL = 1024, LA_SAMPLED_ROWS = 64 };

typedef struct la_sampled {
    la_problem problem; /* of the cell: T = 1 for decode */
    int64_t *rows;      /* owned; tokens compared; NULL: all */
    int64_t n_rows;
    double *want;   /* owned; [B, n_rows, H, dv] */
    bool from_file; /* the reference was not computed anew */
} la_sampled;

/* The reference of a forward cell. `in` holds the drawn inputs of p; `seed` is the one they were
 * drawn from (LA_INPUTS_DEFAULT). cache_dir must exist; NULL: nothing is kept. */
la_status la_sampled_forward(const la_variant *variant, const la_problem *p, const void *opts,
                             const la_inputs *in, uint64_t seed, const char *cache_dir,
                             la_sampled *out, la_err *err);

/* The reference of a decode cell: p has T = 1 and Tcap = L. Draws the inputs of L tokens, gives those
 * of the last one in *token (caller releases) and writes the state after L - 1 tokens into `state`, a
 * buffer of la_state_layout bytes: the float64 reference's state, or for KV caches the drawn K and V. The
 * output row to compare is the reference's row L - 1; call decode with pos = L - 1. */
la_status la_sampled_decode(const la_variant *variant, const la_problem *p, const void *opts,
                            uint64_t seed, const char *cache_dir, la_inputs *token, void *state,
                            la_sampled *out, la_err *err);

/* Holds output o of the cell to the reference; LA_OK, LA_E_WRONG or LA_E_NONFINITE with the worst
 * index and both values in the message. *error is filled in any case. */
la_status la_sampled_check(const la_sampled *sampled, const la_variant *variant,
                           const la_impl *impl, const void *o, la_error *error, la_err *err);

/* Whether the reference walks through all tokens with a state, and not only through the sampled rows; `whole`
 * has the cell's full length as T. */
bool la_sampled_walks(const la_variant *variant, const la_problem *whole, const void *opts);

/* Whether the state is a cache of the keys and values of all p->Tcap tokens; and such a cache of the first `tokens`
 * tokens of `in`, which are p->Tcap long. */
bool la_sampled_has_cache(const la_variant *variant, const la_problem *p, const void *opts);
void la_sampled_fill_cache(const la_variant *variant, const la_problem *p, const void *opts,
                           const la_inputs *in, int64_t tokens, void *state);

void la_sampled_release(la_sampled *sampled); /* accepts NULL and zeroed */

/* Host bytes that the two functions above take at their peak, besides inputs, state and output, for a memory
 * budget (an upper estimate). */
size_t la_sampled_bytes(const la_variant *variant, const la_problem *p, la_pass pass,
                        const void *opts);

#endif
