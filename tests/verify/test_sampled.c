/* SPDX-License-Identifier: Apache-2.0
 * Sampled verification, with every variant there is: what is right passes, what is wrong anywhere that
 * is looked at does not, and rows read from the folder are the rows computed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "labench/kit.h"
#include "registry.h"
#include "sampled.h"
#include "suite.h"

enum { SEED = 7, LONG = 1500 };

static la_device device;
static char folder[] = "/tmp/labench-sampled-XXXXXX";

static la_problem problem_of(int64_t T, la_mask mask)
{
    return (la_problem){.B = 2,
                        .T = T,
                        .Tcap = T,
                        .H = 2,
                        .Hkv = 2,
                        .Hqk = 2,
                        .dk = 8,
                        .dv = 12,
                        .mask = mask,
                        .threads = 2};
}

static void *default_options(const la_variant *v)
{
    void *opts = la_zalloc(v->options_size + 8, NULL);
    la_options_default(v->options, v->options_len, opts);
    return opts;
}

static void must(la_status st, const char *what, const char *name, const la_err *err)
{
    if (st != LA_OK) print_error("%s %s: %s\n", name, what, err->msg);
    assert_int_equal(st, LA_OK);
}

/* One forward of an impl, checked; gives the sampled reference to look at when wanted. */
static void forward_is_right(const la_variant *v, const la_impl *impl, la_mask mask, int64_t T,
                             const char *dir, bool expect_file)
{
    la_problem p = problem_of(T, mask);
    void *opts = default_options(v);
    la_err err = {0};
    la_inputs in;
    la_instance inst;
    la_sampled sampled;
    la_error error;
    must(la_inputs_draw(v, &p, opts, LA_INPUTS_DEFAULT, SEED, &in, &err), "inputs", v->name, &err);
    must(la_instance_create(v, impl, &p, LA_FORWARD, opts, &device, &inst, &err), "create", v->name,
         &err);
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, &in);
    must(impl->forward(inst.self, &io, &err), "forward", v->name, &err);
    must(la_sampled_forward(v, &p, opts, &in, SEED, dir, &sampled, &err), "reference", v->name,
         &err);
    assert_int_equal(sampled.from_file, expect_file);
    assert_true(sampled.n_rows <= (T <= LA_SAMPLED_FULL ? T : LA_SAMPLED_ROWS));
    assert_int_equal(sampled.rows[0], 0);
    assert_int_equal(sampled.rows[sampled.n_rows - 1], T - 1);
    must(la_sampled_check(&sampled, v, impl, inst.o.data, &error, &err), "check", v->name, &err);
    assert_int_equal(error.n, p.B * sampled.n_rows * p.H * p.dv);
    la_sampled_release(&sampled);
    la_instance_release(&inst);
    la_inputs_release(&in);
    la_free(opts);
}

static void decode_is_right(const la_variant *v, const la_impl *impl, int64_t L, const char *dir,
                            bool expect_file)
{
    la_problem p = problem_of(L, LA_MASK_CAUSAL);
    p.T = 1;
    void *opts = default_options(v);
    la_err err = {0};
    la_inputs token;
    la_instance inst;
    la_sampled sampled;
    la_error error;
    must(la_instance_create(v, impl, &p, LA_DECODE, opts, &device, &inst, &err), "create", v->name,
         &err);
    must(la_sampled_decode(v, &p, opts, SEED, dir, &token, inst.state.data, &sampled, &err),
         "reference", v->name, &err);
    assert_int_equal(sampled.from_file, expect_file);
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, &token);
    io.state_in = io.state_out = inst.state.data;
    io.pos = L - 1;
    must(impl->decode(inst.self, &io, &err), "decode", v->name, &err);
    must(la_sampled_check(&sampled, v, impl, inst.o.data, &error, &err), "check", v->name, &err);
    la_sampled_release(&sampled);
    la_instance_release(&inst);
    la_inputs_release(&token);
    la_free(opts);
}

static void for_every_impl(void (*run)(const la_variant *, const la_impl *))
{
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        for (size_t j = 0; j < v->impls_len; j++)
            if (v->impls[j].rank(&device, NULL) > 0) run(v, &v->impls[j]);
    }
    assert_int_equal(la_mem_live(), 0);
}

