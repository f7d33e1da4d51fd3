/* SPDX-License-Identifier: Apache-2.0
 * Tiles of rows in shared memory, and the fragments of matrix products made of them: the same calls for bf16 and
 * f16 (mma m16n8k16 behind ldmatrix) and for float32 (three tf32 products behind plain loads).
 *
 * A step of a product is 16 wide in k. An A fragment is 16 rows; a B fragment is 16 columns, as two
 * neighbouring C tiles of 8. float32 counts k in the order 0 2 4 6 1 3 5 7 inside 8 on both sides: then what
 * a lane needs lies side by side in memory, and a C tile is an A fragment as it is.
 */
#ifndef LA_FLASH_TILE_CUH
#define LA_FLASH_TILE_CUH

#include "labench/cuda_mma.cuh"

/* Elements between rows of a tile D wide. 8 more than it needs: the 8 rows of an ldmatrix phase, or 4 rows of pairs
 * of floats, then meet every bank once. */
template <int D> struct la_flash_pitch {
    static const int value = D + 8;
};

/* Fragments of a tile of E with rows P elements apart. Calls are made by all lanes of a warp. */
template <typename E, int P> struct la_flash_frag {
    struct A {
        uint32_t r[4];
    };
    struct B {
        uint32_t r[4];
    };

    /* 16 rows, and k, from `tile` on. */
    __device__ static void load_a(A &a, const E *tile)
    {
        int lane = (int)threadIdx.x % LA_WARP;
        la_ldmatrix_x4(a.r, tile + lane % 16 * P + lane / 16 * 8);
    }

    /* B' lies in memory: its 16 rows are the columns of B, k runs along them. */
    __device__ static void load_b(B &b, const E *tile)
    {
        int lane = (int)threadIdx.x % LA_WARP;
        la_ldmatrix_x4(b.r, tile + (lane / 16 * 8 + lane % 8) * P + lane / 8 % 2 * 8);
    }

    /* B lies in memory: its 16 rows are k. */
    __device__ static void load_b_rows(B &b, const E *tile)
    {
        int lane = (int)threadIdx.x % LA_WARP;
        la_ldmatrix_x4_trans(b.r, tile + lane % 16 * P + lane / 16 * 8);
    }

    /* Of two neighbouring C tiles. */
    __device__ static void pack(A &a, const float left[4], const float right[4])
    {
        a.r[0] = la_pack2<E>(left[0], left[1]);
        a.r[1] = la_pack2<E>(left[2], left[3]);
        a.r[2] = la_pack2<E>(right[0], right[1]);
        a.r[3] = la_pack2<E>(right[2], right[3]);
    }

    __device__ static void product(float left[4], float right[4], const A &a, const B &b)
    {
        la_mma<E>(left, a.r, b.r);
        la_mma<E>(right, a.r, b.r + 2);
    }

    /* The same as a step of a long sum. */
    __device__ static void add(float left[4], float right[4], const A &a, const B &b)
    {
        product(left, right, a, b);
    }
};

template <int P> struct la_flash_frag<float, P> {
    struct A {
        la_split_a s[2]; /* of each half of k */
    };
    struct B {
        la_split_b s[2][2]; /* of each C tile, each half of k */
    };

    __device__ static void load_a(A &a, const float *tile)
    {
        int lane = (int)threadIdx.x % LA_WARP;
        const float *row = tile + lane / 4 * P + lane % 4 * 2;
#pragma unroll
        for (int s = 0; s < 2; s++) {
            const float x[4] = {row[8 * s], row[8 * P + 8 * s], row[8 * s + 1],
                                row[8 * P + 8 * s + 1]};
            a.s[s] = la_split4(x);
        }
    }

    __device__ static void load_b(B &b, const float *tile)
    {
        int lane = (int)threadIdx.x % LA_WARP;
        const float *row = tile + lane / 4 * P + lane % 4 * 2;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float *at = row + i / 2 * 8 * P + i % 2 * 8;
            const float x[2] = {at[0], at[1]};
            b.s[i / 2][i % 2] = la_split2(x);
        }
    }

    __device__ static void load_b_rows(B &b, const float *tile)
    {
        int lane = (int)threadIdx.x % LA_WARP;
        const float *row = tile + lane % 4 * 2 * P + lane / 4;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float *at = row + i % 2 * 8 * P + i / 2 * 8;
            const float x[2] = {at[0], at[P]};
            b.s[i / 2][i % 2] = la_split2(x);
        }
    }

    __device__ static void pack(A &a, const float left[4], const float right[4])
    {
        const float l[4] = {left[0], left[2], left[1], left[3]};
        const float r[4] = {right[0], right[2], right[1], right[3]};
        a.s[0] = la_split4(l);
        a.s[1] = la_split4(r);
    }

    __device__ static void product(float left[4], float right[4], const A &a, const B &b)
    {
#pragma unroll
        for (int s = 0; s < 2; s++) {
            la_mma_split(left, a.s[s], b.s[0][s]);
            la_mma_split(right, a.s[s], b.s[1][s]);
        }
    }

    /* A matrix unit cuts off what is behind the last bit of a sum, three times in 8 numbers: of thousands of keys that
     * would be seen. An addition rounds. */
    __device__ static void add(float left[4], float right[4], const A &a, const B &b)
    {
        float l[4] = {0.0f, 0.0f, 0.0f, 0.0f}, r[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        product(l, r, a, b);
#pragma unroll
        for (int i = 0; i < 4; i++) left[i] += l[i], right[i] += r[i];
    }
};

