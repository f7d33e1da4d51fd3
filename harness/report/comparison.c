/* SPDX-License-Identifier: Apache-2.0
 * Cells of two sides matched, judged and printed.
 */
#include "comparison.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "grid.h"
#include "numbers.h"
#include "query.h"
#include "samples.h"
#include "series.h"
#include "text.h"

extern const char la_comparison_sql[];

/* Fewer pairs of rounds do not tell what the machine does. */
enum { NOISE_PAIRS = 20 };

typedef struct row {
    char *identity, *label, *impl; /* owned */
    char pass[12], outcome[24];
    int64_t cell, seqlen;
    size_t ordinal;
    double median_ns;
    bool ok;
} row;

typedef struct rows {
    row *v;
    size_t n, cap;
} rows;

typedef struct pair {
    const row *a, *b;
    la_samples x, y;
} pair;

typedef struct comparison {
    const la_compare_side *side[2];
    const la_compare_how *how;
    rows rows[2];
    pair *pairs; /* both ok */
    size_t n, cap;
    la_judgement *judged;
    la_compare_result *result;
} comparison;

static void row_release(row *r)
{
    la_free(r->identity);
    la_free(r->label);
    la_free(r->impl);
}

static void rows_release(rows *r)
{
    for (size_t i = 0; i < r->n; i++) row_release(&r->v[i]);
    la_free(r->v);
}

static void release(comparison *c)
{
    for (size_t i = 0; i < c->n; i++) {
        la_samples_release(&c->pairs[i].x);
        la_samples_release(&c->pairs[i].y);
    }
    la_free(c->pairs);
    la_free(c->judged);
    rows_release(&c->rows[0]);
    rows_release(&c->rows[1]);
}

/* ---- reading ---- */

static la_status add_row(rows *r, la_query *q, const la_lines *lines, la_err *err)
{
    LA_TRY(la_grow((void **)&r->v, &r->cap, r->n + 1, sizeof *r->v, err));
    const la_series *line = la_lines_match(lines, q);
    row *x = &r->v[r->n];
    *x = (row){.cell = (int64_t)la_query_named_real(q, "cell_id"),
               .seqlen = (int64_t)la_query_named_real(q, "seqlen"),
               .median_ns = la_query_named_real(q, "median_ns"),
               .ordinal = r->n};
    snprintf(x->pass, sizeof x->pass, "%.11s", la_query_named_text(q, "pass"));
    snprintf(x->outcome, sizeof x->outcome, "%.23s", la_query_named_text(q, "outcome"));
    x->ok = strcmp(x->outcome, "ok") == 0 && isfinite(x->median_ns);
    x->identity = la_strdup(la_query_named_text(q, "identity"), err);
    x->label = la_strdup(line ? line->label : la_query_named_text(q, "variant"), err);
    x->impl = la_strdup(la_query_named_text(q, "impl"), err);
    r->n++;
    return x->identity && x->label && x->impl ? LA_OK : LA_E_NOMEM;
}

static la_status read_rows(const la_compare_side *side, const char *pass, rows *out, la_err *err)
{
    char id[24];
    const char *args[] = {id, side->variant};
    la_lines lines = {0};
    la_query *q = NULL;
    snprintf(id, sizeof id, "%" PRId64, side->sweep);
    la_status st =
        la_lines_load(side->store, side->sweep, la_comparison_sql, side->variant, &lines, err);
    if (st == LA_OK) st = la_query_open(side->store, la_comparison_sql, args, 2, &q, err);
    bool more = st == LA_OK;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more)
        if (!pass || strcmp(pass, la_query_named_text(q, "pass")) == 0)
            st = add_row(out, q, &lines, err);
    la_query_close(q);
    la_lines_release(&lines);
    return st;
}

