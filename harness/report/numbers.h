/* SPDX-License-Identifier: Apache-2.0
 * Measured numbers as text: no digit beyond the first uncertain one. Private to the report.
 */
#ifndef LA_NUMBERS_H
#define LA_NUMBERS_H

#include <stddef.h>

/* "7.31 ms", the digits following the interval lo..hi (NaN: three significant ones). `interval`
 * (may be NULL) receives "[7.24, 7.40]" or "". Buffers of at least 40 bytes. */
void la_number_time(double ns, double lo, double hi, char value[40], char interval[40]);
/* The same in a unit that the caller names: x / unit, "7.31" and "[7.24, 7.40]". */
void la_number_scaled(double x, double lo, double hi, double unit, char value[40],
                      char interval[40]);
/* What stands in the place of a number: "oom: needs 34.4 GiB (limit 19.2 GiB)", "unsupported", ...
 * message may be NULL; at most cap bytes, whole words of the first sentence. */
void la_number_outcome(const char *outcome, const char *message, char *out, size_t cap);

#endif
