/* SPDX-License-Identifier: Apache-2.0
 * The stored cells that selectors mean, and what a cell says.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "found.h"
#include "numbers.h"
#include "paper_file.h"
#include "query.h"
#include "text.h"

extern const char la_found_sql[];

/* ---- reading ---- */

static const char *const columns[] = {"task",     "pass", "length", "batch", "heads",
                                      "kv_heads", "dk",   "dv",     "dtype", "mask",
                                      "variant",  "impl", "threads"};
enum { TASK = 0, PASS = 1, DK = 6, DV = 7, VARIANT = 10 };
_Static_assert(LA_COUNT(columns) == LA_COUNT(((la_stored *)0)->column), "a text for each column");

void la_stored_release(la_stored_cells *cells)
{
    for (size_t i = 0; i < cells->n; i++) {
        la_stored *s = &cells->v[i];
        la_free(s->key);
        la_free(s->outcome);
        la_free(s->message);
        for (size_t k = 0; k < LA_COUNT(s->column); k++) la_free(s->column[k]);
        for (size_t k = 0; k < LA_COUNT(s->options); k++) cJSON_Delete(s->options[k]);
    }
    la_free(cells->v);
    *cells = (la_stored_cells){0};
}

static la_status read_cell(la_query *q, la_stored *s, la_err *err)
{
    static const char *const options[] = {"options", "task_options", "model_options",
                                          "train_options"};
    s->sweep = la_query_int(q, la_query_find(q, "sweep_id"));
    s->cell = la_query_int(q, la_query_find(q, "cell_id"));
    s->key = la_strdup(la_query_named_text(q, "cell_key"), err);
    s->outcome = la_strdup(la_query_named_text(q, "outcome"), err);
    s->message = la_strdup(la_query_named_text(q, "message"), err);
    bool ok = s->key && s->outcome && s->message;
    for (size_t k = 0; k < LA_COUNT(columns) && ok; k++) {
        s->column[k] = la_strdup(la_query_named_text(q, columns[k]), err);
        ok = s->column[k] != NULL;
    }
    for (size_t k = 0; k < LA_COUNT(options); k++)
        s->options[k] = cJSON_Parse(la_query_named_text(q, options[k]));
    s->n = la_query_named_real(q, "n");
    s->ns = la_query_named_real(q, "median_ns");
    s->lo_ns = la_query_named_real(q, "lo_ns");
    s->hi_ns = la_query_named_real(q, "hi_ns");
    s->tokens = la_query_named_real(q, "tokens");
    s->flop = la_query_named_real(q, "flop");
    s->extra = la_query_named_real(q, "extra_bytes");
    s->all = la_query_named_real(q, "all_bytes");
    s->state = la_query_named_real(q, "state_bytes");
    return ok ? LA_OK : LA_E_NOMEM;
}

la_status la_stored_read(la_store *store, const int64_t *sweeps, size_t n_sweeps,
                         la_stored_cells *out, la_err *err)
{
    la_text ids = {0};
    la_query *q = NULL;
    *out = (la_stored_cells){0};
    for (size_t i = 0; i < n_sweeps; i++)
        if (sweeps[i]) la_text_add(&ids, "%s%" PRId64, ids.len ? "," : "[", sweeps[i]);
    if (!store || !ids.len) return LA_OK;
    la_text_add(&ids, "]");
    la_status st = ids.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for a query") : LA_OK;
    const char *args[] = {la_text_str(&ids)};
    if (st == LA_OK) st = la_query_open(store, la_found_sql, args, 1, &q, err);
    bool more = true;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        st = la_grow((void **)&out->v, &out->cap, out->n + 1, sizeof *out->v, err);
        if (st != LA_OK) break;
        out->v[out->n] = (la_stored){0};
        st = read_cell(q, &out->v[out->n++], err);
    }
    la_query_close(q);
    la_text_release(&ids);
    return st;
}

/* ---- matching ---- */

/* "1k" and "1024" are equal, and so are "0.003" and "3e-3"; words are by their letters. */
static bool same_value(const char *wanted, size_t len, const char *there)
{
    char text[128];
    double a, b;
    snprintf(text, sizeof text, "%.*s", (int)len, wanted);
    if (strcmp(text, there) == 0) return true;
    return la_paper_number(text, true, &a) && la_paper_number(there, false, &b) && a <= b && a >= b;
}

