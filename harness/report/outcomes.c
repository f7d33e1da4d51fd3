/* SPDX-License-Identifier: Apache-2.0
 * The map of a sweep: a panel for each pass and task, a row for each line, a column for each length;
 * every box says what became of its cell.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "canvas.h"

enum { ROW_PX = 21, HEAD_PX = 30, TOP_PX = 52 };

typedef struct map {
    struct panel {
        char name[64];
        la_lines lines;
    } * panels;
    size_t n_panels, cap_panels;
    double *lengths;
    size_t n_lengths;
    double left, column, height; /* pixels */
} map;

/* Colours are pale; the words carry the meaning. */
typedef struct look {
    const char *outcome, *word;
    int fill;
} look;

static const look looks[] = {
    {"planned", "not run", 0xffffff}, {"ok", "", 0xd7efe5},
    {"unsupported", "–", 0xf4f4f4},   {"oom_host", "OOM", 0xf6cfae},
    {"oom_device", "OOM", 0xf6cfae},  {"predicted_oom", "OOM (pred.)", 0xf9dfca},
    {"timeout", "timeout", 0xf8e5a8}, {"predicted_timeout", "timeout (pred.)", 0xfbf1d0},
    {"wrong", "wrong", 0xeab8d2},     {"nonfinite", "NaN", 0xeab8d2},
    {"crash", "crash", 0xe3a3a3},     {"killed", "killed", 0xe3a3a3},
    {"error", "error", 0xe3a3a3},     {"interrupted", "interrupted", 0xe6e6e6},
};

static const look *look_of(const char *outcome)
{
    for (size_t i = 0; i < LA_COUNT(looks); i++)
        if (strcmp(looks[i].outcome, outcome) == 0) return &looks[i];
    return &looks[0];
}

static bool has_panel(const map *m, const char *name)
{
    for (size_t i = 0; i < m->n_panels; i++)
        if (strcmp(m->panels[i].name, name) == 0) return true;
    return false;
}

static la_status add_panel(map *m, const char *name, la_err *err)
{
    void *grown = m->panels;
    LA_TRY(la_grow(&grown, &m->cap_panels, m->n_panels + 1, sizeof *m->panels, err));
    m->panels = grown;
    m->panels[m->n_panels] = (struct panel){0};
    snprintf(m->panels[m->n_panels++].name, sizeof m->panels[0].name, "%.60s", name);
    return LA_OK;
}

