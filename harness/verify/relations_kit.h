/* SPDX-License-Identifier: Apache-2.0
 * What the relations are written with: a setting (variant, problem, options, inputs) and outputs as
 * doubles, whoever made them.
 */
#ifndef LA_RELATIONS_KIT_H
#define LA_RELATIONS_KIT_H

#include "relations.h"

typedef struct la_setting_of {
    const la_variant *variant;
    la_problem p;
    void *opts;
    la_inputs in;
    const la_device *device;
} la_setting_of;

/* B 2, T, H 2, causal, two threads. */
la_problem la_relation_problem(int64_t T, int64_t dk, int64_t dv, la_mask mask);
/* Options from "key=value key=value" ("" for the defaults) and drawn inputs. Release in any case. */
la_status la_setting_make(la_setting_of *s, const char *variant, const la_problem *p,
                          const char *options, la_input_kind kind, const la_device *device,
                          la_err *err);
void la_setting_release(la_setting_of *s);
/* Copies q, k, v, beta (what both have, shapes being equal) of one setting to another. */
void la_setting_copy_inputs(la_setting_of *to, const la_setting_of *from);
/* Whether impl i runs here with the setting's mask. */
bool la_setting_runs(const la_setting_of *s, size_t i);

/* Elements of the output [B,T,H,dv]. */
int64_t la_setting_outputs(const la_setting_of *s);
/* Output of an impl's forward, of T decode steps, of the float64 reference in one call, and of the
 * reference in T calls (with the state after them when wanted); the caller frees it. NULL on failure. */
double *la_setting_forward(const la_setting_of *s, const la_impl *impl, la_err *err);
double *la_setting_decode(const la_setting_of *s, const la_impl *impl, la_err *err);
double *la_setting_reference(const la_setting_of *s, double *state, la_err *err);
double *la_setting_reference_steps(const la_setting_of *s, double *state, la_err *err);

/* Fails with "A is not B: ..." when the two differ by more than the tolerance. */
la_status la_relation_same(const char *a, const double *x, const char *b, const double *y,
                           int64_t n, int64_t width, la_tolerance tolerance, la_err *err);
/* Every impl of one against every impl of the other; la_relation_equal: the references too, in float64. */
la_status la_relation_equal(const la_setting_of *s, const la_setting_of *t, la_err *err);
la_status la_relation_equal_kernels(const la_setting_of *s, const la_setting_of *t, la_err *err);
/* The tolerances of two impls that are each held to the reference. */
la_tolerance la_relation_both(const la_variant *v, const la_impl *a, const la_variant *w,
                              const la_impl *b);

la_status la_relation_same_function(const la_relation *, const la_device *, la_err *);
la_status la_relation_forms_agree(const la_relation *, const la_device *, la_err *);
la_status la_relation_reference_steps(const la_relation *, const la_device *, la_err *);
la_status la_relation_last_token(const la_relation *, const la_device *, la_err *);
la_status la_relation_grouped_heads(const la_relation *, const la_device *, la_err *);
la_status la_relation_no_decay(const la_relation *, const la_device *, la_err *);
la_status la_relation_equal_channels(const la_relation *, const la_device *, la_err *);
la_status la_relation_channels_at_rest(const la_relation *, const la_device *, la_err *);
la_status la_relation_one_key(const la_relation *, const la_device *, la_err *);
la_status la_relation_no_removal(const la_relation *, const la_device *, la_err *);
la_status la_relation_steps_are_delta(const la_relation *, const la_device *, la_err *);
la_status la_relation_one_batch_is_a_sum(const la_relation *, const la_device *, la_err *);
la_status la_relation_fixed_decay(const la_relation *, const la_device *, la_err *);
la_status la_relation_exact_recall(const la_relation *, const la_device *, la_err *);
la_status la_relation_full_window(const la_relation *, const la_device *, la_err *);
la_status la_relation_full_rank(const la_relation *, const la_device *, la_err *);
la_status la_relation_positive_tends(const la_relation *, const la_device *, la_err *);
la_status la_relation_hyperbolic_tends(const la_relation *, const la_device *, la_err *);
la_status la_relation_trig_tends(const la_relation *, const la_device *, la_err *);
la_status la_relation_fourier_twice(const la_relation *, const la_device *, la_err *);
la_status la_relation_plain_sum(const la_relation *, const la_device *, la_err *);

#endif
