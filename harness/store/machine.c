/* SPDX-License-Identifier: Apache-2.0
 * Where results come from: machine, device with its peaks, build.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "clock.h"
#include "store_internal.h"

la_status la_store_machine(la_store *store, const la_machine_row *row, int64_t *id, la_err *err)
{
    LA_TRY(la_sql_begin(store, err));
    /* The latest word on a machine stands here; a sweep keeps its own copy of the environment. */
    la_status st = la_sql_run(
        store, err,
        "INSERT INTO machine(uuid, hostname, cpu_model, n_sockets, n_cores, n_logical, n_numa, "
        "ram_bytes, l1d_bytes, l2_bytes, llc_bytes, isa, kernel, distro, virt, env_json) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, " LA_SQL_JSON(
            "?16",
            "{}") ") "
                  "ON CONFLICT(uuid) DO UPDATE SET hostname = excluded.hostname, "
                  "ram_bytes = excluded.ram_bytes, isa = excluded.isa, kernel = excluded.kernel, "
                  "distro = excluded.distro, virt = excluded.virt, env_json = excluded.env_json",
        "sssnnnnnnnnsssss", row->uuid, row->hostname, row->cpu_model, row->n_sockets, row->n_cores,
        row->n_logical, row->n_numa, row->ram_bytes, row->l1d_bytes, row->l2_bytes, row->llc_bytes,
        row->isa, row->kernel, row->distro, row->virt, row->env_json);
    if (st == LA_OK)
        st = la_sql_int(store, id, NULL, err, "SELECT machine_id FROM machine WHERE uuid = ?1", "s",
                        row->uuid);
    return la_sql_end(store, st, err);
}

/* Numbers that are not > 0 are unknown. */
static double known(double x)
{
    return x > 0 ? x : (double)NAN;
}

static la_status put_peak(la_store *store, int64_t device_id, const la_peak_row *row, la_err *err)
{
    char now[32];
    la_utc(now);
    return la_sql_run(store, err,
                      "INSERT INTO peak(device_id, threads, flops, bandwidth, gemm_flops, "
                      "bf16_flops, source, at_utc) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
                      "ON CONFLICT(device_id, threads) DO UPDATE SET "
                      "flops = coalesce(excluded.flops, flops), "
                      "bandwidth = coalesce(excluded.bandwidth, bandwidth), "
                      "gemm_flops = coalesce(excluded.gemm_flops, gemm_flops), "
                      "bf16_flops = coalesce(excluded.bf16_flops, bf16_flops), "
                      "source = excluded.source, at_utc = excluded.at_utc",
                      "iiddddss", device_id, row->threads, known(row->flops), known(row->bandwidth),
                      known(row->gemm_flops), known(row->bf16_flops), row->source, now);
}

/* Counts likewise. */
static int64_t above_0(int64_t x)
{
    return x > 0 ? x : -1;
}

la_status la_store_device(la_store *store, int64_t machine_id, const la_device_row *row,
                          int64_t *id, la_err *err)
{
    bool is_cuda = strcmp(row->kind, "cuda") == 0;
    LA_TRY(la_sql_begin(store, err));
    la_status st = la_sql_run(store, err,
                              "INSERT INTO device(machine_id, kind, uuid, name, mem_bytes, sms, "
                              "l2_bytes, sm_hz, mem_hz, driver, runtime, ecc) "
                              "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
                              "ON CONFLICT(uuid) DO UPDATE SET "
                              "driver = coalesce(excluded.driver, driver), "
                              "runtime = coalesce(excluded.runtime, runtime), "
                              "ecc = coalesce(excluded.ecc, ecc)",
                              "isssnnnnnnnn", machine_id, row->kind, row->uuid, row->name,
                              row->mem_bytes, above_0(row->sms), above_0(row->l2_bytes),
                              above_0(row->sm_hz), above_0(row->mem_hz), above_0(row->driver),
                              above_0(row->runtime), is_cuda ? row->ecc : -1);
    if (st == LA_OK)
        st = la_sql_int(store, id, NULL, err, "SELECT device_id FROM device WHERE uuid = ?1", "s",
                        row->uuid);
    if (st == LA_OK && (row->peak_flops > 0 || row->peak_bw > 0)) {
        const la_peak_row peak = {
            .flops = row->peak_flops, .bandwidth = row->peak_bw, .source = row->peak_source};
        st = put_peak(store, *id, &peak, err);
    }
    return la_sql_end(store, st, err);
}

la_status la_store_peak(la_store *store, int64_t device_id, const la_peak_row *row, la_err *err)
{
    LA_TRY(la_sql_begin(store, err));
    return la_sql_end(store, put_peak(store, device_id, row, err), err);
}

la_status la_store_peak_find(la_store *store, int64_t device_id, int64_t threads, la_peak_row *out,
                             bool *found, la_err *err)
{
    *out = (la_peak_row){.threads = threads};
    *found = false;
    sqlite3_stmt *stmt = NULL;
    la_status st =
        la_sql_prepare(store,
                       "SELECT flops, bandwidth, gemm_flops, source = 'measured', bf16_flops "
                       "FROM peak WHERE device_id = ?1 AND threads = ?2",
                       &stmt, err);
    if (st == LA_OK) st = la_sql_bind(store, stmt, err, "ii", device_id, threads);
    if (st == LA_OK) {
        int rc = sqlite3_step(stmt);
        *found = rc == SQLITE_ROW;
        if (*found) {
            out->flops = sqlite3_column_double(stmt, 0);
            out->bandwidth = sqlite3_column_double(stmt, 1);
            out->gemm_flops = sqlite3_column_double(stmt, 2);
            out->bf16_flops = sqlite3_column_double(stmt, 4);
            if (sqlite3_column_type(stmt, 3) != SQLITE_NULL)
                out->source = sqlite3_column_int(stmt, 3) ? "measured" : "datasheet";
        } else if (rc != SQLITE_DONE) {
            st = la_sql_fail(store, rc, "read", err);
        }
    }
    sqlite3_finalize(stmt);
    return st;
}

la_status la_store_build(la_store *store, const la_build_row *row, int64_t *id, la_err *err)
{
    LA_TRY(la_sql_begin(store, err));
    la_status st =
        la_sql_run(store, err,
                   "INSERT INTO build(uuid, version, git_commit, git_dirty, cc, cflags, blas, "
                   "sqlite, nvcc) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce(?8, "
                   "sqlite_version()), ?9) ON CONFLICT(uuid) DO NOTHING",
                   "sssisssss", row->uuid, row->version, row->git_commit, (int64_t)row->git_dirty,
                   row->cc, row->cflags, row->blas, row->sqlite, row->nvcc);
    if (st == LA_OK)
        st = la_sql_int(store, id, NULL, err, "SELECT build_id FROM build WHERE uuid = ?1", "s",
                        row->uuid);
    return la_sql_end(store, st, err);
}
