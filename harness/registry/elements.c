/* SPDX-License-Identifier: Apache-2.0 */
#include "elements.h"

#include <string.h>
#include <xxhash.h>

#include "labench/bf16.h"
#include "labench/f16.h"

double la_element(const void *data, int64_t i, la_dtype dtype)
{
    if (dtype == LA_F32) return (double)((const float *)data)[i];
    if (dtype == LA_BF16) return (double)la_bf16_to_float(((const la_bf16 *)data)[i]);
    if (dtype == LA_F16) return (double)la_f16_to_float(((const la_f16 *)data)[i]);
    LA_ASSERT(dtype == LA_F64);
    return ((const double *)data)[i];
}

void la_elements_to_double(const void *data, la_dtype dtype, int64_t first, int64_t n, double *to)
{
    if (dtype == LA_F32) { /* the usual case, without a choice in the loop */
        const float *x = (const float *)data + first;
        for (int64_t i = 0; i < n; i++) to[i] = (double)x[i];
        return;
    }
    for (int64_t i = 0; i < n; i++) to[i] = la_element(data, first + i, dtype);
}

void la_elements_from_float(const float *from, int64_t n, la_dtype dtype, void *to)
{
    LA_ASSERT(dtype == LA_F32 || dtype == LA_BF16 || dtype == LA_F16);
    if (dtype == LA_F32) memcpy(to, from, (size_t)n * sizeof *from);
    for (int64_t i = 0; dtype == LA_BF16 && i < n; i++)
        ((la_bf16 *)to)[i] = la_bf16_from_float(from[i]);
    for (int64_t i = 0; dtype == LA_F16 && i < n; i++)
        ((la_f16 *)to)[i] = la_f16_from_float(from[i]);
}

void la_elements_from_double(const double *from, int64_t n, la_dtype dtype, void *to)
{
    LA_ASSERT(dtype == LA_F32 || dtype == LA_BF16 || dtype == LA_F16);
    for (int64_t i = 0; dtype == LA_F32 && i < n; i++) ((float *)to)[i] = (float)from[i];
    for (int64_t i = 0; dtype == LA_BF16 && i < n; i++)
        ((la_bf16 *)to)[i] = la_bf16_from_float((float)from[i]);
    for (int64_t i = 0; dtype == LA_F16 && i < n; i++)
        ((la_f16 *)to)[i] = la_f16_from_float((float)from[i]);
}

void la_elements_round(float *x, int64_t n, la_dtype dtype)
{
    for (int64_t i = 0; dtype == LA_BF16 && i < n; i++)
        x[i] = la_bf16_to_float(la_bf16_from_float(x[i]));
    for (int64_t i = 0; dtype == LA_F16 && i < n; i++)
        x[i] = la_f16_to_float(la_f16_from_float(x[i]));
}

enum { PIECES = 64, PIECE = 1 << 20 }; /* at most; bytes at least */

uint64_t la_elements_hash(const void *data, size_t bytes, uint64_t seed)
{
    if (bytes <= PIECE) return XXH3_64bits_withSeed(data, bytes, seed);
    size_t piece = (bytes + PIECES - 1) / PIECES;
    if (piece < PIECE) piece = PIECE;
    size_t n = (bytes + piece - 1) / piece;
    uint64_t hash[PIECES];
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < n; i++) {
        size_t at = i * piece, len = bytes - at < piece ? bytes - at : piece;
        hash[i] = XXH3_64bits_withSeed((const char *)data + at, len, seed);
    }
    return XXH3_64bits_withSeed(hash, n * sizeof *hash, seed);
}