static void forward_of(const la_variant *v, const la_impl *impl)
{
    static const int64_t lengths[] = {1, 300, LONG};
    for (size_t i = 0; i < LA_COUNT(lengths); i++) {
        if (impl->caps & LA_CAP_CAUSAL)
            forward_is_right(v, impl, LA_MASK_CAUSAL, lengths[i], NULL, false);
        if (impl->caps & LA_CAP_BIDIRECTIONAL)
            forward_is_right(v, impl, LA_MASK_BIDIRECTIONAL, lengths[i], NULL, false);
    }
}

static void decode_of(const la_variant *v, const la_impl *impl)
{
    static const int64_t lengths[] = {1, 2, 300, 4099};
    if (!(impl->caps & LA_CAP_DECODE)) return;
    for (size_t i = 0; i < LA_COUNT(lengths); i++)
        decode_is_right(v, impl, lengths[i], NULL, false);
}

static void test_forward_cells_of_every_impl_pass(void **state)
{
    (void)state;
    for_every_impl(forward_of);
}

static void test_decode_cells_of_every_impl_pass(void **state)
{
    (void)state;
    for_every_impl(decode_of);
}

enum { ROWS_AT = 103 }; /* of a file: the high byte of one of its rows */

/* Removes the files, or changes the byte `damage` of each: from its end where it is negative. */
static void visit_folder(long damage)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[600];
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        assert_non_null(strstr(e->d_name, ".ref"));
        if (damage == 0) {
            unlink(path);
            continue;
        }
        FILE *f = fopen(path, "r+b");
        assert_non_null(f);
        fseek(f, damage, damage < 0 ? SEEK_END : SEEK_SET);
        fputc('?', f);
        fclose(f);
    }
    closedir(dir);
}

/* Forward and decode cells of every impl share what is kept; a damaged file is computed anew. */
/* Forward over the last tokens behind a cache of those before them gives the rows of forward over all. */
static void test_a_filled_cache_answers_like_the_whole(void **state)
{
    (void)state;
    enum { WHOLE = 300, ASKED = 7 };
    static const char *const names[] = {"softmax", "flash"};
    for (size_t i = 0; i < LA_COUNT(names); i++) {
        const la_variant *v = la_registry_find(names[i]);
        const la_impl *impl = &v->impls[0];
        la_problem p = problem_of(WHOLE, LA_MASK_CAUSAL), q = p;
        la_inputs in, last;
        la_instance all, few;
        q.T = ASKED;
        assert_true(la_sampled_has_cache(v, &p, NULL));
        assert_int_equal(la_inputs_draw(v, &p, NULL, LA_INPUTS_DEFAULT, SEED, &in, NULL), LA_OK);
        assert_int_equal(la_inputs_piece(v, NULL, &in, WHOLE - ASKED, ASKED, &last, NULL), LA_OK);
        assert_int_equal(la_instance_create(v, impl, &p, LA_FORWARD, NULL, &device, &all, NULL),
                         LA_OK);
        assert_int_equal(la_instance_create(v, impl, &q, LA_FORWARD, NULL, &device, &few, NULL),
                         LA_OK);
        la_io io = la_instance_io(&all, &in), part = la_instance_io(&few, &last);
        la_sampled_fill_cache(v, &q, NULL, &in, WHOLE - ASKED, few.state.data);
        part.state_in = part.state_out = few.state.data;
        part.pos = WHOLE - ASKED;
        assert_int_equal(impl->forward(all.self, &io, NULL), LA_OK);
        assert_int_equal(impl->forward(few.self, &part, NULL), LA_OK);
        const float *want = all.o.data, *got = few.o.data;
        int64_t row = p.H * p.dv;
        for (int64_t b = 0; b < p.B; b++)
            for (int64_t e = 0; e < ASKED * row; e++)
                assert_true(fabsf(got[b * ASKED * row + e] -
                                  want[(b * WHOLE + WHOLE - ASKED) * row + e]) < 1e-5f);
        la_instance_release(&all);
        la_instance_release(&few);
        la_inputs_release(&last);
        la_inputs_release(&in);
    }
    la_problem p = problem_of(WHOLE, LA_MASK_CAUSAL);
    assert_false(la_sampled_has_cache(la_registry_find("deltanet"), &p, NULL));
}

