/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"

void expect_status(la_status got, la_status want, const la_err *err)
{
    if (got != want)
        print_error("%s wanted, got %s: %s\n", la_status_word(want), la_status_word(got), err->msg);
    assert_int_equal(got, want);
}

void fixture_folder(fixture *f)
{
    *f = (fixture){0};
    /* In memory where that can be had: nothing here needs the disk. */
    const char *tmp = getenv("TMPDIR");
    if (!tmp) tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(f->folder, sizeof f->folder, "%.40s/la_store_XXXXXX", tmp);
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/a.db", f->folder);
}

void fixture_open(fixture *f)
{
    la_err err = {0};
    fixture_folder(f);
    expect_ok(la_store_open(f->path, LA_STORE_WRITE, &f->store, &err));
    la_machine_row machine = sample_machine();
    la_device_row device = sample_device();
    la_build_row build = sample_build();
    expect_ok(la_store_machine(f->store, &machine, &f->machine, &err));
    expect_ok(la_store_device(f->store, f->machine, &device, &f->device, &err));
    expect_ok(la_store_build(f->store, &build, &f->build, &err));
    la_sweep_row sweep = sample_sweep(f);
    expect_ok(la_store_sweep_new(f->store, &sweep, &f->sweep, &err));
}

void fixture_reopen(fixture *f)
{
    la_err err = {0};
    la_store_close(f->store);
    f->store = NULL;
    expect_ok(la_store_open(f->path, LA_STORE_WRITE, &f->store, &err));
}

void fixture_release(fixture *f)
{
    la_store_close(f->store);
    DIR *dir = opendir(f->folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", f->folder, e->d_name);
        if (e->d_name[0] != '.' && unlink(name) != 0) rmdir(name);
    }
    if (dir) closedir(dir);
    rmdir(f->folder);
    *f = (fixture){0};
}

int fixture_setup(void **state)
{
    fixture_open(*state);
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_release(*state);
    assert_int_equal(la_mem_live(), 0);
    return 0;
}

la_machine_row sample_machine(void)
{
    return (la_machine_row){.uuid = "machine-1",
                            .hostname = "host",
                            .cpu_model = "A CPU",
                            .isa = "avx2",
                            .kernel = "6.1",
                            .distro = "Debian 12",
                            .env_json = "{\"governor\":\"performance\"}",
                            .n_sockets = 1,
                            .n_cores = 2,
                            .n_logical = 4,
                            .n_numa = 1,
                            .ram_bytes = 16LL << 30,
                            .l1d_bytes = 32768,
                            .l2_bytes = 1 << 20,
                            .llc_bytes = -1};
}

la_device_row sample_device(void)
{
    return (la_device_row){.kind = "cpu",
                           .uuid = "machine-1/cpu",
                           .name = "A CPU",
                           .mem_bytes = 16LL << 30,
                           .peak_flops = 100e9,
                           .peak_bw = 10e9,
                           .peak_source = "measured"};
}

la_build_row sample_build(void)
{
    return (la_build_row){.uuid = "build-1",
                          .version = "0.1.0",
                          .git_commit = "abcdef",
                          .cc = "gcc",
                          .cflags = "-O3",
                          .blas = "OpenBLAS",
                          .git_dirty = true};
}

la_sweep_row sample_sweep(const fixture *f)
{
    return (la_sweep_row){.spec_hash = "spec-1",
                          .argv_json = "[\"labench\"]",
                          .label = "a label",
                          .build_id = f->build,
                          .machine_id = f->machine,
                          .seed = UINT64_MAX - 1,
                          .rounds = 3};
}

