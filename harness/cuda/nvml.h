/* SPDX-License-Identifier: Apache-2.0
 * What the driver's management library says of a device while it works. The library comes with the driver and is
 * looked for at run time; without it nothing is known, which is no error of a measurement.
 */
#ifndef LA_NVML_H
#define LA_NVML_H

#include <stdint.h>

#include "labench/status.h"

/* Why a clock is below what it could be; other bits say that nobody asked for more. */
#define LA_NVML_SLOWED (0x4u | 0x8u | 0x20u | 0x40u | 0x80u) /* power cap, slowdown, heat, brake */

typedef struct la_nvml_state {
    int64_t sm_hz, sm_max_hz;       /* 0: not known */
    uint64_t reasons;               /* bits, see LA_NVML_SLOWED */
    int celsius;                    /* -1: not known */
    double watts, watts_limit;      /* 0: not known */
    uint64_t free_bytes, all_bytes; /* of memory; 0: not known */
    int processes;                  /* that compute on it; -1: not known */
} la_nvml_state;

/* The device at this address on PCI. LA_E_ENV when the library or the device is not there. */
la_status la_nvml_read(const char *bus, la_nvml_state *out, la_err *err);
/* For tests: another library (a file that dlopen takes), NULL: the driver's. */
void la_nvml_library(const char *file);
/* "power cap, heat"; "" for none. */
const char *la_nvml_reasons_text(uint64_t reasons, char buf[96]);

#endif