static void test_kept_rows_are_shared_and_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        const la_impl *impl = la_variant_best(v, &device, NULL);
        if (!(impl->caps & LA_CAP_CAUSAL)) continue;
        visit_folder(0);
        forward_is_right(v, impl, LA_MASK_CAUSAL, LONG, folder, false);
        forward_is_right(v, impl, LA_MASK_CAUSAL, LONG, folder, true);
        if (impl->caps & LA_CAP_DECODE) decode_is_right(v, impl, LONG, folder, true);
        visit_folder(-20);
        if (impl->caps & LA_CAP_DECODE)
            decode_is_right(v, impl, LONG, folder, false);
        else
            forward_is_right(v, impl, LA_MASK_CAUSAL, LONG, folder, false);
        forward_is_right(v, impl, LA_MASK_CAUSAL, LONG, folder, true);
        /* Rows of a damaged file are no rows of the sequence. */
        visit_folder(ROWS_AT);
        forward_is_right(v, impl, LA_MASK_CAUSAL, LONG, folder, false);
        forward_is_right(v, impl, LA_MASK_CAUSAL, LONG, folder, true);
    }
    visit_folder(0);
}

static void test_what_is_wrong_is_found(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("copy");
    la_problem p = problem_of(LONG, LA_MASK_CAUSAL);
    la_err err = {0};
    la_inputs in;
    la_sampled sampled;
    la_error error;
    assert_int_equal(la_inputs_draw(v, &p, NULL, LA_INPUTS_DEFAULT, SEED, &in, &err), LA_OK);
    assert_int_equal(la_sampled_forward(v, &p, NULL, &in, SEED, NULL, &sampled, &err), LA_OK);
    float *o = in.t[LA_T_V].data; /* copy: o = v */
    int64_t row = p.H * p.dv, skipped = 0;
    assert_int_equal(la_sampled_check(&sampled, v, &v->impls[0], o, &error, &err), LA_OK);
    for (int64_t i = 0; i < sampled.n_rows; i++) skipped += sampled.rows[i] == skipped;
    /* A NaN in a token that is not sampled; then a small change in one that is. */
    float was = o[skipped * row];
    o[skipped * row] = NAN;
    assert_int_equal(la_sampled_check(&sampled, v, &v->impls[0], o, &error, &err), LA_E_NONFINITE);
    assert_int_equal(error.n_nonfinite, 1);
    o[skipped * row] = was;
    int64_t at = (p.T + sampled.rows[sampled.n_rows / 2]) * row + 3;
    o[at] += 0.001f;
    assert_int_equal(la_sampled_check(&sampled, v, &v->impls[0], o, &error, &err), LA_E_WRONG);
    assert_true(fabs(error.max_abs - 0.001) < 1e-6);
    la_sampled_release(&sampled);
    la_inputs_release(&in);
}

static void test_borders_of_chunks_are_sampled(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("null");
    static const int64_t want[] = {0, 1, 63, 64, 127, 128, 255, 256, LONG - 2, LONG - 1};
    la_problem p = problem_of(LONG, LA_MASK_CAUSAL);
    la_inputs in;
    la_sampled s;
    assert_int_equal(la_inputs_draw(v, &p, NULL, LA_INPUTS_DEFAULT, SEED, &in, NULL), LA_OK);
    assert_int_equal(la_sampled_forward(v, &p, NULL, &in, SEED, NULL, &s, NULL), LA_OK);
    for (size_t i = 0; i < LA_COUNT(want); i++) {
        int64_t found = 0;
        for (int64_t r = 0; r < s.n_rows; r++) found += s.rows[r] == want[i];
        assert_int_equal(found, 1);
    }
    for (int64_t r = 1; r < s.n_rows; r++) assert_true(s.rows[r - 1] < s.rows[r]);
    la_sampled_release(&s);
    la_inputs_release(&in);
}

int main(void)
{
    la_start(2);
    la_device_cpu(&device);
    if (!mkdtemp(folder)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_cells_of_every_impl_pass),
        cmocka_unit_test(test_decode_cells_of_every_impl_pass),
        cmocka_unit_test(test_a_filled_cache_answers_like_the_whole),
        cmocka_unit_test(test_kept_rows_are_shared_and_checked),
        cmocka_unit_test(test_what_is_wrong_is_found),
        cmocka_unit_test(test_borders_of_chunks_are_sampled),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
