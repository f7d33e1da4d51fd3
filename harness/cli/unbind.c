/* SPDX-License-Identifier: Apache-2.0
 * OMP_PROC_BIND in a shell or a batch system binds the first thread to a core before main begins, and all that it
 * starts, workers too, would share that core. Workers are told by their own environment how to bind their
 * threads.
 */
#include <omp.h>
#include <sched.h>

#include "commands.h"

void la_cli_unbind(void)
{
    static int ids[CPU_SETSIZE];
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int place = 0; place < omp_get_num_places(); place++) {
        int n = omp_get_place_num_procs(place);
        if (n > CPU_SETSIZE) return;
        omp_get_place_proc_ids(place, ids);
        for (int i = 0; i < n; i++)
            if (ids[i] >= 0 && ids[i] < CPU_SETSIZE) CPU_SET((size_t)ids[i], &all);
    }
    if (CPU_COUNT(&all) > 0) sched_setaffinity(0, sizeof all, &all);
}
