/* SPDX-License-Identifier: Apache-2.0
 * Who computes on a device, among all processes of labench on the machine.
 */
#ifndef LA_DEVICE_LOCK_H
#define LA_DEVICE_LOCK_H

#include "labench/status.h"

/* What is timed has the device alone; trainings and evaluations share it among themselves. */
typedef enum la_device_use { LA_DEVICE_ALONE, LA_DEVICE_SHARED } la_device_use;

/* Waits until nobody uses the device of that name (its uuid) in a way that forbids this one; held until the process
 * ends or *fd is closed. Who waits to be alone is let in before whoever comes later, so that trainings
 * that follow one another cannot keep a timing out. The files lie in `dir`, NULL: where everybody on this
 * machine looks. A process that holds a device asks for no second time. */
la_status la_device_lock(const char *dir, const char *name, la_device_use use, int *fd,
                         la_err *err);

#endif
