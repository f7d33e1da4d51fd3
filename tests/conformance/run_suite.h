/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_TEST_RUN_SUITE_H
#define LA_TEST_RUN_SUITE_H

#include "conformance.h"

typedef enum { SUITE_PASSED, SUITE_FAILED, SUITE_EMPTY /* all of it was skipped */ } suite_result;

/* Runs the conformance suite of an impl (NULL: of all that the device has) and prints what is not as it should be, a
 * screen of it, and the counts behind `what`. */
suite_result run_suite(const char *what, const la_variant *variant, const la_impl *impl,
                       const la_device *device, la_level level);

#endif
