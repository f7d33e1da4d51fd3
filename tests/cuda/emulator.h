/* SPDX-License-Identifier: Apache-2.0
 * A CUDA device as far as kernels of labench/cuda_kit.cuh see it, on the CPU: blocks one after the other, the
 * threads of a block as fibers that run from one barrier to the next, in an order that changes from
 * barrier to barrier, so that a missing one shows. Warps need no lockstep: a shuffle is a barrier of
 * its warp.
 */
#ifndef LA_TEST_EMULATOR_H
#define LA_TEST_EMULATOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __shared__ static thread_local

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

namespace la_emulator
{
struct thread {
    dim3 index;
    unsigned flat; /* in its block */
};
extern thread *now;      /* the fiber that runs */
extern dim3 block_index; /* of the block that runs */
extern dim3 block_size, grid_size;
extern void *shared; /* dynamic shared memory of the block */

/* Every fiber of the block arrives, or every one of the warp. Exits with a sentence when some have ended
 * without. */
void block_barrier();
void warp_barrier();
/* The 8 bytes that lane `lane` of this warp gave in the same exchange. */
uint64_t exchange(uint64_t mine, unsigned lane);
void launch(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &body);
int last_error(); /* of the launches since it was asked last: 0, or that of a wrong geometry */

template <typename T> T shuffle(T mine, unsigned lane)
{
    uint64_t bits = 0;
    static_assert(sizeof(T) <= sizeof bits, "a shuffle moves 8 bytes at most");
    memcpy(&bits, &mine, sizeof mine);
    bits = exchange(bits, lane);
    memcpy(&mine, &bits, sizeof mine);
    return mine;
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

#define LA_LAUNCH(kernel, grid, block, bytes, stream, ...)                                         \
    ((void)(stream), la_emulator::launch((grid), (block), (bytes), [&]() { kernel(__VA_ARGS__); }))
#define LA_LAUNCHED(what, err) la_cuda_launched(la_emulator::last_error(), what, err)
#define LA_SHARED(type, name)  type *name = (type *)la_emulator::shared

#endif
