/* SPDX-License-Identifier: Apache-2.0
 * Relations between the forms, masks and head groupings of one variant.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"
#include "relations_kit.h"

enum { LENGTH = 150 };

/* Output of every impl and its decode steps against the first one's. */
static la_status agree(const la_setting_of *s, la_err *err)
{
    const la_impl *first = NULL;
    double *base = NULL;
    la_status st = LA_OK;
    int64_t n = la_setting_outputs(s);
    for (size_t i = 0; i < s->variant->impls_len && st == LA_OK; i++) {
        const la_impl *impl = &s->variant->impls[i];
        if (!la_setting_runs(s, i)) continue;
        for (int decode = 0; decode <= 1 && st == LA_OK; decode++) {
            if (decode && (!(impl->caps & LA_CAP_DECODE) || s->p.mask != LA_MASK_CAUSAL)) continue;
            la_err why = {0};
            double *o =
                decode ? la_setting_decode(s, impl, &why) : la_setting_forward(s, impl, &why);
            char name[96];
            snprintf(name, sizeof name, "%s%s", impl->name, decode ? " token by token" : "");
            if (!o) {
                st = LA_FAIL(err, why.status, "%s: %s", name, why.msg);
            } else if (!base) {
                base = o;
                first = impl;
                continue;
            } else {
                st = la_relation_same(name, o, first->name, base, n, s->p.dv,
                                      la_relation_both(s->variant, impl, s->variant, first), err);
            }
            la_free(o);
        }
    }
    la_free(base);
    return st;
}

la_status la_relation_forms_agree(const la_relation *r, const la_device *device, la_err *err)
{
    static const la_input_kind kinds[] = {LA_INPUTS_DEFAULT, LA_INPUTS_STRONG_DECAY,
                                          LA_INPUTS_BETA_EDGES};
    const la_variant *v = la_registry_find(r->variants[0]);
    for (size_t i = 0; i < 2 * LA_COUNT(kinds); i++) {
        la_input_kind kind = kinds[i / 2];
        la_mask mask = i % 2 ? LA_MASK_BIDIRECTIONAL : LA_MASK_CAUSAL;
        if (!la_input_kind_applies(v, kind)) continue;
        la_problem p = la_relation_problem(LENGTH, 24, 40, mask);
        la_setting_of s;
        la_status st = la_setting_make(&s, v->name, &p, "", kind, device, err);
        if (st == LA_OK) st = agree(&s, err);
        la_setting_release(&s);
        LA_TRY(st);
    }
    return LA_OK;
}

/* The float64 reference in one call and in T calls, output and state. */
la_status la_relation_reference_steps(const la_relation *r, const la_device *device, la_err *err)
{
    la_problem p = la_relation_problem(40, 7, 5, LA_MASK_CAUSAL);
    la_setting_of s;
    double *whole = NULL, *steps = NULL, *state = NULL;
    la_status st = la_setting_make(&s, r->variants[0], &p, "", LA_INPUTS_DEFAULT, device, err);
    if (st != LA_OK) goto done;
    int64_t n = la_reference_state_elements(s.variant, &p, s.opts);
    state = la_zalloc((size_t)(2 * n) * sizeof(double), err);
    if (state) whole = la_setting_reference(&s, state, err);
    if (whole) steps = la_setting_reference_steps(&s, state + n, err);
    if (!steps) {
        st = LA_E_INTERNAL;
        goto done;
    }
    st = la_relation_same("the reference token by token", steps, "the reference in one call", whole,
                          la_setting_outputs(&s), p.dv, la_tolerance_float64(), err);
    if (st == LA_OK)
        st = la_relation_same("the state after single tokens", state + n,
                              "the state after one call", state, n, n, la_tolerance_float64(), err);
done:
    la_free(whole);
    la_free(steps);
    la_free(state);
    la_setting_release(&s);
    return st;
}

