/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <dirent.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "registry.h"

static void must(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "scratch: %s failed\n", what);
    abort();
}

void scratch_make(scratch *s)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(s->dir, sizeof s->dir, "%.40s/labench-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    must(mkdtemp(s->dir) != NULL, "mkdtemp");
    snprintf(s->db, sizeof s->db, "%s/test.db", s->dir);
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char path[1024];
        snprintf(path, sizeof path, "%.500s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.') continue;
        if (unlink(path) != 0) remove_folder(path); /* of trained models */
    }
    if (dir) closedir(dir);
    rmdir(folder);
}

void scratch_remove(scratch *s)
{
    remove_folder(s->dir);
}

la_run_settings scratch_settings(void)
{
    return (la_run_settings){.min_time_s = 0.005,
                             .max_time_s = 0.02,
                             .target = 0.5,
                             .min_samples = 10,
                             .timeout_s = 300, /* no attempt that ends by itself comes near it */
                             .memory_limit = (size_t)256 << 20,
                             .predict = true,
                             .seed = 1};
}

void scratch_cache_beside(const char *db, la_run_settings *settings, char dir[80])
{
    snprintf(dir, 80, "%s", db);
    char *slash = strrchr(dir, '/');
    must(slash != NULL, "a folder of the database");
    *slash = '\0';
    settings->cache_dir = dir;
}

la_status scratch_add(la_plan *plan, const char *variant, int64_t T, int rounds, la_err *err)
{
    return scratch_add_pass(plan, variant, LA_FORWARD, T, rounds, err);
}

la_status scratch_add_pass(la_plan *plan, const char *variant, la_pass pass, int64_t T, int rounds,
                           la_err *err)
{
    la_device device;
    la_device_cpu(&device);
    LA_TRY(la_grow((void **)&plan->cells, &plan->cap, plan->n + 1, sizeof *plan->cells, err));
    la_cell *c = &plan->cells[plan->n];
    const la_variant *v = la_registry_find(variant);
    must(v != NULL, variant);
    const la_impl *impl = la_variant_best(v, &device, err);
    must(impl != NULL, variant);
    bool causal = impl->caps & LA_CAP_CAUSAL;
    *c = (la_cell){.variant = v,
                   .impl = impl,
                   .task = pass == LA_EVAL ? la_tasks_find("recall") : NULL,
                   .pass = pass,
                   .seqlen = T,
                   .rounds = rounds,
                   .problem = {.B = 1,
                               .T = pass == LA_DECODE ? 1 : T,
                               .Tcap = T,
                               .H = 1,
                               .Hkv = 1,
                               .Hqk = 1,
                               .dk = 8,
                               .dv = 8,
                               .mask = causal ? LA_MASK_CAUSAL : LA_MASK_BIDIRECTIONAL,
                               .threads = 1}};
    plan->n++;
    return la_cell_finish(c, &device, err);
}

static void add_words(la_words *words, const char *list)
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        must(la_words_add(words, at, n, NULL) == LA_OK, list);
        at += n + (at[n] == ',');
    }
}

static void set(la_spec *s, const char *owner, const char *key, const char *values)
{
    must(la_grow((void **)&s->settings, &s->cap_settings, s->n_settings + 1, sizeof *s->settings,
                 NULL) == LA_OK,
         key);
    la_setting *one = &s->settings[s->n_settings++];
    *one = (la_setting){.owner = la_strdup(owner, NULL), .key = la_strdup(key, NULL)};
    add_words(&one->values, values);
}

la_status scratch_models(la_plan *plan, const char *variants, const char *rates, const char *steps,
                         int seeds, la_err *err)
{
    la_spec s = {.seed = 1, .seeds = seeds};
    la_device device;
    la_device_cpu(&device);
    add_words(&s.variants, variants);
    add_words(&s.tasks, "mqar");
    add_words(&s.passes, "none");
    set(&s, "model", "layers", "1");
    set(&s, "model", "d_model", "16");
    set(&s, "train", "steps", steps);
    set(&s, "train", "tokens", "256");
    set(&s, "train", "warmup", "0");
    set(&s, "train", "validate_every", "5");
    set(&s, "train", "validate_examples", "4");
    set(&s, "train", "lr", rates);
    must(la_counts_add(&s.lengths, 64, NULL) == LA_OK, "lengths");
    must(la_counts_add(&s.lengths, 256, NULL) == LA_OK, "lengths");
    must(la_counts_add(&s.train_lengths, 64, NULL) == LA_OK, "lengths");
    must(la_counts_add(&s.threads, 1, NULL) == LA_OK, "threads");
    la_status st = la_plan_expand(&s, &device, plan, err);
    la_spec_release(&s);
    return st;
}

