/* SPDX-License-Identifier: Apache-2.0
 * Runs the built labench as a person would: through the shell, in a folder of its own.
 */
#ifndef LA_TEST_SHELL_H
#define LA_TEST_SHELL_H

typedef struct shell_result {
    char *out, *err; /* owned; NUL-terminated */
    int code;        /* exit code, or 128 + signal */
} shell_result;

/* Makes a temporary folder, goes there, puts the program's folder first in PATH and takes what would
 * change the output (COLUMNS, LABENCH_DB, colours, configuration files) out of the environment. */
void shell_begin(const char *program);
void shell_end(void); /* removes the folder */
void shell_run(const char *command, shell_result *out);
void shell_release(shell_result *result);

#endif
