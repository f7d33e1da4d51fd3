/* SPDX-License-Identifier: Apache-2.0 */
#include "relations_kit.h"

#include <string.h>

#include "labench/kit.h"
#include "registry.h"
#include "suite.h"

enum { SEED = 20260422 };

la_problem la_relation_problem(int64_t T, int64_t dk, int64_t dv, la_mask mask)
{
    return (la_problem){.B = 2,
                        .T = T,
                        .Tcap = T,
                        .H = 2,
                        .Hkv = 2,
                        .Hqk = 2,
                        .dk = dk,
                        .dv = dv,
                        .mask = mask,
                        .threads = 2};
}

static la_status set_options(const la_variant *v, void *opts, const char *text, la_err *err)
{
    char words[256], *rest = words;
    LA_ASSERT(strlen(text) < sizeof words);
    strcpy(words, text);
    for (char *word; (word = strsep(&rest, " "));) {
        char *value = strchr(word, '=');
        if (!value) continue;
        *value++ = '\0';
        LA_TRY(la_options_set(v->options, v->options_len, opts, v->name, word, value, err));
    }
    return LA_OK;
}

la_status la_setting_make(la_setting_of *s, const char *variant, const la_problem *p,
                          const char *options, la_input_kind kind, const la_device *device,
                          la_err *err)
{
    const la_variant *v = la_registry_find(variant);
    *s = (la_setting_of){.variant = v, .p = *p, .device = device};
    if (!v) return LA_FAIL(err, LA_E_NOTFOUND, "there is no variant '%s'", variant);
    s->opts = la_zalloc(v->options_size + 8, err);
    if (!s->opts) return LA_E_NOMEM;
    la_options_default(v->options, v->options_len, s->opts);
    LA_TRY(set_options(v, s->opts, options, err));
    return la_inputs_draw(v, p, s->opts, kind, SEED, &s->in, err);
}

void la_setting_release(la_setting_of *s)
{
    la_inputs_release(&s->in);
    la_free(s->opts);
    *s = (la_setting_of){0};
}

void la_setting_copy_inputs(la_setting_of *to, const la_setting_of *from)
{
    for (int i = 0; i < LA_T_COUNT; i++)
        if (to->in.t[i].data && to->in.t[i].bytes == from->in.t[i].bytes)
            memcpy(to->in.t[i].data, from->in.t[i].data, to->in.t[i].bytes);
}

bool la_setting_runs(const la_setting_of *s, size_t i)
{
    const la_impl *impl = &s->variant->impls[i];
    uint32_t bit = s->p.mask == LA_MASK_CAUSAL ? LA_CAP_CAUSAL : LA_CAP_BIDIRECTIONAL;
    return (impl->caps & bit) && impl->rank(s->device, NULL) > 0;
}

int64_t la_setting_outputs(const la_setting_of *s)
{
    return s->p.B * s->p.T * s->p.H * s->p.dv;
}

static double *new_outputs(const la_setting_of *s, la_err *err)
{
    return la_alloc((size_t)la_setting_outputs(s) * sizeof(double), err);
}

/* Rows t0..t0+n-1 of an instance's output into the whole. */
static void widen_rows(const la_setting_of *s, const la_instance *inst, int64_t t0, int64_t n,
                       double *out)
{
    int64_t row = s->p.H * s->p.dv;
    const float *o = inst->o.data;
    for (int64_t b = 0; b < s->p.B; b++)
        for (int64_t i = 0; i < n * row; i++)
            out[(b * s->p.T + t0) * row + i] = (double)o[b * n * row + i];
}

double *la_setting_forward(const la_setting_of *s, const la_impl *impl, la_err *err)
{
    la_instance inst;
    if (la_instance_create(s->variant, impl, &s->p, LA_FORWARD, s->opts, s->device, &inst, err) !=
        LA_OK)
        return NULL;
    double *out = new_outputs(s, err);
    if (out && la_case_call(&inst, &s->in, NULL, NULL, 0, err) == LA_OK) {
        widen_rows(s, &inst, 0, s->p.T, out);
    } else {
        la_free(out);
        out = NULL;
    }
    la_instance_release(&inst);
    return out;
}

