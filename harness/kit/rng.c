/* SPDX-License-Identifier: Apache-2.0
 * Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), from the
 * Random123 library. The key is the stream; the counter is index / 4, and the lane index % 4.
 */
#include <math.h>
#include <string.h>
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif
#include <Random123/philox.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include "labench/kit.h"
#include "labench/simd.h"
#include "rng_tables.h"

enum { TOGETHER = 4096 }; /* blocks, or numbers to map, that a thread takes at a time */

__extension__ typedef unsigned __int128 wide;

static philox4x32_ctr_t block(uint64_t stream, uint64_t index)
{
    uint64_t n = index >> 2;
    philox4x32_ctr_t counter = {{(uint32_t)n, (uint32_t)(n >> 32), 0, 0}};
    philox4x32_key_t key = {{(uint32_t)stream, (uint32_t)(stream >> 32)}};
    return philox4x32(counter, key);
}

uint64_t la_stream(uint64_t seed, uint64_t tensor, uint64_t part)
{
    /* A Philox block of the three numbers under another counter space (the last word is set). */
    philox4x32_ctr_t counter = {
        {(uint32_t)tensor, (uint32_t)part, (uint32_t)(part >> 32), 0x6C616265u}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t r = philox4x32(counter, key);
    return (uint64_t)r.v[1] << 32 | r.v[0];
}

uint32_t la_random_u32(uint64_t stream, uint64_t index)
{
    return block(stream, index).v[index & 3];
}

uint64_t la_random_below(uint64_t stream, uint64_t index, uint64_t n)
{
    /* 64 bits scaled down: the bias is below n / 2^64. Both words are of one block. */
    philox4x32_ctr_t words = block(stream, 2 * index);
    unsigned at = index & 1 ? 2 : 0;
    uint64_t r = (uint64_t)words.v[at] << 32 | words.v[at + 1];
    return (uint64_t)(((wide)r * n) >> 64);
}

static double unit(uint32_t r)
{
    return ((double)r + 0.5) * 0x1p-32;
}

double la_random_uniform(uint64_t stream, uint64_t index)
{
    return unit(la_random_u32(stream, index));
}

/* Box-Muller on lanes (0,1) and (2,3). */
static void four_normals(uint64_t stream, uint64_t first, double out[4])
{
    philox4x32_ctr_t r = block(stream, first);
    for (int i = 0; i < 4; i += 2) {
        double radius = sqrt(-2.0 * log(unit(r.v[i])));
        double angle = 6.283185307179586 * unit(r.v[i + 1]);
        out[i] = radius * cos(angle);
        out[i + 1] = radius * sin(angle);
    }
}

double la_random_normal(uint64_t stream, uint64_t index)
{
    double z[4];
    four_normals(stream, index & ~(uint64_t)3, z);
    return z[index & 3];
}

void la_normals_plain(uint64_t stream, uint64_t block, double scale, float *out, int64_t blocks)
{
    for (int64_t b = 0; b < blocks; b++) {
        double z[4];
        four_normals(stream, 4 * (block + (uint64_t)b), z);
        for (int j = 0; j < 4; j++) out[4 * b + j] = (float)(scale * z[j]);
    }
}

void la_decays_plain(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = (float)-exp((double)x[i] - 2.0);
}

void la_gated_plain(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)((double)x[i] * (1.0 / (1.0 + exp(-(double)y[i]))));
}

void la_random_to_decays(float *x, int64_t n, int threads)
{
    la_decays_map *map = LA_ISA_TABLE(la_decays, la_isa_best());
#pragma omp parallel for num_threads(threads) if (n > TOGETHER) schedule(static)
    for (int64_t i = 0; i < n; i += TOGETHER) map(x + i, n - i < TOGETHER ? n - i : TOGETHER);
}

void la_random_to_gated(const float *x, float *y, int64_t n, int threads)
{
    la_gated_map *map = LA_ISA_TABLE(la_gated, la_isa_best());
#pragma omp parallel for num_threads(threads) if (n > TOGETHER) schedule(static)
    for (int64_t i = 0; i < n; i += TOGETHER)
        map(x + i, y + i, n - i < TOGETHER ? n - i : TOGETHER);
}

void la_random_fill_normal(uint64_t stream, uint64_t first, float *out, int64_t n, int threads)
{
    la_random_fill_scaled(stream, first, 1.0, out, n, threads);
}

void la_random_fill_scaled(uint64_t stream, uint64_t first, double scale, float *out, int64_t n,
                           int threads)
{
    int64_t head = (int64_t)((4 - (first & 3)) & 3);
    if (head > n) head = n;
    for (int64_t i = 0; i < head; i++)
        out[i] = (float)(scale * la_random_normal(stream, first + (uint64_t)i));
    int64_t blocks = (n - head) / 4;
    la_normals_fill *fill = LA_ISA_TABLE(la_normals, la_isa_best());
#pragma omp parallel for num_threads(threads) if (blocks > TOGETHER) schedule(static)
    for (int64_t b = 0; b < blocks; b += TOGETHER)
        fill(stream, (first + (uint64_t)(head + 4 * b)) / 4, scale, out + head + 4 * b,
             blocks - b < TOGETHER ? blocks - b : TOGETHER);
    for (int64_t i = head + 4 * blocks; i < n; i++)
        out[i] = (float)(scale * la_random_normal(stream, first + (uint64_t)i));
}

void la_random_permutation(uint64_t stream, int64_t *out, int64_t of, int64_t n)
{
    for (int64_t i = 0; i < of; i++) out[i] = i;
    for (int64_t i = 0; i < n && i + 1 < of; i++) {
        int64_t j = i + (int64_t)la_random_below(stream, (uint64_t)i, (uint64_t)(of - i));
        int64_t t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}
