/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_PERFORMER_INTERNAL_H
#define LA_PERFORMER_INTERNAL_H

#include "labench/variant.h"

typedef struct la_performer_options {
    int64_t features, iid, redraw;
} la_performer_options;

extern const la_reference la_performer_reference;

/* M: the option, or max(1, round(dk ln dk)) where it is 0. */
int64_t la_performer_features(const la_problem *p, const void *opts);

#endif
