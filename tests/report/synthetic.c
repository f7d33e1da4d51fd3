/* SPDX-License-Identifier: Apache-2.0 */
#include "synthetic.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct invented {
    const char *variant, *tags, *impl, *mask;
    double ns, exponent;            /* of a forward call: ns * (T / 1k)^exponent */
    double decode, decode_exponent; /* 0: no decode */
    double bytes, bytes_exponent, error, recall;
} invented;

static const invented eight[] = {
    {"softmax", "quadratic", "cpu_naive", "causal", 4.1e6, 2.02, 21e3, 0.98, 8.4e6, 2, 3e-7, 1},
    {"flash", "quadratic", "cpu_tiled", "causal", 1.1e6, 1.97, 20e3, 0.98, 260e3, 0, 4e-7, 1},
    {"linear", "kernel", "cpu_chunk", "causal", 0.7e6, 1.01, 3.1e3, 0, 70e3, 0, 8e-7, 0.4},
    {"performer", "kernel", "cpu_chunk", "causal", 3.9e6, 1.02, 19e3, 0, 900e3, 0, 4e-6, 0.6},
    {"linformer", "low_rank", "cpu_gemm", "bidirectional", 0.9e6, 1.0, 0, 0, 1.4e6, 0.97, 5e-7,
     0.03},
    {"fnet", "fourier", "cpu_fft", "bidirectional", 0.35e6, 1.08, 0, 0, 1.1e6, 1, 3e-7, 0},
    {"deltanet", "recurrent", "cpu_chunk", "causal", 1.6e6, 1.0, 4.2e3, 0, 210e3, 0, 1e-6, 1},
    {"gated_deltanet", "recurrent", "cpu_chunk", "causal", 1.75e6, 1.0, 4.4e3, 0, 230e3, 0, 1.1e-6,
     0.96},
};

typedef struct cell_spec {
    const invented *v;
    const char *variant, *pass, *task, *task_opts;
    int64_t seqlen, threads; /* 0: as ever */
    const char *dtype;       /* NULL: f32 */
} cell_spec;

static unsigned serial;

static int64_t plan(fixture *f, const cell_spec *c, const char *tags)
{
    la_err err = {0};
    char key[33];
    double t = (double)c->seqlen / 1024;
    la_cell_row row = sample_cell(0, key);
    snprintf(key, sizeof key, "%032x", 0x1000 + serial++);
    row.variant = c->variant;
    row.tags = tags;
    row.impl = c->v->impl;
    row.form = "form";
    row.task = c->task;
    row.pass = c->pass;
    if (c->dtype) row.dtype = c->dtype;
    row.mask = c->v->mask;
    row.batch = 1;
    row.seqlen = row.tcap = c->seqlen;
    row.heads = row.kv_heads = row.qk_heads = 2;
    row.dk = row.dv = 64;
    if (c->threads) row.threads = (int)c->threads;
    row.opts_json = "{}";
    row.task_opts_json = c->task_opts;
    row.model_json = row.train_json = row.recipe = NULL;
    row.d_model = 0;
    row.flops_algo = c->v->exponent > 1.5 ? 1.3e8 * t * t : c->v->exponent > 0 ? 5e7 * t : 0;
    row.work_bytes = (int64_t)(c->v->bytes * pow(t, c->v->bytes_exponent));
    row.saved_bytes = row.instance_bytes = 0;
    int64_t id;
    expect_ok(la_store_plan(f->store, f->sweep, f->device, &row, 1, &id, &err));
    return id;
}

/* Samples around ns, the same on every run of the test. */
static void finish(fixture *f, int64_t cell, la_outcome outcome, const char *message, double ns,
                   size_t n, double error, double recall)
{
    static attempt_data data;
    la_err err = {0};
    int64_t id;
    bool quick = n == 0;
    la_attempt_row row = sample_attempt(&data, n);
    for (size_t i = 0; i < n; i++)
        data.samples[i].total_ns = (int64_t)(ns * (1 + 0.004 * (double)((i * 37) % 11)));
    data.metrics[0].value = error;
    row.n_metrics = outcome == LA_OUTCOME_OK ? 1 : 0;
    if (recall >= 0) {
        data.metrics[0] = (la_metric_row){
            "accuracy", "1", recall, 0, 256, fmax(0, recall - 0.04), fmin(1, recall + 0.04)};
        data.metrics[1] = data.metrics[2]; /* chance */
        row.n_metrics = 2;
        row.n_samples = 0;
    }
    if (quick) row.stop_reason = NULL;
    row.outcome = outcome;
    row.message = message;
    expect_ok(la_store_claim(f->store, cell, 0, &id, &err));
    expect_ok(la_store_finish(f->store, id, &row, &err));
}

