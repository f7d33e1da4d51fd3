/* SPDX-License-Identifier: Apache-2.0
 * The recall probe: what it writes, that it repeats, what it refuses, and the scores that the
 * mathematics of the variants demands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inputs.h"
#include "instance.h"
#include "labench/kit.h"
#include "registry.h"

enum { SEED = 11, CODES = 256 };

static la_device device;
static const la_task *recall;

static la_problem problem_of(int64_t T, la_mask mask)
{
    return (la_problem){.B = 1,
                        .T = T,
                        .Tcap = T,
                        .H = 2,
                        .Hkv = 2,
                        .Hqk = 2,
                        .dk = 64,
                        .dv = 64,
                        .mask = mask,
                        .threads = 2};
}

/* Options from "key=value key=value". */
static void *options_of(const la_option *table, size_t n, size_t size, const char *owner,
                        const char *text)
{
    char words[256], *rest = words;
    void *opts = la_zalloc(size + 8, NULL);
    la_options_default(table, n, opts);
    strncpy(words, text, sizeof words - 1);
    words[sizeof words - 1] = '\0';
    for (char *word; (word = strsep(&rest, " "));) {
        if (!*word) continue;
        char *value = strchr(word, '=');
        la_err err = {0};
        *value++ = '\0';
        if (la_options_set(table, n, opts, owner, word, value, &err) != LA_OK)
            fail_msg("%s", err.msg);
    }
    return opts;
}

static void *recall_options(const char *text)
{
    return options_of(recall->options, recall->options_len, recall->options_size, "recall", text);
}

static la_probe_io io_of(const la_variant *v, const la_problem *p, const void *opts, la_inputs *in,
                         uint64_t repeat)
{
    return (la_probe_io){.variant = v,
                         .problem = p,
                         .task_opts = opts,
                         .seed = SEED,
                         .repeat = repeat,
                         .q = in->t[LA_T_Q].data,
                         .k = in->t[LA_T_K].data,
                         .v = in->t[LA_T_V].data,
                         .beta = in->t[LA_T_BETA].data,
                         .g = in->t[LA_T_G].data,
                         .a = in->t[LA_T_A].data,
                         .b = in->t[LA_T_B].data};
}

/* At least 256 answers of the variant's best impl. */
static la_score score_of(const char *variant, const char *variant_opts, la_problem p,
                         const char *task_opts)
{
    const la_variant *v = la_registry_find(variant);
    assert_non_null(v);
    void *topts = recall_options(task_opts);
    void *vopts = options_of(v->options, v->options_len, v->options_size, variant, variant_opts);
    const la_impl *impl = la_variant_best(v, &device, NULL);
    la_err err = {0};
    la_inputs in;
    la_instance inst;
    la_score score = {0};
    if (recall->check(v, &p, topts, &err) != LA_OK) fail_msg("%s", err.msg);
    assert_int_equal(la_inputs_alloc(v, &p, vopts, &in, &err), LA_OK);
    assert_int_equal(la_inputs_draw_params(&in, SEED, &err), LA_OK);
    if (la_instance_create(v, impl, &p, LA_FORWARD, vopts, &device, &inst, &err) != LA_OK)
        fail_msg("%s: %s", variant, err.msg);
    for (uint64_t repeat = 0; score.total < 256; repeat++) {
        la_probe_io io = io_of(v, &p, topts, &in, repeat);
        for (int i = 0; i < LA_T_COUNT; i++) la_buffer_poison(&in.t[i]);
        assert_int_equal(recall->probe_fill(&io, &err), LA_OK);
        la_instance_poison(&inst);
        la_io call = la_instance_io(&inst, &in);
        assert_int_equal(impl->forward(inst.self, &call, &err), LA_OK);
        int64_t before = score.total;
        assert_int_equal(recall->probe_score(&io, inst.o.data, &score, &err), LA_OK);
        assert_int_equal(score.total - before, recall->answers(&p, topts));
    }
    la_instance_release(&inst);
    la_inputs_release(&in);
    la_free(topts);
    la_free(vopts);
    assert_int_equal(la_mem_live(), 0);
    return score;
}

