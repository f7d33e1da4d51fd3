/* SPDX-License-Identifier: Apache-2.0
 * What sm_90a has beyond cuda_mma.cuh: products of four warps on tiles in shared memory (wgmma), copies of boxes of
 * a tensor that arrive by themselves (TMA), barriers that count bytes, named barriers, and registers
 * that change hands. A kernel that uses them has its body within #if LA_HOPPER, which sm_90a and the emulator
 * define, and a __trap() without; its launcher is for devices of la_device.sm 90 in builds with
 * LA_HAVE_SM90A.
 *
 * A tile of 16-bit numbers for wgmma is made of panels, each of R rows x 64 columns (128 bytes a row), aligned to
 * 1024 bytes, its 16-byte pieces swizzled within 8 rows: piece ^= row % 8. A TMA box 64 wide with
 * swizzle 128 lands like that.
 *   K-major operand (rows are m or n, columns are k): la_tile_k. Next 16 k: 32 bytes further, four times a panel.
 *   MN-major operand (rows are k, columns are n): la_tile_mn. Next 16 k: 2048 bytes further.
 * Accumulators of m64nN: lane l of warp w has in c[4 j + 2 i + e] row 16 w + l / 4 + 8 i, column
 * 8 j + 2 (l % 4) + e. A from registers is held like the A of la_mma, 16 rows a warp.
 */
#ifndef LABENCH_CUDA_HOPPER_CUH
#define LABENCH_CUDA_HOPPER_CUH

#include "labench/cuda_mma.cuh"

/* A barrier in shared memory, 8-byte aligned. It completes a phase when `count` arrivals and all announced bytes
 * have come; phases are numbered 0, 1, 0, ... and waiting for a phase returns at once when it is past. */
struct la_mbarrier {
    uint64_t bits;
};

#ifdef __CUDACC__

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define LA_HOPPER 1
#endif

/* By one thread; then la_mbarrier_ready() by it and a block barrier before anybody uses it. */
__device__ static inline void la_mbarrier_init(la_mbarrier *b, unsigned count)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(la_shared_address(b)), "r"(count)
                 : "memory");
}

__device__ static inline void la_mbarrier_ready()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ static inline void la_mbarrier_arrive(la_mbarrier *b)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(la_shared_address(b)) : "memory");
}

/* Arrives, and lets the phase wait for that many bytes too: before the copies. */
__device__ static inline void la_mbarrier_expect(la_mbarrier *b, unsigned bytes)
{
    asm volatile(
        "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(la_shared_address(b)),
        "r"(bytes)
        : "memory");
}

__device__ static inline void la_mbarrier_wait(la_mbarrier *b, unsigned phase)
{
    asm volatile("{\n"
                 ".reg .pred done;\n"
                 "again:\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@done bra out;\n"
                 "bra again;\n"
                 "out:\n"
                 "}" ::"r"(la_shared_address(b)),
                 "r"(phase)
                 : "memory");
}

/* The box at (c0, c1, ...), innermost first, into shared memory; zeros where it leaves the tensor. By one thread;
 * its bytes are counted by the barrier whole, also those of zeros. */
__device__ static inline void la_tma_load4(void *to, const la_tensor_map *map, la_mbarrier *b,
                                           int c0, int c1, int c2, int c3)
{
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(la_shared_address(to)),
                 "l"(map), "r"(la_shared_address(b)), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
                 : "memory");
}

__device__ static inline void la_tma_load5(void *to, const la_tensor_map *map, la_mbarrier *b,
                                           int c0, int c1, int c2, int c3, int c4)
{
    asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4, %5, %6, %7}], [%2];" ::"r"(la_shared_address(to)),
                 "l"(map), "r"(la_shared_address(b)), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
                 : "memory");
}

