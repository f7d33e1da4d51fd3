/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "cell.h"
#include "registry.h"

static la_device device;

static la_cell small_cell(const char *variant, la_pass pass, int64_t len)
{
    la_cell cell = {.variant = la_registry_find(variant), .pass = pass, .seqlen = len, .rounds = 3};
    assert_non_null(cell.variant);
    cell.impl = &cell.variant->impls[0];
    cell.problem = (la_problem){.B = 1,
                                .T = pass == LA_DECODE ? 1 : len,
                                .Tcap = len,
                                .H = 2,
                                .Hkv = 2,
                                .Hqk = 2,
                                .dk = 16,
                                .dv = 8,
                                .mask = LA_MASK_CAUSAL,
                                .threads = 1};
    return cell;
}

static void test_json_is_canonical_and_comes_back(void **state)
{
    (void)state;
    la_cell cell = small_cell("softmax", LA_FORWARD, 64), again;
    la_err err = {0};
    assert_int_equal(la_cell_finish(&cell, &device, &err), LA_OK);
    assert_false(cell.refused);
    char *json, *twice;
    assert_int_equal(la_cell_to_json(&cell, &json, &err), LA_OK);
    cJSON *o = cJSON_Parse(json);
    for (const cJSON *item = o->child; item->next; item = item->next)
        assert_true(strcmp(item->string, item->next->string) < 0);
    cJSON_Delete(o);
    assert_int_equal(la_cell_from_json(json, &device, &again, &err), LA_OK);
    assert_int_equal(la_cell_to_json(&again, &twice, &err), LA_OK);
    assert_string_equal(json, twice);
    assert_string_equal(cell.key, again.key);
    assert_int_equal(strlen(cell.key), 32);
    la_free(json);
    la_free(twice);
    la_cell_release(&cell);
    la_cell_release(&again);
}

static void test_key_changes_with_every_part_of_the_identity(void **state)
{
    (void)state;
    char keys[16][33];
    int n = 0;
    for (int change = 0; change < 12; change++) {
        la_cell c = small_cell("softmax", change == 11 ? LA_DECODE : LA_FORWARD, 64);
        la_problem *p = &c.problem;
        if (change == 1) c.seqlen = p->T = p->Tcap = 128;
        if (change == 2) p->B = 2;
        if (change == 3) p->H = p->Hkv = p->Hqk = 4;
        if (change == 4) p->dk = 32;
        if (change == 5) p->dv = 16;
        if (change == 6) p->mask = LA_MASK_BIDIRECTIONAL;
        if (change == 7) p->scale = 0.5;
        if (change == 8) p->threads = 2;
        if (change == 9) c.cold = true;
        if (change == 10) c.variant = la_registry_find("copy"), c.impl = &c.variant->impls[0];
        assert_int_equal(la_cell_finish(&c, &device, NULL), LA_OK);
        strcpy(keys[n++], c.key);
        la_cell_release(&c);
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(keys[i], keys[j]) == 0) fail_msg("changes %d and %d share a key", j, i);
}

static void test_rounds_do_not_change_the_key(void **state)
{
    (void)state;
    la_cell a = small_cell("copy", LA_FORWARD, 64), b = a;
    b.rounds = 7;
    assert_int_equal(la_cell_finish(&a, &device, NULL), LA_OK);
    assert_int_equal(la_cell_finish(&b, &device, NULL), LA_OK);
    assert_string_equal(a.key, b.key);
    la_cell_release(&a);
    la_cell_release(&b);
}