static la_status load_panels(const la_source *source, map *m, la_err *err)
{
    static const char panels[] =
        "SELECT CASE WHEN task = '' THEN pass WHEN pass = 'train' THEN task || ' training' "
        "ELSE task END AS panel, min(ordinal) "
        "FROM v_cell WHERE sweep_id = CAST(?1 AS INT) GROUP BY panel "
        "ORDER BY task <> '', panel <> 'fwd', panel";
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    la_query *q = NULL;
    LA_TRY(la_query_open(source->store, panels, (const char *[]){id}, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more)
        if (!has_panel(m, la_query_text(q, 0)) &&
            (st = add_panel(m, la_query_text(q, 0), err)) != LA_OK)
            break;
    la_query_close(q);
    return st;
}

static la_status load(const la_view *view, const char *sql, map *m, la_err *err)
{
    const char **which = la_zalloc(view->n * sizeof *which, err);
    if (!which) return LA_E_NOMEM;
    la_status st = LA_OK;
    for (size_t i = 0; i < view->n && st == LA_OK; i++) st = load_panels(&view->sources[i], m, err);
    for (size_t i = 0; i < m->n_panels && st == LA_OK; i++) {
        for (size_t k = 0; k < view->n; k++) which[k] = m->panels[i].name;
        st = la_lines_load_all(view->sources, view->n, sql, which, &m->panels[i].lines, err);
    }
    la_free(which);
    return st;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static la_status find_lengths(map *m, la_err *err)
{
    size_t points = 0;
    for (size_t i = 0; i < m->n_panels; i++)
        for (size_t j = 0; j < m->panels[i].lines.n; j++) points += m->panels[i].lines.v[j].n;
    m->lengths = la_alloc((points + 1) * sizeof *m->lengths, err);
    if (!m->lengths) return LA_E_NOMEM;
    for (size_t i = 0; i < m->n_panels; i++)
        for (size_t j = 0; j < m->panels[i].lines.n; j++)
            for (size_t k = 0; k < m->panels[i].lines.v[j].n; k++) {
                double x = m->panels[i].lines.v[j].points[k].x;
                size_t l = 0;
                while (l < m->n_lengths && m->lengths[l] != x) l++;
                if (l == m->n_lengths) m->lengths[m->n_lengths++] = x;
            }
    qsort(m->lengths, m->n_lengths, sizeof *m->lengths, ascending);
    return LA_OK;
}

static void words_of(const la_point *p, bool time, char out[32])
{
    const look *l = look_of(p->outcome);
    snprintf(out, 32, "%s", l->word);
    if (*l->word) return;
    if (isfinite(p->y) && time)
        la_gp_time(p->y, out);
    else if (isfinite(p->y))
        snprintf(out, 32, "%.3f", p->y);
    else
        snprintf(out, 32, "ok");
}

/* Rows and their words, from the top down; column heads over each panel. */
static void write_boxes(const map *m, la_text *dat, la_text *labels)
{
    double y = m->height - TOP_PX;
    for (size_t i = 0; i < m->n_panels; i++) {
        const struct panel *panel = &m->panels[i];
        bool time = strcmp(panel->name, "fwd") == 0 || strcmp(panel->name, "bwd") == 0 ||
                    strcmp(panel->name, "fwdbwd") == 0 || strcmp(panel->name, "decode") == 0 ||
                    strstr(panel->name, " training");
        la_text_add(labels, "set label ");
        la_gp_quote(labels, panel->name);
        la_text_add(labels, " at first 9, first %.1f left font ',11' tc rgb '#111111'\n", y - 10);
        for (size_t l = 0; l < m->n_lengths; l++) {
            char text[24];
            la_text_add(labels,
                        "set label '%s' at first %.1f, first %.1f center font ',9' "
                        "tc rgb '#666666'\n",
                        la_format_count((int64_t)m->lengths[l], text),
                        m->left + m->column * ((double)l + 0.5), y - 10);
        }
        y -= HEAD_PX - 8;
        for (size_t j = 0; j < panel->lines.n; j++, y -= ROW_PX) {
            const la_series *s = &panel->lines.v[j];
            la_text name = {0};
            la_text_add(&name, "%s%s", s->label, s->marked ? "†" : "");
            la_text_add(labels, "set label ");
            la_gp_quote(labels, la_text_str(&name));
            labels->failed |= name.failed;
            la_text_release(&name);
            la_text_add(labels, " at first %.1f, first %.1f right font ',10' tc rgb '#333333'\n",
                        m->left - 8, y - ROW_PX / 2.0);
            for (size_t k = 0; k < s->n; k++) {
                const la_point *p = &s->points[k];
                char words[32];
                size_t l = 0;
                while (l + 1 < m->n_lengths && m->lengths[l] != p->x) l++;
                words_of(p, time, words);
                la_text_add(dat, "%.1f %.1f %.1f %d 0x%06x ",
                            m->left + m->column * ((double)l + 0.5), y - ROW_PX / 2.0, m->column,
                            ROW_PX, (unsigned)look_of(p->outcome)->fill);
                la_dat_quote(dat, words);
                la_text_add(dat, " %.0f %s ", p->x, p->outcome);
                la_dat_quote(dat, panel->name);
                la_text_add(dat, " ");
                la_dat_quote(dat, s->label);
                la_text_add(dat, "\n");
            }
        }
        y -= 8;
    }
}

static la_status compose(const la_view *view, const la_kind *kind, const char *stem, map *m,
                         la_text *dat, la_text *gp, la_err *err)
{
    la_text caption = {0}, foot = {0}, frame = {0}, svg = {0}, png = {0};
    la_status st = la_figure_caption(view, kind, &m->panels[0].lines, &caption, err);
    if (st == LA_OK) st = la_figure_head(view, kind, dat, err);
    if (st != LA_OK) goto done;
    double widest = 60, rows = 0;
    for (size_t i = 0; i < m->n_panels; i++) {
        widest = fmax(widest, la_text_px(m->panels[i].name, 11) + 9);
        for (size_t j = 0; j < m->panels[i].lines.n; j++, rows++)
            widest = fmax(widest, la_text_px(m->panels[i].lines.v[j].label, 10) + 26);
    }
    m->left = fmin(widest, LA_FIGURE_WIDTH / 3.0);
    m->column = (LA_FIGURE_WIDTH - 10 - m->left) / (double)m->n_lengths;
    m->column = fmin(m->column, 110);
    int below = la_gp_caption(&foot, la_text_str(&caption), 0);
    m->height = TOP_PX + HEAD_PX * (double)m->n_panels + ROW_PX * rows + 13.0 * below + 16;
    foot.len = 0; /* again, now that the height is known */
    la_gp_caption(&foot, la_text_str(&caption), m->height);
    la_text_add(&frame,
                "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\n"
                "set tmargin at screen 1\nset xrange [0:%d]\nset yrange [0:%.0f]\nset label ",
                LA_FIGURE_WIDTH, m->height);
    la_gp_quote(&frame, kind->title);
    la_text_add(&frame, " at first 9, first %.0f left font ',13' tc rgb '#111111'\n%s",
                m->height - 20, la_text_str(&foot));
    write_boxes(m, dat, &frame);
    la_canvas_terminals(&view->how, stem, m->height, &svg, &png);
    const char *pairs[] = {"TITLE", kind->title,       "STEM",  stem,
                           "STYLE", la_plot_style,     "FRAME", la_text_str(&frame),
                           "SVG",   la_text_str(&svg), "PNG",   la_text_str(&png),
                           NULL};
    la_gp_fill(gp, kind->gp, pairs);
    if (caption.failed | foot.failed | frame.failed | svg.failed | png.failed | dat->failed |
        gp->failed)
        st = LA_FAIL(err, LA_E_NOMEM, "no memory for the figure %s", kind->name);
done:
    la_text_release(&caption);
    la_text_release(&foot);
    la_text_release(&frame);
    la_text_release(&svg);
    la_text_release(&png);
    return st;
}

la_status la_figure_outcomes(const la_view *view, const la_kind *kind, const char *task,
                             const char *stem, la_text *dat, la_text *gp, bool *empty, la_err *err)
{
    (void)task; /* all of them are panels of one map */
    map m = {0};
    la_status st = load(view, kind->sql, &m, err);
    if (st == LA_OK) st = find_lengths(&m, err);
    *empty = m.n_lengths == 0;
    if (st == LA_OK && !*empty) st = compose(view, kind, stem, &m, dat, gp, err);
    for (size_t i = 0; i < m.n_panels; i++) la_lines_release(&m.panels[i].lines);
    la_free(m.panels);
    la_free(m.lengths);
    return st;
}
