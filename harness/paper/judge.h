/* SPDX-License-Identifier: Apache-2.0
 * Claims of a paper, tested on our values. Private to the tables of papers.
 */
#ifndef LA_PAPER_JUDGE_H
#define LA_PAPER_JUDGE_H

#include "paper.h"

const la_found *la_judged_cell(const la_judged *judged, size_t p, size_t r, size_t c);
/* Whether the claim speaks of this place at the scale of the judgement. */
bool la_claim_touches(const la_judged *judged, const la_paper_claim *claim, size_t p, size_t r,
                      size_t c);
/* Tests one claim; out->figure is owned. */
la_status la_claim_test(const la_judged *judged, const la_paper_claim *claim, la_claim_result *out,
                        la_err *err);

/* "0.0123", "1.98", "32768": three digits, whole numbers whole, no exponent between 1e-4 and 1e7. buf of at
 * least 32 bytes. */
const char *la_short_number(double x, char buf[32]);

#endif
