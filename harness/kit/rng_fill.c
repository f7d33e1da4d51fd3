/* SPDX-License-Identifier: Apache-2.0
 * Many normal numbers, and exponentials of many numbers, as float32: a vector of float64 at a time, with
 * the bits that the C library's functions give. A value that lies so near to the border between two floats
 * that an error of 2^-45 could move it across is made by the library's functions instead (one in a million);
 * what is computed here is nearer than 2^-49.
 *
 * log     fdlibm's scheme: x = 2^k m, m in [sqrt(1/2), sqrt(2)), s = (m - 1) / (m + 1), an odd series in s
 * sin,cos of 2 pi u: a quarter turn is taken off exactly, fdlibm's polynomials for the rest
 * exp     x = n ln 2 + r, its series to degree 13 in r, times 2^n
 */
#include <math.h>

#include "labench/simd.h"
#include "rng_tables.h"

enum { LANES = LA_VW / 2, GROUP = 16 };
typedef double vd __attribute__((vector_size(8 * LANES)));
typedef int64_t vi __attribute__((vector_size(8 * LANES)));
typedef uint64_t vu __attribute__((vector_size(8 * LANES)));
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vm __attribute__((vector_size(4 * LANES)));
typedef float v2f __attribute__((vector_size(8 * LANES)));

#define NEAR 0x1p-45 /* what a value may be off by before its float is asked of the library */

LA_INLINE vd set(double x)
{
    return x - (vd){0};
}

LA_INLINE vd square_root(vd x)
{
#if defined(__AVX512F__)
    return (vd)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
    return (vd)_mm256_sqrt_pd((__m256d)x);
#else
    for (int i = 0; i < LANES; i++) x[i] = sqrt(x[i]);
    return x;
#endif
}

/* Products of the low halves. */
LA_INLINE vu product32(vu a, vu b)
{
#if defined(__AVX512F__)
    return (vu)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vu)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#else
    return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

/* The lanes where a and b differ, as bits. */
LA_INLINE int differs(vf a, vf b)
{
#if defined(__AVX512F__)
    return _mm256_cmp_ps_mask((__m256)a, (__m256)b, _CMP_NEQ_UQ);
#elif defined(__AVX2__)
    return _mm_movemask_ps((__m128)(a != b));
#else
    vm d = a != b;
    int any = 0;
    for (int i = 0; i < LANES; i++) any |= d[i];
    return any;
#endif
}

/* The keys of the ten rounds of Philox 4x32-10 (Salmon et al. 2011). */
LA_INLINE void philox_keys(uint64_t stream, vu key[10][2])
{
    uint32_t k0 = (uint32_t)stream, k1 = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        key[round][0] = (vu){0} + k0;
        key[round][1] = (vu){0} + k1;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
}

/* Its words of the counters `count`; their upper halves are not zero. */
LA_INLINE void philox(vu key[10][2], vu count, vu c[4])
{
    const vu none = {0};
    c[0] = count, c[1] = count >> 32, c[2] = c[3] = none;
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        vu a = product32(c[0], none + 0xD2511F53u), b = product32(c[2], none + 0xCD9E8D57u);
        c[0] = (b >> 32) ^ c[1] ^ key[round][0];
        c[2] = (a >> 32) ^ c[3] ^ key[round][1];
        c[1] = b;
        c[3] = a;
    }
}

/* (r + 1/2) 2^-32 of the low half, exact: r rides in the fraction of 2^52. */
LA_INLINE vd unit(vu r)
{
    vu bits = (r & 0xFFFFFFFFu) | 0x4330000000000000u;
    return ((vd)bits - (0x1p52 - 0.5)) * 0x1p-32;
}

LA_INLINE vd logarithm(vd x) /* of positive normal numbers */
{
    /* Bits from sqrt(1/2) on: the exponent counts from there. */
    vu bits = (vu)x - 0x3FE6A09E00000000u;
    vi k = (vi)bits >> 52;
    vd f = (vd)((bits & 0xFFFFFFFFFFFFFu) + 0x3FE6A09E00000000u) - 1.0;
    vd e = (vd)((vu)(k + 1024) | 0x4330000000000000u) - (0x1p52 + 1024);
    vd s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    vd r = 1.479819860511658591e-01 * z + 1.531383769920937332e-01;
    r = r * z + 1.818357216161805012e-01;
    r = r * z + 2.222219843214978396e-01;
    r = r * z + 2.857142874366239149e-01;
    r = r * z + 3.999999999940941908e-01;
    r = r * z + 6.666666666666735130e-01;
    r = r * z;
    return e * 6.93147180369123816490e-01 -
           ((half - (s * (half + r) + e * 1.90821492927058770002e-10)) - f);
}

/* cos and sin of 2 pi u, 0 < u < 1. */
LA_INLINE void turn(vd u, vd *cosine, vd *sine)
{
    const vd magic = set(0x1.8p52);
    vd at = 4.0 * u + magic, x = (4.0 * u - (at - magic)) * 1.57079632679489661923;
    vi quarter = (vi)at;
    vd z = x * x;
    vd s = 1.58969099521155010221e-10 * z - 2.50507602534068634195e-08;
    s = s * z + 2.75573137070700676789e-06;
    s = s * z - 1.98412698298579493134e-04;
    s = s * z + 8.33333333332248946124e-03;
    s = s * z - 1.66666666666666324348e-01;
    s = s * z * x + x;
    vd c = -1.13596475577881948265e-11 * z + 2.08757232129817482790e-09;
    c = c * z - 2.75573143513906633035e-07;
    c = c * z + 2.48015872894767294178e-05;
    c = c * z - 1.38888888888741095749e-03;
    c = c * z + 4.16666666666666019037e-02;
    c = c * z * z - 0.5 * z + 1.0;
    vi odd = -(quarter & 1); /* all bits: sine and cosine change places */
    vi cs = (vi)(((vu)(quarter + 1) & 2) << 62), ss = (vi)(((vu)quarter & 2) << 62);
    *cosine = (vd)((((vi)c & ~odd) | ((vi)s & odd)) ^ cs);
    *sine = (vd)((((vi)s & ~odd) | ((vi)c & odd)) ^ ss);
}

