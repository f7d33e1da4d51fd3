/* SPDX-License-Identifier: Apache-2.0
 * One width-neutral vocabulary of float vectors, for files that are compiled once per instruction set
 * (la_isa_sources in cmake/LaIsa.cmake, `ISA file.c` of la_add_variant). Such a file is written once:
 *
 *     void LA_ISA(la_thing)(float *x) { ... la_vf v = la_v_load(x); ... }
 *
 * and becomes la_thing_generic, la_thing_avx2, la_thing_avx512, each with vectors of LA_VW lanes.
 * LA_ISA_TABLE(la_thing, isa) picks one of the three at run time. Loads and stores need no alignment.
 *
 * What computes in bfloat16 is a file of its own, compiled once, for AVX-512 with bf16 dot products
 * (`BF16 file.c` of la_add_variant): la_thing_avx512_bf16, which LA_BF16_TABLE(la_thing, isa) finds.
 * Everything else at that instruction set is the AVX-512 code. A file that computes by tiles of AMX where
 * __AMX_BF16__ says so is compiled for these too (`AMX file.c`): la_thing_amx_bf16, which LA_AMX_TABLE
 * prefers to the former.
 */
#ifndef LABENCH_SIMD_H
#define LABENCH_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "labench/bf16.h"

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#define LA_ISA_PASTE_(name, suffix) name##_##suffix
#define LA_ISA_PASTE(name, suffix)  LA_ISA_PASTE_(name, suffix)
#ifdef LA_ISA_SUFFIX
#define LA_ISA(name) LA_ISA_PASTE(name, LA_ISA_SUFFIX)
#else
#define LA_ISA(name) LA_ISA_PASTE(name, generic)
#endif

