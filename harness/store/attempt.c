/* SPDX-License-Identifier: Apache-2.0
 * Attempts: claimed, then finished with all that hangs on them in one transaction.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "stats.h"
#include "store_internal.h"

static la_status beat(la_store *store, int64_t cell_id, la_err *err)
{
    return la_sql_run(store, err,
                      "UPDATE sweep SET heartbeat_s = ?2 WHERE sweep_id = "
                      "(SELECT sweep_id FROM cell WHERE cell_id = ?1)",
                      "ii", cell_id, la_owner_now());
}

/* LA_E_DB when the round is running or has an end that counts. */
static la_status refuse_taken(la_store *store, int64_t cell_id, int64_t round, la_err *err)
{
    int64_t id;
    bool taken;
    LA_TRY(la_sql_int(store, &id, &taken, err,
                      "SELECT a.attempt_id FROM attempt a JOIN cell c ON c.cell_id = a.cell_id "
                      "WHERE a.cell_id = ?1 AND a.round = ?2 AND (a.outcome IS NULL OR "
                      "(a.outcome <> 'interrupted' AND a.attempt_id > c.retry_after)) LIMIT 1",
                      "ii", cell_id, round));
    return taken ? LA_FAIL(err, LA_E_DB,
                           "round %" PRId64 " of cell %" PRId64
                           " is running or done already (attempt %" PRId64 ")",
                           round, cell_id, id)
                 : LA_OK;
}

la_status la_store_claim(la_store *store, int64_t cell_id, int64_t round, int64_t *attempt_id,
                         la_err *err)
{
    char now[32], uuid[37];
    la_utc(now);
    la_uuid_text(uuid);
    LA_TRY(la_sql_begin(store, err));
    la_status st = refuse_taken(store, cell_id, round, err);
    if (st == LA_OK)
        st = la_sql_run(store, err,
                        "INSERT INTO attempt(uuid, cell_id, round, started_utc) "
                        "VALUES(?1, ?2, ?3, ?4)",
                        "siis", uuid, cell_id, round, now);
    if (st == LA_OK) *attempt_id = sqlite3_last_insert_rowid(store->db);
    if (st == LA_OK) st = beat(store, cell_id, err);
    return la_sql_end(store, st, err);
}

static la_status put_samples(la_store *store, int64_t attempt_id, const la_attempt_row *row,
                             la_err *err)
{
    if (!row->n_samples) return LA_OK;
    sqlite3_stmt *stmt = NULL;
    la_status st = la_sql_prepare(
        store,
        "INSERT INTO sample(attempt_id, idx, iters, total_ns, flags) VALUES(?1, ?2, ?3, ?4, ?5)",
        &stmt, err);
    for (size_t i = 0; i < row->n_samples && st == LA_OK; i++) {
        const la_sample_row *s = &row->samples[i];
        st = la_sql_bind(store, stmt, err, "iiiii", attempt_id, (int64_t)i, s->iters, s->total_ns,
                         s->flags);
        if (st == LA_OK) st = la_sql_step(store, stmt, err);
    }
    sqlite3_finalize(stmt);
    return st;
}

static la_status put_metrics(la_store *store, int64_t attempt_id, const la_attempt_row *row,
                             la_err *err)
{
    for (size_t i = 0; i < row->n_metrics; i++) {
        const la_metric_row *m = &row->metrics[i];
        /* A value that is not finite becomes NULL, never without being counted. */
        int64_t lost = m->n_nonfinite;
        if (!isfinite(m->value) && lost < 1) lost = 1;
        LA_TRY(la_sql_run(store, err,
                          "INSERT INTO metric(attempt_id, name, value, unit, n_nonfinite, n_total, "
                          "lo, hi) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                          "isdsindd", attempt_id, m->name, m->value, m->unit ? m->unit : "1", lost,
                          m->n_total, m->lo, m->hi));
    }
    return LA_OK;
}

static la_status put_warnings(la_store *store, int64_t attempt_id, const la_attempt_row *row,
                              const char *now, la_err *err)
{
    for (size_t i = 0; i < row->n_warnings; i++)
        LA_TRY(la_sql_run(store, err,
                          "INSERT INTO warning(attempt_id, code, text, at_utc) "
                          "VALUES(?1, ?2, ?3, ?4)",
                          "isss", attempt_id, row->warnings[i].code, row->warnings[i].text, now));
    return LA_OK;
}

