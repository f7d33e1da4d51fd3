/* SPDX-License-Identifier: Apache-2.0
 * Counted, aligned memory with guards. la_alloc and la_free are declared in labench/kit.h.
 *
 * LABENCH_FAULT=malloc:N makes the N-th allocation of the process fail, malloc:N:all that one and
 * every later one; the fault tests count on it.
 */
#ifndef LA_ALLOC_H
#define LA_ALLOC_H

#include <stdbool.h>

#include "labench/kit.h"

/* Bytes now live through la_alloc and la_buffer, and their high-water mark since the last reset. */
size_t la_mem_live(void);
size_t la_mem_peak(void);
void la_mem_peak_reset(void);
/* A cap on live bytes; an allocation beyond it fails as if memory had run out. 0: none. */
void la_mem_limit(size_t bytes);
/* For tests: fail allocation number n from now (1 = the next); 0 turns it off. */
void la_mem_fail_at(long n, bool and_all_later);
/* Allocations asked for since the start. */
long la_mem_count(void);

/* A tensor, state or work buffer of the harness: 64-byte aligned, guard zones before and after. */
typedef struct la_buffer {
    void *data; /* NULL when bytes is 0 */
    size_t bytes;
    void *base; /* private */
} la_buffer;

la_status la_buffer_init(la_buffer *buf, size_t bytes, la_err *err);
void la_buffer_release(la_buffer *buf); /* accepts NULL and zeroed */
/* Fills with float NaN bit patterns, so that what is read before it is written shows. */
void la_buffer_poison(la_buffer *buf);
/* False when something wrote outside the buffer. */
bool la_buffer_intact(const la_buffer *buf);

char *la_strdup(const char *s, la_err *err); /* la_free it */
/* Grows *array to hold at least n elements (doubling); keeps the contents, fails with LA_E_NOMEM. */
la_status la_grow(void **array, size_t *cap, size_t n, size_t element, la_err *err);

#endif
