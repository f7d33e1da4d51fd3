/* SPDX-License-Identifier: Apache-2.0
 * A file that appears whole or not at all: it is written beside its place, under a name of this process's own,
 * and put there once it is finished.
 */
#ifndef LA_NEW_FILE_H
#define LA_NEW_FILE_H

#include <stdio.h>

#include "labench/status.h"

enum { LA_NEW_FILE_PATH = 4096 };

typedef struct la_new_file {
    FILE *f; /* to write to */
    char path[LA_NEW_FILE_PATH], beside[LA_NEW_FILE_PATH];
} la_new_file;

/* LA_E_ARG: too long a path; LA_E_IO: it cannot be written there. Makes no folder. */
la_status la_new_file_open(la_new_file *file, const char *path, la_err *err);
/* Puts the file in its place where all went well so far (`st`, which is returned if it did not, and nothing is left);
 * what was there is replaced. LA_E_IO: it could not be written. */
la_status la_new_file_close(la_new_file *file, la_status st, la_err *err);

#endif
