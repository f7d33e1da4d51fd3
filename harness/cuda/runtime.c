/* SPDX-License-Identifier: Apache-2.0
 * The CUDA runtime, linked statically: on a machine without a driver its first call says so.
 */
/* The toolkit's cuda.h: that name alone finds this layer's own. */
#include <../include/cuda.h>

#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cuda.h"

static la_status check(cudaError_t code, const char *what, la_err *err)
{
    if (code == cudaSuccess) return LA_OK;
    (void)
        cudaGetLastError(); /* or the next launch would be blamed; what lasts comes back by itself */
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

static void reset(void)
{
    (void)cudaDeviceReset();
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

static la_status copy(void *to, const void *from, size_t bytes, void *stream, la_err *err)
{
    return check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream),
                 "a copy on the device", err);
}

static la_status wait(void *stream, la_err *err)
{
    return check(cudaStreamSynchronize(stream), "waiting for the device", err);
}

_Static_assert(sizeof(la_tensor_map) == sizeof(CUtensorMap) &&
                   _Alignof(la_tensor_map) % _Alignof(CUtensorMap) == 0,
               "the driver writes one where the other is");

/* The driver's own function, found by the runtime: nothing links libcuda. */
static la_status find_encoder(PFN_cuTensorMapEncodeTiled_v12000 *encode, la_err *err)
{
    static const char name[] = "cuTensorMapEncodeTiled";
    enum cudaDriverEntryPointQueryResult found;
#if CUDART_VERSION >= 12050
    cudaError_t code =
        cudaGetDriverEntryPointByVersion(name, (void **)encode, 12000, cudaEnableDefault, &found);
#else
    cudaError_t code = cudaGetDriverEntryPoint(name, (void **)encode, cudaEnableDefault, &found);
#endif
    LA_TRY(check(code, "the driver's tensor maps", err));
    if (found != cudaDriverEntryPointSuccess || !*encode)
        return LA_FAIL(err, LA_E_DEVICE, "the driver has no tensor maps");
    return LA_OK;
}

static la_status tensor_map(la_tensor_map *out, la_dtype dtype, int rank, const void *base,
                            const int64_t *lengths, const int64_t *strides, const int *box,
                            la_err *err)
{
    CUtensorMapDataType type =
        dtype == LA_BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    PFN_cuTensorMapEncodeTiled_v12000 encode = NULL;
    LA_TRY(find_encoder(&encode, err));
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

/* Fixed by the device and the kernel: who asks at the same time, asks for the same. */
void la_cuda_allow_shared(const void *kernel)
{
    struct cudaFuncAttributes of;
    int device = 0, most = 0;
    if (cudaGetDevice(&device) != cudaSuccess ||
        cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) !=
            cudaSuccess ||
        cudaFuncGetAttributes(&of, kernel) != cudaSuccess)
        return;
    most -= (int)of.sharedSizeBytes;
    if (of.maxDynamicSharedSizeBytes < most)
        (void)cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most);
}

static const char *words(int code)
{
    return cudaGetErrorString((cudaError_t)code);
}

static la_status memory(size_t *free_bytes, size_t *total, la_err *err)
{
    return check(cudaMemGetInfo(free_bytes, total), "asking for free memory", err);
}

static int64_t clock_of(enum cudaDeviceAttr which, int index)
{
    int khz = 0;
    return cudaDeviceGetAttribute(&khz, which, index) == cudaSuccess ? 1000 * (int64_t)khz : 0;
}

static la_status about(int index, la_cuda_about *out, la_err *err)
{
    struct cudaDeviceProp prop;
    *out = (la_cuda_about){0};
    LA_TRY(check(cudaGetDeviceProperties(&prop, index), "the properties of the device", err));
    const unsigned char *u = (const unsigned char *)prop.uuid.bytes;
    snprintf(out->uuid, sizeof out->uuid,
             "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
             u[15]);
    LA_TRY(check(cudaDeviceGetPCIBusId(out->bus, (int)sizeof out->bus, index),
                 "the address of the device", err));
    LA_TRY(check(cudaDriverGetVersion(&out->driver), "the driver's version", err));
    LA_TRY(check(cudaRuntimeGetVersion(&out->runtime), "the runtime's version", err));
    out->sm_hz = clock_of(cudaDevAttrClockRate, index);
    out->mem_hz = clock_of(cudaDevAttrMemoryClockRate, index);
    out->ecc = prop.ECCEnabled != 0;
    return LA_OK;
}

