/* SPDX-License-Identifier: Apache-2.0
 * cuFFT by dlopen: real planes to half of their spectrum, with lengths of 64 bits. How much scratch a plan takes is
 * known only when it is made, on the device.
 */
#include "labench/cuda_fft.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "cuda.h"
#include "libs.h"

/* The longest axis of float32 in cuFFT's manual. */
#define LENGTH_MOST ((int64_t)1 << 27)

static la_cufft machine;
static bool works;

static void find(void)
{
    /* Of CUDA 13, 12 and 11. */
    static const char *const names[] = {"libcufft.so.12", "libcufft.so.11", "libcufft.so.10",
                                        "libcufft.so"};
    const struct {
        const char *name;
        void *at; /* a pointer to a function is as wide as one to data wherever there is dlsym */
    } all[] = {{"cufftCreate", &machine.create},
               {"cufftSetAutoAllocation", &machine.set_auto_allocation},
               {"cufftMakePlanMany64", &machine.make_plan_many},
               {"cufftSetStream", &machine.set_stream},
               {"cufftSetWorkArea", &machine.set_work_area},
               {"cufftExecR2C", &machine.exec_r2c},
               {"cufftDestroy", &machine.destroy}};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    works = library != NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all && library; i++) {
        void *found = dlsym(library, all[i].name);
        memcpy(all[i].at, &found, sizeof found);
        works = works && found;
    }
}

static const la_cufft *chosen;

const la_cufft *la_cufft_found(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (chosen) return chosen;
    if (la_cuda() != &la_cuda_built) return NULL; /* device pointers that are none */
    pthread_once(&once, find);
    return works ? &machine : NULL;
}

void la_cufft_use(const la_cufft *library)
{
    chosen = library;
}

la_status la_cuda_fft_there(la_err *err)
{
    if (la_cufft_found()) return LA_OK;
    return LA_FAIL(
        err, LA_E_UNSUPPORTED,
        "cuFFT is not here (libcufft.so.12, .11 or .10): install CUDA's libcufft, or name "
        "its folder in LD_LIBRARY_PATH; the form fft needs none");
}

la_status la_cuda_fft_check(const la_cuda_planes *of, la_err *err)
{
    LA_TRY(la_cuda_fft_there(err));
    if (of->rows <= LENGTH_MOST && of->columns <= LENGTH_MOST) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "cuFFT transforms lengths up to 2^27, not %" PRId64 " x %" PRId64
                   "; the form fft takes longer ones",
                   of->rows, of->columns);
}

static const char *words(int code)
{
    switch (code) {
    case LA_CUFFT_ALLOC_FAILED:
        return "out of memory";
    case LA_CUFFT_INVALID_SIZE:
        return "a size that it does not take";
    case 5:
        return "an error of the driver";
    case 6:
        return "a launch failed";
    case 7:
        return "it could not be set up";
    default:
        return "see cufftResult";
    }
}

static la_status said(int code, const char *doing, const la_cuda_planes *of, la_err *err)
{
    if (code == 0) return LA_OK;
    la_status st = code == LA_CUFFT_ALLOC_FAILED   ? LA_E_NOMEM
                   : code == LA_CUFFT_INVALID_SIZE ? LA_E_UNSUPPORTED
                                                   : LA_E_DEVICE;
    return LA_FAIL(err, st, "cuFFT, %s %" PRId64 " planes of %" PRId64 " x %" PRId64 ": %s (%d)",
                   doing, of->count, of->rows, of->columns, words(code), code);
}

static int make(const la_cufft *lib, const la_cuda_planes *of, int plan, size_t *bytes)
{
    const long long half = of->columns / 2 + 1, pitch = of->padded ? 2 * half : of->columns;
    long long n[2] = {of->rows, of->columns}, in[2] = {of->rows, pitch}, out[2] = {of->rows, half};
    const int first = of->rows > 1 ? 0 : 1; /* an axis of one number is none */
    int code = lib->set_auto_allocation(plan, 0);
    if (code) return code;
    return lib->make_plan_many(plan, 2 - first, n + first, in + first, 1, of->rows * pitch,
                               out + first, 1, of->rows * half, LA_CUFFT_R2C, of->count, bytes);
}

la_status la_cuda_fft_init(const la_cuda_planes *of, size_t room, la_cuda_fft *out, la_err *err)
{
    size_t bytes = 0;
    *out = (la_cuda_fft){.of = *of};
    LA_TRY(la_cuda_fft_check(of, err));
    const la_cufft *lib = la_cufft_found();
    LA_TRY(said(lib->create(&out->plan), "beginning a plan of", of, err));
    out->made = true;
    la_status st = said(make(lib, of, out->plan, &bytes), "making a plan of", of, err);
    if (st == LA_OK && bytes > room) st = la_cuda_keep(NULL, bytes, &out->own, err);
    if (st != LA_OK) la_cuda_fft_release(out);
    return st;
}

void la_cuda_fft_release(la_cuda_fft *fft)
{
    const la_cufft *lib = la_cufft_found();
    if (!fft) return;
    if (fft->made && lib) (void)lib->destroy(fft->plan);
    la_cuda_drop(fft->own);
    *fft = (la_cuda_fft){0};
}

la_status la_cuda_fft_run(const la_cuda_fft *fft, const float *in, float *out, void *room,
                          void *stream, la_err *err)
{
    const la_cufft *lib = la_cufft_found();
    if (!fft->made || !lib) return LA_FAIL(err, LA_E_INTERNAL, "a transform without a plan");
    int code = lib->set_stream(fft->plan, stream);
    if (!code) code = lib->set_work_area(fft->plan, fft->own ? fft->own : room);
    if (!code) code = lib->exec_r2c(fft->plan, (float *)(uintptr_t)in, out);
    return said(code, "transforming", &fft->of, err);
}
