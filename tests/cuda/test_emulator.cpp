/* SPDX-License-Identifier: Apache-2.0
 * The emulator itself: barriers, shuffles, shared memory, geometry, and that a kernel without a barrier it needs
 * is found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <cmocka.h>
}
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labench/cuda_hopper.cuh"
#include "labench/cuda_kit.cuh"
#include "watched.h"

static const int N = 96, TILES = 2 * 64 * 128; /* bytes of two tiles of 64 x 64 */

__global__ static void reverse(const int *from, int *to, bool waits)
{
    LA_SHARED(int, pool);
    int me = (int)threadIdx.x;
    pool[me] = from[blockIdx.x * blockDim.x + me];
    if (waits) __syncthreads();
    to[blockIdx.x * blockDim.x + me] = pool[blockDim.x - 1 - me];
}

static int reversed(bool waits)
{
    int from[2 * N], to[2 * N], right = 0;
    for (int i = 0; i < 2 * N; i++) from[i] = i;
    LA_LAUNCH(reverse, dim3(2), dim3(N), N * sizeof(int), nullptr, from, to, waits);
    for (int i = 0; i < 2 * N; i++) right += to[i] == (i / N + 1) * N - 1 - i % N;
    return right;
}

static void shared_memory_and_barriers(void **)
{
    assert_int_equal(reversed(true), 2 * N);
    assert_int_equal(la_emulator::last_error(), 0);
}

static void a_missing_barrier_shows(void **)
{
    assert_true(reversed(false) < 2 * N);
}

__global__ static void shuffles(float *sums, float *maxima, int *down, int rounds)
{
    int me = (int)threadIdx.x;
    float x = (float)me, sum = 0.0f;
    for (int i = 0; i < rounds; i++) sum += la_warp_sum(x + (float)i);
    sums[me] = sum;
    maxima[me] = la_warp_max(x);
    down[me] = __shfl_down_sync(LA_ALL, me, 3);
}

static void shuffles_stay_in_their_warp(void **)
{
    float sums[64], maxima[64];
    int down[64];
    LA_LAUNCH(shuffles, dim3(1), dim3(64), 0, nullptr, sums, maxima, down, 2);
    assert_true(sums[0] == 2 * 496.0f + 32.0f && sums[31] == sums[0]);
    assert_true(sums[32] == 2 * 1520.0f + 32.0f);
    assert_true(maxima[5] == 31.0f && maxima[40] == 63.0f);
    assert_int_equal(down[0], 3);
    assert_int_equal(down[31], 31); /* nobody there: its own */
    assert_int_equal(down[60], 63);
}

