/* SPDX-License-Identifier: Apache-2.0
 * What every form of softmax attention over keys and values has in common, whatever its kernels: the
 * KV cache as state, the useful cost, and what is refused.
 */
#ifndef LA_KV_ATTENTION_H
#define LA_KV_ATTENTION_H

#include "labench/variant.h"

/* No window: every key that the mask leaves is seen. More than any length, and a length may be added to it. */
#define LA_KV_NO_WINDOW (INT64_C(1) << 40)

/* For members of la_variant. State: K [B,Hkv,n,dk], V [B,Hkv,n,dv] with n = min(window, Tcap) places.
 * Useful cost: 2 (dk + dv) FLOP for each pair of a query and a key it sees, of which there are T^2 a head
 * without a mask and window, half of them when causal, while q, k, v and o move once. A backward from
 * the log-sum-exp has five products for forward's two, 2 (3 dk + 2 dv) a pair. */
size_t la_kv_window_parts(const la_problem *p, int64_t window, la_part *out, size_t cap);
void la_kv_window_useful(const la_problem *p, la_pass pass, int64_t window, la_cost *cost);

/* The same without a window, as members of la_variant. */
size_t la_kv_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap);
la_status la_kv_useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                       la_err *err);
/* For la_impl.check; `name` is the variant's, for the refusal. */
la_status la_kv_check(const char *name, const la_problem *p, const la_device *dev, la_err *err);

/* ---- the cache in a state on the host: K [B,Hkv,places,dk], then V [B,Hkv,places,dv]; token t is at place
 * t mod places ---- */

/* Bytes in front of V, and of both. */
size_t la_kv_values_at(const la_problem *p, int64_t places);
size_t la_kv_bytes(const la_problem *p, int64_t places);
/* T tokens of io->k and io->v into io->state_out, behind `pos` before them, which are copied first where they come in
 * another buffer. Nothing where there is no such state, or no tokens. */
void la_kv_append(const la_problem *p, int64_t places, const la_io *io, int64_t pos, int64_t T);
/* LA_E_ARG where so many tokens do not fit Tcap places. */
la_status la_kv_fits(const la_problem *p, const la_io *io, int64_t tokens, la_err *err);

#endif
