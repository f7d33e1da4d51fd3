/* SPDX-License-Identifier: Apache-2.0
 * Small files of /proc and /sys, and lists in them.
 */
#ifndef LA_SYSFILE_H
#define LA_SYSFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First line without its newline into buf ("" when there is none); false when it cannot be read. */
bool la_sysfile_line(const char *path, char *buf, size_t cap);
/* -1 when it cannot be read or is no number. */
int64_t la_sysfile_int(const char *path);
/* The word in brackets of "always [madvise] never"; the whole line when there is none. */
bool la_sysfile_choice(const char *path, char *buf, size_t cap);
/* The value after "key:" in a file like /proc/meminfo or /proc/cpuinfo (first match). */
bool la_sysfile_field(const char *path, const char *key, char *buf, size_t cap);
/* A field in kB as bytes; -1 when missing. */
int64_t la_sysfile_bytes(const char *path, const char *key);

#endif
