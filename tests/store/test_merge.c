/* SPDX-License-Identifier: Apache-2.0
 * Files merged: everything arrives once, whatever comes twice or overlaps; a clash changes nothing; shares of
 * one spec become one sweep.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"

static fixture a, b; /* files to merge; the merged one lies in a's folder */
static char out_path[192];

static int start(void **state)
{
    fixture_setup(state);
    fixture_open(&b);
    snprintf(out_path, sizeof out_path, "%s/out.db", a.folder);
    return 0;
}

static int stop(void **state)
{
    fixture_release(&b);
    return fixture_teardown(state);
}

/* Merges files, given by path, into out_path. */
static la_status merge(const char *const *paths, size_t n, la_merged *each, la_err *err)
{
    la_store *out, *in[4];
    expect_status(la_store_open(out_path, LA_STORE_WRITE, &out, err), LA_OK, err);
    for (size_t i = 0; i < n; i++)
        expect_status(la_store_open(paths[i], LA_STORE_READ, &in[i], err), LA_OK, err);
    la_status st = la_store_merge(out, in, n, each, err);
    for (size_t i = 0; i < n; i++) la_store_close(in[i]);
    la_store_close(out);
    return st;
}

static la_merged merged(const char *path)
{
    la_merged m;
    la_err err = {0};
    expect_ok(merge(&path, 1, &m, &err));
    return m;
}

static void refused(const char *path, la_status want, const char *says)
{
    la_merged m;
    la_err err = {0};
    expect_status(merge(&path, 1, &m, &err), want, &err);
    if (!strstr(err.msg, says)) fail_msg("'%s' says nothing of '%s'", err.msg, says);
}

static double number(const char *path, const char *sql)
{
    la_err err = {0};
    la_store *store;
    expect_ok(la_store_open(path, LA_STORE_READ, &store, &err));
    double x = query_number(store, sql);
    la_store_close(store);
    return x;
}

/* Everything of the sweeps but the numbers of rows. */
static char *content(const char *path)
{
    static const char sql[] =
        "SELECT group_concat(x, '|') FROM (SELECT s.uuid || s.state || c.cell_key || c.ordinal || "
        "c.rounds || v.name || d.uuid || m.uuid || b.uuid || a.uuid || a.round || a.outcome || "
        "coalesce(a.message, '') || a.ended_utc || coalesce(k.key, '-') || "
        "(SELECT count(*) || '/' || coalesce(sum(total_ns * (idx + 1)), 0) FROM sample p WHERE "
        "p.attempt_id = a.attempt_id) || "
        "(SELECT group_concat(name || value) FROM metric q WHERE q.attempt_id = a.attempt_id) || "
        "(SELECT count(*) FROM warning w WHERE w.attempt_id = a.attempt_id) || "
        "(SELECT median_ns || n || n_rounds FROM summary y WHERE y.cell_id = c.cell_id) || "
        "(SELECT outcome FROM v_outcome o WHERE o.cell_id = c.cell_id) || "
        "coalesce((SELECT group_concat(step || loss) FROM curve u WHERE u.model_id = k.model_id), "
        "'') AS x FROM attempt a JOIN cell c USING(cell_id) JOIN sweep s USING(sweep_id) "
        "JOIN variant v USING(variant_id) JOIN device d USING(device_id) "
        "JOIN machine m ON m.machine_id = s.machine_id JOIN build b USING(build_id) "
        "LEFT JOIN model k USING(model_id) ORDER BY c.cell_key, a.attempt_id)";
    la_err err = {0};
    la_store *store;
    char *text = malloc(1 << 16);
    assert_non_null(text);
    expect_ok(la_store_open(path, LA_STORE_READ, &store, &err));
    query_text(store, sql, text, 1 << 16);
    la_store_close(store);
    return text;
}

static void same_content(const char *x, const char *y)
{
    char *s = content(x), *t = content(y);
    assert_true(strlen(s) > 10);
    assert_string_equal(s, t);
    free(s);
    free(t);
}

static void end(fixture *f, const char *how)
{
    la_err err = {0};
    expect_ok(la_store_sweep_end(f->store, f->sweep, how, &err));
}

