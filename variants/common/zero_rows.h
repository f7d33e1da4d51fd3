/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_ZERO_ROWS_H
#define LA_ZERO_ROWS_H

#include "labench/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zeros on the device: `rows` rows of so many bytes, `step` bytes apart; any of them may be 0. */
la_status la_zero_rows(void *to, int64_t rows, size_t bytes, size_t step, void *stream,
                       la_err *err);

#ifdef __cplusplus
}
#endif
#endif
