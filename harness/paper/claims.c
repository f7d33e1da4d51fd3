/* SPDX-License-Identifier: Apache-2.0
 * What a paper claims, tested on our values as they are printed. A value that breaks a claim breaks it
 * whatever else is missing; a claim with a value missing does not hold.
 */
#include <math.h>
#include <string.h>

#include "alloc.h"
#include "judge.h"
#include "stats.h"
#include "text.h"

const char *la_short_number(double x, char buf[32])
{
    if (isinf(x))
        snprintf(buf, 32, x > 0 ? "infinite" : "-infinite");
    else if (fabs(x) >= 99.95 && fabs(x) < 1e7)
        snprintf(buf, 32, "%.0f", x);
    else
        snprintf(buf, 32, "%.3g", x);
    return buf;
}

const la_found *la_judged_cell(const la_judged *judged, size_t p, size_t r, size_t c)
{
    return &judged->cells[p][r * judged->paper->panels[p].columns.n + c];
}

/* ---- a test under way ---- */

enum { MOST_NOTES = 3 };

typedef struct notes { /* "linear at 4k: 0.41; ..." */
    la_text text;
    int n;
} notes;

typedef struct trial {
    const la_judged *judged;
    const la_paper_claim *claim;
    const la_paper_panel *panel;
    size_t p;
    bool several; /* panels: their names are said */
    int held;
    notes broken, missing, seen;
    double least, most; /* of what the claim is about */
} trial;