static void train(fixture *f, int64_t cell, int64_t round, const char *digest)
{
    static attempt_data data;
    la_err err = {0};
    la_curve_row curve[] = {{.step = 1, .loss = 2.5, .val_accuracy = 0.25, .lr = 0.01},
                            {.step = 2, .loss = 1.5, .val_accuracy = (double)NAN, .lr = 0.02}};
    la_model_row model = {.key = "00112233445566778899aabbccddeeff",
                          .config_json = "{}",
                          .variant = "flash",
                          .task = "mqar",
                          .path = "a.models/x.model",
                          .digest = digest,
                          .seed = 1,
                          .curve = curve,
                          .n_curve = 2};
    int64_t id;
    expect_ok(la_store_claim(f->store, cell, round, &id, &err));
    la_attempt_row row = sample_attempt(&data, 3);
    row.model = &model;
    expect_ok(la_store_finish(f->store, id, &row, &err));
}

static void test_everything_arrives_and_only_once(void **state)
{
    (void)state;
    la_err err = {0};
    int64_t cell = planned(&a, 1), other = planned(&a, 2);
    la_warning_row warning = {"load", "something else runs here"};
    finished(&a, cell, 0, LA_OUTCOME_OK);
    finished(&a, cell, 1, LA_OUTCOME_CRASH);
    train(&a, other, 0, "d1");
    expect_ok(la_store_sweep_warning(a.store, a.sweep, &warning, &err));
    end(&a, "done");
    la_merged m = merged(a.path);
    assert_int_equal(m.sweeps, 1);
    assert_int_equal(m.cells, 2);
    assert_int_equal(m.attempts, 3);
    assert_int_equal(m.models, 1);
    same_content(a.path, out_path);
    const char *twice[] = {a.path, a.path};
    la_merged each[2];
    expect_ok(merge(twice, 2, each, &err));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(each[i].sweeps + each[i].cells + each[i].attempts + each[i].models, 0);
        assert_int_equal(each[i].known, 3);
    }
    same_content(a.path, out_path);
    assert_int_equal(number(out_path, "SELECT count(*) FROM warning WHERE sweep_id IS NOT NULL"),
                     1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM peak"), 1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM sweep WHERE owner_pid IS NOT NULL"), 0);
}

static void test_two_files_of_one_machine(void **state)
{
    (void)state;
    finished(&a, planned(&a, 1), 0, LA_OUTCOME_OK);
    int64_t cell = planned(&b, 1);
    train(&b, cell, 0, "d1");
    end(&a, "done");
    end(&b, "interrupted");
    const char *both[] = {a.path, b.path};
    la_merged each[2];
    la_err err = {0};
    expect_ok(merge(both, 2, each, &err));
    assert_int_equal(number(out_path, "SELECT count(*) FROM sweep"), 2);
    assert_int_equal(number(out_path, "SELECT count(*) FROM sweep WHERE state = 'done'"), 1);
    static const char *const once[] = {"machine", "device", "build", "variant"};
    for (size_t i = 0; i < LA_COUNT(once); i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", once[i]);
        assert_int_equal(number(out_path, sql), 1);
    }
}

static void test_a_file_that_has_grown_adds_what_is_new(void **state)
{
    (void)state;
    la_err err = {0};
    int64_t cell = planned(&a, 1);
    finished(&a, cell, 0, LA_OUTCOME_CRASH);
    end(&a, "interrupted");
    merged(a.path);
    expect_ok(la_store_sweep_adopt(a.store, a.sweep, &err));
    expect_ok(la_store_reopen(a.store, cell, &err));
    finished(&a, cell, 0, LA_OUTCOME_OK);
    finished(&a, planned(&a, 3), 0, LA_OUTCOME_OK);
    end(&a, "done");
    la_merged m = merged(a.path);
    assert_int_equal(m.attempts, 2);
    assert_int_equal(m.known, 1);
    same_content(a.path, out_path);
    assert_int_equal(number(out_path, "SELECT retry_after FROM cell ORDER BY ordinal LIMIT 1"), 1);
}

