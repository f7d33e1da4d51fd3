/* SPDX-License-Identifier: Apache-2.0
 * Who this machine is. What may change from day to day goes to env_json (environment.c), the rest
 * identifies it.
 */
#include "machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <uuid/uuid.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "environment.h"
#include "labench/kit.h"
#include "sysfile.h"

static int64_t sysconf_or_0(int name)
{
    long n = sysconf(name);
    return n > 0 ? n : 0;
}

/* Distinct values of a topology file over the processors; with `pair`, distinct (package, value). */
static int64_t distinct(const char *file, bool pair, long logical)
{
    enum { MAX = 4096 };
    int64_t *seen = la_alloc(MAX * sizeof *seen, NULL), n = 0;
    if (!seen) return 0;
    for (long cpu = 0; cpu < logical && n < MAX; cpu++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%ld/topology/%s", cpu, file);
        int64_t id = la_sysfile_int(path);
        if (id < 0) continue;
        if (pair) {
            snprintf(path, sizeof path,
                     "/sys/devices/system/cpu/cpu%ld/topology/physical_package_id", cpu);
            id += 65536 * (la_sysfile_int(path) + 1);
        }
        int64_t i = 0;
        while (i < n && seen[i] != id) i++;
        if (i == n) seen[n++] = id;
    }
    la_free(seen);
    return n;
}

static int64_t count_nodes(void)
{
    int64_t n = 0;
    DIR *dir = opendir("/sys/devices/system/node");
    if (!dir) return 1;
    for (struct dirent *e; (e = readdir(dir));)
        if (strncmp(e->d_name, "node", 4) == 0 && e->d_name[4] >= '0' && e->d_name[4] <= '9') n++;
    closedir(dir);
    return n > 0 ? n : 1;
}

/* Those instruction sets among the processor's flags that a kernel may care for. */
static void read_isa(char *out, size_t cap)
{
    static const char *const known[] = {
        "sse4_2",      "avx",         "avx2",     "fma",      "f16c",     "bmi2",
        "avx512f",     "avx512dq",    "avx512bw", "avx512vl", "avx_vnni", "avx512_vnni",
        "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd",
        "asimddp",     "asimdfhm",    "sve",      "sve2",     "bf16",     "i8mm"};
    static char flags[8192];
    size_t used = 0;
    if (!la_sysfile_field("/proc/cpuinfo", "flags", flags, sizeof flags))
        la_sysfile_field("/proc/cpuinfo", "Features", flags, sizeof flags);
    char *save = NULL;
    for (char *word = strtok_r(flags, " ", &save); word; word = strtok_r(NULL, " ", &save))
        for (size_t i = 0; i < LA_COUNT(known); i++)
            if (strcmp(word, known[i]) == 0 && used + strlen(word) + 2 < cap)
                used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? " " : "", word);
}

static void read_distro(char *out, size_t cap)
{
    char line[256];
    FILE *f = fopen("/etc/os-release", "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "PRETTY_NAME=", 12) != 0) continue;
        char *name = line + 12;
        name[strcspn(name, "\n")] = '\0';
        size_t len = strlen(name);
        if (len >= 2 && *name == '"') {
            name[len - 1] = '\0';
            name++;
        }
        snprintf(out, cap, "%.100s", name);
        break;
    }
    if (f) fclose(f);
}

/* "kvm", "kvm, docker", "" on bare metal. */
static void read_virt(char *out, size_t cap)
{
    const char *guest = "", *box = "";
#if defined(__x86_64__)
    unsigned a, b, c, d;
    static const struct {
        const char *signature, *name;
    } known[] = {{"KVMKVMKVM", "kvm"},        {"Microsoft Hv", "hyperv"},
                 {"VMwareVMware", "vmware"},  {"XenVMMXenVMM", "xen"},
                 {"VBoxVBoxVBox", "vbox"},    {"bhyve bhyve ", "bhyve"},
                 {"TCGTCGTCGTCG", "qemu-tcg"}};
    if (__get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 31)) { /* the hypervisor bit */
        char signature[13] = "";
        __cpuid(0x40000000, a, b, c, d);
        memcpy(signature, &b, 4);
        memcpy(signature + 4, &c, 4);
        memcpy(signature + 8, &d, 4);
        guest = "vm";
        for (size_t i = 0; i < LA_COUNT(known); i++)
            if (strcmp(signature, known[i].signature) == 0) guest = known[i].name;
    }
