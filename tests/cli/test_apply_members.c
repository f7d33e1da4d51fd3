/* SPDX-License-Identifier: Apache-2.0
 * labench apply takes every variant of the registry: grouped heads, each form, each option, states in and
 * out, a sequence cut in two, and gradients, all against --form reference. Inputs are those that the
 * registry draws, written to files.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "inputs.h"
#include "labench/kit.h"
#include "npy.h"
#include "registry.h"
#include "shell.h"

enum { T = 21, CUT = 8 };

static uint32_t caps_of(const la_variant *v)
{
    uint32_t caps = 0;
    for (size_t i = 0; i < v->impls_len; i++) caps |= v->impls[i].caps;
    return caps;
}

/* Four heads; two of q and k, or of k and v, where the variant can share them. */
static la_problem problem_of(const la_variant *v)
{
    uint32_t caps = caps_of(v);
    return (la_problem){.B = 2,
                        .T = T,
                        .Tcap = T,
                        .H = 4,
                        .Hkv = caps & LA_CAP_GROUPED_KV ? 2 : 4,
                        .Hqk = caps & LA_CAP_GROUPED_QK ? 2 : 4,
                        .dk = 6,
                        .dv = 5,
                        .mask = caps & LA_CAP_CAUSAL ? LA_MASK_CAUSAL : LA_MASK_BIDIRECTIONAL,
                        .threads = 1};
}

/* Tokens [from, to) of x, whose shape is that of all T, into DIR/NAME.npy. */
static void write_tokens(const char *dir, const char *name, const float *x, int64_t *shape,
                         int rank, int64_t from, int64_t to)
{
    int64_t row = 1, n = to - from;
    char path[256];
    for (int i = 2; i < rank; i++) row *= shape[i];
    float *part = malloc((size_t)(shape[0] * n * row) * sizeof *part);
    for (int64_t b = 0; b < shape[0]; b++)
        memcpy(part + b * n * row, x + (b * T + from) * row, (size_t)(n * row) * sizeof *part);
    shape[1] = n;
    snprintf(path, sizeof path, "%s/%s.npy", dir, name);
    assert_int_equal(la_npy_write(path, LA_F32, shape, rank, part, NULL), LA_OK);
    shape[1] = T;
    free(part);
}

static void draw(const char *dir, const char *name, uint64_t stream, int rank, int64_t *shape,
                 int64_t from, int64_t to)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= shape[i];
    float *x = malloc((size_t)n * sizeof *x);
    la_random_fill_normal(stream, 0, x, n, 1);
    if (to) {
        write_tokens(dir, name, x, shape, rank, from, to);
    } else {
        char path[256];
        snprintf(path, sizeof path, "%s/%s.npy", dir, name);
        assert_int_equal(la_npy_write(path, LA_F32, shape, rank, x, NULL), LA_OK);
    }
    free(x);
}

/* Tokens [from, to) of all inputs and of do. */
static void write_inputs(const la_variant *v, const char *dir, int64_t from, int64_t to)
{
    la_problem p = problem_of(v);
    la_inputs in;
    la_err err = {0};
    void *opts = calloc(1, v->options_size + 8);
    la_options_default(v->options, v->options_len, opts);
    mkdir(dir, 0777);
    if (la_inputs_draw(v, &p, opts, LA_INPUTS_DEFAULT, 3, &in, &err) != LA_OK)
        fail_msg("%s: %s", v->name, err.msg);
    for (int i = 0; i < LA_T_COUNT; i++) {
        int64_t shape[4];
        int rank = la_tensor_shape(v, &p, (la_tensor)i, shape);
        bool dt = i == LA_T_BETA && (v->inputs & LA_IN_DT);
        if (rank)
            write_tokens(dir, dt ? "dt" : la_tensor_names[i], in.t[i].data, shape, rank, from, to);
    }
    bool whole = v->inputs & LA_IN_X;
    int64_t o[4] = {p.B, T, whole ? p.H * p.dv : p.H, p.dv};
    draw(dir, "do", 99, whole ? 3 : 4, o, from, to);
    la_inputs_release(&in);
    free(opts);
}