/* ---- where rows lie in memory ---- */

/* Rows of one (batch, key/value head): those of the cache first, then those of this call, which are packed in
 * groups of heads (see flash_cuda.h; keys and values have groups of one). */
struct la_flash_rows {
    const void *own, *cache;
    int64_t token, head; /* elements between tokens, between the heads of a group */
    int group, held, slot, capacity, d;
    bool whole; /* every row begins at a multiple of 16 bytes */
};

/* Elements of row r from `own`, or from `cache` where r is of the cache. */
__host__ __device__ static inline int64_t la_flash_row(const la_flash_rows &x, int r)
{
    if (r < x.held) {
        int place = x.slot + r;
        return (int64_t)(place < x.capacity ? place : place - x.capacity) * x.d;
    }
    r -= x.held;
    if (x.group == 1) return r * x.token;
    return r / x.group * x.token + r % x.group * x.head;
}

/* Rows first..first+ROWS-1 into a tile, those from `end` on and channels from d on as zeros. Copies are on their
 * way afterwards: commit, wait and a barrier are the caller's. */
template <typename E, int D, int ROWS, int THREADS>
__device__ static inline void la_flash_load(E *tile, const la_flash_rows &x, int first, int end)
{
    const int EACH = 16 / (int)sizeof(E), CHUNKS = D / EACH, P = la_flash_pitch<D>::value;
#pragma unroll 4
    for (int i = (int)threadIdx.x; i < ROWS * CHUNKS; i += THREADS) {
        int r = i / CHUNKS, c = i % CHUNKS * EACH;
        bool there = first + r < end && c < x.d;
        const E *from = (const E *)(first + r < x.held ? x.cache : x.own);
        if (there) from += la_flash_row(x, first + r) + c;
        E *to = tile + r * P + c;
        if (x.whole) {
            la_cp_async16(to, from, there);
            continue;
        }
        for (int e = 0; e < EACH; e++) {
            if (there && c + e < x.d)
                to[e] = from[e];
            else
                la_from_float(0.0f, &to[e]);
        }
    }
}

/* ---- products of a warp ---- */

/* c = A B': A the 16 MT rows at `a`, B the N rows at `b`, all D wide. Of 256 floats half a row is unrolled: of a whole
 * one so many would be on their way that a caller's sum of that width had too few registers. */
template <typename E, int D, int MT, int N>
__device__ static inline void la_flash_scores(float c[MT][N / 8][4], const E *a, const E *b)
{
    const int P = la_flash_pitch<D>::value;
    typedef la_flash_frag<E, P> frag;
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int i = 0; i < N / 2; i++) c[m][i / 4][i % 4] = 0.0f;
#pragma unroll(sizeof(E) == 4 && D == 256 ? 8 : D / 16)
    for (int k = 0; k < D; k += 16) {
        typename frag::A x[MT];
#pragma unroll
        for (int m = 0; m < MT; m++) frag::load_a(x[m], a + m * 16 * P + k);
#pragma unroll
        for (int j = 0; j < N; j += 16) {
            typename frag::B y;
            frag::load_b(y, b + j * P + k);
#pragma unroll
            for (int m = 0; m < MT; m++) frag::product(c[m][j / 8], c[m][j / 8 + 1], x[m], y);
        }
    }
}

/* c += A B: A of 16 MT rows and N columns in C tiles, B the N rows at `b`, D wide. LONG: as exact as float32 however
 * often; gradients of float32, held to less, have no registers for it. */
template <typename E, int D, int MT, int N, bool LONG = false>
__device__ static inline void la_flash_add(float c[MT][D / 8][4], const float a[MT][N / 8][4],
                                           const E *b)
{
    const int P = la_flash_pitch<D>::value;
    typedef la_flash_frag<E, P> frag;
#pragma unroll
    for (int k = 0; k < N; k += 16) {
        typename frag::A x[MT];
#pragma unroll
        for (int m = 0; m < MT; m++) frag::pack(x[m], a[m][k / 8], a[m][k / 8 + 1]);
#pragma unroll
        for (int j = 0; j < D; j += 16) {
            typename frag::B y;
            frag::load_b_rows(y, b + k * P + j);
#pragma unroll
            for (int m = 0; m < MT; m++) {
                if (LONG)
                    frag::add(c[m][j / 8], c[m][j / 8 + 1], x[m], y);
                else
                    frag::product(c[m][j / 8], c[m][j / 8 + 1], x[m], y);
            }
        }
    }
}

#endif
