/* SPDX-License-Identifier: Apache-2.0
 * What `labench verify` runs: the conformance suite of each variant and the relations it takes part in.
 */
#ifndef LA_VERIFY_H
#define LA_VERIFY_H

#include "conformance.h"
#include "relations.h"

/* One variant. A relation is a finding without an impl, its name for the check; it is skipped when
 * its other variant is not in this build. */
la_status la_verify_variant(const la_variant *variant, const la_device *device, la_level level,
                            la_conformance_listener listener, void *context,
                            la_conformance_report *report, la_err *err);

/* Several variants; the report adds up. LA_E_WRONG, with the first failure, when anything failed. */
la_status la_verify(const la_variant *const *variants, size_t n, const la_device *device,
                    la_level level, la_conformance_listener listener, void *context,
                    la_conformance_report *report, la_err *err);

#endif
