/* SPDX-License-Identifier: Apache-2.0
 * What the operating system says of this process's memory and time.
 */
#ifndef LA_MEMORY_H
#define LA_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes from /proc/self/status; -1 where it cannot be read. */
int64_t la_rss_now(void);  /* VmRSS */
int64_t la_rss_peak(void); /* VmHWM: highest since the start or the last reset */
int64_t la_vm_size(void);  /* VmSize: address space, what RLIMIT_AS counts */
bool la_rss_peak_reset(
    void); /* false where the kernel refuses: the peak is then of the whole life */
/* Bytes of RAM that may be taken without swapping: MemAvailable, and never more than what is left
 * below the memory limit of our control group. */
size_t la_memory_free(void);

typedef struct la_usage { /* of this process so far, or of one that has ended */
    int64_t user_ns, sys_ns, involuntary, minor_faults, major_faults;
} la_usage;
struct rusage;
la_usage la_usage_of(const struct rusage *r);
void la_usage_now(la_usage *out);
la_usage la_usage_since(const la_usage *start);

#endif
