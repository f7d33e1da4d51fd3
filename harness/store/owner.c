/* SPDX-License-Identifier: Apache-2.0
 * Who holds a sweep, and is that process still alive?
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "store_internal.h"

/* A process elsewhere that gave no sign for so long is taken for dead. */
#define SILENT_S 600

int64_t la_owner_now(void)
{
    return (int64_t)time(NULL);
}

void la_uuid_text(char out[37])
{
    uuid_t id;
    uuid_generate(id);
    uuid_unparse_lower(id, out);
}

/* Start time of a process, in clock ticks after boot; -1 when there is no such process. It is field
 * 22 of stat; the name before it, in brackets, may hold anything. */
static int64_t start_of(int64_t pid)
{
    char name[64], text[1024];
    snprintf(name, sizeof name, "/proc/%" PRId64 "/stat", pid);
    FILE *f = fopen(name, "re");
    if (!f) return -1;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *s = strrchr(text, ')');
    for (int field = 2; s && field < 22; field++) s = strchr(s + 1, ' ');
    int64_t start;
    return s && sscanf(s, "%" SCNd64, &start) == 1 ? start : -1;
}

void la_owner_self(la_owner *out)
{
    *out = (la_owner){.pid = getpid(), .heartbeat_s = la_owner_now()};
    out->start = start_of(out->pid);
    if (gethostname(out->host, sizeof out->host - 1) != 0) strcpy(out->host, "unknown");
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (f) {
        if (!fgets(out->boot, sizeof out->boot, f)) out->boot[0] = '\0';
        fclose(f);
    }
    out->boot[strcspn(out->boot, "\n")] = '\0';
}

void la_owner_read(sqlite3_stmt *stmt, int column, la_owner *out)
{
    const char *host = (const char *)sqlite3_column_text(stmt, column);
    const char *boot = (const char *)sqlite3_column_text(stmt, column + 1);
    *out = (la_owner){.pid = sqlite3_column_int64(stmt, column + 2),
                      .start = sqlite3_column_int64(stmt, column + 3),
                      .heartbeat_s = sqlite3_column_int64(stmt, column + 4)};
    snprintf(out->host, sizeof out->host, "%s", host ? host : "");
    snprintf(out->boot, sizeof out->boot, "%s", boot ? boot : "");
}

la_owner_state la_owner_look(const la_owner *owner)
{
    if (owner->pid <= 0) return LA_OWNER_NONE;
    la_owner self;
    la_owner_self(&self);
    bool here = strcmp(owner->host, self.host) == 0;
    if (here && strcmp(owner->boot, self.boot) == 0) {
        if (owner->pid == self.pid && owner->start == self.start) return LA_OWNER_SELF;
        int64_t start = start_of(owner->pid);
        return start >= 0 && start == owner->start ? LA_OWNER_LIVE : LA_OWNER_DEAD;
    }
    /* The same host booted again. */
    if (here) return LA_OWNER_DEAD;
    return self.heartbeat_s - owner->heartbeat_s > SILENT_S ? LA_OWNER_DEAD : LA_OWNER_LIVE;
}
