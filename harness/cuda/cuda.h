/* SPDX-License-Identifier: Apache-2.0
 * The CUDA runtime as far as the harness needs it, behind a table of calls: the runtime itself, nothing (a
 * build without CUDA), or what a test puts in its place on a machine without a device.
 */
#ifndef LA_CUDA_LAYER_H
#define LA_CUDA_LAYER_H

#include "labench/cuda.h"

/* All take and give device pointers as void *; a stream is a cudaStream_t. Errors:
 * LA_E_DEVICE with the runtime's own words, LA_E_NOMEM when memory ran out. */
typedef struct la_cuda_driver {
    la_status (*count)(int *n, la_err *err);
    la_status (*describe)(int index, la_device *out, la_err *err);
    la_status (*select)(int index, la_err *err);
    la_status (*take)(size_t bytes, void **out, la_err *err);
    void (*give)(void *p);
    la_status (*stream)(void **out, la_err *err);
    void (*stream_end)(void *stream);
    la_status (*upload)(void *to, const void *from, size_t bytes, void *stream, la_err *err);
    la_status (*download)(void *to, const void *from, size_t bytes, void *stream, la_err *err);
    la_status (*fill)(void *to, int byte, size_t bytes, void *stream, la_err *err);
    la_status (*wait)(void *stream, la_err *err);
    /* The checked arguments of la_cuda_tensor_map. */
    la_status (*tensor_map)(la_tensor_map *out, la_dtype dtype, int rank, const void *base,
                            const int64_t *lengths, const int64_t *strides, const int *box,
                            la_err *err);
    const char *(*words)(int code); /* of an error code */
    int out_of_memory;              /* the code that means it */
} la_cuda_driver;

/* The one in use; la_cuda_use is for tests, NULL puts the build's own back. */
const la_cuda_driver *la_cuda(void);
void la_cuda_use(const la_cuda_driver *driver);
extern const la_cuda_driver la_cuda_built; /* runtime.c or none.c */

/* The device of that index. LA_E_DEVICE with the reason: built without CUDA, no driver, no such device. */
la_status la_device_cuda(int index, la_device *out, la_err *err);

/* A tensor, state or scratch on the device with guard zones before and after. */
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
/* A cap on live bytes, beyond which taking fails as if memory had run out. 0: none. */
void la_cuda_limit(size_t bytes);

#endif