static void one_length(fixture *f, const invented *v, int64_t seqlen)
{
    double t = (double)seqlen / 1024, ns = v->ns * pow(t, v->exponent);
    static const char task_opts[] = "{\"pairs\":32,\"filler\":\"random\"}";
    cell_spec fwd = {v, v->variant, "fwd", "", "{}", seqlen, 0, NULL};
    cell_spec decode = {v, v->variant, "decode", "", "{}", seqlen, 0, NULL};
    cell_spec recall = {v, v->variant, "eval", "recall", task_opts, seqlen, 0, NULL};
    int64_t a = plan(f, &fwd, v->tags), b = plan(f, &decode, v->tags),
            c = plan(f, &recall, v->tags);
    size_t n = ns > 3e8 ? 3 : 20;
    if (strcmp(v->variant, "softmax") == 0 && seqlen >= 65536) {
        la_outcome how = seqlen > 65536 ? LA_OUTCOME_PREDICTED_OOM : LA_OUTCOME_OOM_HOST;
        finish(f, a, how, "34.4 GiB wanted, limit 19.2 GiB", 0, 0, 0, -1);
        finish(f, c, how, "34.4 GiB wanted, limit 19.2 GiB", 0, 0, 0, -1);
    } else if (strcmp(v->variant, "linformer") == 0 && seqlen >= 131072) {
        finish(f, a, LA_OUTCOME_TIMEOUT, "120 s", 0, 0, 0, -1);
        finish(f, c, LA_OUTCOME_TIMEOUT, "120 s", 0, 0, 0, -1);
    } else if (strcmp(v->variant, "performer") == 0 && seqlen == 4096) {
        finish(f, a, LA_OUTCOME_WRONG, "row 17 differs", ns, n, 0.1, -1);
        finish(f, c, LA_OUTCOME_OK, NULL, 0, 0, 0, v->recall);
    } else {
        finish(f, a, LA_OUTCOME_OK, NULL, ns, n, v->error * (1 + 0.05 * log2(t)), -1);
        if (v->recall > 0)
            finish(f, c, LA_OUTCOME_OK, NULL, 0, 0, 0, v->recall);
        else
            finish(f, c, LA_OUTCOME_UNSUPPORTED, "fnet has no keys", 0, 0, 0, -1);
    }
    if (v->decode > 0)
        finish(f, b, LA_OUTCOME_OK, NULL, v->decode * pow(t, v->decode_exponent), 40, v->error, -1);
    else
        finish(f, b, LA_OUTCOME_UNSUPPORTED, "no decode", 0, 0, 0, -1);
}

void synthetic_sweep(fixture *f)
{
    serial = 0;
    for (int64_t seqlen = 1024; seqlen <= 131072; seqlen *= 2)
        for (size_t i = 0; i < sizeof eight / sizeof *eight; i++) one_length(f, &eight[i], seqlen);
}

#define MODEL_OPTIONS "{\"recipe\":\"controlled\",\"layers\":2,\"d_model\":64,\"heads\":2}"
#define TRAIN_OPTIONS "{\"steps\":600,\"lr\":0.01,\"lengths\":[64,128,256]}"
#define TASK_OPTIONS  "{\"vocab\":512,\"filler\":\"noise\",\"pairs\":0}"

static int64_t plan_learned(fixture *f, const invented *v, const char *pass, int64_t seqlen)
{
    la_err err = {0};
    char key[33];
    int64_t id;
    la_cell_row row = sample_cell(0, key);
    snprintf(key, sizeof key, "%032x", 0x1000 + serial++);
    row.variant = v->variant;
    row.tags = v->tags;
    row.impl = v->impl;
    row.task = "mqar";
    row.pass = pass;
    row.mask = v->mask;
    row.batch = 16;
    row.seqlen = row.tcap = seqlen;
    row.heads = row.kv_heads = row.qk_heads = 2;
    row.dk = row.dv = 32;
    row.opts_json = "{}";
    row.task_opts_json = TASK_OPTIONS;
    row.model_json = MODEL_OPTIONS;
    row.train_json = TRAIN_OPTIONS;
    row.recipe = "controlled";
    row.d_model = 64;
    row.state_bytes = v->decode > 0 ? v->decode_exponent > 0.5 ? seqlen * 1024 : 16384 : 0;
    expect_ok(la_store_plan(f->store, f->sweep, f->device, &row, 1, &id, &err));
    return id;
}

