/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <memory>
#include <vector>

namespace la_emulator
{
thread *now;
dim3 block_index, block_size, grid_size;
void *shared;

namespace
{
const size_t stack_bytes = 128 << 10, shared_most = 227 << 10;
const unsigned threads_most = 1024, warp = 32;

struct alignas(16) piece {
    char bytes[16];
};

enum waiting { runs, at_block, at_warp, ended };

struct fiber {
    thread self;
    ucontext_t
        context; /* to start it; from then on the jump, which asks no kernel for signal masks */
    jmp_buf place;
    bool started = false;
    waiting state = runs;
    std::unique_ptr<char[]> stack{new char[stack_bytes]};
    uint64_t given[2] = {0, 0}; /* to this exchange and to the one before */
    unsigned exchanges = 0;
};

std::vector<std::unique_ptr<fiber>> fibers;
jmp_buf scheduler_place;
const std::function<void()> *kernel;
uint64_t order = 1;
int error;

[[noreturn]] void stop(const char *why)
{
    fprintf(stderr, "emulator: block %u,%u,%u: %s\n", block_index.x, block_index.y, block_index.z,
            why);
    abort();
}

void body()
{
    (*kernel)();
    fiber *f = fibers[now->flat].get();
    f->state = ended;
    _longjmp(scheduler_place, 1);
}

void wait_as(waiting state)
{
    fiber *f = fibers[now->flat].get();
    f->state = state;
    if (_setjmp(f->place) == 0) _longjmp(scheduler_place, 1);
}

void resume(fiber *f)
{
    now = &f->self;
    if (_setjmp(scheduler_place) != 0) return;
    if (f->started) _longjmp(f->place, 1);
    f->started = true;
    setcontext(&f->context);
}

/* A number that changes the order in which fibers run. */
unsigned draw()
{
    order = order * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(order >> 33);
}

void run_from(size_t first, size_t n)
{
    size_t start = draw() % n;
    bool backwards = draw() & 1;
    for (size_t k = 0; k < n; k++) {
        size_t i = first + (start + (backwards ? n - k : k)) % n;
        fiber *f = fibers[i].get();
        if (f->state != runs) continue;
        resume(f);
    }
}

/* Runs a warp until all of its fibers are at the block's barrier or have ended. */
void run_warp(size_t first, size_t n)
{
    for (;;) {
        run_from(first, n);
        size_t at[4] = {0, 0, 0, 0};
        for (size_t i = first; i < first + n; i++) at[fibers[i]->state]++;
        if (at[at_warp] == 0) return;
        if (at[at_warp] != n) stop("some threads of a warp wait for others that do not come");
        for (size_t i = first; i < first + n; i++) fibers[i]->state = runs;
    }
}

void run_block(size_t threads)
{
    for (;;) {
        size_t warps = (threads + warp - 1) / warp, start = draw() % warps;
        for (size_t k = 0; k < warps; k++) {
            size_t first = (start + k) % warps * warp;
            run_warp(first, first + warp < threads ? warp : threads - first);
        }
        size_t waits = 0, done = 0;
        for (size_t i = 0; i < threads; i++) {
            waits += fibers[i]->state == at_block;
            done += fibers[i]->state == ended;
        }
        if (done == threads) return;
        if (waits != threads) stop("some threads ended while others wait at __syncthreads");
        for (size_t i = 0; i < threads; i++) fibers[i]->state = runs;
    }
}

void begin(fiber *f, unsigned flat)
{
    unsigned x = block_size.x, y = block_size.y;
    f->self = {dim3(flat % x, flat / x % y, flat / x / y), flat};
    f->state = runs;
    f->exchanges = 0;
    f->started = false;
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack.get();
    f->context.uc_stack.ss_size = stack_bytes;
    f->context.uc_link = nullptr;
    makecontext(&f->context, body, 0);
}
} // namespace

void block_barrier()
{
    wait_as(at_block);
}

void warp_barrier()
{
    wait_as(at_warp);
}

uint64_t exchange(uint64_t mine, unsigned lane)
{
    fiber *f = fibers[now->flat].get();
    unsigned turn = f->exchanges++ & 1;
    f->given[turn] = mine;
    warp_barrier(); /* the value of this turn stays until the one after the next */
    size_t from = now->flat / warp * warp + lane;
    if (from >= block_size.x * block_size.y * block_size.z)
        stop("a shuffle reads no thread's value");
    return fibers[from]->given[turn];
}

void launch(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &of)
{
    size_t threads = (size_t)block.x * block.y * block.z;
    if (threads == 0 || threads > threads_most || block.z > 64 || grid.x == 0 || grid.y == 0 ||
        grid.z == 0 || grid.y > 65535 || grid.z > 65535 || shared_bytes > shared_most) {
        error = 9; /* cudaErrorInvalidConfiguration */
        return;
    }
    while (fibers.size() < threads) fibers.emplace_back(new fiber);
    grid_size = grid, block_size = block, kernel = &of;
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                /* Of its exact size and full of NaN: what lies beyond is the sanitizer's. */
                std::unique_ptr<piece[]> pool(new piece[(shared_bytes + 15) / 16 + 1]);
                memset((void *)pool.get(), 0xff, (shared_bytes + 15) / 16 * 16);
                shared = pool.get();
                block_index = dim3(x, y, z);
                for (unsigned i = 0; i < threads; i++) begin(fibers[i].get(), i);
                run_block(threads);
            }
    shared = nullptr;
}

int last_error()
{
    int was = error;
    error = 0;
    return was;
}
} // namespace la_emulator
