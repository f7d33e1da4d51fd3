/* SPDX-License-Identifier: Apache-2.0
 * A judged table for programs: a row a place and a claim in CSV, everything in JSON.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "markup.h"
#include "print.h"

/* ---- CSV ---- */

static void csv_number(double x, FILE *out)
{
    fputc(',', out);
    if (isfinite(x)) la_real_put(x, out);
}

static void csv_field(const char *text, FILE *out)
{
    fputc(',', out);
    if (text && *text) la_csv_put(text, out);
}

static void csv_place(const la_judged *judged, size_t p, size_t r, size_t c, FILE *out)
{
    const la_paper *paper = judged->paper;
    const la_paper_panel *panel = &paper->panels[p];
    const la_found *f = la_judged_cell(judged, p, r, c);
    la_paper_verdict v = judged->verdicts[p][r * panel->columns.n + c];
    const la_published *row = paper->rows[r].published[p];
    char status[2] = {la_panel_status(paper, panel), 0};
    la_csv_put(paper->id, out);
    fprintf(out, ",%s,place", la_scale_name(judged->scale));
    csv_field(panel->name, out);
    csv_field(paper->rows[r].title, out);
    csv_field(panel->columns.v[c], out);
    csv_field(la_panel_here(panel, judged->scale, c), out);
    csv_field(panel->relative >= 0 || panel->base.n ? "ratio" : panel->unit, out);
    csv_field(row ? row[c].text : NULL, out);
    csv_number(f->published, out);
    csv_field(status, out);
    csv_number(f->value, out);
    csv_number(f->lo, out);
    csv_number(f->hi, out);
    csv_number(f->plain, out);
    fprintf(out, ",%" PRId64 ",%d", f->n, f->seeds);
    csv_field(v == LA_VERDICT_NOTHING ? NULL : la_paper_verdict_word(v), out);
    csv_field(f->why ? f->why : la_place_why(judged, p, r, c), out);
    fputs("\r\n", out);
}

void la_paper_print_csv(const la_judged *judged, FILE *out)
{
    const la_paper *paper = judged->paper;
    fputs("table,scale,kind,panel,row,column,here,unit,published_text,published,status,ours,lo,hi,"
          "plain,n,"
          "seeds,verdict,why\r\n",
          out);
    for (size_t p = 0; p < paper->n_panels; p++)
        for (size_t r = 0; r < paper->n_rows; r++)
            for (size_t c = 0; c < paper->panels[p].columns.n && la_panel_has_row(judged, p, r);
                 c++)
                csv_place(judged, p, r, c, out);
    for (size_t k = 0; k < paper->n_claims; k++) {
        la_csv_put(paper->id, out);
        fprintf(out, ",%s,claim,", la_scale_name(judged->scale));
        csv_field(paper->claims[k].text, out);
        fprintf(out, ",,,,,,,,,,,,,%s", la_paper_verdict_word(judged->claims[k].verdict));
        csv_field(judged->claims[k].figure, out);
        fputs("\r\n", out);
    }
}

/* ---- JSON ---- */

static void put_text(cJSON *o, const char *name, const char *text)
{
    if (text)
        cJSON_AddStringToObject(o, name, text);
    else
        cJSON_AddNullToObject(o, name);
}

static void put_number(cJSON *o, const char *name, double x)
{
    if (isfinite(x))
        cJSON_AddNumberToObject(o, name, x);
    else
        cJSON_AddNullToObject(o, name);
}

static cJSON *json_place(const la_judged *judged, size_t p, size_t r, size_t c)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    const la_found *f = la_judged_cell(judged, p, r, c);
    const la_published *row = judged->paper->rows[r].published[p];
    la_paper_verdict v = judged->verdicts[p][r * panel->columns.n + c];
    cJSON *o = cJSON_CreateObject();
    put_text(o, "row", judged->paper->rows[r].title);
    put_text(o, "column", panel->columns.v[c]);
    put_text(o, "here", la_panel_here(panel, judged->scale, c));
    put_text(o, "published_text", row ? row[c].text : NULL);
    put_number(o, "published", f->published);
    put_number(o, "ours", f->value);
    put_number(o, "lo", f->lo);
    put_number(o, "hi", f->hi);
    put_number(o, "plain", f->plain);
    put_number(o, "n", (double)f->n);
    put_number(o, "seeds", f->seeds);
    put_text(o, "verdict", v == LA_VERDICT_NOTHING ? NULL : la_paper_verdict_word(v));
    put_text(o, "why", f->why ? f->why : la_place_why(judged, p, r, c));
    return o;
}

