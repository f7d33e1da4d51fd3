/* SPDX-License-Identifier: Apache-2.0
 * One worker at a time on a device, also of several commands at once.
 */
#ifndef LA_DEVICE_LOCK_H
#define LA_DEVICE_LOCK_H

#include "labench/status.h"

/* Waits until nobody else holds the device of that name (its uuid); held until the process ends or *fd is closed.
 * The file lies in `dir`, NULL: where everybody on this machine looks. */
la_status la_device_lock(const char *dir, const char *name, int *fd, la_err *err);

#endif
