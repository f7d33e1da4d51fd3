/* SPDX-License-Identifier: Apache-2.0
 * What `labench verify` runs: the conformance suite of each variant and the relations it takes part in.
 */
#ifndef LA_VERIFY_H
#define LA_VERIFY_H

#include "conformance.h"
#include "relations.h"

/* One variant. A relation is a finding without an impl, its name for the check; it is skipped when
 * its other variant is not in this build. */
la_status la_verify_variant(const la_variant *variant, const la_conformance_settings *settings,
                            la_conformance_report *report, la_err *err);

#endif
