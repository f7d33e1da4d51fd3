/* SPDX-License-Identifier: Apache-2.0
 * labench apply: the forms agree with each other and with known answers, a sequence may be cut, files
 * that are not what they should be are refused and leave nothing behind.
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

#include "alloc.h"
#include "labench/kit.h"
#include "npy.h"
#include "shell.h"

enum { B = 2, T = 21, H = 2, DK = 6, DV = 5 };

/* Normal numbers; keys are scaled towards unit norm so that the delta rule stays stable. */
static void write_f32(const char *path, uint64_t stream, double scale, int rank,
                      const int64_t *shape)
{
    static float data[B * T * H * DK];
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= shape[i];
    for (int64_t i = 0; i < n; i++)
        data[i] = (float)(scale * la_random_normal(stream, (uint64_t)i));
    assert_int_equal(la_npy_write(path, LA_F32, shape, rank, data, NULL), LA_OK);
}

/* beta in (0,1), g in (-1,0). */
static void write_gate(const char *path, uint64_t stream, double sign)
{
    static float data[B * T * H];
    const int64_t shape[] = {B, T, H};
    for (int i = 0; i < B * T * H; i++)
        data[i] = (float)(sign * la_random_uniform(stream, (uint64_t)i));
    assert_int_equal(la_npy_write(path, LA_F32, shape, 3, data, NULL), LA_OK);
}

static void make_inputs(const char *dir)
{
    char path[256];
    const int64_t qk[] = {B, T, H, DK}, v[] = {B, T, H, DV};
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/q.npy", dir);
    write_f32(path, 1, 1.0, 4, qk);
    snprintf(path, sizeof path, "%s/k.npy", dir);
    write_f32(path, 2, 0.4, 4, qk);
    snprintf(path, sizeof path, "%s/v.npy", dir);
    write_f32(path, 3, 1.0, 4, v);
    snprintf(path, sizeof path, "%s/beta.npy", dir);
    write_gate(path, 4, 1.0);
    snprintf(path, sizeof path, "%s/g.npy", dir);
    write_gate(path, 5, -1.0);
}

static void run(const char *command, int code, const char *says)
{
    shell_result r;
    shell_run(command, &r);
    if (r.code != code || !strstr(r.err, says) || *r.out)
        print_error("%s\nexit %d (want %d): %s(want: %s)\n", command, r.code, code, r.err, says);
    assert_int_equal(r.code, code);
    assert_non_null(strstr(r.err, says));
    assert_string_equal(r.out, "");
    shell_release(&r);
}

static la_npy load(const char *path)
{
    la_npy npy;
    la_err err = {0};
    if (la_npy_read(path, &npy, &err) != LA_OK) print_error("%s\n", err.msg);
    assert_non_null(npy.data);
    return npy;
}

/* Relative rms of one file against another; tokens from.. of `want` when it is longer. */
static void near(const char *got_path, const char *want_path, double bound)
{
    la_npy got = load(got_path), want = load(want_path);
    assert_int_equal(got.rank, want.rank);
    int64_t skip = want.shape[1] - got.shape[1], row = got.n / (got.shape[0] * got.shape[1]);
    double diff = 0, size = 0;
    for (int64_t b = 0; b < got.shape[0]; b++)
        for (int64_t i = 0; i < got.shape[1] * row; i++) {
            double x = la_npy_at(&got, b * got.shape[1] * row + i);
            double y = la_npy_at(&want, (b * want.shape[1] + skip) * row + i);
            diff += (x - y) * (x - y);
            size += y * y;
        }
    if (!(sqrt(diff / size) <= bound))
        print_error("%s against %s: %g\n", got_path, want_path, sqrt(diff / size));
    assert_true(sqrt(diff / size) <= bound);
    la_npy_release(&got);
    la_npy_release(&want);
}

