/* SPDX-License-Identifier: Apache-2.0 */
#include "new_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

la_status la_new_file_open(la_new_file *file, const char *path, la_err *err)
{
    int len = snprintf(file->path, sizeof file->path, "%s", path);
    int more = snprintf(file->beside, sizeof file->beside, "%s.tmp%ld", path, (long)getpid());
    if (len >= LA_NEW_FILE_PATH || more >= LA_NEW_FILE_PATH)
        return LA_FAIL(err, LA_E_ARG, "the path %.60s... is too long", path);
    file->f = fopen(file->beside, "wbe");
    if (file->f) return LA_OK;
    return LA_FAIL(err, LA_E_IO, "cannot write %s: %s", path, strerror(errno));
}

la_status la_new_file_close(la_new_file *file, la_status st, la_err *err)
{
    int why = 0;
    if (ferror(file->f) || fflush(file->f) != 0) why = errno ? errno : EIO;
    /* Not every file system can: then the rename must do. */
    if (!why && fsync(fileno(file->f)) != 0 && errno != EINVAL) why = errno;
    if (fclose(file->f) != 0 && !why) why = errno;
    file->f = NULL;
    if (st == LA_OK && !why && rename(file->beside, file->path) != 0) why = errno;
    if (st == LA_OK && !why) return LA_OK;
    unlink(file->beside);
    if (st != LA_OK) return st;
    return LA_FAIL(err, LA_E_IO, "cannot write %s: %s", file->path, strerror(why));
}