/* A drawn state to start from, and the gradient of the one after; only where no part is a cache of tokens
 * or begins at minus infinity. */
static bool write_states(const la_variant *v, const char *dir)
{
    la_part parts[LA_MAX_PARTS];
    la_problem p = problem_of(v);
    if (v->family != LA_FAMILY_RECURRENT) return false;
    size_t n = v->state_parts(&p, NULL, parts, LA_MAX_PARTS);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "state_in_%s", parts[i].name);
        draw(dir, name, 50 + i, parts[i].rank, parts[i].shape, 0, 0);
        snprintf(name, sizeof name, "dstate_out_%s", parts[i].name);
        draw(dir, name, 60 + i, parts[i].rank, parts[i].shape, 0, 0);
    }
    return true;
}

static void run(const char *command, int code, const char *says)
{
    shell_result r;
    shell_run(command, &r);
    if (r.code != code || !strstr(r.err, says))
        fail_msg("%s\nexit %d (want %d): %s(want: %s)", command, r.code, code, r.err, says);
    shell_release(&r);
}

static void apply(const la_variant *v, const char *in, const char *out, const char *more)
{
    char line[512];
    snprintf(line, sizeof line, "labench apply --variant %s --in %s --out %s --threads 1 %s",
             v->name, in, out, more);
    run(line, 0, v->name);
}

/* got/NAME against the last tokens of want/NAME. */
static void near(const la_variant *v, const char *more, const char *got_dir, const char *want_dir,
                 const char *name, double bound)
{
    char path[512];
    la_npy got, want;
    la_err err = {0};
    snprintf(path, sizeof path, "%s/%s.npy", got_dir, name);
    if (la_npy_read(path, &got, &err) != LA_OK) fail_msg("%s %s: %s", v->name, more, err.msg);
    snprintf(path, sizeof path, "%s/%s.npy", want_dir, name);
    if (la_npy_read(path, &want, &err) != LA_OK) fail_msg("%s %s: %s", v->name, more, err.msg);
    assert_int_equal(got.rank, want.rank);
    int64_t B = got.shape[0], n = got.n / B, all = want.n / B;
    double diff = 0, size = 0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = 0; i < n; i++) {
            double x = la_npy_at(&got, b * n + i), y = la_npy_at(&want, b * all + all - n + i);
            diff += (x - y) * (x - y);
            size += y * y;
        }
    if (!(sqrt(diff) <= bound * sqrt(size)))
        fail_msg("%s %s: %s is off by %.3g", v->name, more, name, sqrt(diff / size));
    la_npy_release(&got);
    la_npy_release(&want);
}

/* 1e-4 as every float32 form; performer's exponentials magnify the rounding of their arguments. */
static double bound_of(const la_variant *v)
{
    return v->inputs & LA_IN_LOGITS && v->family == LA_FAMILY_KERNEL ? 1e-3 : 1e-4;
}

/* The same of every part of the state, called PREFIX and the part's name. */
static void near_parts(const la_variant *v, const char *more, const char *prefix, double bound)
{
    la_part parts[LA_MAX_PARTS];
    la_problem p = problem_of(v);
    size_t n = v->state_parts(&p, NULL, parts, LA_MAX_PARTS);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", prefix, parts[i].name);
        near(v, more, "got", "want", name, bound);
    }
}