la_cell_row sample_cell(int i, char key[33])
{
    snprintf(key, 33, "%032x", (unsigned)i);
    return (la_cell_row){.key = key,
                         .variant = i % 2 ? "flash" : "softmax",
                         .origin = "builtin",
                         .code_hash = "c0de",
                         .tags = "quadratic",
                         .impl = i % 2 ? "cpu_tiled" : "cpu_naive",
                         .form = i % 2 ? "tiled" : "naive",
                         .isa = "avx2",
                         .task = "",
                         .pass = "fwd",
                         .dtype = "f32",
                         .mask = "causal",
                         .batch = 2,
                         .seqlen = 1024 + i,
                         .tcap = 1024 + i,
                         .heads = 4,
                         .kv_heads = 2,
                         .qk_heads = 4,
                         .dk = 64,
                         .dv = 32,
                         .threads = 2,
                         .scale = 0.125,
                         .cache_mode = "hot",
                         .input_dist = "default-1",
                         .opts_json = "{\"map\":\"elu\"}",
                         .flops_algo = 1e6,
                         .bytes_algo = 2e5,
                         .flops_impl = 2e6,
                         .bytes_impl = 4e5,
                         .cost_model = "softmax-1",
                         .state_bytes = 1,
                         .saved_bytes = 2,
                         .work_bytes = 4,
                         .instance_bytes = 8,
                         .output_bytes = 16,
                         .input_bytes = 32,
                         .rounds = 3,
                         .model_json = "{\"layers\":2}",
                         .train_json = "{\"lr\":0.01}",
                         .recipe = "controlled",
                         .d_model = 64};
}

la_attempt_row sample_attempt(attempt_data *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        data->samples[i] = (la_sample_row){1, 1000000 + (int64_t)(i * 7919 % n) * 1000, 0};
    data->metrics[0] = (la_metric_row){"rel_rms", "1", 2e-6, 0, 4096, (double)NAN, (double)NAN};
    data->metrics[1] = (la_metric_row){"accuracy", "1", 0.75, 0, 256, 0.69, 0.80};
    data->metrics[2] = (la_metric_row){"chance", "1", 1.0 / 256, 0, -1, (double)NAN, (double)NAN};
    data->warnings[0] = (la_warning_row){"noisy", "the machine was busy"};
    return (la_attempt_row){.outcome = LA_OUTCOME_OK,
                            .exit_code = 0,
                            .signal = -1,
                            .phase = "end",
                            .stop_reason = "target",
                            .warmup_iters = 3,
                            .warmup_ns = 3000000,
                            .wall_ns = 200000000,
                            .cpu_user_ns = 1,
                            .cpu_sys_ns = 2,
                            .ctx_invol = 3,
                            .minor_faults = 4,
                            .major_faults = 0,
                            .workspace_peak_bytes = 12,
                            .output_bytes = 16,
                            .rss_peak_bytes = 5000,
                            .rss_base_bytes = 1000,
                            .checksum = -77,
                            .load1 = 0.5,
                            .samples = data->samples,
                            .n_samples = n,
                            .metrics = data->metrics,
                            .n_metrics = 3,
                            .warnings = data->warnings,
                            .n_warnings = 1};
}

int64_t planned(fixture *f, int i)
{
    la_err err = {0};
    char key[33];
    int64_t id = 0;
    la_cell_row row = sample_cell(i, key);
    expect_ok(la_store_plan(f->store, f->sweep, f->device, &row, 1, &id, &err));
    return id;
}

int64_t finished(fixture *f, int64_t cell, int64_t round, la_outcome outcome)
{
    static attempt_data data;
    la_err err = {0};
    int64_t id;
    expect_ok(la_store_claim(f->store, cell, round, &id, &err));
    la_attempt_row row = sample_attempt(&data, 10);
    row.outcome = outcome;
    if (outcome != LA_OUTCOME_OK) row.message = "it went wrong";
    expect_ok(la_store_finish(f->store, id, &row, &err));
    return id;
}

static la_query *first_row(la_store *store, const char *sql, bool *more)
{
    la_err err = {0};
    la_query *query;
    expect_ok(la_query_open(store, sql, NULL, 0, &query, &err));
    expect_ok(la_query_next(query, more, &err));
    return query;
}

double query_number(la_store *store, const char *sql)
{
    bool more;
    la_query *query = first_row(store, sql, &more);
    double x = more ? la_query_real(query, 0) : -1;
    la_query_close(query);
    return x;
}

void query_text(la_store *store, const char *sql, char *out, size_t cap)
{
    bool more;
    la_query *query = first_row(store, sql, &more);
    const char *text = more ? la_query_text(query, 0) : "";
    snprintf(out, cap, "%s", text ? text : "NULL");
    la_query_close(query);
}

int raw_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open(path, &db);
    if (rc == SQLITE_OK) rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc;
}

int raw_sql_dying(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open(path, &db);
    return rc == SQLITE_OK ? sqlite3_exec(db, sql, NULL, NULL, NULL) : rc;
}
