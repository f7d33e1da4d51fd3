/* SPDX-License-Identifier: Apache-2.0
 * Signals during a run. The handlers only set flags and wake the wait up; nothing of the store is
 * ever touched from one.
 */
#ifndef LA_SIGNALS_H
#define LA_SIGNALS_H

#include <stdbool.h>

#include "labench/status.h"

/* SIGINT, SIGTERM and SIGHUP ask for a stop; a second one kills the worker and leaves at once with
 * 128 + its number. SIGUSR1 asks for a status line. */
la_status la_signals_begin(la_err *err);
void la_signals_end(void);
bool la_signals_status_wanted(void); /* once for each SIGUSR1 */
void la_signals_drain(void);         /* after the wait was woken up */

#endif
