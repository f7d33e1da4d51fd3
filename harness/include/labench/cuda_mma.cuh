/* SPDX-License-Identifier: Apache-2.0
 * Matrix units, matrix loads from shared memory and asynchronous copies into it, as every device from sm_80 on
 * has them; behind cuda_kit.cuh, and like it for devices and for the emulator.
 *
 * Fragments of m16n8k16, lane l (row = l / 4, pair = 2 (l % 4)):
 *   A 16 x 16  a[0] row, k pair, pair+1    a[1] row+8    a[2] row, k pair+8, pair+9    a[3] row+8 of those
 *   B 16 x 8   b[0] k pair, pair+1, column l / 4          b[1] k pair+8, pair+9
 *   C 16 x 8   c[0], c[1] row, columns pair, pair+1       c[2], c[3] row+8
 * A 32-bit word holds two numbers, the one of the smaller k below. Two neighbouring C tiles, packed by
 * la_pack2, are an A fragment: (c0 c1, c2 c3) of the left tile are a[0], a[1], of the right one a[2], a[3].
 * Every call here but la_pack2 and la_cp_async* is made by all lanes of a warp together.
 */
#ifndef LABENCH_CUDA_MMA_CUH
#define LABENCH_CUDA_MMA_CUH

#include "labench/cuda_kit.cuh"

/* Two numbers in a word of type E, `low` below. */
template <typename E> __device__ static inline uint32_t la_pack2(float low, float high)
{
    E a, b;
    la_from_float(low, &a);
    la_from_float(high, &b);
    return (uint32_t)a.bits | (uint32_t)b.bits << 16;
}

#ifdef __CUDACC__

template <> __device__ inline uint32_t la_pack2<la_bf16_t>(float low, float high)
{
    uint32_t word;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
}

template <> __device__ inline uint32_t la_pack2<la_f16_t>(float low, float high)
{
    uint32_t word;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    return word;
}

/* c += a b, E the type of a and b. */
template <typename E>
__device__ static inline void la_mma(float c[4], const uint32_t a[4], const uint32_t b[2]);

template <>
__device__ inline void la_mma<la_bf16_t>(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <>
__device__ inline void la_mma<la_f16_t>(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* m16n8k8 of numbers in tf32 (la_tf32). A: a[0] row, k l % 4; a[1] row+8; a[2] k+4; a[3] both. B: b[0] k l % 4,
 * column l / 4; b[1] k+4. C as above. */
__device__ static inline void la_mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* x to nearest of tf32's 10 bits, halves away from 0. PTX leaves open what the bits below them become. */
__device__ static inline uint32_t la_tf32(float x)
{
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

__device__ static inline unsigned la_shared_address(const void *p)
{
    return (unsigned)__cvta_generic_to_shared(p);
}

/* Four 8 x 8 matrices of 16-bit numbers: lane l names row l % 8 of matrix l / 8, 16 bytes, 16-byte aligned,
 * and gets of matrix m in r[m] row l / 4, columns pair, pair+1. */
__device__ static inline void la_ldmatrix_x4(uint32_t r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(la_shared_address(row))
                 : "memory");
}

/* The same of the matrices transposed: rows pair, pair+1 of column l / 4. */
__device__ static inline void la_ldmatrix_x4_trans(uint32_t r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(la_shared_address(row))
                 : "memory");
}

/* Of two matrices; lanes 0 to 15 name the rows, the others any valid address. */
__device__ static inline void la_ldmatrix_x2(uint32_t r[2], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(la_shared_address(row))
                 : "memory");
}

__device__ static inline void la_ldmatrix_x2_trans(uint32_t r[2], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(la_shared_address(row))
                 : "memory");
}

/* 16 bytes from global to shared memory, both 16-byte aligned, without registers; zeros where not `there` (then
 * `from` is any valid address). In this thread's group that la_cp_async_commit closes;
 * la_cp_async_wait<N> waits until at most the N newest groups are on their way. Other threads see
 * the bytes behind a barrier after it. */
__device__ static inline void la_cp_async16(void *to, const void *from, bool there)
{
    int bytes = there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(la_shared_address(to)),
                 "l"(from), "r"(bytes)
                 : "memory");
}

__device__ static inline void la_cp_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int N> __device__ static inline void la_cp_async_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

#else

template <typename E>
static inline void la_mma(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    la_emulator::mma<E>(c, a, b, [](uint16_t bits) { return la_to_float(E{bits}); });
}

static inline void la_mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    la_emulator::mma_tf32(c, a, b);
}

static inline uint32_t la_tf32(float x)
{
    return isnan(x) ? 0x7fffe000u : (la_float_to_bits(x) + 0x1000u) & ~0x1fffu;
}

static inline void la_ldmatrix_x4(uint32_t r[4], const void *row)
{
    la_emulator::ldmatrix(r, 4, row, false);
}

static inline void la_ldmatrix_x4_trans(uint32_t r[4], const void *row)
{
    la_emulator::ldmatrix(r, 4, row, true);
}

static inline void la_ldmatrix_x2(uint32_t r[2], const void *row)
{
    la_emulator::ldmatrix(r, 2, row, false);
}

static inline void la_ldmatrix_x2_trans(uint32_t r[2], const void *row)
{
    la_emulator::ldmatrix(r, 2, row, true);
}

static inline void la_cp_async16(void *to, const void *from, bool there)
{
    la_emulator::copy_later(to, from, there);
}

static inline void la_cp_async_commit()
{
    la_emulator::copies_commit();
}

template <int N> static inline void la_cp_async_wait()
{
    la_emulator::copies_wait(N);
}

#endif

/* c += a b in m16n8k8 of float32, to about float32's precision by three products of tf32: the parts of a and b
 * that tf32 drops are products of their own; only that of both is left out. */
struct la_split_a {
    uint32_t high[4], low[4];
};
struct la_split_b {
    uint32_t high[2], low[2];
};

__device__ static inline void la_split_one(float x, uint32_t *high, uint32_t *low)
{
    *high = la_tf32(x);
    *low = la_tf32(x - la_bits_to_float(*high & ~0x1fffu));
}

__device__ static inline la_split_a la_split4(const float x[4])
{
    la_split_a s;
    for (int i = 0; i < 4; i++) la_split_one(x[i], &s.high[i], &s.low[i]);
    return s;
}

__device__ static inline la_split_b la_split2(const float x[2])
{
    la_split_b s;
    for (int i = 0; i < 2; i++) la_split_one(x[i], &s.high[i], &s.low[i]);
    return s;
}

__device__ static inline void la_mma_split(float c[4], const la_split_a &a, const la_split_b &b)
{
    la_mma_tf32(c, a.low, b.high);
    la_mma_tf32(c, a.high, b.low);
    la_mma_tf32(c, a.high, b.high);
}

#endif
