/* SPDX-License-Identifier: Apache-2.0
 * What every form of softmax attention over keys and values has in common, whatever its kernels: the
 * KV cache as state, the useful cost, and what is refused.
 */
#ifndef LA_KV_ATTENTION_H
#define LA_KV_ATTENTION_H

#include "labench/variant.h"

/* Members of la_variant: K [B,Hkv,Tcap,dk], V [B,Hkv,Tcap,dv]; 2 T^2 (dk + dv) FLOP a head, half of
 * it when causal, while q, k, v and o move once. A backward from the log-sum-exp has five products
 * for forward's two, 2 T^2 (3 dk + 2 dv). */
size_t la_kv_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap);
la_status la_kv_useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                       la_err *err);
/* For la_impl.check; `name` is the variant's, for the refusal. */
la_status la_kv_check(const char *name, const la_problem *p, la_err *err);

#endif
