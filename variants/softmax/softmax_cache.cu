/* SPDX-License-Identifier: Apache-2.0
 * The KV cache of textbook attention on the device: tokens appended, and copied on where the new cache is
 * another one. A thread an element, the whole grid on.
 */
#include "labench/cuda_kit.cuh"

#include "softmax_cuda.h"

template <typename E> __global__ void append_kernel(la_softmax_append_call c)
{
    const int64_t first = c.old == c.to ? c.pos : 0, tokens = c.pos + c.n - first;
    const int64_t all = c.B * c.Hkv * tokens * c.d;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < all;
         i += (int64_t)gridDim.x * blockDim.x) {
        int64_t x = i % c.d, t = first + i / c.d % tokens, head = i / c.d / tokens;
        int64_t slot = (head * c.Tcap + t) * c.d + x;
        int64_t b = head / c.Hkv, h = head % c.Hkv;
        ((E *)c.to)[slot] =
            t < c.pos ? ((const E *)c.old)[slot]
                      : ((const E *)c.added)[((b * c.n + t - c.pos) * c.Hkv + h) * c.d + x];
    }
}

extern "C" la_status la_softmax_cuda_append(const la_softmax_append_call *c, la_err *err)
{
    const int64_t threads = 256, most = 8 * 132;
    int64_t tokens = c->old == c->to ? c->n : c->pos + c->n;
    int64_t blocks = (c->B * c->Hkv * tokens * c->d + threads - 1) / threads;
    if (blocks == 0) return LA_OK;
    const dim3 grid((unsigned)(blocks < most ? blocks : most)), block((unsigned)threads);
    if (c->element == sizeof(float))
        LA_LAUNCH((append_kernel<uint32_t>), grid, block, 0, c->stream, *c);
    else
        LA_LAUNCH((append_kernel<uint16_t>), grid, block, 0, c->stream, *c);
    return LA_LAUNCHED("the KV cache", err);
}
