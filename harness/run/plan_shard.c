/* SPDX-License-Identifier: Apache-2.0
 * A share of a plan, for one of several processes or machines that measure it together.
 *
 * Which cell is whose follows from the content of the cell alone, so that any split of one spec has the same
 * cells. A model is where it is evaluated: learning rates to choose from, and all lengths, stay together.
 */
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "plan_internal.h"

static int shard_of(const la_cell *cell, int shards)
{
    XXH64_hash_t hash = cell->learn ? XXH3_64bits(&cell->learn->group, sizeof cell->learn->group)
                                    : XXH3_64bits(cell->key, strlen(cell->key));
    return 1 + (int)(hash % (XXH64_hash_t)shards);
}

void la_plan_shard(la_plan *plan, int shard, int shards)
{
    size_t kept = 0, len = strlen(plan->spec_hash);
    for (size_t i = 0; i < plan->n; i++) {
        la_cell *cell = &plan->cells[i];
        cell->ordinal = (int64_t)i;
        if (shard_of(cell, shards) == shard)
            plan->cells[kept++] = *cell;
        else
            la_cell_release(cell);
    }
    plan->n = kept;
    /* A share is not the sweep: nobody continues one with the other, or takes it for the whole. */
    snprintf(plan->spec_hash + len, sizeof plan->spec_hash - len, ".%d/%d", shard, shards);
}
