/* SPDX-License-Identifier: Apache-2.0
 * Relations between variants, and identities of one member's mathematics.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"
#include "relations_kit.h"

la_status la_relation_equal_kernels(const la_setting_of *s, const la_setting_of *t, la_err *err)
{
    la_status st = LA_OK;
    for (size_t i = 0; i < s->variant->impls_len && st == LA_OK; i++) {
        const la_impl *a = &s->variant->impls[i];
        if (!la_setting_runs(s, i)) continue;
        double *x = la_setting_forward(s, a, err);
        if (!x) return LA_E_INTERNAL;
        for (size_t j = 0; j < t->variant->impls_len && st == LA_OK; j++) {
            const la_impl *b = &t->variant->impls[j];
            char one[96], two[96];
            if (!la_setting_runs(t, j)) continue;
            double *y = la_setting_forward(t, b, err);
            snprintf(one, sizeof one, "%s %s", s->variant->name, a->name);
            snprintf(two, sizeof two, "%s %s", t->variant->name, b->name);
            st = y ? la_relation_same(one, x, two, y, la_setting_outputs(s), s->p.dv,
                                      la_relation_both(s->variant, a, t->variant, b), err)
                   : LA_E_INTERNAL;
            la_free(y);
        }
        la_free(x);
    }
    return st;
}

/* The references of both, in float64. */
static la_status same_references(const la_setting_of *s, const la_setting_of *t, la_err *err)
{
    double *x = la_setting_reference(s, NULL, err);
    double *y = x ? la_setting_reference(t, NULL, err) : NULL;
    la_status st = y ? la_relation_same(s->variant->name, x, t->variant->name, y,
                                        la_setting_outputs(s), s->p.dv, la_tolerance_float64(), err)
                     : LA_E_INTERNAL;
    la_free(x);
    la_free(y);
    return st;
}

la_status la_relation_equal(const la_setting_of *s, const la_setting_of *t, la_err *err)
{
    LA_TRY(same_references(s, t, err));
    return la_relation_equal_kernels(s, t, err);
}

la_status la_relation_same_function(const la_relation *r, const la_device *device, la_err *err)
{
    static const int64_t lengths[] = {1, 3, 64, 200};
    for (size_t i = 0; i < 2 * LA_COUNT(lengths); i++) {
        la_mask mask = i % 2 ? LA_MASK_BIDIRECTIONAL : LA_MASK_CAUSAL;
        la_problem p = la_relation_problem(lengths[i / 2], 40, 24, mask);
        la_setting_of s, t = {0};
        la_status st = la_setting_make(&s, r->variants[0], &p, "", LA_INPUTS_DEFAULT, device, err);
        if (st == LA_OK)
            st = la_setting_make(&t, r->variants[1], &p, "", LA_INPUTS_DEFAULT, device, err);
        if (st == LA_OK) la_setting_copy_inputs(&t, &s);
        if (st == LA_OK) st = la_relation_equal_kernels(&s, &t, err);
        la_setting_release(&s);
        la_setting_release(&t);
        LA_TRY(st);
    }
    return LA_OK;
}

/* Windows as long as the sequence and longer, with heads that share keys. */
la_status la_relation_full_window(const la_relation *r, const la_device *device, la_err *err)
{
    for (int i = 0; i < 4; i++) {
        la_problem p = la_relation_problem(i < 2 ? 170 : 1, 24, 40, (la_mask)(i % 2));
        p.Hkv = 1;
        la_setting_of s, t = {0};
        la_status st = LA_OK;
        for (int more = 0; more < 2 && st == LA_OK; more++) {
            char window[32];
            snprintf(window, sizeof window, "window=%" PRId64, p.T + more * 100);
            st = la_setting_make(&s, r->variants[0], &p, window, LA_INPUTS_DEFAULT, device, err);
            if (st == LA_OK)
                st = la_setting_make(&t, r->variants[1], &p, "", LA_INPUTS_DEFAULT, device, err);
            if (st == LA_OK) la_setting_copy_inputs(&t, &s);
            if (st == LA_OK) st = la_relation_equal(&s, &t, err);
            la_setting_release(&s);
            la_setting_release(&t);
        }
        LA_TRY(st);
    }
    return LA_OK;
}

