/* SPDX-License-Identifier: Apache-2.0
 * [claim NAME]: what the paper says of its values, and which cells it says it of.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "alloc.h"
#include "paper_file.h"

/* What a kind of claim may say, and how many rows it needs. */
enum { LOW_HIGH = 1, BOUND_NEEDED = 2, SENSE = 4, ALONG = 8, NUMBERS = 16 };
static const struct kind_row {
    const char *word;
    size_t rows_least, rows_most;
    int has;
} kinds[] = {
    [LA_CLAIM_BOUND] = {"bound", 1, SIZE_MAX, LOW_HIGH | BOUND_NEEDED},
    [LA_CLAIM_ORDER] = {"order", 2, SIZE_MAX, SENSE},
    [LA_CLAIM_TREND] = {"trend", 1, SIZE_MAX, SENSE | ALONG},
    [LA_CLAIM_SLOPE] = {"slope", 1, SIZE_MAX, LOW_HIGH | BOUND_NEEDED | NUMBERS},
    [LA_CLAIM_RATIO] = {"ratio", 2, 2, LOW_HIGH | SENSE},
    [LA_CLAIM_CROSSING] = {"crossing", 2, 2, LOW_HIGH | NUMBERS},
    [LA_CLAIM_GAP] = {"gap", 2, 2, LOW_HIGH | BOUND_NEEDED},
};

/* ---- keys ---- */

static la_status take_kind(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    const char *words[LA_COUNT(kinds)];
    char near[80];
    (void)scale;
    for (size_t i = 0; i < LA_COUNT(kinds); i++) {
        words[i] = kinds[i].word;
        if (strcmp(e->value, words[i]) != 0) continue;
        ((la_paper_claim *)into)->kind = (la_claim_kind)i;
        return LA_OK;
    }
    la_file_nearest(e->value, words, LA_COUNT(words), near);
    return la_file_complain(f, e,
                            "no claim is of kind '%.40s'. %sThere are bound, order, trend, slope, "
                            "ratio, crossing and gap",
                            e->value, near);
}

static la_status take_panels(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    la_paper_claim *claim = into;
    la_strings names = {0};
    (void)scale;
    la_status st = la_file_list(f, e, &names);
    for (size_t i = 0; i < f->paper->n_panels; i++) claim->panels[i] = false;
    for (size_t i = 0; i < names.n && st == LA_OK; i++) {
        size_t panel;
        st = la_file_panel(f, e, names.v[i], &panel);
        if (st == LA_OK) claim->panels[panel] = true;
    }
    la_strings_release(&names);
    return st;
}

static bool measured(const la_paper_row *row)
{
    bool any = false;
    for (int s = 0; s < LA_SCALE_COUNT; s++) any |= row->measured[s];
    return any;
}

static la_status add_row(la_paper_file *f, const la_ini_entry *e, const char *key,
                         la_paper_claim *claim)
{
    size_t r;
    LA_TRY(la_file_row(f, e, key, &r));
    if (!measured(&f->paper->rows[r]))
        return la_file_complain(f, e, "[row %.60s] has no 'select': nothing of it can be tested",
                                key);
    for (size_t i = 0; i < claim->n_rows; i++)
        if (claim->rows[i] == r) return la_file_complain(f, e, "row '%.60s' is there twice", key);
    claim->rows[claim->n_rows++] = r;
    return LA_OK;
}

static la_status take_rows(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    la_paper_claim *claim = into;
    la_strings keys = {0};
    (void)scale;
    la_status st = la_file_list(f, e, &keys);
    for (size_t i = 0; i < keys.n && st == LA_OK; i++) {
        if (i >= f->paper->n_rows)
            st = la_file_complain(f, e, "there are only %zu rows", f->paper->n_rows);
        else
            st = add_row(f, e, keys.v[i], claim);
    }
    la_strings_release(&keys);
    return st;
}

static la_status take_scales(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    return la_file_scales(f, e, ((la_paper_claim *)into)->scales);
}

static la_status take_low(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    return la_file_number(f, e, true, &((la_paper_claim *)into)->low);
}

static la_status take_high(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    return la_file_number(f, e, true, &((la_paper_claim *)into)->high);
}

static la_status take_sense(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    int *sense = &((la_paper_claim *)into)->sense;
    (void)scale;
    *sense = strcmp(e->value, "rises") == 0 ? 1 : strcmp(e->value, "falls") == 0 ? -1 : 0;
    if (*sense) return LA_OK;
    return la_file_complain(f, e, "'sense' is '%.60s': write rises or falls", e->value);
}

