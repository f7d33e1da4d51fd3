/* SPDX-License-Identifier: Apache-2.0
 * What spoils numbers on this machine. labench never changes a setting; it prints the command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "labench/kit.h"
#include "machine.h"
#include "text.h"

typedef struct report {
    la_finding *out;
    size_t n;
} report;

static void add(report *r, const char *code, const char *fix, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(report *r, const char *code, const char *fix, const char *format, ...)
{
    if (r->n == LA_MAX_FINDINGS) return;
    la_finding *f = &r->out[r->n++];
    *f = (la_finding){.code = code};
    va_list args;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
    snprintf(f->fix, sizeof f->fix, "%s", fix);
}

static void clocks(report *r, const la_environment *e)
{
    if (*e->governor && strcmp(e->governor, "performance") != 0)
        add(r, "governor", "sudo cpupower frequency-set -g performance",
            "the CPU governor is '%s': the clock follows the load", e->governor);
    if (strcmp(e->boost, "on") == 0)
        add(r, "boost",
            access("/sys/devices/system/cpu/cpufreq/boost", F_OK) == 0
                ? "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"
                : "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo",
            "turbo is on: the clock depends on temperature and on how many cores work");
    if (e->on_battery) add(r, "battery", "", "the machine runs on battery: plug it in");
    static const char *const good[] = {"tsc", "kvm-clock", "arch_sys_counter",
                                       "hyperv_clocksource_tsc_page"};
    bool known = !*e->clock;
    for (size_t i = 0; i < LA_COUNT(good); i++) known |= strcmp(e->clock, good[i]) == 0;
    if (!known)
        add(r, "clocksource",
            "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource",
            "the clock source is '%s', slow to read", e->clock);
}

static void processors(report *r, const la_environment *e, const la_machine *m, int threads)
{
    if (threads > m->n_cores && m->n_cores > 0)
        add(r, "threads", "use --threads with the number of cores",
            "%d threads on %lld cores share execution units", threads, (long long)m->n_cores);
    if (e->allowed_cpus > 0 && e->allowed_cpus < m->n_logical)
        add(r, "affinity", "", "this process may use %lld of %lld processors",
            (long long)e->allowed_cpus, (long long)m->n_logical);
    if (e->cpu_quota > 0 && e->cpu_quota < threads)
        add(r, "quota", "raise the container's CPU limit (docker run --cpus)",
            "a cgroup grants %.3g processors' time to %d threads: they will be stopped and started",
            e->cpu_quota, threads);
    if (e->load1 > 0.3)
        add(r, "load", "end other work: top -o %CPU",
            "the load average is %.2f: something else runs here", e->load1);
    if (*m->virt)
        add(r, "virtual", "", "this is a guest (%s): neighbours and the host change the numbers",
            m->virt);
    if (m->n_numa > 1 && e->numa_balancing == 1)
        add(r, "numa_balancing", "echo 0 | sudo tee /proc/sys/kernel/numa_balancing",
            "NUMA balancing moves pages between %lld nodes during a run", (long long)m->n_numa);
}

static void memory(report *r, const la_environment *e, const la_machine *m)
{
    char a[24], b[24];
    if (e->swap_used > 64 << 20)
        add(r, "swap", "sudo swapoff -a && sudo swapon -a", "%s of swap is in use",
            la_format_bytes((double)e->swap_used, a));
    if (e->ram_free > 0 && e->ram_free < m->ram_bytes / 4)
        add(r, "memory", "ps -eo rss,comm --sort=-rss | head", "only %s of %s RAM is free",
            la_format_bytes((double)e->ram_free, a), la_format_bytes((double)m->ram_bytes, b));
    if (strcmp(e->huge_pages, "never") == 0) /* large blocks ask for them, so madvise is enough */
        add(r, "huge_pages", "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
            "transparent huge pages are off: long sequences pay for page-table walks");
}

static void variables(report *r)
{
    for (size_t i = 0; i < la_environment_variables_len; i++) {
        const char *name = la_environment_variables[i], *value = getenv(name);
        if (!value) continue;
        char fix[96];
        snprintf(fix, sizeof fix, "unset %s", name);
        bool kernels = strcmp(name, "OPENBLAS_CORETYPE") == 0;
        const char *best = kernels ? la_blas_core(la_isa_best()) : NULL;
        if (best && strcmp(value, best) == 0)
            continue; /* set by labench, for a CPU that it does not know */
        add(r, "variable", fix, "%s=%.80s is set: %s", name, value,
            kernels ? "OpenBLAS may use slower kernels than this CPU allows"
                    : "it changes what libraries do, --threads decides");
    }
}

size_t la_findings(int threads, la_finding out[LA_MAX_FINDINGS])
{
    report r = {.out = out};
    la_machine m;
    la_environment e;
    la_environment_read(&e);
    if (la_machine_read(&m, NULL) == LA_OK) {
        clocks(&r, &e);
        processors(&r, &e, &m, threads);
        memory(&r, &e, &m);
    }
    la_machine_release(&m);
    variables(&r);
    return r.n;
}
