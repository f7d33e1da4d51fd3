/* SPDX-License-Identifier: Apache-2.0
 * The end of the report: warnings, failures, method, environment, and where the numbers come from.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "html.h"
#include "show.h"

extern const char la_page_warnings_sql[], la_page_failures_sql[], la_page_unsupported_sql[],
    la_page_stops_sql[], la_page_costs_sql[], la_page_environment_sql[], la_page_peaks_sql[],
    la_page_digest_sql[];

/* "deadbeef flash fwd 8192" a line, as links to the rows of the table. */
static void add_links(la_text *out, const char *lines)
{
    la_text_add(out, "<ul class=\"links\">");
    while (*lines) {
        size_t len = strcspn(lines, "\n"), key = strcspn(lines, " ");
        la_text piece = {0};
        la_text_add(out, "<li><a href=\"#c");
        la_text_add(&piece, "%.*s", (int)key, lines);
        la_html_text(out, la_text_str(&piece));
        la_text_release(&piece);
        la_text_add(out, "\">");
        if (key < len) la_text_add(&piece, "%.*s", (int)(len - key - 1), lines + key + 1);
        la_html_text(out, la_text_str(&piece));
        out->failed |= piece.failed;
        la_text_release(&piece);
        la_text_add(out, "</a></li>");
        lines += len + (lines[len] == '\n');
    }
    la_text_add(out, "</ul>");
}

la_status la_page_warnings(la_page *page, la_err *err)
{
    la_query *q = NULL;
    la_text *out = &page->out;
    LA_TRY(la_page_query(page, la_page_warnings_sql, NULL, &q, err));
    la_text_add(out, "<section id=\"warnings\"><h2>Warnings</h2>\n");
    bool more = true, any = false;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        double cells = la_query_named_real(q, "cells");
        la_text_add(out, any ? "<dt>" : "<dl>\n<dt>");
        any = true;
        la_html_text(out, la_query_named_text(q, "code"));
        la_text_add(out, "</dt><dd>");
        if (la_query_named_real(q, "n") > 1)
            la_text_add(out, "%.0f times, for example: ", la_query_named_real(q, "n"));
        la_html_text(out, la_query_named_text(q, "example"));
        if (cells > 0) {
            la_text_add(out, "<details><summary>%.0f cell%s</summary>", cells,
                        cells > 1 ? "s" : "");
            add_links(out, la_query_named_text(q, "touched"));
            la_text_add(out, "</details>");
        }
        la_text_add(out, "</dd>\n");
    }
    la_query_close(q);
    la_text_add(out, any ? "</dl></section>\n" : "<p>None.</p></section>\n");
    return st;
}

/* The command that measures a cell alone, as code. */
static la_status add_rerun(la_page *page, const char *cell, la_err *err)
{
    la_query *q = NULL;
    LA_TRY(la_query_open(page->store, la_rerun_sql, &cell, 1, &q, err));
    bool more = false;
    la_status st = la_query_next(q, &more, err);
    if (st == LA_OK && more && la_query_text(q, 0)) {
        la_text_add(&page->out, "<pre class=\"command\">");
        la_html_text(&page->out, la_query_text(q, 0));
        la_text_add(&page->out, "</pre>");
    }
    la_query_close(q);
    return st;
}

static la_status add_failure(la_page *page, la_query *q, la_err *err)
{
    la_text *out = &page->out;
    char length[24], cell[24];
    const char *said = la_query_named_text(q, "said"), *phase = la_query_named_text(q, "phase");
    double sign = la_query_named_real(q, "signal"), code = la_query_named_real(q, "exit_code");
    snprintf(cell, sizeof cell, "%.0f", la_query_named_real(q, "cell_id"));
    la_text_add(out, "<details class=\"failure\"><summary><b>%s</b> <a href=\"#c",
                la_query_named_text(q, "outcome"));
    la_html_text(out, la_query_named_text(q, "key"));
    la_text_add(out, "\">");
    la_html_text(out, la_query_named_text(q, "variant"));
    la_text_add(out, " ");
    la_html_text(out, la_query_named_text(q, "does"));
    la_text_add(out, " at %s</a>",
                la_format_count((int64_t)la_query_named_real(q, "seqlen"), length));
    if (*la_query_named_text(q, "message")) la_text_add(out, ": ");
    la_html_text(out, la_query_named_text(q, "message"));
    la_text_add(out, "</summary>");
    if (sign > 0) la_text_add(out, "<p>Ended by signal %.0f.</p>", sign);
    if (code > 0) la_text_add(out, "<p>Ended with code %.0f.</p>", code);
    if (*phase) {
        la_text_add(out, "<p>It was last in: ");
        la_html_text(out, phase);
        la_text_add(out, ".</p>");
    }
    if (*said) {
        la_text_add(out, "<p>Last words on stderr:</p><pre>");
        la_html_text(out, said);
        la_text_add(out, "</pre>");
    }
    la_text_add(out, "<p>To measure it again, alone:</p>");
    la_status st = add_rerun(page, cell, err);
    la_text_add(out, "</details>\n");
    return st;
}

