/* SPDX-License-Identifier: Apache-2.0
 * Cells with samples of invented times, for tests of what compares them.
 */
#ifndef LA_TEST_TIMED_CELLS_H
#define LA_TEST_TIMED_CELLS_H

#include "../store/fixture.h"

enum { TIMED_ROUNDS = 5, TIMED_SAMPLES = 12 };

/* A forward cell of T tokens whose median is about ns: rounds, and samples within one, differ by half a
 * percent, as `stream` says. */
void timed_cell(fixture *f, int64_t sweep, int64_t T, const char *variant, const char *impl,
                double ns, uint64_t stream);

#endif
