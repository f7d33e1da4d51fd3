/* SPDX-License-Identifier: Apache-2.0
 * Folders that output goes to.
 */
#ifndef LA_FOLDER_H
#define LA_FOLDER_H

#include "labench/status.h"

/* Makes the folder and those above it; one that is there is left as it is. LA_E_ARG: an empty or too long name;
 * LA_E_IO: it cannot be made, or is a file. */
la_status la_make_folder(const char *path, la_err *err);
/* The same for the folder that the file lies in. */
la_status la_make_folder_of(const char *file, la_err *err);

#endif
