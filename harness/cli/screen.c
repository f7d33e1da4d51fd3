/* SPDX-License-Identifier: Apache-2.0 */
#include "screen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "alloc.h"
#include "log.h"
#include "registry.h"
#include "stats.h"

static la_screen *standing; /* whose progress line may be on the terminal */
int la_screen_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    if (columns && atoi(columns) > 0) return atoi(columns);
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return isatty(fd) ? 80 : 0;
}

void la_screen_init(la_screen *screen, const la_run_args *args, const la_plan *plan)
{
    *screen = (la_screen){.quiet = args->common.quiet, .color = args->common.color, .plan = plan};
    const char *term = getenv("TERM");
    screen->live = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    if (args->progress != LA_AUTO) screen->live = args->progress == LA_ALWAYS;
    screen->width = la_screen_width(STDERR_FILENO);
    if (screen->width < 20) screen->width = 80;
    standing = screen;
    la_log_before(la_screen_clear);
}

void la_screen_release(void)
{
    la_screen_clear();
    la_log_before(NULL);
    standing = NULL;
}

void la_screen_clear(void)
{
    if (!standing || !standing->shown) return;
    fprintf(stderr, "\r\033[K");
    standing->shown = false;
}

const char *la_screen_counts(const size_t outcomes[LA_OUTCOME_COUNT], char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < LA_OUTCOME_COUNT && len < cap; i++)
        if (i != LA_OUTCOME_OK && outcomes[i])
            len += (size_t)snprintf(out + len, cap - len, "%s%zu %s", len ? ", " : "", outcomes[i],
                                    la_outcome_word((la_outcome)i));
    return out;
}

/* The median over the attempt's samples; NaN-filled without any. */
static void summarise(const la_attempt_row *attempt, la_summary *out)
{
    double *x = la_alloc((attempt->n_samples + 1) * sizeof *x, NULL);
    size_t n = x ? attempt->n_samples : 0;
    for (size_t i = 0; i < n; i++)
        x[i] = (double)attempt->samples[i].total_ns / (double)attempt->samples[i].iters;
    la_summarise(x, n, out);
    la_free(x);
}

static const la_metric_row *metric(const la_attempt_row *attempt, const char *name)
{
    for (size_t i = 0; i < attempt->n_metrics; i++)
        if (strcmp(attempt->metrics[i].name, name) == 0) return &attempt->metrics[i];
    return NULL;
}

/* "7.31 ms [7.24, 7.40]  n=42": the interval in the unit of the median. */
static void time_words(const la_summary *s, char *out, size_t cap)
{
    char median[24];
    la_format_ns(s->median, median);
    double unit = s->median >= 999.5e6   ? 1e9
                  : s->median >= 999.5e3 ? 1e6
                  : s->median >= 999.5   ? 1e3
                                         : 1;
    if (isfinite(s->lo))
        snprintf(out, cap, "%-8s [%.3g, %.3g]  n=%zu", median, s->lo / unit, s->hi / unit, s->n);
    else
        snprintf(out, cap, "%-8s [no interval]  n=%zu", median, s->n);
}

/* "mqar trained in 12.3 s: 600 steps, 201k tokens/s, validates 0.998, 1.0 beside" */
static void training_words(const la_cell *cell, const la_attempt_row *attempt, char *out,
                           size_t cap)
{
    const la_model_row *model = attempt->model;
    const la_metric_row *right = metric(attempt, "val_accuracy"),
                        *rate = metric(attempt, "tokens_per_s"),
                        *beside = metric(attempt, "beside");
    size_t len;
    if (attempt->stop_reason && strcmp(attempt->stop_reason, "reused") == 0)
        len = (size_t)snprintf(out, cap, "%s model found again", cell->task->name);
    else
        len = (size_t)snprintf(out, cap, "%s trained in %.1f s", cell->task->name,
                               model ? (double)model->train_ns / 1e9 : 0);
    if (len < cap && model)
        len += (size_t)snprintf(out + len, cap - len, ": %" PRId64 " steps", model->steps);
    if (len < cap && rate)
        len += (size_t)snprintf(out + len, cap - len, ", %.3gk tokens/s", rate->value / 1e3);
    if (len < cap && right)
        len += (size_t)snprintf(out + len, cap - len, ", validates %.3f", right->value);
    if (len < cap && beside && beside->value >= 0.05)
        snprintf(out + len, cap - len, ", %.1f beside", beside->value);
}

