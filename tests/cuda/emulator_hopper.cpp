/* SPDX-License-Identifier: Apache-2.0 */
#include "labench/cuda_hopper.cuh"

#include "fake_tensor_map.h"

#include <map>
#include <vector>

bool emulated_fences = true;

namespace la_emulator
{
namespace
{
/* The 64 bits of a barrier. */
struct counts {
    uint16_t count, pending;
    uint32_t bytes : 31, phase : 1; /* bytes: still to come */
};
static_assert(sizeof(counts) == sizeof(uint64_t), "a barrier is 8 bytes");

struct box {
    void *to;
    fake_tensor_map map;
    int at[LA_TENSOR_RANK];
};
std::map<uint64_t *, std::vector<box>> on_their_way;

void check(uint64_t *b)
{
    if ((uintptr_t)b % 8 || !b) stop("a barrier in shared memory is not aligned to 8 bytes");
}

void maybe_complete(counts *c)
{
    if (c->pending || c->bytes) return;
    c->pending = c->count;
    c->phase ^= 1;
    happened();
}

/* Shared memory as wgmma reads it: what the tensor unit wrote, and what threads did before a fence. A fence shows the
 * writes of all threads so far, so that one is missed where every thread forgets it, not where one does. */
const size_t seen_most = 227 << 10;
alignas(1024) unsigned char seen[seen_most];
size_t seen_bytes;

/* Copies the box, swizzled by 128 bytes; what lies outside is zeros. */
unsigned land(const box &what)
{
    const fake_tensor_map &m = what.map;
    int i[LA_TENSOR_RANK] = {0}, size[LA_TENSOR_RANK] = {1, 1, 1, 1, 1};
    for (int d = 0; d < m.rank; d++) size[d] = m.box[d];
    unsigned offset = 0, row_bytes = (unsigned)size[0] * 2;
    unsigned base = shared_address(what.to);
    if (base % 1024) stop("a box of TMA is not aligned to 1024 bytes");
    for (i[4] = 0; i[4] < size[4]; i[4]++)
        for (i[3] = 0; i[3] < size[3]; i[3]++)
            for (i[2] = 0; i[2] < size[2]; i[2]++)
                for (i[1] = 0; i[1] < size[1]; i[1]++, offset += row_bytes)
                    for (i[0] = 0; i[0] < size[0]; i[0]++) {
                        bool inside = true;
                        int64_t from = 0;
                        for (int d = 0; d < m.rank; d++) {
                            int at = what.at[d] + i[d];
                            inside = inside && at >= 0 && at < m.lengths[d];
                            from += at * (d ? m.strides[d - 1] : 2);
                        }
                        unsigned byte = offset + (unsigned)i[0] * 2;
                        byte ^= (byte >> 7 & 7) << 4;
                        uint16_t number = 0;
                        if (inside) memcpy(&number, (const char *)m.base + from, 2);
                        if (base + byte + 2 > seen_bytes)
                            stop("a box of TMA leaves the shared memory of its block");
                        memcpy((char *)what.to + byte, &number, 2);
                        memcpy(seen + base + byte, &number, 2);
                    }
    return offset;
}
/* A box lands, and the barrier counts its bytes. */
void come(uint64_t *b, const box &what)
{
    counts *c = (counts *)(void *)b;
    unsigned bytes = land(what);
    if (bytes > c->bytes) stop("more bytes came to a barrier than it was told");
    c->bytes -= bytes;
    maybe_complete(c);
}

/* Whether a copy lands at once: about half of them. */
bool lands_early()
{
    static uint32_t coin = 1;
    coin = coin * 1664525u + 1013904223u;
    return coin >> 31;
}
} // namespace

void mbarrier_init(uint64_t *b, unsigned count)
{
    check(b);
    counts c = {(uint16_t)count, (uint16_t)count, 0, 0};
    memcpy(b, &c, sizeof c);
    on_their_way.erase(b);
}

void mbarrier_arrive(uint64_t *b, unsigned bytes)
{
    counts *c = (counts *)(void *)b;
    check(b);
    if (c->pending == 0) stop("more arrive at a barrier of shared memory than it counts");
    c->bytes += bytes;
    c->pending--;
    happened();
    maybe_complete(c);
    poll(); /* the others first, who may overwrite what was given back */
}

void mbarrier_wait(uint64_t *b, unsigned phase)
{
    counts *c = (counts *)(void *)b;
    check(b);
    while (c->phase == (phase & 1)) {
        std::vector<box> boxes;
        boxes.swap(on_their_way[b]);
        for (const box &what : boxes) come(b, what);
        if (c->phase == (phase & 1)) poll();
    }
}

void tma_load(void *to, const la_tensor_map *map, uint64_t *b, const int *at, int rank)
{
    box what = {};
    what.to = to;
    memcpy(&what.map, map, sizeof what.map);
    check(b);
    if (what.map.rank != rank) stop("a copy of another rank than its tensor map");
    memcpy(what.at, at, (size_t)rank * sizeof *at);
    happened();
    if (lands_early())
        come(b, what);
    else
        on_their_way[b].push_back(what);
}

void hide_shared(size_t bytes)
{
    seen_bytes = bytes;
    memset(seen, 0xff, bytes);
}

void fence_async()
{
    if (emulated_fences) memcpy(seen, shared, seen_bytes);
}

bool boxes_left()
{
    for (const auto &of : on_their_way)
        if (!of.second.empty()) return true;
    return false;
}

/* The number at row, column of a tile with 128 bytes a row of a panel. */
static uint16_t tile_at(uint64_t tile, unsigned row, unsigned column, bool mn)
{
    unsigned start = (unsigned)(tile & 0x3fff) << 4, leading = (unsigned)(tile >> 16 & 0x3fff) << 4,
             stride = (unsigned)(tile >> 32 & 0x3fff) << 4;
    if (tile >> 62 != 1) stop("a tile is swizzled by 128 bytes");
    unsigned byte = start + row / 8 * stride + row % 8 * 128 +
                    (mn ? column / 64 * leading + column % 64 * 2 : column * 2);
    byte ^= (byte >> 7 & 7) << 4;
    uint16_t number;
    if (byte + sizeof number > seen_bytes) stop("a tile lies outside of the shared memory");
    memcpy(&number, seen + byte, sizeof number);
    return number;
}

/* A thread's sum from its first product to the wait for its last one: how many are at work, and its numbers. */
struct sum_at_work {
    int products;
    std::vector<float> numbers;
};
static std::map<const float *, sum_at_work> sums;

static void check_untouched(const float *c, const sum_at_work &of)
{
    if (memcmp(c, of.numbers.data(), of.numbers.size() * sizeof *c))
        stop("a thread wrote to the sum of a product that it had not waited for");
}

void wgmma(float *c, int n, const uint32_t *a, uint64_t a_tile, uint64_t b_tile, bool mn, bool add,
           widen number)
{
    unsigned lane = now->flat & 31u, warp = now->flat / 32 % 4;
    sum_at_work &asked = sums[c];
    if (asked.products++ == 0) asked.numbers.assign(c, c + n / 2);
    check_untouched(c, asked);
    do_later([=]() {
        sum_at_work &of = sums.at(c);
        check_untouched(c, of);
        float mine[2][16]; /* this lane's two rows of a */
        if (a) give(a, 4 * sizeof *a);
        for (unsigned k = 0; k < 16; k++)
            for (unsigned i = 0; i < 2; i++) {
                uint16_t bits;
                if (a) {
                    const uint32_t *of = (const uint32_t *)given(lane / 4 * 4 + k % 8 / 2);
                    bits = (uint16_t)(of[i + k / 8 * 2] >> k % 2 * 16);
                } else {
                    bits = tile_at(a_tile, 16 * warp + lane / 4 + 8 * i, k, false);
                }
                mine[i][k] = number(bits);
            }
        for (int j = 0; j < n / 8; j++)
            for (unsigned e = 0; e < 4; e++) {
                unsigned column = 8 * (unsigned)j + 2 * (lane % 4) + e % 2;
                double products[16];
                for (unsigned k = 0; k < 16; k++)
                    products[k] = (double)mine[e / 2][k] *
                                  (double)number(mn ? tile_at(b_tile, k, column, true)
                                                    : tile_at(b_tile, column, k, false));
                float *to = &c[4 * j + (int)e];
                *to = add_cut(add ? *to : 0.0f, products, 16);
            }
        of.numbers.assign(c, c + n / 2);
        if (--of.products == 0) sums.erase(c);
    });
}
} // namespace la_emulator
