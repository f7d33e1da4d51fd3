/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <math.h>

static double retention(int64_t head)
{
    return log1p(-ldexp(1.0, -5 - (int)head));
}

static double reset(int64_t head)
{
    (void)head;
    return -50.0;
}

static double rest(int64_t head)
{
    (void)head;
    return 0.0;
}

#define FIXED .decay = LA_DECAY_FIXED, .log_decay
const la_recurrence every_pair[] = {
    {.name = "additive", .write = LA_WRITE_ADDITIVE, .decay = LA_DECAY_NONE, .default_scale = 1},
    {.name = "additive fixed", .write = LA_WRITE_ADDITIVE, FIXED = retention},
    {.name = "additive fixed at -50", .write = LA_WRITE_ADDITIVE, FIXED = reset},
    {.name = "additive fixed at 0", .write = LA_WRITE_ADDITIVE, FIXED = rest},
    {.name = "weighted head",
     .write = LA_WRITE_ADDITIVE,
     .decay = LA_DECAY_HEAD,
     .weighted = true,
     .default_scale = 1},
    {.name = "additive channel", .write = LA_WRITE_ADDITIVE, .decay = LA_DECAY_CHANNEL},
    {.name = "delta", .write = LA_WRITE_DELTA, .decay = LA_DECAY_NONE, .weighted = true},
    {.name = "delta fixed", .write = LA_WRITE_DELTA, .weighted = true, FIXED = retention},
    {.name = "delta fixed at -50", .write = LA_WRITE_DELTA, .weighted = true, FIXED = reset},
    {.name = "delta fixed at 0", .write = LA_WRITE_DELTA, .weighted = true, FIXED = rest},
    {.name = "delta head", .write = LA_WRITE_DELTA, .decay = LA_DECAY_HEAD, .weighted = true},
    {.name = "delta channel", .write = LA_WRITE_DELTA, .decay = LA_DECAY_CHANNEL, .weighted = true},
};
const size_t every_pair_len = LA_COUNT(every_pair);
const char *const gates_names[GATES_KINDS] = {"mild", "mixed", "resets", "at rest", "half"};

void make_gates(float *g, int64_t n, gate_kind kind)
{
    for (int64_t i = 0; i < n; i++) {
        float mild = (float)-exp((double)g[i] - 2.0);
        bool resets = kind == GATES_RESETS || (kind == GATES_MIXED && i % 5 == 0) ||
                      (kind == GATES_HALF && g[i] > 0.0f);
        bool rests =
            kind == GATES_AT_REST || kind == GATES_HALF || (kind == GATES_MIXED && i % 5 == 1);
        g[i] = resets ? -50.0f : rests ? 0.0f : mild;
    }
}

la_problem problem(int64_t B, int64_t T, int64_t H, int64_t dk, int64_t dv)
{
    return (la_problem){.B = B,
                        .T = T,
                        .Tcap = T,
                        .H = H,
                        .Hkv = H,
                        .Hqk = H,
                        .dk = dk,
                        .dv = dv,
                        .mask = LA_MASK_CAUSAL,
                        .threads = 1};
}

int64_t outputs(const la_problem *p)
{
    return p->B * p->T * p->H * p->dv;
}

int64_t state_size(const la_problem *p)
{
    return p->B * p->H * p->dk * p->dv;
}

float *floats(int64_t n)
{
    float *x = la_zalloc((size_t)n * sizeof *x, NULL);
    assert_non_null(x);
    return x;
}

la_inputs inputs(const la_variant *variant, const la_problem *p, la_input_kind kind)
{
    la_inputs in;
    la_delta_options opts = {.chunk = 64};
    la_err err = {0};
    la_status st = la_inputs_draw(variant, p, &opts, kind, 7, &in, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    return in;
}

size_t cpu_forms(const la_variant *variant)
{
    size_t n = 0;
    while (n < variant->impls_len && variant->impls[n].backend == LA_CPU) n++;
    return n;
}

const la_impl *form(const la_variant *variant, const char *impl)
{
    const la_impl *found = la_variant_impl(variant, impl);
    assert_non_null(found);
    return found;
}

/* Where token t of a tensor starts; tensors have one batch entry when t is not 0. */
static const void *from_token(const la_variant *variant, const la_inputs *in, la_tensor which,
                              int64_t t)
{
    if (!in->t[which].data) return NULL;
    int64_t n = la_tensor_elements(variant, &in->problem, which);
    return (const float *)in->t[which].data + t * (n / (in->problem.B * in->problem.T));
}

void call(const la_variant *variant, const la_impl *impl, const la_problem *p, la_pass pass,
          int64_t chunk, const la_inputs *in, int64_t t0, const float *state_in, float *state_out,
          float *o)
{
    la_device device;
    la_device_cpu(&device);
    la_delta_options opts = {.chunk = chunk};
    la_instance inst;
    la_err err = {0};
    la_status st = la_instance_create(variant, impl, p, pass, &opts, &device, &inst, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    la_instance_poison(&inst);
    la_io io = {.q = from_token(variant, in, LA_T_Q, t0),
                .k = from_token(variant, in, LA_T_K, t0),
                .v = from_token(variant, in, LA_T_V, t0),
                .beta = from_token(variant, in, LA_T_BETA, t0),
                .g = from_token(variant, in, LA_T_G, t0),
                .a = from_token(variant, in, LA_T_A, t0),
                .b = from_token(variant, in, LA_T_B, t0),
                .o = o,
                .work = inst.work.data,
                .state_in = state_in,
                .state_out = state_out,
                .pos = t0};
    st = (pass == LA_DECODE ? impl->decode : impl->forward)(inst.self, &io, &err);
    if (st == LA_OK) st = la_instance_guards(&inst, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    la_instance_release(&inst);
}

void assert_close(const la_variant *variant, const la_impl *impl, const la_problem *p,
                  const float *got, const float *want)
{
    int64_t n = outputs(p);
    double *wide = la_alloc((size_t)n * sizeof *wide, NULL);
    assert_non_null(wide);
    for (int64_t i = 0; i < n; i++) wide[i] = (double)want[i];
    la_error error;
    la_err err = {0};
    la_compare(variant, p, got, NULL, 0, wide, &error);
    la_free(wide);
    la_status st = la_judge(&error, la_tolerance_of(variant, impl, p->dtype), &err);
    if (st != LA_OK)
        print_error("%s %s, T %lld, dk %lld, dv %lld: %s\n", variant->name, impl->name,
                    (long long)p->T, (long long)p->dk, (long long)p->dv, err.msg);
    assert_int_equal(st, LA_OK);
}
