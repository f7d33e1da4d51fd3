/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "watched.h"

#define ALIGN        64
#define HUGE_PAGE    ((size_t)2 << 20)
#define HUGE_FROM    (2 * HUGE_PAGE)
#define SHIFT        ((size_t)(5 * ALIGN))
#define SHIFTS       13u
#define GUARD        64
#define GUARD_BYTE   0xA5
#define POISON_WORDS (HUGE_PAGE / sizeof(uint32_t)) /* of a buffer, one thread at a time */
#define NAN_WORD     0x7FC17FC1u /* a quiet NaN as one f32, as two bf16 or f16, and as half an f64 */

/* One cache line in front of every block remembers its size, so that la_free can count. */
typedef struct header {
    size_t bytes;
    size_t magic;
    void *base; /* what free wants */
} header;
#define MAGIC ((size_t)0x6C616265u)

static _Atomic size_t live, peak, limit;
static _Atomic long calls, fail_at;
static _Atomic bool fail_later;
static _Atomic bool fault_read;

static void read_fault_variable(void)
{
    if (atomic_exchange(&fault_read, true)) return;
    const char *fault = getenv("LABENCH_FAULT");
    if (!fault || strncmp(fault, "malloc:", 7) != 0) return;
    char *end;
    long n = strtol(fault + 7, &end, 10);
    la_mem_fail_at(n, strcmp(end, ":all") == 0);
}

static bool injected_failure(void)
{
    read_fault_variable();
    long n = atomic_fetch_add(&calls, 1) + 1;
    long at = atomic_load(&fail_at);
    return at > 0 && (n == at || (n > at && atomic_load(&fail_later)));
}

void la_mem_fail_at(long n, bool and_all_later)
{
    atomic_store(&fault_read, true);
    atomic_store(&fail_later, and_all_later);
    atomic_store(&fail_at, n > 0 ? atomic_load(&calls) + n : 0);
}

long la_mem_count(void)
{
    return atomic_load(&calls);
}

static void count_in(size_t bytes)
{
    size_t now = atomic_fetch_add(&live, bytes) + bytes;
    size_t high = atomic_load(&peak);
    while (now > high && !atomic_compare_exchange_weak(&peak, &high, now)) {
    }
}

size_t la_mem_live(void)
{
    return atomic_load(&live);
}

size_t la_mem_peak(void)
{
    return atomic_load(&peak);
}

void la_mem_peak_reset(void)
{
    atomic_store(&peak, atomic_load(&live));
}

void la_mem_limit(size_t bytes)
{
    atomic_store(&limit, bytes);
}

/* Large blocks ask for huge pages: with 4 KiB pages a long sequence spends much of its time in page
 * walks, on a virtual machine twice over, and by how much differs from process to process. Equal
 * rows of q, k, v and o would then lie at equal offsets and meet in the same cache sets, so each
 * block starts a few lines further than the one before. */
