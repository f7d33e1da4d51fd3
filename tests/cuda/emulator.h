/* SPDX-License-Identifier: Apache-2.0
 * A CUDA device as far as kernels of labench/cuda_kit.cuh see it, on the CPU: blocks one after the other, the
 * threads of a block as fibers that run from one barrier to the next, in an order that changes from
 * barrier to barrier, so that a missing one shows. Warps need no lockstep: a shuffle is a barrier of
 * its warp.
 */
#ifndef LA_TEST_EMULATOR_H
#define LA_TEST_EMULATOR_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <functional>
#include <tuple>

#define __global__
#define __device__
#define __constant__ static
#define __noinline__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __grid_constant__
#define __launch_bounds__(...)
#define __shared__ static thread_local

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) int4 {
    int x, y, z, w;
};

static inline float2 make_float2(float x, float y)
{
    return {x, y};
}

static inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}

static inline uint2 make_uint2(unsigned x, unsigned y)
{
    return {x, y};
}

static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return {x, y, z, w};
}

namespace la_emulator
{
struct thread {
    dim3 index;
    unsigned flat; /* in its block */
    unsigned exchanges;
};
extern thread *now;      /* the fiber that runs */
extern dim3 block_index; /* of the block that runs */
extern dim3 block_size, grid_size;
extern void *shared; /* dynamic shared memory of the block */

/* Every fiber of the block arrives, or every one of the warp. Exits with a sentence when some have ended
 * without. */
void block_barrier();
void warp_barrier();
void named_barrier(int name, int threads, bool waits);
void hide_shared(size_t bytes); /* from wgmma, at the start of a block that has so much */
bool boxes_left();              /* copies of the tensor unit that nobody has waited for */
void poll(); /* lets others run; exits with a sentence when none of them does anything any more */
void happened(); /* something that a polling thread may wait for */
unsigned shared_address(const void *p);
void do_later(const std::function<void()> &product); /* at the wait for its group */
[[noreturn]] void stop(const char *why);
/* Gives up to 64 bytes to the warp and waits for it; what a lane gave to the same exchange stays until the
 * exchange after the next. */
struct alignas(64) slot {
    unsigned char bytes[64];
};
extern slot slots[2][1024]; /* of this exchange and of the one before, by thread */
static inline void give(const void *mine, size_t bytes)
{
    memcpy(slots[now->exchanges++ & 1][now->flat].bytes, mine, bytes);
    warp_barrier();
}

static inline const void *given(unsigned lane)
{
    unsigned from = (now->flat & ~31u) + lane;
    if (lane >= 32 || from >= block_size.x * block_size.y * block_size.z)
        stop("a shuffle reads no thread's value");
    return slots[(now->exchanges - 1) & 1][from].bytes;
}

void launch(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &body);
int last_error(); /* of the launches since it was asked last: 0, or that of a wrong geometry */

/* As on a device the arguments are those at the launch, also where a graph keeps it for later. */
template <typename... P, typename... A>
void launch_call(dim3 grid, dim3 block, size_t shared_bytes, void (*kernel)(P...), A... args)
{
    std::tuple<P...> kept(static_cast<P>(args)...);
    launch(grid, block, shared_bytes, [kernel, kept]() { std::apply(kernel, kept); });
}

template <typename T> T shuffle(T mine, unsigned lane)
{
    static_assert(sizeof(T) <= 8, "a shuffle moves 8 bytes at most");
    give(&mine, sizeof mine);
    memcpy(&mine, given(lane), sizeof mine);
    return mine;
}

unsigned ballot(bool mine);

/* As labench/cuda_mma.cuh says of the instructions they stand for. */
void mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2]);
void ldmatrix(uint32_t *r, int n, const void *row, bool trans);
void copy_later(void *to, const void *from, bool there); /* lands when waited for, not before */
void copies_commit();
void copies_wait(unsigned newest);

/* A lane's numbers of A and B; of 16-bit ones two in each register. */
struct fragments {
    float a[4][2], b[2][2];
};

/* c and n products added as matrix units of sm_90 do it: all aligned to the largest of them, to 2 bits beyond float32,
 * and cut off there, as is the sum (Khattak and Mikaitis 2025, arXiv:2512.07004). So a long sum falls behind, by half a
 * last bit a step. */