static bool same_json(const char *wanted, size_t len, const cJSON *there)
{
    char text[40];
    if (cJSON_IsString(there)) return same_value(wanted, len, there->valuestring);
    if (cJSON_IsBool(there)) return same_value(wanted, len, cJSON_IsTrue(there) ? "1" : "0");
    if (!cJSON_IsNumber(there)) return false;
    snprintf(text, sizeof text, "%.*g", la_digits(there->valuedouble), there->valuedouble);
    return same_value(wanted, len, text);
}

/* The option that OWNER.KEY names; *owned: the cell is of that owner. */
static const cJSON *option_of(const la_stored *s, const char *key, bool *owned)
{
    const char *dot = strchr(key, '.');
    const char *owners[] = {s->column[VARIANT], s->column[TASK], "model", "train"};
    *owned = false;
    for (size_t k = 0; k < LA_COUNT(owners); k++) {
        if (strlen(owners[k]) != (size_t)(dot - key) ||
            strncmp(owners[k], key, (size_t)(dot - key)) != 0)
            continue;
        *owned = true;
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(s->options[k], dot + 1);
        if (item) return item;
    }
    return NULL;
}

static bool matches_one(const la_stored *s, const char *key, const char *wanted, size_t len)
{
    if (strchr(key, '.')) {
        bool owned;
        const cJSON *item = option_of(s, key, &owned);
        return !owned ||
               (item && same_json(wanted, len, item)); /* an option of others says nothing */
    }
    if (strcmp(key, "dim") == 0)
        return same_value(wanted, len, s->column[DK]) && same_value(wanted, len, s->column[DV]);
    for (size_t k = 0; k < LA_COUNT(columns); k++)
        if (strcmp(columns[k], key) == 0) return same_value(wanted, len, s->column[k]);
    return false;
}

static size_t alternatives(const char *value)
{
    size_t n = 1;
    for (; *value; value++) n += *value == '|';
    return n;
}

/* Which alternative of the selector the cell is; false: none. */
static bool which_alternative(const la_stored *s, const la_selector *pick, size_t *which)
{
    const char *at = pick->value;
    for (*which = 0;; (*which)++) {
        size_t len = strcspn(at, "|");
        if (matches_one(s, pick->key, at, len)) return true;
        if (!at[len]) return false;
        at += len + 1;
    }
}

static bool picked(const la_selectors *picks, const char *key)
{
    for (size_t i = 0; i < picks->n; i++)
        if (strcmp(picks->v[i].key, key) == 0) return true;
    return false;
}

/* What goes without saying: times and bytes are those of kernels, scores those of evaluations. */
static bool matches_default(const la_stored *s, const la_selectors *picks, la_measure measure)
{
    if (measure == LA_MEASURE_METRIC) return true;
    if (measure < LA_MEASURE_ACCURACY) return picked(picks, "task") || !*s->column[TASK];
    return picked(picks, "pass") || strcmp(s->column[PASS], "eval") == 0;
}

static bool combination(const la_stored *s, const la_selectors *picks, size_t *which)
{
    *which = 0;
    for (size_t i = 0; i < picks->n; i++) {
        size_t one;
        if (!which_alternative(s, &picks->v[i], &one)) return false;
        *which = *which * alternatives(picks->v[i].value) + one;
    }
    return true;
}

static void add_difference(la_text *out, const char *name)
{
    la_text_add(out, "%s%s", out->len ? ", " : "", name);
}

/* Two cells for one place: LA_E_ARG with what a `select` should have said. */
static la_status two_match(const la_stored *a, const la_stored *b, la_err *err)
{
    static const char *const owners[] = {NULL, NULL, "model", "train"};
    la_text how = {0};
    for (size_t k = 0; k < LA_COUNT(columns); k++)
        if (strcmp(a->column[k], b->column[k]) != 0) add_difference(&how, columns[k]);
    for (size_t k = 0; k < LA_COUNT(owners); k++)
        for (const cJSON *x = a->options[k] ? a->options[k]->child : NULL; x; x = x->next) {
            char name[96];
            const cJSON *y = cJSON_GetObjectItemCaseSensitive(b->options[k], x->string);
            if (!y || cJSON_Compare(x, y, true)) continue;
            snprintf(name, sizeof name, "%.40s.%.50s",
                     owners[k] ? owners[k] : a->column[k ? TASK : VARIANT], x->string);
            add_difference(&how, name);
        }
    la_status st = LA_FAIL(
        err, LA_E_ARG, "two cells of the sweeps match, which differ in %s; say in 'select' which",
        how.len ? la_text_str(&how) : "nothing that can be selected");
    la_text_release(&how);
    return st;
}

