/* SPDX-License-Identifier: Apache-2.0
 * The kinds of figures and the walk over them. A kind is a .sql and a .gp of the same name below
 * plots/ and a row here; rows of one name are drawn together.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "figure.h"
#include "folder.h"
#include "gnuplot.h"
#include "query.h"
#include "report.h"
#include "speedups.h"

/* The embedded files of plots/. */
extern const char la_plot_time_sql[], la_plot_time_gp[];
extern const char la_plot_time_fwdbwd_sql[], la_plot_time_fwdbwd_gp[];
extern const char la_plot_memory_fwdbwd_sql[], la_plot_memory_fwdbwd_gp[];
extern const char la_plot_decode_sql[], la_plot_decode_gp[];
extern const char la_plot_samples_sql[], la_plot_samples_gp[], la_plot_samples_tasks_sql[];
extern const char la_plot_speedup_over_sql[], la_plot_speedup_over_gp[],
    la_plot_speedup_over_tasks_sql[], la_plot_speedup_over_rules_sql[];
extern const char la_plot_throughput_fwdbwd_sql[], la_plot_throughput_fwdbwd_gp[],
    la_plot_throughput_fwdbwd_rules_sql[];
extern const char la_plot_throughput_tokens_sql[], la_plot_throughput_tokens_gp[];
extern const char la_plot_memory_resident_sql[], la_plot_memory_fwdbwd_resident_sql[];
extern const char la_plot_throughput_sql[], la_plot_throughput_gp[], la_plot_throughput_rules_sql[];
extern const char la_plot_roofline_sql[], la_plot_roofline_gp[], la_plot_roofline_tasks_sql[],
    la_plot_roofline_rules_sql[];
extern const char la_plot_scaling_sql[], la_plot_scaling_gp[], la_plot_scaling_tasks_sql[],
    la_plot_scaling_rules_sql[];
extern const char la_plot_speedup_sql[], la_plot_speedup_gp[], la_plot_speedup_tasks_sql[],
    la_plot_speedup_rules_sql[];
extern const char la_plot_memory_sql[], la_plot_memory_gp[];
extern const char la_plot_resident_sql[], la_plot_resident_gp[], la_plot_resident_tasks_sql[];
extern const char la_plot_accuracy_sql[], la_plot_accuracy_gp[], la_plot_accuracy_rules_sql[];
extern const char la_plot_learned_sql[], la_plot_learned_gp[], la_plot_learned_tasks_sql[];
extern const char la_plot_curves_sql[], la_plot_curves_gp[], la_plot_curves_tasks_sql[];
extern const char la_plot_pareto_sql[], la_plot_pareto_gp[], la_plot_pareto_tasks_sql[];
extern const char la_plot_pareto_state_sql[], la_plot_pareto_state_gp[];
extern const char la_plot_load_sql[], la_plot_load_gp[];
extern const char la_plot_error_sql[], la_plot_error_gp[], la_plot_error_rules_sql[];
extern const char la_plot_heatmap_sql[], la_plot_heatmap_gp[], la_plot_heatmap_tasks_sql[];
extern const char la_plot_heatmap_time_sql[], la_plot_heatmap_time_gp[],
    la_plot_heatmap_time_tasks_sql[];
extern const char la_plot_heatmap_ratio_sql[], la_plot_heatmap_winner_sql[];
extern const char la_plot_outcomes_sql[], la_plot_outcomes_gp[];

