/* SPDX-License-Identifier: Apache-2.0
 * Where threads share heads, or some would have none at the end, all heads, one behind the other, are cut into a
 * piece for each thread. One that starts inside a head goes on from a state of zeros; what came before it is added
 * to its outputs once it is known, since outputs are linear in the state before and in v. It ends where the past
 * is so far forgotten that the state of the piece takes it up without a change of any bit: from there on, the
 * outputs are those that follow from both. This is asked of the states between the legs of a piece.
 *
 * Under the additive rule, in float32, it is a product for each token, which two threads share:
 *
 *   o_t += s S' diag(exp G_t) q_t     S before the piece, G_t the decays since
 *
 * Else, and in bf16, it runs: the same kernel goes on from S with v = 0, and its outputs (and the states that
 * training saves) are added leg by leg. That costs as much again for each of these tokens, so a sequence is cut
 * only where gates show that the past is gone after a small part of a piece, and each piece is longer than the
 * one before by so many tokens: its thread is done as they are. Else threads go on in a relay or by columns.
 */
#ifndef LA_DELTA_PIECES_H
#define LA_DELTA_PIECES_H

#include "delta_relay.h"

typedef struct la_delta_pieces {
    int64_t T, heads;      /* tokens; heads of all batch entries */
    int64_t chunk, chunks; /* tokens of one; chunks of a head */
    int threads;
    bool runs;     /* what came before runs through a piece; else it is added token by token */
    int64_t again; /* chunks that it runs, about */
    bool by_channel;
    int64_t dk, K, W; /* rows of a state, and padded; columns */
    size_t work;      /* bytes of a thread's own */
    int64_t more;     /* floats of these for the kernel */
} la_delta_pieces;

/* Whether forward by chunks may be cut so. */
bool la_delta_has_pieces(const la_recurrence *m, const la_problem *p, int64_t chunk);
/* floats: of the kernel of whole sequences. */
la_delta_pieces la_delta_pieces_of(const la_recurrence *m, const la_problem *p, int64_t chunk,
                                   int64_t segment, int64_t floats);
/* Of scratch of a call. */
size_t la_delta_pieces_bytes(const la_delta_pieces *p);
/* work: la_delta_pieces_bytes, 64-byte aligned. False: nothing is done, since what came before would run for long. */
bool la_delta_pieces_run(const la_delta_pieces *p, const la_delta_leg_kernels *kernels,
                         la_delta_head_fn *head, const void *call, void *work);

/* The legs where what came before runs. */
la_delta_leg_fn la_delta_part_whole, la_delta_part_mend;

static inline int64_t la_delta_part_floats(int64_t segment, int64_t w)
{
    return 2 * (segment + 1) * w;
}

#endif
