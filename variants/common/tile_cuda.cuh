/* SPDX-License-Identifier: Apache-2.0
 * Products of 64 x 64 tiles by one block of four warps, from shared memory into registers.
 *
 * Buffers hold float32. For bf16 problems numbers are rounded to tf32 as they enter a buffer, and products run on the
 * matrix units, with the range of float32, so that features, states and gradients need no scaling; for
 * f16 they are three such products. For float32 problems they are products of float32, on the CUDA cores.
 *
 * A warp has 32 x 32 of the result, as two by four fragments of m16n8: in both cases, so that what is done
 * with a result does not depend on how it came about. A buffer has 64 rows, LA_TILE_ALONG floats apart where
 * a product runs along rows and LA_TILE_ACROSS where it runs across them: then the 32 lanes of a fragment
 * read 32 banks.
 */
#ifndef LA_TILE_CUDA_CUH
#define LA_TILE_CUDA_CUH

#include "labench/cuda_mma.cuh"

enum {
    LA_TILE = 64,
    LA_TILE_THREADS = 128,
    LA_TILE_ALONG = 68,
    LA_TILE_ACROSS = 72,
    LA_TILE_BUFFER = LA_TILE * LA_TILE_ACROSS, /* floats of one buffer */
};

struct la_tile_sum {
    float c[2][4][4];
};

__device__ static inline void la_tile_zero(la_tile_sum &s)
{
#pragma unroll
    for (int i = 0; i < 32; i++) s.c[i / 16][i / 4 % 4][i % 4] = 0.0f;
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

/* f(row, column, element) for all elements of this thread. */
template <typename F> __device__ static inline void la_tile_each(la_tile_sum &s, F f)
{
#pragma unroll
    for (int mt = 0; mt < 2; mt++)
#pragma unroll
        for (int nt = 0; nt < 4; nt++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                f(la_tile_row(mt, e), la_tile_column(nt, e), s.c[mt][nt][e]);
}

/* What a buffer keeps of x for products of a problem of type E. */
template <typename E> __device__ static inline float la_tile_hold(float x)
{
    return la_bits_to_float(la_tf32(x));
}

template <> __device__ inline float la_tile_hold<float>(float x)
{
    return x;
}

template <> __device__ inline float la_tile_hold<la_f16_t>(float x)
{
    return x;
}

/* One product on the matrix units. f16 has 11 bits itself: rounded to as many on the way, gradients that nearly
 * cancel would be further from the definition than f16 allows, so it takes three products. */
template <typename E>
__device__ static inline void la_tile_multiply(float c[4], const float a[4], const float b[2])
{
    uint32_t x[4], y[2];
#pragma unroll
    for (int i = 0; i < 4; i++) x[i] = la_float_to_bits(a[i]);
#pragma unroll
    for (int i = 0; i < 2; i++) y[i] = la_float_to_bits(b[i]);
    la_mma_tf32(c, x, y);
}

template <>
__device__ inline void la_tile_multiply<la_f16_t>(float c[4], const float a[4], const float b[2])
{
    la_mma_split(c, la_split4(a), la_split2(b));
}

/* How a product walks through its operands: A(row, k) = a[row ar + k ak], B(k, column) = b[k bk + column bc]. */
struct la_tile_steps {
    int ar, ak, bk, bc;
};

template <typename E> struct la_tile_products {
    __device__ static inline void add(la_tile_sum &s, const float *a, const float *b, int depth,
                                      la_tile_steps at)
    {
        const int lane = (int)threadIdx.x % 32, row = la_tile_row(0, 0),
                  column = (int)threadIdx.x / 32 % 2 * 32 + lane / 4;
        for (int k = lane % 4; k < depth; k += 8) {
            float x[2][4], y[2];
#pragma unroll
            for (int i = 0; i < 8; i++)
                x[i / 4][i % 4] =
                    a[(row + i / 4 * 16 + i % 2 * 8) * at.ar + (k + i / 2 % 2 * 4) * at.ak];
#pragma unroll
            for (int nt = 0; nt < 4; nt++) {
                for (int i = 0; i < 2; i++)
                    y[i] = b[(k + 4 * i) * at.bk + (column + nt * 8) * at.bc];
                la_tile_multiply<E>(s.c[0][nt], x[0], y);
                la_tile_multiply<E>(s.c[1][nt], x[1], y);
            }
        }
    }
};

template <> struct la_tile_products<float> {
    __device__ static inline void add(la_tile_sum &s, const float *a, const float *b, int depth,
                                      la_tile_steps at)
    {
        const int row = la_tile_row(0, 0), column = la_tile_column(0, 0);
        a += row * at.ar;
        b += column * at.bc;
#pragma unroll 1
        for (int k = 0; k < depth; k++, a += at.ak, b += at.bk) {
            float x[4], y[8];
#pragma unroll
            for (int i = 0; i < 4; i++) x[i] = a[i * 8 * at.ar];
#pragma unroll
            for (int i = 0; i < 8; i++) y[i] = b[(i / 2 * 8 + i % 2) * at.bc];
#pragma unroll
            for (int i = 0; i < 32; i++) {
                float *c = &s.c[i / 16][i / 4 % 4][i % 4];
                *c = fmaf(x[i / 16 * 2 + i % 4 / 2], y[i / 4 % 4 * 2 + i % 2], *c);
            }
        }
    }
};

/* s += A B over k < depth (the buffers hold zeros up to a multiple of 8); all threads of the block. The
 * letters say what runs along a row of each buffer: A's rows along k or along rows of the result. */
template <typename E> __device__ static inline int la_tile_depth(int depth)
{
    return sizeof(E) == sizeof(float) ? depth : (depth + 7) / 8 * 8;
}

/* A B: A [row][k], B [k][column] */
template <typename E>
__device__ static inline void la_tile_nn(la_tile_sum &s, const float *a, const float *b, int depth)
{
    la_tile_products<E>::add(s, a, b, la_tile_depth<E>(depth),
                             {LA_TILE_ALONG, 1, LA_TILE_ACROSS, 1});
}

/* A B': A [row][k], B [column][k] */
template <typename E>
__device__ static inline void la_tile_nt(la_tile_sum &s, const float *a, const float *b, int depth)
{
    la_tile_products<E>::add(s, a, b, la_tile_depth<E>(depth),
                             {LA_TILE_ALONG, 1, 1, LA_TILE_ALONG});
}

/* A' B: A [k][row], B [k][column] */
template <typename E>
__device__ static inline void la_tile_tn(la_tile_sum &s, const float *a, const float *b, int depth)
{
    la_tile_products<E>::add(s, a, b, la_tile_depth<E>(depth),
                             {1, LA_TILE_ACROSS, LA_TILE_ACROSS, 1});
}

/* f(row, column) for all 64 x 64 places, into a buffer; neighbouring threads have neighbouring columns. */
template <typename E, typename F>
__device__ static inline void la_tile_fill(float *buffer, int pitch, F f)
{
    for (int i = (int)threadIdx.x; i < LA_TILE * LA_TILE; i += LA_TILE_THREADS)
        buffer[i / LA_TILE * pitch + i % LA_TILE] = la_tile_hold<E>(f(i / LA_TILE, i % LA_TILE));
}

__device__ static inline int la_tile_left(int64_t all, int64_t from)
{
    return all - from < LA_TILE ? (int)(all - from) : (int)LA_TILE;
}

#endif