/* The last row of both masks, by every impl that has both. */
la_status la_relation_last_token(const la_relation *r, const la_device *device, la_err *err)
{
    la_problem p = la_relation_problem(LENGTH, 16, 24, LA_MASK_CAUSAL), q = p;
    q.mask = LA_MASK_BIDIRECTIONAL;
    la_setting_of s, t = {0};
    la_status st = la_setting_make(&s, r->variants[0], &p, "", LA_INPUTS_DEFAULT, device, err);
    if (st == LA_OK)
        st = la_setting_make(&t, r->variants[0], &q, "", LA_INPUTS_DEFAULT, device, err);
    int64_t row = p.H * p.dv;
    for (size_t i = 0; st == LA_OK && i < s.variant->impls_len; i++) {
        const la_impl *impl = &s.variant->impls[i];
        if (!la_setting_runs(&s, i) || !la_setting_runs(&t, i)) continue;
        double *x = la_setting_forward(&s, impl, err);
        double *y = x ? la_setting_forward(&t, impl, err) : NULL;
        if (!y) st = LA_E_INTERNAL;
        for (int64_t b = 0; b < p.B && st == LA_OK; b++) {
            int64_t at = ((b + 1) * p.T - 1) * row;
            st = la_relation_same("the last token, causal,", x + at,
                                  "the last token without a mask", y + at, row, p.dv,
                                  la_relation_both(s.variant, impl, s.variant, impl), err);
        }
        la_free(x);
        la_free(y);
    }
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}

/* Heads of a grouped tensor written out for every head: head h reads head h / (H / heads). */
static void repeat_heads(const la_setting_of *from, la_setting_of *to, la_tensor which)
{
    int64_t a[4], b[4];
    int rank = la_tensor_shape(from->variant, &from->p, which, a);
    if (rank == 0) return;
    la_tensor_shape(to->variant, &to->p, which, b);
    int64_t width = rank == 4 ? a[3] : 1;
    const float *x = from->in.t[which].data;
    float *y = to->in.t[which].data;
    for (int64_t token = 0; token < a[0] * a[1]; token++)
        for (int64_t h = 0; h < b[2]; h++)
            memcpy(y + (token * b[2] + h) * width, x + (token * a[2] + h / (b[2] / a[2])) * width,
                   (size_t)width * sizeof *y);
}

/* With three heads to each of q and k (or of k and v), by every impl that says it can. */
static la_status grouped(const la_variant *v, uint32_t cap, la_mask mask, const la_device *device,
                         la_err *err)
{
    la_problem p = la_relation_problem(70, 16, 24, mask), q;
    p.H = p.Hkv = p.Hqk = 6;
    q = p;
    *(cap == LA_CAP_GROUPED_QK ? &p.Hqk : &p.Hkv) = 2;
    la_setting_of s, t = {0};
    la_status st = la_setting_make(&s, v->name, &p, "", LA_INPUTS_DEFAULT, device, err);
    if (st == LA_OK) st = la_setting_make(&t, v->name, &q, "", LA_INPUTS_DEFAULT, device, err);
    for (int i = 0; i < LA_T_COUNT && st == LA_OK; i++) repeat_heads(&s, &t, (la_tensor)i);
    for (size_t i = 0; st == LA_OK && i < v->impls_len; i++) {
        const la_impl *impl = &v->impls[i];
        if (!(impl->caps & cap) || !la_setting_runs(&s, i)) continue;
        double *x = la_setting_forward(&s, impl, err);
        double *y = x ? la_setting_forward(&t, impl, err) : NULL;
        st = y ? la_relation_same("shared heads", x, "copies of them", y, la_setting_outputs(&s),
                                  p.dv, la_relation_both(v, impl, v, impl), err)
               : LA_E_INTERNAL;
        la_free(x);
        la_free(y);
    }
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}

la_status la_relation_grouped_heads(const la_relation *r, const la_device *device, la_err *err)
{
    static const uint32_t caps[] = {LA_CAP_GROUPED_QK, LA_CAP_GROUPED_KV};
    const la_variant *v = la_registry_find(r->variants[0]);
    for (size_t c = 0; c < LA_COUNT(caps); c++) {
        LA_TRY(grouped(v, caps[c], LA_MASK_CAUSAL, device, err));
        LA_TRY(grouped(v, caps[c], LA_MASK_BIDIRECTIONAL, device, err));
    }
    return LA_OK;
}