static void note(notes *to, const trial *t, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void note(notes *to, const trial *t, const char *format, ...)
{
    char text[256];
    va_list args;
    if (to->n++ >= MOST_NOTES && to != &t->seen) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    la_text_add(&to->text, "%s%s%s%s", to->text.len ? "; " : "", t->several ? t->panel->name : "",
                t->several ? ": " : "", text);
}

static void notes_end(la_text *out, const notes *from, const char *before)
{
    if (!from->n) return;
    la_text_add(out, "%s%s%s", out->len ? "; " : "", before, la_text_str(&from->text));
    if (from->n > MOST_NOTES) la_text_add(out, "; and %d more", from->n - MOST_NOTES);
}

static const char *title_of(const trial *t, size_t r)
{
    return t->judged->paper->rows[r].title;
}

static const char *column_of(const trial *t, size_t c)
{
    return t->panel->columns.v[c];
}

/* The value at a place, NaN where there is none, which is noted. */
static double value_at(trial *t, size_t r, size_t c)
{
    const la_found *f = la_judged_cell(t->judged, t->p, r, c);
    if (!isnan(f->value)) return f->value;
    note(&t->missing, t, "%.40s at %.24s (%.80s)", title_of(t, r), column_of(t, c),
         f->why ? f->why : "no value");
    return (double)NAN;
}

/* A value that can be calculated with: infinite ones, of what never came, cannot. */
static double finite_at(trial *t, size_t r, size_t c)
{
    double x = value_at(t, r, c);
    if (!isinf(x)) return x;
    const char *why = la_judged_cell(t->judged, t->p, r, c)->why;
    note(&t->missing, t, "%.40s at %.24s (%.80s)", title_of(t, r), column_of(t, c),
         why ? why : "infinite");
    return (double)NAN;
}

static bool column_in(const trial *t, size_t c)
{
    return la_claim_column(t->claim, t->panel, t->judged->scale, c);
}

/* Rows that no scale or not this one measures are left out of what is claimed of all. */
static bool row_in(const trial *t, size_t r)
{
    const la_paper_row *row = &t->judged->paper->rows[r];
    return row->in_panel[t->p] && row->measured[t->judged->scale];
}

static double slack_of(const trial *t, double of)
{
    const la_tolerance *s = &t->claim->slack;
    return !s->given ? 0 : s->relative ? s->value * fabs(of) : s->value;
}

static void seen(trial *t, double x)
{
    if (isnan(t->least) || x < t->least) t->least = x;
    if (isnan(t->most) || x > t->most) t->most = x;
}

static bool inside(const trial *t, double x)
{
    double low = t->claim->low, high = t->claim->high;
    return (isnan(low) || x >= low - slack_of(t, low)) &&
           (isnan(high) || x <= high + slack_of(t, high));
}

/* Whether b lies on the side of a that the sense says; without slack they may not be equal. */
static bool moves(const trial *t, double a, double b, int sense)
{
    double step = sense > 0 ? b - a : a - b;
    return t->claim->slack.given ? step >= -slack_of(t, a) : step > 0;
}

/* ---- kinds ---- */

static void test_bound(trial *t)
{
    char text[32];
    for (size_t i = 0; i < t->claim->n_rows; i++)
        for (size_t r = t->claim->rows[i], c = 0; c < t->panel->columns.n; c++) {
            if (!row_in(t, r) || !column_in(t, c)) continue;
            double x = value_at(t, r, c);
            if (isnan(x)) continue;
            seen(t, x);
            if (inside(t, x))
                t->held++;
            else
                note(&t->broken, t, "%.40s at %.24s: %s", title_of(t, r), column_of(t, c),
                     la_short_number(x, text));
        }
}

/* Two values that should fall or rise: counts them. False: they do not, and it is the caller's to say. */
static bool test_step(trial *t, double a, double b, int sense, const char *of)
{
    if (isnan(a) || isnan(b)) return true;
    if (isinf(a) && isinf(b)) {
        note(&t->missing, t, "%.40s: which of two unknown values is larger", of);
        return true;
    }
    t->held += moves(t, a, b, sense);
    return moves(t, a, b, sense);
}

/* Down the rows of the claim, column by column. */
static void test_rows(trial *t, int sense)
{
    for (size_t c = 0; c < t->panel->columns.n; c++) {
        if (!column_in(t, c)) continue;
        double y = (double)NAN;
        for (size_t i = 0, before = 0; i < t->claim->n_rows; i++) {
            size_t r = t->claim->rows[i];
            if (!row_in(t, r)) continue;
            double x = value_at(t, r, c); /* each is looked at once, so that it is missing once */
            char one[32], other[32];
            if (!test_step(t, y, x, sense, column_of(t, c)))
                note(&t->broken, t, "at %.24s: %.40s %s, %.40s %s", column_of(t, c),
                     title_of(t, before), la_short_number(y, one), title_of(t, r),
                     la_short_number(x, other));
            y = x;
            before = r;
        }
    }
}

/* Along the columns, row by row; values(t, row, column) may be of two rows. */
static void test_along(trial *t, size_t r, const char *name,
                       double (*value)(trial *t, size_t r, size_t c))
{
    double before = (double)NAN;
    size_t last = 0;
    for (size_t c = 0; c < t->panel->columns.n; c++) {
        if (!column_in(t, c)) continue;
        double x = value(t, r, c);
        if (isnan(x)) continue;
        char one[32], other[32];
        if (!isnan(before) && !test_step(t, before, x, t->claim->sense, name))
            note(&t->broken, t, "%.40s %s at %.24s, %s at %.24s", name,
                 la_short_number(before, one), column_of(t, last), la_short_number(x, other),
                 column_of(t, c));
        before = x;
        last = c;
    }
}

static void test_order(trial *t)
{
    test_rows(t, t->claim->sense ? t->claim->sense : -1);
}

static void test_trend(trial *t)
{
    if (t->claim->along_rows) {
        test_rows(t, t->claim->sense);
        return;
    }
    for (size_t i = 0; i < t->claim->n_rows; i++)
        if (row_in(t, t->claim->rows[i]))
            test_along(t, t->claim->rows[i], title_of(t, t->claim->rows[i]), value_at);
}

/* Slope of log y over log x, with what intervals of y allow at most: it is a sum of log y times weights. */
static double slope_of(const double *x, const double *y, const double *lo, const double *hi,
                       size_t n, double *least, double *most)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += log(x[i]) / (double)n;
    for (size_t i = 0; i < n; i++) square += (log(x[i]) - mean) * (log(x[i]) - mean);
    *least = *most = 0;
    for (size_t i = 0; i < n; i++) {
        double weight = (log(x[i]) - mean) / square;
        *least += weight * log(weight > 0 ? lo[i] : hi[i]);
        *most += weight * log(weight > 0 ? hi[i] : lo[i]);
    }
    return la_fit_exponent(x, y, n);
}

static void test_slope(trial *t)
{
    enum { MOST = 128 };
    double x[MOST], y[MOST], lo[MOST], hi[MOST], least, most;
    for (size_t i = 0; i < t->claim->n_rows; i++) {
        size_t r = t->claim->rows[i], n = 0;
        int missing = t->missing.n;
        if (!row_in(t, r)) continue;
        for (size_t c = 0; c < t->panel->columns.n && n < MOST; c++) {
            double axis = la_panel_axis(t->panel, t->judged->scale, c);
            if (!column_in(t, c) || !(axis > 0)) continue;
            double v = finite_at(t, r, c);
            if (!(v > 0)) continue;
            const la_found *f = la_judged_cell(t->judged, t->p, r, c);
            x[n] = axis;
            y[n] = v;
            lo[n] = isfinite(f->lo) && f->lo > 0 ? f->lo : v;
            hi[n++] = isfinite(f->hi) ? f->hi : v;
        }
        if (n < 2) {
            if (t->missing.n == missing)
                note(&t->missing, t, "%.40s: fewer than two points", title_of(t, r));
            continue;
        }
        double slope = slope_of(x, y, lo, hi, n, &least, &most);
        notes *to = inside(t, slope) ? &t->seen : &t->broken;
        t->held += to == &t->seen;
        if (most > least)
            note(to, t, "%.40s %.2f [%.2f, %.2f]", title_of(t, r), slope, least, most);
        else
            note(to, t, "%.40s %.2f", title_of(t, r), slope);
    }
}