double *la_setting_decode(const la_setting_of *s, const la_impl *impl, la_err *err)
{
    la_instance inst;
    la_problem p = s->p;
    p.T = 1;
    la_status st =
        la_instance_create(s->variant, impl, &p, LA_DECODE, s->opts, s->device, &inst, err);
    if (st != LA_OK) return NULL;
    double *out = new_outputs(s, err);
    if (!out) st = LA_E_NOMEM;
    la_instance_state_initial(&inst);
    for (int64_t t = 0; t < s->p.T && st == LA_OK; t++) {
        la_inputs token;
        st = la_inputs_piece(s->variant, s->opts, &s->in, t, 1, &token, err);
        if (st == LA_OK) st = la_case_call(&inst, &token, inst.state.data, inst.state.data, t, err);
        if (st == LA_OK) widen_rows(s, &inst, t, 1, out);
        la_inputs_release(&token);
    }
    la_instance_release(&inst);
    if (st == LA_OK) return out;
    la_free(out);
    return NULL;
}

double *la_setting_reference(const la_setting_of *s, double *state, la_err *err)
{
    double *out = new_outputs(s, err);
    if (out && la_reference_forward(s->variant, &s->p, s->opts, &s->in, NULL, 0, NULL, state, 0,
                                    out, err) == LA_OK)
        return out;
    la_free(out);
    return NULL;
}

/* The packed state before the first token. */
static void initial_state(const la_setting_of *s, double *state)
{
    la_part parts[LA_MAX_PARTS];
    size_t n = s->variant->state_parts(&s->p, s->opts, parts, LA_MAX_PARTS);
    for (size_t i = 0; i < n; i++)
        for (int64_t e = la_part_elements(&parts[i]); e > 0; e--) *state++ = parts[i].initial;
}

double *la_setting_reference_steps(const la_setting_of *s, double *state, la_err *err)
{
    la_problem p = s->p;
    p.T = 1;
    int64_t row = p.H * p.dv, n = la_reference_state_elements(s->variant, &s->p, s->opts);
    size_t bytes = (size_t)n * sizeof(double);
    double *out = new_outputs(s, err), *before = la_alloc(bytes, err);
    double *step = la_alloc((size_t)(p.B * row) * sizeof(double), err);
    la_status st = out && before && step ? LA_OK : LA_E_NOMEM;
    if (st == LA_OK) initial_state(s, state);
    for (int64_t t = 0; t < s->p.T && st == LA_OK; t++) {
        memcpy(before, state, bytes);
        st = la_reference_range(s->variant, &p, s->opts, &s->in, t, NULL, 0, before, state, t, step,
                                err);
        for (int64_t b = 0; b < p.B && st == LA_OK; b++)
            memcpy(out + (b * s->p.T + t) * row, step + b * row, (size_t)row * sizeof(double));
    }
    la_free(before);
    la_free(step);
    if (st == LA_OK) return out;
    la_free(out);
    return NULL;
}

la_status la_relation_same(const char *a, const double *x, const char *b, const double *y,
                           int64_t n, int64_t width, la_tolerance tolerance, la_err *err)
{
    la_error e;
    la_err why = {0};
    la_compare_doubles(x, y, n, width, &e);
    la_status st = la_judge(&e, tolerance, &why);
    if (st == LA_OK) return LA_OK;
    return LA_FAIL(err, st, "%s is not %s: %s", a, b, why.msg);
}

la_tolerance la_relation_both(const la_variant *v, const la_impl *a, const la_variant *w,
                              const la_impl *b)
{
    la_tolerance x = la_tolerance_of(v, a, LA_F32), y = la_tolerance_of(w, b, LA_F32);
    return (la_tolerance){x.rel_rms + y.rel_rms, x.max_rel + y.max_rel};
}