/* FLOP/s of the cell's type that its threads reach at most here; 0: not known. */
static double peak_of(const la_screen *screen, const la_cell *cell)
{
    la_dtype dtype = cell->problem.dtype;
    if (cell->impl->backend != LA_CPU || dtype == LA_F64) return 0;
    for (size_t i = 0; i < screen->n_peaks; i++) {
        const la_peak_row *peak = screen->peaks + i;
        if (peak->threads == cell->problem.threads)
            return dtype == LA_F32 ? peak->flops : peak->bf16_flops;
    }
    return 0;
}

/* "81 %" of the peak, or of the one between the samples. */
static void share_words(const la_screen *screen, const la_cell *cell, const la_attempt_row *attempt,
                        double rate, char *out, size_t cap)
{
    const la_metric_row *beside = metric(attempt, "peak_share");
    double peak = peak_of(screen, cell);
    out[0] = '\0';
    if (beside)
        snprintf(out, cap, " %3.0f %% beside", 100 * beside->value);
    else if (rate > 0 && peak > 0)
        snprintf(out, cap, " %3.0f %%", 100e9 * rate / peak);
}

/* What the timed cells of a plan may differ in, beside what each line begins with; 0: as the one before. */
enum { SIZES = 7 };
static const char *const size_names[SIZES] = {"B", "H", "kv", "qk", "d", "dv", "threads"};

static void sizes_of(const la_cell *cell, int64_t out[SIZES])
{
    const la_problem *p = &cell->problem;
    const int64_t sizes[SIZES] = {p->B,
                                  p->H,
                                  p->Hkv == p->H ? 0 : p->Hkv,
                                  p->Hqk == p->H ? 0 : p->Hqk,
                                  p->dk,
                                  p->dv == p->dk ? 0 : p->dv,
                                  p->threads};
    memcpy(out, sizes, sizeof sizes);
}

size_t la_screen_sizes(const la_plan *plan, const la_cell *cell, char *out, size_t cap)
{
    bool differs[SIZES] = {false};
    int64_t mine[SIZES], theirs[SIZES];
    size_t len = 0;
    sizes_of(cell, mine);
    for (size_t c = 0; plan && !cell->task && c < plan->n; c++) {
        const la_cell *other = plan->cells + c;
        if (other->task || !other->opts_json) continue;
        sizes_of(other, theirs);
        for (int i = 0; i < SIZES; i++) differs[i] |= theirs[i] != mine[i];
    }
    out[0] = '\0';
    for (int i = 0; i < SIZES && len < cap; i++)
        if (differs[i] && mine[i])
            len +=
                (size_t)snprintf(out + len, cap - len, "%s %" PRId64 " ", size_names[i], mine[i]);
    return len;
}

/* "B 2 threads 1 {"chunk":64} ": where another timed cell of the plan has something else. */
static size_t shape_words(const la_screen *screen, const la_cell *cell, char *out, size_t cap)
{
    const la_plan *plan = screen->plan;
    bool options = false;
    size_t len = la_screen_sizes(plan, cell, out, cap);
    for (size_t c = 0; plan && !cell->task && c < plan->n; c++) {
        const la_cell *other = plan->cells + c;
        options |= !other->task && other->opts_json && other->variant == cell->variant &&
                   strcmp(other->opts_json, cell->opts_json);
    }
    if (options && len < cap) len += (size_t)snprintf(out + len, cap - len, "%s ", cell->opts_json);
    return len;
}