static int by_identity(const void *a, const void *b)
{
    const row *x = a, *y = b;
    int order = strcmp(x->identity, y->identity);
    if (order) return order;
    if (x->ok != y->ok) return y->ok - x->ok;
    if (x->ok && x->median_ns != y->median_ns) return x->median_ns < y->median_ns ? -1 : 1;
    return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static void sort_by_identity(rows *r)
{
    if (r->n) qsort(r->v, r->n, sizeof *r->v, by_identity);
}

static int by_ordinal(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    return (x->a->ordinal > y->a->ordinal) - (x->a->ordinal < y->a->ordinal);
}

static bool repeats(const rows *r)
{
    for (size_t i = 1; i < r->n; i++)
        if (strcmp(r->v[i - 1].identity, r->v[i].identity) == 0) return true;
    return false;
}

/* Where a sweep has several impls of a variant, each is compared with itself. Where each side has one, which
 * it is may have changed: the variant as its user meets it. */
static la_status tell_impls_apart(rows *r, la_err *err)
{
    for (size_t i = 0; i < r->n; i++) {
        la_text t = {0};
        la_text_add(&t, "%s %s", r->v[i].identity, r->v[i].impl);
        char *longer = t.failed ? NULL : la_strdup(la_text_str(&t), err);
        la_text_release(&t);
        if (!longer) return LA_FAIL(err, LA_E_NOMEM, "out of memory for a comparison");
        la_free(r->v[i].identity);
        r->v[i].identity = longer;
    }
    sort_by_identity(r);
    return LA_OK;
}

/* Of a variant's impls and options the fastest stands for it. */
static void keep_fastest(rows *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (kept && strcmp(r->v[kept - 1].identity, r->v[i].identity) == 0)
            row_release(&r->v[i]);
        else
            r->v[kept++] = r->v[i];
    }
    r->n = kept;
}

static la_status add_pair(comparison *c, const row *a, const row *b, la_err *err)
{
    LA_TRY(la_grow((void **)&c->pairs, &c->cap, c->n + 1, sizeof *c->pairs, err));
    pair *p = &c->pairs[c->n++];
    *p = (pair){.a = a, .b = b};
    LA_TRY(la_samples_read(c->side[0]->store, a->cell, &p->x, err));
    return la_samples_read(c->side[1]->store, b->cell, &p->y, err);
}

static la_status match(comparison *c, la_err *err)
{
    rows *a = &c->rows[0], *b = &c->rows[1];
    sort_by_identity(a);
    sort_by_identity(b);
    if (!c->side[0]->variant && (repeats(a) || repeats(b))) {
        LA_TRY(tell_impls_apart(a, err));
        LA_TRY(tell_impls_apart(b, err));
    }
    keep_fastest(a);
    keep_fastest(b);
    for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
        int order = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->v[i].identity, b->v[j].identity);
        if (order != 0) {
            c->result->alone++;
            order < 0 ? i++ : j++;
            continue;
        }
        const row *x = &a->v[i++], *y = &b->v[j++];
        if (x->ok && y->ok) LA_TRY(add_pair(c, x, y, err));
        if (x->ok && !y->ok) c->result->failed[1]++;
        if (!x->ok && y->ok) c->result->failed[0]++;
    }
    if (c->n == 0)
        return LA_FAIL(err, LA_E_NOTFOUND,
                       "%s and %s have no measured cell in common: 'labench export time' shows "
                       "what each has",
                       c->side[0]->name, c->side[1]->name);
    qsort(c->pairs, c->n, sizeof *c->pairs, by_ordinal);
    return LA_OK;
}

/* ---- the machine ---- */

/* Rounds of one cell are equals measured at different times: an A/A comparison that every sweep holds, made in
 * the same minutes as what is compared. */