static void copy_file(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* Two copies of one file, each continued elsewhere. */
static void test_overlapping_sweeps_are_united(void **state)
{
    (void)state;
    la_err err = {0};
    int64_t first = planned(&a, 1), second = planned(&a, 2);
    finished(&a, first, 0, LA_OUTCOME_OK);
    end(&a, "interrupted");
    la_store_close(b.store);
    b.store = NULL;
    copy_file(a.path, b.path);
    fixture_reopen(&b);
    b.sweep = a.sweep;
    expect_ok(la_store_sweep_adopt(a.store, a.sweep, &err));
    finished(&a, first, 1, LA_OUTCOME_OK);
    end(&a, "interrupted");
    expect_ok(la_store_sweep_adopt(b.store, b.sweep, &err));
    finished(&b, second, 0, LA_OUTCOME_OK);
    end(&b, "done");
    merged(a.path);
    la_merged m = merged(b.path);
    assert_int_equal(m.sweeps + m.cells, 0);
    assert_int_equal(m.attempts, 1);
    assert_int_equal(m.known, 1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM sweep WHERE state = 'done'"), 1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM attempt"), 3);
    assert_int_equal(number(out_path, "SELECT n_rounds FROM summary ORDER BY cell_id LIMIT 1"), 2);
    merged(a.path); /* the less finished one does not take that back */
    assert_int_equal(number(out_path, "SELECT count(*) FROM sweep WHERE state = 'done'"), 1);
}

/* Runs SQL on b's file with a trigger out of the way. */
static void forge(const char *trigger, const char *sql)
{
    char text[1024], all[2048];
    char name[128];
    snprintf(name, sizeof name, "SELECT sql FROM sqlite_schema WHERE name = '%s'", trigger);
    query_text(b.store, name, text, sizeof text);
    la_store_close(b.store);
    b.store = NULL;
    snprintf(all, sizeof all, "%s%s%s%s; %s", *trigger ? "DROP TRIGGER " : "", trigger,
             *trigger ? "; " : "", sql, *trigger ? text : "");
    assert_int_equal(raw_sql(b.path, all), 0);
    fixture_reopen(&b);
}

static void test_a_clash_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *trigger, *sql, *says;
    } forged[] = {
        {"", "UPDATE sweep SET argv_json = '[\"other\"]'", "differ in its argv_json"},
        {"", "UPDATE sweep SET argv_json = '[\"labench\"]'; UPDATE build SET cc = 'icc'",
         "differ in its cc"},
        {"attempt_frozen", "UPDATE build SET cc = 'gcc'; UPDATE attempt SET wall_ns = 1",
         "differ in its wall_ns"},
        {"attempt_frozen", "UPDATE attempt SET wall_ns = 200000000, outcome = 'wrong'",
         "differ in its outcome"},
    };
    finished(&a, planned(&a, 1), 0, LA_OUTCOME_OK);
    end(&a, "done");
    merged(a.path);
    la_store_close(b.store);
    b.store = NULL;
    copy_file(a.path, b.path);
    fixture_reopen(&b);
    for (size_t i = 0; i < LA_COUNT(forged); i++) {
        forge(forged[i].trigger, forged[i].sql);
        refused(b.path, LA_E_DB, forged[i].says);
        same_content(a.path, out_path);
    }
}

static void test_a_clash_in_the_second_file_takes_the_first_back(void **state)
{
    (void)state;
    la_err err = {0};
    finished(&a, planned(&a, 1), 0, LA_OUTCOME_OK);
    finished(&b, planned(&b, 1), 0, LA_OUTCOME_OK);
    end(&a, "done");
    end(&b, "done");
    forge("", "UPDATE build SET cflags = '-O0'");
    const char *both[] = {a.path, b.path};
    la_merged each[2];
    expect_status(merge(both, 2, each, &err), LA_E_DB, &err);
    assert_int_equal(number(out_path, "SELECT count(*) FROM sweep"), 0);
    assert_int_equal(number(out_path, "SELECT count(*) FROM machine"), 0);
}