/* The symbol of `name` for an la_isa value, among those this build has. */
#ifdef LA_BUILT_AVX2
#define LA_ISA_AVX2_OR(name, other) name##_avx2
#else
#define LA_ISA_AVX2_OR(name, other) other
#endif
#ifdef LA_BUILT_AVX512
#define LA_ISA_AVX512_OR(name, other) name##_avx512
#else
#define LA_ISA_AVX512_OR(name, other) other
#endif
#define LA_ISA_TABLE(name, isa)                                                                    \
    ((isa) >= LA_ISA_AVX512 ? LA_ISA_AVX512_OR(name, LA_ISA_AVX2_OR(name, name##_generic))         \
     : (isa) == LA_ISA_AVX2 ? LA_ISA_AVX2_OR(name, name##_generic)                                 \
                            : name##_generic)
/* The symbol of `name` in a bf16 file, or NULL where this build or that set has none. */
#ifdef LA_BUILT_AVX512_BF16
#define LA_BF16_TABLE(name, isa) ((isa) >= LA_ISA_AVX512_BF16 ? name##_avx512_bf16 : NULL)
#else
#define LA_BF16_TABLE(name, isa) ((void)(isa), NULL)
#endif
/* The same of a file that is compiled for AMX too. */
#ifdef LA_BUILT_AMX_BF16
#define LA_AMX_TABLE(name, isa)                                                                    \
    ((isa) >= LA_ISA_AMX_BF16 ? name##_amx_bf16 : LA_BF16_TABLE(name, isa))
#else
#define LA_AMX_TABLE(name, isa) LA_BF16_TABLE(name, isa)
#endif

/* Vectors across a panel of a caller's own kernels (la_tile.panel = LA_VPANEL LA_VW): beside the accumulators
 * of 8 rows (4 without AVX-512) they fill the register file. Panels of the tile products are wider. */
#if defined(__AVX2__)
#define LA_VPANEL 3
#else
#define LA_VPANEL 2
#endif

#define LA_INLINE static inline __attribute__((always_inline, unused))

/* ---- types, loads, stores; lanes 0..n-1 for the _n forms, the other lanes load as 0 ---- */
#if defined(__AVX512F__)
#define LA_VW 16
typedef __m512 la_vf;
typedef __mmask16 la_vmask; /* of a comparison */

LA_INLINE __mmask16 la_v_first_(int64_t n)
{
    return (__mmask16)((1u << n) - 1u);
}
LA_INLINE la_vf la_v_set(float x)
{
    return _mm512_set1_ps(x);
}
LA_INLINE la_vf la_v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
LA_INLINE void la_v_store(float *p, la_vf v)
{
    _mm512_storeu_ps(p, v);
}
LA_INLINE la_vf la_v_load_n(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps(la_v_first_(n), p);
}
LA_INLINE void la_v_store_n(float *p, la_vf v, int64_t n)
{
    _mm512_mask_storeu_ps(p, la_v_first_(n), v);
}
LA_INLINE la_vf la_v_fma(la_vf a, la_vf b, la_vf c) /* a b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}
LA_INLINE la_vf la_v_sqrt(la_vf a)
{
    return _mm512_sqrt_ps(a);
}
LA_INLINE la_vf la_v_max(la_vf a, la_vf b) /* b where either is NaN */
{
    return _mm512_max_ps(a, b);
}
LA_INLINE la_vf la_v_min(la_vf a, la_vf b) /* b where either is NaN */
{
    return _mm512_min_ps(a, b);
}
LA_INLINE la_vmask la_v_less(la_vf a, la_vf b) /* false where either is NaN */
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
LA_INLINE la_vf la_v_select(la_vmask m, la_vf yes, la_vf no)
{
    return _mm512_mask_blend_ps(m, no, yes);
}
LA_INLINE la_vf la_v_iota(void) /* 0, 1, 2, ... */
{
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
LA_INLINE float la_v_sum(la_vf v)
{
    return _mm512_reduce_add_ps(v);
}
LA_INLINE float la_v_hmax(la_vf v)
{
    return _mm512_reduce_max_ps(v);
}
/* v 2^n for whole n in [-127, 127], by the bits of the exponent: n = -127 gives exactly 0, whether or
 * not denormals are flushed. */
LA_INLINE la_vf la_v_ldexp_(la_vf v, la_vf n)
{
    __m512i bits =
        _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
    return _mm512_mul_ps(v, _mm512_castsi512_ps(bits));
}
LA_INLINE la_vf la_v_round_(la_vf v)
{
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#elif defined(__AVX2__) && defined(__FMA__)
#define LA_VW 8
typedef __m256 la_vf;
typedef __m256 la_vmask;

LA_INLINE __m256i la_v_first_(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
LA_INLINE la_vf la_v_set(float x)
{
    return _mm256_set1_ps(x);
}
LA_INLINE la_vf la_v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
LA_INLINE void la_v_store(float *p, la_vf v)
{
    _mm256_storeu_ps(p, v);
}
LA_INLINE la_vf la_v_load_n(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, la_v_first_(n));
}
LA_INLINE void la_v_store_n(float *p, la_vf v, int64_t n)
{
    _mm256_maskstore_ps(p, la_v_first_(n), v);
}
LA_INLINE la_vf la_v_fma(la_vf a, la_vf b, la_vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
LA_INLINE la_vf la_v_sqrt(la_vf a)
{
    return _mm256_sqrt_ps(a);
}
LA_INLINE la_vf la_v_max(la_vf a, la_vf b)
{
    return _mm256_max_ps(a, b);
}
LA_INLINE la_vf la_v_min(la_vf a, la_vf b)
{
    return _mm256_min_ps(a, b);
}
LA_INLINE la_vmask la_v_less(la_vf a, la_vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
LA_INLINE la_vf la_v_select(la_vmask m, la_vf yes, la_vf no)
{
    return _mm256_blendv_ps(no, yes, m);
}
LA_INLINE la_vf la_v_iota(void)
{
    return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
}
LA_INLINE float la_v_sum(la_vf v)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
LA_INLINE float la_v_hmax(la_vf v)
{
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
LA_INLINE la_vf la_v_ldexp_(la_vf v, la_vf n)
{
    __m256i bits =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(v, _mm256_castsi256_ps(bits));
}
LA_INLINE la_vf la_v_round_(la_vf v)
{
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#else /* vectors of 16 bytes in the compiler's own notation: SSE2, NEON, or plain scalars */
#define LA_VW 4
typedef float la_vf __attribute__((vector_size(16)));
typedef int32_t la_vmask __attribute__((vector_size(16)));

LA_INLINE la_vf la_v_set(float x)
{
    la_vf v = {x, x, x, x};
    return v;
}
LA_INLINE la_vf la_v_load(const float *p)
{
    la_vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
LA_INLINE void la_v_store(float *p, la_vf v)
{
    memcpy(p, &v, sizeof v);
}
LA_INLINE la_vf la_v_load_n(const float *p, int64_t n)
{
    la_vf v = {n > 0 ? p[0] : 0.0f, n > 1 ? p[1] : 0.0f, n > 2 ? p[2] : 0.0f, n > 3 ? p[3] : 0.0f};
    return v;
}
LA_INLINE void la_v_store_n(float *p, la_vf v, int64_t n)
{
    for (int64_t i = 0; i < n && i < 4; i++) p[i] = v[i];
}
LA_INLINE la_vf la_v_fma(la_vf a, la_vf b, la_vf c)
{
    return a * b + c;
}
LA_INLINE la_vf la_v_sqrt(la_vf a)
{
#if defined(__SSE2__)
    return _mm_sqrt_ps(a);
#else
    la_vf v = {__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]),
               __builtin_sqrtf(a[3])};
    return v;
#endif
}
LA_INLINE la_vmask la_v_less(la_vf a, la_vf b)
{
    return a < b;
}
LA_INLINE la_vf la_v_select(la_vmask m, la_vf yes, la_vf no)
{
    return (la_vf)((m & (la_vmask)yes) | (~m & (la_vmask)no));
}
LA_INLINE la_vf la_v_max(la_vf a, la_vf b)
{
    return la_v_select(b < a, a, b);
}
LA_INLINE la_vf la_v_min(la_vf a, la_vf b)
{
    return la_v_select(a < b, a, b);
}
LA_INLINE la_vf la_v_iota(void)
{
    la_vf v = {0, 1, 2, 3};
    return v;
}
LA_INLINE float la_v_sum(la_vf v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}
LA_INLINE float la_v_hmax(la_vf v)
{
    float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
}
LA_INLINE la_vf la_v_ldexp_(la_vf v, la_vf n)
{
    /* 1.5 2^23 + 127 + n holds 127 + n in its low bits: no conversion needed. */
    la_vmask bits = (la_vmask)(n + la_v_set(12582912.0f + 127.0f)) << 23;
    return v * (la_vf)bits;
}
LA_INLINE la_vf la_v_round_(la_vf v)
{
    /* Exact for |v| < 2^22. */
    la_vf magic = la_v_set(12582912.0f);
    return (v + magic) - magic;
}
#endif

LA_INLINE float la_v_hmin(la_vf v)
{
    return -la_v_hmax(la_v_set(0.0f) - v);
}

/* The p near 1 of exp(x) = p 2^n, for a whole n next to x / ln 2, by the Cephes scheme (Moshier): a polynomial of
 * degree 6 in r = x - n ln 2, which is below 0.35. */
LA_INLINE la_vf la_v_exp_fraction_(la_vf x, la_vf n)
{
    /* ln 2 in two pieces; the product with the first is exact. */
    la_vf r = la_v_fma(n, la_v_set(-0.693359375f), x);
    r = la_v_fma(n, la_v_set(2.12194440e-4f), r);
    la_vf y = la_v_set(1.9875691500e-4f);
    y = la_v_fma(y, r, la_v_set(1.3981999507e-3f));
    y = la_v_fma(y, r, la_v_set(8.3334519073e-3f));
    y = la_v_fma(y, r, la_v_set(4.1665795894e-2f));
    y = la_v_fma(y, r, la_v_set(1.6666665459e-1f));
    y = la_v_fma(y, r, la_v_set(5.0000001201e-1f));
    return la_v_fma(y, r * r, r) + la_v_set(1.0f);
}

/* exp by that polynomial, times 2^n.
 * Relative error below 3e-7; 0 below -87.33 (results there would be denormal), infinity above 88.72,
 * NaN for NaN; exp(0) is exactly 1. */
LA_INLINE la_vf la_v_exp(la_vf x)
{
    const la_vf low = la_v_set(-87.33f), high = la_v_set(88.72283f);
    la_vf n = la_v_round_(la_v_min(la_v_max(x, low), high) * la_v_set(1.44269504088896341f));
    n = la_v_min(n, la_v_set(127.0f)); /* 2^128 would overflow before the product is formed */
    la_vf y = la_v_ldexp_(la_v_exp_fraction_(x, n), n);
    y = la_v_select(la_v_less(x, low), la_v_set(0.0f), y);
    return la_v_select(la_v_less(high, x), la_v_set(__builtin_inff()), y);
}

/* 2^r for |r| <= 1/2, 1 at 0. */
LA_INLINE la_vf la_v_exp2_half_(la_vf r)
{
    la_vf y = la_v_set(1.5594678e-4f);
    y = la_v_fma(y, r, la_v_set(1.3406644e-3f));
    y = la_v_fma(y, r, la_v_set(9.6176930e-3f));
    y = la_v_fma(y, r, la_v_set(5.5503106e-2f));
    y = la_v_fma(y, r, la_v_set(2.4022653e-1f));
    y = la_v_fma(y, r, la_v_set(6.9314721e-1f));
    return la_v_fma(y, r, la_v_set(1.0f));
}

/* 2^(n + r) for whole n in [-127, 127] and |r| <= 1/2; 0 for n = -127. */
LA_INLINE la_vf la_v_exp2_(la_vf n, la_vf r)
{
    return la_v_ldexp_(la_v_exp2_half_(r), n);
}

/* 2^x for x <= 127, for softmax weights: relative error below 2e-7, 1 at 0. Below -150 (-inf too) exactly 0;
 * from -126 down to there 0, or a denormal number in a process that keeps those. Cheaper than la_v_exp:
 * no reduction in two steps and nothing to guard above. NaN stays NaN. */
LA_INLINE la_vf la_v_exp2(la_vf x)
{
#if defined(__AVX512DQ__)
    /* 2^r for 0 <= r <= 1, times 2^floor(x), which the instruction forms; r is 0 for -inf. */
    la_vf r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    la_vf y = la_v_set(2.1565985e-4f);
    y = la_v_fma(y, r, la_v_set(1.2482288e-3f));
    y = la_v_fma(y, r, la_v_set(9.6737752e-3f));
    y = la_v_fma(y, r, la_v_set(5.5486184e-2f));
    y = la_v_fma(y, r, la_v_set(2.4022909e-1f));
    y = la_v_fma(y, r, la_v_set(6.9314706e-1f));
    y = la_v_fma(y, r, la_v_set(1.0f));
    return _mm512_scalef_ps(y, x);
#else
    x = la_v_max(la_v_set(-127.0f), x);
    la_vf n = la_v_round_(x);
    return la_v_exp2_(n, x - n);
#endif
}

/* exp(x) for x <= 0, at the price of la_v_exp2: relative error below 2e-7 + 2e-8 |x|, 0 below -87.7, 1 at 0.
 * NaN stays NaN. */
LA_INLINE la_vf la_v_exp_falling(la_vf x)
{
    const la_vf log2_e = la_v_set(1.44269504088896341f);
    x = la_v_max(la_v_set(-88.0f), x);
    la_vf n = la_v_round_(x * log2_e);
    return la_v_exp2_(n, la_v_fma(x, log2_e, la_v_set(0.0f) - n));
}

#if defined(__AVX512F__)
/* A square of 16 x 16 lanes changes rows for columns: pairs, quarters, eighths, halves. */
LA_INLINE void la_v_turn(__m512i r[16])
{
    __m512i t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    /* r[4 q + c] holds, in its part p, column 4 p + c of rows 4 q .. 4 q + 3. */
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        t[c] = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88);     /* parts 0 and 2 */
        t[4 + c] = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd); /* parts 1 and 3 */
        t[8 + c] = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
        t[12 + c] = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        r[c] = _mm512_shuffle_i32x4(t[c], t[8 + c], 0x88);
        r[8 + c] = _mm512_shuffle_i32x4(t[c], t[8 + c], 0xdd);
        r[4 + c] = _mm512_shuffle_i32x4(t[4 + c], t[12 + c], 0x88);
        r[12 + c] = _mm512_shuffle_i32x4(t[4 + c], t[12 + c], 0xdd);
    }
}
#endif

/* ---- bfloat16, in files compiled for it ---- */
#if defined(__AVX512BF16__)
/* 16 pairs of neighbours along the inner dimension of a product: the earlier one in the low half. */
typedef __m512i la_vb;

LA_INLINE la_vb la_v_pairs(const void *p) /* 16 pairs, 64 bytes */
{
    return _mm512_loadu_si512(p);
}
LA_INLINE la_vb la_v_pairs_n(const void *p, int64_t n) /* n pairs, the others 0 */
{
    return _mm512_maskz_loadu_epi32(la_v_first_(n), p);
}
LA_INLINE la_vb la_v_pair(uint32_t pair) /* the same in every lane */
{
    return _mm512_set1_epi32((int)pair);
}
/* c + low(a) low(b) + high(a) high(b), lane by lane, in float32. */
LA_INLINE la_vf la_v_dot2(la_vb a, la_vb b, la_vf c)
{
    return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
}
/* Lane by lane (low, high), rounded. */
LA_INLINE la_vb la_v_pair_of(la_vf low, la_vf high)
{
    const __m512i turns = _mm512_setr_epi32(
        0x100000, 0x110001, 0x120002, 0x130003, 0x140004, 0x150005, 0x160006, 0x170007, 0x180008,
        0x190009, 0x1a000a, 0x1b000b, 0x1c000c, 0x1d000d, 0x1e000e, 0x1f000f);
    return _mm512_permutexvar_epi16(turns, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}
LA_INLINE la_vf la_v_low(la_vb pairs)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}
LA_INLINE la_vf la_v_high(la_vb pairs)
{
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000u)));
}
/* 16 consecutive elements, widened or rounded on the way. */
LA_INLINE la_vf la_v_load_bf16(const la_bf16 *p)
{
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i_u *)p)), 16));
}
LA_INLINE la_vf la_v_load_bf16_n(const la_bf16 *p, int64_t n)
{
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(la_v_first_(n), p)), 16));
}
LA_INLINE void la_v_store_bf16(la_bf16 *p, la_vf v)
{
    _mm256_storeu_si256((__m256i_u *)p, (__m256i)_mm512_cvtneps_pbh(v));
}
LA_INLINE void la_v_store_bf16_n(la_bf16 *p, la_vf v, int64_t n)
{
    _mm256_mask_storeu_epi16(p, la_v_first_(n), (__m256i)_mm512_cvtneps_pbh(v));
}
#endif