static double accuracy(const char *variant, const char *variant_opts, int64_t T, la_mask mask,
                       const char *task_opts)
{
    la_score s = score_of(variant, variant_opts, problem_of(T, mask), task_opts);
    return (double)s.correct / (double)s.total;
}

static double norm_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* 32 keys of norm 1 in the first half, gates that write there and keep elsewhere, questions last. */
static void test_recall_writes_what_it_says(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("gated_deltanet");
    la_problem p = problem_of(300, LA_MASK_CAUSAL);
    void *opts = recall_options("");
    la_inputs in;
    assert_int_equal(la_inputs_alloc(v, &p, NULL, &in, NULL), LA_OK);
    la_probe_io io = io_of(v, &p, opts, &in, 0);
    for (int i = 0; i < LA_T_COUNT; i++) la_buffer_poison(&in.t[i]);
    assert_int_equal(recall->probe_fill(&io, NULL), LA_OK);
    double s = la_scale(&p);
    for (int64_t h = 0; h < p.H; h++) {
        int64_t writes = 0, asks = 0;
        for (int64_t t = 0; t < p.T; t++) {
            int64_t at = t * p.H + h;
            double k = norm_of(io.k + at * p.dk, p.dk), q = norm_of(io.q + at * p.dk, p.dk);
            double value = norm_of(io.v + at * p.dv, p.dv), beta = (double)io.beta[at];
            assert_true(io.g[at] == 0.0f);
            if (k > 0) {
                writes++;
                assert_true(t < p.T / 2);
                assert_true(fabs(k - 1) < 1e-5 && fabs(value - 1) < 1e-5 && beta == 1);
            } else {
                assert_true(value == 0 && beta == 0);
            }
            asks += q > 0;
            assert_true((q > 0) == (t >= p.T - 32));
            if (q > 0) assert_true(fabs(s * q - 1) < 1e-5);
        }
        assert_int_equal(writes, 32);
        assert_int_equal(asks, 32);
    }
    la_inputs_release(&in);
    la_free(opts);
}

static void test_recall_sharpens_where_scores_pass_through_exp(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("softmax");
    la_problem p = problem_of(256, LA_MASK_CAUSAL);
    static const char *const texts[] = {"", "sharpness=3"};
    const double want[] = {2 * log(256) + 8, 3};
    for (int i = 0; i < 2; i++) {
        void *opts = recall_options(texts[i]);
        la_inputs in;
        assert_int_equal(la_inputs_alloc(v, &p, NULL, &in, NULL), LA_OK);
        la_probe_io io = io_of(v, &p, opts, &in, 0);
        assert_int_equal(recall->probe_fill(&io, NULL), LA_OK);
        double q = norm_of(io.q + (p.T - 1) * p.H * p.dk, p.dk);
        assert_true(fabs(la_scale(&p) * q - want[i]) < 1e-4);
        la_inputs_release(&in);
        la_free(opts);
    }
}

static void test_recall_repeats_bit_for_bit_whatever_the_threads(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("gated_deltanet");
    void *opts = recall_options("filler=random overwrite=0.5 decay=-0.1 correlation=0.3");
    uint64_t hash[4];
    for (int i = 0; i < 4; i++) {
        la_problem p = problem_of(200, LA_MASK_CAUSAL);
        p.threads = i == 1 ? 1 : 3;
        la_inputs in;
        assert_int_equal(la_inputs_alloc(v, &p, NULL, &in, NULL), LA_OK);
        la_probe_io io = io_of(v, &p, opts, &in, i == 2 ? 1 : 0);
        if (i == 3) io.seed++;
        assert_int_equal(recall->probe_fill(&io, NULL), LA_OK);
        hash[i] = la_inputs_hash(&in);
        la_inputs_release(&in);
    }
    assert_true(hash[0] == hash[1]);
    assert_true(hash[0] != hash[2] && hash[0] != hash[3] && hash[2] != hash[3]);
    la_free(opts);
}