la_status la_page_failures(la_page *page, la_err *err)
{
    la_query *q = NULL;
    la_text *out = &page->out;
    LA_TRY(la_page_query(page, la_page_failures_sql, NULL, &q, err));
    la_text_add(out, "<section id=\"failures\"><h2>Failures</h2>\n");
    bool more = true, any = false;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        any = true;
        if ((st = add_failure(page, q, err)) != LA_OK) break;
    }
    la_query_close(q);
    if (st != LA_OK) return st;
    if (!any) la_text_add(out, "<p>None.</p>\n");
    LA_TRY(la_page_table(page, la_page_unsupported_sql, "No such form", err));
    la_text_add(out, "</section>\n");
    return LA_OK;
}

la_status la_page_method(la_page *page, la_err *err)
{
    static const char text[] =
        "<section id=\"method\"><h2>Method</h2>\n<ul>\n"
        "<li>Every attempt is a process of its own. Rounds of different cells are shuffled, so "
        "that a slow "
        "minute of the machine does not hit one variant.</li>\n"
        "<li>A result is compared with a float64 reference before it is timed; beyond its "
        "tolerance the cell "
        "is <i>wrong</i> and has no time.</li>\n"
        "<li>A sample is one call, or several timed together where a call is short. Sampling ends "
        "when the "
        "interval is narrow enough (<i>target</i>), when more samples no longer narrow it "
        "(<i>settled</i>), when the time is up (<i>max_time</i>), or after few calls that are long "
        "(<i>slow</i>).</li>\n"
        "<li>Times are medians over the samples of all rounds, each round weighing the same; "
        "intervals are "
        "of order statistics, 95 %, and there is none below six calls. No sample is thrown "
        "away.</li>\n"
        "<li>Rates divide the operations that the mathematics needs (causal attention counts half) "
        "by the "
        "median time. Shares of the peak are of the rate measured on this machine with as many "
        "threads.</li>\n"
        "<li>Workspace and state are exact sizes. Resident memory is the high water that the "
        "system saw, "
        "over what was there before the first call.</li>\n"
        "<li>Intervals of accuracies are Wilson's; of several seeds their union.</li>\n</ul>\n";
    la_text_add(&page->out, "%s", text);
    LA_TRY(la_page_table(page, la_page_stops_sql, "Why sampling ended", err));
    LA_TRY(la_page_table(page, la_page_costs_sql, "Operations and bytes of one call", err));
    la_text_add(&page->out, "</section>\n");
    return LA_OK;
}

la_status la_page_environment(la_page *page, la_err *err)
{
    la_query *q = NULL;
    la_text *out = &page->out;
    LA_TRY(la_page_query(page, la_page_environment_sql, NULL, &q, err));
    la_text_add(out, "<section id=\"environment\"><h2>Environment</h2>\n"
                     "<div class=\"scroll\"><table class=\"pairs\"><tbody>\n");
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        const char *value = la_query_named_text(q, "value");
        if (!*value) continue;
        la_text_add(out, "<tr><th scope=\"row\">");
        la_html_text(out, la_query_named_text(q, "what"));
        la_text_add(out, "</th><td>");
        la_html_text(out, value);
        la_text_add(out, "</td></tr>\n");
    }
    la_query_close(q);
    la_text_add(out, "</tbody></table></div>\n");
    if (st == LA_OK) st = la_page_table(page, la_page_peaks_sql, "Measured peaks", err);
    la_text_add(out, "</section>\n");
    return st;
}