#if defined(__AMX_BF16__)
/* Eight tiles of 16 rows, numbered 0 to 7: literals in the macros below. A product adds to a tile of
 * float32 [16,16] those of pairs [16,16], rows of A, with pairs [16,16] as tile.h has them in B. Denormals
 * count as 0, and each pair's two products are added before the float32 is. In 16 cycles it does what dot
 * products do in 256; a load takes 8, a store 16, a configuration 200.
 *
 * la_amx_leave: the thread has none any more; with some, every switch to another would have 8 KiB more
 * to save. */
typedef struct la_amx_config {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} la_amx_config;

/* Steps of `first` pairs are for 4 as A and 5 as B, those of `second` for 6 and 7. */
LA_INLINE void la_amx_enter(int first, int second)
{
    la_amx_config c __attribute__((aligned(64))) = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        int pairs = t < 6 ? first : second;
        c.bytes[t] = (uint16_t)(t == 4 || t == 6 ? 4 * pairs : 64);
        c.rows[t] = (uint8_t)(t == 5 || t == 7 ? pairs : 16);
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(c));
}
LA_INLINE void la_amx_leave(void)
{
    __asm__ volatile("tilerelease" ::: "memory");
}
/* The compiler's own forms of these do not tell it that memory is read. */
#define LA_AMX_LOAD(tile, from, words)                                                             \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"(4 * (int64_t)(words))     \
                     : "memory")
#define LA_AMX_STORE(tile, to, words)                                                              \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"(4 * (int64_t)(words))   \
                     : "memory")
#define LA_AMX_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile ::)
#define LA_AMX_MULTIPLY(sum, a, b)                                                                 \
    __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sum ::)
#endif

#endif
