/* SPDX-License-Identifier: Apache-2.0
 * The syntax of values on the command line: sizes and ranges of sizes, bytes, seconds, numbers. Every
 * refusal names the flag, the value and what to write instead; LA_E_ARG.
 */
#ifndef LA_CLI_SIZES_H
#define LA_CLI_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "plan.h"
#include "text.h"

/* The largest count: BLAS and FFTW take 32-bit sizes. */
#define LA_COUNT_MAX ((int64_t)1 << 30)
/* More values than this in one list are a slip. */
#define LA_COUNTS_MAX 10000

/* "512,1k..8k,100k", "1k..128k:x4", "1k..8k:+1k", "1k..128k:n=9" into ascending, distinct counts.
 * A range that does not land on its end says so in *note (may be NULL). */
la_status la_sizes_parse(const char *flag, const char *text, la_counts *out, la_text *note,
                         la_err *err);
/* One size: "4k". */
la_status la_size_parse(const char *flag, const char *text, int64_t *out, la_err *err);
/* "512m", "2GiB", "1073741824". */
la_status la_bytes_parse(const char *flag, const char *text, size_t *out, la_err *err);
/* Seconds: "0.5", "200ms", "30s", "5min", "2h"; above 0. */
la_status la_seconds_parse(const char *flag, const char *text, double *out, la_err *err);
/* A number in min..max, inclusive. */
la_status la_real_parse(const char *flag, const char *text, double min, double max, double *out,
                        la_err *err);
la_status la_whole_parse(const char *flag, const char *text, int64_t min, int64_t max, int64_t *out,
                         la_err *err);
la_status la_seed_parse(const char *flag, const char *text, uint64_t *out, la_err *err);

/* The start of `text` with control bytes escaped, fit for a message. */
const char *la_quote(const char *text, char buf[64]);

#endif
