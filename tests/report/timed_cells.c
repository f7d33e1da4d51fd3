/* SPDX-License-Identifier: Apache-2.0 */
#include "timed_cells.h"

#include <stdio.h>

#include "labench/kit.h"

void timed_cell(fixture *f, int64_t sweep, int64_t T, const char *variant, const char *impl,
                double ns, uint64_t stream)
{
    char key[33];
    int64_t id, attempt;
    la_err err = {0};
    la_cell_row row = sample_cell(0, key);
    row.variant = variant;
    row.impl = impl;
    row.seqlen = row.tcap = T;
    row.rounds = TIMED_ROUNDS;
    snprintf(key, sizeof key, "%08x%08x%016x", (unsigned)T, (unsigned)stream,
             variant[0] * 256 + impl[0]);
    row.key = key;
    expect_ok(la_store_plan(f->store, sweep, f->device, &row, 1, &id, &err));
    for (int64_t round = 0; round < TIMED_ROUNDS; round++) {
        static attempt_data data;
        la_attempt_row a = sample_attempt(&data, TIMED_SAMPLES);
        double speed =
            1 + 0.005 * la_random_normal(la_stream(stream, 1, (uint64_t)T), (uint64_t)round);
        for (uint64_t k = 0; k < TIMED_SAMPLES; k++) {
            double luck = 1 + 0.005 * la_random_normal(
                                          la_stream(stream, 2 + (uint64_t)T, (uint64_t)round), k);
            data.samples[k].iters = 1;
            data.samples[k].total_ns = (int64_t)(ns * speed * luck);
        }
        expect_ok(la_store_claim(f->store, id, round, &attempt, &err));
        expect_ok(la_store_finish(f->store, attempt, &a, &err));
    }
}