/* Every form and T steps of decode, with states in and out where the form has them. */
static void forms(const la_variant *v)
{
    char more[128];
    write_inputs(v, "in", 0, T);
    bool drawn = write_states(v, "in"), state = caps_of(v) & LA_CAP_STATE_IN;
    apply(v, "in", "want", state ? "--state --form reference" : "--form reference");
    for (size_t i = 0; i <= v->impls_len; i++) {
        bool decode = i == v->impls_len;
        if (decode && !(caps_of(v) & LA_CAP_DECODE)) break;
        bool with = state && (decode || (v->impls[i].caps & LA_CAP_STATE_IN));
        if (drawn && !with) continue;
        la_device cpu;
        la_device_cpu(&cpu);
        if (!decode && v->impls[i].rank(&cpu, NULL) <= 0) continue;
        snprintf(more, sizeof more, "--form %s%s", decode ? "decode" : la_impl_form(&v->impls[i]),
                 with ? " --state" : "");
        apply(v, "in", "got", more);
        near(v, more, "got", "want", "o", bound_of(v));
        if (drawn) near_parts(v, more, "state_", bound_of(v));
    }
    run("rm -r in got want", 0, "");
}

static void test_every_form_of_every_variant(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++) forms(la_registry_at(i));
}

/* Values of an option besides its default: all of a choice, and one number. */
static bool other_value(const la_option *o, int i, char text[32])
{
    static const double numbers[] = {2, 1, 17, 3, 32};
    if (o->type == LA_OPTION_CHOICE) {
        for (int j = 0; j <= i; j++)
            if (!o->choices[j]) return false;
        snprintf(text, 32, "%s", o->choices[i]);
        return true;
    }
    if (o->type == LA_OPTION_BOOL)
        snprintf(text, 32, "%d", o->def == 0.0);
    else if (o->type == LA_OPTION_REAL)
        snprintf(text, 32, "%g", isfinite(o->max) ? 0.5 * (o->def + o->max) : 2.0 * o->def);
    else
        for (size_t j = 0; j < LA_COUNT(numbers); j++)
            if (numbers[j] >= o->min && numbers[j] <= o->max && numbers[j] != o->def) {
                snprintf(text, 32, "%.0f", numbers[j]);
                break;
            }
    return i == 0;
}

static void option(const la_variant *v, const la_option *o, int value, const char *text)
{
    char more[128], wanted[160];
    /* Both ways to name it. */
    snprintf(more, sizeof more, "--set %s%s%s=%s", value % 2 ? v->name : "", value % 2 ? "." : "",
             o->name, text);
    snprintf(wanted, sizeof wanted, "%s --form reference", more);
    apply(v, "in", "got", more);
    apply(v, "in", "want", wanted);
    /* A quotient of signed sums (a map that is not positive) may hang on the last bit. */
    if (v->family != LA_FAMILY_KERNEL) near(v, more, "got", "want", "o", bound_of(v));
    run("rm -r got want", 0, "");
}

static void test_every_option_of_every_variant(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        char text[32];
        write_inputs(v, "in", 0, T);
        for (size_t o = 0; o < v->options_len; o++)
            for (int value = 0; other_value(&v->options[o], value, text); value++)
                option(v, &v->options[o], value, text);
        run("rm -r in", 0, "");
    }
}

/* Gradients of inputs and, from a drawn state and towards a drawn gradient, of the state. */
static void gradients(const la_variant *v)
{
    static const char *const inputs[] = {"q", "k", "v", "x", "beta", "dt", "g", "a", "b"};
    char path[256], name[16];
    write_inputs(v, "in", 0, T);
    bool drawn = caps_of(v) & LA_CAP_STATE_GRAD && write_states(v, "in");
    apply(v, "in", "got", drawn ? "--grad --state" : "--grad");
    apply(v, "in", "want", drawn ? "--grad --state --form reference" : "--grad --form reference");
    int found = 0;
    for (size_t i = 0; i < LA_COUNT(inputs); i++) {
        snprintf(path, sizeof path, "in/%s.npy", inputs[i]);
        if (access(path, F_OK) != 0) continue;
        snprintf(name, sizeof name, "d%s", inputs[i]);
        if (v->family != LA_FAMILY_BASELINE || i == 2) /* a copy has no gradient but that of v */
            near(v, "--grad", "got", "want", name, 1e-3);
        found++;
    }
    assert_true(found > 0);
    if (drawn) near_parts(v, "--grad", "dstate_in_", 1e-3);
    run("rm -r in got want", 0, "");
}

