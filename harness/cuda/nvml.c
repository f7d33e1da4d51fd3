/* SPDX-License-Identifier: Apache-2.0 */
#include "nvml.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Types and numbers of NVIDIA's Management Library as far as they are used here; its functions return 0 when all
 * went well. */
typedef struct device *handle;
typedef struct memory {
    unsigned long long all, free, used;
} memory;
#define CLOCK_SM      1
#define SENSOR_GPU    0
#define TOO_SMALL     7 /* the size of a list was asked for */
#define NOTHING_FOUND 0

static struct library {
    const char *file;
    bool tried;
    void *lib;
    int (*init)(void);
    int (*by_bus)(const char *, handle *);
    int (*clock)(handle, int, unsigned *);
    int (*clock_most)(handle, int, unsigned *);
    int (*reasons)(handle, unsigned long long *);
    int (*temperature)(handle, int, unsigned *);
    int (*power)(handle, unsigned *);
    int (*power_limit)(handle, unsigned *);
    int (*memory)(handle, memory *);
    int (*processes)(handle, unsigned *, void *);
} nvml = {.file = "libnvidia-ml.so.1"};

void la_nvml_library(const char *file)
{
    if (nvml.lib) dlclose(nvml.lib);
    nvml = (struct library){.file = file ? file : "libnvidia-ml.so.1"};
}

static void find_all(void)
{
    const struct {
        const char *name, *older;
        void *at; /* a pointer to a function is as wide as one to data wherever there is dlsym */
    } all[] = {
        {"nvmlInit_v2", "nvmlInit", &nvml.init},
        {"nvmlDeviceGetHandleByPciBusId_v2", "nvmlDeviceGetHandleByPciBusId", &nvml.by_bus},
        {"nvmlDeviceGetClockInfo", NULL, &nvml.clock},
        {"nvmlDeviceGetMaxClockInfo", NULL, &nvml.clock_most},
        {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons",
         &nvml.reasons},
        {"nvmlDeviceGetTemperature", NULL, &nvml.temperature},
        {"nvmlDeviceGetPowerUsage", NULL, &nvml.power},
        {"nvmlDeviceGetEnforcedPowerLimit", NULL, &nvml.power_limit},
        {"nvmlDeviceGetMemoryInfo", NULL, &nvml.memory},
        {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses",
         &nvml.processes},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        void *found = dlsym(nvml.lib, all[i].name);
        if (!found && all[i].older) found = dlsym(nvml.lib, all[i].older);
        memcpy(all[i].at, &found, sizeof found);
    }
}

static la_status need(const char *bus, handle *device, la_err *err)
{
    if (!nvml.tried) {
        nvml.tried = true;
        nvml.lib = dlopen(nvml.file, RTLD_NOW | RTLD_LOCAL);
        if (nvml.lib) find_all();
        if (nvml.lib && (!nvml.init || !nvml.by_bus || nvml.init() != 0)) {
            dlclose(nvml.lib);
            nvml.lib = NULL;
        }
    }
    if (!nvml.lib)
        return LA_FAIL(err, LA_E_ENV, "%s is not here: clocks and temperature are not known",
                       nvml.file);
    if (nvml.by_bus(bus, device) == 0) return LA_OK;
    return LA_FAIL(err, LA_E_ENV, "the management library knows no device at %s", bus);
}

static unsigned ask(int (*of)(handle, unsigned *), handle device, unsigned otherwise)
{
    unsigned x = 0;
    return of && of(device, &x) == 0 ? x : otherwise;
}

static unsigned ask_which(int (*of)(handle, int, unsigned *), handle device, int which,
                          unsigned otherwise)
{
    unsigned x = 0;
    return of && of(device, which, &x) == 0 ? x : otherwise;
}

la_status la_nvml_read(const char *bus, la_nvml_state *out, la_err *err)
{
    handle device = NULL;
    memory bytes = {0};
    unsigned long long reasons = 0;
    unsigned n = 0;
    *out = (la_nvml_state){.celsius = -1, .processes = -1};
    LA_TRY(need(bus, &device, err));
    out->sm_hz = 1000000 * (int64_t)ask_which(nvml.clock, device, CLOCK_SM, 0);
    out->sm_max_hz = 1000000 * (int64_t)ask_which(nvml.clock_most, device, CLOCK_SM, 0);
    out->celsius = (int)ask_which(nvml.temperature, device, SENSOR_GPU, (unsigned)-1);
    out->watts = (double)ask(nvml.power, device, 0) / 1e3;
    out->watts_limit = (double)ask(nvml.power_limit, device, 0) / 1e3;
    if (nvml.reasons && nvml.reasons(device, &reasons) == 0) out->reasons = reasons;
    if (nvml.memory && nvml.memory(device, &bytes) == 0) {
        out->free_bytes = bytes.free;
        out->all_bytes = bytes.all;
    }
    if (nvml.processes) {
        int rc = nvml.processes(device, &n, NULL);
        if (rc == NOTHING_FOUND || rc == TOO_SMALL) out->processes = (int)n;
    }
    return LA_OK;
}

const char *la_nvml_reasons_text(uint64_t reasons, char buf[96])
{
    static const struct {
        uint64_t bit;
        const char *word;
    } all[] = {{0x4, "power cap"},
               {0x8, "hardware slowdown"},
               {0x20 | 0x40, "heat"},
               {0x80, "power brake"}};
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (reasons & all[i].bit)
            at += (size_t)snprintf(buf + at, 96 - at, "%s%s", at ? ", " : "", all[i].word);
    return buf;
}