static la_status add_noise(const la_samples *s, double **d, size_t *n, size_t *cap, la_err *err)
{
    double before = NAN;
    for (size_t r = 0, at = 0; r < s->rounds; at += s->round_n[r++]) {
        la_summary one;
        la_summarise(s->x + at, s->round_n[r], &one);
        if (isfinite(before) && before > 0 && isfinite(one.median)) {
            LA_TRY(la_grow((void **)d, cap, *n + 1, sizeof **d, err));
            (*d)[(*n)++] = one.median / before - 1;
        }
        before = one.median;
    }
    return LA_OK;
}

static la_status find_noise(comparison *c, la_err *err)
{
    double *d = NULL;
    size_t n = 0, cap = 0;
    la_status st = LA_OK;
    for (size_t i = 0; i < c->n && st == LA_OK; i++) {
        st = add_noise(&c->pairs[i].x, &d, &n, &cap, err);
        if (st == LA_OK) st = add_noise(&c->pairs[i].y, &d, &n, &cap, err);
    }
    c->result->noise_pairs = n;
    if (st == LA_OK && n >= NOISE_PAIRS) c->result->noise = la_noise_floor(d, n);
    la_free(d);
    return st;
}

const char la_circumstances_sql[] =
    "SELECT s.*, (SELECT group_concat(DISTINCT c.device_name) FROM v_cell c "
    "WHERE c.sweep_id = s.sweep_id) AS devices FROM v_sweep s WHERE s.sweep_id = CAST(?1 AS INT)";
const la_circumstance la_circumstances[LA_CIRCUMSTANCES] = {
    {"hostname", "machine", true},  {"cpu_model", "CPU", true},
    {"devices", "device", true},    {"isa", "instruction set", true},
    {"cc", "compiler", true},       {"cflags", "flags", true},
    {"blas", "BLAS", true},         {"version", "version", false},
    {"git_commit", "commit", false}};

static la_status read_sweep(const la_compare_side *side, la_query **q, la_err *err)
{
    char id[24];
    const char *args[] = {id};
    bool more;
    snprintf(id, sizeof id, "%" PRId64, side->sweep);
    LA_TRY(la_query_open(side->store, la_circumstances_sql, args, 1, q, err));
    return la_query_next(*q, &more, err);
}

static la_status check_circumstances(const comparison *c, la_text *said, la_err *err)
{
    la_query *q[2] = {NULL, NULL};
    char names[160] = "";
    la_status st = read_sweep(c->side[0], &q[0], err);
    if (st == LA_OK) st = read_sweep(c->side[1], &q[1], err);
    for (size_t i = 0; st == LA_OK && i < LA_CIRCUMSTANCES; i++) {
        const char *a = la_query_named_text(q[0], la_circumstances[i].column);
        const char *b = la_query_named_text(q[1], la_circumstances[i].column);
        if (strcmp(a, b) == 0) continue;
        la_text_add(said, "%s: A %s, B %s\n", la_circumstances[i].words, *a ? a : "unknown",
                    *b ? b : "unknown");
        size_t len = strlen(names);
        if (la_circumstances[i].refuses)
            snprintf(names + len, sizeof names - len, "%s%s", len ? ", " : "",
                     la_circumstances[i].words);
    }
    la_query_close(q[0]);
    la_query_close(q[1]);
    if (st == LA_OK && *names && !c->how->across)
        return LA_FAIL(err, LA_E_ARG,
                       "the two sweeps differ in %s, so a difference in time says little about the "
                       "kernels; to compare them all the same: --across",
                       names);
    return st;
}

/* ---- printing ---- */

enum { LABEL, PASS, LENGTH, TIME_A, TIME_B, CHANGE, INTERVAL, VERDICT, MORE, WHY, COLUMNS };
static const char *const heads[COLUMNS] = {"variant", "pass",          "T",       "A",       "B",
                                           "change",  "95 % interval", "verdict", "+rounds", "why"};