static void test_npy_files_survive_a_round_trip(void **state)
{
    (void)state;
    const double data[] = {1.5, -2.25, 1e-300, 3, 4, 5};
    const int64_t shape[] = {3, 1, 2};
    assert_int_equal(la_npy_write("round.npy", LA_F64, shape, 3, data, NULL), LA_OK);
    la_npy npy = load("round.npy");
    assert_int_equal(npy.dtype, LA_F64);
    assert_int_equal(npy.rank, 3);
    assert_memory_equal(npy.shape, shape, sizeof shape);
    assert_memory_equal(npy.data, data, sizeof data);
    la_npy_release(&npy);
    /* NumPy aligns the data to 64 bytes. */
    struct stat info;
    assert_int_equal(stat("round.npy", &info), 0);
    assert_int_equal((info.st_size - (off_t)sizeof data) % 64, 0);
    char words[192];
    assert_string_equal(la_shape_words(shape, 1, words), "(3,)");
    assert_string_equal(la_index_words(shape, 3, 5, words), "[2, 0, 1]");
}

static void test_forms_agree_with_the_reference(void **state)
{
    (void)state;
    static const struct {
        const char *variant, *form;
        double bound;
    } forms[] = {{"softmax", "naive", 1e-5},
                 {"softmax", "decode", 1e-5},
                 {"flash", "tiled", 1e-5},
                 {"flash", "decode", 1e-5},
                 {"deltanet", "recurrent", 1e-5},
                 {"deltanet", "chunk", 1e-4},
                 {"gated_deltanet", "recurrent", 1e-5},
                 {"gated_deltanet", "chunk", 1e-4},
                 {"gated_deltanet", "decode", 1e-5}};
    make_inputs("in");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char line[512];
        snprintf(line, sizeof line,
                 "labench apply --variant %s --in in --out got --state --form %s --threads 1",
                 forms[i].variant, forms[i].form);
        run(line, 0, forms[i].variant);
        snprintf(line, sizeof line,
                 "labench apply --variant %s --in in --out want --state --form reference",
                 forms[i].variant);
        run(line, 0, "reference, float64");
        near("got/o.npy", "want/o.npy", forms[i].bound);
        bool cache = strcmp(forms[i].variant, "softmax") == 0 || forms[i].variant[0] == 'f';
        near(cache ? "got/state_K.npy" : "got/state_S.npy",
             cache ? "want/state_K.npy" : "want/state_S.npy", forms[i].bound);
        la_npy got = load("got/o.npy"), want = load("want/o.npy");
        assert_int_equal(got.dtype, LA_F32);
        assert_int_equal(want.dtype, LA_F64);
        la_npy_release(&got);
        la_npy_release(&want);
        run("rm -r got want", 0, "");
    }
}

/* With equal scores the answer of a causal softmax is the running mean of v. */
static void test_equal_scores_give_the_mean(void **state)
{
    (void)state;
    static float zero[B * T * H * DK], v[B * T * H * DV];
    const int64_t qk[] = {B, T, H, DK}, shape[] = {B, T, H, DV};
    for (int i = 0; i < B * T * H * DV; i++) v[i] = (float)(i / (H * DV) % T);
    mkdir("mean", 0777);
    assert_int_equal(la_npy_write("mean/q.npy", LA_F32, qk, 4, zero, NULL), LA_OK);
    assert_int_equal(la_npy_write("mean/k.npy", LA_F32, qk, 4, zero, NULL), LA_OK);
    assert_int_equal(la_npy_write("mean/v.npy", LA_F32, shape, 4, v, NULL), LA_OK);
    run("labench apply --variant softmax --in mean --out mean", 0, "cpu_naive forward");
    la_npy o = load("mean/o.npy");
    for (int64_t i = 0; i < o.n; i++) {
        double t = (double)(i / (H * DV) % T);
        assert_true(fabs(la_npy_at(&o, i) - t / 2) < 1e-5 * (1 + t));
    }
    la_npy_release(&o);
}

