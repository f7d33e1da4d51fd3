/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator.h"
#include "watched.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <deque>
#include <memory>
#include <new>
#include <vector>

/* Of the device that is emulated (fake_driver.h), where there is one. */
extern "C" {
__attribute__((weak)) bool fake_record(void (*run)(void *), void (*end)(void *), void *data,
                                       bool kernel);
__attribute__((weak)) void fake_ran(void);
}

namespace la_emulator
{
thread *now;
dim3 block_index, block_size, grid_size;
slot slots[2][1024];
void *shared;

[[noreturn]] void stop(const char *why)
{
    fprintf(stderr, "emulator: block %u,%u,%u: %s\n", block_index.x, block_index.y, block_index.z,
            why);
    abort();
}

namespace
{
#if LA_WATCHED
const size_t stack_bytes = 512 << 10; /* variables lie apart there */
#else
const size_t stack_bytes = 128 << 10;
#endif
const size_t shared_most = 227 << 10;
const unsigned threads_most = 1024, warp = 32;

/* A place to jump to, on another stack. The library's longjmp looks for clean-ups at every jump, and would take the
 * sanitizer's marks off the stack that it leaves, so that variables of a kernel were watched up to its first barrier;
 * the compiler's does neither. */
typedef void *place[5];

struct copy {
    void *to;
    const void *from;
    bool there;
};

enum waiting { runs, at_block, at_warp, at_name, polls, ended };
const int names = 16;

struct fiber {
    thread self;
    place left;
    bool started =
        false; /* by a context; from then on the jump, which asks no kernel for signal masks */
    waiting state = runs;
    std::unique_ptr<char[]> stack{new char[stack_bytes]};
    void *frames = nullptr;               /* the sanitizer's, of the stack it left */
    int name = 0;                         /* of the barrier it waits at */
    std::deque<std::vector<copy>> copies; /* groups on their way; the last one is open */
    std::deque<std::vector<std::function<void()>>> products;
};

std::vector<std::unique_ptr<fiber>> fibers;
place scheduler_left;
const std::function<void()> *kernel;
uint64_t order = 1;
int error;
bool moved; /* something happened that a polling thread may wait for */
int arrived[names], expected[names];

/* The stack of the scheduler, which is that of the caller of a launch. */
struct {
    void *frames = nullptr;
    const void *stack = nullptr;
    size_t bytes = 0;
} scheduler;

/* The sanitizer hears of every switch on both sides of it. */
void leaving_scheduler(fiber *f)
{
#if LA_WATCHED
    __sanitizer_start_switch_fiber(&scheduler.frames, f->stack.get(), stack_bytes);
#else
    (void)f;
#endif
}

void in_scheduler()
{
#if LA_WATCHED
    __sanitizer_finish_switch_fiber(scheduler.frames, nullptr, nullptr);
#endif
}

void leaving_fiber(fiber *f)
{
#if LA_WATCHED
    __sanitizer_start_switch_fiber(&f->frames, scheduler.stack, scheduler.bytes);
#else
    (void)f;
#endif
}

void in_fiber(fiber *f)
{
#if LA_WATCHED
    __sanitizer_finish_switch_fiber(f->frames, &scheduler.stack, &scheduler.bytes);
    f->frames = nullptr;
#else
    (void)f;
#endif
}

LA_UNWATCHED void jump_to_scheduler()
{
    __builtin_longjmp(scheduler_left, 1);
}

LA_UNWATCHED void wait_as(waiting state)
{
    fiber *f = fibers[now->flat].get();
    f->state = state;
    leaving_fiber(f);
    if (__builtin_setjmp(f->left) == 0) jump_to_scheduler();
    in_fiber(fibers[now->flat].get());
}

/* A fiber has the same place in every block of every launch. */
LA_UNWATCHED void body()
{
    in_fiber(fibers[now->flat].get());
    for (;;) {
        (*kernel)();
        wait_as(ended);
    }
}

LA_UNWATCHED void jump_to_fiber(fiber *f)
{
    if (f->started) __builtin_longjmp(f->left, 1);
    ucontext_t context;
    f->started = true;
    getcontext(&context);
    context.uc_stack.ss_sp = f->stack.get();
    context.uc_stack.ss_size = stack_bytes;
    context.uc_link = nullptr;
    makecontext(&context, body, 0);
    setcontext(&context);
}

LA_UNWATCHED void resume(fiber *f)
{
    now = &f->self;
    leaving_scheduler(f);
    if (__builtin_setjmp(scheduler_left) == 0) jump_to_fiber(f);
    in_scheduler();
}

/* A number that changes the order in which fibers run. */
unsigned draw()
{
    order = order * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(order >> 33);
}

void run_from(size_t first, size_t n)
{
    size_t at = draw() % n;
    bool backwards = draw() & 1;
    for (size_t k = 0; k < n; k++) {
        fiber *f = fibers[first + at].get();
        if (f->state == runs) resume(f);
        if (backwards)
            at = at ? at - 1 : n - 1;
        else
            at = at + 1 < n ? at + 1 : 0;
    }
}

struct census {
    size_t of[6] = {0, 0, 0, 0, 0, 0};
    census(size_t first, size_t n)
    {
        for (size_t i = first; i < first + n; i++) of[fibers[i]->state]++;
    }
};

void release(size_t first, size_t n, waiting from, int name)
{
    for (size_t i = first; i < first + n; i++)
        if (fibers[i]->state == from && (from != at_name || fibers[i]->name == name))
            fibers[i]->state = runs;
    moved = true;
}

/* Runs a warp until all of its fibers wait for others or have ended. */
void run_warp(size_t first, size_t n)
{
    for (;;) {
        run_from(first, n);
        census at(first, n);
        if (at.of[at_warp] == 0) return;
        if (at.of[at_warp] == n)
            release(first, n, at_warp, 0);
        else if (at.of[polls] + at.of[at_name])
            return; /* some of them have to come back first */
        else
            stop("some threads of a warp wait for others that do not come");
    }
}

void open_names(size_t threads)
{
    for (int name = 0; name < names; name++) {
        if (arrived[name] == 0 || arrived[name] < expected[name]) continue;
        if (arrived[name] > expected[name]) stop("a named barrier got more threads than it takes");
        arrived[name] = 0;
        release(0, threads, at_name, name);
    }
}

void run_block(size_t threads)
{
    memset(arrived, 0, sizeof arrived);
    for (;;) {
        size_t warps = (threads + warp - 1) / warp, start = draw() % warps;
        moved = false;
        for (size_t k = 0; k < warps; k++) {
            size_t first = (start + k) % warps * warp;
            run_warp(first, first + warp < threads ? warp : threads - first);
        }
        census at(0, threads);
        if (at.of[ended] == threads) return;
        open_names(threads);
        if (at.of[at_block] == threads)
            release(0, threads, at_block, 0);
        else if (at.of[polls] == 0 && !moved)
            stop("some threads ended while others wait at a barrier");
        else if (!moved)
            stop("nobody completes what a thread waits for");
        if (at.of[polls]) release(0, threads, polls, 0);
    }
}

void begin(fiber *f, unsigned flat)
{
    unsigned x = block_size.x, y = block_size.y;
    f->self = {dim3(flat % x, flat / x % y, flat / x / y), flat, 0};
    f->state = runs;
    f->copies.clear();
    f->products.clear();
}
} // namespace

void block_barrier()
{
    wait_as(at_block);
}

void named_barrier(int name, int threads, bool waits)
{
    if (name < 0 || name >= names || threads % (int)warp) stop("no such named barrier");
    if (arrived[name] && expected[name] != threads) stop("a named barrier of two sizes");
    expected[name] = threads;
    arrived[name]++;
    moved = true;
    fibers[now->flat]->name = name;
    if (waits) wait_as(at_name);
}

void poll()
{
    wait_as(polls);
}

void happened()
{
    moved = true;
}

unsigned shared_address(const void *p)
{
    return (unsigned)((const char *)p - (const char *)shared);
}

void warp_barrier()
{
    wait_as(at_warp);
}

unsigned ballot(bool mine)
{
    unsigned all = 0;
    give(&mine, sizeof mine);
    size_t first = now->flat / warp * warp, threads = block_size.x * block_size.y * block_size.z;
    for (unsigned lane = 0; lane < warp && first + lane < threads; lane++)
        all |= (unsigned)*(const bool *)given(lane) << lane;
    return all;
}

/* The matrix unit reads the upper 19 bits. */
static float tf32(uint32_t bits)
{
    float x;
    bits &= ~0x1fffu;
    memcpy(&x, &bits, sizeof x);
    return x;
}

void mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    fragments mine;
    for (int i = 0; i < 4; i++) mine.a[i][0] = tf32(a[i]);
    for (int i = 0; i < 2; i++) mine.b[i][0] = tf32(b[i]);
    give(&mine, sizeof mine);
    multiply(c, 1);
}