static inline float add_cut(float c, const double *products, int n)
{
    double factor, top = fabs((double)c), all = (double)c;
    uint64_t bits;
    for (int i = 0; i < n; i++) {
        const double size = fabs(products[i]);
        top = size > top ? size : top;
        all += products[i];
    }
    if (top == 0.0 || all - all != 0.0) return (float)all; /* infinity or NaN among them */
    memcpy(&bits, &top, sizeof bits);
    bits = (uint64_t)(23 + 2 + 2 * 1023 - (int)(bits >> 52)) << 52;
    memcpy(&factor, &bits, sizeof factor); /* that brings the largest to 2^25 and more */
    int sum = (int)((double)c * factor);
    for (int i = 0; i < n; i++) sum += (int)(products[i] * factor);
    unsigned size = (unsigned)(sum < 0 ? -sum : sum);
    int drop = 0; /* bits beyond float32's 24 */
    while (size >> (24 + drop)) drop++;
    size = size >> drop << drop;
    return (float)((sum < 0 ? -(double)size : (double)size) / factor);
}

/* c += a b, of the fragments that the lanes gave to the last exchange: `parts` numbers a register. */
static inline void multiply(float c[4], unsigned parts)
{
    unsigned lane = now->flat & 31u;
    double products[4][16];
    int n = 0;
    for (unsigned k = 0; k < 4; k++) {
        const fragments *a = (const fragments *)given(lane / 4 * 4 + k);
        const fragments *b[2];
        for (unsigned e = 0; e < 2; e++)
            b[e] = (const fragments *)given((lane % 4 * 2 + e) * 4 + k);
        for (unsigned half = 0; half < 2; half++)
            for (unsigned p = 0; p < parts; p++, n++)
                for (unsigned i = 0; i < 4; i++)
                    products[i][n] =
                        (double)a->a[2 * half + i / 2][p] * (double)b[i % 2]->b[half][p];
    }
    for (int i = 0; i < 4; i++) c[i] = add_cut(c[i], products[i], n);
}

template <typename E, typename F>
void mma(float c[4], const uint32_t a[4], const uint32_t b[2], F &&number)
{
    fragments mine;
    for (int i = 0; i < 4; i++)
        for (int p = 0; p < 2; p++) mine.a[i][p] = number((uint16_t)(a[i] >> 16 * p));
    for (int i = 0; i < 2; i++)
        for (int p = 0; p < 2; p++) mine.b[i][p] = number((uint16_t)(b[i] >> 16 * p));
    give(&mine, sizeof mine);
    multiply(c, 2);
}
} // namespace la_emulator

#define threadIdx (la_emulator::now->index)
#define blockIdx  la_emulator::block_index
#define blockDim  la_emulator::block_size
#define gridDim   la_emulator::grid_size

static inline void __syncthreads()
{
    la_emulator::block_barrier();
}

static inline void __syncwarp(unsigned = 0xffffffffu)
{
    la_emulator::warp_barrier();
}

template <typename T> T __shfl_sync(unsigned, T x, int lane, int = 32)
{
    return la_emulator::shuffle(x, (unsigned)lane & 31u);
}

template <typename T> T __shfl_xor_sync(unsigned, T x, int mask, int = 32)
{
    return la_emulator::shuffle(x, (la_emulator::now->flat & 31u) ^ (unsigned)mask);
}

template <typename T> T __shfl_down_sync(unsigned, T x, unsigned by, int = 32)
{
    unsigned lane = la_emulator::now->flat & 31u;
    return la_emulator::shuffle(x, lane + by < 32 ? lane + by : lane);
}

template <typename T> T __shfl_up_sync(unsigned, T x, unsigned by, int = 32)
{
    unsigned lane = la_emulator::now->flat & 31u;
    return la_emulator::shuffle(x, lane >= by ? lane - by : lane);
}

static inline unsigned __ballot_sync(unsigned, int mine)
{
    return la_emulator::ballot(mine != 0);
}

static inline int __any_sync(unsigned, int mine)
{
    return la_emulator::ballot(mine != 0) != 0;
}

static inline int __all_sync(unsigned, int mine)
{
    return la_emulator::ballot(mine == 0) == 0;
}

template <typename T> T __ldg(const T *p)
{
    return *p;
}

static inline float rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}

#define LA_LAUNCH(kernel, grid, block, bytes, stream, ...)                                         \
    ((void)(stream), la_emulator::launch_call((grid), (block), (bytes), kernel, __VA_ARGS__))
#define LA_LAUNCHED(what, err) la_cuda_launched(la_emulator::last_error(), what, err)
#define LA_SHARED(type, name)  type *name = (type *)la_emulator::shared

#endif
