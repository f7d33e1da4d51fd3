/* SPDX-License-Identifier: Apache-2.0
 * Impls on CUDA devices.
 *
 * A kernel author writes a la_cuda_kernels: the calls of la_impl with every tensor pointer in device
 * memory, enqueued on io->stream. LA_CUDA_CALLS makes a la_impl of it that takes host memory like any
 * other: it carries inputs over, calls the kernels, and brings results back. So conformance, gradients,
 * relations, `apply` and `verify` treat both backends alike.
 */
#ifndef LABENCH_CUDA_H
#define LABENCH_CUDA_H

#include "labench/variant.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls of one CUDA impl. The arguments are those of la_impl; `opts` outlives self. forward, backward and
 * decode only enqueue: they allocate nothing and wait for nothing. A failed launch is LA_E_DEVICE (or
 * LA_E_NOMEM) by la_cuda_launched. Of la_io, pointers to host memory are `params` and la_grads.dparams
 * themselves (arrays of device pointers). */
typedef struct la_cuda_kernels {
    la_status (*sizes)(const la_problem *, la_pass, const void *opts, const la_device *, la_sizes *,
                       la_err *);
    la_status (*create)(const la_problem *, const void *opts, const la_device *, void **self,
                        la_err *); /* NULL: self is the la_problem */
    void (*destroy)(void *self);   /* NULL with create */
    la_status (*forward)(void *self, const la_io *, la_err *);
    la_status (*backward)(void *self, const la_io *, const la_grads *, la_err *);
    la_status (*decode)(void *self, const la_io *, la_err *);
} la_cuda_kernels;

/* What the macros below refer to. `variant` is the name of a registered one. */
LA_API la_status la_cuda_create(const char *variant, const la_cuda_kernels *kernels,
                                const la_problem *p, const void *opts, const la_device *device,
                                void **self, la_err *err);
LA_API void la_cuda_destroy(void *self);
LA_API la_status la_cuda_forward(void *self, const la_io *io, la_err *err);
LA_API la_status la_cuda_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);
LA_API la_status la_cuda_decode(void *self, const la_io *io, la_err *err);
/* The kernels behind an impl made by LA_CUDA_CALLS, for callers whose tensors are on the device already; NULL
 * for any other. */
LA_API const la_cuda_kernels *la_cuda_kernels_of(const la_impl *impl);
/* 0 with the reason where `dev` is not a CUDA device that works. */
LA_API int la_rank_cuda(const la_device *dev, la_err *why);
LA_API int la_rank_second_cuda(const la_device *dev, la_err *why); /* below la_rank_cuda */

/* Before the table of impls: the thunks that know which kernels they stand for. */
#define LA_CUDA_THUNKS(variant_name, kernels)                                                      \
    static la_status kernels##_create(const la_problem *p, const void *opts, const la_device *dev, \
                                      void **self, la_err *err)                                    \
    {                                                                                              \
        return la_cuda_create(variant_name, &kernels, p, opts, dev, self, err);                    \
    }                                                                                              \
    static la_status kernels##_sizes(const la_problem *p, la_pass pass, const void *opts,          \
                                     const la_device *dev, la_sizes *out, la_err *err)             \
    {                                                                                              \
        return kernels.sizes(p, pass, opts, dev, out, err);                                        \
    }
/* Members of a la_impl; .check and .caps follow, and .backward and .decode where the caps say so. */
#define LA_CUDA_CALLS(kernels) LA_CUDA_RANKED_CALLS(kernels, la_rank_cuda)
#define LA_CUDA_RANKED_CALLS(kernels, how)                                                         \
    .backend = LA_CUDA, .rank = how, .sizes = kernels##_sizes, .create = kernels##_create,         \
    .destroy = la_cuda_destroy, .forward = la_cuda_forward

/* A constant of host memory on the device, for kernels' create and destroy; from NULL: room without one. */
LA_API la_status la_cuda_keep(const void *from, size_t bytes, void **out, la_err *err);
LA_API void la_cuda_drop(void *p); /* accepts NULL */

/* How a kernel of sm_90a sees a tensor (labench/cuda_hopper.cuh): a parameter of the kernel, `const
 * __grid_constant__ la_tensor_map`. Holds `base`: made anew for every call. As large and as aligned as CUtensorMap,
 * which takes 128 bytes from CUDA 13 on. */
typedef struct la_tensor_map {
#ifdef __cplusplus
    alignas(128)
#else
    _Alignas(128)
#endif
        unsigned long long opaque[16];
} la_tensor_map;
#define LA_TENSOR_RANK 5
/* `rank` (3 to 5) dimensions of 16-bit numbers, innermost first: their lengths, the bytes from one to the next of
 * all but the innermost (strides[0] is that of dimension 1; multiples of 16), the box that a copy brings
 * (at most 256 each; innermost at most 64, with swizzle 128). base is aligned to 16 bytes.
 * LA_E_ARG names the argument that is none of this. */
LA_API la_status la_cuda_tensor_map(la_tensor_map *out, la_dtype dtype, int rank, const void *base,
                                    const int64_t *lengths, const int64_t *strides, const int *box,
                                    la_err *err);

/* For launchers: `code` is that of cudaGetLastError() behind a launch of `what`. */
LA_API la_status la_cuda_launched(int code, const char *what, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