la_status la_stored_find(const la_stored_cells *cells, const la_selectors *picks,
                         la_measure measure, const la_stored *out[LA_STORED_ALTERNATIVES],
                         size_t *n, la_err *err)
{
    *n = 1;
    for (size_t i = 0; i < picks->n; i++) *n *= alternatives(picks->v[i].value);
    if (*n > LA_STORED_ALTERNATIVES)
        return LA_FAIL(err, LA_E_ARG, "%zu combinations of alternatives are more than %d", *n,
                       LA_STORED_ALTERNATIVES);
    for (size_t i = 0; i < *n; i++) out[i] = NULL;
    for (size_t i = 0; i < cells->n; i++) {
        const la_stored *s = &cells->v[i];
        size_t which;
        if (!matches_default(s, picks, measure) || !combination(s, picks, &which)) continue;
        const la_stored *before = out[which];
        if (before && strcmp(before->key, s->key) != 0) return two_match(before, s, err);
        /* Two sweeps may have measured one cell; the one that succeeded counts. */
        if (!before || strcmp(before->outcome, "ok") != 0) out[which] = s;
    }
    return LA_OK;
}

/* ---- values ---- */

/* what: that the cell should have had. */
static la_status why_not(const la_stored *s, const char *what, la_found *out, la_err *err)
{
    char text[160];
    if (strcmp(s->outcome, "ok") == 0)
        snprintf(text, sizeof text, "the cell is ok and has no %.80s", what);
    else
        la_number_outcome(s->outcome, s->message, text, sizeof text);
    out->why = la_strdup(text, err);
    return out->why ? LA_OK : LA_E_NOMEM;
}

static la_status of_time(const la_stored *s, la_measure measure, la_found *out, la_err *err)
{
    if (!(s->ns > 0)) return why_not(s, "such time", out, err);
    bool rate = measure >= LA_MEASURE_TOKEN_PER_S;
    double factor = measure == LA_MEASURE_TIME           ? 1e-6
                    : measure == LA_MEASURE_MS_PER_TOKEN ? 1e-6 / s->tokens
                    : measure == LA_MEASURE_TOKEN_PER_S  ? 1e9 * s->tokens
                    : measure == LA_MEASURE_CALL_PER_S   ? 1e9
                                                         : s->flop; /* per ns: GFLOP/s */
    out->value = rate ? factor / s->ns : factor * s->ns;
    out->lo = rate ? factor / s->hi_ns : factor * s->lo_ns;
    out->hi = rate ? factor / s->lo_ns : factor * s->hi_ns;
    out->n = (int64_t)s->n;
    return isfinite(out->value) ? LA_OK : why_not(s, "such time", out, err);
}

/* Sizes are known before a call, and so of one that did not fit or took too long too. */
static la_status of_memory(const la_stored *s, la_measure measure, la_found *out, la_err *err)
{
    static const char *const known[] = {"ok",      "oom_host",          "predicted_oom",
                                        "timeout", "predicted_timeout", "oom_device"};
    double bytes = measure == LA_MEASURE_MEMORY       ? s->extra
                   : measure == LA_MEASURE_MEMORY_ALL ? s->all
                                                      : s->state;
    for (size_t i = 0; i < LA_COUNT(known); i++)
        if (strcmp(s->outcome, known[i]) == 0) out->value = bytes / 1048576;
    return isfinite(out->value) ? LA_OK : why_not(s, "known size", out, err);
}

/* Takes the value of one seed in: `best` keeps the better, else the mean is made at the end and the range
 * of the seeds takes the place of the interval of the only one. */
static void take_seed(la_found *out, const la_paper_panel *panel, double value, double lo,
                      double hi)
{
    bool less = panel->measure == LA_MEASURE_STEPS_TO_90;
    bool better = out->seeds == 0 || (less ? value < out->value : value > out->value);
    if (panel->best) {
        if (better) out->value = value, out->lo = lo, out->hi = hi;
    } else if (out->seeds == 0) {
        out->value = value, out->lo = lo, out->hi = hi;
    } else {
        if (out->seeds == 1) out->lo = out->hi = out->value;
        out->lo = fmin(out->lo, value);
        out->hi = fmax(out->hi, value);
        out->value += (value - out->value) / (out->seeds + 1);
    }
    out->seeds++;
}