void la_screen_row(const la_screen *screen, const la_cell *cell, const la_attempt_row *attempt,
                   char *out, size_t cap)
{
    char length[24], bytes[24], words[96];
    la_format_count(cell->seqlen, length);
    size_t len = (size_t)snprintf(out, cap, "%-15s %-13s %6s %-6s %-5s ", cell->variant->name,
                                  cell->peer ? cell->impl->name : la_impl_form(cell->impl), length,
                                  la_pass_name(cell->pass),
                                  cell->problem.mask == LA_MASK_CAUSAL ? "caus" : "bidir");
    if (len < cap && cell->problem.dtype != LA_F32)
        len += (size_t)snprintf(out + len, cap - len, "%s ", la_dtype_name(cell->problem.dtype));
    if (len < cap) len += shape_words(screen, cell, out + len, cap - len);
    if (len >= cap) return;
    out += len, cap -= len;
    const la_metric_row *error = metric(attempt, "rel_rms"), *right = metric(attempt, "accuracy");
    if (attempt->outcome != LA_OUTCOME_OK) {
        snprintf(out, cap, "%s%s%s", la_outcome_word(attempt->outcome),
                 attempt->message ? ": " : "", attempt->message ? attempt->message : "");
    } else if (right) {
        snprintf(out, cap, "%s accuracy %.3f [%.3f, %.3f]  n=%" PRId64,
                 cell->task ? cell->task->name : "", right->value, right->lo, right->hi,
                 right->n_total);
    } else if (cell->task && error) {
        snprintf(out, cap, "%s off by %.3g [%.3g, %.3g] of its size  n=%" PRId64, cell->task->name,
                 error->value, error->lo, error->hi, error->n_total);
    } else if (cell->learn && cell->pass == LA_TRAIN) {
        training_words(cell, attempt, out, cap);
    } else {
        la_summary s;
        summarise(attempt, &s);
        time_words(&s, words, sizeof words);
        double rate = s.n ? cell->useful.flops / s.median : 0; /* FLOP/ns is GFLOP/s */
        len = (size_t)snprintf(out, cap, "%-34s", words);
        if (len < cap && rate > 0)
            len += (size_t)snprintf(out + len, cap - len, " %8.3g GFLOP/s", rate);
        share_words(screen, cell, attempt, rate, words, sizeof words);
        if (len < cap) len += (size_t)snprintf(out + len, cap - len, "%s", words);
        if (len < cap && attempt->workspace_peak_bytes >= 0)
            len += (size_t)snprintf(out + len, cap - len, "  %9s",
                                    la_format_bytes((double)attempt->workspace_peak_bytes, bytes));
        if (len < cap && error) snprintf(out + len, cap - len, "  err %.1e", error->value);
    }
}

/* Minutes and seconds, "14:02". */
static void clock_words(double seconds, char buf[24])
{
    long s = lround(fmin(fmax(seconds, 0), 3.5e8));
    snprintf(buf, 24, "%ld:%02ld", s / 60, s % 60);
}

/* The rounds of a learned cell are its seeds. */
static const char *turn_word(const la_run_event *event)
{
    return event->cell && event->cell->learn ? "seed" : "round";
}

/* Of a learned cell what its worker does, short enough for a narrow terminal: "flash mqar train 250/600
 * loss 1.23, 12 s left". */
static void cell_words(const la_run_event *event, char out[200])
{
    const la_cell *c = event->cell;
    char length[24];
    if (!c->learn || !event->phase) {
        la_cell_words(c, out);
        return;
    }
    snprintf(out, 200, "%s %s%s%s %s", c->variant->name, c->task->name,
             c->pass == LA_EVAL ? " " : "",
             c->pass == LA_EVAL ? la_format_count(c->seqlen, length) : "", event->phase);
}

/* "deltanet lr 0.01 350/600", "softmax 4k test" */
static size_t work_words(const la_run_work *w, bool name_task, char *out, size_t cap)
{
    const la_cell *c = w->cell;
    char length[24] = "";
    const char *phase = w->phase, *digits = strpbrk(phase, "0123456789");
    size_t len = (size_t)snprintf(out, cap, "%s", c->variant->name);
    if (name_task && len < cap) len += (size_t)snprintf(out + len, cap - len, " %s", c->task->name);
    if (len >= cap) return cap;
    if (c->pass == LA_EVAL)
        return len + (size_t)snprintf(out + len, cap - len, " %s %s",
                                      la_format_count(c->seqlen, length), phase);
    len += (size_t)snprintf(out + len, cap - len, " lr %.4g", c->learn->train.lr);
    if (len >= cap) return cap;
    /* "train 350/600 loss 1.2, 12 s left": of several only how far they are */
    if (strncmp(phase, "train ", 6) == 0 && digits)
        return len +
               (size_t)snprintf(out + len, cap - len, " %.*s", (int)strcspn(digits, " "), digits);
    return len + (size_t)snprintf(out + len, cap - len, " %s", phase);
}

