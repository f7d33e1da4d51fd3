/* SPDX-License-Identifier: Apache-2.0
 * How each tensor starts, in both recipes; names, counts and content keys.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "labench/kit.h"
#include "spec.h"
#include "train_fixture.h"

static const char *const card[] = {"softmax",        "flash",     "linear", "performer", "deltanet",
                                   "gated_deltanet", "linformer", "fnet",   "retnet",    "gla",
                                   "mamba2",         "kda",       "rwkv7"};

typedef struct drawn {
    la_net net;
    float *w;
} drawn;

static drawn draw(const fixture *f)
{
    drawn d;
    la_err err = {0};
    if (la_net_init(&f->config, &d.net, &err) != LA_OK) fail_msg("%s", err.msg);
    d.w = malloc((size_t)d.net.n * sizeof *d.w);
    assert_int_equal(la_net_draw(&d.net, 1, d.w, &err), LA_OK);
    return d;
}

static void release(drawn *d)
{
    free(d->w);
    la_net_release(&d->net);
}

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);
    return n >= m && strcmp(name + n - m, with) == 0;
}

/* The standard deviation this tensor should have, written out again from the notes; -1: not normal. */
static double deviation(const la_net *net, const la_tensor_spec *t, bool small)
{
    double L = (double)net->layers;
    if (ends(t->name, ".w") || ends(t->name, ".b") || ends(t->name, "A_log") ||
        ends(t->name, "dt_bias") || ends(t->name, "rate") || strstr(t->name, "conv_") || t->param ||
        ends(t->name, "_bias") || ends(t->name, "removal") || ends(t->name, "replacement"))
        return -1;
    double base = small ? 0.02 : 1 / sqrt((double)t->shape[1]);
    return ends(t->name, ".out") || ends(t->name, ".down") ? base / sqrt(2 * L) : base;
}

static void check_range(const char *name, const float *w, int64_t n, double low, double high)
{
    double least = INFINITY, most = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        least = fmin(least, (double)w[i]);
        most = fmax(most, (double)w[i]);
    }
    if (!(least >= low && most <= high))
        fail_msg("%s lies in %g..%g, not %g..%g", name, least, most, low, high);
    if (n >= 64) assert_true(most - least > 0.8 * (high - low)); /* all of the range */
}

static double softplus(double x)
{
    return log1p(exp(x));
}

static void check_special(const la_net *net, const la_tensor_spec *t, const float *w)
{
    const la_recipe *r = net->block[t->block < 0 ? 0 : t->block].recipe;
    if (ends(t->name, ".w"))
        check_range(t->name, w, t->n < 64 ? t->n : 63, 1, 1);
    else if (ends(t->name, ".b"))
        check_range(t->name, w, t->n < 64 ? t->n : 63, 0, 0);
    else if (ends(t->name, "rate")) {
        check_range(t->name, w, t->n, log(1.0 / 16.0) - 1e-6, log(1.0 / 16.0) + 1e-6);
        assert_false(t->trainable);
    } else if (strstr(t->name, "conv_"))
        check_range(t->name, w, t->n, -0.5, 0.5);
    else if (ends(t->name, "decay_bias")) /* from slow channels to fast ones */
        check_range(t->name, w, t->n < 64 ? t->n : 63, -8, 3);
    else if (ends(t->name, "iclr_bias"))
        check_range(t->name, w, t->n < 64 ? t->n : 63, -0.69, 0.31);
    else if (ends(t->name, "removal"))
        check_range(t->name, w, t->n < 64 ? t->n : 63, 0.66 - 1e-6, 0.76 + 1e-6);
    else if (ends(t->name, "replacement"))
        check_range(t->name, w, t->n < 64 ? t->n : 63, 1.02 - 1e-6, 1.02 + 1e-6);
    else if (ends(t->name, "A_log"))
        for (int64_t i = 0; i < t->n; i++) {
            double A = exp((double)w[i]);
            assert_true(A >= r->A_low && A <= 16.0001);
        }
    else if (ends(t->name, "dt_bias"))
        for (int64_t i = 0; i < t->n; i++) {
            double dt = softplus((double)w[i]);
            assert_true(dt > 0.9999e-3 && dt < 0.10001);
        }
}

static void check_all(const fixture *f, bool small)
{
    drawn d = draw(f);
    for (size_t i = 0; i < d.net.n_tensors; i++) {
        const la_tensor_spec *t = &d.net.tensor[i];
        const float *w = d.w + t->at;
        double want = deviation(&d.net, t, small), sum = 0, squares = 0, n = (double)t->n;
        if (t->param) continue; /* the variant's own, tested with the kit */
        if (want < 0) {
            check_special(&d.net, t, w);
            assert_false(t->decayed);
            continue;
        }
        for (int64_t j = 0; j < t->n; j++) sum += (double)w[j];
        for (int64_t j = 0; j < t->n; j++) squares += (double)w[j] * (double)w[j];
        double mean = sum / n, got = sqrt(squares / n);
        if (fabs(got / want - 1) > 5 / sqrt(2 * n) || fabs(mean) > 5 * want / sqrt(n))
            fail_msg("%s %s: mean %g, deviation %g, not %g", f->config.variant->name, t->name, mean,
                     got, want);
        assert_true(t->decayed);
    }
    release(&d);
}