la_status scratch_prepare(la_store *store, la_plan *plan, int64_t *sweep, la_err *err)
{
    int64_t machine, device, build, *ids = NULL;
    la_machine_row m = {.uuid = "m", .hostname = "h", .cpu_model = "c", .env_json = "{}"};
    la_device_row d = {.kind = "cpu", .uuid = "d", .name = "c", .mem_bytes = 1};
    la_build_row b = {.uuid = "b", .version = "0", .sqlite = "3"};
    LA_TRY(la_store_machine(store, &m, &machine, err));
    LA_TRY(la_store_device(store, machine, &d, &device, err));
    LA_TRY(la_store_build(store, &b, &build, err));
    la_sweep_row row = {.spec_hash = "s",
                        .argv_json = "[]",
                        .build_id = build,
                        .machine_id = machine,
                        .seed = 1,
                        .rounds = 3};
    bool found;
    LA_TRY(la_store_sweep_find_open(store, &row, &found, sweep, err));
    LA_TRY(found ? la_store_sweep_adopt(store, *sweep, err)
                 : la_store_sweep_new(store, &row, sweep, err));
    la_cell_row *cells = la_alloc(plan->n * sizeof *cells, err);
    ids = la_alloc(plan->n * sizeof *ids, err);
    la_status st = cells && ids ? LA_OK : LA_E_NOMEM;
    for (size_t i = 0; i < plan->n && st == LA_OK; i++)
        la_cell_row_of(&plan->cells[i], "code", &cells[i]);
    if (st == LA_OK) st = la_store_plan(store, *sweep, device, cells, plan->n, ids, err);
    for (size_t i = 0; i < plan->n && st == LA_OK; i++) plan->cells[i].id = ids[i];
    la_free(cells);
    la_free(ids);
    return st;
}

la_status scratch_run(const char *db, la_plan *plan, const la_run_settings *settings,
                      size_t totals[LA_OUTCOME_COUNT], la_err *err)
{
    return scratch_run_with(db, plan, settings, NULL, NULL, totals, err);
}

la_status scratch_run_with(const char *db, la_plan *plan, const la_run_settings *settings,
                           la_run_listener listener, void *context, size_t totals[LA_OUTCOME_COUNT],
                           la_err *err)
{
    la_device device;
    la_store *store;
    int64_t sweep;
    la_device_cpu(&device);
    LA_TRY(la_store_open(db, LA_STORE_WRITE, &store, err));
    la_status st = scratch_prepare(store, plan, &sweep, err);
    if (st == LA_OK)
        st = la_run(plan, settings, &device, store, sweep, listener, context, totals, err);
    if (st == LA_OK)
        st = la_store_sweep_end(store, sweep, "done", err);
    else if (st == LA_E_INTERRUPTED)
        la_store_sweep_end(store, sweep, "interrupted", NULL);
    la_store_close(store);
    return st;
}

void scratch_execute(const char *db, const char *sql)
{
    sqlite3 *h = NULL;
    must(sqlite3_open_v2(db, &h, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK, "open");
    sqlite3_busy_timeout(h, 10000);
    must(sqlite3_exec(h, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
    sqlite3_close(h);
}

int64_t scratch_number(const char *db, const char *sql)
{
    sqlite3 *h = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t n = -1;
    /* For writing: what a killed run left half done must be rolled back before it can be read. */
    must(sqlite3_open_v2(db, &h, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK, "open");
    sqlite3_busy_timeout(h, 10000);
    must(sqlite3_prepare_v2(h, sql, -1, &stmt, NULL) == SQLITE_OK, sql);
    if (sqlite3_step(stmt) == SQLITE_ROW) n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(h);
    return n;
}

bool scratch_is_sound(const char *db)
{
    return scratch_number(db, "SELECT count(*) FROM pragma_integrity_check "
                              "WHERE integrity_check <> 'ok'") == 0 &&
           scratch_number(db, "SELECT count(*) FROM pragma_foreign_key_check") == 0;
}

int scratch_workers(void)
{
    char self[400] = "", other[400], path[64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    must(n > 0, "readlink");
    int count = 0;
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || pid == getpid()) continue;
        snprintf(path, sizeof path, "/proc/%ld/exe", pid);
        n = readlink(path, other, sizeof other - 1);
        if (n <= 0) continue;
        other[n] = '\0';
        if (strcmp(self, other) != 0) continue;
        char cmd[64] = "";
        snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
        FILE *f = fopen(path, "re");
        size_t got = f ? fread(cmd, 1, sizeof cmd - 1, f) : 0;
        if (f) fclose(f);
        /* "labench\0worker\0" */
        if (got >= 14 && memcmp(cmd + strlen(cmd) + 1, "worker", 6) == 0) count++;
    }
    if (dir) closedir(dir);
    return count;
}

void scratch_wait_for_workers(int n)
{
    int found = scratch_workers();
    for (int tries = 0; tries < 3000 && found != n; tries++) {
        la_sleep_ns(20000000);
        found = scratch_workers();
    }
    if (found == n) return;
    fprintf(stderr, "%d workers after a minute, where %d should be\n", found, n);
    must(false, "waiting for workers");
}