static la_status put_curve(la_store *store, int64_t model_id, const la_model_row *model,
                           la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    la_status st = la_sql_prepare(
        store,
        "INSERT INTO curve(model_id, step, tokens, elapsed_ns, loss, val_accuracy, val_worst, lr, "
        "grad_norm) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        &stmt, err);
    for (size_t i = 0; i < model->n_curve && st == LA_OK; i++) {
        const la_curve_row *c = &model->curve[i];
        st = la_sql_bind(store, stmt, err, "iinnddddd", model_id, c->step, c->tokens, c->elapsed_ns,
                         c->loss, c->val_accuracy, c->val_worst, c->lr, c->grad_norm);
        if (st == LA_OK) st = la_sql_step(store, stmt, err);
    }
    sqlite3_finalize(stmt);
    return st;
}

static la_status find_model(la_store *store, const char *key, int64_t *id, bool *found, la_err *err)
{
    return la_sql_int(store, id, found, err, "SELECT model_id FROM model WHERE key = ?1", "s", key);
}

/* Where a model of that key is there with other weights, those of its row, its curve and its speed stay. */
static la_status warn_of_other(la_store *store, int64_t attempt_id, const la_model_row *m,
                               const char *now, la_err *err)
{
    static const char text[] = "the model was trained again, to other weights (other threads or "
                               "instructions, or its file was "
                               "gone): its curve, validation and speed are those of the first time";
    return la_sql_run(store, err,
                      "INSERT INTO warning(attempt_id, code, text, at_utc) "
                      "SELECT ?1, 'other_model', ?2, ?3 FROM model WHERE key = ?4 AND digest <> ?5",
                      "issss", attempt_id, text, now, m->key, m->digest);
}

/* The model that the attempt made, or the one that it evaluated; *id is -1 for none. */
static la_status put_model(la_store *store, int64_t attempt_id, const la_attempt_row *row,
                           const char *now, int64_t *id, la_err *err)
{
    const la_model_row *m = row->model;
    const char *key = m ? m->key : row->model_key;
    bool found = false;
    *id = -1;
    if (!key) return LA_OK;
    LA_TRY(find_model(store, key, id, &found, err));
    if (found) return m ? warn_of_other(store, attempt_id, m, now, err) : LA_OK;
    *id = -1;
    if (!m) return LA_OK;
    int64_t seed;
    memcpy(&seed, &m->seed, sizeof seed);
    LA_TRY(la_sql_run(
        store, err,
        "INSERT INTO model(key, config_json, variant, task, seed, lr, parameters, steps, tokens, "
        "loss, val_accuracy, train_ns, threads, path, digest, created_utc) VALUES(?1, " LA_SQL_JSON(
            "?2", "{}") ", ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        "ssssidnnnddnnsss", m->key, m->config_json, m->variant, m->task, seed, m->lr, m->parameters,
        m->steps, m->tokens, m->loss, m->val_accuracy, m->train_ns, m->threads, m->path, m->digest,
        now));
    *id = sqlite3_last_insert_rowid(store->db);
    return put_curve(store, *id, m, err);
}

static la_status put_end(la_store *store, int64_t attempt_id, const la_attempt_row *row,
                         const char *now, la_err *err)
{
    int64_t model_id;
    LA_TRY(put_model(store, attempt_id, row, now, &model_id, err));
    LA_TRY(la_sql_run(
        store, err,
        "UPDATE attempt SET ended_utc = ?2, outcome = ?3, exit_code = ?4, signal = ?5, phase = ?6, "
        "message = ?7, stderr_tail = ?8, stop_reason = ?9, warmup_iters = ?10, warmup_ns = ?11, "
        "wall_ns = ?12, cpu_user_ns = ?13, cpu_sys_ns = ?14, ctx_invol = ?15, minor_faults = ?16, "
        "major_faults = ?17, workspace_peak_bytes = ?18, output_bytes = ?19, rss_peak_bytes = ?20, "
        "rss_base_bytes = ?21, checksum = ?22, load1 = ?23, model_id = ?24, data_digest = ?25 "
        "WHERE attempt_id = ?1 AND outcome IS NULL",
        "issnnssssnnnnnnnnnnnnidns", attempt_id, now, la_outcome_word(row->outcome), row->exit_code,
        row->signal, row->phase, row->message, row->stderr_tail, row->stop_reason,
        row->warmup_iters, row->warmup_ns, row->wall_ns, row->cpu_user_ns, row->cpu_sys_ns,
        row->ctx_invol, row->minor_faults, row->major_faults, row->workspace_peak_bytes,
        row->output_bytes, row->rss_peak_bytes, row->rss_base_bytes, row->checksum, row->load1,
        model_id, row->data_digest));
    if (sqlite3_changes(store->db) == 1) return LA_OK;
    return LA_FAIL(err, LA_E_DB,
                   "attempt %" PRId64 " is not running: it has ended, or another run took over",
                   attempt_id);
}

/* Times of one call, ns, of the last ok attempts of a cell, round after round. */
typedef struct cell_times {
    double *x;
    size_t n, cap;
    size_t *round_n; /* samples of each round */
    size_t rounds, rounds_cap;
} cell_times;

static la_status read_times(la_store *store, int64_t cell_id, cell_times *t, la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    la_status st = la_sql_prepare(store,
                                  "SELECT l.round, p.total_ns, p.iters FROM v_last l "
                                  "JOIN sample p ON p.attempt_id = l.attempt_id "
                                  "WHERE l.cell_id = ?1 AND l.outcome = 'ok' "
                                  "ORDER BY l.round, p.idx",
                                  &stmt, err);
    if (st == LA_OK) st = la_sql_bind(store, stmt, err, "i", cell_id);
    int64_t last = -1;
    int rc = SQLITE_DONE;
    while (st == LA_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t round = sqlite3_column_int64(stmt, 0);
        if (round != last) {
            st = la_grow((void **)&t->round_n, &t->rounds_cap, t->rounds + 1, sizeof *t->round_n,
                         err);
            if (st != LA_OK) break;
            t->round_n[t->rounds++] = 0;
            last = round;
        }
        st = la_grow((void **)&t->x, &t->cap, t->n + 1, sizeof *t->x, err);
        if (st != LA_OK) break;
        t->x[t->n++] =
            (double)sqlite3_column_int64(stmt, 1) / (double)sqlite3_column_int64(stmt, 2);
        t->round_n[t->rounds - 1]++;
    }
    if (st == LA_OK && rc != SQLITE_DONE) st = la_sql_fail(store, rc, "read", err);
    sqlite3_finalize(stmt);
    return st;
}

la_status la_store_summarise(la_store *store, int64_t cell_id, la_err *err)
{
    cell_times t = {0};
    la_status st = read_times(store, cell_id, &t, err);
    if (st == LA_OK)
        st = la_sql_run(store, err, "DELETE FROM summary WHERE cell_id = ?1", "i", cell_id);
    la_summary s = {0};
    if (st == LA_OK && t.n > 0) {
        la_summarise_rounds(t.x, t.round_n, t.rounds, &s);
        if (s.n != t.n)
            st = LA_FAIL(err, LA_E_NOMEM, "out of memory for the summary of %zu samples", t.n);
    }
    if (st == LA_OK && t.n > 0) {
        st =
            la_sql_run(store, err,
                       "INSERT INTO summary(cell_id, method, n, n_rounds, median_ns, lo_ns, hi_ns, "
                       "level, q1_ns, q3_ns, min_ns, max_ns, n_outlier_mild, n_outlier_severe, "
                       "trend, lag1) VALUES(?1, 'v1', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
                       "?12, ?13, ?14, ?15)",
                       "iiiddddddddiidd", cell_id, (int64_t)t.n, (int64_t)t.rounds, s.median, s.lo,
                       s.hi, s.level, s.q1, s.q3, s.min, s.max, (int64_t)s.outliers_mild,
                       (int64_t)s.outliers_severe, s.trend, s.lag1);
    }
    la_free(t.x);
    la_free(t.round_n);
    return st;
}

la_status la_store_finish(la_store *store, int64_t attempt_id, const la_attempt_row *row,
                          la_err *err)
{
    char now[32];
    la_utc(now);
    LA_TRY(la_sql_begin(store, err));
    int64_t cell_id;
    bool found;
    la_status st = la_sql_int(
        store, &cell_id, &found, err,
        "SELECT cell_id FROM attempt WHERE attempt_id = ?1 AND outcome IS NULL", "i", attempt_id);
    if (st == LA_OK && !found)
        st = LA_FAIL(err, LA_E_DB,
                     "attempt %" PRId64 " is not running: it has ended, or another run took over",
                     attempt_id);
    if (st == LA_OK) st = put_samples(store, attempt_id, row, err);
    if (st == LA_OK) st = put_metrics(store, attempt_id, row, err);
    if (st == LA_OK) st = put_warnings(store, attempt_id, row, now, err);
    if (st == LA_OK) st = put_end(store, attempt_id, row, now, err);
    if (st == LA_OK) st = la_store_summarise(store, cell_id, err);
    if (st == LA_OK) st = beat(store, cell_id, err);
    return la_sql_end(store, st, err);
}
