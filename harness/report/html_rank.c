/* SPDX-License-Identifier: Apache-2.0 */
#include "html_rank.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

extern const char la_table_sql[], la_page_learned_sql[];

static la_quantity quantity(la_query *q, const char *v, const char *lo, const char *hi,
                            const char *outcome)
{
    la_quantity x = {.v = la_query_named_real(q, v)};
    x.lo = x.hi = x.most = x.v;
    double from = lo ? la_query_named_real(q, lo) : (double)NAN,
           to = hi ? la_query_named_real(q, hi) : (double)NAN;
    x.interval = isfinite(from) && isfinite(to);
    if (x.interval) x.lo = from, x.hi = to;
    if (outcome) snprintf(x.outcome, sizeof x.outcome, "%.20s", la_query_named_text(q, outcome));
    return x;
}

static la_status add_row(la_ranking *r, la_query *q, la_rank_row **out, la_err *err)
{
    void *grown = r->v;
    LA_TRY(la_grow(&grown, &r->cap, r->n + 1, sizeof *r->v, err));
    r->v = grown;
    la_rank_row *row = &r->v[r->n];
    *row = (la_rank_row){.T = la_query_named_real(q, "x")};
    for (int c = 0; c < LA_R_COLUMNS; c++)
        row->q[c] = (la_quantity){.v = NAN, .lo = NAN, .hi = NAN, .most = NAN};
    row->options = la_strdup(la_query_named_text(q, "options"), err);
    if (!row->options) return LA_E_NOMEM;
    r->n++;
    snprintf(row->variant, sizeof row->variant, "%.60s", la_query_named_text(q, "variant"));
    snprintf(row->label, sizeof row->label, "%s", row->variant);
    snprintf(row->mask, sizeof row->mask, "%.15s", la_query_named_text(q, "mask"));
    row->baseline = strstr(la_query_named_text(q, "tags"), "baseline") != NULL;
    *out = row;
    return LA_OK;
}

static void describe_setting(la_rank_row *row, la_query *q)
{
    const char *heads = la_query_named_text(q, "heads"), *kv = la_query_named_text(q, "kv_heads"),
               *qk = la_query_named_text(q, "qk_heads"), *dk = la_query_named_text(q, "dk"),
               *dv = la_query_named_text(q, "dv");
    la_text s = {0};
    la_text_add(&s, "B %s, H %s", la_query_named_text(q, "batch"), heads);
    if (strcmp(kv, heads) != 0) la_text_add(&s, ", kv heads %s", kv);
    if (strcmp(qk, heads) != 0) la_text_add(&s, ", qk heads %s", qk);
    if (strcmp(dk, dv) == 0)
        la_text_add(&s, ", d %s", dk);
    else
        la_text_add(&s, ", dk %s, dv %s", dk, dv);
    const char *threads = la_query_named_text(q, "threads");
    la_text_add(&s, ", %s, %s thread%s, %s caches", la_query_named_text(q, "dtype"), threads,
                strcmp(threads, "1") == 0 ? "" : "s", la_query_named_text(q, "cache_mode"));
    snprintf(row->setting, sizeof row->setting, "%.150s", la_text_str(&s));
    la_text_release(&s);
}

/* What tells it from the other rows of its variant. */
static void label_row(la_ranking *r, la_rank_row *row, const la_lines *lines, la_query *q)
{
    const la_series *line = la_lines_match(lines, q);
    if (line) snprintf(row->label, sizeof row->label, "%.60s", line->label);
    row->marked = line && line->marked;
    snprintf(row->marked ? r->mask : r->usual, sizeof r->mask, "%s", row->mask);
}

