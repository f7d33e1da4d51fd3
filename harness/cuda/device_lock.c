/* SPDX-License-Identifier: Apache-2.0
 * Two files: the lock itself, shared or not, and the turn, which everybody holds alone while waiting for the lock.
 * Without the turn, a lock that is always shared by somebody would never be free for one alone.
 */
#include "device_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 256 };

/* The file appears under its name as all may read it: made in place, the umask would decide about that, and under
 * 077 other users could not even lock it. 0, or errno. */
static int create(const char *path)
{
    char draft[PATH_BYTES + 8];
    snprintf(draft, sizeof draft, "%s.XXXXXX", path);
    int fd = mkostemp(draft, O_CLOEXEC);
    if (fd < 0) return errno;
    int why = fchmod(fd, 0444) != 0 || link(draft, path) != 0 ? errno : 0;
    unlink(draft);
    close(fd);
    return why == EEXIST ? 0 : why; /* another was faster */
}

static la_status locked(const char *path, int how, int *fd, la_err *err)
{
    const int flags =
        O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK; /* another user's file can be locked too */
    *fd = open(path, flags);
    if (*fd < 0 && errno == ENOENT) {
        int why = create(path);
        if (why) return LA_FAIL(err, LA_E_IO, "cannot make %s: %s", path, strerror(why));
        *fd = open(path, flags);
    }
    if (*fd < 0)
        return errno == EACCES
                   ? LA_FAIL(err, LA_E_IO,
                             "cannot open %s, which another user keeps private: who owns it can "
                             "type 'chmod a+r %s'",
                             path, path)
                   : LA_FAIL(err, LA_E_IO, "cannot open %s: %s", path, strerror(errno));
    int rc;
    while ((rc = flock(*fd, how)) != 0 && errno == EINTR) {
    }
    if (rc == 0) return LA_OK;
    int why = errno;
    close(*fd);
    *fd = -1;
    return LA_FAIL(err, LA_E_IO, "cannot lock %s: %s", path, strerror(why));
}

la_status la_device_lock(const char *dir, const char *name, la_device_use use, int *fd, la_err *err)
{
    char path[PATH_BYTES];
    int turn;
    *fd = -1;
    snprintf(path, sizeof path, "%.120s/labench-%.100s.turn", dir ? dir : "/tmp", name);
    LA_TRY(locked(path, LOCK_EX, &turn, err));
    snprintf(path, sizeof path, "%.120s/labench-%.100s.lock", dir ? dir : "/tmp", name);
    la_status st = locked(path, use == LA_DEVICE_ALONE ? LOCK_EX : LOCK_SH, fd, err);
    close(turn);
    return st;
}