/* Of the claim's first two rows. */
static double ratio_at(trial *t, size_t first, size_t c)
{
    double a = finite_at(t, first, c), b = finite_at(t, t->claim->rows[1], c);
    double q = a / b;
    return isfinite(q) ? q : (double)NAN;
}

static double gap_at(trial *t, size_t first, size_t c)
{
    double a = finite_at(t, first, c);
    return a - finite_at(t, t->claim->rows[1], c);
}

static void test_pair(trial *t, double (*value)(trial *t, size_t r, size_t c))
{
    char text[32];
    size_t a = t->claim->rows[0];
    bool bounded = !isnan(t->claim->low) || !isnan(t->claim->high);
    for (size_t c = 0; c < t->panel->columns.n; c++) {
        if (!column_in(t, c)) continue;
        double x = value(t, a, c);
        if (isnan(x)) continue;
        seen(t, x);
        if (!bounded) continue;
        if (inside(t, x))
            t->held++;
        else
            note(&t->broken, t, "at %.24s: %s", column_of(t, c), la_short_number(x, text));
    }
    if (!t->claim->sense) return;
    notes missing = t->missing; /* what is missing was noted above */
    t->missing = (notes){0};
    test_along(t, a, t->claim->kind == LA_CLAIM_GAP ? "the gap" : "the ratio", value);
    la_text_release(&t->missing.text);
    t->missing = missing;
}

typedef struct race { /* of the second row over the first, along the axis */
    size_t first,
        above;       /* column from which on it is below; last at which it is not; SIZE_MAX: none */
    bool clean;      /* above before the first, below from it on */
    double at, meet; /* of the first column; where the line between it and the one before is 1 */
} race;

static race run_race(trial *t)
{
    size_t a = t->claim->rows[0];
    race r = {.first = SIZE_MAX, .above = SIZE_MAX, .clean = true, .meet = (double)NAN};
    double before = (double)NAN, axis_before = (double)NAN;
    for (size_t c = 0; c < t->panel->columns.n; c++) {
        if (!column_in(t, c)) continue;
        double axis = la_panel_axis(t->panel, t->judged->scale, c), q = ratio_at(t, a, c);
        if (!(q > 0) || isnan(axis)) continue;
        if (q > 1 && r.first == SIZE_MAX) { /* the first row is the larger: the second is below */
            r.first = c;
            r.at = axis;
            if (before < 1)
                r.meet =
                    exp(log(axis_before) + log(before) / log(before / q) * log(axis / axis_before));
        } else if (!(q > 1)) {
            r.clean &= r.first == SIZE_MAX;
            r.above = c;
        }
        before = q;
        axis_before = axis;
    }
    return r;
}

/* Where the second row goes below the first for good. That it does so behind `low` can only be seen where it
 * was above before. */
static void test_crossing(trial *t)
{
    const char *a = title_of(t, t->claim->rows[0]), *b = title_of(t, t->claim->rows[1]);
    int missing = t->missing.n;
    race r = run_race(t);
    if (t->missing.n > missing) return; /* it could lie there */
    if (r.first == SIZE_MAX) {
        note(&t->broken, t, "%.40s is never below %.40s", b, a);
        return;
    }
    const char *from = column_of(t, r.first);
    if (!r.clean) {
        note(&t->broken, t, "%.40s is below %.40s from %.24s on, but not at %.24s", b, a, from,
             column_of(t, r.above));
        return;
    }
    bool unseen = r.above == SIZE_MAX && !isnan(t->claim->low);
    notes *to = inside(t, r.at) && !unseen ? &t->seen : &t->broken;
    t->held += to == &t->seen;
    char text[32], where[64] = "";
    if (isfinite(r.meet))
        snprintf(where, sizeof where, " (equal near %s)", la_short_number(r.meet, text));
    note(to, t, "%.40s is below %.40s from %.24s on%s%s", b, a, from, where,
         r.above == SIZE_MAX ? ", the first column" : "");
}

/* ---- all ---- */

static void test_panel(trial *t)
{
    switch (t->claim->kind) {
    case LA_CLAIM_BOUND:
        test_bound(t);
        break;
    case LA_CLAIM_ORDER:
        test_order(t);
        break;
    case LA_CLAIM_TREND:
        test_trend(t);
        break;
    case LA_CLAIM_SLOPE:
        test_slope(t);
        break;
    case LA_CLAIM_RATIO:
        test_pair(t, ratio_at);
        break;
    case LA_CLAIM_CROSSING:
        test_crossing(t);
        break;
    case LA_CLAIM_GAP:
        test_pair(t, gap_at);
        break;
    }
}