static cJSON *json_panel(const la_judged *judged, size_t p)
{
    const la_paper *paper = judged->paper;
    const la_paper_panel *panel = &paper->panels[p];
    char status[2] = {la_panel_status(paper, panel), 0};
    cJSON *o = cJSON_CreateObject(), *places = NULL;
    put_text(o, "panel", panel->name);
    put_text(o, "title", panel->title);
    put_text(o, "unit", panel->relative >= 0 || panel->base.n ? "ratio" : panel->unit);
    put_text(o, "status", status);
    cJSON_AddBoolToObject(o, "unverified", *status == 'M');
    put_text(o, "not_comparable", panel->not_comparable[judged->scale]);
    put_text(o, "interval", la_panel_interval(judged, p));
    places = cJSON_AddArrayToObject(o, "places");
    for (size_t r = 0; r < paper->n_rows; r++)
        for (size_t c = 0; c < panel->columns.n && la_panel_has_row(judged, p, r); c++)
            cJSON_AddItemToArray(places, json_place(judged, p, r, c));
    return o;
}

static cJSON *json_claim(const la_judged *judged, size_t k)
{
    cJSON *o = cJSON_CreateObject();
    put_text(o, "claim", judged->paper->claims[k].name);
    put_text(o, "text", judged->paper->claims[k].text);
    put_text(o, "verdict", la_paper_verdict_word(judged->claims[k].verdict));
    put_text(o, "figure", judged->claims[k].figure);
    return o;
}

static void put_strings(cJSON *o, const char *name, const la_strings *strings)
{
    cJSON *list = cJSON_AddArrayToObject(o, name);
    for (size_t i = 0; strings && i < strings->n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(strings->v[i]));
}

la_status la_paper_print_json(const la_judged *judged, const la_strings *commands, FILE *out,
                              la_err *err)
{
    const la_paper *paper = judged->paper;
    char status[2] = {paper->status, 0};
    cJSON *o = cJSON_CreateObject(), *list;
    put_text(o, "format", "labench");
    put_text(o, "table", paper->id);
    put_text(o, "title", paper->title);
    put_text(o, "paper", paper->paper);
    put_text(o, "place", paper->place);
    put_text(o, "page", paper->page);
    put_text(o, "source", paper->source);
    put_text(o, "status", status);
    put_text(o, "error", paper->error);
    put_text(o, "recipe", paper->recipe);
    put_text(o, "note", paper->note);
    put_text(o, "scale", la_scale_name(judged->scale));
    put_text(o, "reduced", paper->text[judged->scale]);
    put_text(o, "tried", paper->tried[judged->scale]);
    put_text(o, "verdict", la_paper_verdict_word(judged->verdict));
    put_strings(o, "sweeps", &judged->sweeps);
    put_text(o, "machine", judged->machine);
    put_text(o, "date", judged->date);
    put_text(o, "build", judged->build);
    put_strings(o, "commands", commands);
    list = cJSON_AddArrayToObject(o, "claims");
    for (size_t k = 0; k < paper->n_claims; k++) cJSON_AddItemToArray(list, json_claim(judged, k));
    list = cJSON_AddArrayToObject(o, "panels");
    for (size_t p = 0; p < paper->n_panels; p++) cJSON_AddItemToArray(list, json_panel(judged, p));
    char *text = cJSON_Print(o);
    cJSON_Delete(o);
    if (!text) return LA_FAIL(err, LA_E_NOMEM, "out of memory for a table's JSON");
    fprintf(out, "%s\n", text);
    cJSON_free(text);
    return LA_OK;
}
