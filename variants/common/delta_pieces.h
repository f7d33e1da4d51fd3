/* SPDX-License-Identifier: Apache-2.0
 * The additive rule where threads share heads, or some would have none at the end. All heads, one behind the
 * other, are cut into a piece for each thread. One that starts inside a head goes on from a state of zeros;
 * what came before it is added to its outputs once it is known:
 *
 *   o_t += s S' diag(exp G_t) q_t     S before the piece, G_t the decays since
 *
 * A product for each token, which two threads share. It ends where the past has decayed so far that the
 * state of the piece takes it up without a change of any bit: from there on, the outputs are those that
 * follow from both. This is asked of the states between the legs of a piece.
 */
#ifndef LA_DELTA_PIECES_H
#define LA_DELTA_PIECES_H

#include "delta_relay.h"

typedef struct la_delta_pieces {
    int64_t T, heads;      /* tokens; heads of all batch entries */
    int64_t chunk, chunks; /* tokens of one; chunks of a head */
    int threads;
    bool by_channel;
    int64_t dk, K, W; /* rows of a state, and padded; columns */
    size_t work;      /* bytes of a thread's own */
} la_delta_pieces;

/* Whether forward by chunks is cut so. */
bool la_delta_has_pieces(const la_recurrence *m, const la_problem *p, int64_t chunk);
la_delta_pieces la_delta_pieces_of(const la_recurrence *m, const la_problem *p, int64_t chunk);
/* Of scratch of a call. */
size_t la_delta_pieces_bytes(const la_delta_pieces *p);
/* work: la_delta_pieces_bytes, 64-byte aligned. */
void la_delta_pieces_run(const la_delta_pieces *p, const la_delta_leg_kernels *kernels,
                         la_delta_head_fn *head, const void *call, void *work);

#endif
