/* SPDX-License-Identifier: Apache-2.0
 * What an address sanitizer cannot know by itself: which bytes of a block of memory are nobody's. Nothing in builds
 * without one.
 */
#ifndef LA_WATCHED_H
#define LA_WATCHED_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__
#define LA_WATCHED 1
#elif defined(__has_feature)
#define LA_WATCHED __has_feature(address_sanitizer)
#else
#define LA_WATCHED 0
#endif

#if LA_WATCHED
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* A function that no sanitizer watches: it switches stacks, or breaks the rules for others to find out. */
#define LA_UNWATCHED __attribute__((no_sanitize("address"), noinline))

/* Reading or writing these bytes ends the program until they are opened; the first lies at a multiple of 8. */
static inline void la_watch_close(const volatile void *p, size_t bytes)
{
    __asan_poison_memory_region(p, bytes);
}

static inline void la_watch_open(const volatile void *p, size_t bytes)
{
    __asan_unpoison_memory_region(p, bytes);
}

static inline bool la_watch_closed(const volatile void *p)
{
    return __asan_address_is_poisoned(p) != 0;
}

#else

#define LA_UNWATCHED __attribute__((noinline))

static inline void la_watch_close(const volatile void *p, size_t bytes)
{
    (void)p, (void)bytes;
}

static inline void la_watch_open(const volatile void *p, size_t bytes)
{
    (void)p, (void)bytes;
}

static inline bool la_watch_closed(const volatile void *p)
{
    (void)p;
    return false;
}

#endif
#endif
