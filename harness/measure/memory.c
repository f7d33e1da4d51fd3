/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sysfile.h"

int64_t la_rss_now(void)
{
    return la_sysfile_bytes("/proc/self/status", "VmRSS");
}

int64_t la_rss_peak(void)
{
    return la_sysfile_bytes("/proc/self/status", "VmHWM");
}

int64_t la_vm_size(void)
{
    return la_sysfile_bytes("/proc/self/status", "VmSize");
}

bool la_rss_peak_reset(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (!f) return false;
    bool ok = fputs("5", f) >= 0;
    return fclose(f) == 0 && ok;
}

static int64_t read_number(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f) return -1;
    int64_t x;
    if (fscanf(f, "%" SCNd64, &x) != 1) x = -1; /* "max" */
    fclose(f);
    return x;
}

/* What is left below the limit of the control group we are in: version 2 as a container sees it, then
 * version 1. -1: no limit is known. */
static int64_t cgroup_left(void)
{
    static const char *const files[][2] = {
        {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes",
         "/sys/fs/cgroup/memory/memory.usage_in_bytes"}};
    for (size_t i = 0; i < 2; i++) {
        int64_t max = read_number(files[i][0]), used = read_number(files[i][1]);
        /* Version 1 writes "no limit" as a number near 2^63. */
        if (max > 0 && max < (int64_t)1 << 60 && used >= 0) return max > used ? max - used : 0;
    }
    return -1;
}

size_t la_memory_free(void)
{
    int64_t free_bytes = la_sysfile_bytes("/proc/meminfo", "MemAvailable");
    if (free_bytes < 0)
        free_bytes = (int64_t)sysconf(_SC_AVPHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
    int64_t left = cgroup_left();
    return (size_t)(left >= 0 && left < free_bytes ? left : free_bytes);
}

static int64_t as_ns(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

la_usage la_usage_of(const struct rusage *r)
{
    return (la_usage){as_ns(r->ru_utime), as_ns(r->ru_stime), r->ru_nivcsw, r->ru_minflt,
                      r->ru_majflt};
}

void la_usage_now(la_usage *out)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    *out = la_usage_of(&r);
}

la_usage la_usage_since(const la_usage *start)
{
    la_usage now;
    la_usage_now(&now);
    return (la_usage){now.user_ns - start->user_ns, now.sys_ns - start->sys_ns,
                      now.involuntary - start->involuntary, now.minor_faults - start->minor_faults,
                      now.major_faults - start->major_faults};
}