static la_status take_along(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    ((la_paper_claim *)into)->along_rows = strcmp(e->value, "rows") == 0;
    if (strcmp(e->value, "rows") == 0 || strcmp(e->value, "columns") == 0) return LA_OK;
    return la_file_complain(f, e, "'along' is '%.60s': write columns or rows", e->value);
}

static la_status take_slack(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    return la_file_tolerance(f, e, &((la_paper_claim *)into)->slack);
}

static const la_paper_key claim_keys[] = {
    {.name = "text", .offset = offsetof(la_paper_claim, text), .must = true},
    {.name = "kind", .take = take_kind, .must = true},
    {.name = "panels", .take = take_panels},
    {.name = "rows", .take = take_rows},
    {.name = "columns", .offset = offsetof(la_paper_claim, columns)},
    {.name = "scales", .take = take_scales},
    {.name = "slack", .take = take_slack},
    {.name = "low", .take = take_low},
    {.name = "high", .take = take_high},
    {.name = "sense", .take = take_sense},
    {.name = "along", .take = take_along},
};

/* ---- columns ---- */

/* One word of `columns`: a name, or a range of the axis. */
static bool word_means(const char *word, size_t n, const la_paper_panel *panel,
                       la_paper_scale scale, size_t c)
{
    const char *name = panel->columns.v[c];
    if (strlen(name) == n && strncmp(name, word, n) == 0) return true;
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)n, word);
    char *dots = strstr(text, "..");
    if (!dots) return false;
    *dots = '\0';
    double low = -INFINITY, high = INFINITY, at = la_panel_axis(panel, scale, c);
    if (*text && !la_paper_number(text, true, &low)) return false;
    if (dots[2] && !la_paper_number(dots + 2, true, &high)) return false;
    return at >= low && at <= high;
}

/* The next word of a list in a text that is known to be one. */
static const char *next_word(const char **at, size_t *n)
{
    const char *word = *at + strspn(*at, " \t");
    if (!*word) return NULL;
    size_t len = strcspn(word, ",");
    *at = word + len + (word[len] == ',');
    while (len > 0 && (word[len - 1] == ' ' || word[len - 1] == '\t')) len--;
    *n = len;
    return word;
}

bool la_claim_column(const la_paper_claim *claim, const la_paper_panel *panel, la_paper_scale scale,
                     size_t c)
{
    if (!la_panel_measures(panel, scale, c)) return false;
    if (!claim->columns) return true;
    const char *at = claim->columns, *word;
    size_t n;
    while ((word = next_word(&at, &n)))
        if (word_means(word, n, panel, scale, c)) return true;
    return false;
}

/* ---- what a claim needs as a whole ---- */

static la_status claim_complain(la_paper_file *f, const la_paper_claim *claim, const char *what)
{
    return la_ini_complain(&f->ini, claim->line, f->err, "[claim %.60s] %s", claim->name, what);
}

/* Every word of `columns` means one somewhere. */
static la_status check_columns(la_paper_file *f, const la_paper_claim *claim)
{
    const la_paper *p = f->paper;
    const char *at = claim->columns, *word;
    size_t n;
    while (claim->columns && (word = next_word(&at, &n))) {
        bool found = false;
        for (size_t i = 0; i < p->n_panels && !found; i++)
            for (int s = 0; s < LA_SCALE_COUNT && claim->panels[i] && !found; s++)
                for (size_t c = 0; p->scales[s] && c < p->panels[i].columns.n && !found; c++)
                    found = word_means(word, n, &p->panels[i], (la_paper_scale)s, c);
        if (found) continue;
        char text[120];
        snprintf(text, sizeof text, "names the column '%.*s', which its panels do not have",
                 (int)(n < 60 ? n : 60), word);
        return claim_complain(f, claim, text);
    }
    return LA_OK;
}

/* Panel and scale have columns that the claim means, and numbers on their axis where it needs them. */
static la_status check_axis(la_paper_file *f, const la_paper_claim *claim, size_t panel, int scale)
{
    const la_paper_panel *p = &f->paper->panels[panel];
    size_t meant = 0;
    char text[200];
    for (size_t c = 0; c < p->columns.n; c++) {
        if (!la_claim_column(claim, p, (la_paper_scale)scale, c)) continue;
        meant++;
        if (!(kinds[claim->kind].has & NUMBERS) ||
            isfinite(la_panel_axis(p, (la_paper_scale)scale, c)))
            continue;
        snprintf(text, sizeof text,
                 "needs a number for column '%.40s' of [panel %.40s]: give it a list and 'axis'",
                 p->columns.v[c], p->name);
        return claim_complain(f, claim, text);
    }
    if (!(kinds[claim->kind].has & NUMBERS) || meant >= 2) return LA_OK;
    snprintf(text, sizeof text,
             "needs two columns of [panel %.40s] at scale %s, and means %zu that are measured",
             p->name, la_scale_name((la_paper_scale)scale), meant);
    return claim_complain(f, claim, text);
}