void ldmatrix(uint32_t *r, int n, const void *row, bool trans)
{
    if ((uintptr_t)row % 16) stop("a row for ldmatrix is not aligned to 16 bytes");
    give(&row, sizeof row);
    unsigned lane = now->flat & 31u, pair = lane % 4 * 2, other = lane / 4;
    for (unsigned m = 0; m < (unsigned)n; m++) {
        uint16_t two[2];
        for (unsigned i = 0; i < 2; i++) {
            unsigned at_row = trans ? pair + i : other, column = trans ? other : pair + i;
            memcpy(&two[i], *(const uint16_t *const *)given(m * 8 + at_row) + column,
                   sizeof two[i]);
        }
        r[m] = two[0] | (uint32_t)two[1] << 16;
    }
}

void copy_later(void *to, const void *from, bool there)
{
    fiber *f = fibers[now->flat].get();
    if ((uintptr_t)to % 16 || (there && (uintptr_t)from % 16))
        stop("an asynchronous copy of 16 bytes is not aligned to them");
    if (f->copies.empty()) f->copies.emplace_back();
    f->copies.back().push_back({to, from, there});
}

void copies_commit()
{
    fiber *f = fibers[now->flat].get();
    if (f->copies.empty()) f->copies.emplace_back();
    f->copies.emplace_back();
}

