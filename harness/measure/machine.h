/* SPDX-License-Identifier: Apache-2.0
 * This machine and this build, as every result is stored with; and what may spoil numbers here.
 * Reads /proc, /sys and cpuid; changes nothing.
 */
#ifndef LA_MACHINE_H
#define LA_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

typedef struct la_machine { /* counts and bytes: 0 where unknown; texts: "" */
    char uuid[37];          /* stable: from the machine id, CPU model and memory */
    char hostname[65], cpu_model[96], isa[256], kernel[128], distro[128], virt[64];
    int64_t n_sockets, n_cores, n_logical, n_numa, ram_bytes, l1d_bytes, l2_bytes, llc_bytes;
    char *env_json; /* owned: governor, huge pages, load, limits, OMP_* ... */
} la_machine;

la_status la_machine_read(la_machine *out, la_err *err);
void la_machine_release(la_machine *machine);

typedef struct la_build { /* static texts; NULL where unknown */
    char uuid[37];        /* of all below: another build, another uuid */
    const char *version, *git_commit, *cc, *cflags, *sqlite, *nvcc;
    char blas[192];
    bool git_dirty;
} la_build;

void la_build_read(la_build *out);

/* Something that makes numbers here noisier or slower, and the command that ends it. */
typedef struct la_finding {
    const char *code; /* "governor", "load", ...: the code of a stored warning */
    char text[192];   /* a sentence with the values */
    char fix[192];    /* what to type; "" when nothing can be done */
} la_finding;
#define LA_MAX_FINDINGS 32

/* Looks; returns how many it wrote (at most LA_MAX_FINDINGS). threads: that a run would use. */
size_t la_findings(int threads, la_finding out[LA_MAX_FINDINGS]);

#endif