/* ---- origin ---- */

/* A word as a shell wants it. */
static void shell_word(la_text *out, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=+@%*";
    bool quoted = !*word || word[strspn(word, plain)] || strchr(word, '*');
    if (quoted) la_text_add(out, "'");
    for (; *word; word++) la_text_add(out, *word == '\'' ? "'\\''" : "%c", *word);
    if (quoted) la_text_add(out, "'");
}

static void add_command(la_text *out, const char *json)
{
    cJSON *words = cJSON_Parse(json);
    la_text line = {0};
    la_text_add(&line, "labench");
    for (const cJSON *w = words ? words->child : NULL; w; w = w->next) {
        la_text_add(&line, " ");
        shell_word(&line, cJSON_IsString(w) ? w->valuestring : "");
    }
    la_text_add(out, "<pre class=\"command\">");
    la_html_text(out, la_text_str(&line));
    la_text_add(out, "</pre>\n");
    out->failed |= line.failed;
    la_text_release(&line);
    cJSON_Delete(words);
}

static la_status add_digest(la_page *page, la_err *err)
{
    la_query *q = NULL;
    LA_TRY(la_page_query(page, la_page_digest_sql, NULL, &q, err));
    XXH3_state_t *hash = XXH3_createState();
    la_status st = hash ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "no memory for a digest");
    if (hash) XXH3_128bits_reset(hash);
    bool more = true;
    size_t rows = 0;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        rows++;
        for (int i = 0; i < la_query_columns(q); i++) {
            const char *text = la_query_text(q, i);
            XXH3_128bits_update(hash, text ? text : "", text ? strlen(text) + 1 : 1);
        }
    }
    la_query_close(q);
    if (st == LA_OK) {
        XXH128_hash_t h = XXH3_128bits_digest(hash);
        la_text_add(
            &page->out,
            "<tr><th scope=\"row\">hash of the rows</th><td><code>%016" PRIx64 "%016" PRIx64
            "</code> (XXH3-128 over %zu attempts with their samples and metrics)</td></tr>\n",
            h.high64, h.low64, rows);
    }
    XXH3_freeState(hash);
    return st;
}

static void pair(la_text *out, const char *name, const char *value)
{
    if (!*value) return;
    la_text_add(out, "<tr><th scope=\"row\">%s</th><td>", name);
    la_html_text(out, value);
    la_text_add(out, "</td></tr>\n");
}

la_status la_page_origin(la_page *page, la_err *err)
{
    static const char sql[] = "SELECT uuid, argv_json, created_utc, finished_utc, seed, rounds, "
                              "version || coalesce(', ' || git_commit, '') || iif(git_dirty, ' "
                              "with changes', '') AS build, "
                              "attempts_done || ' of ' || attempts_planned AS attempts, "
                              "(SELECT user_version FROM pragma_user_version) AS schema_version, "
                              "sqlite_version() AS sqlite "
                              "FROM v_sweep WHERE sweep_id = CAST(?1 AS INT)";
    la_query *q = NULL;
    la_text *out = &page->out;
    LA_TRY(la_page_query(page, sql, NULL, &q, err));
    bool more = false;
    la_status st = la_query_next(q, &more, err);
    la_text_add(out, "<section id=\"origin\"><h2>Where this comes from</h2>\n");
    if (st == LA_OK && more) {
        add_command(out, la_query_named_text(q, "argv_json"));
        la_text_add(out, "<div class=\"scroll\"><table class=\"pairs\"><tbody>\n");
        pair(out, "sweep", la_query_named_text(q, "uuid"));
        pair(out, "begun", la_query_named_text(q, "created_utc"));
        pair(out, "ended", la_query_named_text(q, "finished_utc"));
        pair(out, "attempts", la_query_named_text(q, "attempts"));
        pair(out, "seed", la_query_named_text(q, "seed"));
        pair(out, "rounds", la_query_named_text(q, "rounds"));
        pair(out, "labench", la_query_named_text(q, "build"));
        pair(out, "schema", la_query_named_text(q, "schema_version"));
        pair(out, "SQLite", la_query_named_text(q, "sqlite"));
        st = add_digest(page, err);
        la_text_add(out, "</tbody></table></div>\n");
    }
    la_query_close(q);
    la_text_add(out, "</section>\n");
    return st;
}