static void finish_round(fixture *f, int64_t cell, int round, la_attempt_row *row)
{
    la_err err = {0};
    int64_t id;
    expect_ok(la_store_claim(f->store, cell, round, &id, &err));
    expect_ok(la_store_finish(f->store, id, row, &err));
}

static void train_one(fixture *f, const invented *v, int64_t cell, int round, const char *key)
{
    static attempt_data data;
    la_attempt_row row = sample_attempt(&data, 20);
    la_curve_row curve[12];
    for (int i = 0; i < 12; i++) {
        double done = fmin(1, pow((i + 1 + 0.4 * round) / (v->recall > 0.9 ? 5 : 11), 3));
        curve[i] = (la_curve_row){.step = 50 * (i + 1),
                                  .tokens = 204800 * (i + 1),
                                  .elapsed_ns = 1000000000LL * (i + 1),
                                  .loss = 5.5 * (1 - v->recall * done),
                                  .val_accuracy = v->recall * done,
                                  .val_worst = 0.9 * v->recall * done,
                                  .lr = 1e-2,
                                  .grad_norm = 1};
    }
    la_model_row model = {.key = key,
                          .config_json = "{}",
                          .variant = v->variant,
                          .task = "mqar",
                          .path = "a.models/b.model",
                          .digest = "d",
                          .seed = (uint64_t)round,
                          .lr = 1e-2,
                          .loss = curve[11].loss,
                          .val_accuracy = curve[11].val_accuracy,
                          .parameters = 70000,
                          .steps = 600,
                          .tokens = 2457600,
                          .train_ns = 12000000000,
                          .threads = 2,
                          .curve = curve,
                          .n_curve = 12};
    row.n_metrics = 0;
    row.model = &model;
    finish_round(f, cell, round, &row);
}

void synthetic_models(fixture *f)
{
    static attempt_data data;
    for (size_t i = 0; i < sizeof eight / sizeof *eight; i++) {
        const invented *v = &eight[i];
        int64_t train = plan_learned(f, v, "train", 256);
        char keys[3][33];
        for (int round = 0; round < 3; round++) {
            snprintf(keys[round], 33, "%016x%016x", (unsigned)(i * 3) + 0xabc0, (unsigned)round);
            train_one(f, v, train, round, keys[round]);
        }
        for (int64_t seqlen = 1024; seqlen <= 16384; seqlen *= 2) {
            int64_t cell = plan_learned(f, v, "eval", seqlen);
            for (int round = 0; round < 3; round++) {
                la_attempt_row row = sample_attempt(&data, 0);
                double forget = v->recall < 0.9 ? log2((double)seqlen / 512) : 1;
                double accuracy = fmin(1, v->recall / forget) - 0.01 * round;
                data.metrics[0] = (la_metric_row){
                    "accuracy", "1", accuracy, 0, 256, accuracy - 0.02, fmin(1, accuracy + 0.02)};
                data.metrics[1] = data.metrics[2];
                row.n_metrics = 2;
                row.model_key = keys[round];
                row.data_digest = "0123456789abcdef0123456789abcdef";
                if (i == 4) {
                    row.outcome = LA_OUTCOME_UNSUPPORTED;
                    row.message = "linformer was trained for 256 tokens";
                    row.n_metrics = 0;
                } else if (i == 5 && round == 2) {
                    row.outcome = LA_OUTCOME_NONFINITE;
                    row.n_metrics = 0;
                }
                finish_round(f, cell, round, &row);
            }
        }
    }
}

void synthetic_variant(fixture *f, const char *name)
{
    for (int64_t seqlen = 1024; seqlen <= 2048; seqlen *= 2) {
        cell_spec c = {&eight[1], name, "fwd", "", "{}", seqlen, 0, NULL};
        finish(f, plan(f, &c, "kernel"), LA_OUTCOME_OK, NULL, (double)seqlen * 1000, 10, 1e-6, -1);
    }
}

void synthetic_baseline(fixture *f)
{
    static const invented idle = {"null", "baseline", "cpu_plain", "causal", 80, 0,
                                  0,      0,          88,          0,        0,  0};
    for (int64_t seqlen = 64; seqlen <= 128; seqlen *= 2) {
        cell_spec c = {&idle, "null", "fwd", "", "{}", seqlen, 0, NULL};
        finish(f, plan(f, &c, "baseline"), LA_OUTCOME_OK, NULL, 80, 3, 0, -1);
    }
}