/* Cosines between keys: 0 when orthogonal, about the correlation asked for, else about 0. */
static void test_recall_keys_have_the_cosines_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double mean, spread;
    } cases[] = {{"keys=orthogonal pairs=64", 0, 1e-5},
                 {"pairs=64", 0, 0.03},
                 {"pairs=64 correlation=0.5", 0.5, 0.03}};
    const la_variant *v = la_registry_find("softmax");
    la_problem p = problem_of(128, LA_MASK_CAUSAL);
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        void *opts = recall_options(cases[i].text);
        la_inputs in;
        assert_int_equal(la_inputs_alloc(v, &p, NULL, &in, NULL), LA_OK);
        la_probe_io io = io_of(v, &p, opts, &in, 0);
        assert_int_equal(recall->probe_fill(&io, NULL), LA_OK);
        double sum = 0, worst = 0;
        for (int64_t a = 0; a < 64; a++)
            for (int64_t b = 0; b < a; b++) {
                double dot = 0;
                for (int64_t c = 0; c < p.dk; c++)
                    dot += (double)io.k[a * p.H * p.dk + c] * (double)io.k[b * p.H * p.dk + c];
                sum += dot;
                worst = fmax(worst, fabs(dot));
            }
        assert_true(fabs(sum / (64 * 63 / 2) - cases[i].mean) < cases[i].spread);
        if (i == 0) assert_true(worst < 1e-5);
        la_inputs_release(&in);
        la_free(opts);
    }
}

/* A perfect output scores 1, a random one about 1/256, zeros and NaN score 0. */
static void test_recall_scores_answers_and_guesses(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("copy");
    la_problem p = problem_of(4096, LA_MASK_CAUSAL);
    void *opts = recall_options("pairs=2048");
    la_inputs in;
    assert_int_equal(la_inputs_alloc(v, &p, NULL, &in, NULL), LA_OK);
    la_probe_io io = io_of(v, &p, opts, &in, 0);
    assert_int_equal(recall->probe_fill(&io, NULL), LA_OK);
    float *o = la_zalloc((size_t)(p.T * p.H * p.dv) * sizeof(float), NULL);
    la_score score = {0};
    assert_int_equal(recall->probe_score(&io, o, &score, NULL), LA_OK);
    assert_int_equal(score.total, 4096);
    assert_int_equal(score.correct, 0);
    assert_string_equal(score.slices[0].name, "");
    for (int64_t i = 0; i < p.T * p.H * p.dv; i++) o[i] = NAN;
    assert_int_equal(recall->probe_score(&io, o, &score, NULL), LA_OK);
    assert_int_equal(score.correct, 0);
    la_random_fill_normal(1, 0, o, p.T * p.H * p.dv, 2);
    score = (la_score){0};
    assert_int_equal(recall->probe_score(&io, o, &score, NULL), LA_OK);
    assert_true(score.correct > 2 && score.correct < 40); /* 16 expected, 5 sigma is 20 */
    /* The value of the token whose key is the query: found by comparing them. */
    for (int64_t h = 0; h < p.H; h++)
        for (int64_t t = p.T - 2048; t < p.T; t++)
            for (int64_t u = 0; u < p.T / 2; u++) {
                const float *q = io.q + (t * p.H + h) * p.dk, *k = io.k + (u * p.H + h) * p.dk;
                if (fabsf(q[0] * 0.125f - k[0]) > 1e-6f || fabsf(q[1] * 0.125f - k[1]) > 1e-6f ||
                    fabsf(q[2] * 0.125f - k[2]) > 1e-6f)
                    continue;
                memcpy(o + (t * p.H + h) * p.dv, io.v + (u * p.H + h) * p.dv,
                       (size_t)p.dv * sizeof *o);
            }
    score = (la_score){0};
    assert_int_equal(recall->probe_score(&io, o, &score, NULL), LA_OK);
    assert_int_equal(score.correct, score.total);
    /* What lies before the tokens that are read does not matter. */
    int64_t read = recall->probe_read(&p, opts);
    assert_int_equal(read, 2048);
    for (int64_t i = 0; i < (p.T - read) * p.H * p.dv; i++) o[i] = NAN;
    score = (la_score){0};
    assert_int_equal(recall->probe_score(&io, o, &score, NULL), LA_OK);
    assert_int_equal(score.correct, 4096);
    la_free(o);
    la_inputs_release(&in);
    la_free(opts);
}

