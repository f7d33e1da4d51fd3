/* SPDX-License-Identifier: Apache-2.0
 * The CPU as the system describes it.
 */
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "labench/kit.h"
#include "registry.h"

static size_t cache_size(int level_name)
{
    long n = sysconf(level_name);
    return n > 0 ? (size_t)n : 0;
}

/* The processors that we may run on, as taskset and batch systems say. False: OpenMP has bound this thread to one of its
 * places, so that nobody knows which; *most is how many. */
static bool allowed(cpu_set_t *set, int *most)
{
    *most = INT_MAX;
    if (sched_getaffinity(0, sizeof *set, set) != 0) return false;
#ifdef _OPENMP
    if (omp_get_num_procs() > CPU_COUNT(set)) {
        *most = omp_get_num_procs();
        return false;
    }
#endif
    return true;
}

/* Physical cores: distinct (package, core) pairs among the processors we may run on. */
static int physical_cores(void)
{
    enum { MAX = CPU_SETSIZE };
    static long seen[MAX];
    cpu_set_t set;
    int n = 0, most;
    bool known = allowed(&set, &most);
    long all = sysconf(_SC_NPROCESSORS_CONF);
    for (long cpu = 0; cpu < all && cpu < MAX; cpu++) {
        if (known && !CPU_ISSET((size_t)cpu, &set)) continue;
        long id[2] = {0, cpu};
        static const char *const files[] = {"physical_package_id", "core_id"};
        for (int i = 0; i < 2; i++) {
            char path[96];
            snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%ld/topology/%s", cpu,
                     files[i]);
            FILE *f = fopen(path, "r");
            if (!f) continue;
            if (fscanf(f, "%ld", &id[i]) != 1) id[i] = i ? cpu : 0;
            fclose(f);
        }
        long key = id[0] * 65536 + id[1];
        int k = 0;
        while (k < n && seen[k] != key) k++;
        if (k == n) seen[n++] = key;
    }
    n = n < most ? n : most;
    return n > 0 ? n : 1;
}

void la_device_cpu(la_device *out)
{
    *out = (la_device){.backend = LA_CPU, .isa = la_isa_best(), .cores = physical_cores()};
    out->l1d = cache_size(_SC_LEVEL1_DCACHE_SIZE);
    out->l2 = cache_size(_SC_LEVEL2_CACHE_SIZE);
    out->l3 = cache_size(_SC_LEVEL3_CACHE_SIZE);
    out->memory = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    snprintf(out->name, sizeof out->name, "CPU");
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(out->name, sizeof out->name, "%.90s", colon + 2);
        break;
    }
    if (f) fclose(f);
}