void synthetic_loads(fixture *f)
{
    static const int which[] = {2, 6};
    for (int i = 0; i < 2; i++)
        for (int pairs = 8; pairs <= 256; pairs *= 2) {
            char opts[64];
            snprintf(opts, sizeof opts, "{\"pairs\":%d,\"load\":0,\"filler\":\"null\"}", pairs);
            const invented *v = &eight[which[i]];
            cell_spec c = {v, v->variant, "eval", "recall", opts, 4096, 0, NULL};
            double accuracy = fmin(1, (i ? 90.0 : 20.0) / pairs);
            finish(f, plan(f, &c, v->tags), LA_OUTCOME_OK, NULL, 0, 0, 0, accuracy);
        }
}

static void one_box(fixture *f, const invented *v, int d, int pairs)
{
    la_err err = {0};
    char key[33], task[64], model[64];
    int64_t id, dk = d / 2;
    bool kernel = strcmp(v->tags, "kernel") == 0, delta = strcmp(v->tags, "recurrent") == 0;
    la_cell_row row = sample_cell(0, key);
    snprintf(key, sizeof key, "%032x", 0x1000 + serial++);
    snprintf(task, sizeof task, "{\"pairs\":0,\"eval_pairs\":%d}", pairs);
    snprintf(model, sizeof model, "{\"hybrid\":\"\",\"layers\":2,\"d_model\":%d}", d);
    row.variant = v->variant;
    row.tags = v->tags;
    row.impl = v->impl;
    row.task = "mqar";
    row.pass = "eval";
    row.mask = v->mask;
    row.batch = 1;
    row.seqlen = row.tcap = 256;
    row.heads = row.kv_heads = row.qk_heads = 2;
    row.dk = row.dv = dk;
    row.opts_json = "{}";
    row.task_opts_json = task;
    row.model_json = model;
    row.train_json = TRAIN_OPTIONS;
    row.recipe = "controlled";
    row.d_model = d;
    row.state_bytes = 2 * 2 * 4 * dk * (dk + kernel); /* layers, heads, bytes */
    expect_ok(la_store_plan(f->store, f->sweep, f->device, &row, 1, &id, &err));
    if (kernel && d == 16 && pairs == 64)
        finish(f, id, LA_OUTCOME_UNSUPPORTED, "no room", 0, 0, 0, -1);
    else if (delta && d == 64 && pairs == 64)
        finish(f, id, LA_OUTCOME_TIMEOUT, "120 s", 0, 0, 0, -1);
    else
        finish(f, id, LA_OUTCOME_OK, NULL, 0, 0, 0,
               fmin(1, v->recall * (delta || kernel ? (double)d / pairs : 1)));
}

void synthetic_grid(fixture *f, bool cross)
{
    static const int which[] = {0, 2, 6};
    for (int i = 0; i < 3; i++)
        for (int d = 16; d <= 64; d *= 2)
            for (int pairs = 4; pairs <= 64; pairs *= 4)
                if (!cross || d == 16 || pairs == 4) one_box(f, &eight[which[i]], d, pairs);
}

static void timed(fixture *f, const char *variant, const char *tags, const char *impl,
                  int64_t seqlen, double ns, la_outcome outcome)
{
    const invented v = {.variant = variant,
                        .tags = tags,
                        .impl = impl,
                        .mask = "causal",
                        .exponent = 1,
                        .bytes = 1e5};
    const cell_spec c = {&v, variant, "fwd", "", "{}", seqlen, 0, NULL};
    finish(f, plan(f, &c, tags), outcome, outcome == LA_OUTCOME_OK ? NULL : "row 3 differs", ns, 20,
           1e-6, -1);
}

void synthetic_rivals(fixture *f)
{
    serial = 0x4000;
    for (int64_t seqlen = 1024; seqlen <= 8192; seqlen *= 2) {
        double ns = 1e3 * (double)seqlen;
        bool last = seqlen == 8192;
        timed(f, "softmax", "quadratic", "cpu_naive", seqlen, 4 * ns, LA_OUTCOME_OK);
        timed(f, "softmax", "quadratic", "torch_math", seqlen, 7.2 * ns,
              last ? LA_OUTCOME_WRONG : LA_OUTCOME_OK);
        timed(f, "softmax", "quadratic", "torch_naive", seqlen, 2 * ns, LA_OUTCOME_OK);
        timed(f, "deltanet", "recurrent", "cpu_chunk", seqlen, ns, LA_OUTCOME_OK);
        timed(f, "deltanet", "recurrent", "cpu_recurrent", seqlen, 4 * ns, LA_OUTCOME_OK);
        timed(f, "deltanet", "recurrent", "torch_chunk", seqlen, 3 * ns, LA_OUTCOME_OK);
        timed(f, "flash", "quadratic", "cpu_tiled", seqlen, ns, LA_OUTCOME_OK);
    }
}

