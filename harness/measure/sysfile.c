/* SPDX-License-Identifier: Apache-2.0 */
#include "sysfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool la_sysfile_line(const char *path, char *buf, size_t cap)
{
    buf[0] = '\0';
    FILE *f = fopen(path, "re");
    if (!f) return false;
    bool got = fgets(buf, (int)cap, f) != NULL;
    fclose(f);
    if (!got) buf[0] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
    return got;
}

int64_t la_sysfile_int(const char *path)
{
    char line[64], *end;
    if (!la_sysfile_line(path, line, sizeof line)) return -1;
    long long n = strtoll(line, &end, 10);
    return end == line ? -1 : n;
}

bool la_sysfile_choice(const char *path, char *buf, size_t cap)
{
    char line[256];
    if (!la_sysfile_line(path, line, sizeof line)) return false;
    char *open = strchr(line, '['), *shut = open ? strchr(open, ']') : NULL;
    if (shut) *shut = '\0';
    snprintf(buf, cap, "%s", shut ? open + 1 : line);
    return true;
}

bool la_sysfile_field(const char *path, const char *key, char *buf, size_t cap)
{
    enum { LINE = 8192 }; /* the flags of /proc/cpuinfo pass 1 KiB */
    char line[LINE];
    size_t len = strlen(key);
    bool got = false;
    buf[0] = '\0';
    FILE *f = fopen(path, "re");
    if (!f) return false;
    while (!got && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, len) != 0) continue;
        char *value = line + len + strspn(line + len, " \t");
        if (*value != ':') continue;
        value++;
        value += strspn(value, " \t");
        value[strcspn(value, "\n")] = '\0';
        snprintf(buf, cap, "%s", value);
        got = true;
    }
    fclose(f);
    return got;
}

int64_t la_sysfile_bytes(const char *path, const char *key)
{
    char value[64], *end;
    if (!la_sysfile_field(path, key, value, sizeof value)) return -1;
    long long kib = strtoll(value, &end, 10);
    return end == value ? -1 : kib * 1024;
}