static void test_sizes_are_those_of_the_impl(void **state)
{
    (void)state;
    la_cell c = small_cell("softmax", LA_FORWARD, 600);
    assert_int_equal(la_cell_finish(&c, &device, NULL), LA_OK);
    assert_int_equal(c.input_bytes, 600 * 2 * (16 + 16 + 8) * 4);
    assert_int_equal(c.output_bytes, 600 * 2 * 8 * 4);
    /* Every score, in rows that end with two cache lines at most, and what each thread works in. */
    assert_in_range(c.sizes.work, 2 * 600 * 600 * 4, 2 * 600 * (600 + 32) * 4 + 256 * 1024);
    assert_true(c.need_bytes > c.input_bytes + c.output_bytes + c.sizes.work + c.sizes.state);
    assert_true(c.useful.flops > 0);
    la_cell_row row;
    la_cell_row_of(&c, "abc", &row);
    assert_string_equal(row.key, c.key);
    assert_string_equal(row.form, "naive");
    assert_string_equal(row.task_opts_json, "{}");
    la_cell_release(&c);
}

static void test_bytes_follow_the_type(void **state)
{
    (void)state;
    la_cell f32 = small_cell("copy", LA_FORWARD, 600), bf16 = small_cell("copy", LA_FORWARD, 600);
    bf16.problem.dtype = LA_BF16;
    assert_int_equal(la_cell_finish(&f32, &device, NULL), LA_OK);
    assert_int_equal(la_cell_finish(&bf16, &device, NULL), LA_OK);
    assert_false(bf16.refused);
    assert_int_equal(2 * bf16.input_bytes, f32.input_bytes);
    assert_int_equal(2 * bf16.output_bytes, f32.output_bytes);
    assert_true(fabs(2 * bf16.useful.bytes - f32.useful.bytes) < 1);
    assert_string_not_equal(bf16.key, f32.key);
    la_cell_release(&f32);
    la_cell_release(&bf16);
}

static void refused(la_cell c, const char *words)
{
    assert_int_equal(la_cell_finish(&c, &device, NULL), LA_OK);
    assert_true(c.refused);
    assert_int_equal(c.outcome, LA_OUTCOME_UNSUPPORTED);
    if (!strstr(c.reason, words)) fail_msg("'%s' does not say '%s'", c.reason, words);
    assert_int_equal(strlen(c.key), 32);
    la_cell_release(&c);
}

static void test_refusals_are_cells_with_a_reason(void **state)
{
    (void)state;
    refused(small_cell("softmax", LA_TRAIN, 64), "only a learned task trains");
    refused(small_cell("copy", LA_DECODE, 64), "no decode");
    la_cell c = small_cell("copy", LA_FORWARD, 64);
    c.problem.Hkv = 1;
    refused(c, "kv-heads");
    c = small_cell("copy", LA_FORWARD, 64);
    c.problem.dtype = LA_F16;
    refused(c, "f16");
}

static bool called_in_part(const char *variant, int64_t len, int64_t pairs, la_mask mask,
                           la_problem *called)
{
    const la_task *recall = la_tasks_find("recall");
    la_cell cell = small_cell(variant, LA_EVAL, len);
    cell.problem.mask = mask;
    cell.task = recall;
    cell.opts = la_zalloc(cell.variant->options_size + 1, NULL);
    cell.task_opts = la_zalloc(recall->options_size, NULL);
    la_options_default(cell.variant->options, cell.variant->options_len, cell.opts);
    la_options_default(recall->options, recall->options_len, cell.task_opts);
    char number[24];
    snprintf(number, sizeof number, "%d", (int)pairs);
    assert_int_equal(la_options_set(recall->options, recall->options_len, cell.task_opts, "recall",
                                    "pairs", number, NULL),
                     LA_OK);
    bool part = la_cell_called(&cell, called);
    cell.task = NULL; /* a timed one never is */
    la_problem whole;
    assert_false(la_cell_called(&cell, &whole));
    assert_int_equal(whole.T, len);
    la_free(cell.opts);
    la_free(cell.task_opts);
    return part;
}

