/* SPDX-License-Identifier: Apache-2.0
 * A judged table in the format that was asked for.
 */
#include "print.h"

#include <errno.h>
#include <string.h>

#include "markup.h"

la_status la_paper_print(const la_judged *judged, const la_strings *commands, const char *format,
                         int width, FILE *out, la_err *err)
{
    la_status st = LA_OK;
    errno = 0;
    if (strcmp(format, "text") == 0)
        st = la_paper_print_text(judged, commands, width, out, err);
    else if (strcmp(format, "md") == 0)
        st = la_paper_print_md(judged, commands, out, err);
    else if (strcmp(format, "latex") == 0)
        st = la_paper_print_latex(judged, commands, out, err);
    else if (strcmp(format, "json") == 0)
        st = la_paper_print_json(judged, commands, out, err);
    else if (strcmp(format, "csv") == 0)
        la_paper_print_csv(judged, out);
    else
        st = LA_FAIL(err, LA_E_ARG,
                     "there is no format '%.40s'; there is text, md, csv, latex, json", format);
    LA_TRY(st);
    if (fflush(out) != 0 || ferror(out))
        return LA_FAIL(err, LA_E_IO, "cannot write the table: %s",
                       errno ? strerror(errno) : "the write failed");
    return LA_OK;
}

la_status la_paper_print_claims(const la_judged *judged, FILE *out, la_err *err)
{
    const la_paper *paper = judged->paper;
    for (size_t k = 0; k < paper->n_claims; k++) {
        fprintf(out, "| %s | ", paper->id);
        la_md_put(paper->claims[k].text, out);
        fprintf(out, " | %s | ", la_paper_verdict_word(judged->claims[k].verdict));
        la_md_put(judged->claims[k].figure, out);
        fputs(" |\n", out);
    }
    return ferror(out) ? LA_FAIL(err, LA_E_IO, "cannot write the claims") : LA_OK;
}
