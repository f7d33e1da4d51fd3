/* SPDX-License-Identifier: Apache-2.0
 * Arrays whose type is known at run time, as the harness reads and writes them: one element or a whole
 * array, to and from float and double. f32, bf16, f16 and f64.
 */
#ifndef LA_ELEMENTS_H
#define LA_ELEMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "labench/problem.h"

double la_element(const void *data, int64_t i, la_dtype dtype);
/* n elements from number `first` on. */
void la_elements_to_double(const void *data, la_dtype dtype, int64_t first, int64_t n, double *to);
/* n elements to the start of an array of the type, rounded to nearest even. */
void la_elements_from_float(const float *from, int64_t n, la_dtype dtype, void *to);
void la_elements_from_double(const double *from, int64_t n, la_dtype dtype, void *to);
/* Each value becomes the nearest of the type. */
void la_elements_round(float *x, int64_t n, la_dtype dtype);
/* A hash of the bytes, the same with any number of threads; large arrays are read by all of them. */
uint64_t la_elements_hash(const void *data, size_t bytes, uint64_t seed);

#endif
