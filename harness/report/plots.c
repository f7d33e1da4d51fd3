/* SPDX-License-Identifier: Apache-2.0
 * The kinds of figures and the walk over them. A kind is a .sql and a .gp of the same name below
 * plots/ and a row here.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "figure.h"
#include "gnuplot.h"
#include "report.h"

/* The embedded files of plots/. */
extern const char la_plot_time_sql[], la_plot_time_gp[];
extern const char la_plot_decode_sql[], la_plot_decode_gp[];
extern const char la_plot_throughput_sql[], la_plot_throughput_gp[], la_plot_throughput_rules_sql[];
extern const char la_plot_memory_sql[], la_plot_memory_gp[];
extern const char la_plot_accuracy_sql[], la_plot_accuracy_gp[], la_plot_accuracy_rules_sql[];
extern const char la_plot_load_sql[], la_plot_load_gp[];
extern const char la_plot_error_sql[], la_plot_error_gp[], la_plot_error_rules_sql[];
extern const char la_plot_outcomes_sql[], la_plot_outcomes_gp[];

const la_kind la_kinds[] = {
    {.name = "time",
     .summary = "time of a forward call over the length",
     .title = "Forward time",
     .what = "Time of one forward call.",
     .sql = la_plot_time_sql,
     .gp = la_plot_time_gp,
     .scale = LA_SCALE_TIME,
     .x_is_length = true,
     .fit = true,
     .guides = true},
    {.name = "throughput",
     .summary = "useful GFLOP/s of a forward call over the length",
     .title = "Forward throughput",
     .what = "Operations that the mathematics needs (causal: half) over the median time.",
     .sql = la_plot_throughput_sql,
     .rules = la_plot_throughput_rules_sql,
     .gp = la_plot_throughput_gp,
     .scale = LA_SCALE_RATE,
     .x_is_length = true},
    {.name = "decode",
     .summary = "time of one token after T - 1 others",
     .title = "Decode time per token",
     .what = "Time of one token after T - 1 others.",
     .sql = la_plot_decode_sql,
     .gp = la_plot_decode_gp,
     .scale = LA_SCALE_TIME,
     .x_is_length = true,
     .fit = true},
    {.name = "memory",
     .summary = "extra bytes of a forward call over the length",
     .title = "Workspace of a forward call",
     .what = "Bytes besides inputs and outputs, exact: scratch, what is saved, plans.",
     .sql = la_plot_memory_sql,
     .gp = la_plot_memory_gp,
     .scale = LA_SCALE_BYTES,
     .x_is_length = true,
     .fit = true,
     .guides = true},
    {.name = "accuracy",
     .summary = "recall accuracy over the length",
     .title = "Recall accuracy",
     .what = "Stored pairs looked up again after T tokens.",
     .sql = la_plot_accuracy_sql,
     .rules = la_plot_accuracy_rules_sql,
     .gp = la_plot_accuracy_gp,
     .scale = LA_SCALE_PART,
     .x_is_length = true},
    {.name = "load",
     .summary = "recall accuracy over the number of pairs",
     .title = "Recall against load",
     .what = "Stored pairs looked up again.",
     .sql = la_plot_load_sql,
     .rules = la_plot_accuracy_rules_sql,
     .gp = la_plot_load_gp,
     .scale = LA_SCALE_PART},
    {.name = "error",
     .summary = "relative error against float64 over the length",
     .title = "Error against float64",
     .what = "Root mean square of the difference over that of the reference, worst round.",
     .sql = la_plot_error_sql,
     .rules = la_plot_error_rules_sql,
     .gp = la_plot_error_gp,
     .scale = LA_SCALE_ERROR,
     .x_is_length = true},
    {.name = "outcomes",
     .summary = "what became of every cell: the map of the sweep",
     .title = "Outcomes",
     .what = "What became of every cell; times are medians.",
     .sql = la_plot_outcomes_sql,
     .gp = la_plot_outcomes_gp,
     .outcomes = true,
     .x_is_length = true},
};
const size_t la_kinds_len = LA_COUNT(la_kinds);

size_t la_plot_count(void)
{
    return la_kinds_len;
}

const char *la_plot_name(size_t i)
{
    return la_kinds[i].name;
}

const char *la_plot_summary(size_t i)
{
    return la_kinds[i].summary;
}

static la_status find_kind(const char *name, const la_kind **out, la_err *err)
{
    int nearest = INT_MAX;
    const char *guess = "";
    for (size_t i = 0; i < la_kinds_len; i++) {
        if (strcmp(la_kinds[i].name, name) == 0) {
            *out = &la_kinds[i];
            return LA_OK;
        }
        int distance = la_edit_distance(la_kinds[i].name, name);
        if (distance < nearest) {
            nearest = distance;
            guess = la_kinds[i].name;
        }
    }
    return LA_FAIL(err, LA_E_ARG,
                   "no plot '%.40s'. Nearest: %s. 'labench list plots' shows all %zu.", name, guess,
                   la_kinds_len);
}

/* *drew is false when the sweep has nothing for this kind. */
static la_status draw_one(la_store *store, int64_t sweep_id, const la_kind *kind, const char *dir,
                          bool *drew, la_err *err)
{
    la_text dat = {0}, gp = {0};
    bool empty = false;
    la_status (*make)(la_store *, int64_t, const la_kind *, const char *, la_text *, la_text *,
                      bool *, la_err *) = kind->outcomes ? la_figure_outcomes : la_figure_lines;
    la_status st = make(store, sweep_id, kind, kind->name, &dat, &gp, &empty, err);
    *drew = st == LA_OK && !empty;
    if (*drew) st = la_gnuplot_draw(dir, kind->name, kind->title, &dat, &gp, err);
    la_text_release(&dat);
    la_text_release(&gp);
    return st;
}

la_status la_report_plots(la_store *store, int64_t sweep_id, const char *const *kinds, size_t n,
                          const char *dir, void (*done)(const char *stem, void *context),
                          void *context, la_plots *out, la_err *err)
{
    la_plots counts = {0};
    la_status missing = LA_OK; /* of gnuplot: the other kinds' data are still written */
    bool all = n == 0;
    if (all) n = la_kinds_len;
    const la_kind *kind = NULL;
    for (size_t i = 0; !all && i < n; i++) LA_TRY(find_kind(kinds[i], &kind, err));
    LA_TRY(la_make_folder(dir, err));
    for (size_t i = 0; i < n; i++) {
        bool drew = false;
        la_err mine;
        if (all)
            kind = &la_kinds[i];
        else
            LA_TRY(find_kind(kinds[i], &kind, err));
        la_status st = draw_one(store, sweep_id, kind, dir, &drew, &mine);
        if (st != LA_OK && missing == LA_OK && err) *err = mine;
        if (st == LA_E_ENV) missing = st;
        if (st != LA_OK && st != LA_E_ENV) return st;
        if (!drew) counts.empty++;
        if (!drew || st != LA_OK) continue;
        counts.drawn++;
        char stem[PATH_MAX];
        snprintf(stem, sizeof stem, "%s/%s", dir, kind->name);
        if (done) done(stem, context);
    }
    if (out) *out = counts;
    return missing;
}