/* Tokens from..to of every file of `from` into `to`. */
static void cut(const char *from, const char *to, int64_t start, int64_t end)
{
    static const char *const names[] = {"q", "k", "v", "beta", "g"};
    mkdir(to, 0777);
    for (size_t f = 0; f < 5; f++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s.npy", from, names[f]);
        la_npy npy = load(path);
        int64_t row = npy.n / (B * T), n = end - start;
        float *data = la_alloc((size_t)(B * n * row) * sizeof *data, NULL);
        for (int64_t b = 0; b < B; b++)
            memcpy(data + b * n * row, (float *)npy.data + (b * T + start) * row,
                   (size_t)(n * row) * sizeof *data);
        npy.shape[1] = n;
        snprintf(path, sizeof path, "%s/%s.npy", to, names[f]);
        assert_int_equal(la_npy_write(path, LA_F32, npy.shape, npy.rank, data, NULL), LA_OK);
        la_free(data);
        la_npy_release(&npy);
    }
}

static void test_a_sequence_may_be_cut(void **state)
{
    (void)state;
    static const char *const how[][2] = {
        {"softmax", "decode"},           {"flash", "tiled"},          {"flash", "reference"},
        {"gated_deltanet", "recurrent"}, {"gated_deltanet", "chunk"}, {"gated_deltanet", "decode"},
        {"deltanet", "reference"}};
    make_inputs("whole");
    cut("whole", "first", 0, 8);
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        char line[512];
        static const char *const dirs[] = {"whole", "first", "second"};
        cut("whole", "second", 8, T);
        for (int d = 0; d < 3; d++) {
            snprintf(line, sizeof line,
                     "labench apply --variant %s --form %s --in %s --out %s_o --state", how[i][0],
                     how[i][1], dirs[d], dirs[d]);
            run(line, 0, how[i][0]);
            if (d == 1)
                run("for f in first_o/state_*; do cp $f second/state_in_${f#*state_}; done", 0, "");
        }
        near("second_o/o.npy", "whole_o/o.npy", 1e-5);
        run("rm -r whole_o first_o second second_o", 0, "");
    }
}

static void test_parameters_are_drawn_once_and_read_again(void **state)
{
    (void)state;
    make_inputs("in");
    run("labench apply --variant linformer --set r=7 --seed 5 --in in --out l1", 0, "cpu_gemm");
    la_npy E = load("l1/E.npy");
    assert_int_equal(E.shape[0], 7);
    assert_int_equal(E.shape[1], T);
    la_npy_release(&E);
    run("cp l1/E.npy l1/F.npy in; labench apply --variant linformer --set r=7 --seed 9 --in in "
        "--out l2",
        0, "cpu_gemm");
    near("l2/o.npy", "l1/o.npy", 0);
    assert_int_not_equal(access("l2/E.npy", F_OK), 0);
    run("labench apply --variant linformer --set r=6 --in in --out l3", 2,
        "in/E.npy has shape (7, 21); linformer needs (6, 21)");
    run("rm -r in l1 l2", 0, "");
}

static void make_gradient_inputs(const char *dir)
{
    char path[256];
    make_inputs(dir);
    snprintf(path, sizeof path, "%s/do.npy", dir);
    write_f32(path, 6, 1.0, 4, (const int64_t[]){B, T, H, DV});
}

static void apply(const char *variant, const char *more, const char *out, const char *says)
{
    char line[512];
    snprintf(line, sizeof line, "labench apply --variant %s --in in --out %s --grad %s", variant,
             out, more);
    run(line, 0, says);
}

static void test_gradients_of_kernels_are_those_of_the_reference(void **state)
{
    (void)state;
    static const struct {
        const char *variant, *more, *files;
    } cases[] = {{"softmax", "", "q k v"},
                 {"softmax", "--mask bidirectional", "q k v"},
                 {"flash", "", "q k v"},
                 {"linear", "", "q k v"},
                 {"performer", "--seed 4", "q k v"},
                 {"linear", "--form chunk --threads 1 --set normalize=0", "q k v"},
                 {"deltanet", "", "q k v beta"},
                 {"gated_deltanet", "", "q k v beta g"},
                 {"linformer", "--set r=7", "q k v E F"},
                 {"copy", "", "v"}};
    make_gradient_inputs("in");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char more[128], files[64], *rest = NULL;
        apply(cases[i].variant, cases[i].more, "got", "forward and backward");
        const char *form = strstr(cases[i].more, "--form");
        snprintf(more, sizeof more, "%s --form reference",
                 form ? "--set normalize=0" : cases[i].more);
        apply(cases[i].variant, more, "want", "reference, float64");
        near("got/o.npy", "want/o.npy", 1e-4);
        snprintf(files, sizeof files, "%s", cases[i].files);
        for (char *f = strtok_r(files, " ", &rest); f; f = strtok_r(NULL, " ", &rest)) {
            char got[64], want[64];
            snprintf(got, sizeof got, "got/d%s.npy", f);
            snprintf(want, sizeof want, "want/d%s.npy", f);
            near(got, want, 1e-3);
            la_npy g = load(got), w = load(want);
            assert_int_equal(g.dtype, LA_F32);
            assert_int_equal(w.dtype, LA_F64);
            la_npy_release(&g);
            la_npy_release(&w);
        }
        run("rm -r got want", 0, "");
    }
    run("rm -r in", 0, "");
}

