/* SPDX-License-Identifier: Apache-2.0
 * A relay of threads that share a head. The sequence is cut into legs of a few chunks, which threads take:
 *
 *   1 prepare  what needs no state: scores, decays, copies
 *   2 carry    once the leg before has: the state through the leg chunk by chunk, states and U kept; it is
 *              handed on
 *   3 finish   outputs, from the kept states
 *
 * The rank-one rule has no third part: a sweep makes outputs as it goes. Which thread takes which leg changes
 * no bit of a result. The additive rule goes by pieces, and so do others whose past is soon gone
 * (delta_pieces.h).
 *
 * Nothing but the state crosses from core to core, and while one thread carries, another prepares or
 * finishes: two threads are twice as fast as long as to carry is at most half of the work. A line
 * that another core wrote costs some 10 ns, and shared columns would cross q, k and the scores.
 */
#ifndef LA_DELTA_RELAY_H
#define LA_DELTA_RELAY_H

#include "delta_chunk.h"

typedef struct la_delta_leg {
    int64_t start, end; /* tokens; start is a multiple of the chunk */
    float *ready;       /* la_delta_ready_floats a chunk */
    float *kept;        /* la_delta_leg_floats a chunk */
    float *scratch;     /* la_delta_leg_work floats; of a whole leg the slice's work */
    const float *in;    /* the state before the leg, [K,W] padded; not read by the first */
    float *out;         /* and behind it */
    /* Of a piece: by how much what came before it has decayed, up to the leg and, then, behind it. */
    float *fade;
} la_delta_leg;

static inline int64_t la_delta_leg_floats(int64_t dk, int64_t w, int64_t length)
{
    return (la_delta_up(dk) + la_delta_up(length)) * la_delta_up(w);
}

static inline int64_t la_delta_leg_work(la_decay decay, int64_t dk, int64_t w, int64_t length)
{
    return la_delta_up(length) * la_delta_up(w) + la_delta_prepare_floats(decay, dk, length);
}

/* `whole` is all three of a leg whose state is there already: it keeps nothing and does no work twice. `mend` adds
 * `in`, decayed, to what it made without. */
typedef void la_delta_leg_fn(const la_delta_slice *x, const la_delta_leg *leg);
la_delta_leg_fn la_delta_leg_whole_generic, la_delta_leg_whole_avx2, la_delta_leg_whole_avx512;
la_delta_leg_fn la_delta_leg_mend_generic, la_delta_leg_mend_avx2, la_delta_leg_mend_avx512;
la_delta_leg_fn la_delta_leg_prepare_generic, la_delta_leg_prepare_avx2,
    la_delta_leg_prepare_avx512;
la_delta_leg_fn la_delta_leg_carry_generic, la_delta_leg_carry_avx2, la_delta_leg_carry_avx512;
la_delta_leg_fn la_delta_leg_finish_generic, la_delta_leg_finish_avx2, la_delta_leg_finish_avx512;
/* Of the rank-one rule, whose chunks are LA_DELTA_BACK tokens. */
la_delta_leg_fn la_dplr_leg_prepare_generic, la_dplr_leg_prepare_avx2, la_dplr_leg_prepare_avx512,
    la_dplr_leg_prepare_avx512_bf16;
la_delta_leg_fn la_dplr_leg_carry_generic, la_dplr_leg_carry_avx2, la_dplr_leg_carry_avx512,
    la_dplr_leg_carry_avx512_bf16;

/* ---- who takes which leg ---- */

typedef struct la_delta_leg_kernels {
    la_delta_leg_fn *whole, *prepare, *carry, *finish; /* finish NULL: nothing to do */
    la_delta_leg_fn *mend;                             /* of pieces */
} la_delta_leg_kernels;

/* How a call is divided. */
typedef struct la_delta_relay {
    int64_t T, heads, chunk; /* tokens; heads of all batch entries; tokens of a chunk */
    int threads;
    bool whole;        /* all legs are */
    int64_t leg, legs; /* chunks of a leg; legs of a head */
    size_t ready, kept, work,
        state; /* bytes: what is prepared of a leg, what it keeps, a thread's own, a state */
} la_delta_relay;

/* Whether forward by chunks is relayed. */
bool la_delta_relays(const la_recurrence *m, const la_problem *p, int64_t chunk);
la_delta_relay la_delta_relay_of(const la_recurrence *m, const la_problem *p, int64_t chunk);
/* Of scratch of a call. */
size_t la_delta_relay_bytes(const la_delta_relay *r);
/* All columns of a head of a call. */
typedef la_delta_slice la_delta_head_fn(const void *call, int64_t head);
/* work: la_delta_relay_bytes, 64-byte aligned. */
void la_delta_relay_run(const la_delta_relay *r, const la_delta_leg_kernels *kernels,
                        la_delta_head_fn *head, const void *call, void *work);

#endif