la_status la_relation_no_decay(const la_relation *r, const la_device *device, la_err *err)
{
    la_problem p = la_relation_problem(150, 24, 40, LA_MASK_CAUSAL);
    la_setting_of s, t = {0};
    la_status st = la_setting_make(&s, r->variants[0], &p, "", LA_INPUTS_NO_DECAY, device, err);
    if (st == LA_OK)
        st = la_setting_make(&t, r->variants[1], &p, "", LA_INPUTS_DEFAULT, device, err);
    if (st == LA_OK) la_setting_copy_inputs(&t, &s);
    if (st == LA_OK) st = la_relation_equal(&s, &t, err);
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}

/* The first dk tokens write orthonormal keys (the unit axes, turned by one reflection), the next dk ask for
 * them with beta = 0. */
static void write_then_ask(la_setting_of *s)
{
    const la_problem *p = &s->p;
    int64_t d = p->dk, heads = p->Hqk;
    float *q = s->in.t[LA_T_Q].data, *k = s->in.t[LA_T_K].data;
    float *beta = s->in.t[LA_T_BETA].data;
    la_buffer *g = &s->in.t[LA_T_G];
    if (g->data) memset(g->data, 0, g->bytes);
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t t = 0; t < p->T; t++)
            for (int64_t h = 0; h < heads; h++)
                for (int64_t c = 0; c < d; c++) {
                    /* Row t of I - 2 u u' with u = (1, ..., 1) / sqrt(d). */
                    double key = (t % d == c ? 1.0 : 0.0) - 2.0 / (double)d;
                    q[((b * p->T + t) * heads + h) * d + c] = (float)key;
                    k[((b * p->T + t) * heads + h) * d + c] = (float)key;
                }
    for (int64_t i = 0; i < p->B * p->T * p->H; i++) beta[i] = i / p->H % p->T < d ? 1.0f : 0.0f;
}

/* Row t of `o` from token dk on must be the value of token t - dk. */
static la_status recalled(const la_setting_of *s, const char *who, const double *o,
                          la_tolerance tolerance, la_err *err)
{
    const la_problem *p = &s->p;
    int64_t row = p->H * p->dv, n = p->dk * row;
    const float *v = s->in.t[LA_T_V].data;
    double *want = la_alloc((size_t)n * sizeof(double), err);
    la_status st = want ? LA_OK : LA_E_NOMEM;
    for (int64_t b = 0; b < p->B && st == LA_OK; b++) {
        for (int64_t i = 0; i < n; i++) want[i] = (double)v[b * p->T * row + i];
        st = la_relation_same(who, o + (b * p->T + p->dk) * row, "the values written", want, n,
                              p->dv, tolerance, err);
    }
    la_free(want);
    return st;
}

la_status la_relation_exact_recall(const la_relation *r, const la_device *device, la_err *err)
{
    /* 2 / dk is exact in float32 for a power of two, so that the keys are orthonormal exactly. */
    la_problem p = la_relation_problem(2 * 64, 64, 24, LA_MASK_CAUSAL);
    p.scale = 1.0;
    la_setting_of s;
    la_status st = la_setting_make(&s, r->variants[0], &p, "", LA_INPUTS_DEFAULT, device, err);
    if (st != LA_OK) goto done;
    write_then_ask(&s);
    double *o = la_setting_reference(&s, NULL, err);
    st = o ? recalled(&s, "the reference's recall", o, la_tolerance_float64(), err) : LA_E_INTERNAL;
    la_free(o);
    for (size_t i = 0; i < s.variant->impls_len && st == LA_OK; i++) {
        const la_impl *impl = &s.variant->impls[i];
        if (!la_setting_runs(&s, i)) continue;
        o = la_setting_forward(&s, impl, err);
        st = o ? recalled(&s, impl->name, o, la_tolerance_of(s.variant, impl, LA_F32), err)
               : LA_E_INTERNAL;
        la_free(o);
    }
done:
    la_setting_release(&s);
    return st;
}

/* r = T and E = F = I: the mixtures are the tokens. */
la_status la_relation_full_rank(const la_relation *r, const la_device *device, la_err *err)
{
    la_problem p = la_relation_problem(90, 16, 24, LA_MASK_BIDIRECTIONAL);
    la_setting_of s, t = {0};
    la_status st = la_setting_make(&s, r->variants[0], &p, "r=90", LA_INPUTS_DEFAULT, device, err);
    if (st == LA_OK)
        st = la_setting_make(&t, r->variants[1], &p, "", LA_INPUTS_DEFAULT, device, err);
    if (st != LA_OK) goto done;
    la_setting_copy_inputs(&t, &s);
    for (size_t i = 0; i < s.in.n_params; i++) {
        float *w = s.in.param[i].data;
        LA_ASSERT(la_param_elements(&s.in.params[i]) == p.T * p.T);
        for (int64_t e = 0; e < p.T * p.T; e++) w[e] = e % (p.T + 1) == 0 ? 1.0f : 0.0f;
    }
    st = same_references(&s, &t, err);
    if (st == LA_OK) st = la_relation_equal_kernels(&s, &t, err);
done:
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}