static void fill(const comparison *c, size_t i, char (*cell)[LA_GRID_CELL])
{
    const pair *p = &c->pairs[i];
    const la_judgement *j = &c->judged[i];
    char count[24];
    snprintf(cell[LABEL], LA_GRID_CELL, "%.60s", c->side[0]->variant ? p->b->label : p->a->label);
    snprintf(cell[PASS], LA_GRID_CELL, "%s", p->a->pass);
    snprintf(cell[LENGTH], LA_GRID_CELL, "%s", la_format_count(p->a->seqlen, count));
    la_number_time(p->a->median_ns, (double)NAN, (double)NAN, cell[TIME_A], NULL);
    la_number_time(p->b->median_ns, (double)NAN, (double)NAN, cell[TIME_B], NULL);
    snprintf(cell[CHANGE], LA_GRID_CELL, "%+.1f %%", 100 * (j->ratio.ratio - 1));
    if (isfinite(j->ratio.lo))
        snprintf(cell[INTERVAL], LA_GRID_CELL, "[%+.1f, %+.1f]", 100 * (j->ratio.lo - 1),
                 100 * (j->ratio.hi - 1));
    snprintf(cell[VERDICT], LA_GRID_CELL, "%s", la_verdict_word(j->verdict));
    if (j->verdict == LA_UNCLEAR && j->more_rounds > 0)
        snprintf(cell[MORE], LA_GRID_CELL, "%d", j->more_rounds);
    snprintf(cell[WHY], LA_GRID_CELL, "%.63s", j->why);
}

static void print_sum(const comparison *c, FILE *out)
{
    const la_compare_result *r = c->result;
    fprintf(out, "%zu faster, %zu slower, %zu same, %zu unclear of %zu cells", r->counts[LA_FASTER],
            r->counts[LA_SLOWER], r->counts[LA_SAME], r->counts[LA_UNCLEAR], c->n);
    if (r->alone) fprintf(out, "; %zu on one side only", r->alone);
    for (int s = 0; s < 2; s++)
        if (r->failed[s]) fprintf(out, "; %zu without a time in %c alone", r->failed[s], 'A' + s);
    if (r->noise_pairs >= NOISE_PAIRS)
        fprintf(out,
                "\n95 %% of %zu pairs of rounds of one cell differ by less than %.1f %%: smaller "
                "differences are the machine's\n",
                r->noise_pairs, 100 * r->noise);
    else
        fprintf(out,
                "\n%zu pairs of rounds are too few to know the machine's own noise: measure with "
                "--rounds 3 or more\n",
                r->noise_pairs);
}

static la_status print_text(const comparison *c, const char *said, FILE *out, la_err *err)
{
    la_grid grid = {.heads = heads, .columns = COLUMNS, .left = 2, .words = 1};
    fprintf(out, "A %s\nB %s\n%s", c->side[0]->name, c->side[1]->name, said);
    for (size_t i = 0; i < c->n; i++) {
        if (c->judged[i].verdict == LA_SAME && !c->how->all) continue;
        char(*cell)[LA_GRID_CELL] = la_grid_add(&grid);
        if (!cell) {
            la_grid_release(&grid);
            return LA_FAIL(err, LA_E_NOMEM, "out of memory for a table");
        }
        fill(c, i, cell);
    }
    if (grid.rows) la_grid_print(&grid, out);
    la_grid_release(&grid);
    print_sum(c, out);
    return LA_OK;
}

static void add_finite(cJSON *o, const char *name, double x)
{
    if (isfinite(x)) cJSON_AddNumberToObject(o, name, x);
}