static header *take(size_t bytes)
{
    static _Atomic unsigned blocks;
    bool huge = bytes >= HUGE_FROM;
    size_t align = huge ? HUGE_PAGE : ALIGN;
    size_t shift = huge ? atomic_fetch_add(&blocks, 1) % SHIFTS * SHIFT : 0;
    size_t whole = (bytes + ALIGN + shift + align - 1) / align * align;
    char *base = aligned_alloc(align, whole);
    if (!base) return NULL;
    /* The tail stays on small pages, so that resident memory is what was touched. */
    if (huge) madvise(base, (bytes + ALIGN + shift) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    header *h = (header *)(void *)(base + shift);
    *h = (header){bytes, MAGIC, base};
    la_watch_close(base, whole);
    la_watch_open(base + shift + ALIGN, bytes);
    return h;
}

/* The header of a block, which is nobody's else. */
static header *header_of(void *p)
{
    header *h = (header *)(void *)((char *)p - ALIGN);
    la_watch_open(h, sizeof *h);
    return h;
}

void *la_alloc(size_t bytes, la_err *err)
{
    size_t cap = atomic_load(&limit);
    header *raw = NULL;
    bool over = cap && atomic_load(&live) + bytes > cap;
    if (!injected_failure() && !over && bytes <= SIZE_MAX - 2 * HUGE_PAGE) raw = take(bytes);
    if (!raw) {
        LA_FAIL(err, LA_E_NOMEM, "out of memory: %zu bytes wanted, %zu in use%s", bytes,
                atomic_load(&live), over ? " and the limit is reached" : "");
        return NULL;
    }
    count_in(bytes);
    return (char *)(void *)raw + ALIGN;
}

void *la_zalloc(size_t bytes, la_err *err)
{
    void *p = la_alloc(bytes, err);
    if (p) memset(p, 0, bytes);
    return p;
}

void la_free(void *p)
{
    if (!p) return;
    header *h = header_of(p);
    LA_ASSERT(h->magic == MAGIC);
    atomic_fetch_sub(&live, h->bytes);
    h->magic = 0;
    free(h->base);
}

static void watch_guards(const la_buffer *buf)
{
    la_watch_close(buf->base, buf->bytes + 2 * GUARD);
    la_watch_open(buf->data, buf->bytes);
}

la_status la_buffer_init(la_buffer *buf, size_t bytes, la_err *err)
{
    *buf = (la_buffer){0};
    if (bytes == 0) return LA_OK;
    if (bytes > SIZE_MAX / 2)
        return LA_FAIL(err, LA_E_NOMEM, "out of memory: %zu bytes wanted", bytes);
    char *base = la_alloc(bytes + 2 * GUARD, err);
    if (!base) return LA_E_NOMEM;
    memset(base, GUARD_BYTE, GUARD);
    memset(base + GUARD + bytes, GUARD_BYTE, GUARD);
    *buf = (la_buffer){base + GUARD, bytes, base};
    /* The guards are ours, not the variant's: they do not count. */
    atomic_fetch_sub(&live, 2 * GUARD);
    header *h = header_of(base);
    h->bytes = bytes;
    la_watch_close(h, ALIGN);
    watch_guards(buf);
    return LA_OK;
}

void la_buffer_release(la_buffer *buf)
{
    if (!buf) return;
    la_free(buf->base);
    *buf = (la_buffer){0};
}

/* The first touch of fresh memory is the dear part (on a virtual machine a GiB takes seconds), and every core
 * may take pages at once. */
void la_buffer_poison(la_buffer *buf)
{
    if (!buf->data) return;
    uint32_t word = NAN_WORD;
    char *p = buf->data;
    size_t whole = buf->bytes / sizeof word;
#pragma omp parallel for schedule(dynamic, POISON_WORDS) if (whole > 8 * POISON_WORDS)
    for (size_t i = 0; i < whole; i++) memcpy(p + i * sizeof word, &word, sizeof word);
    memset(p + whole * sizeof word, 0xFF, buf->bytes % sizeof word);
}

bool la_buffer_intact(const la_buffer *buf)
{
    if (!buf->base) return true;
    const unsigned char *front = buf->base;
    const unsigned char *back = (const unsigned char *)buf->data + buf->bytes;
    bool intact = true;
    la_watch_open(buf->base, buf->bytes + 2 * GUARD);
    for (size_t i = 0; i < GUARD; i++)
        intact = intact && front[i] == GUARD_BYTE && back[i] == GUARD_BYTE;
    watch_guards(buf);
    return intact;
}

char *la_strdup(const char *s, la_err *err)
{
    size_t n = strlen(s) + 1;
    char *copy = la_alloc(n, err);
    if (copy) memcpy(copy, s, n);
    return copy;
}

la_status la_grow(void **array, size_t *cap, size_t n, size_t element, la_err *err)
{
    if (n <= *cap) return LA_OK;
    size_t want = *cap ? *cap : 8;
    while (want < n) {
        if (want > SIZE_MAX / 2 / element)
            return LA_FAIL(err, LA_E_NOMEM, "out of memory: %zu elements wanted", n);
        want *= 2;
    }
    void *bigger = la_alloc(want * element, err);
    if (!bigger) return LA_E_NOMEM;
    if (*array) memcpy(bigger, *array, *cap * element);
    la_free(*array);
    *array = bigger;
    *cap = want;
    return LA_OK;
}
