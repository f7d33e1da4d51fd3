/* SPDX-License-Identifier: Apache-2.0
 * What the runner makes of a worker's words, true and false ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "alloc.h"
#include "attempt.h"
#include "job.h"

static la_status take(la_attempt *a, la_record_type type, const char *text, la_err *err)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", text);
    la_record record = {type, copy, strlen(copy)};
    return la_attempt_take(a, &record, err);
}

static void test_a_good_worker_is_believed(void **state)
{
    (void)state;
    la_attempt a;
    la_attempt_init(&a);
    assert_int_equal(take(&a, LA_RECORD_START, "{\"protocol\":2,\"pid\":3}", NULL), LA_OK);
    assert_int_equal(take(&a, LA_RECORD_PHASE, "{\"phase\":\"measure\"}", NULL), LA_OK);
    assert_string_equal(a.phase, "measure");
    assert_int_equal(take(&a, LA_RECORD_SAMPLES, "{\"samples\":[[10,1000],[10,1100]]}", NULL),
                     LA_OK);
    assert_int_equal(take(&a, LA_RECORD_SAMPLES, "{\"samples\":[]}", NULL), LA_OK);
    assert_int_equal(
        take(
            &a, LA_RECORD_END,
            "{\"outcome\":\"ok\",\"phase\":\"end\",\"stop_reason\":\"target\",\"checksum\":"
            "\"ffffffffffffffff\",\"workspace_peak_bytes\":123,\"call_ns\":55,\"metrics\":[{"
            "\"name\":\"rel_rms\",\"unit\":\"1\",\"value\":1e-6,\"lo\":null,\"hi\":null,"
            "\"n_nonfinite\":0,\"n_total\":9}],\"warnings\":[{\"code\":\"drift\",\"text\":\"x\"}]}",
            NULL),
        LA_OK);
    const la_attempt_row *row = la_attempt_finish(&a);
    assert_true(a.ended);
    assert_int_equal(row->outcome, LA_OUTCOME_OK);
    assert_int_equal(row->n_samples, 2);
    assert_int_equal(row->samples[1].total_ns, 1100);
    assert_int_equal(row->checksum, -1); /* 64 bits, kept as the signed number */
    assert_int_equal(row->workspace_peak_bytes, 123);
    assert_int_equal(row->rss_peak_bytes, -1);
    assert_string_equal(row->stop_reason, "target");
    assert_string_equal(row->metrics[0].name, "rel_rms");
    assert_true(isnan(row->metrics[0].lo));
    assert_int_equal(row->metrics[0].n_total, 9);
    assert_string_equal(row->warnings[0].code, "drift");
    assert_null(row->message);
    la_attempt_release(&a);
}

static void test_a_training_brings_model_and_curve(void **state)
{
    (void)state;
    la_attempt a;
    la_attempt_init(&a);
    assert_int_equal(take(&a, LA_RECORD_START, "{\"protocol\":2,\"pid\":3}", NULL), LA_OK);
    assert_int_equal(take(&a, LA_RECORD_CURVE,
                          "{\"curve\":[[50,100,7,1.5,null,null,0.01,2],[100,200,14,0.5,0.75]]}",
                          NULL),
                     LA_OK);
    assert_int_equal(take(&a, LA_RECORD_END,
                          "{\"outcome\":\"ok\",\"model\":{\"key\":"
                          "\"0123456789abcdef0123456789abcdef\",\"digest\":"
                          "\"0123456789abcdef0123456789abcdef\",\"config\":\"{}\",\"path\":\"x\","
                          "\"seed\":\"18446744073709551615\",\"steps\":100,\"loss\":0.5}}",
                          NULL),
                     LA_OK);
    const la_attempt_row *row = la_attempt_finish(&a);
    assert_non_null(row->model);
    assert_true(row->model->seed == UINT64_MAX);
    assert_int_equal(row->model->steps, 100);
    assert_int_equal(row->model->n_curve, 2);
    assert_true(isnan(row->model->curve[0].val_accuracy));
    assert_true(row->model->curve[1].val_accuracy > 0.7);
    la_attempt_release(&a);
}

