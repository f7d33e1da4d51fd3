/* SPDX-License-Identifier: Apache-2.0 */
#include "device_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

la_status la_device_lock(const char *dir, const char *name, int *fd, la_err *err)
{
    char path[256];
    snprintf(path, sizeof path, "%.120s/labench-%.100s.lock", dir ? dir : "/tmp", name);
    /* Another user's file can be locked too, though not written. */
    *fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd < 0) *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0) return LA_FAIL(err, LA_E_IO, "cannot open %s: %s", path, strerror(errno));
    int rc;
    while ((rc = flock(*fd, LOCK_EX)) != 0 && errno == EINTR) {
    }
    if (rc == 0) return LA_OK;
    int why = errno;
    close(*fd);
    *fd = -1;
    return LA_FAIL(err, LA_E_IO, "cannot lock %s: %s", path, strerror(why));
}