static la_status print_json(const comparison *c, FILE *out, la_err *err)
{
    cJSON *all = cJSON_CreateObject(), *cells;
    cJSON_AddStringToObject(all, "a", c->side[0]->name);
    cJSON_AddStringToObject(all, "b", c->side[1]->name);
    cJSON_AddNumberToObject(all, "noise", c->result->noise);
    cJSON_AddNumberToObject(all, "noise_pairs", (double)c->result->noise_pairs);
    for (int v = 0; v < LA_VERDICTS; v++)
        cJSON_AddNumberToObject(all, la_verdict_word((la_verdict)v), (double)c->result->counts[v]);
    cells = cJSON_AddArrayToObject(all, "cells");
    for (size_t i = 0; i < c->n; i++) {
        const pair *p = &c->pairs[i];
        const la_judgement *j = &c->judged[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "a", p->a->label);
        cJSON_AddStringToObject(o, "b", p->b->label);
        cJSON_AddStringToObject(o, "a_impl", p->a->impl);
        cJSON_AddStringToObject(o, "b_impl", p->b->impl);
        cJSON_AddStringToObject(o, "pass", p->a->pass);
        cJSON_AddNumberToObject(o, "length", (double)p->a->seqlen);
        cJSON_AddNumberToObject(o, "a_ns", p->a->median_ns);
        cJSON_AddNumberToObject(o, "b_ns", p->b->median_ns);
        add_finite(o, "ratio", j->ratio.ratio);
        add_finite(o, "lo", j->ratio.lo);
        add_finite(o, "hi", j->ratio.hi);
        add_finite(o, "p", j->p);
        add_finite(o, "p_adjusted", j->p_adjusted);
        cJSON_AddStringToObject(o, "verdict", la_verdict_word(j->verdict));
        cJSON_AddStringToObject(o, "why", j->why);
        cJSON_AddItemToArray(cells, o);
    }
    char *text = cJSON_Print(all);
    cJSON_Delete(all);
    if (!text) return LA_FAIL(err, LA_E_NOMEM, "out of memory: the comparison as JSON");
    fprintf(out, "%s\n", text);
    free(text);
    return LA_OK;
}

/* ---- all together ---- */

static la_status judge(comparison *c, la_err *err)
{
    la_timings *sides = la_alloc(2 * c->n * sizeof *sides, err);
    c->judged = la_zalloc(c->n * sizeof *c->judged, err);
    la_status st = sides && c->judged ? LA_OK : LA_E_NOMEM;
    for (size_t i = 0; st == LA_OK && i < c->n; i++) {
        const la_samples *x = &c->pairs[i].x, *y = &c->pairs[i].y;
        sides[i] = (la_timings){x->x, x->round_n, x->rounds};
        sides[c->n + i] = (la_timings){y->x, y->round_n, y->rounds};
    }
    la_verdict_rule rule = {
        .noise = c->result->noise, .min_change = c->how->min_change, .alpha = 0.05};
    if (st == LA_OK) st = la_verdicts_make(sides, sides + c->n, c->n, &rule, c->judged, err);
    la_free(sides);
    for (size_t i = 0; st == LA_OK && i < c->n; i++) c->result->counts[c->judged[i].verdict]++;
    return st;
}

static la_status compare(comparison *c, la_text *said, la_err *err)
{
    for (int s = 0; s < 2; s++) LA_TRY(read_rows(c->side[s], c->how->pass, &c->rows[s], err));
    LA_TRY(check_circumstances(c, said, err));
    LA_TRY(match(c, err));
    LA_TRY(find_noise(c, err));
    return judge(c, err);
}

la_status la_report_compare(const la_compare_side *a, const la_compare_side *b,
                            const la_compare_how *how, FILE *out, la_compare_result *result,
                            la_err *err)
{
    comparison c = {.side = {a, b}, .how = how, .result = result};
    la_text said = {0};
    *result = (la_compare_result){0};
    la_status st = compare(&c, &said, err);
    if (st == LA_OK && said.failed) st = LA_FAIL(err, LA_E_NOMEM, "out of memory for a comparison");
    if (st == LA_OK)
        st = how->json ? print_json(&c, out, err) : print_text(&c, la_text_str(&said), out, err);
    else if (said.len && !how->json)
        fputs(la_text_str(&said), out);
    la_text_release(&said);
    release(&c);
    return st;
}