/* RMS error of performer with M rows of W against softmax, over draws of W, relative to softmax. */
static la_status error_with(const la_setting_of *softmax, const char *kernel, const double *want,
                            int64_t features, int draws, double *out, la_err *err)
{
    double sum = 0, base = 0;
    int64_t n = la_setting_outputs(softmax);
    for (int64_t i = 0; i < n; i++) base += want[i] * want[i];
    for (int draw = 0; draw < draws; draw++) {
        char text[64];
        snprintf(text, sizeof text, "kernel=%s features=%" PRId64 " redraw=%d", kernel, features,
                 draw);
        la_setting_of s;
        la_status st = la_setting_make(&s, "performer", &softmax->p, text, LA_INPUTS_DEFAULT,
                                       softmax->device, err);
        if (st == LA_OK) la_setting_copy_inputs(&s, softmax);
        const la_impl *impl = st == LA_OK ? la_variant_best(s.variant, softmax->device, err) : NULL;
        double *o = impl ? la_setting_forward(&s, impl, err) : NULL;
        for (int64_t i = 0; o && i < n; i++) sum += (o[i] - want[i]) * (o[i] - want[i]);
        la_setting_release(&s);
        if (!o) return LA_E_INTERNAL;
        la_free(o);
    }
    *out = sqrt(sum / draws / base);
    return LA_OK;
}

static la_status tends_to_softmax(const char *kernel, const la_relation *r, const la_device *device,
                                  la_err *err)
{
    enum { POINTS = 4, DRAWS = 8 };
    static const int64_t features[POINTS] = {64, 256, 1024, 4096};
    la_problem p = la_relation_problem(32, 8, 8, LA_MASK_BIDIRECTIONAL);
    /* The variance of one feature is exp(s |q + k|^2): with s = 1/sqrt(dk) and unit normal rows thousands
     * of features do not see its average yet. */
    p.scale = 0.1;
    la_setting_of s;
    double *want = NULL, error[POINTS], xx = 0, xy = 0, mx = 0, my = 0;
    la_status st = la_setting_make(&s, r->variants[1], &p, "", LA_INPUTS_DEFAULT, device, err);
    if (st != LA_OK) goto done;
    want = la_setting_reference(&s, NULL, err);
    if (!want) st = LA_E_INTERNAL;
    for (int i = 0; i < POINTS && st == LA_OK; i++)
        st = error_with(&s, kernel, want, features[i], DRAWS, &error[i], err);
    if (st != LA_OK) goto done;
    for (int i = 0; i < POINTS; i++) {
        mx += log((double)features[i]) / POINTS;
        my += log(error[i]) / POINTS;
    }
    for (int i = 0; i < POINTS; i++) {
        double x = log((double)features[i]) - mx;
        xx += x * x;
        xy += x * (log(error[i]) - my);
    }
    double slope = xy / xx;
    if (!(slope > -0.65 && slope < -0.35) || !(error[POINTS - 1] < 0.1))
        st =
            LA_FAIL(err, LA_E_WRONG,
                    "the error falls as M^%.2f where M^-0.5 is right: %.3g at 64 features, %.3g at "
                    "256, %.3g at 1024, %.3g at 4096",
                    slope, error[0], error[1], error[2], error[3]);
done:
    la_free(want);
    la_setting_release(&s);
    return st;
}

la_status la_relation_positive_tends(const la_relation *r, const la_device *device, la_err *err)
{
    return tends_to_softmax("positive", r, device, err);
}

la_status la_relation_hyperbolic_tends(const la_relation *r, const la_device *device, la_err *err)
{
    return tends_to_softmax("hyperbolic", r, device, err);
}

la_status la_relation_trig_tends(const la_relation *r, const la_device *device, la_err *err)
{
    return tends_to_softmax("trig", r, device, err);
}

/* Re F is (F + F^-1) / 2 up to the scale T D, and F F mirrors: two applications give
 * T D / 2 (x_{t,c} + x_{-t,-c}), indices modulo T and D. */
