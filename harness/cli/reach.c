/* SPDX-License-Identifier: Apache-2.0 */
#include "reach.h"

#include "machine.h"
#include "peak.h"
#include "query.h"
#include "registry.h"

static la_status find_stored(la_store *store, const char *machine, la_reach *out, la_err *err)
{
    const char *bound[] = {machine};
    la_query *query;
    bool more;
    LA_TRY(la_query_open(store,
                         "SELECT p.flops, p.threads, p.device_id FROM peak p JOIN device d "
                         "USING(device_id) JOIN machine m USING(machine_id) WHERE m.uuid = ?1 "
                         "AND d.kind = 'cpu' AND p.flops > 0 ORDER BY p.threads DESC LIMIT 1",
                         bound, 1, &query, err));
    la_status st = la_query_next(query, &more, err);
    int64_t device = st == LA_OK && more ? la_query_int(query, 2) : 0;
    if (device)
        *out = (la_reach){.flops = la_query_real(query, 0), .threads = (int)la_query_int(query, 1)};
    la_query_close(query);
    return device ? la_history_read(store, device, &out->history, err) : st;
}

la_status la_reach_find(la_store *store, la_reach *out, la_err *err)
{
    la_machine machine;
    *out = (la_reach){0};
    LA_TRY(la_machine_read(&machine, err));
    la_status st = store ? find_stored(store, machine.uuid, out, err) : LA_OK;
    if (st == LA_OK && !(out->flops > 0)) {
        la_device cpu;
        la_device_cpu(&cpu);
        out->flops = la_peak_arithmetic(cpu.cores, cpu.isa).best;
        out->threads = cpu.cores;
    }
    la_machine_release(&machine);
    return st;
}

void la_reach_release(la_reach *reach)
{
    la_history_free(reach->history);
    *reach = (la_reach){0};
}

la_status la_reach_estimate(const la_reach *reach, la_plan *plan, la_run_settings *settings,
                            la_estimate *out, la_err *err)
{
    settings->peak_flops = reach->flops;
    settings->peak_threads = reach->threads;
    la_history_apply(reach->history, plan);
    return la_estimate_plan(plan, settings, out, err);
}