static void test_recall_refuses_what_cannot_be(void **state)
{
    (void)state;
    static const struct {
        const char *variant, *text;
        int64_t T;
        la_mask mask;
        const char *part; /* of the reason; NULL: accepted */
    } cases[] = {
        {"fnet", "", 1024, LA_MASK_BIDIRECTIONAL, "no keys"},
        {"softmax", "", 64, LA_MASK_CAUSAL, NULL},
        {"softmax", "", 63, LA_MASK_CAUSAL, "at least 64 tokens, not 63"},
        {"softmax", "overwrite=0.5", 64, LA_MASK_CAUSAL, "at least 96 tokens, not 64"},
        {"softmax", "overwrite=0.5", 1024, LA_MASK_BIDIRECTIONAL, "newer"},
        {"softmax", "keys=orthogonal pairs=65", 1024, LA_MASK_CAUSAL, "65 orthogonal keys"},
        {"softmax", "keys=orthogonal pairs=64", 1024, LA_MASK_CAUSAL, NULL},
        {"softmax", "keys=orthogonal correlation=0.1", 1024, LA_MASK_CAUSAL, "correlation"},
        {"softmax", "load=8", 1024, LA_MASK_CAUSAL, NULL},
        {"softmax", "load=8", 4, LA_MASK_CAUSAL, "no pair in 4 tokens"},
        {"softmax", "load=1", 1024, LA_MASK_CAUSAL, "at least 2048 tokens"},
        {"softmax", "decay=-1", 1024, LA_MASK_CAUSAL, "no decay"},
        {"deltanet", "decay=-1", 1024, LA_MASK_CAUSAL, "no decay"},
        {"gated_deltanet", "decay=-1", 1024, LA_MASK_CAUSAL, NULL},
    };
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        const la_variant *v = la_registry_find(cases[i].variant);
        assert_non_null(v);
        la_problem p = problem_of(cases[i].T, cases[i].mask);
        void *opts = recall_options(cases[i].text);
        la_err err = {0};
        la_status st = recall->check(v, &p, opts, &err);
        assert_int_equal(st, cases[i].part ? LA_E_UNSUPPORTED : LA_OK);
        if (cases[i].part && !strstr(err.msg, cases[i].part))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].part);
        la_free(opts);
    }
    assert_true(fabs(recall->chance(NULL) - 1.0 / CODES) < 1e-12);
}

static void test_softmax_recalls_everything(void **state)
{
    (void)state;
    assert_true(accuracy("softmax", "", 256, LA_MASK_CAUSAL, "") == 1.0);
    assert_true(accuracy("softmax", "", 256, LA_MASK_BIDIRECTIONAL, "") == 1.0);
    assert_true(accuracy("softmax", "", 1024, LA_MASK_CAUSAL, "filler=random") == 1.0);
    assert_true(accuracy("softmax", "", 1024, LA_MASK_CAUSAL, "load=8") > 0.99);
    if (la_registry_find("flash"))
        assert_true(accuracy("flash", "", 512, LA_MASK_CAUSAL, "") == 1.0);
}