/* "0.93 to 1", "slopes ...", "12 of 12 steps"; before what is broken and missing. */
static void say_seen(const trial *t, la_text *out)
{
    static const char *const what[] = {"values", "", "", "slope", "ratio", "", "gap"};
    const char *name = what[t->claim->kind];
    char a[32] = "", b[32];
    bool steps = t->claim->kind == LA_CLAIM_ORDER || t->claim->kind == LA_CLAIM_TREND;
    if (t->seen.n)
        la_text_add(out, "%s%s%s", name, *name ? " " : "", la_text_str(&t->seen.text));
    else if (steps && t->held + t->broken.n)
        la_text_add(out, "%d of %d comparisons", t->held, t->held + t->broken.n);
    else if (isfinite(t->least) && t->claim->kind != LA_CLAIM_CROSSING)
        la_text_add(out, "%s %s", name, la_short_number(t->least, a));
    else
        return;
    if (!t->seen.n && !steps && strcmp(a, la_short_number(t->most, b)) != 0)
        la_text_add(out, " to %s", b);
}

/* " (wanted 1.8 to 2.2, slack 5 %)": what the file asks for. */
static void say_wanted(const la_paper_claim *claim, la_text *out)
{
    char a[32], b[32];
    bool low = !isnan(claim->low), high = !isnan(claim->high);
    const la_tolerance *slack = &claim->slack;
    if (!low && !high && !slack->given) return;
    la_text_add(out, " (");
    if (low && high)
        la_text_add(out, "wanted %s to %s", la_short_number(claim->low, a),
                    la_short_number(claim->high, b));
    else if (low || high)
        la_text_add(out, "wanted %s %s", low ? "at least" : "at most",
                    la_short_number(low ? claim->low : claim->high, a));
    if (slack->given)
        la_text_add(out, "%sslack %s%s", low || high ? ", " : "",
                    la_short_number(slack->value * (slack->relative ? 100 : 1), a),
                    slack->relative ? " %" : "");
    la_text_add(out, ")");
}

la_status la_claim_test(const la_judged *judged, const la_paper_claim *claim, la_claim_result *out,
                        la_err *err)
{
    const la_paper *paper = judged->paper;
    trial t = {.judged = judged, .claim = claim, .least = (double)NAN, .most = (double)NAN};
    la_text figure = {0};
    int panels = 0;
    *out = (la_claim_result){.verdict = LA_VERDICT_NOT_RUN};
    for (size_t p = 0; p < paper->n_panels; p++) panels += claim->panels[p];
    t.several = panels > 1;
    for (size_t p = 0; p < paper->n_panels && claim->scales[judged->scale]; p++) {
        if (!claim->panels[p]) continue;
        t.p = p;
        t.panel = &paper->panels[p];
        test_panel(&t);
    }
    if (t.broken.n)
        out->verdict = LA_VERDICT_MISS;
    else if (t.held && !t.missing.n)
        out->verdict = LA_VERDICT_TREND;
    say_seen(&t, &figure);
    bool some = figure.len > 0;
    if (some) say_wanted(claim, &figure);
    notes_end(&figure, &t.broken, some ? "but " : claim->kind == LA_CLAIM_SLOPE ? "slope " : "");
    if (!some && t.broken.n) say_wanted(claim, &figure);
    notes_end(&figure, &t.missing, "missing: ");
    if (!figure.len) la_text_add(&figure, "not tested at scale %s", la_scale_name(judged->scale));
    out->figure = la_strdup(la_text_str(&figure), err);
    bool failed = figure.failed | t.broken.text.failed | t.missing.text.failed | t.seen.text.failed;
    la_text *const all[] = {&figure, &t.broken.text, &t.missing.text, &t.seen.text};
    for (size_t i = 0; i < LA_COUNT(all); i++) la_text_release(all[i]);
    return failed || !out->figure ? LA_E_NOMEM : LA_OK;
}

bool la_claim_touches(const la_judged *judged, const la_paper_claim *claim, size_t p, size_t r,
                      size_t c)
{
    if (!claim->scales[judged->scale] || !claim->panels[p]) return false;
    if (!la_claim_column(claim, &judged->paper->panels[p], judged->scale, c)) return false;
    size_t n = claim->n_rows;
    bool pair = claim->kind == LA_CLAIM_RATIO || claim->kind == LA_CLAIM_GAP ||
                claim->kind == LA_CLAIM_CROSSING;
    if (pair && n > 2) n = 2;
    for (size_t i = 0; i < n; i++)
        if (claim->rows[i] == r) return true;
    return false;
}
