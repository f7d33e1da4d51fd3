/* SPDX-License-Identifier: Apache-2.0
 * A CUDA device made of host memory: counts what is taken, fails when told to.
 */
#ifndef LA_TEST_FAKE_DRIVER_H
#define LA_TEST_FAKE_DRIVER_H

#include "cuda.h"

extern const la_cuda_driver fake_driver;
extern int fake_devices;   /* how many there are */
extern int fake_taken;     /* pieces of memory that were taken and not given back */
extern int fake_streams;   /* likewise */
extern int fake_fail_take; /* the n-th taking from now fails; 0: none */

#endif
