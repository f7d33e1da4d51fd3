/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <stdio.h>
#include <string.h>

static bool takes_part(const la_relation *relation, const la_variant *variant)
{
    for (int i = 0; i < 2; i++)
        if (relation->variants[i] && strcmp(relation->variants[i], variant->name) == 0) return true;
    return false;
}

la_status la_verify_variant(const la_variant *variant, const la_conformance_settings *settings,
                            la_conformance_report *report, la_err *err)
{
    LA_TRY(la_conformance_run(variant, NULL, settings, report, err));
    for (size_t i = 0; i < la_relations_count(); i++) {
        const la_relation *relation = la_relations_at(i);
        if (!takes_part(relation, variant)) continue;
        la_err why = {0};
        la_conformance_note("relation %s", relation->name);
        la_status st = la_relation_run(relation, settings->device, &why);
        if (st == LA_E_NOMEM) {
            if (err) *err = why;
            return st;
        }
        bool skipped = st == LA_E_NOTFOUND, failed = st != LA_OK && !skipped;
        report->skipped += skipped;
        report->checks += !skipped;
        if (failed && report->failures++ == 0)
            snprintf(report->first, sizeof report->first, "%s", why.msg);
        la_conformance_finding finding = {.variant = variant,
                                          .check = relation->name,
                                          .status = failed ? st : LA_OK,
                                          .skipped = skipped,
                                          .message = why.msg};
        if (settings->listener) settings->listener(&finding, settings->context);
    }
    return LA_OK;
}
