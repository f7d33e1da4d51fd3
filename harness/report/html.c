/* SPDX-License-Identifier: Apache-2.0
 * The report of a sweep: one HTML file that needs nothing else, neither a network nor its script.
 */
#include "html.h"

#include <stdio.h>
#include <string.h>

#include "folder.h"
#include "gnuplot.h"
#include "html_pen.h"
#include "report.h"

extern const char la_page_css[], la_page_js[];

static const struct {
    const char *id, *name; /* in the row of links; NULL: not there */
    la_status (*write)(la_page *page, la_err *err);
} parts[] = {
    {"answers", "Answers", la_page_summary},    {"outcomes", "Outcomes", la_page_map},
    {"figures", "Figures", la_page_figures},    {"cells", "All cells", la_page_cells},
    {"warnings", "Warnings", la_page_warnings}, {"failures", "Failures", la_page_failures},
    {"method", "Method", la_page_method},       {"environment", "Environment", la_page_environment},
    {"origin", "Origin", la_page_origin},
};

static void begin(la_page *page, const char *name)
{
    la_text *out = &page->out;
    /* The policy lets nothing be fetched, whatever a name in the database may have smuggled in. */
    la_text_add(
        out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
             "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
             "form-action 'none'\"/>\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
             "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
             "<link rel=\"icon\" href=\"data:,\"/>\n<title>labench sweep ");
    la_html_text(out, name);
    la_text_add(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", la_page_css);
    la_html_shapes(out);
    la_text_add(out, "<nav aria-label=\"parts of the report\">");
    for (size_t i = 0; i < LA_COUNT(parts); i++)
        la_text_add(out, "<a href=\"#%s\">%s</a>", parts[i].id, parts[i].name);
    la_text_add(out, "</nav>\n<main>\n");
}

static void end(la_page *page)
{
    la_text_add(&page->out, "</main>\n<script>\n%s</script>\n</body>\n</html>\n", la_page_js);
}

la_status la_report_html(la_store *store, int64_t sweep_id, la_text *out, la_err *err)
{
    la_page page = {.store = store, .sweep_id = sweep_id};
    char name[9];
    snprintf(page.id, sizeof page.id, "%lld", (long long)sweep_id);
    LA_TRY(la_store_sweep_name(store, sweep_id, name, err));
    begin(&page, name);
    la_status st = LA_OK;
    for (size_t i = 0; i < LA_COUNT(parts) && st == LA_OK; i++) st = parts[i].write(&page, err);
    end(&page);
    if (st == LA_OK && (page.out.failed || page.rows.failed))
        st = LA_FAIL(err, LA_E_NOMEM, "no memory for the report of sweep %s", name);
    la_text_release(&page.rows);
    if (st != LA_OK) {
        la_text_release(&page.out);
        return st;
    }
    la_text_release(out);
    *out = page.out;
    return LA_OK;
}

la_status la_report_html_file(la_store *store, int64_t sweep_id, const char *path, la_err *err)
{
    char folder[4096];
    la_text page = {0};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!*name)
        return LA_FAIL(err, LA_E_ARG,
                       "'%.200s' is a folder; --out takes the file, %.200sreport.html", path, path);
    if (strlen(path) >= sizeof folder) return LA_FAIL(err, LA_E_ARG, "the path is too long");
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash ? slash - path : 1),
             slash ? path : ".");
    LA_TRY(la_report_html(store, sweep_id, &page, err));
    la_status st = la_make_folder(folder, err);
    if (st == LA_OK) st = la_write_file(folder, name, la_text_str(&page), page.len, err);
    la_text_release(&page);
    return st;
}