static void test_delta_variants_recall_orthogonal_keys(void **state)
{
    (void)state;
    static const char *const names[] = {"deltanet", "gated_deltanet", "kda", "rwkv7"};
    for (size_t i = 0; i < LA_COUNT(names); i++) {
        assert_true(accuracy(names[i], "", 512, LA_MASK_CAUSAL, "keys=orthogonal") == 1.0);
        assert_true(accuracy(names[i], "", 512, LA_MASK_CAUSAL, "keys=orthogonal pairs=64") == 1.0);
        /* Grouped values: two value heads read one key head, each with values of its own. */
        la_problem p = problem_of(200, LA_MASK_CAUSAL);
        p.Hqk = 1;
        if (!(la_variant_best(la_registry_find(names[i]), &device, NULL)->caps & LA_CAP_GROUPED_QK))
            continue;
        la_score s = score_of(names[i], "", p, "keys=orthogonal");
        assert_int_equal(s.correct, s.total);
    }
}

/* The delta rule replaces the value of a key; decay between the pairs makes the gated form forget. */
static void test_delta_variants_overwrite_and_forget(void **state)
{
    (void)state;
    static const char *const names[] = {"deltanet", "rwkv7"};
    static const char *const gated[] = {"gated_deltanet", "rwkv7"};
    for (size_t i = 0; i < LA_COUNT(names); i++) {
        la_score s = score_of(names[i], "", problem_of(512, LA_MASK_CAUSAL),
                              "keys=orthogonal overwrite=0.5");
        assert_int_equal(s.correct, s.total);
        assert_string_equal(s.slices[0].name, "old");
        assert_string_equal(s.slices[1].name, "overwritten");
        assert_int_equal(s.slices[0].total + s.slices[1].total, s.total);
        assert_int_equal(s.slices[1].total, s.total / 2);
        assert_int_equal(s.slices[1].correct, s.slices[1].total);
        double kept = accuracy(gated[i], "", 512, LA_MASK_CAUSAL, "keys=orthogonal");
        double hit =
            accuracy(gated[i], "", 512, LA_MASK_CAUSAL, "keys=orthogonal decay=-1 filler=random");
        assert_true(hit < 0.5 * kept);
    }
}

/* A state of 64 x 64 numbers holds a few dozen random keys, and not hundreds. The elu feature map
 * makes all keys alike, so that it holds next to nothing, but still more of few pairs than of many. */
static void test_recall_falls_with_load(void **state)
{
    (void)state;
    const struct {
        const char *name;
        double few; /* at least, of 4 pairs */
    } all[] = {{"deltanet", 0.95}, {"gated_deltanet", 0.95}, {"linear", 0.15}};
    for (size_t i = 0; i < LA_COUNT(all); i++) {
        if (!la_registry_find(all[i].name)) continue;
        double few = accuracy(all[i].name, "", 2048, LA_MASK_CAUSAL, "pairs=4");
        double many = accuracy(all[i].name, "", 2048, LA_MASK_CAUSAL, "pairs=1024");
        assert_true(few >= all[i].few);
        assert_true(many < 0.1 && many < 0.5 * few);
    }
}

int main(void)
{
    la_start(2);
    la_device_cpu(&device);
    recall = la_tasks_find("recall");
    if (!recall) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recall_writes_what_it_says),
        cmocka_unit_test(test_recall_sharpens_where_scores_pass_through_exp),
        cmocka_unit_test(test_recall_repeats_bit_for_bit_whatever_the_threads),
        cmocka_unit_test(test_recall_keys_have_the_cosines_asked_for),
        cmocka_unit_test(test_recall_scores_answers_and_guesses),
        cmocka_unit_test(test_recall_refuses_what_cannot_be),
        cmocka_unit_test(test_softmax_recalls_everything),
        cmocka_unit_test(test_delta_variants_recall_orthogonal_keys),
        cmocka_unit_test(test_delta_variants_overwrite_and_forget),
        cmocka_unit_test(test_recall_falls_with_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