/* What this thread wrote to shared memory by ordinary stores is seen by wgmma and TMA behind the next barrier. */
__device__ static inline void la_fence_async()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* Waits for, or only arrives at, barrier `id` (1 to 15) of `threads` threads, whole warps. */
__device__ static inline void la_named_wait(int id, int threads)
{
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

__device__ static inline void la_named_arrive(int id, int threads)
{
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/* By all warps of a group of four: registers a thread may have from here on, a multiple of 8. */
template <int N> __device__ static inline void la_registers_more()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}

template <int N> __device__ static inline void la_registers_fewer()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

/* Before the first product, and behind any other use of its registers. */
__device__ static inline void la_wgmma_fence()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ static inline void la_wgmma_commit()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/* Until at most the N newest groups are at work. */
template <int N> __device__ static inline void la_wgmma_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/* The same, but not before x is there, which is no negative number: else it would be written to `unused` in shared
 * memory. The assembler moves a plain wait up across arithmetic, which then no longer runs under the products. */
template <int N> __device__ static inline void la_wgmma_wait_behind(float x, void *unused)
{
    asm volatile("{\n"
                 ".reg .pred below;\n"
                 "setp.lt.f32 below, %1, 0f00000000;\n"
                 "@below st.shared.f32 [%2], %1;\n"
                 "wgmma.wait_group.sync.aligned %0;\n"
                 "}" ::"n"(N),
                 "f"(x), "r"(la_shared_address(unused))
                 : "memory");
}

/* Keeps the compiler from moving uses of the accumulators across. */
template <int R> __device__ static inline void la_wgmma_hold(float (&c)[R])
{
#pragma unroll
    for (int i = 0; i < R; i++) asm volatile("" : "+f"(c[i])::"memory");
}

/* The same of A fragments in registers, which the products read until they are waited for. */
template <int R> __device__ static inline void la_wgmma_hold(uint32_t (&a)[R][4])
{
#pragma unroll
    for (int i = 0; i < 4 * R; i++) asm volatile("" : "+r"(a[i / 4][i % 4])::"memory");
}

#define LA_P32_0                                                                                   \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,"   \
    "%25,%26,%27,%28,%29,%30,%31"
#define LA_P32_32                                                                                  \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54," \
    "%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define LA_P64_64                                                                                  \
    "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86," \
    "%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107," \
    "%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,"   \
    "%126,%127"
#define LA_C8(i)                                                                                   \
    "+f"(c[i]), "+f"(c[i + 1]), "+f"(c[i + 2]), "+f"(c[i + 3]), "+f"(c[i + 4]), "+f"(c[i + 5]),    \
        "+f"(c[i + 6]), "+f"(c[i + 7])
#define LA_C32(i) LA_C8(i), LA_C8(i + 8), LA_C8(i + 16), LA_C8(i + 24)

#define LA_PLACES_64        LA_P32_0
#define LA_PLACES_128       LA_P32_0 "," LA_P32_32
#define LA_PLACES_256       LA_P32_0 "," LA_P32_32 "," LA_P64_64
#define LA_ACCUMULATORS_64  LA_C32(0)
#define LA_ACCUMULATORS_128 LA_C32(0), LA_C32(32)
#define LA_ACCUMULATORS_256 LA_C32(0), LA_C32(32), LA_C32(64), LA_C32(96)

/* One product of the type and width, its operands behind the accumulators numbered from o0 on. */
#define LA_WGMMA_BODIES(E, type, n, o0, o1, o2, o3, o4, o5, o6)                                    \
    template <bool MN>                                                                             \
    __device__ static inline void la_wgmma_tiles(float(&c)[n / 2], uint64_t a, uint64_t b,         \
                                                 bool add, E)                                      \
    {                                                                                              \
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #o2 ", 0;\n"                             \
                     "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type               \
                     " {" LA_PLACES_##n "}, %" #o0 ", %" #o1 ", p, 1, 1, 0, %" #o3 ";\n}"          \
                     : LA_ACCUMULATORS_##n                                                         \
                     : "l"(a), "l"(b), "r"((int)add), "n"((int)MN));                               \
    }                                                                                              \
    template <bool MN>                                                                             \
    __device__ static inline void la_wgmma_registers(float(&c)[n / 2], const uint32_t a[4],        \
                                                     uint64_t b, bool add, E)                      \
    {                                                                                              \
        asm volatile(                                                                              \
            "{\n.reg .pred p;\nsetp.ne.b32 p, %" #o5 ", 0;\n"                                      \
            "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type " {" LA_PLACES_##n     \
            "}, {%" #o0 ", %" #o1 ", %" #o2 ", %" #o3 "}, %" #o4 ", p, 1, 1, %" #o6 ";\n}"         \
            : LA_ACCUMULATORS_##n                                                                  \
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)add), "n"((int)MN));    \
    }
#define LA_WGMMA_BOTH(n, ...)                                                                      \
    LA_WGMMA_BODIES(la_bf16_t, "bf16", n, __VA_ARGS__)                                             \
    LA_WGMMA_BODIES(la_f16_t, "f16", n, __VA_ARGS__)
LA_WGMMA_BOTH(64, 32, 33, 34, 35, 36, 37, 38)
LA_WGMMA_BOTH(128, 64, 65, 66, 67, 68, 69, 70)
LA_WGMMA_BOTH(256, 128, 129, 130, 131, 132, 133, 134)

#else
#include "emulator_hopper.h"
#define LA_HOPPER 1
#endif

/* Descriptors of a tile whose first row and column are at p (advanced by the bytes above for later k). */
__device__ static inline uint64_t la_tile(const void *p, unsigned leading_bytes,
                                          unsigned stride_bytes)
{
    return (uint64_t)(la_shared_address(p) >> 4 & 0x3fffu) |
           (uint64_t)(leading_bytes >> 4 & 0x3fffu) << 16 |
           (uint64_t)(stride_bytes >> 4 & 0x3fffu) << 32 | (uint64_t)1 << 62;
}

/* K-major: 8 rows are 1024 bytes. */
__device__ static inline uint64_t la_tile_k(const void *p)
{
    return la_tile(p, 16, 1024);
}

/* MN-major, of panels of `rows` rows (all k of the panel) one after the other. */
__device__ static inline uint64_t la_tile_mn(const void *p, int rows)
{
    return la_tile(p, (unsigned)rows * 128, 1024);
}

/* c (+)= a b over 16 k, c m64 x n with n = 2 R: a and b tiles, or a in registers; b MN-major if MN. Together by all
 * four warps of a group; asynchronous, as are reads of the tiles and of a, until la_wgmma_wait, behind which
 * la_wgmma_hold keeps c, and a in registers, where they are. */
template <typename E, bool MN, int R>
__device__ static inline void la_wgmma(float (&c)[R], uint64_t a, uint64_t b, bool add)
{
    la_wgmma_tiles<MN>(c, a, b, add, E());
}

template <typename E, bool MN, int R>
__device__ static inline void la_wgmma(float (&c)[R], const uint32_t a[4], uint64_t b, bool add)
{
    la_wgmma_registers<MN>(c, a, b, add, E());
}

#endif
