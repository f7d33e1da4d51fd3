/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "alloc.h"
#include "predict.h"
#include "query.h"

typedef struct past { /* one cell of an earlier sweep */
    char key[33];
    uint64_t kind;
    double flops, bytes, seqlen, call_s; /* call_s NaN: only the attempt is known */
    double wall_s, steps;
    size_t age; /* 0: the newest */
} past;

struct la_history {
    past *v; /* by kind, and by age in each */
    size_t n, cap;
};

/* Cells whose calls do the same at about the same share of the peak. */
static uint64_t kind_of(const char *variant, const char *impl, const char *pass, const char *dtype,
                        int64_t threads, const char *cache, bool learned)
{
    char text[256];
    int len = snprintf(text, sizeof text, "%s %s %s %s %" PRId64 " %s %d", variant, impl, pass,
                       dtype, threads, cache, learned);
    return XXH3_64bits(text, len < (int)sizeof text ? (size_t)len : sizeof text - 1);
}

static uint64_t kind_of_cell(const la_cell *c)
{
    la_pass pass = c->learn ? c->pass : la_cell_kernel_pass(c);
    return kind_of(c->variant->name, c->impl->name, la_pass_name(pass),
                   la_dtype_name(c->problem.dtype), c->problem.threads, c->cold ? "cold" : "hot",
                   c->learn != NULL);
}

/* The newest cells that have a time, of no more sweeps and cells than are read at once. */
static const char newest[] =
    "SELECT c.cell_key, v.name, c.impl, c.pass, c.dtype, c.threads, c.cache_mode, c.d_model > 0, "
    "coalesce(c.flops_impl, 0), coalesce(c.bytes_impl, 0), c.seqlen, y.median_ns, "
    "(SELECT min(a.wall_ns) FROM attempt a WHERE a.cell_id = c.cell_id AND a.outcome = 'ok'), "
    "CASE c.pass WHEN 'train' THEN (SELECT avg(m.steps) FROM attempt a JOIN model m "
    "USING(model_id) WHERE a.cell_id = c.cell_id AND a.outcome = 'ok') END "
    "FROM cell c JOIN variant v USING(variant_id) LEFT JOIN summary y ON y.cell_id = c.cell_id "
    "WHERE c.device_id = CAST(?1 AS INTEGER) AND c.sweep_id IN "
    "(SELECT DISTINCT sweep_id FROM cell WHERE device_id = CAST(?1 AS INTEGER) "
    "ORDER BY sweep_id DESC LIMIT 16) "
    "AND (y.median_ns > 0 OR (c.pass = 'eval' AND c.d_model > 0)) "
    "ORDER BY c.cell_id DESC LIMIT 20000";

static la_status add(la_history *all, const la_query *q, la_err *err)
{
    LA_TRY(la_grow((void **)&all->v, &all->cap, all->n + 1, sizeof *all->v, err));
    past *p = &all->v[all->n];
    *p = (past){.flops = la_query_real(q, 8),
                .bytes = la_query_real(q, 9),
                .seqlen = la_query_real(q, 10),
                .call_s = la_query_real(q, 11) / 1e9,
                .wall_s = la_query_real(q, 12) / 1e9,
                .steps = la_query_real(q, 13),
                .age = all->n};
    snprintf(p->key, sizeof p->key, "%s", la_query_text(q, 0));
    p->kind =
        kind_of(la_query_text(q, 1), la_query_text(q, 2), la_query_text(q, 3), la_query_text(q, 4),
                la_query_int(q, 5), la_query_text(q, 6), la_query_int(q, 7) != 0);
    all->n++;
    return LA_OK;
}

static la_status read_newest(la_store *store, int64_t device_id, la_history *all, la_err *err)
{
    char id[24];
    const char *args[] = {id};
    la_query *q;
    bool more = true;
    snprintf(id, sizeof id, "%" PRId64, device_id);
    LA_TRY(la_query_open(store, newest, args, 1, &q, err));
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more)
        if ((st = add(all, q, err)) != LA_OK) break;
    la_query_close(q);
    return st;
}

static int by_kind(const void *a, const void *b)
{
    const past *x = a, *y = b;
    if (x->kind != y->kind) return x->kind > y->kind ? 1 : -1;
    return (x->age > y->age) - (x->age < y->age);
}

/* How much more `c` costs, by the first of FLOP, bytes and tokens that both have. */
static double ratio_of(const la_cell *c, const past *p)
{
    if (c->really.flops > 0 && p->flops > 0) return c->really.flops / p->flops;
    if (c->really.bytes > 0 && p->bytes > 0) return c->really.bytes / p->bytes;
    return (double)c->seqlen / p->seqlen;
}

static bool is_evaluation(const la_cell *c)
{
    return c->learn && c->pass == LA_EVAL;
}

/* The examples of an evaluation take what its attempt took beyond one without any. */
static double example_of(const la_cell *c, const past *p)
{
    la_run_settings none = {0};
    double start = la_predict_attempt(c, 0, &none, 0);
    double examples = la_predict_attempt(c, 1, &none, 0) - start;
    return examples > 0 ? fmax((p->wall_s - start) / examples, 1e-9) : (double)NAN;
}

/* `first` is of this cell's kind, sorted by age; NaN: nothing is known. Of the same training its steps, too. */
static double usual(la_cell *c, const past *first, const past *end)
{
    const past *best = NULL;
    double off = INFINITY;
    for (const past *p = first; p < end && p->kind == first->kind; p++) {
        bool same = strcmp(p->key, c->key) == 0;
        if (is_evaluation(c)) {
            if (same && p->wall_s > 0) return example_of(c, p);
            continue;
        }
        if (same && p->steps > 0) c->usual_steps = p->steps;
        if (same) return p->call_s;
        double here = fabs(log(ratio_of(c, p)));
        if (here < off) off = here, best = p;
    }
    return best ? best->call_s * ratio_of(c, best) : (double)NAN;
}

void la_history_apply(const la_history *all, la_plan *plan)
{
    for (size_t i = 0; all && i < plan->n; i++) {
        la_cell *c = &plan->cells[i];
        uint64_t kind = kind_of_cell(c);
        if (c->refused) continue;
        size_t low = 0, high = all->n; /* the first of its kind */
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (all->v[middle].kind < kind)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == all->n || all->v[low].kind != kind) continue;
        double s = usual(c, &all->v[low], all->v + all->n);
        if (s > 0) c->usual_s = s;
    }
}

la_status la_history_read(la_store *store, int64_t device_id, la_history **out, la_err *err)
{
    la_history *all = *out = la_zalloc(sizeof *all, err);
    if (!all) return LA_E_NOMEM;
    la_status st = read_newest(store, device_id, all, err);
    if (st == LA_OK && all->n) qsort(all->v, all->n, sizeof *all->v, by_kind);
    if (st == LA_OK) return LA_OK;
    la_history_free(all);
    *out = NULL;
    return st;
}

void la_history_free(la_history *history)
{
    if (history) la_free(history->v);
    la_free(history);
}
