/* SPDX-License-Identifier: Apache-2.0
 * The CUDA runtime, linked statically: on a machine without a driver its first call says so.
 */
/* The toolkit's cuda.h: that name alone finds this layer's own. */
#include <../include/cuda.h>

#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>
#include <stdint.h>
#include <stdio.h>

#include "cuda.h"

static la_status check(cudaError_t code, const char *what, la_err *err)
{
    if (code == cudaSuccess) return LA_OK;
    la_status st = code == cudaErrorMemoryAllocation ? LA_E_NOMEM : LA_E_DEVICE;
    LA_FAIL(err, st, "%s: %s (%s)", what, cudaGetErrorString(code), cudaGetErrorName(code));
    if (err) err->foreign = (int)code;
    return st;
}

static la_status count(int *n, la_err *err)
{
    *n = 0;
    cudaError_t code = cudaGetDeviceCount(n);
    if (code == cudaErrorNoDevice) return LA_FAIL(err, LA_E_DEVICE, "the driver finds none");
    if (code == cudaErrorInsufficientDriver)
        return LA_FAIL(err, LA_E_DEVICE, "no NVIDIA driver, or one too old for CUDA %d.%d",
                       CUDART_VERSION / 1000, CUDART_VERSION / 10 % 100);
    return check(code, "counting devices", err);
}

static la_status describe(int index, la_device *out, la_err *err)
{
    struct cudaDeviceProp prop;
    LA_TRY(check(cudaGetDeviceProperties(&prop, index), "the properties of the device", err));
    *out = (la_device){.backend = LA_CUDA,
                       .index = index,
                       .cores = prop.multiProcessorCount,
                       .sm = 10 * prop.major + prop.minor,
                       .l1d = prop.sharedMemPerMultiprocessor,
                       .l2 = (size_t)prop.l2CacheSize,
                       .memory = prop.totalGlobalMem};
    snprintf(out->name, sizeof out->name, "%.80s sm_%d%d", prop.name, prop.major, prop.minor);
    return LA_OK;
}

static la_status select_device(int index, la_err *err)
{
    return check(cudaSetDevice(index), "choosing the device", err);
}

static la_status take(size_t bytes, void **out, la_err *err)
{
    cudaError_t code = cudaMalloc(out, bytes);
    if (code == cudaSuccess) return LA_OK;
    (void)cudaGetLastError(); /* running out of memory is no lasting error: forget it */
    char what[64];
    snprintf(what, sizeof what, "%zu bytes of device memory", bytes);
    return check(code, what, err);
}

static void give(void *p)
{
    (void)cudaFree(p);
}

static la_status stream_make(void **out, la_err *err)
{
    cudaStream_t stream = NULL;
    LA_TRY(check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream", err));
    *out = stream;
    return LA_OK;
}

static void stream_end(void *stream)
{
    (void)cudaStreamDestroy(stream);
}

static la_status upload(void *to, const void *from, size_t bytes, void *stream, la_err *err)
{
    return check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "an upload",
                 err);
}

static la_status download(void *to, const void *from, size_t bytes, void *stream, la_err *err)
{
    return check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream), "a download",
                 err);
}

static la_status fill(void *to, int byte, size_t bytes, void *stream, la_err *err)
{
    return check(cudaMemsetAsync(to, byte, bytes, stream), "filling device memory", err);
}

static la_status wait(void *stream, la_err *err)
{
    return check(cudaStreamSynchronize(stream), "waiting for the device", err);
}

/* The driver's own function, found by the runtime: nothing links libcuda. */
static la_status tensor_map(la_tensor_map *out, la_dtype dtype, int rank, const void *base,
                            const int64_t *lengths, const int64_t *strides, const int *box,
                            la_err *err)
{
    CUtensorMapDataType type =
        dtype == LA_BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    PFN_cuTensorMapEncodeTiled_v12000 encode = NULL;
    enum cudaDriverEntryPointQueryResult found;
    LA_TRY(check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", (void **)&encode, 12000,
                                                  cudaEnableDefault, &found),
                 "the driver's tensor maps", err));
    if (found != cudaDriverEntryPointSuccess || !encode)
        return LA_FAIL(err, LA_E_DEVICE, "the driver has no tensor maps");
    cuuint64_t size[LA_TENSOR_RANK], step[LA_TENSOR_RANK];
    cuuint32_t part[LA_TENSOR_RANK], every[LA_TENSOR_RANK];
    for (int i = 0; i < rank; i++) {
        size[i] = (cuuint64_t)lengths[i];
        part[i] = (cuuint32_t)box[i];
        every[i] = 1;
        if (i) step[i - 1] = (cuuint64_t)strides[i - 1];
    }
    CUresult code =
        encode((CUtensorMap *)out, type, (cuuint32_t)rank, (void *)(uintptr_t)base, size, step,
               part, every, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (code != CUDA_SUCCESS)
        return LA_FAIL(err, LA_E_DEVICE, "a tensor map: the driver's error %d", (int)code);
    return LA_OK;
}

static const char *words(int code)
{
    return cudaGetErrorString((cudaError_t)code);
}

const la_cuda_driver la_cuda_built = {
    .count = count,
    .describe = describe,
    .select = select_device,
    .take = take,
    .give = give,
    .stream = stream_make,
    .stream_end = stream_end,
    .upload = upload,
    .download = download,
    .fill = fill,
    .wait = wait,
    .tensor_map = tensor_map,
    .words = words,
    .out_of_memory = cudaErrorMemoryAllocation,
};
