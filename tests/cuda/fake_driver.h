/* SPDX-License-Identifier: Apache-2.0
 * A CUDA device made of host memory: counts what is taken, fails when told to. Whatever is enqueued runs at
 * once, or goes into the graph that is being made, and moves a clock of its own on.
 */
#ifndef LA_TEST_FAKE_DRIVER_H
#define LA_TEST_FAKE_DRIVER_H

#include "cuda.h"

extern const la_cuda_driver fake_driver;
extern int fake_devices;   /* how many there are */
extern int fake_taken;     /* pieces of memory that were taken and not given back */
extern int fake_streams;   /* likewise */
extern int fake_fail_take; /* the n-th taking from now fails; 0: none */

extern bool fake_hold_ends;    /* a stream is held until the hold gives up */
extern int fake_held;          /* streams that stood still since the start of the program */
extern int fake_resets;        /* of the device */
extern int fake_graphs;        /* graphs that were made and not freed */
extern int fake_events;        /* likewise */
extern int fake_launches;      /* kernels that ran */
extern bool fake_no_graphs;    /* the end of every graph fails */
extern double fake_clock_ns;   /* of the device; events read it */
extern double fake_launch_ns;  /* by which a kernel moves it on */
extern double fake_byte_ns;    /* by which a byte filled or copied does */
extern int fake_fail_wait;     /* the n-th wait from now fails, and all that follow; 0: none */
extern size_t fake_free_bytes; /* of device memory, before anything is taken */
extern const char *fake_uuid;  /* of the first device; NULL: GPU-00000000 */
extern void (*fake_at_launch)(void); /* called when a kernel runs; NULL: nothing */

/* Work that is enqueued: into the graph that is being made (true: run is called whenever the graph is launched,
 * end when it is freed), or not (false: the caller runs it now). A kernel calls fake_ran when it runs. */
bool fake_record(void (*run)(void *), void (*end)(void *), void *data, bool kernel);
void fake_ran(void);
#endif
