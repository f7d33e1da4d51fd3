/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void must(la_status st, const la_err *err)
{
    if (st != LA_OK) print_error("%s\n", err->msg);
    assert_int_equal(st, LA_OK);
}

la_problem problem_of(int64_t B, int64_t T, int64_t H, int64_t dk, int64_t dv, la_mask mask,
                      int threads)
{
    return (la_problem){.B = B,
                        .T = T,
                        .Tcap = T,
                        .H = H,
                        .Hkv = H,
                        .Hqk = H,
                        .dk = dk,
                        .dv = dv,
                        .mask = mask,
                        .threads = threads};
}

static void set_options(subject *s, const char *set)
{
    char words[256], *rest = NULL;
    la_err err = {0};
    snprintf(words, sizeof words, "%s", set);
    for (char *w = strtok_r(words, ",", &rest); w; w = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(w, '=');
        assert_non_null(equals);
        *equals = '\0';
        must(la_options_set(s->variant->options, s->variant->options_len, s->opts, s->variant->name,
                            w, equals + 1, &err),
             &err);
    }
}

static void open_for(subject *s, la_pass pass, const char *variant, const char *impl, la_problem p,
                     const char *set, la_input_kind kind)
{
    la_err err = {0};
    *s = (subject){.variant = la_registry_find(variant), .p = p};
    assert_non_null(s->variant);
    s->impl = la_variant_impl(s->variant, impl);
    assert_non_null(s->impl);
    la_device_cpu(&s->device);
    s->opts = la_zalloc(s->variant->options_size + 8, &err);
    assert_non_null(s->opts);
    la_options_default(s->variant->options, s->variant->options_len, s->opts);
    set_options(s, set);
    must(la_inputs_draw(s->variant, &s->p, s->opts, kind, 7, &s->in, &err), &err);
    must(la_instance_create(s->variant, s->impl, &s->p, pass, s->opts, &s->device, &s->inst, &err),
         &err);
}

void subject_open(subject *s, const char *variant, const char *impl, la_problem p, const char *set,
                  la_input_kind kind)
{
    open_for(s, LA_FORWARD, variant, impl, p, set, kind);
}

void subject_open_training(subject *s, const char *variant, const char *impl, la_problem p,
                           const char *set, la_input_kind kind)
{
    open_for(s, LA_FWDBWD, variant, impl, p, set, kind);
}

void subject_close(subject *s)
{
    la_instance_release(&s->inst);
    la_inputs_release(&s->in);
    la_free(s->opts);
}

float *subject_tensor(subject *s, la_tensor which)
{
    return s->in.t[which].data;
}

const float *subject_run(subject *s, const void *state_in, void *state_out)
{
    la_err err = {0};
    la_instance_poison(&s->inst);
    la_io io = la_instance_io(&s->inst, &s->in);
    io.state_in = state_in;
    io.state_out = state_out;
    must(s->impl->forward(s->inst.self, &io, &err), &err);
    must(la_instance_guards(&s->inst, &err), &err);
    return s->inst.o.data;
}

void subject_agrees(subject *s, const int64_t *rows, int64_t n_rows)
{
    la_err err = {0};
    const la_problem *p = &s->p;
    int64_t n = p->B * (rows ? n_rows : p->T) * p->H * p->dv;
    double *want = la_alloc((size_t)n * sizeof *want, &err);
    assert_non_null(want);
    const float *o = subject_run(s, NULL, NULL);
    must(la_reference_forward(s->variant, p, s->opts, &s->in, rows, n_rows, NULL, NULL, 0, want,
                              &err),
         &err);
    la_error error;
    la_compare(s->variant, p, o, rows, n_rows, want, &error);
    la_free(want);
    must(la_judge(&error, la_tolerance_of(s->variant, s->impl, p->dtype), &err), &err);
    assert_int_equal(la_count_nonfinite(o, p->B * p->T * p->H * p->dv, LA_F32), 0);
}

double distance(const float *x, const float *y, int64_t n)
{
    double square = 0.0, worst = 0.0;
    for (int64_t i = 0; i < n; i++) {
        square += (double)y[i] * (double)y[i];
        double d = fabs((double)x[i] - (double)y[i]);
        if (!(d <= worst)) worst = d;
    }
    return worst / sqrt(square / (double)n);
}
