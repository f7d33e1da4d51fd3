/* SPDX-License-Identifier: Apache-2.0
 * XXH3-128 as 32 hex digits.
 */
#ifndef LA_DIGEST_H
#define LA_DIGEST_H

#include <stdio.h>
#include <xxhash.h>

void la_hex_digest(XXH128_hash_t h, char out[33]);

#endif
