/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_LOCAL_INTERNAL_H
#define LA_LOCAL_INTERNAL_H

#include "labench/variant.h"

typedef struct local_opts {
    int64_t window;
} local_opts;

extern const la_reference la_local_reference;

#endif
