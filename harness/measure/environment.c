/* SPDX-License-Identifier: Apache-2.0 */
#include "environment.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "sysfile.h"

#define CPU "/sys/devices/system/cpu/"

const char *const la_environment_variables[] = {
    "OMP_NUM_THREADS",  "OMP_PROC_BIND",     "OMP_PLACES",      "OMP_DYNAMIC",
    "OMP_WAIT_POLICY",  "GOMP_CPU_AFFINITY", "GOMP_SPINCOUNT",  "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS", "OPENBLAS_CORETYPE", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX",
    "LD_PRELOAD",       "GLIBC_TUNABLES",    "LABENCH_ISA",     "LABENCH_BF16"};
const size_t la_environment_variables_len = LA_COUNT(la_environment_variables);

static void read_boost(char *out, size_t cap)
{
    int64_t boost = la_sysfile_int(CPU "cpufreq/boost");
    int64_t off = la_sysfile_int(CPU "intel_pstate/no_turbo");
    if (boost < 0 && off >= 0) boost = !off;
    snprintf(out, cap, "%s", boost < 0 ? "" : boost ? "on" : "off");
}

/* The tightest CPU quota from this process's cgroup (version 2) up to the root. */
static double read_quota(void)
{
    char line[512], path[640], value[64];
    double least = 0;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f) return 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) != 0) continue;
        char *group = line + 3;
        for (;;) {
            long long quota, period;
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
            if (la_sysfile_line(path, value, sizeof value) &&
                sscanf(value, "%lld %lld", &quota, &period) == 2 && period > 0) {
                double cpus = (double)quota / (double)period;
                if (least == 0 || cpus < least) least = cpus;
            }
            char *slash = strrchr(group, '/');
            if (!slash || !*group) break;
            *slash = '\0';
        }
        break;
    }
    fclose(f);
    return least;
}

/* True when a mains adapter says it is unplugged. */
static int read_battery(void)
{
    int unplugged = 0, plugged = 0;
    DIR *dir = opendir("/sys/class/power_supply");
    if (!dir) return 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char path[320];
        snprintf(path, sizeof path, "/sys/class/power_supply/%s/online", e->d_name);
        int64_t online = la_sysfile_int(path);
        unplugged |= online == 0;
        plugged |= online == 1;
    }
    closedir(dir);
    return unplugged && !plugged;
}

/* "spectre_v2: ...; ..." for the weaknesses that have a mitigation switched on. */
static void read_mitigations(char *out, size_t cap)
{
    static const char *const names[] = {"meltdown",          "mds",      "spectre_v2",
                                        "spec_store_bypass", "retbleed", "gather_data_sampling"};
    size_t used = 0;
    for (size_t i = 0; i < LA_COUNT(names); i++) {
        char path[128], line[256];
        snprintf(path, sizeof path, CPU "vulnerabilities/%s", names[i]);
        if (!la_sysfile_line(path, line, sizeof line)) continue;
        if (strncmp(line, "Mitigation", 10) != 0 || used + 32 > cap) continue;
        used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? " " : "", names[i]);
    }
}

void la_environment_read(la_environment *out)
{
    *out = (la_environment){0};
    char line[128];
    la_sysfile_line(CPU "cpu0/cpufreq/scaling_governor", out->governor, sizeof out->governor);
    read_boost(out->boost, sizeof out->boost);
    int64_t smt = la_sysfile_int(CPU "smt/active");
    snprintf(out->smt, sizeof out->smt, "%s", smt < 0 ? "" : smt ? "on" : "off");
    la_sysfile_choice("/sys/kernel/mm/transparent_hugepage/enabled", out->huge_pages,
                      sizeof out->huge_pages);
    la_sysfile_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", out->clock,
                    sizeof out->clock);
    la_sysfile_field("/proc/cpuinfo", "microcode", out->microcode, sizeof out->microcode);
    read_mitigations(out->mitigations, sizeof out->mitigations);
    out->numa_balancing = la_sysfile_int("/proc/sys/kernel/numa_balancing");
    out->aslr = la_sysfile_int("/proc/sys/kernel/randomize_va_space");
    out->swap_total = la_sysfile_bytes("/proc/meminfo", "SwapTotal");
    out->swap_used = out->swap_total - la_sysfile_bytes("/proc/meminfo", "SwapFree");
    out->ram_free = la_sysfile_bytes("/proc/meminfo", "MemAvailable");
    cpu_set_t set;
    out->allowed_cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
    out->load1 = la_sysfile_line("/proc/loadavg", line, sizeof line) ? strtod(line, NULL) : -1;
    out->cpu_quota = read_quota();
    out->on_battery = read_battery();
}

static void add_text(cJSON *object, const char *key, const char *value)
{
    if (*value) cJSON_AddStringToObject(object, key, value);
}

la_status la_environment_json(char **json, la_err *err)
{
    la_environment e;
    la_environment_read(&e);
    *json = NULL;
    cJSON *root = cJSON_CreateObject();
    add_text(root, "governor", e.governor);
    add_text(root, "boost", e.boost);
    add_text(root, "smt", e.smt);
    add_text(root, "transparent_hugepage", e.huge_pages);
    add_text(root, "clocksource", e.clock);
    add_text(root, "microcode", e.microcode);
    add_text(root, "mitigations", e.mitigations);
    add_text(root, "libc", gnu_get_libc_version());
    cJSON_AddNumberToObject(root, "numa_balancing", (double)e.numa_balancing);
    cJSON_AddNumberToObject(root, "aslr", (double)e.aslr);
    cJSON_AddNumberToObject(root, "swap_total_bytes", (double)e.swap_total);
    cJSON_AddNumberToObject(root, "swap_used_bytes", (double)e.swap_used);
    cJSON_AddNumberToObject(root, "ram_available_bytes", (double)e.ram_free);
    cJSON_AddNumberToObject(root, "allowed_cpus", (double)e.allowed_cpus);
    cJSON_AddNumberToObject(root, "cgroup_cpus", e.cpu_quota);
    cJSON_AddNumberToObject(root, "load1", e.load1);
    cJSON_AddNumberToObject(root, "on_battery", e.on_battery);
    cJSON *variables = cJSON_AddObjectToObject(root, "variables");
    for (size_t i = 0; i < la_environment_variables_len; i++) {
        const char *value = getenv(la_environment_variables[i]);
        if (value) cJSON_AddStringToObject(variables, la_environment_variables[i], value);
    }
    char *text = root ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    if (!text) return LA_FAIL(err, LA_E_NOMEM, "no memory for the record of the environment");
    *json = la_strdup(text, err);
    cJSON_free(text);
    return *json ? LA_OK : LA_E_NOMEM;
}