static void controlled_tensors(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(card); i++) {
        fixture f;
        fixture_init(&f, card[i], 64);
        fixture_set(&f, "model.d_model=64");
        fixture_set(&f, "model.mlp=2");
        check_all(&f, false);
        fixture_set(&f, "model.init=small");
        check_all(&f, true);
    }
}

static void paper_tensors(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(card); i++) {
        fixture f;
        fixture_init(&f, card[i], 64);
        fixture_set(&f, "model.recipe=paper");
        fixture_set(&f, "model.d_model=64");
        static const char *const fan[] = {"performer", "linformer", "mamba2", "rwkv7"};
        bool small = true;
        for (size_t j = 0; j < LA_COUNT(fan); j++) small = small && strcmp(card[i], fan[j]) != 0;
        check_all(&f, small);
    }
}

static void decay_of_many_heads(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "gated_deltanet", 64);
    fixture_set(&f, "model.d_model=512");
    fixture_set(&f, "model.heads=256");
    drawn d = draw(&f);
    const la_tensor_spec *A = la_net_find(&d.net, "block0.A_log"),
                         *dt = la_net_find(&d.net, "block1.dt_bias");
    double a[256], b[256], mean_a = 0, mean_b = 0;
    for (int i = 0; i < 256; i++) {
        a[i] = exp((double)d.w[A->at + i]);
        b[i] = log(softplus((double)d.w[dt->at + i]));
        mean_a += a[i] / 256;
        mean_b += b[i] / 256;
    }
    assert_true(fabs(mean_a - 8.0) < 5 * 4.62 / 16);                        /* uniform in (0, 16) */
    assert_true(fabs(mean_b - (log(1e-3) + log(0.1)) / 2) < 5 * 1.33 / 16); /* log-uniform */
    release(&d);
}

static void counts_and_names(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "softmax", 64);
    fixture_set(&f, "model.d_model=64");
    fixture_set(&f, "task.V=544");
    /* embedding, 2 x (norm, 4 matrices, convolution on q k v, head norm), final norm */
    int64_t want = 544 * 64 + 2 * (64 + 4 * 64 * 64 + 4 * 192 + 32) + 64;
    assert_int_equal(la_train_parameters(&f.config), want);
    fixture_set(&f, "model.pos=learned");
    assert_int_equal(la_train_parameters(&f.config), want + 64 * 64);
    fixture_set(&f, "model.mlp=4");
    assert_int_equal(la_train_parameters(&f.config), want + 64 * 64 + 2 * (64 + 3 * 4 * 64 * 64));
    drawn d = draw(&f);
    assert_non_null(la_net_find(&d.net, "block1.out"));
    assert_null(la_net_find(&d.net, "block2.out"));
    release(&d);
}

static void fixed_features_are_not_trained(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "performer", 64);
    int64_t fewer, more;
    fixture_set(&f, "variant.features=8");
    fewer = la_train_parameters(&f.config);
    fixture_set(&f, "variant.features=16");
    more = la_train_parameters(&f.config);
    assert_int_equal(fewer, more);
    drawn d = draw(&f);
    assert_false(la_net_find(&d.net, "block0.W")->trainable);
    assert_true(la_net_find(&d.net, "block0.W")->n > 0);
    release(&d);
}

static void keys(void **state)
{
    (void)state;
    fixture f;
    char first[33], other[33], *json = NULL;
    fixture_init(&f, "deltanet", 64);
    assert_int_equal(la_train_key(&f.config, first, &json, NULL), LA_OK);
    assert_non_null(strstr(json, "\"seed\":\"1\""));
    la_free(json);
    f.config.threads = 2;
    la_train_key(&f.config, other, NULL, NULL);
    assert_string_equal(first, other);
    f.config.seed = 2;
    la_train_key(&f.config, other, NULL, NULL);
    assert_string_not_equal(first, other);
    f.config.seed = 1;
    fixture_set(&f, "train.lr=0.02");
    la_train_key(&f.config, other, NULL, NULL);
    assert_string_not_equal(first, other);
}

static void refusals(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    fixture_init(&f, "softmax", 64);
    fixture_set(&f, "model.heads=3");
    assert_int_equal(la_train_check(&f.config, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "3 heads do not divide d_model 16"));
    fixture_init(&f, "softmax", 64);
    f.config.hybrid = "deltnet*2,softmax";
    assert_int_equal(la_train_check(&f.config, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "deltnet"));
    f.config.hybrid = "softmax*x";
    assert_int_equal(la_train_check(&f.config, &err), LA_E_ARG);
    f.config.hybrid = NULL;
    fixture_set(&f, "task.n=30");
    assert_int_equal(la_train_check(&f.config, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "do not fit"));
    fixture_init(&f, "deltanet", 64);
    fixture_set(&f, "model.qk_norm=none");
    assert_int_equal(la_train_check(&f.config, &err), LA_E_ARG);
    fixture_init(&f, "fnet", 64);
    f.config.mask = LA_MASK_CAUSAL;
    assert_int_equal(la_train_check(&f.config, &err), LA_E_UNSUPPORTED);
    fixture_init(&f, "fnet", 64);
    fixture_set(&f, "model.pos=rope");
    assert_int_equal(la_train_check(&f.config, &err), LA_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controlled_tensors),
        cmocka_unit_test(paper_tensors),
        cmocka_unit_test(decay_of_many_heads),
        cmocka_unit_test(counts_and_names),
        cmocka_unit_test(fixed_features_are_not_trained),
        cmocka_unit_test(keys),
        cmocka_unit_test(refusals),
    };
    la_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