/* sum(do o) by the reference, with q[at] moved by h. */
static double loss_at(la_npy *q, int64_t at, double h)
{
    double *x = q->data, kept = x[at], sum = 0;
    x[at] += h;
    assert_int_equal(la_npy_write("in/q.npy", LA_F64, q->shape, q->rank, x, NULL), LA_OK);
    x[at] = kept;
    run("labench apply --variant linear --in in --out fd --form reference", 0, "float64");
    la_npy o = load("fd/o.npy"), dout = load("in/do.npy");
    for (int64_t i = 0; i < o.n; i++) sum += la_npy_at(&o, i) * la_npy_at(&dout, i);
    la_npy_release(&o);
    la_npy_release(&dout);
    return sum;
}

static void test_a_gradient_is_the_slope_of_the_output(void **state)
{
    (void)state;
    make_gradient_inputs("in");
    la_npy q = load("in/q.npy");
    double *wide = la_alloc((size_t)q.n * sizeof *wide, NULL);
    for (int64_t i = 0; i < q.n; i++) wide[i] = la_npy_at(&q, i);
    la_free(q.data);
    q.data = wide;
    q.dtype = LA_F64;
    apply("linear", "--form reference", "want", "float64");
    la_npy dq = load("want/dq.npy");
    const int64_t at[] = {0, 77, B * T * H * DK - 1};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        double slope = (loss_at(&q, at[i], 1e-5) - loss_at(&q, at[i], -1e-5)) / 2e-5;
        assert_true(fabs(slope - la_npy_at(&dq, at[i])) < 1e-6 * (1 + fabs(slope)));
    }
    la_npy_release(&dq);
    la_npy_release(&q);
    run("rm -r in want fd", 0, "");
}

/* The gradients of a whole sequence are those of its halves, the gradient of the state handed back. */
static void test_gradients_go_through_a_cut(void **state)
{
    (void)state;
    make_gradient_inputs("whole");
    run("labench apply --variant linear --grad --state --in whole --out w", 0, "backward");
    cut("whole", "in", 0, 8);
    cut("whole", "second", 8, T);
    la_npy dout = load("whole/do.npy");
    static float part[B * T * H * DV];
    for (int half = 0; half < 2; half++) {
        int64_t from = half ? 8 : 0, n = half ? T - 8 : 8, row = H * DV;
        for (int64_t b = 0; b < B; b++)
            memcpy(part + b * n * row, (float *)dout.data + (b * T + from) * row,
                   (size_t)(n * row) * sizeof *part);
        assert_int_equal(la_npy_write(half ? "second/do.npy" : "in/do.npy", LA_F32,
                                      (const int64_t[]){B, n, H, DV}, 4, part, NULL),
                         LA_OK);
    }
    la_npy_release(&dout);
    run("labench apply --variant linear --state --in in --out one", 0, "linear");
    run("cp one/state_S.npy second/state_in_S.npy; cp one/state_z.npy second/state_in_z.npy", 0,
        "");
    run("labench apply --variant linear --grad --state --in second --out two", 0, "backward");
    near("two/dk.npy", "w/dk.npy", 1e-4); /* the last tokens of the whole */
    run("cp two/dstate_in_S.npy in/dstate_out_S.npy; cp two/dstate_in_z.npy in/dstate_out_z.npy", 0,
        "");
    run("labench apply --variant linear --grad --state --in in --out one", 0, "backward");
    la_npy got = load("one/dk.npy"), want = load("w/dk.npy");
    double diff = 0, size = 0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = 0; i < 8 * H * DK; i++) {
            double x = la_npy_at(&got, b * 8 * H * DK + i);
            double y = la_npy_at(&want, b * T * H * DK + i);
            diff += (x - y) * (x - y), size += y * y;
        }
    assert_true(sqrt(diff / size) < 1e-4);
    la_npy_release(&got);
    la_npy_release(&want);
    run("rm -r whole w in second one two", 0, "");
}

