/* SPDX-License-Identifier: Apache-2.0
 * Digests for builds without xxHash (LABENCH_MINIMAL): FNV-1a, of other values than xxHash's. The harness compares
 * them within a process and names cached files by them.
 */
#ifndef LA_MINIMAL_XXHASH_H
#define LA_MINIMAL_XXHASH_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t XXH64_hash_t;
typedef struct XXH128_hash_t {
    XXH64_hash_t low64, high64;
} XXH128_hash_t;

static inline XXH64_hash_t XXH3_64bits_withSeed(const void *bytes, size_t n, uint64_t seed)
{
    const unsigned char *at = (const unsigned char *)bytes;
    uint64_t hash = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < n; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static inline XXH64_hash_t XXH3_64bits(const void *bytes, size_t n)
{
    return XXH3_64bits_withSeed(bytes, n, 0);
}

static inline XXH128_hash_t XXH3_128bits(const void *bytes, size_t n)
{
    XXH128_hash_t hash = {XXH3_64bits_withSeed(bytes, n, 0), XXH3_64bits_withSeed(bytes, n, 1)};
    return hash;
}

#endif