void synthetic_threads(fixture *f)
{
    serial = 0x6000;
    for (int64_t seqlen = 4096; seqlen <= 8192; seqlen *= 2)
        for (int64_t threads = 1; threads <= 4; threads *= 2) {
            double n = (double)threads, ns = 4e3 * (double)seqlen;
            cell_spec flash = {&eight[1], "flash", "fwd", "", "{}", seqlen, threads, NULL};
            cell_spec delta = {&eight[6], "deltanet", "fwd", "", "{}", seqlen, threads, NULL};
            finish(f, plan(f, &flash, "quadratic"), LA_OUTCOME_OK, NULL, ns / n, 20, 1e-6, -1);
            finish(f, plan(f, &delta, "recurrent"), LA_OUTCOME_OK, NULL, ns / pow(1.6, log2(n)), 20,
                   1e-6, -1);
        }
}

void synthetic_family(fixture *f)
{
    static const struct {
        const char *variant, *tags, *impls[3];
    } all[] = {{"softmax", "quadratic", {"cpu_naive", "torch_math", "torch_naive"}},
               {"flash", "quadratic", {"cpu_tiled", "torch_flash"}},
               {"local", "quadratic", {"cpu_tiled"}},
               {"linear", "kernel", {"cpu_chunk", "cpu_recurrent", "torch_chunk"}},
               {"performer", "kernel", {"cpu_chunk"}},
               {"linformer", "low_rank", {"cpu_gemm"}},
               {"fnet", "fourier", {"cpu_fft"}},
               {"deltanet", "recurrent", {"cpu_chunk", "cpu_recurrent", "torch_chunk"}},
               {"gated_deltanet", "recurrent", {"cpu_chunk", "cpu_recurrent", "torch_chunk"}},
               {"retnet", "recurrent", {"cpu_chunk", "torch_chunk"}},
               {"gla", "recurrent", {"cpu_chunk", "torch_chunk"}},
               {"mamba2", "recurrent", {"cpu_chunk", "torch_chunk"}},
               {"kda", "recurrent", {"cpu_chunk", "torch_chunk"}},
               {"rwkv7", "recurrent", {"cpu_chunk", "cpu_recurrent"}},
               {"ttt_linear", "recurrent", {"cpu_chunk"}},
               {"null", "baseline", {"cpu_plain"}},
               {"copy", "baseline", {"cpu_plain"}}};
    serial = 0x5000;
    for (int64_t seqlen = 1024; seqlen <= 16384; seqlen *= 2)
        for (size_t i = 0; i < LA_COUNT(all); i++)
            for (size_t k = 0; k < 3 && all[i].impls[k]; k++) {
                double exponent = i < 2 ? 2 : 1, t = (double)seqlen / 1024;
                double ns = 1e5 * (1 + 0.37 * (double)((7 * i) % 17)) * (1 + 0.8 * (double)k);
                timed(f, all[i].variant, all[i].tags, all[i].impls[k], seqlen,
                      ns * pow(t, exponent), LA_OUTCOME_OK);
            }
}

void synthetic_types(fixture *f, bool both)
{
    static const invented flash = {"flash", "quadratic", "cpu_tiled", "causal", 1e6,  2,
                                   0,       0,           1,           0,        4e-7, 0};
    serial = 0;
    for (int narrow = both ? 0 : 1; narrow < 2; narrow++)
        for (int64_t seqlen = 1024; seqlen <= 2048; seqlen *= 2) {
            cell_spec spec = {&flash, flash.variant, "fwd", "",
                              "{}",   seqlen,        0,     narrow ? "bf16" : "f32"};
            double ns = 1.6e6 * (double)(seqlen / 1024) / (narrow ? 1.6 : 1);
            finish(f, plan(f, &spec, flash.tags), LA_OUTCOME_OK, NULL, ns, 20, narrow ? 2e-3 : 4e-7,
                   -1);
        }
}
