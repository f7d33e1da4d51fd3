/* SPDX-License-Identifier: Apache-2.0
 * Products of 64 x 64 tiles by one block of four warps, from shared memory into registers, on the matrix units.
 *
 * A buffer holds numbers as sums of bf16 planes, each with 8 bits of them and the range of float32: features,
 * states and gradients need no scaling. One plane holds a bf16, two an f16, and three a float32. Products are those of planes i and j with i + j below the larger number of planes: 1, 3 and
 * 6 of m16n8k16, the last as many as three of tf32 cost.
 *
 * A warp has 32 x 32 of the result, as two by four fragments of m16n8. Rows of a buffer are 144 bytes apart, so
 * that the eight rows of a matrix load lie in different banks, whichever way it turns them.
 */
#ifndef LA_TILE_CUDA_CUH
#define LA_TILE_CUDA_CUH

#include "labench/cuda_mma.cuh"

enum {
    LA_TILE = 64,
    LA_TILE_THREADS = 128,
    LA_TILE_BLOCKS = 4, /* of one multiprocessor: 128 registers a thread, */
    LA_TILE_FEWER = 3,  /* or 168, where two results are under way */
    LA_TILE_PITCH = 72,
    LA_TILE_PLANE = LA_TILE * LA_TILE_PITCH, /* numbers of one plane of a buffer */
};

/* Planes of what a problem brings (own) and of sums of that, where they enter another product (between). */
template <typename E> struct la_tile_planes {
    static const int own = 3, between = 3;
};
template <> struct la_tile_planes<la_f16_t> {
    static const int own = 2, between = 2;
};
template <> struct la_tile_planes<la_bf16_t> {
    static const int own = 1, between = 2;
};

/* Bytes of shared memory for buffers of `planes` in all. */
static inline size_t la_tile_bytes(int planes)
{
    return (size_t)planes * LA_TILE_PLANE * sizeof(la_bf16_t);
}

/* c[m][n] += a[m] b[n] of numbers that are sums of planes: the products of planes i and j, the small ones first. */
#ifdef __CUDACC__
template <int PA, int PB, int M, int N>
__device__ static inline void la_tile_multiply(float (&c)[M][N][4], const uint32_t (&a)[PA][M][4],
                                               const uint32_t (&b)[PB][N][2])
{
#pragma unroll
    for (int level = (PA > PB ? PA : PB) - 1; level >= 0; level--)
#pragma unroll
        for (int i = 0; i < PA; i++)
#pragma unroll
            for (int at = 0; at < M * N; at++)
                if (level - i >= 0 && level - i < PB)
                    la_mma<la_bf16_t>(c[at / N][at % N], a[i][at / N], b[level - i][at % N]);
}
#else
/* Of the emulator the planes of a number are added first, since a product costs it an exchange among 32 threads;
 * what a device leaves out is below the last bit. */
static inline float la_tile_word(uint32_t word, int half)
{
    return la_bits_to_float(half ? word & 0xffff0000u : word << 16);
}

template <int PA, int PB, int M, int N>
static inline void la_tile_multiply(float (&c)[M][N][4], const uint32_t (&a)[PA][M][4],
                                    const uint32_t (&b)[PB][N][2])
{
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            la_emulator::fragments mine = {};
            float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
            for (int p = PA; p-- > 0;)
                for (int i = 0; i < 8; i++)
                    mine.a[i / 2][i % 2] += la_tile_word(a[p][m][i / 2], i % 2);
            for (int p = PB; p-- > 0;)
                for (int i = 0; i < 4; i++)
                    mine.b[i / 2][i % 2] += la_tile_word(b[p][n][i / 2], i % 2);
            la_emulator::give(&mine, sizeof mine);
            la_emulator::multiply(sum, 2);
            for (int e = 0; e < 4; e++) c[m][n][e] += sum[e];
        }
}
#endif

template <bool TURNED>
__device__ static inline void la_tile_matrices(uint32_t r[4], const void *row)
{
    if (TURNED)
        la_ldmatrix_x4_trans(r, row);
    else
        la_ldmatrix_x4(r, row);
}

struct la_tile_sum {
    float c[2][2][2][4]; /* halves of the columns, fragments down and across, elements */
};

__device__ static inline void la_tile_zero(la_tile_sum &s)
{
#pragma unroll
    for (int i = 0; i < 32; i++) s.c[i / 16][i / 8 % 2][i / 4 % 2][i % 4] = 0.0f;
}

/* Row and column of element e of fragment (mt, nt) of this thread. */
__device__ static inline int la_tile_row(int mt, int e)
{
    int thread = (int)threadIdx.x;
    return thread / 64 * 32 + mt * 16 + thread % 32 / 4 + e / 2 * 8;
}

__device__ static inline int la_tile_column(int nt, int e)
{
    int thread = (int)threadIdx.x;
    return thread / 32 % 2 * 32 + nt * 8 + thread % 4 * 2 + e % 2;
}

/* f(row, column, x) for all elements of this thread, x the element and its neighbour in column + 1. */
template <typename F> __device__ static inline void la_tile_each(la_tile_sum &s, F f)
{
#pragma unroll
    for (int mt = 0; mt < 2; mt++)
#pragma unroll
        for (int e = 0; e < 4; e += 2)
#pragma unroll
            for (int nt = 0; nt < 4; nt++)
                f(la_tile_row(mt, e), la_tile_column(nt, e), s.c[nt / 2][mt][nt % 2] + e);
}