/* ---- events ---- */

static la_status event_make(void **out, la_err *err)
{
    cudaEvent_t event = NULL;
    LA_TRY(check(cudaEventCreate(&event), "an event", err));
    *out = event;
    return LA_OK;
}

static void event_end(void *event)
{
    (void)cudaEventDestroy(event);
}

static la_status mark(void *event, void *stream, la_err *err)
{
    return check(cudaEventRecord(event, stream), "recording an event", err);
}

static la_status elapsed(void *from, void *to, double *ns, la_err *err)
{
    float ms = 0;
    LA_TRY(check(cudaEventElapsedTime(&ms, from, to), "reading events", err));
    *ns = 1e6 * (double)ms;
    return LA_OK;
}

/* ---- graphs ---- */

static la_status graph_begin(void *stream, la_err *err)
{
    return check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
                 "beginning a graph", err);
}

static la_status count_kernels(cudaGraph_t graph, int64_t *launches, la_err *err)
{
    size_t n = 0;
    *launches = 0;
    LA_TRY(check(cudaGraphGetNodes(graph, NULL, &n), "the nodes of a graph", err));
    cudaGraphNode_t *nodes = calloc(n + 1, sizeof *nodes);
    if (!nodes) return LA_FAIL(err, LA_E_NOMEM, "out of memory for the nodes of a graph");
    la_status st = check(cudaGraphGetNodes(graph, nodes, &n), "the nodes of a graph", err);
    for (size_t i = 0; i < n && st == LA_OK; i++) {
        enum cudaGraphNodeType type;
        st = check(cudaGraphNodeGetType(nodes[i], &type), "a node of a graph", err);
        *launches += type == cudaGraphNodeTypeKernel;
    }
    free(nodes);
    return st;
}

static la_status graph_end(void *stream, void **out, int64_t *launches, la_err *err)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    *out = NULL;
    cudaError_t code = cudaStreamEndCapture(stream, &graph);
    if (code != cudaSuccess) {
        (void)cudaGetLastError(); /* a capture that went wrong is no lasting error: forget it */
        return check(code, "ending a graph", err);
    }
    la_status st = count_kernels(graph, launches, err);
    if (st == LA_OK) st = check(cudaGraphInstantiate(&exec, graph, 0), "making a graph", err);
    if (st == LA_OK) st = check(cudaGraphUpload(exec, stream), "making a graph", err);
    (void)cudaGraphDestroy(graph);
    *out = exec;
    return st;
}

static la_status graph_launch(void *graph, void *stream, la_err *err)
{
    return check(cudaGraphLaunch(graph, stream), "launching a graph", err);
}

static void graph_free(void *graph)
{
    if (graph) (void)cudaGraphExecDestroy(graph);
}

/* ---- holding a stream ---- */

#define HELD_MOST_S 10

/* A call that the driver makes when the stream has come this far; it may make none of CUDA's itself. Its thread gives
 * way, or one core would serve it and the thread that sets the flag in turns of milliseconds. */
static void CUDART_CB stand_still(void *flag)
{
    atomic_int *go = flag;
    int none = 0;
    time_t until = time(NULL) + HELD_MOST_S;
    while (!atomic_load_explicit(go, memory_order_acquire) && time(NULL) < until) sched_yield();
    atomic_compare_exchange_strong(go, &none, LA_CUDA_GAVE_UP); /* but where it was set by now */
}

static la_status hold(void *stream, atomic_int *go, la_err *err)
{
    return check(cudaLaunchHostFunc(stream, stand_still, go), "holding the stream", err);
}

const la_cuda_driver la_cuda_built = {
    .count = count,
    .describe = describe,
    .select = select_device,
    .reset = reset,
    .take = take,
    .give = give,
    .stream = stream_make,
    .stream_end = stream_end,
    .upload = upload,
    .download = download,
    .fill = fill,
    .copy = copy,
    .wait = wait,
    .tensor_map = tensor_map,
    .words = words,
    .out_of_memory = cudaErrorMemoryAllocation,
    .memory = memory,
    .about = about,
    .event = event_make,
    .event_end = event_end,
    .mark = mark,
    .elapsed = elapsed,
    .graph_begin = graph_begin,
    .graph_end = graph_end,
    .graph_launch = graph_launch,
    .graph_free = graph_free,
    .hold = hold,
};
