/* SPDX-License-Identifier: Apache-2.0
 * What may differ from day to day on one machine: settings, load, limits.
 */
#ifndef LA_ENVIRONMENT_H
#define LA_ENVIRONMENT_H

#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

typedef struct la_environment {          /* -1 or "" where unknown */
    char governor[32], boost[8], smt[8]; /* boost and smt: "on", "off" */
    char huge_pages[16], clock[32], microcode[32], mitigations[256];
    int64_t numa_balancing, aslr, swap_total, swap_used, ram_free, allowed_cpus;
    double load1, cpu_quota; /* processors' worth of time a cgroup grants; 0: no limit */
    int on_battery;          /* 1 yes, 0 no */
} la_environment;

void la_environment_read(la_environment *out);
/* As a JSON object; la_free the text. */
la_status la_environment_json(char **json, la_err *err);

/* Variables that change what libraries do; labench sets its own thread counts. */
extern const char *const la_environment_variables[];
extern const size_t la_environment_variables_len;

#endif