/* Of a score: rounds are seeds. */
static la_status of_metric(la_store *store, const la_stored *s, const la_paper_panel *panel,
                           la_found *out, la_err *err)
{
    static const char sql[] =
        "SELECT m.value, m.lo, m.hi, m.n_total, g.value FROM v_last l "
        "JOIN metric m ON m.attempt_id = l.attempt_id "
        "LEFT JOIN metric g ON g.attempt_id = l.attempt_id AND g.name = 'chance' "
        "WHERE l.cell_id = CAST(?1 AS INT) AND l.outcome = 'ok' AND m.name = ?2 ORDER BY l.round";
    const char *name = panel->measure == LA_MEASURE_METRIC ? panel->metric : "accuracy";
    char id[24];
    la_query *q = NULL;
    snprintf(id, sizeof id, "%" PRId64, s->cell);
    if (strcmp(s->outcome, "ok") != 0)
        return why_not(s, name, out, err); /* a seed of several failed */
    const char *args[] = {id, name};
    LA_TRY(la_query_open(store, sql, args, 2, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        double chance = la_query_real(q, 4);
        double by = panel->measure == LA_MEASURE_PERCENT  ? 100
                    : panel->measure == LA_MEASURE_SCALED ? 1 / (1 - chance)
                                                          : 1;
        double less = panel->measure == LA_MEASURE_SCALED ? chance : 0;
        take_seed(out, panel, (la_query_real(q, 0) - less) * by, (la_query_real(q, 1) - less) * by,
                  (la_query_real(q, 2) - less) * by);
        out->n += la_query_int(q, 3);
    }
    la_query_close(q);
    if (st == LA_OK && !isfinite(out->value)) {
        out->value = out->lo = out->hi = (double)NAN;
        st = why_not(s, name, out, err);
    }
    return st;
}

/* The first step at which validation passed 90 %; infinite where it never did. */
static la_status of_steps(la_store *store, const la_stored *s, const la_paper_panel *panel,
                          la_found *out, la_err *err)
{
    static const char sql[] =
        "SELECT min(iif(c.val_accuracy >= 0.9, c.step, NULL)), max(c.step) FROM v_last l "
        "JOIN curve c ON c.model_id = l.model_id "
        "WHERE l.cell_id = CAST(?1 AS INT) AND l.outcome = 'ok' GROUP BY l.round ORDER BY l.round";
    char id[24], text[96];
    la_query *q = NULL;
    int never = 0;
    double least = (double)INFINITY; /* steps of a seed, there or not */
    snprintf(id, sizeof id, "%" PRId64, s->cell);
    if (strcmp(s->outcome, "ok") != 0)
        return why_not(s, "steps_to_90", out, err); /* a seed of several failed */
    LA_TRY(la_query_open(store, sql, (const char *[]){id}, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        double step = la_query_real(q, 0);
        bool reached = isfinite(step);
        least = fmin(least, reached ? step : la_query_real(q, 1));
        if (!reached) step = (double)INFINITY;
        take_seed(out, panel, step, reached ? (double)NAN : la_query_real(q, 1),
                  reached ? (double)NAN : step);
        out->n = la_query_int(q, 1); /* steps taken */
        never += !reached;
    }
    la_query_close(q);
    if (st != LA_OK) return st;
    if (out->seeds == 0) return why_not(s, "training curve", out, err);
    if (!isinf(out->value) && never == 0) return LA_OK;
    if (!panel->best) out->value = out->hi = (double)INFINITY;
    if (!isinf(out->value)) return LA_OK;
    out->lo = least;
    snprintf(text, sizeof text, "%d of %d seeds did not pass 90 %% in %" PRId64 " steps", never,
             out->seeds, out->n);
    out->why = la_strdup(text, err);
    return out->why ? LA_OK : LA_E_NOMEM;
}

la_status la_stored_value(la_store *store, const la_stored *s, const la_paper_panel *panel,
                          la_found *out, la_err *err)
{
    *out = (la_found){.value = (double)NAN,
                      .lo = (double)NAN,
                      .hi = (double)NAN,
                      .plain = (double)NAN,
                      .published = (double)NAN};
    switch (panel->measure) {
    case LA_MEASURE_TIME:
    case LA_MEASURE_MS_PER_TOKEN:
    case LA_MEASURE_TOKEN_PER_S:
    case LA_MEASURE_CALL_PER_S:
    case LA_MEASURE_GFLOP_PER_S:
        return of_time(s, panel->measure, out, err);
    case LA_MEASURE_MEMORY:
    case LA_MEASURE_MEMORY_ALL:
    case LA_MEASURE_STATE:
        return of_memory(s, panel->measure, out, err);
    case LA_MEASURE_STEPS_TO_90:
        return of_steps(store, s, panel, out, err);
    default:
        return of_metric(store, s, panel, out, err);
    }
}