void copies_wait(unsigned newest)
{
    fiber *f = fibers[now->flat].get();
    while (f->copies.size() > (size_t)newest + 1) {
        for (const copy &c : f->copies.front())
            if (c.there)
                memcpy(c.to, c.from, 16);
            else
                memset(c.to, 0, 16);
        f->copies.pop_front();
    }
}

void do_later(const std::function<void()> &product)
{
    fiber *f = fibers[now->flat].get();
    if (f->products.empty()) f->products.emplace_back();
    f->products.back().push_back(product);
}

void wgmma_commit()
{
    fiber *f = fibers[now->flat].get();
    if (f->products.empty()) f->products.emplace_back();
    f->products.emplace_back();
}

void wgmma_wait(unsigned newest)
{
    fiber *f = fibers[now->flat].get();
    while (f->products.size() > (size_t)newest + 1) {
        for (const std::function<void()> &product : f->products.front()) product();
        f->products.pop_front();
    }
}

namespace
{
struct kept_launch {
    dim3 grid, block;
    size_t shared_bytes;
    std::function<void()> of;
};

/* Shared memory of one block after the other, in the middle of bytes that are NaN for who reads them by mistake. */
const size_t margin = 64 << 10, margin_checked = 1 << 10;
alignas(1024) unsigned char arena[margin + shared_most + margin];

void share(size_t bytes)
{
    unsigned char *pool = arena + margin;
    memset(pool, 0xff, bytes);
    hide_shared(bytes);
    memset(pool - margin_checked, 0xff, margin_checked);
    memset(pool + bytes, 0xff, margin_checked);
    la_watch_close(arena, sizeof arena);
    la_watch_open(pool, bytes);
    shared = pool;
}

/* What a device would have in flight when the next block has this one's shared memory. */
void check_left(size_t threads)
{
    for (int waiting : arrived)
        if (waiting) stop("a block ends with threads that arrived at a named barrier and no more");
    if (boxes_left()) stop("a block ends before a copy of the tensor unit has landed");
    for (size_t i = 0; i < threads; i++)
        for (const std::vector<std::function<void()>> &group : fibers[i]->products)
            if (!group.empty()) stop("a block ends before a product of its warps was waited for");
}

bool untouched(const unsigned char *p, size_t bytes)
{
    return p[0] == 0xff && memcmp(p, p + 1, bytes - 1) == 0;
}

/* What a sanitizer would have said, without one. */
void check_shared(size_t bytes)
{
    const unsigned char *pool = arena + margin;
    la_watch_open(arena, sizeof arena);
    if (!untouched(pool - margin_checked, margin_checked) ||
        !untouched(pool + bytes, margin_checked))
        stop("a thread wrote outside the shared memory of its block");
}

void run_grid(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &of)
{
    size_t threads = (size_t)block.x * block.y * block.z;
    while (fibers.size() < threads) fibers.emplace_back(new fiber);
    grid_size = grid, block_size = block, kernel = &of;
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                share(shared_bytes);
                block_index = dim3(x, y, z);
                for (unsigned i = 0; i < threads; i++) begin(fibers[i].get(), i);
                run_block(threads);
                check_left(threads);
                check_shared(shared_bytes);
            }
    shared = nullptr;
    if (fake_ran) fake_ran();
}

void run_kept(void *data)
{
    const kept_launch *k = static_cast<kept_launch *>(data);
    run_grid(k->grid, k->block, k->shared_bytes, k->of);
}

void end_kept(void *data)
{
    delete static_cast<kept_launch *>(data);
}
} // namespace

void launch(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &of)
{
    size_t threads = (size_t)block.x * block.y * block.z;
    if (threads == 0 || threads > threads_most || block.z > 64 || grid.x == 0 || grid.y == 0 ||
        grid.z == 0 || grid.y > 65535 || grid.z > 65535 || shared_bytes > shared_most) {
        error = 9; /* cudaErrorInvalidConfiguration */
        return;
    }
    std::unique_ptr<kept_launch> kept(new kept_launch{grid, block, shared_bytes, of});
    if (fake_record && fake_record(run_kept, end_kept, kept.get(), true))
        (void)kept.release();
    else
        run_grid(grid, block, shared_bytes, of);
}

int last_error()
{
    int was = error;
    error = 0;
    return was;
}
} // namespace la_emulator