static la_status check_rows(la_paper_file *f, const la_paper_claim *claim)
{
    const struct kind_row *kind = &kinds[claim->kind];
    char text[160];
    if (claim->n_rows < kind->rows_least || claim->n_rows > kind->rows_most) {
        snprintf(text, sizeof text, "is about %zu rows; %s needs %s%zu", claim->n_rows, kind->word,
                 kind->rows_most == kind->rows_least ? "" : "at least ", kind->rows_least);
        return claim_complain(f, claim, text);
    }
    for (size_t i = 0; i < claim->n_rows; i++) {
        const la_paper_row *row = &f->paper->rows[claim->rows[i]];
        bool in_one = false;
        for (size_t p = 0; p < f->paper->n_panels; p++)
            in_one |= claim->panels[p] && row->in_panel[p];
        if (in_one) continue;
        snprintf(text, sizeof text, "is about [row %.60s], which its panels do not have", row->key);
        return claim_complain(f, claim, text);
    }
    return LA_OK;
}

/* At each scale of the claim enough of its rows are measured. */
static la_status check_measured(la_paper_file *f, const la_paper_claim *claim)
{
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        char text[160];
        size_t n = 0;
        for (size_t i = 0; i < claim->n_rows; i++) n += f->paper->rows[claim->rows[i]].measured[s];
        if (!claim->scales[s] || n >= kinds[claim->kind].rows_least) continue;
        snprintf(text, sizeof text,
                 "finds %zu of its rows measured at scale %s; limit its 'scales'", n,
                 la_scale_name((la_paper_scale)s));
        return claim_complain(f, claim, text);
    }
    return LA_OK;
}

static la_status check_words(la_paper_file *f, const la_paper_claim *claim)
{
    const struct kind_row *kind = &kinds[claim->kind];
    bool bounded = isfinite(claim->low) || isfinite(claim->high);
    if (bounded && !(kind->has & LOW_HIGH))
        return claim_complain(f, claim, "has 'low' or 'high', which its kind does not know");
    if (!bounded && (kind->has & BOUND_NEEDED))
        return claim_complain(f, claim, "needs 'low' or 'high'");
    if (claim->low > claim->high) return claim_complain(f, claim, "has 'low' above 'high'");
    if (claim->sense && !(kind->has & SENSE))
        return claim_complain(f, claim, "has 'sense', which its kind does not know");
    if (claim->along_rows && !(kind->has & ALONG))
        return claim_complain(f, claim, "has 'along', which its kind does not know");
    if (!claim->sense && claim->kind == LA_CLAIM_TREND)
        return claim_complain(f, claim, "needs 'sense = rises' or 'falls'");
    if (!claim->sense && !bounded && claim->kind == LA_CLAIM_RATIO)
        return claim_complain(f, claim, "needs 'low', 'high' or 'sense'");
    return LA_OK;
}

la_status la_file_claim(la_paper_file *f, const la_ini_section *section, la_paper_claim *claim)
{
    la_paper *p = f->paper;
    claim->panels = la_zalloc(p->n_panels * sizeof *claim->panels, f->err);
    claim->rows = la_zalloc(p->n_rows * sizeof *claim->rows, f->err);
    if (!claim->panels || !claim->rows) return LA_E_NOMEM;
    claim->low = claim->high = NAN;
    for (size_t i = 0; i < p->n_panels; i++) claim->panels[i] = true;
    for (int s = 0; s < LA_SCALE_COUNT; s++) claim->scales[s] = p->scales[s];
    LA_TRY(la_file_take(f, section, claim_keys, LA_COUNT(claim_keys), claim));
    bool all = claim->n_rows == 0;
    for (size_t r = 0; all && r < p->n_rows; r++)
        if (measured(&p->rows[r])) claim->rows[claim->n_rows++] = r;
    LA_TRY(check_words(f, claim));
    LA_TRY(check_rows(f, claim));
    LA_TRY(check_measured(f, claim));
    LA_TRY(check_columns(f, claim));
    for (size_t i = 0; i < p->n_panels; i++)
        for (int s = 0; s < LA_SCALE_COUNT; s++)
            if (claim->panels[i] && claim->scales[s]) LA_TRY(check_axis(f, claim, i, s));
    if (claim->kind == LA_CLAIM_ORDER && !claim->sense) claim->sense = -1;
    return LA_OK;
}
