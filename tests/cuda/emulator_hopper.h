/* SPDX-License-Identifier: Apache-2.0
 * The emulator's share of labench/cuda_hopper.cuh. What is asynchronous there happens as late as it may here: a
 * product when it is waited for, with the tiles and registers as they are then; a copy when somebody waits for its
 * barrier, or, about half of them, at once. What threads write is NaN to wgmma until a fence. So a wait or a fence too
 * few gives wrong numbers, and a tile given back too early does; a sum that is written to meanwhile ends the program.
 */
#ifndef LA_TEST_EMULATOR_HOPPER_H
#define LA_TEST_EMULATOR_HOPPER_H

#include "emulator.h"

extern "C" bool emulated_fences; /* false: la_fence_async does nothing */

namespace la_emulator
{
typedef float (*widen)(uint16_t bits);
void mbarrier_init(uint64_t *b, unsigned count);
void mbarrier_arrive(uint64_t *b, unsigned bytes);
void mbarrier_wait(uint64_t *b, unsigned phase);
void tma_load(void *to, const la_tensor_map *map, uint64_t *b, const int *at, int rank);
/* `a` the registers, which stay where they are until the wait, or NULL: the tile a_tile. */
void wgmma(float *c, int n, const uint32_t *a, uint64_t a_tile, uint64_t b_tile, bool mn, bool add,
           widen number);
void fence_async();
void wgmma_commit();
void wgmma_wait(unsigned newest);
} // namespace la_emulator

static inline void la_mbarrier_init(la_mbarrier *b, unsigned count)
{
    la_emulator::mbarrier_init(&b->bits, count);
}

static inline void la_mbarrier_ready()
{
}

static inline void la_mbarrier_arrive(la_mbarrier *b)
{
    la_emulator::mbarrier_arrive(&b->bits, 0);
}

static inline void la_mbarrier_expect(la_mbarrier *b, unsigned bytes)
{
    la_emulator::mbarrier_arrive(&b->bits, bytes);
}

static inline void la_mbarrier_wait(la_mbarrier *b, unsigned phase)
{
    la_emulator::mbarrier_wait(&b->bits, phase);
}

static inline void la_tma_load4(void *to, const la_tensor_map *map, la_mbarrier *b, int c0, int c1,
                                int c2, int c3)
{
    const int at[4] = {c0, c1, c2, c3};
    la_emulator::tma_load(to, map, &b->bits, at, 4);
}

static inline void la_tma_load5(void *to, const la_tensor_map *map, la_mbarrier *b, int c0, int c1,
                                int c2, int c3, int c4)
{
    const int at[5] = {c0, c1, c2, c3, c4};
    la_emulator::tma_load(to, map, &b->bits, at, 5);
}

static inline void la_fence_async()
{
    la_emulator::fence_async();
}

static inline void la_named_wait(int id, int threads)
{
    la_emulator::named_barrier(id, threads, true);
}

static inline void la_named_arrive(int id, int threads)
{
    la_emulator::named_barrier(id, threads, false);
}

template <int N> static inline void la_registers_more()
{
}

template <int N> static inline void la_registers_fewer()
{
}

static inline void la_wgmma_fence()
{
}

static inline void la_wgmma_commit()
{
    la_emulator::wgmma_commit();
}

template <int N> static inline void la_wgmma_wait()
{
    la_emulator::wgmma_wait(N);
}

template <int N> static inline void la_wgmma_wait_behind(float x, void *)
{
    if (x < 0.0f) la_emulator::stop("la_wgmma_wait_behind would write a negative number");
    la_emulator::wgmma_wait(N);
}

template <int R> static inline void la_wgmma_hold(float (&)[R])
{
}

template <int R> static inline void la_wgmma_hold(uint32_t (&)[R][4])
{
}

static inline unsigned la_shared_address(const void *p)
{
    return la_emulator::shared_address(p);
}

template <typename E> static float la_emulated_number(uint16_t bits)
{
    return la_to_float(E{bits});
}

template <bool MN, int R, typename E>
static inline void la_wgmma_tiles(float (&c)[R], uint64_t a, uint64_t b, bool add, E)
{
    la_emulator::wgmma(c, 2 * R, nullptr, a, b, MN, add, la_emulated_number<E>);
}

template <bool MN, int R, typename E>
static inline void la_wgmma_registers(float (&c)[R], const uint32_t a[4], uint64_t b, bool add, E)
{
    la_emulator::wgmma(c, 2 * R, a, 0, b, MN, add, la_emulated_number<E>);
}

#endif