la_status la_relation_fourier_twice(const la_relation *r, const la_device *device, la_err *err)
{
    la_problem p = la_relation_problem(45, 1, 15, LA_MASK_BIDIRECTIONAL);
    la_setting_of s;
    int64_t D = p.H * p.dv, n = p.B * p.T * D;
    double *want = NULL;
    la_status st =
        la_setting_make(&s, r->variants[0], &p, "norm=none", LA_INPUTS_DEFAULT, device, err);
    if (st != LA_OK) goto done;
    want = la_alloc((size_t)n * sizeof(double), err);
    if (!want) st = LA_E_NOMEM;
    float *x = s.in.t[LA_T_X].data;
    for (int64_t i = 0; st == LA_OK && i < n; i++) {
        int64_t b = i / (p.T * D), t = i / D % p.T, c = i % D;
        int64_t mirror = (b * p.T + (p.T - t) % p.T) * D + (D - c) % D;
        want[i] = 0.5 * (double)(p.T * D) * ((double)x[i] + (double)x[mirror]);
    }
    for (size_t i = 0; i < s.variant->impls_len && st == LA_OK; i++) {
        const la_impl *impl = &s.variant->impls[i];
        la_setting_of again = {0};
        if (!la_setting_runs(&s, i)) continue;
        double *once = la_setting_forward(&s, impl, err), *twice = NULL;
        st = once ? la_setting_make(&again, r->variants[0], &p, "norm=none", LA_INPUTS_DEFAULT,
                                    device, err)
                  : LA_E_INTERNAL;
        for (int64_t e = 0; st == LA_OK && e < n; e++)
            ((float *)again.in.t[LA_T_X].data)[e] = (float)once[e];
        if (st == LA_OK) twice = la_setting_forward(&again, impl, err);
        st = twice ? la_relation_same("two transforms", twice, "T D / 2 (x + x mirrored)", want, n,
                                      D, la_relation_both(s.variant, impl, s.variant, impl), err)
                   : LA_E_INTERNAL;
        la_free(once);
        la_free(twice);
        la_setting_release(&again);
    }
done:
    la_free(want);
    la_setting_release(&s);
    return st;
}

/* o_i = s sum_{j<=i} (q_i.k_j) v_j, written out as the double loop that linear attention avoids. */
static void plain_sum(const la_setting_of *s, double *out)
{
    const la_problem *p = &s->p;
    const float *q = s->in.t[LA_T_Q].data, *k = s->in.t[LA_T_K].data, *v = s->in.t[LA_T_V].data;
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t h = 0; h < p->H; h++)
            for (int64_t i = 0; i < p->T; i++) {
                int64_t at = (b * p->T + i) * p->H + h;
                for (int64_t c = 0; c < p->dv; c++) out[at * p->dv + c] = 0;
                for (int64_t j = 0; j <= i; j++) {
                    int64_t from = (b * p->T + j) * p->H + h;
                    double dot = 0;
                    for (int64_t c = 0; c < p->dk; c++)
                        dot += (double)q[at * p->dk + c] * (double)k[from * p->dk + c];
                    for (int64_t c = 0; c < p->dv; c++)
                        out[at * p->dv + c] += la_scale(p) * dot * (double)v[from * p->dv + c];
                }
            }
}

la_status la_relation_plain_sum(const la_relation *r, const la_device *device, la_err *err)
{
    la_problem p = la_relation_problem(100, 16, 24, LA_MASK_CAUSAL);
    la_setting_of s;
    double *want = NULL;
    la_status st = la_setting_make(&s, r->variants[0], &p, "map=identity normalize=0",
                                   LA_INPUTS_DEFAULT, device, err);
    if (st != LA_OK) goto done;
    want = la_alloc((size_t)la_setting_outputs(&s) * sizeof(double), err);
    if (!want) {
        st = LA_E_NOMEM;
        goto done;
    }
    plain_sum(&s, want);
    for (size_t i = 0; i < s.variant->impls_len && st == LA_OK; i++) {
        const la_impl *impl = &s.variant->impls[i];
        if (!la_setting_runs(&s, i)) continue;
        double *o = la_setting_forward(&s, impl, err);
        st = o ? la_relation_same(impl->name, o, "the plain sum", want, la_setting_outputs(&s),
                                  p.dv, la_relation_both(s.variant, impl, s.variant, impl), err)
               : LA_E_INTERNAL;
        la_free(o);
    }
done:
    la_free(want);
    la_setting_release(&s);
    return st;
}
