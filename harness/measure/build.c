/* SPDX-License-Identifier: Apache-2.0
 * This build: compiler, flags, libraries, commit. la_git.h is rewritten by the build whenever the
 * commit or the uncommitted changes differ, so that only this file is compiled again.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "la_git.h"
#include "labench/kit.h"
#include "machine.h"

void la_build_read(la_build *out)
{
    *out = (la_build){
        .version = LA_VERSION,
        .git_commit = *LA_GIT_COMMIT ? LA_GIT_COMMIT : NULL,
        .git_dirty = *LA_GIT_DIFF != '\0',
        .cc = LA_CC,
        .cflags = LA_CFLAGS,
        .sqlite = sqlite3_libversion(),
    };
    la_blas_describe(out->blas, sizeof out->blas);
    static const uuid_t space = {0x1a, 0xbe, 0x4c, 0x41, 0x42, 0x4e, 0x42, 0x55,
                                 0x90, 0x49, 0x4c, 0x44, 0x00, 0x00, 0x00, 0x01};
    char text[2048];
    snprintf(text, sizeof text, "%s|%s|%s|%s|%s|%s|%s", out->version, LA_GIT_COMMIT, LA_GIT_DIFF,
             out->cc, out->cflags, out->blas, out->sqlite);
    uuid_t uuid;
    uuid_generate_sha1(uuid, space, text, strlen(text));
    uuid_unparse_lower(uuid, out->uuid);
}
