/* SPDX-License-Identifier: Apache-2.0
 * The CUDA runtime as far as the harness needs it, behind a table of calls: the runtime itself, nothing (a
 * build without CUDA), or what a test puts in its place on a machine without a device.
 */
#ifndef LA_CUDA_LAYER_H
#define LA_CUDA_LAYER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "labench/cuda.h"

/* What is written down of a device besides la_device. */
typedef struct la_cuda_about {
    char uuid[48];         /* "GPU-..." */
    char bus[24];          /* address on PCI, "0000:01:00.0" */
    int driver, runtime;   /* 13000: CUDA 13.0 */
    int64_t sm_hz, mem_hz; /* clocks at most; 0: not known */
    bool ecc;
} la_cuda_about;

/* All take and give device pointers as void *; a stream is a cudaStream_t. Errors:
 * LA_E_DEVICE with the runtime's own words, LA_E_NOMEM when memory ran out. */
typedef struct la_cuda_driver {
    la_status (*count)(int *n, la_err *err);
    la_status (*describe)(int index, la_device *out, la_err *err);
    la_status (*select)(int index, la_err *err);
    void (*reset)(void); /* gives back what the process has on the chosen device, its context too */
    la_status (*take)(size_t bytes, void **out, la_err *err);
    void (*give)(void *p);
    /* NULL, or told that of a piece of memory only these bytes may be read and written from now on. */
    void (*only)(void *piece, size_t from, size_t bytes);
    la_status (*stream)(void **out, la_err *err);
    void (*stream_end)(void *stream);
    la_status (*upload)(void *to, const void *from, size_t bytes, void *stream, la_err *err);
    la_status (*download)(void *to, const void *from, size_t bytes, void *stream, la_err *err);
    la_status (*fill)(void *to, int byte, size_t bytes, void *stream, la_err *err);
    la_status (*copy)(void *to, const void *from, size_t bytes, void *stream, la_err *err);
    la_status (*wait)(void *stream, la_err *err);
    /* The checked arguments of la_cuda_tensor_map. */
    la_status (*tensor_map)(la_tensor_map *out, la_dtype dtype, int rank, const void *base,
                            const int64_t *lengths, const int64_t *strides, const int *box,
                            la_err *err);
    const char *(*words)(int code); /* of an error code */
    int out_of_memory;              /* the code that means it */
    /* Bytes that are free and that there are on the chosen device. */
    la_status (*memory)(size_t *free, size_t *total, la_err *err);
    la_status (*about)(int index, la_cuda_about *out, la_err *err);
    /* Events: mark puts one behind what is enqueued; elapsed wants both to have happened (wait). */
    la_status (*event)(void **out, la_err *err);
    void (*event_end)(void *event);
    la_status (*mark)(void *event, void *stream, la_err *err);
    la_status (*elapsed)(void *from, void *to, double *ns, la_err *err);
    /* What is enqueued between begin and end is not run, but becomes a graph that launch runs whole, with
     * the pointers and numbers that it had. *launches: kernels in it. After a failed end the stream
     * is as before begin. */
    la_status (*graph_begin)(void *stream, la_err *err);
    la_status (*graph_end)(void *stream, void **graph, int64_t *launches, la_err *err);
    la_status (*graph_launch)(void *graph, void *stream, la_err *err);
    void (*graph_free)(void *graph);
    /* The stream stands still until *go is no longer 0, or for ten seconds at most: *go is LA_CUDA_GAVE_UP then. */
    la_status (*hold)(void *stream, atomic_int *go, la_err *err);
} la_cuda_driver;

enum { LA_CUDA_GAVE_UP = -1 };

/* The one in use; la_cuda_use is for tests, NULL puts the build's own back. */
const la_cuda_driver *la_cuda(void);
void la_cuda_use(const la_cuda_driver *driver);
extern const la_cuda_driver la_cuda_built; /* runtime.c or none.c */

/* Behind LA_LAUNCH (labench/cuda_kit.cuh): allows a kernel all the shared memory that the chosen device has for a
 * block. Whatever sizes it is launched with, and from whichever threads, its limit is raised once and never
 * lowered. A failure is the launch's to tell. */
void la_cuda_allow_shared(const void *kernel);

/* LA_E_ENV where the environment makes every launch wait for its end: there is no time of a call then. */
la_status la_cuda_can_time(la_err *err);

/* The device of that index. LA_E_DEVICE with the reason: built without CUDA, no driver, no such device. */
la_status la_device_cuda(int index, la_device *out, la_err *err);

/* A tensor, state or scratch on the device with guard zones before and after. Fresh ones hold NaN. */
typedef struct la_cuda_buffer {
    void *data; /* NULL when bytes is 0 */
    size_t bytes;
    char *base; /* private */
} la_cuda_buffer;
la_status la_cuda_buffer_init(la_cuda_buffer *buf, size_t bytes, void *stream, la_err *err);
void la_cuda_buffer_release(la_cuda_buffer *buf); /* accepts zeroed */
/* LA_E_WRONG "wrote outside its <name> buffer"; waits for the stream. */
la_status la_cuda_buffer_guards(const la_cuda_buffer *buf, const char *name, void *stream,
                                la_err *err);
/* Bytes now taken by buffers, and their high-water mark since the last reset. */
size_t la_cuda_live(void);
size_t la_cuda_peak(void);
void la_cuda_peak_reset(void);
/* Memory of the device has run out once, or the cap was met. */
bool la_cuda_ran_out(void);
/* A cap on live bytes, beyond which taking fails as if memory had run out. 0: none. */
void la_cuda_limit(size_t bytes);

#endif
