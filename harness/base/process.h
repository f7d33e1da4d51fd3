/* SPDX-License-Identifier: Apache-2.0
 * Children of this process.
 */
#ifndef LA_PROCESS_H
#define LA_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether a child has ended. It is not reaped: its number, and that of its group, stays taken until who started it has
 * killed what is left of the group. */
bool la_process_has_exited(pid_t child);

#endif