static void refused_gradient(const char *variant, const char *more, const char *says)
{
    char line[512];
    snprintf(line, sizeof line, "labench apply --variant %s --in in --out gone --grad %s", variant,
             more);
    run(line, 2, says);
    assert_int_not_equal(access("gone", F_OK), 0);
}

static void test_gradients_that_cannot_be_are_refused(void **state)
{
    (void)state;
    make_inputs("in");
    refused_gradient("flash", "", "--grad needs do.npy, the gradient of o, in in; it is missing");
    write_f32("in/do.npy", 6, 1.0, 4, (const int64_t[]){B, T, H, DV + 1});
    refused_gradient("flash", "",
                     "in/do.npy has shape (2, 21, 2, 6), which is not that of o: (2, 21, 2, 5)");
    make_gradient_inputs("in");
    refused_gradient("flash", "--form decode", "decode has no backward");
    refused_gradient("softmax", "--state", "softmax has no gradient of its state");
    write_f32("in/dstate_out_S.npy", 7, 1.0, 3, (const int64_t[]){B, H, DK});
    refused_gradient("linear", "--state", "in/dstate_out_S.npy has shape (2, 2, 6)");
    run("rm -r in", 0, "");
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* A format 1.0 file with this header text and `data` bytes of zeros after it. */
static void write_raw(const char *path, const char *header, size_t data)
{
    static char bytes[1 << 16];
    size_t n = strlen(header);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (char)(n & 0xff), bytes[9] = (char)(n >> 8);
    memcpy(bytes + 10, header, n);
    write_bytes(path, bytes, 10 + n + data);
}

static void refused(const char *says)
{
    run("labench apply --variant gated_deltanet --in in --out gone", 2, says);
    assert_int_not_equal(access("gone", F_OK), 0);
}

static void test_files_that_are_no_arrays_are_refused(void **state)
{
    (void)state;
    const char *shape = "(2, 21, 2, 6)";
    size_t bytes = (size_t)B * T * H * DK * 4;
    char header[256];
    make_inputs("in");
    write_bytes("in/q.npy", "hello, world", 12);
    refused("in/q.npy is not a .npy file");
    write_bytes("in/q.npy", "", 0);
    refused("in/q.npy is not a .npy file");
    write_bytes("in/q.npy", "\x93NUMPY\x09\x00\x10\x00", 10);
    refused("in/q.npy has .npy format 9.0");
    write_bytes("in/q.npy", "\x93NUMPY\x01\x00\x50\x00{'descr'", 18);
    refused("in/q.npy is truncated: it ends in the header");
    write_bytes("in/q.npy", "\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12);
    refused("says its header has");
    static const struct {
        const char *descr, *fortran, *says;
    } headers[] = {
        {"'<f4'", "True", "is in Fortran order"},
        {"'<i4'", "False", "has type '<i4'"},
        {"'>f4'", "False", "is big endian"},
        {"[('a', '<f4')]", "False", "holds records"},
        {"'<f4'", "None", "neither True nor False"},
        {"<f4", "False", "a text in quotes is missing"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        snprintf(header, sizeof header, "{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n",
                 headers[i].descr, headers[i].fortran, shape);
        write_raw("in/q.npy", header, bytes);
        refused(headers[i].says);
    }
    write_raw("in/q.npy", "{'descr': '<f4', 'shape': (2,), }", 8);
    refused("is missing");
    write_raw("in/q.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8);
    refused("something that is no size");
    write_raw("in/q.npy",
              "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999, 99999999), }",
              8);
    refused("more than 2^48 elements");
    snprintf(header, sizeof header,
             "{\"shape\": %s, \"fortran_order\": False, \"descr\": \"<f4\"}   \n", shape);
    write_raw("in/q.npy", header, bytes - 1);
    refused("in/q.npy is truncated: shape (2, 21, 2, 6) needs 2016 bytes, 2015 are there");
    write_raw("in/q.npy", header, bytes + 3);
    refused("in/q.npy has 3 bytes after the data");
    write_raw("in/q.npy", header, bytes);
    run("labench apply --variant gated_deltanet --in in --out fine", 0, "gated_deltanet");
    run("rm -r in fine", 0, "");
}

static void test_shapes_and_values_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    make_inputs("in");
    const int64_t narrow[] = {B, T, H, DK - 1}, flat[] = {B, T, H};
    write_f32("in/k.npy", 2, 1, 4, narrow);
    refused("k.npy has shape (2, 21, 2, 5), which does not fit q.npy of shape (2, 21, 2, 6)");
    make_inputs("in");
    write_f32("in/q.npy", 1, 1, 3, flat);
    refused("q.npy has shape (2, 21, 2); it must be (B, T, heads, dk)");
    make_inputs("in");
    write_f32("in/beta.npy", 1, 1, 3, (int64_t[]){B, T - 1, H});
    refused("beta.npy has shape (2, 20, 2), which does not fit v.npy");
    make_inputs("in");
    unlink("in/g.npy");
    refused("gated_deltanet needs q.npy, k.npy, v.npy, beta.npy, g.npy in in; g.npy is missing");
    make_inputs("in");
    la_npy q = load("in/q.npy");
    ((float *)q.data)[DK + 3] = NAN;
    assert_int_equal(la_npy_write("in/q.npy", LA_F32, q.shape, q.rank, q.data, NULL), LA_OK);
    refused("in/q.npy holds NaN at [0, 0, 1, 3]");
    ((float *)q.data)[DK + 3] = -INFINITY;
    assert_int_equal(la_npy_write("in/q.npy", LA_F32, q.shape, q.rank, q.data, NULL), LA_OK);
    refused("in/q.npy holds minus infinity at [0, 0, 1, 3]");
    static double wide[B * T * H * DK];
    wide[0] = 1e300;
    assert_int_equal(la_npy_write("in/q.npy", LA_F64, q.shape, q.rank, wide, NULL), LA_OK);
    refused("q.npy holds 1e+300 at [0, 0, 0, 0], beyond float32");
    wide[0] = 0.1;
    assert_int_equal(la_npy_write("in/q.npy", LA_F64, q.shape, q.rank, wide, NULL), LA_OK);
    run("labench apply --variant gated_deltanet --in in --out fine", 0,
        "float64 input is rounded to float32");
    la_npy_release(&q);
    run("labench apply --variant gated_deltanet --in in --out fine --form magic", 2,
        "gated_deltanet has no form 'magic'; there are");
    run("labench apply --variant gated_deltanet --in in --out fine --mask bidirectional", 2,
        "has no bidirectional form");
    run("labench apply --variant linformer --in in --out fine --state", 2, "carries no state");
    run("touch file; labench apply --variant softmax --in in --out file", 3, "is not a folder");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy_files_survive_a_round_trip),
        cmocka_unit_test(test_forms_agree_with_the_reference),
        cmocka_unit_test(test_equal_scores_give_the_mean),
        cmocka_unit_test(test_a_sequence_may_be_cut),
        cmocka_unit_test(test_parameters_are_drawn_once_and_read_again),
        cmocka_unit_test(test_gradients_of_kernels_are_those_of_the_reference),
        cmocka_unit_test(test_a_gradient_is_the_slope_of_the_output),
        cmocka_unit_test(test_gradients_go_through_a_cut),
        cmocka_unit_test(test_gradients_that_cannot_be_are_refused),
        cmocka_unit_test(test_files_that_are_no_arrays_are_refused),
        cmocka_unit_test(test_shapes_and_values_that_do_not_fit_are_refused),
    };
    if (argc < 2) return 1;
    shell_begin(argv[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    shell_end();
    return failed;
}
