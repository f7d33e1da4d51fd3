/* SPDX-License-Identifier: Apache-2.0
 * Options of a variant or task: a table says name, type, place in the options struct, default, range
 * and help; parsing, printing, refusals and documentation come from the table alone.
 */
#ifndef LABENCH_OPTIONS_H
#define LABENCH_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum la_option_type {
    LA_OPTION_INT,    /* int64_t at offset */
    LA_OPTION_REAL,   /* double at offset */
    LA_OPTION_BOOL,   /* int64_t at offset, 0 or 1; also spelled no/yes, false/true, off/on */
    LA_OPTION_CHOICE, /* int64_t at offset: index into choices */
} la_option_type;

typedef struct la_option {
    const char *name;
    la_option_type type;
    size_t offset;
    double def;                 /* default; for a choice its index */
    double min, max;            /* inclusive; ignored for bool and choice */
    const char *const *choices; /* NULL-terminated, for LA_OPTION_CHOICE */
    const char *help;           /* one line */
} la_option;

/* Fills `opts` (of the variant's options_size) with the defaults. */
LA_API void la_options_default(const la_option *table, size_t n, void *opts);
/* Sets one option from text; the refusal names the option, the value and what is allowed.
 * `owner` is the variant's or task's name, for the message. */
LA_API la_status la_options_set(const la_option *table, size_t n, void *opts, const char *owner,
                                const char *key, const char *value, la_err *err);
/* Canonical JSON object of all options (keys sorted as in the table), e.g. {"map":"elu"}. Writes at
 * most cap bytes with the NUL and returns the length it needs, as snprintf does. */
LA_API size_t la_options_json(const la_option *table, size_t n, const void *opts, char *out,
                              size_t cap);

#ifdef __cplusplus
}
#endif
#endif