__global__ static void where(unsigned *x, unsigned *y, unsigned *z)
{
    unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    unsigned at = block * blockDim.x * blockDim.y * blockDim.z +
                  (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    x[at] = threadIdx.x, y[at] = threadIdx.y, z[at] = threadIdx.z;
}

static void threads_know_where_they_are(void **)
{
    unsigned x[720], y[720], z[720];
    LA_LAUNCH(where, dim3(2, 3, 5), dim3(4, 3, 2), 0, nullptr, x, y, z);
    for (unsigned i = 0; i < 720; i++) {
        assert_int_equal(x[i], i % 4);
        assert_int_equal(y[i], i / 4 % 3);
        assert_int_equal(z[i], i / 12 % 2);
    }
}

static void wrong_geometry_is_an_error_of_the_launch(void **)
{
    unsigned *none = nullptr;
    LA_LAUNCH(where, dim3(1), dim3(1025), 0, nullptr, none, none, none);
    assert_int_equal(la_emulator::last_error(), 9);
    assert_int_equal(la_emulator::last_error(), 0);
    LA_LAUNCH(where, dim3(1, 65536), dim3(1), 0, nullptr, none, none, none);
    assert_int_equal(la_emulator::last_error(), 9);
    LA_LAUNCH(where, dim3(0), dim3(1), 0, nullptr, none, none, none);
    assert_int_equal(la_emulator::last_error(), 9);
    LA_LAUNCH(where, dim3(1), dim3(1), 228 << 10, nullptr, none, none, none);
    assert_int_equal(la_emulator::last_error(), 9);
}

__global__ static void half_waits(int)
{
    if (threadIdx.x < 40) __syncthreads();
}

__global__ static void half_shuffles(int)
{
    if (threadIdx.x < 16) __syncwarp();
}

__global__ static void writes_behind_shared(int bytes)
{
    LA_SHARED(char, pool);
    if (threadIdx.x == 0) pool[bytes] = 0;
}

__global__ static void writes_before_shared(int)
{
    LA_SHARED(char, pool);
    if (threadIdx.x == 0) pool[-1] = 0;
}

/* Four warps: c += A B, with a store to c before the wait or not. */
__global__ static void multiplies(int touches)
{
    LA_SHARED(la_bf16_t, tiles);
    float c[32] = {};
    for (int i = (int)threadIdx.x; i < TILES / 2; i += 128) tiles[i] = {0};
    la_fence_async();
    __syncthreads();
    la_wgmma_fence();
    la_wgmma<la_bf16_t, false>(c, la_tile_k(tiles), la_tile_k(tiles + TILES / 4), true);
    la_wgmma_commit();
    if (touches) c[threadIdx.x % 32] = 1.0f;
    la_wgmma_wait<0>();
}

/* Whether the launch ends its process: the emulator does it by abort, a sanitizer by exit. */
static bool dies(void (*kernel)(int), int argument = 21, unsigned threads = 64, size_t shared = 21)
{
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(2);
        LA_LAUNCH(kernel, dim3(1), dim3(threads), shared, nullptr, argument);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (LA_WATCHED && WIFEXITED(status)) return WEXITSTATUS(status) == 1;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void a_barrier_that_some_never_reach_stops_the_program(void **)
{
    assert_true(dies(half_waits));
    assert_true(dies(half_shuffles));
}

static void a_write_outside_shared_memory_stops_the_program(void **)
{
    assert_true(dies(writes_behind_shared));
    assert_true(dies(writes_before_shared));
}

static void a_sum_written_to_before_the_wait_stops_the_program(void **)
{
    assert_true(dies(multiplies, true, 128, TILES));
    assert_false(dies(multiplies, false, 128, TILES));
}

__global__ static void looks_around(bool *closed)
{
    LA_SHARED(char, pool);
    int mine[3] = {0, 1, 2};
    for (int i = 0; i < 2; i++) __syncthreads();
    if (threadIdx.x) return;
    closed[0] = la_watch_closed(pool), closed[1] = la_watch_closed(pool + 20);
    closed[2] = la_watch_closed(mine), closed[3] = la_watch_closed(mine + 2);
    closed[4] = la_watch_closed(pool - 1), closed[5] = la_watch_closed(pool + 21);
    closed[6] = la_watch_closed(mine + 3);
}

static void a_sanitizer_watches_shared_memory_and_variables_also_behind_a_barrier(void **)
{
    bool closed[7];
    for (int launch = 0; launch < 2; launch++) {
        LA_LAUNCH(looks_around, dim3(2), dim3(64), 21, nullptr, closed);
        for (int i = 0; i < 7; i++) assert_int_equal(closed[i], LA_WATCHED && i >= 4);
    }
}

static void bf16_rounds_to_nearest_even(void **)
{
    la_bf16_t x;
    la_from_float(1.0f + 1.0f / 256, &x); /* half way: to even */
    assert_true(la_to_float(x) == 1.0f);
    la_from_float(1.0f + 3.0f / 256, &x);
    assert_true(la_to_float(x) == 1.0f + 4.0f / 256);
    la_from_float(-3.0e38f, &x);
    assert_true(la_to_float(x) < -2.9e38f);
    la_from_float(NAN, &x);
    assert_true(isnan(la_to_float(x)));
    la_from_float(INFINITY, &x);
    assert_true(isinf(la_to_float(x)));
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_memory_and_barriers),
        cmocka_unit_test(a_missing_barrier_shows),
        cmocka_unit_test(shuffles_stay_in_their_warp),
        cmocka_unit_test(threads_know_where_they_are),
        cmocka_unit_test(wrong_geometry_is_an_error_of_the_launch),
        cmocka_unit_test(a_barrier_that_some_never_reach_stops_the_program),
        cmocka_unit_test(a_write_outside_shared_memory_stops_the_program),
        cmocka_unit_test(a_sum_written_to_before_the_wait_stops_the_program),
        cmocka_unit_test(a_sanitizer_watches_shared_memory_and_variables_also_behind_a_barrier),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