static void test_a_sweep_at_work_is_refused_and_the_killed_comes_as_it_is(void **state)
{
    (void)state;
    la_err err = {0};
    int64_t id, cell = planned(&a, 1);
    finished(&a, cell, 0, LA_OUTCOME_OK);
    expect_ok(la_store_claim(a.store, cell, 1, &id, &err));
    la_store_close(a.store);
    a.store = NULL;
    /* Of another host its heartbeat says that it lives. */
    assert_int_equal(raw_sql(a.path, "UPDATE sweep SET owner_host = 'elsewhere'"), 0);
    refused(a.path, LA_E_DB, "is open in sweep");
    assert_int_equal(raw_sql(a.path, "UPDATE sweep SET heartbeat_s = 1"), 0);
    la_merged m = merged(a.path);
    assert_int_equal(m.attempts, 1);
    assert_int_equal(m.running, 1);
    assert_int_equal(number(out_path, "SELECT state = 'interrupted' FROM sweep"), 1);
}

static void test_models_with_other_weights_stay_as_they_were(void **state)
{
    (void)state;
    train(&a, planned(&a, 1), 0, "d1");
    train(&b, planned(&b, 1), 0, "d2");
    end(&a, "done");
    end(&b, "done");
    merged(a.path);
    la_merged m = merged(b.path);
    assert_int_equal(m.models, 0);
    assert_int_equal(m.other_models, 1);
    assert_int_equal(number(out_path, "SELECT digest = 'd1' FROM model"), 1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM curve"), 2);
    assert_int_equal(number(out_path, "SELECT count(*) FROM attempt WHERE model_id = 1"), 2);
}

/* A finished share with one cell; number i of the whole plan. */
static void share(fixture *f, const char *which, int i, const char *how)
{
    la_err err = {0};
    char key[33], hash[64];
    int64_t id;
    snprintf(hash, sizeof hash, "0123456789abcdef0123456789abcdef.%s", which);
    la_sweep_row row = sample_sweep(f);
    row.spec_hash = hash;
    row.argv_json = "[\"run\",\"--shard\",\"1/2\",\"--quick\",\"--shard=1/2\"]";
    end(f, "done");
    expect_ok(la_store_sweep_new(f->store, &row, &f->sweep, &err));
    la_cell_row cell = sample_cell(i, key);
    cell.ordinal = i;
    expect_ok(la_store_plan(f->store, f->sweep, f->device, &cell, 1, &id, &err));
    finished(f, id, 0, LA_OUTCOME_OK);
    end(f, how);
}

#define JOINED "FROM sweep WHERE spec_hash = '0123456789abcdef0123456789abcdef'"

static void test_shares_become_one_sweep(void **state)
{
    (void)state;
    share(&a, "1/2", 0, "done");
    share(&b, "2/2", 1, "interrupted");
    merged(a.path);
    assert_int_equal(number(out_path, "SELECT count(*) " JOINED " AND state = 'interrupted'"), 1);
    merged(b.path);
    assert_int_equal(number(out_path, "SELECT count(*) " JOINED " AND state = 'interrupted'"), 1);
    la_err err = {0};
    expect_ok(la_store_sweep_adopt(b.store, b.sweep, &err));
    end(&b, "done");
    merged(b.path); /* has been finished since */
    assert_int_equal(number(out_path, "SELECT count(*) " JOINED " AND state = 'done'"), 1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM cell JOIN sweep USING(sweep_id) WHERE "
                                      "sweep_id = (SELECT sweep_id " JOINED ") AND ordinal = "
                                      "seqlen - 1024"),
                     2);
    assert_int_equal(number(out_path, "SELECT argv_json = '[\"run\",\"--quick\"]' " JOINED), 1);
    merged(a.path);
    assert_int_equal(number(out_path, "SELECT count(*) " JOINED), 1);
    /* The same shares in another order and into another file, which is then merged too. */
    char other[192];
    snprintf(other, sizeof other, "%s", out_path);
    snprintf(out_path, sizeof out_path, "%s/other.db", a.folder);
    merged(b.path);
    la_merged m = merged(other);
    assert_int_equal(m.known, 1);
    assert_int_equal(number(out_path, "SELECT count(*) " JOINED " AND state = 'done'"), 1);
    /* What was measured on one device has no remark, on two it has. */
    assert_int_equal(number(out_path, "SELECT count(*) FROM warning WHERE code = 'machines'"), 0);
}

