/* SPDX-License-Identifier: Apache-2.0
 * What `doctor` and `list devices` say of CUDA devices, without making a context on them.
 */
#ifndef LA_DEVICE_REPORT_H
#define LA_DEVICE_REPORT_H

#include <cjson/cJSON.h>

#include "cuda.h"
#include "machine.h"
#include "nvml.h"

#define LA_DEVICES_MOST 16

typedef struct la_device_report {
    la_device device;
    la_cuda_about about;
    la_nvml_state state;
    bool watched; /* state is known */
} la_device_report;

size_t la_device_reports(la_device_report out[LA_DEVICES_MOST]);
void la_device_report_print(const la_device_report *report);
cJSON *la_device_report_json(const la_device_report *report);
/* What would spoil numbers there, behind what was found already. */
void la_device_findings(const la_device_report *report, la_finding *findings, size_t *n);

#endif
