/* SPDX-License-Identifier: Apache-2.0
 * The command line: words and flags in, exit code out. Data goes to stdout, everything for people to
 * stderr.
 */
#ifndef LA_CLI_H
#define LA_CLI_H

#include "labench/status.h"

/* labench as a function; the test program with misbehaving variants calls it too. */
LA_API int la_cli_main(int argc, char **argv);

#endif