const la_kind la_kinds[] = {
    {.name = "time",
     .summary = "time of a forward call over the length",
     .title = "Forward time",
     .what = "Time of one forward call.",
     .sql = la_plot_time_sql,
     .gp = la_plot_time_gp,
     .scale = LA_SCALE_TIME,
     .x = LA_X_LENGTH,
     .fit = true,
     .guides = true},
    {.name = "time",
     .summary = "time of forward and backward over the length",
     .title = "Time of forward and backward",
     .what = "Time of one forward call that saves what its backward needs, and the backward.",
     .sql = la_plot_time_fwdbwd_sql,
     .gp = la_plot_time_fwdbwd_gp,
     .suffix = "_fwdbwd",
     .scale = LA_SCALE_TIME,
     .x = LA_X_LENGTH,
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
     .x = LA_X_LENGTH,
     .counts = true},
    {.name = "throughput",
     .summary = "the same of forward and backward",
     .title = "Throughput of forward and backward",
     .what = "Operations that the mathematics needs (causal: half) over the median time.",
     .sql = la_plot_throughput_fwdbwd_sql,
     .rules = la_plot_throughput_fwdbwd_rules_sql,
     .gp = la_plot_throughput_fwdbwd_gp,
     .suffix = "_fwdbwd",
     .scale = LA_SCALE_RATE,
     .x = LA_X_LENGTH,
     .counts = true},
    {.name = "throughput",
     .summary = "tokens a second of a forward call over the length",
     .title = "Tokens a second",
     .what = "Tokens of all sequences over the median time of one forward call.",
     .sql = la_plot_throughput_tokens_sql,
     .gp = la_plot_throughput_tokens_gp,
     .suffix = "_tokens",
     .scale = LA_SCALE_ERROR,
     .x = LA_X_LENGTH},
    {.name = "roofline",
     .summary = "GFLOP/s against FLOP a byte under the measured roofs, a figure for each pass",
     .title = "roofline",
     .what =
         "Operations that the mathematics needs (causal: half) over the median time, beside the "
         "bytes that must move at least once; what the caches keep may lie above the slope.",
     .sql = la_plot_roofline_sql,
     .rules = la_plot_roofline_rules_sql,
     .gp = la_plot_roofline_gp,
     .tasks = la_plot_roofline_tasks_sql,
     .scale = LA_SCALE_ERROR,
     .x = LA_X_RATIO,
     .sizes = true,
     .counts = true},
    {.name = "scaling",
     .summary = "how much faster more threads are, a figure for each pass",
     .title = "gain from threads",
     .what = "Median time with one thread over that with several.",
     .sql = la_plot_scaling_sql,
     .rules = la_plot_scaling_rules_sql,
     .gp = la_plot_scaling_gp,
     .tasks = la_plot_scaling_tasks_sql,
     .scale = LA_SCALE_RATE,
     .x = LA_X_THREADS},
    {.name = "speedup",
     .summary = "time of each impl over labench's best of its variant, a figure for each pass",
     .title = "time beside labench's best",
     .what = "Median time over that of labench's best impl of the same variant: above 1 labench is "
             "faster.",
     .sql = la_plot_speedup_sql,
     .rows = la_speedups,
     .rules = la_plot_speedup_rules_sql,
     .gp = la_plot_speedup_gp,
     .tasks = la_plot_speedup_tasks_sql,
     .scale = LA_SCALE_ERROR,
     .x = LA_X_LENGTH},
    {.name = "speedup",
     .summary = "how many times faster than a variant (--base), a figure for each pass",
     .title = "times faster than a base",
     .what = "Median time of the base over that of each line, on the same problem: above 1 it is "
             "faster. Bars run between the ends of both intervals.",
     .sql = la_plot_speedup_over_sql,
     .rules = la_plot_speedup_over_rules_sql,
     .gp = la_plot_speedup_over_gp,
     .tasks = la_plot_speedup_over_tasks_sql,
     .scale = LA_SCALE_ERROR,
     .x = LA_X_LENGTH},
    {.name = "decode",
     .summary = "time of one token after T - 1 others",
     .title = "Decode time per token",
     .what = "Time of one token after T - 1 others.",
     .sql = la_plot_decode_sql,
     .gp = la_plot_decode_gp,
     .scale = LA_SCALE_TIME,
     .x = LA_X_LENGTH,
     .fit = true},
    {.name = "memory",
     .summary = "extra bytes of a forward call over the length",
     .title = "Workspace of a forward call",
     .what = "Bytes besides inputs and outputs, exact: scratch, what is saved, plans.",
     .sql = la_plot_memory_sql,
     .resident = la_plot_memory_resident_sql,
     .gp = la_plot_memory_gp,
     .scale = LA_SCALE_BYTES,
     .x = LA_X_LENGTH,
     .fit = true,
     .guides = true},
    {.name = "memory",
     .summary = "extra bytes of forward and backward over the length",
     .title = "Workspace of forward and backward",
     .what = "Bytes besides inputs and outputs: scratch, what is saved, plans.",
     .sql = la_plot_memory_fwdbwd_sql,
     .resident = la_plot_memory_fwdbwd_resident_sql,
     .gp = la_plot_memory_fwdbwd_gp,
     .suffix = "_fwdbwd",
     .scale = LA_SCALE_BYTES,
     .x = LA_X_LENGTH,
     .fit = true,
     .guides = true},
    {.name = "resident",
     .summary = "resident memory that a call adds, beside peers, a figure for each pass",
     .title = "resident memory of a call",
     .what = "What the first call added to resident memory, its results included, as measured: "
             "allocators and libraries take whole pages and keep them.",
     .sql = la_plot_resident_sql,
     .gp = la_plot_resident_gp,
     .tasks = la_plot_resident_tasks_sql,
     .scale = LA_SCALE_BYTES,
     .x = LA_X_LENGTH},
    {.name = "accuracy",
     .summary = "recall accuracy over the length",
     .title = "Recall accuracy",
     .what = "Stored pairs looked up again after T tokens.",
     .sql = la_plot_accuracy_sql,
     .rules = la_plot_accuracy_rules_sql,
     .gp = la_plot_accuracy_gp,
     .scale = LA_SCALE_PART,
     .x = LA_X_LENGTH},
    {.name = "accuracy",
     .summary = "accuracy of trained models over the length, a figure for each task",
     .title = "accuracy of trained models",
     .what = "A small model with each variant, asked at every length.",
     .sql = la_plot_learned_sql,
     .rules = la_plot_accuracy_rules_sql,
     .gp = la_plot_learned_gp,
     .tasks = la_plot_learned_tasks_sql,
     .scale = LA_SCALE_PART,
     .x = LA_X_LENGTH},
    {.name = "curves",
     .summary = "validation accuracy while training, a figure for each task",
     .title = "validation accuracy while training",
     .what = "Mean over the shapes trained on.",
     .sql = la_plot_curves_sql,
     .rules = la_plot_accuracy_rules_sql,
     .gp = la_plot_curves_gp,
     .tasks = la_plot_curves_tasks_sql,
     .scale = LA_SCALE_PART,
     .x = LA_X_STEP},
    {.name = "pareto",
     .summary = "accuracy against time, at the longest common length, for each task",
     .title = "accuracy against time",
     .what = "Accuracy beside the time of the variant's forward call, per token.",
     .sql = la_plot_pareto_sql,
     .rules = la_plot_accuracy_rules_sql,
     .gp = la_plot_pareto_gp,
     .tasks = la_plot_pareto_tasks_sql,
     .scale = LA_SCALE_PART,
     .x = LA_X_TIME,
     .front = true},
    {.name = "pareto",
     .summary = "accuracy against bytes of state, likewise",
     .title = "accuracy against state",
     .what = "Accuracy beside the bytes that a sequence carries from token to token.",
     .sql = la_plot_pareto_state_sql,
     .rules = la_plot_accuracy_rules_sql,
     .gp = la_plot_pareto_state_gp,
     .tasks = la_plot_pareto_tasks_sql,
     .suffix = "_state",
     .scale = LA_SCALE_PART,
     .x = LA_X_BYTES,
     .front = true},
    {.name = "load",
     .summary = "recall accuracy over the number of pairs",
     .title = "Recall against load",
     .what = "Stored pairs looked up again.",
     .sql = la_plot_load_sql,
     .rules = la_plot_accuracy_rules_sql,
     .gp = la_plot_load_gp,
     .scale = LA_SCALE_PART},
    {.name = "heatmap",
     .summary = "accuracy over any two axes of a task that vary, with what a memory can hold",
     .title = "accuracy over two axes",
     .what = "A panel for each variant and setting.",
     .sql = la_plot_heatmap_sql,
     .gp = la_plot_heatmap_gp,
     .tasks = la_plot_heatmap_tasks_sql,
     .figure = la_figure_heat,
     .alone = true,
     .scale = LA_SCALE_PART},
    {.name = "heatmap",
     .summary = "time over any two axes of the kernels that vary, a figure for each pass",
     .title = "time",
     .what = "A panel for each variant and setting; yellow is fast.",
     .sql = la_plot_heatmap_time_sql,
     .gp = la_plot_heatmap_time_gp,
     .tasks = la_plot_heatmap_time_tasks_sql,
     .suffix = "_time",
     .figure = la_figure_heat,
     .alone = true,
     .map = LA_MAP_TIME,
     .scale = LA_SCALE_TIME},
    {.name = "heatmap",
     .summary = "how many times faster than a variant (--base), likewise",
     .title = "times faster",
     .what = "Median time of the base over that of each; ≈: the intervals of both times meet.",
     .sql = la_plot_heatmap_ratio_sql,
     .gp = la_plot_heatmap_time_gp,
     .tasks = la_plot_heatmap_time_tasks_sql,
     .suffix = "_ratio",
     .figure = la_figure_heat,
     .alone = true,
     .map = LA_MAP_RATIO,
     .scale = LA_SCALE_TIME},
    {.name = "heatmap",
     .summary = "which of labench's own variants is fastest, likewise",
     .title = "the fastest",
     .what = "The variant of the least median time; ≈: its interval meets that of the second.",
     .sql = la_plot_heatmap_winner_sql,
     .gp = la_plot_heatmap_time_gp,
     .tasks = la_plot_heatmap_time_tasks_sql,
     .suffix = "_winner",
     .figure = la_figure_heat,
     .alone = true,
     .map = LA_MAP_WINNER,
     .scale = LA_SCALE_TIME},
    {.name = "error",
     .summary = "relative error against float64 over the length",
     .title = "Error against float64",
     .what = "Root mean square of the difference over that of the reference, worst round.",
     .sql = la_plot_error_sql,
     .rules = la_plot_error_rules_sql,
     .gp = la_plot_error_gp,
     .scale = LA_SCALE_ERROR,
     .x = LA_X_LENGTH},
    {.name = "samples",
     .summary = "every sample in its order and how they are spread, a figure for each pass",
     .title = "every sample",
     .what =
         "Left: times in their order, a colour for each round. Right: the share of samples that "
         "took no longer. Both over the median of the line.",
     .sql = la_plot_samples_sql,
     .gp = la_plot_samples_gp,
     .tasks = la_plot_samples_tasks_sql,
     .figure = la_figure_samples,
     .scale = LA_SCALE_TIME,
     .alone = true},
    {.name = "outcomes",
     .summary = "what became of every cell: the map of the sweep",
     .title = "Outcomes",
     .what = "What became of every cell; times are medians.",
     .sql = la_plot_outcomes_sql,
     .gp = la_plot_outcomes_gp,
     .figure = la_figure_outcomes,
     .x = LA_X_LENGTH},
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

const char *la_plot_heading(size_t i)
{
    return i > 0 && strcmp(la_kinds[i].name, la_kinds[i - 1].name) == 0 ? "" : la_kinds[i].name;
}

const char *la_plot_summary(size_t i)
{
    return la_kinds[i].summary;
}

static la_status check_kind(const char *name, la_err *err)
{
    if (strcmp(name, "all") == 0)
        return LA_FAIL(err, LA_E_ARG, "'all' stands alone: it is every plot");
    if (strcmp(name, "paper") == 0)
        return LA_FAIL(
            err, LA_E_ARG,
            "'paper' is no plot of a sweep: 'labench reproduce ID --out FOLDER/' draws ours "
            "against what a paper published; 'labench reproduce list' has the IDs");
    int nearest = INT_MAX;
    const char *guess = "";
    for (size_t i = 0; i < la_kinds_len; i++) {
        if (strcmp(la_kinds[i].name, name) == 0) return LA_OK;
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

la_status la_plot_check(const char *const *names, size_t n, la_err *err)
{
    for (size_t i = 0; i < n; i++) LA_TRY(check_kind(names[i], err));
    return LA_OK;
}

typedef struct drawing {
    la_view view;
    const char *dir;
    void (*done)(const char *stem, void *context);
    void *context;
    la_plots counts;
    la_status missing; /* of gnuplot: the other kinds' data are still written */
    la_err why;        /* of it */
    la_gnuplot *last;  /* at work on the figure before this one; NULL: none */
    char stem[128];    /* of it */
} drawing;

/* A file's name from names of variants and tasks, which may hold anything. */
static void make_stem(char stem[128], const la_kind *kind, const char *name)
{
    snprintf(stem, 128, "%s%s%s%.80s", kind->name, kind->suffix ? kind->suffix : "",
             *name ? "_" : "", name);
    for (char *c = stem; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              strchr("_.-+", *c)))
            *c = '_';
}

static la_status missing_or(drawing *d, la_status st, const la_err *err)
{
    if (st != LA_E_ENV) return st;
    if (d->missing == LA_OK && err) d->why = *err;
    d->missing = st;
    return LA_OK;
}

/* Waits for the figure that is being drawn. */
static la_status finish_last(drawing *d, la_err *err)
{
    char path[PATH_MAX];
    la_gnuplot *last = d->last;
    if (!last) return LA_OK;
    d->last = NULL;
    la_status st = la_gnuplot_end(last, &d->view.how, err);
    if (st != LA_OK) return missing_or(d, st, err);
    d->counts.drawn++;
    snprintf(path, sizeof path, "%s/%s", d->dir, d->stem);
    if (d->done) d->done(path, d->context);
    return LA_OK;
}

/* One figure; what no sweep has data for is counted. `which` is one of those of kind->tasks, or NULL;
 * its name stands in the file's name. It is begun while the one before is being drawn. */
static la_status draw_one(drawing *d, const la_kind *kind, const char *which, const char *name,
                          const char *title, la_err *err)
{
    la_text dat = {0}, gp = {0};
    la_gnuplot *new = NULL;
    bool empty = false;
    char stem[128];
    make_stem(stem, kind, name);
    d->view.title = title;
    la_status st = (kind->figure ? kind->figure : la_figure_lines)(&d->view, kind, which, stem,
                                                                   &dat, &gp, &empty, err);
    if (st == LA_OK && !empty) {
        st = la_gnuplot_begin(d->dir, stem, title, &dat, &gp, &new, err);
        st = missing_or(d, st, err);
    }
    la_text_release(&dat);
    la_text_release(&gp);
    d->counts.empty += st == LA_OK && empty;
    if (!new) return st;
    st = finish_last(d, err);
    d->last = new;
    memcpy(d->stem, stem, sizeof stem);
    return st;
}

/* The figure of the query's row: of a task, or of what its first column says under a name and a title. */
static la_status draw_row(drawing *d, const la_kind *kind, const la_query *q, la_err *err)
{
    const char *which = la_query_text(q, 0);
    char title[160];
    if (!which) return LA_OK;
    if (la_query_find(q, "stem") >= 0)
        return draw_one(d, kind, which, la_query_named_text(q, "stem"),
                        la_query_named_text(q, "title"), err);
    snprintf(title, sizeof title, "%.60s: %s", which, kind->title);
    return draw_one(d, kind, which, which, title, err);
}

static la_status open_tasks(const drawing *d, size_t place, const la_kind *kind, la_query **q,
                            la_err *err)
{
    const la_source *source = &d->view.sources[place];
    char id[24], length[24];
    const char *args[] = {id, d->view.how.base, d->view.how.length ? length : NULL, kind->title};
    size_t n = strstr(kind->tasks, "?4")   ? 4
               : strstr(kind->tasks, "?3") ? 3
               : strstr(kind->tasks, "?2") ? 2
                                           : 1;
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    snprintf(length, sizeof length, "%lld", (long long)d->view.how.length);
    return la_query_open(source->store, kind->tasks, args, n, q, err);
}

/* Was it drawn already, for it is a task of one of the first `n` sources? */
static la_status drawn_before(const drawing *d, size_t n, const la_kind *kind, const char *which,
                              bool *before, la_err *err)
{
    la_status st = LA_OK;
    *before = false;
    for (size_t i = 0; i < n && st == LA_OK && !*before; i++) {
        la_query *q = NULL;
        bool more = true;
        st = open_tasks(d, i, kind, &q, err);
        while (st == LA_OK && !*before && (st = la_query_next(q, &more, err)) == LA_OK && more) {
            const char *other = la_query_text(q, 0);
            *before = other && which && strcmp(other, which) == 0;
        }
        la_query_close(q);
    }
    return st;
}

static la_status draw_tasks(drawing *d, size_t place, const la_kind *kind, bool *any, la_err *err)
{
    la_query *q = NULL;
    LA_TRY(open_tasks(d, place, kind, &q, err));
    bool more = true, before;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        *any = true;
        if ((st = drawn_before(d, place, kind, la_query_text(q, 0), &before, err)) != LA_OK) break;
        if (!before && (st = draw_row(d, kind, q, err)) != LA_OK) break;
    }
    la_query_close(q);
    return st;
}

static la_status draw_kind(drawing *d, const la_kind *kind, la_err *err)
{
    bool any = false;
    if (kind->alone && d->view.n > 1) {
        d->counts.empty++;
        return LA_OK;
    }
    if (!kind->tasks) return draw_one(d, kind, NULL, "", kind->title, err);
    for (size_t i = 0; i < d->view.n; i++) LA_TRY(draw_tasks(d, i, kind, &any, err));
    d->counts.empty += !any;
    return LA_OK;
}

/* A kind asked for by name draws several sweeps, or says that it does not. */
static la_status check_alone(const char *name, size_t n_sources, la_err *err)
{
    for (size_t i = 0; i < la_kinds_len && n_sources > 1; i++)
        if (strcmp(la_kinds[i].name, name) == 0 && la_kinds[i].alone)
            return LA_FAIL(err, LA_E_ARG,
                           "'%s' shows one sweep at a time: draw it for each without --with", name);
    return LA_OK;
}

la_status la_report_draw(const la_source *sources, size_t n_sources, const char *const *kinds,
                         size_t n, const la_plot_how *how, const char *dir,
                         void (*done)(const char *stem, void *context), void *context,
                         la_plots *out, la_err *err)
{
    drawing d = {
        .view = {.sources = sources, .n = n_sources}, .dir = dir, .done = done, .context = context};
    if (how) d.view.how = *how;
    LA_TRY(la_plot_check(kinds, n, err));
    for (size_t i = 0; i < n; i++) LA_TRY(check_alone(kinds[i], n_sources, err));
    LA_TRY(la_make_folder(dir, err));
    la_status st = LA_OK;
    for (size_t i = 0; i < (n ? n : 1) && st == LA_OK; i++) {
        size_t before = d.counts.drawn;
        for (size_t k = 0; k < la_kinds_len && st == LA_OK; k++)
            if (n == 0 || strcmp(la_kinds[k].name, kinds[i]) == 0)
                st = draw_kind(&d, &la_kinds[k], err);
        la_status ended = finish_last(&d, st == LA_OK ? err : NULL);
        if (st == LA_OK) st = ended;
        d.counts.without += d.counts.drawn == before;
    }
    if (st != LA_OK) return st;
    if (out) *out = d.counts;
    if (d.missing != LA_OK && err) *err = d.why;
    return d.missing;
}

la_status la_report_plots(la_store *store, int64_t sweep_id, const char *const *kinds, size_t n,
                          const char *dir, void (*done)(const char *stem, void *context),
                          void *context, la_plots *out, la_err *err)
{
    const la_source source = {.store = store, .sweep = sweep_id, .name = ""};
    return la_report_draw(&source, 1, kinds, n, NULL, dir, done, context, out, err);
}