/* What a plane leaves of x to the next ones. */
__device__ static inline uint32_t la_tile_take(float *low, float *high)
{
    uint32_t word = la_pack2<la_bf16_t>(*low, *high);
    *low -= la_bits_to_float(word << 16);
    *high -= la_bits_to_float(word & 0xffff0000u);
    return word;
}

/* Neighbours from an even column on. */
template <int P>
__device__ static inline void la_tile_put2(la_bf16_t *buffer, int row, int column, float x[2])
{
    la_bf16_t *to = buffer + row * LA_TILE_PITCH + column;
#pragma unroll
    for (int p = 0; p < P; p++)
        *(uint32_t *)(void *)(to + p * LA_TILE_PLANE) = la_tile_take(x, x + 1);
}

/* f(row, column, x) for all 64 x 64 places, four neighbours x at a time, into a buffer. Four of them are asked for
 * before the first is written, so that as many loads are on their way. */
template <int P, typename F> __device__ static inline void la_tile_fill(la_bf16_t *buffer, F f)
{
    const int row = (int)threadIdx.x / 16, column = (int)threadIdx.x % 16 * 4;
    la_bf16_t *to = buffer + row * LA_TILE_PITCH + column;
#pragma unroll 1
    for (int from = 0; from < LA_TILE; from += 32) {
        float x[4][4];
#pragma unroll
        for (int i = 0; i < 4; i++) f(row + from + 8 * i, column, x[i]);
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int p = 0; p < P; p++) {
                uint2 words;
                words.x = la_tile_take(x[i], x[i] + 1);
                words.y = la_tile_take(x[i] + 2, x[i] + 3);
                int at = p * LA_TILE_PLANE + (from + 8 * i) * LA_TILE_PITCH;
                *(uint2 *)(void *)(to + at) = words;
            }
    }
}

/* The number in a place of a buffer. */
template <int P>
__device__ static inline float la_tile_at(const la_bf16_t *buffer, int row, int column)
{
    float x = 0.0f;
#pragma unroll
    for (int p = P - 1; p >= 0; p--)
        x += la_to_float(buffer[p * LA_TILE_PLANE + row * LA_TILE_PITCH + column]);
    return x;
}

/* s += A B over k < depth (the buffers hold zeros up to a multiple of 16); all threads of the block. PA, PB: planes
 * of A and B. AT: A lies as [k][row], else [row][k]; BT: B lies as [column][k], else [k][column]. */
template <int PA, int PB, bool AT, bool BT>
__device__ static inline void la_tile_product(la_tile_sum &s, const la_bf16_t *a,
                                              const la_bf16_t *b, int depth)
{
    const int lane = (int)threadIdx.x % LA_WARP, low = lane % 8, second = lane / 8 % 2,
              third = lane / 16, warp = (int)threadIdx.x / LA_WARP;
    const int row = warp / 2 * 32, column = warp % 2 * 32;
    a += AT ? (low + third * 8) * LA_TILE_PITCH + row + second * 8
            : (row + low + second * 8) * LA_TILE_PITCH + third * 8;
    b += BT ? (column + low + third * 8) * LA_TILE_PITCH + second * 8
            : (low + second * 8) * LA_TILE_PITCH + column + third * 8;
#pragma unroll 1
    for (int k = 0; k < depth; k += 16) {
        uint32_t x[PA][2][4];
#pragma unroll
        for (int p = 0; p < PA; p++)
#pragma unroll
            for (int mt = 0; mt < 2; mt++)
                la_tile_matrices<AT>(x[p][mt], a + p * LA_TILE_PLANE +
                                                   (AT ? mt * 16 : mt * 16 * LA_TILE_PITCH));
#pragma unroll
        for (int half = 0; half < 2; half++) {
            uint32_t y[PB][2][2], r[4];
#pragma unroll
            for (int p = 0; p < PB; p++) {
                la_tile_matrices<!BT>(r, b + p * LA_TILE_PLANE +
                                             (BT ? half * 16 * LA_TILE_PITCH : half * 16));
                y[p][0][0] = r[0], y[p][0][1] = r[1], y[p][1][0] = r[2], y[p][1][1] = r[3];
            }
            la_tile_multiply(s.c[half], x, y);
        }
        a += AT ? 16 * LA_TILE_PITCH : 16;
        b += BT ? 16 : 16 * LA_TILE_PITCH;
    }
}

/* A B: A [row][k], B [k][column] */
template <int PA, int PB>
__device__ static inline void la_tile_nn(la_tile_sum &s, const la_bf16_t *a, const la_bf16_t *b,
                                         int depth)
{
    la_tile_product<PA, PB, false, false>(s, a, b, depth);
}

/* A B': A [row][k], B [column][k] */
template <int PA, int PB>
__device__ static inline void la_tile_nt(la_tile_sum &s, const la_bf16_t *a, const la_bf16_t *b,
                                         int depth)
{
    la_tile_product<PA, PB, false, true>(s, a, b, depth);
}

/* A' B: A [k][row], B [k][column] */
template <int PA, int PB>
__device__ static inline void la_tile_tn(la_tile_sum &s, const la_bf16_t *a, const la_bf16_t *b,
                                         int depth)
{
    la_tile_product<PA, PB, true, false>(s, a, b, depth);
}

__device__ static inline int la_tile_left(int64_t all, int64_t from)
{
    return all - from < LA_TILE ? (int)(all - from) : (int)LA_TILE;
}

#endif