static la_status load_kernels(const la_page *page, la_ranking *r, la_err *err)
{
    la_lines lines;
    la_query *q = NULL;
    LA_TRY(la_lines_load(page->store, page->sweep_id, la_table_sql, NULL, &lines, err));
    la_status st = la_page_query(page, la_table_sql, NULL, &q, err);
    bool more = st == LA_OK;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        la_rank_row *row;
        if ((st = add_row(r, q, &row, err)) != LA_OK) break;
        label_row(r, row, &lines, q);
        row->kernel = true;
        describe_setting(row, q);
        row->q[LA_R_FORWARD] = quantity(q, "fwd_ns", "fwd_lo", "fwd_hi", "fwd_outcome");
        row->q[LA_R_BOTH] = quantity(q, "fwdbwd_ns", "fwdbwd_lo", "fwdbwd_hi", "fwdbwd_outcome");
        row->q[LA_R_DECODE] = quantity(q, "decode_ns", "decode_lo", "decode_hi", "decode_outcome");
        row->peer = strncmp(la_query_named_text(q, "isa"), "peer", 4) == 0;
        if (!row->peer) { /* nobody counts the bytes of theirs */
            row->q[LA_R_WORK] = quantity(q, "work_bytes", NULL, NULL, NULL);
            row->q[LA_R_STATE] = quantity(q, "state_bytes", NULL, NULL, NULL);
        }
        la_quantity recall =
            quantity(q, "recall_least", "recall_lo", "recall_hi", "recall_outcome");
        recall.most = la_query_named_real(q, "recall_most");
        if (!*recall.outcome) continue;
        r->recall = true;
        row->q[LA_R_TASK] = recall;
    }
    la_query_close(q);
    la_lines_release(&lines);
    if (r->recall) snprintf(r->tasks[r->n_tasks++], sizeof *r->tasks, "recall");
    return st;
}

/* The column of a task, found or added; negative where there are too many. */
static int task_column(la_ranking *r, const char *task)
{
    size_t i = r->recall;
    while (i < r->n_tasks && strcmp(r->tasks[i], task) != 0) i++;
    if (i == LA_MAX_TASKS) return -1;
    if (i == r->n_tasks) snprintf(r->tasks[r->n_tasks++], sizeof *r->tasks, "%.60s", task);
    return LA_R_TASK + (int)i;
}

/* Several settings of one task: the range of them. */
static void merge(la_quantity *into, const la_quantity *score)
{
    if (!isfinite(into->v)) {
        *into = *score;
    } else if (isfinite(score->v)) {
        into->most = fmax(into->most, score->most);
        into->v = fmin(into->v, score->v);
        into->lo = fmin(into->lo, score->lo);
        into->hi = fmax(into->hi, score->hi);
    }
}

/* How many rows of our kernels have the variant, mask and length of the query's row, and `options` (NULL: any). They
 * are given the score, unless it is NULL. */
static size_t give_score(la_ranking *r, la_query *q, const char *options, int column,
                         const la_quantity *score)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        la_rank_row *row = &r->v[i];
        if (!row->kernel || row->peer || row->T != la_query_named_real(q, "x") ||
            strcmp(row->variant, la_query_named_text(q, "variant")) != 0 ||
            strcmp(row->mask, la_query_named_text(q, "mask")) != 0 ||
            (options && strcmp(row->options, options) != 0))
            continue;
        n++;
        if (score) merge(&row->q[column], score);
    }
    return n;
}

/* Accuracies of trained models go beside the times of the kernels of the same options. Where there are none, but
 * the variant has one row only, they go there: options that follow the size of a head differ between a
 * kernel and a model. Else to rows of their own. */
static la_status load_learned(const la_page *page, la_ranking *r, la_err *err)
{
    la_lines lines;
    la_query *q = NULL;
    LA_TRY(la_lines_load(page->store, page->sweep_id, la_page_learned_sql, NULL, &lines, err));
    la_status st = la_page_query(page, la_page_learned_sql, NULL, &q, err);
    bool more = st == LA_OK;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        int column = task_column(r, la_query_named_text(q, "task"));
        if (column < 0) continue;
        la_quantity score = quantity(q, "least", "lo", "hi", "outcome");
        score.most = la_query_named_real(q, "most");
        if (give_score(r, q, la_query_named_text(q, "options"), column, &score)) continue;
        if (give_score(r, q, NULL, column, NULL) == 1) {
            give_score(r, q, NULL, column, &score);
            continue;
        }
        la_rank_row *row;
        if ((st = add_row(r, q, &row, err)) != LA_OK) break;
        label_row(r, row, &lines, q);
        row->q[column] = score;
    }
    la_query_close(q);
    la_lines_release(&lines);
    return st;
}

