/* SPDX-License-Identifier: Apache-2.0
 * Embedding, rows that are added where they belong, and dropout.
 */
#include "layers_isa.h"

LA_INLINE void copy_out(int64_t n, const float *row, const float *position, float *x)
{
    la_vf v = get(row, n);
    if (position) v = v + get(position, n);
    put(x, v, n);
}

void LA_LAYER(embed)(int64_t N, int64_t T, int64_t D, const int32_t *tokens, const float *table,
                     const float *positions, float *x)
{
    for (int64_t i = 0; i < N; i++, x += D) {
        const float *row = table + tokens[i] * D, *at = positions ? positions + i % T * D : NULL;
        for (int64_t j = 0; j < D; j += LA_VW)
            LA_LANES(copy_out, D - j, row + j, at ? at + j : NULL, x + j);
    }
}

LA_INLINE void add_row(int64_t n, const float *dx, float *drow, float *dposition)
{
    la_vf v = get(dx, n);
    put(drow, get(drow, n) + v, n);
    if (dposition) put(dposition, get(dposition, n) + v, n);
}

void LA_LAYER(embed_grad)(int64_t N, int64_t T, int64_t D, const int32_t *tokens,
                          const la_token_jobs *jobs, const float *dx, float *dtable,
                          float *dpositions)
{
    (void)jobs;
    for (int64_t i = 0; i < N; i++, dx += D) {
        float *row = dtable + tokens[i] * D, *at = dpositions ? dpositions + i % T * D : NULL;
        for (int64_t j = 0; j < D; j += LA_VW)
            LA_LANES(add_row, D - j, dx + j, row + j, at ? at + j : NULL);
    }
}

void LA_LAYER(scatter)(int64_t n, int64_t D, const int32_t *at, int64_t first, const float *x,
                       float *y)
{
    for (int64_t i = 0; i < n; i++, x += D) {
        float *row = y + (at[i] - first) * D;
        for (int64_t j = 0; j < D; j += LA_VW) LA_LANES(add_row, D - j, x + j, row + j, NULL);
    }
}

/* ---- dropout: Philox 4x32-10 as la_random_u32 has it, BLOCKS counters at a time ----
 * A lane of 64 bits holds a word of 32 in its lower half; what its upper half holds does not matter. */

#define BLOCKS (LA_VW / 2)
typedef uint64_t words __attribute__((vector_size(LA_VW * 4)));

LA_INLINE words times(words a, words b) /* product of the lower halves */
{
#if LA_VW == 16
    return (words)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif LA_VW == 8
    return (words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (words)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

LA_INLINE words all(uint32_t x)
{
    return (words){0} + x;
}

/* The random words of blocks first..first + BLOCKS - 1, four a block. */
static void random_words(uint64_t stream, uint64_t first, uint32_t out[4 * BLOCKS])
{
    words c0 = all(0), c1, c2 = all(0), c3 = all(0);
    for (int i = 0; i < BLOCKS; i++) c0[i] = first + (uint64_t)i;
    c1 = c0 >> 32;
    uint32_t k0 = (uint32_t)stream, k1 = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        words a = times(c0, all(0xD2511F53u)), b = times(c2, all(0xCD9E8D57u));
        c0 = (b >> 32) ^ c1 ^ all(k0);
        c1 = b;
        c2 = (a >> 32) ^ c3 ^ all(k1);
        c3 = a;
    }
    for (int i = 0; i < BLOCKS; i++) {
        out[4 * i] = (uint32_t)c0[i];
        out[4 * i + 1] = (uint32_t)c1[i];
        out[4 * i + 2] = (uint32_t)c2[i];
        out[4 * i + 3] = (uint32_t)c3[i];
    }
}

void LA_LAYER(dropout)(int64_t n, float p, uint64_t stream, uint64_t first, float *x)
{
    if (!(p > 0.0f)) return;
    const uint64_t end = first + (uint64_t)n;
    const uint32_t least = p < 1.0f ? (uint32_t)((double)p * 0x1p32) : UINT32_MAX;
    const float scale = p < 1.0f ? 1.0f / (1.0f - p) : 0.0f;
    uint32_t bits[4 * BLOCKS];
    for (uint64_t from = first & ~(uint64_t)3; from < end; from += 4 * BLOCKS) {
        random_words(stream, from / 4, bits);
        if (from >= first && from + 4 * BLOCKS <= end) {
            float *part = x + (from - first);
            for (int i = 0; i < 4 * BLOCKS; i++) part[i] *= bits[i] >= least ? scale : 0.0f;
        } else {
            for (uint64_t i = from < first ? first : from; i < from + 4 * BLOCKS && i < end; i++)
                x[i - first] *= bits[i - from] >= least ? scale : 0.0f;
        }
    }
}