static void test_gradients_of_every_variant(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++)
        if (caps_of(la_registry_at(i)) & LA_CAP_BACKWARD) gradients(la_registry_at(i));
}

/* The whole in one call and in two, what --state wrote handed over. */
static void cut(const la_variant *v, const char *more)
{
    char how[128];
    snprintf(how, sizeof how, "--state %s", more);
    write_inputs(v, "whole", 0, T);
    write_inputs(v, "first", 0, CUT);
    write_inputs(v, "second", CUT, T);
    apply(v, "whole", "want", how);
    apply(v, "first", "middle", how);
    run("cp middle/state_*.npy second; cd second; for f in state_*; do mv $f "
        "state_in_${f#state_}; done",
        0, "");
    apply(v, "second", "got", how);
    near(v, more, "got", "want", "o", bound_of(v));
    la_npy pos;
    assert_int_equal(la_npy_read("got/state_pos.npy", &pos, NULL), LA_OK);
    assert_true(la_npy_at(&pos, 0) == T);
    la_npy_release(&pos);
    run("rm -r whole first second want middle got", 0, "");
}

static void test_every_variant_with_a_state_may_be_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        if (caps_of(v) & LA_CAP_STATE_IN) {
            cut(v, "");
            cut(v, "--form reference");
        }
        if (v->state_parts && (caps_of(v) & LA_CAP_DECODE)) cut(v, "--form decode");
    }
}

/* A window that is full does not say how many tokens there were. */
static void test_a_window_may_be_cut_when_it_is_full(void **state)
{
    (void)state;
    const la_variant *local = la_registry_find("local");
    static const char *const windows[] = {"--set window=5", "--set window=8", "--set window=9",
                                          "--set window=5 --form decode",
                                          "--set window=5 --form reference"};
    for (size_t i = 0; i < LA_COUNT(windows); i++) cut(local, windows[i]);
    write_inputs(local, "in", 0, T);
    apply(local, "in", "out", "--state --set window=5");
    run("cp out/state_K.npy in/state_in_K.npy; cp out/state_V.npy in/state_in_V.npy", 0, "");
    run("labench apply --variant local --set window=5 --state --in in --out gone", 2,
        "in/state_in_K.npy is a full window: how many tokens there were must stand in "
        "in/state_in_pos.npy");
    run("cp out/state_pos.npy in/state_in_pos.npy", 0, "");
    apply(local, "in", "out", "--state --set window=5");
    run("labench apply --variant local --set window=30 --state --in in --out gone", 2,
        "in/state_in_K.npy holds 5 tokens, but the parts before it or state_in_pos.npy say 21");
    const double half = 2.5;
    la_npy_write("in/state_in_pos.npy", LA_F64, (const int64_t[]){1}, 1, &half, NULL);
    run("labench apply --variant local --set window=5 --state --in in --out gone", 2,
        "in/state_in_pos.npy must hold one whole number");
    run("rm -r in out", 0, "");
}

static void test_a_step_size_is_called_dt(void **state)
{
    (void)state;
    write_inputs(la_registry_find("mamba2"), "in", 0, T);
    run("mv in/dt.npy in/beta.npy; labench apply --variant mamba2 --in in --out gone", 2,
        "mamba2 needs q.npy, k.npy, v.npy, dt.npy, g.npy in in; dt.npy is missing");
    run("rm -r in", 0, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_of_every_variant),
        cmocka_unit_test(test_every_option_of_every_variant),
        cmocka_unit_test(test_gradients_of_every_variant),
        cmocka_unit_test(test_every_variant_with_a_state_may_be_cut),
        cmocka_unit_test(test_a_window_may_be_cut_when_it_is_full),
        cmocka_unit_test(test_a_step_size_is_called_dt),
    };
    if (argc < 2) return 1;
    shell_begin(argv[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    shell_end();
    return failed;
}
