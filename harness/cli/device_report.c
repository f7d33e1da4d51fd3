/* SPDX-License-Identifier: Apache-2.0 */
#include "device_report.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

#define HOT_CELSIUS 83 /* from here on clocks of data-centre cards begin to fall */

size_t la_device_reports(la_device_report out[LA_DEVICES_MOST])
{
    size_t n = 0;
    for (; n < LA_DEVICES_MOST; n++) {
        la_device_report *r = &out[n];
        *r = (la_device_report){0};
        if (la_device_cuda((int)n, &r->device, NULL) != LA_OK) break;
        if (la_cuda()->about((int)n, &r->about, NULL) != LA_OK) break;
        r->watched = la_nvml_read(r->about.bus, &r->state, NULL) == LA_OK;
    }
    return n;
}

void la_device_report_print(const la_device_report *r)
{
    char memory[24], l2[24], free_bytes[24];
    printf("cuda:%d   %s, %d multiprocessors, %s, L2 %s, CUDA %d.%d of the driver, %d.%d here\n",
           r->device.index, r->device.name, r->device.cores,
           la_format_bytes((double)r->device.memory, memory),
           la_format_bytes((double)r->device.l2, l2), r->about.driver / 1000,
           r->about.driver / 10 % 100, r->about.runtime / 1000, r->about.runtime / 10 % 100);
    if (!r->watched) {
        printf(
            "  clocks, heat and load are not known: the driver's management library is not here\n");
        return;
    }
    printf("  clock now %.0f of %.0f MHz, %d C, %.0f of %.0f W, %s free, %d processes\n",
           (double)r->state.sm_hz / 1e6, (double)r->state.sm_max_hz / 1e6, r->state.celsius,
           r->state.watts, r->state.watts_limit,
           la_format_bytes((double)r->state.free_bytes, free_bytes), r->state.processes);
}

cJSON *la_device_report_json(const la_device_report *r)
{
    cJSON *o = cJSON_CreateObject();
    char name[24];
    snprintf(name, sizeof name, "cuda:%d", r->device.index);
    cJSON_AddStringToObject(o, "name", name);
    cJSON_AddStringToObject(o, "model", r->device.name);
    cJSON_AddStringToObject(o, "uuid", r->about.uuid);
    cJSON_AddNumberToObject(o, "multiprocessors", r->device.cores);
    cJSON_AddNumberToObject(o, "memory_bytes", (double)r->device.memory);
    cJSON_AddNumberToObject(o, "l2_bytes", (double)r->device.l2);
    cJSON_AddNumberToObject(o, "driver", r->about.driver);
    cJSON_AddNumberToObject(o, "runtime", r->about.runtime);
    cJSON_AddBoolToObject(o, "ecc", r->about.ecc);
    if (!r->watched) return o;
    cJSON_AddNumberToObject(o, "clock_hz", (double)r->state.sm_hz);
    cJSON_AddNumberToObject(o, "clock_max_hz", (double)r->state.sm_max_hz);
    cJSON_AddNumberToObject(o, "celsius", r->state.celsius);
    cJSON_AddNumberToObject(o, "watts", r->state.watts);
    cJSON_AddNumberToObject(o, "free_bytes", (double)r->state.free_bytes);
    cJSON_AddNumberToObject(o, "processes", r->state.processes);
    return o;
}

static la_finding *next(la_finding *findings, size_t *n, const char *code)
{
    if (*n == LA_MAX_FINDINGS) return NULL;
    la_finding *f = &findings[(*n)++];
    *f = (la_finding){.code = code};
    return f;
}

void la_device_findings(const la_device_report *r, la_finding *findings, size_t *n)
{
    const la_nvml_state *s = &r->state;
    char reasons[96];
    la_finding *f;
    if (!r->watched) return;
    if (s->processes > 0 && (f = next(findings, n, "shared_device"))) {
        snprintf(f->text, sizeof f->text, "%d other processes compute on cuda:%d", s->processes,
                 r->device.index);
        snprintf(f->fix, sizeof f->fix, "end them: nvidia-smi");
    }
    if (s->celsius >= HOT_CELSIUS && (f = next(findings, n, "hot_device"))) {
        snprintf(f->text, sizeof f->text, "cuda:%d is at %d C: its clock may fall", r->device.index,
                 s->celsius);
        snprintf(f->fix, sizeof f->fix, "wait until it is cooler: nvidia-smi");
    }
    if (s->reasons & LA_NVML_SLOWED && (f = next(findings, n, "throttled")))
        snprintf(f->text, sizeof f->text, "cuda:%d is slowed down already: %s", r->device.index,
                 la_nvml_reasons_text(s->reasons, reasons));
}
