/* SPDX-License-Identifier: Apache-2.0
 * copy on the device: 16 bytes a thread where both ends are aligned, which they are for whole tensors.
 */
#include "labench/cuda_kit.cuh"

static la_status sizes(const la_problem *, la_pass, const void *, const la_device *, la_sizes *out,
                       la_err *)
{
    *out = la_sizes();
    return LA_OK;
}

static size_t rows_bytes(const la_problem *p, int64_t width)
{
    return (size_t)(p->B * p->T * p->H * width) * la_dtype_size(p->dtype);
}

/* from NULL: zeros. The first `pieces` of 16 bytes are aligned. Each thread goes on by the whole grid. */
__global__ void copy_kernel(const unsigned char *from, unsigned char *to, size_t pieces,
                            size_t bytes)
{
    size_t step = (size_t)gridDim.x * blockDim.x,
           me = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    for (size_t i = me; i < pieces; i += step)
        ((uint4 *)(void *)to)[i] =
            from ? ((const uint4 *)(const void *)from)[i] : make_uint4(0, 0, 0, 0);
    for (size_t i = 16 * pieces + me; i < bytes; i += step) to[i] = from ? from[i] : 0;
}

static void copy(const void *from, void *to, size_t bytes, void *stream)
{
    const unsigned threads = 256, most = 8 * 132;
    const bool aligned = ((uintptr_t)from | (uintptr_t)to) % 16 == 0;
    size_t pieces = aligned ? bytes / 16 : 0, blocks = (pieces ? pieces : bytes) / threads + 1;
    if (!to) return;
    LA_LAUNCH(copy_kernel, dim3((unsigned)(blocks < most ? blocks : most)), dim3(threads), 0,
              stream, (const unsigned char *)from, (unsigned char *)to, pieces, bytes);
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    const la_problem *p = (const la_problem *)self;
    copy(io->v, io->o, rows_bytes(p, p->dv), io->stream);
    return LA_LAUNCHED("copy forward", err);
}

static la_status backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    const la_problem *p = (const la_problem *)self;
    copy(nullptr, grads->dq, rows_bytes(p, p->dk), io->stream);
    copy(nullptr, grads->dk, rows_bytes(p, p->dk), io->stream);
    copy(grads->dout, grads->dv, rows_bytes(p, p->dv), io->stream);
    return LA_LAUNCHED("copy backward", err);
}

extern "C" const la_cuda_kernels la_copy_cuda = {sizes,   nullptr,  nullptr,
                                                 forward, backward, nullptr};
