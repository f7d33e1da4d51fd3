/* SPDX-License-Identifier: Apache-2.0
 * Time.
 */
#ifndef LA_CLOCK_H
#define LA_CLOCK_H

#include <stdint.h>

int64_t la_now_ns(void);   /* CLOCK_MONOTONIC */
void la_utc(char buf[32]); /* "2026-11-21T03:47:11Z" */
void la_sleep_ns(int64_t ns);
#endif