LA_INLINE vd exponential(vd x) /* |x| below 700 */
{
    const vd magic = set(0x1.8p52);
    vd at = x * 1.44269504088896338700 + magic, n = at - magic;
    vd r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    vd y = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0;
    y = y * r + 1.0 / 39916800.0;
    y = y * r + 1.0 / 3628800.0;
    y = y * r + 1.0 / 362880.0;
    y = y * r + 1.0 / 40320.0;
    y = y * r + 1.0 / 5040.0;
    y = y * r + 1.0 / 720.0;
    y = y * r + 1.0 / 120.0;
    y = y * r + 1.0 / 24.0;
    y = y * r + 1.0 / 6.0;
    y = y * r + 0.5;
    y = y * r * r + r + 1.0;
    vu power = ((vu)at + 1023) << 52; /* the low bits of `at` are those of n */
    return y * (vd)power;
}

LA_INLINE vd widened(const float *x)
{
    vf v;
    memcpy(&v, x, sizeof v);
    return __builtin_convertvector(v, vd);
}

/* z as floats, and whether an error of `off` could change one of them. */
LA_INLINE int narrowed(vd z, vd off, vf *to)
{
    vf low = __builtin_convertvector(z - off, vf), high = __builtin_convertvector(z + off, vf);
    *to = high;
    return differs(low, high);
}

/* Where number i of a row of blocks is among the four lanes of LANES blocks. */
#define PLACE(i) (i) % 4 * LANES + (i) / 4
#define BLOCK(i) PLACE(4 * (i)), PLACE(4 * (i) + 1), PLACE(4 * (i) + 2), PLACE(4 * (i) + 3)
#if LA_VW == 16
#define HALF(i) BLOCK(i), BLOCK((i) + 1), BLOCK((i) + 2), BLOCK((i) + 3)
#elif LA_VW == 8
#define HALF(i) BLOCK(i), BLOCK((i) + 1)
#else
#define HALF(i) BLOCK(i)
#endif

/* Vectors of the four lanes of LANES blocks, block after block. */
LA_INLINE void put_blocks(const vf z[4], float *out)
{
    v2f a, b;
    memcpy(&a, z, sizeof a);
    memcpy(&b, z + 2, sizeof b);
    v2f low = __builtin_shufflevector(a, b, HALF(0));
    v2f high = __builtin_shufflevector(a, b, HALF(LANES / 2));
    memcpy(out, &low, sizeof low);
    memcpy(out + 2 * LANES, &high, sizeof high);
}

/* The normal numbers of LANES blocks from Philox' words and the radii of their pairs, and whether all of
 * them are certain. */
LA_INLINE int put_normals(const vu c[4], const vd radius[2], double scale, float *out)
{
    vf z[4];
    int unsure = 0;
    for (int i = 0; i < 2; i++) {
        vd cosine, sine, off = radius[i] * (fabs(scale) * NEAR);
        turn(unit(c[2 * i + 1]), &cosine, &sine);
        unsure |= narrowed(scale * (radius[i] * cosine), off, &z[2 * i]);
        unsure |= narrowed(scale * (radius[i] * sine), off, &z[2 * i + 1]);
    }
    put_blocks(z, out);
    return !unsure;
}

/* Step by step for GROUP vectors: their chains of operations are long, and only short loops let the core
 * work on several at a time. */
void LA_ISA(la_normals)(uint64_t stream, uint64_t block, double scale, float *out, int64_t blocks)
{
    int64_t whole = blocks / LANES * LANES;
    vu key[10][2], c[GROUP][4], count;
    vd radius[GROUP][2];
    for (int i = 0; i < LANES; i++) count[i] = block + (uint64_t)i;
    philox_keys(stream, key);
    for (int64_t b = 0; b < whole; b += GROUP * LANES) {
        int n = (int)(whole - b < GROUP * LANES ? (whole - b) / LANES : GROUP);
        for (int g = 0; g < n; g++, count += LANES) philox(key, count, c[g]);
        for (int g = 0; g < n; g++)
            for (int i = 0; i < 2; i++)
                radius[g][i] = square_root(-2.0 * logarithm(unit(c[g][2 * i])));
        for (int g = 0; g < n; g++) {
            int64_t at = b + g * LANES;
            if (!put_normals(c[g], radius[g], scale, out + 4 * at))
                la_normals_plain(stream, block + (uint64_t)at, scale, out + 4 * at, LANES);
        }
    }
    la_normals_plain(stream, block + (uint64_t)whole, scale, out + 4 * whole, blocks - whole);
}

void LA_ISA(la_decays)(float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf to;
        vd y = -exponential(widened(x + i) - 2.0);
        if (narrowed(y, y * NEAR, &to))
            la_decays_plain(x + i, LANES);
        else
            memcpy(x + i, &to, sizeof to);
    }
    la_decays_plain(x + i, n - i);
}

void LA_ISA(la_gated)(const float *x, float *y, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf to;
        vd z = widened(x + i) / (1.0 + exponential(-widened(y + i)));
        if (narrowed(z, z * NEAR, &to))
            la_gated_plain(x + i, y + i, LANES);
        else
            memcpy(y + i, &to, sizeof to);
    }
    la_gated_plain(x + i, y + i, n - i);
}