#endif
    char line[64];
    if (access("/.dockerenv", F_OK) == 0)
        box = "docker";
    else if (access("/run/.containerenv", F_OK) == 0)
        box = "podman";
    else if (la_sysfile_line("/run/systemd/container", line, sizeof line))
        box = line;
    snprintf(out, cap, "%.20s%s%.40s", guest, *guest && *box ? ", " : "", box);
}

/* The same machine keeps its uuid over reboots and updates of kernel and labench. */
static void make_uuid(la_machine *m)
{
    static const uuid_t space = {0x1a, 0xbe, 0x4c, 0x41, 0x42, 0x4e, 0x4d, 0x41,
                                 0x9c, 0x48, 0x49, 0x4e, 0x45, 0x00, 0x00, 0x01};
    char id[128], text[512];
    if (!la_sysfile_line("/etc/machine-id", id, sizeof id) || !*id)
        if (!la_sysfile_line("/var/lib/dbus/machine-id", id, sizeof id) || !*id)
            snprintf(id, sizeof id, "%s", m->hostname);
    /* Images are cloned with their machine id, so the hardware is part of the name. The memory in
     * GiB: a kernel may reserve a few MiB more or less. */
    snprintf(text, sizeof text, "%s|%s|%lld|%lld|%lld", id, m->cpu_model, (long long)m->n_sockets,
             (long long)m->n_logical, (long long)((m->ram_bytes + (1 << 29)) >> 30));
    uuid_t uuid;
    uuid_generate_sha1(uuid, space, text, strlen(text));
    uuid_unparse_lower(uuid, m->uuid);
}

la_status la_machine_read(la_machine *out, la_err *err)
{
    *out = (la_machine){0};
    gethostname(out->hostname, sizeof out->hostname - 1);
    la_sysfile_field("/proc/cpuinfo", "model name", out->cpu_model, sizeof out->cpu_model);
    struct utsname name;
    if (uname(&name) == 0) {
        snprintf(out->kernel, sizeof out->kernel, "%.20s %.64s %.20s", name.sysname, name.release,
                 name.machine);
        if (!*out->cpu_model)
            snprintf(out->cpu_model, sizeof out->cpu_model, "%.64s", name.machine);
    }
    read_isa(out->isa, sizeof out->isa);
    read_distro(out->distro, sizeof out->distro);
    read_virt(out->virt, sizeof out->virt);
    out->n_logical = sysconf_or_0(_SC_NPROCESSORS_ONLN);
    out->n_sockets = distinct("physical_package_id", false, out->n_logical);
    out->n_cores = distinct("core_id", true, out->n_logical);
    out->n_numa = count_nodes();
    out->ram_bytes = sysconf_or_0(_SC_PHYS_PAGES) * sysconf_or_0(_SC_PAGESIZE);
    out->l1d_bytes = sysconf_or_0(_SC_LEVEL1_DCACHE_SIZE);
    out->l2_bytes = sysconf_or_0(_SC_LEVEL2_CACHE_SIZE);
    out->llc_bytes = sysconf_or_0(_SC_LEVEL3_CACHE_SIZE);
    make_uuid(out);
    return la_environment_json(&out->env_json, err);
}

void la_machine_release(la_machine *machine)
{
    if (!machine) return;
    la_free(machine->env_json);
    *machine = (la_machine){0};
}