static int by_place(const void *a, const void *b)
{
    const la_rank_row *x = a, *y = b;
    int order = strcmp(x->setting, y->setting);
    if (x->kernel != y->kernel) return x->kernel ? -1 : 1;
    if (order) return order;
    if (x->T != y->T) return x->T < y->T ? -1 : 1;
    double p = x->q[LA_R_FORWARD].v, q = y->q[LA_R_FORWARD].v;
    if (isfinite(p) != isfinite(q)) return isfinite(p) ? -1 : 1;
    if (isfinite(p) && p != q) return p < q ? -1 : 1;
    order = strcmp(x->label, y->label);
    return order ? order : strcmp(x->options, y->options);
}

size_t la_ranking_end(const la_ranking *r, size_t i, bool length)
{
    size_t end = i;
    while (end < r->n && r->v[end].kernel == r->v[i].kernel &&
           strcmp(r->v[end].setting, r->v[i].setting) == 0 && (!length || r->v[end].T == r->v[i].T))
        end++;
    return end;
}

/* More is better of parts, less of all else. */
static double badness(const la_quantity *q, int column, bool optimistic)
{
    bool part = column >= LA_R_TASK;
    double v = part ? -(optimistic ? q->hi : q->lo) : optimistic ? q->lo : q->hi;
    return isfinite(q->v) ? v : (double)INFINITY;
}

/* No baseline, no row of the other mask; and a variant without a state carries nothing, which is no best. */
static bool competes(const la_rank_row *row, int column)
{
    double v = row->q[column].v;
    return !row->baseline && !row->marked && isfinite(v) && (column != LA_R_STATE || v > 0);
}

/* Marks the best of each column, and all whose intervals overlap with it. */
static void find_best(la_ranking *r)
{
    for (size_t i = 0, end; i < r->n; i = end) {
        end = la_ranking_end(r, i, true);
        for (int c = 0; c < LA_R_COLUMNS; c++) {
            const la_quantity *best = NULL;
            for (size_t k = i; k < end; k++) {
                const la_quantity *q = &r->v[k].q[c];
                if (!competes(&r->v[k], c)) continue;
                bool better = !best || (c >= LA_R_TASK ? q->v > best->v : q->v < best->v);
                if (better) best = q;
            }
            for (size_t k = i; k < end && best; k++)
                r->v[k].best[c] = competes(&r->v[k], c) &&
                                  badness(&r->v[k].q[c], c, true) <= badness(best, c, false);
        }
    }
}

const la_rank_row *la_ranking_best(const la_ranking *r, size_t i, size_t end, int column,
                                   double recalls, const char *mask)
{
    const la_rank_row *best = NULL;
    for (; i < end; i++) {
        const la_rank_row *row = &r->v[i];
        if (row->baseline || !isfinite(row->q[column].v)) continue;
        if (mask && strcmp(row->mask, mask) != 0) continue;
        if (isfinite(recalls) && !(row->q[LA_R_TASK].v >= recalls)) continue;
        if (!best || row->q[column].v < best->q[column].v) best = row;
    }
    return best;
}

la_status la_ranking_load(const la_page *page, la_ranking *out, la_err *err)
{
    *out = (la_ranking){0};
    la_status st = load_kernels(page, out, err);
    if (st == LA_OK) st = load_learned(page, out, err);
    if (st != LA_OK) {
        la_ranking_release(out);
        return st;
    }
    if (out->n) qsort(out->v, out->n, sizeof *out->v, by_place);
    find_best(out);
    return LA_OK;
}

void la_ranking_release(la_ranking *r)
{
    for (size_t i = 0; i < r->n; i++) la_free(r->v[i].options);
    la_free(r->v);
    *r = (la_ranking){0};
}