static void test_a_long_probe_of_attention_asks_the_last_tokens(void **state)
{
    (void)state;
    if (!la_tasks_find("recall")) skip();
    la_problem p;
    assert_true(called_in_part("softmax", 8192, 32, LA_MASK_CAUSAL, &p));
    assert_int_equal(p.T, 32);
    assert_int_equal(p.Tcap, 8192);
    assert_true(called_in_part("flash", 8192, 1024, LA_MASK_CAUSAL, &p));
    assert_false(called_in_part("flash", 8192, 1025, LA_MASK_CAUSAL, &p));
    assert_false(called_in_part("softmax", 8191, 32, LA_MASK_CAUSAL, &p));
    assert_false(called_in_part("softmax", 8192, 32, LA_MASK_BIDIRECTIONAL, &p));
    assert_false(called_in_part("local", 8192, 32, LA_MASK_CAUSAL, &p)); /* its cache is a window */
    assert_false(called_in_part("linear", 8192, 32, LA_MASK_CAUSAL, &p));
    assert_int_equal(p.T, 8192);
}

static void test_impossible_problems_are_errors(void **state)
{
    (void)state;
    la_cell c = small_cell("copy", LA_FORWARD, 64);
    la_err err = {0};
    c.problem.dk = 0;
    assert_int_equal(la_cell_finish(&c, &device, &err), LA_E_ARG);
    la_cell_release(&c);
}

static void test_broken_json_is_refused(void **state)
{
    (void)state;
    la_cell cell = small_cell("softmax", LA_FORWARD, 64), out;
    assert_int_equal(la_cell_finish(&cell, &device, NULL), LA_OK);
    char *json;
    assert_int_equal(la_cell_to_json(&cell, &json, NULL), LA_OK);
    /* Without any one of its members, and cut at any place. */
    cJSON *o = cJSON_Parse(json);
    for (int i = 0; i < cJSON_GetArraySize(o); i++) {
        cJSON *copy = cJSON_Duplicate(o, 1);
        const char *name = cJSON_GetArrayItem(copy, i)->string;
        bool needed = strcmp(name, "backend") != 0 && strcmp(name, "inputs") != 0 &&
                      strstr(name, "_options") == NULL;
        cJSON_DeleteItemFromArray(copy, i);
        char *text = cJSON_PrintUnformatted(copy);
        la_status st = la_cell_from_json(text, &device, &out, NULL);
        assert_true((st == LA_OK) == !needed);
        la_cell_release(&out);
        cJSON_free(text);
        cJSON_Delete(copy);
    }
    cJSON_Delete(o);
    for (size_t n = strlen(json); n-- > 0;) {
        json[n] = '\0';
        assert_true(la_cell_from_json(json, &device, &out, NULL) != LA_OK);
    }
    la_free(json);
    la_cell_release(&cell);
    assert_int_equal(la_cell_from_json("[]", &device, &out, NULL), LA_E_FORMAT);
}

static void test_seed_is_shared_by_passes_and_not_by_rounds(void **state)
{
    (void)state;
    la_cell a = small_cell("softmax", LA_FORWARD, 64), b = small_cell("softmax", LA_DECODE, 64);
    assert_int_equal(la_cell_seed(&a, 1, 0), la_cell_seed(&b, 1, 0));
    assert_true(la_cell_seed(&a, 1, 0) != la_cell_seed(&a, 1, 1));
    assert_true(la_cell_seed(&a, 1, 0) != la_cell_seed(&a, 2, 0));
    b = small_cell("softmax", LA_FORWARD, 128);
    assert_true(la_cell_seed(&a, 1, 0) != la_cell_seed(&b, 1, 0));
}

static int nothing_is_left(void **state)
{
    (void)state;
    return la_mem_live() != 0;
}

int main(void)
{
    la_device_cpu(&device);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_is_canonical_and_comes_back),
        cmocka_unit_test(test_key_changes_with_every_part_of_the_identity),
        cmocka_unit_test(test_rounds_do_not_change_the_key),
        cmocka_unit_test(test_sizes_are_those_of_the_impl),
        cmocka_unit_test(test_bytes_follow_the_type),
        cmocka_unit_test(test_refusals_are_cells_with_a_reason),
        cmocka_unit_test(test_a_long_probe_of_attention_asks_the_last_tokens),
        cmocka_unit_test(test_impossible_problems_are_errors),
        cmocka_unit_test(test_broken_json_is_refused),
        cmocka_unit_test(test_seed_is_shared_by_passes_and_not_by_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