/* "mqar 12/40 models, 3/80 tests, ~1:20 left; 2 at work: deltanet lr 0.01 350/600, ..." */
static void side_by_side(const la_run_event *event, char *line, size_t cap)
{
    char left[24];
    bool several = false;
    for (size_t i = 0; i < event->n_work; i++)
        several |= event->work[i].cell->task != event->cell->task;
    clock_words(event->left_s, left);
    size_t len =
        (size_t)snprintf(line, cap, "%s%s%zu/%zu models, %zu/%zu tests, ~%s left; %zu at work%s",
                         several ? "" : event->cell->task->name, several ? "" : " ",
                         event->models_done, event->models, event->tests_done, event->tests, left,
                         event->n_work, event->n_work ? ": " : "");
    for (size_t i = 0; i < event->n_work && len + 2 < cap; i++) {
        if (i) len += (size_t)snprintf(line + len, cap - len, ", ");
        len += work_words(&event->work[i], several, line + len, cap - len);
    }
}

static void progress_line(la_screen *screen, const la_run_event *event, bool stay)
{
    char line[512], cell[200] = "", spent[24], left[24], counts[160];
    size_t percent = event->total ? 100 * event->done / event->total : 100;
    if (event->cell) cell_words(event, cell);
    clock_words(event->elapsed_s, spent);
    la_format_duration(event->left_s, left);
    la_screen_counts(event->outcomes, counts, sizeof counts);
    snprintf(line, sizeof line,
             "[%s %d/%d  %zu/%zu  %zu %%]  %s  %.1f s  |  elapsed %s  left ~%s%s%s",
             turn_word(event), event->round + 1, event->rounds, event->done, event->total, percent,
             cell, event->cell_s, spent, left, *counts ? "  |  " : "", counts);
    if (event->jobs > 1 && event->cell && event->cell->learn)
        side_by_side(event, line, sizeof line);
    la_screen_clear();
    fprintf(stderr, "%.*s%s", stay ? (int)sizeof line : screen->width - 1, line, stay ? "\n" : "");
    fflush(stderr);
    screen->shown = !stay;
}

static void finished(la_screen *screen, const la_run_event *event)
{
    char row[512];
    la_outcome outcome = event->attempt->outcome;
    bool failed = outcome != LA_OUTCOME_OK && outcome != LA_OUTCOME_UNSUPPORTED &&
                  outcome != LA_OUTCOME_PREDICTED_OOM && outcome != LA_OUTCOME_PREDICTED_TIMEOUT;
    if (screen->live && !failed) return;
    la_screen_row(screen, event->cell, event->attempt, row, sizeof row);
    la_screen_clear();
    const char *on = screen->color && failed ? "\033[31m" : "", *off = *on ? "\033[0m" : "";
    fprintf(stderr, "[%s %d/%d  %zu/%zu]  %s%s%s\n", turn_word(event), event->round + 1,
            event->rounds, event->done, event->total, on, row, off);
}

void la_screen_event(const la_run_event *event, void *context)
{
    la_screen *screen = context;
    screen->done = event->done;
    screen->total = event->total;
    memcpy(screen->outcomes, event->outcomes, sizeof screen->outcomes);
    if (event->kind == LA_RUN_STATUS) progress_line(screen, event, true);
    if (screen->quiet) return;
    if (event->kind == LA_RUN_CELL && event->attempt) finished(screen, event);
    if (event->kind == LA_RUN_END)
        la_screen_clear();
    else if (screen->live)
        progress_line(screen, event, false);
}