static void test_nonsense_is_a_broken_protocol(void **state)
{
    (void)state;
    static const struct {
        la_record_type type;
        const char *text;
    } bad[] = {
        {LA_RECORD_START, "{\"protocol\":1}"},
        {LA_RECORD_START, "{}"},
        {LA_RECORD_START, "[1]"},
        {LA_RECORD_PHASE, "{\"phase\":7}"},
        {LA_RECORD_PHASE, "not json"},
        {LA_RECORD_SAMPLES, "{}"},
        {LA_RECORD_SAMPLES, "{\"samples\":[[0,5]]}"},
        {LA_RECORD_SAMPLES, "{\"samples\":[[1,-5]]}"},
        {LA_RECORD_SAMPLES, "{\"samples\":[[1]]}"},
        {LA_RECORD_SAMPLES, "{\"samples\":[[1,1e300]]}"},
        {LA_RECORD_SAMPLES, "{\"samples\":[1,2]}"},
        {LA_RECORD_END, "{}"},
        {LA_RECORD_END, "{\"outcome\":\"splendid\"}"},
        {LA_RECORD_END, "{\"outcome\":\"timeout\"}"},
        {LA_RECORD_END, "{\"outcome\":\"interrupted\"}"},
        {LA_RECORD_END, "{\"outcome\":\"ok\",\"checksum\":\"zz\"}"},
        {LA_RECORD_END, "{\"outcome\":\"ok\",\"model\":{\"key\":\"0\"}}"},
        {LA_RECORD_CURVE, "{\"curve\":3}"},
        {LA_RECORD_CURVE, "{\"curve\":[[1,null,2]]}"},
        {LA_RECORD_CURVE, "{\"curve\":[[2,1,1,0.5],[2,1,1,0.5]]}"},
        {LA_RECORD_END, "{\"outcome\":\"ok\",\"metrics\":[{\"name\":\"a\"}]}"},
        {LA_RECORD_END, "{\"outcome\":\"ok\",\"metrics\":[{\"name\":\"a\",\"unit\":\"1\"},"
                        "{\"name\":\"a\",\"unit\":\"1\"}]}"},
        {LA_RECORD_END, "{\"outcome\":\"ok\",\"warnings\":[{\"code\":\"a\"}]}"},
    };
    for (size_t i = 0; i < LA_COUNT(bad); i++) {
        la_attempt a;
        la_err err = {0};
        la_attempt_init(&a);
        la_status st = take(&a, bad[i].type, bad[i].text, &err);
        if (st != LA_E_FORMAT) fail_msg("taken: %s", bad[i].text);
        assert_non_null(strstr(err.msg, "protocol"));
        assert_false(a.ended);
        la_attempt_release(&a);
    }
}

static void test_control_bytes_and_long_words_are_tamed(void **state)
{
    (void)state;
    la_attempt a;
    char text[1800];
    la_attempt_init(&a);
    int len = snprintf(text, sizeof text,
                       "{\"outcome\":\"error\",\"message\":\"two\\nlines\\u0007\",\"phase\":\"");
    memset(text + len, 'p', 1000);
    snprintf(text + len + 1000, sizeof text - (size_t)len - 1000, "\"}");
    assert_int_equal(take(&a, LA_RECORD_END, text, NULL), LA_OK);
    la_attempt_finish(&a);
    assert_string_equal(a.row.message, "two lines ");
    assert_int_equal(strlen(a.row.phase), sizeof a.phase - 1);
    la_attempt_release(&a);
}

static void test_a_job_comes_back_as_it_was(void **state)
{
    (void)state;
    la_job job = {.cell_json = "{\"a\":[1,2]}",
                  .parent = 4121,
                  .seed = UINT64_MAX - 1,
                  .verify = true,
                  .memory_limit = (size_t)10 << 30,
                  .cache_dir = "/tmp/with \"quotes\"",
                  .rule = {.min_time_s = 0.5,
                           .max_time_s = 1.5,
                           .target = 0.03,
                           .min_samples = 10,
                           .max_samples = 3,
                           .slow_s = 10}},
           again;
    char *json;
    assert_int_equal(la_job_to_json(&job, &json, NULL), LA_OK);
    assert_int_equal(la_job_read(json, &again, NULL), LA_OK);
    assert_string_equal(again.cell_json, job.cell_json);
    assert_string_equal(again.cache_dir, job.cache_dir);
    assert_true(again.seed == job.seed && again.verify && again.parent == 4121);
    assert_true(again.memory_limit == job.memory_limit);
    assert_int_equal(again.rule.min_samples, 10);
    assert_int_equal(again.rule.max_samples, 3);
    assert_true(again.rule.target == 0.03);
    la_job_release(&again);
    for (size_t n = strlen(json); n-- > 0;) {
        json[n] = '\0';
        assert_int_equal(la_job_read(json, &again, NULL), LA_E_FORMAT);
    }
    la_free(json);
    assert_int_equal(la_job_read("{\"cell\":{},\"seed\":\"-\"}", &again, NULL), LA_E_FORMAT);
}

static int nothing_is_left(void **state)
{
    (void)state;
    return la_mem_live() != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_worker_is_believed),
        cmocka_unit_test(test_a_training_brings_model_and_curve),
        cmocka_unit_test(test_nonsense_is_a_broken_protocol),
        cmocka_unit_test(test_control_bytes_and_long_words_are_tamed),
        cmocka_unit_test(test_a_job_comes_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