static void test_a_share_measured_again_is_another_sweep(void **state)
{
    (void)state;
    share(&a, "1/2", 0, "done");
    merged(a.path);
    share(&b, "1/2", 0, "done");
    merged(b.path);
    assert_int_equal(number(out_path, "SELECT count(*) " JOINED), 2);
    share(&b, "1/3", 0, "done"); /* of another number: never beside those of 2 */
    merged(b.path);
    assert_int_equal(number(out_path, "SELECT count(*) " JOINED), 3);
}

static void test_shares_of_two_machines_say_so(void **state)
{
    (void)state;
    share(&a, "1/2", 0, "done");
    assert_int_equal(raw_sql(b.path, "UPDATE machine SET uuid = 'machine-2'; "
                                     "UPDATE device SET uuid = 'machine-2/cpu'"),
                     0);
    share(&b, "2/2", 1, "done");
    merged(a.path);
    merged(b.path);
    merged(b.path);
    assert_int_equal(number(out_path, "SELECT count(*) " JOINED " AND state = 'done'"), 1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM warning WHERE code = 'machines'"), 1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM device"), 2);
}

/* A file of version 1 is read through a copy that is brought up to date, and stays as it is. */
static void test_a_file_of_the_first_schema(void **state)
{
    (void)state;
    char old[192], *schema = malloc(1 << 16);
    snprintf(old, sizeof old, "%s/old.db", a.folder);
    FILE *in = fopen(LA_TEST_SCHEMA_1, "rb");
    assert_non_null(in);
    schema[fread(schema, 1, (1 << 16) - 1, in)] = '\0';
    fclose(in);
    assert_int_equal(raw_sql(old, schema), 0);
    free(schema);
    assert_int_equal(
        raw_sql(
            old,
            "INSERT INTO machine(machine_id, uuid, cpu_model, env_json) VALUES(7, 'm', 'c', '{}');"
            "INSERT INTO build(build_id, uuid, version, git_dirty, sqlite) VALUES(8,'b','0',0,'3');"
            "INSERT INTO sweep(sweep_id, uuid, spec_hash, argv_json, build_id, machine_id, seed, "
            "rounds, quick, env_json, created_utc, state) VALUES(9, 'abcdef01-2', 's', '[]', 8, 7, "
            "1, 1, 0, '{}', '2026-11-21T00:00:00Z', 'done');"),
        0);
    la_merged m = merged(old);
    assert_int_equal(m.sweeps, 1);
    assert_int_equal(number(out_path, "SELECT count(*) FROM sweep JOIN machine USING(machine_id) "
                                      "WHERE machine.uuid = 'm' AND state = 'done'"),
                     1);
    assert_int_equal(number(out_path, "PRAGMA user_version"), LA_SCHEMA_VERSION);
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(old, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 1);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void test_what_cannot_be_merged_into(void **state)
{
    (void)state;
    share(&a, "1/2", 0, "done");
    snprintf(out_path, sizeof out_path, "%s", a.path);
    refused(b.path, LA_E_ARG, "was measured with --shard; name a new file first");
    refused(a.path, LA_E_ARG, "into itself");
}

#define TEST(t) cmocka_unit_test_prestate_setup_teardown(t, start, stop, &a)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_everything_arrives_and_only_once),
        TEST(test_two_files_of_one_machine),
        TEST(test_a_file_that_has_grown_adds_what_is_new),
        TEST(test_overlapping_sweeps_are_united),
        TEST(test_a_clash_is_refused_and_changes_nothing),
        TEST(test_a_clash_in_the_second_file_takes_the_first_back),
        TEST(test_a_sweep_at_work_is_refused_and_the_killed_comes_as_it_is),
        TEST(test_models_with_other_weights_stay_as_they_were),
        TEST(test_shares_become_one_sweep),
        TEST(test_a_share_measured_again_is_another_sweep),
        TEST(test_shares_of_two_machines_say_so),
        TEST(test_a_file_of_the_first_schema),
        TEST(test_what_cannot_be_merged_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
