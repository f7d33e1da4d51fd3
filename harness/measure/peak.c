/* SPDX-License-Identifier: Apache-2.0 */
#include "peak.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "labench/kit.h"
#include "peak_loops.h"

#define STEADY 0.85 /* of the best run, the worst where nothing disturbs */
enum { RUNS = 12, FEW_RUNS = 3, STREAM_RUNS = 6, ARITHMETIC_NS = 15000000, GEMM_N = 1024 };

/* Does `steps` steps and returns the FLOPs of them. */
typedef double arithmetic(int64_t steps, float *sink);

typedef struct loops {
    arithmetic *fma;
    float (*read)(const float *x, int64_t n);
} loops;

static loops loops_of(la_isa isa)
{
#ifdef LA_BUILT_AVX512
    if (isa >= LA_ISA_AVX512) return (loops){la_peak_fma_avx512, la_peak_read_avx512};
#endif
#ifdef LA_BUILT_AVX2
    if (isa >= LA_ISA_AVX2) return (loops){la_peak_fma_avx2, la_peak_read_avx2};
#endif
    (void)isa;
    return (loops){la_peak_fma_generic, la_peak_read_generic};
}

/* NULL: no bf16 dot products. */
static arithmetic *dots_of(la_isa isa)
{
#ifdef LA_BUILT_AMX_BF16
    if (isa >= LA_ISA_AMX_BF16) return la_peak_dot_amx_bf16;
#endif
#ifdef LA_BUILT_AVX512_BF16
    if (isa >= LA_ISA_AVX512_BF16) return la_peak_dot_avx512_bf16;
#endif
    (void)isa;
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static la_rate rate_of(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return (la_rate){
        .best = x[n - 1], .median = 0.5 * (x[(n - 1) / 2] + x[n / 2]), .worst = x[0], .n = n};
}

/* FLOP/s of one run of about ARITHMETIC_NS in every thread at once. */
static double run_once(arithmetic *loop, int threads, int64_t steps)
{
    double flops = 0;
    float sinks = 0;
    int64_t begin = la_now_ns();
#pragma omp parallel num_threads(threads) reduction(+ : flops, sinks)
    {
        float sink;
        flops += loop(steps, &sink);
        sinks += sink;
    }
    double seconds = (double)(la_now_ns() - begin) * 1e-9;
    return sinks > 0 ? flops / seconds : 0; /* the sums are used, so the loops stay */
}

static int64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* As many steps as fill a run, by the time this thread really computed: on a busy machine any wall time is
 * long, and the run would end up as short as the noise. */
static int64_t steps_of(arithmetic *loop)
{
    int64_t steps = 1 << 14;
    float sink;
    for (;; steps *= 2) {
        int64_t begin = thread_ns();
        loop(steps, &sink);
        if (thread_ns() - begin > ARITHMETIC_NS / 2) return steps;
    }
}

/* At most RUNS. */
static la_rate measure_arithmetic(arithmetic *loop, int threads, int runs)
{
    int64_t steps = steps_of(loop);
    double x[RUNS];
    for (int i = 0; i < runs; i++) x[i] = run_once(loop, threads, steps);
    return rate_of(x, runs);
}

static la_status measure_gemm(la_rate *out, la_err *err)
{
    size_t n = GEMM_N, bytes = n * n * sizeof(float);
    float *abc = la_zalloc(3 * bytes, err);
    if (!abc) return LA_E_NOMEM;
    for (size_t i = 0; i < 2 * n * n; i++) abc[i] = (float)(i % 7) * 0.25f;
    double x[RUNS];
    for (int i = -1; i < RUNS; i++) { /* the first makes OpenBLAS's buffers */
        int64_t begin = la_now_ns();
        la_gemm(false, false, GEMM_N, GEMM_N, GEMM_N, 1.0f, abc, GEMM_N, abc + n * n, GEMM_N, 0.0f,
                abc + 2 * n * n, GEMM_N);
        double seconds = (double)(la_now_ns() - begin) * 1e-9;
        if (i >= 0) x[i] = 2.0 * (double)GEMM_N * (double)GEMM_N * (double)GEMM_N / seconds;
    }
    la_free(abc);
    *out = rate_of(x, RUNS);
    return LA_OK;
}

/* Every thread streams over its own part, which it touched first. */
static la_status measure_stream(loops with, la_peak *out, la_err *err)
{
    int64_t quantum = 256; /* floats: a whole number of unrolled steps for either half */
    int64_t part = (int64_t)(out->stream_bytes / sizeof(float)) / out->threads / quantum * quantum;
    float *x = la_alloc((size_t)part * (size_t)out->threads * sizeof(float), err);
    if (!x) return LA_E_NOMEM;
#pragma omp parallel num_threads(out->threads)
    {
        float *mine = x + part * omp_get_thread_num();
        for (int64_t i = 0; i < part; i++) mine[i] = 1.0f;
    }
    double reads[STREAM_RUNS], copies[STREAM_RUNS],
        bytes = (double)part * out->threads * sizeof(float);
    float total = 0;
    for (int r = 0; r < STREAM_RUNS; r++) {
        int64_t begin = la_now_ns();
#pragma omp parallel num_threads(out->threads) reduction(+ : total)
        total += with.read(x + part * omp_get_thread_num(), part);
        int64_t middle = la_now_ns();
#pragma omp parallel num_threads(out->threads)
        {
            float *mine = x + part * omp_get_thread_num();
            memcpy(mine + part / 2, mine, (size_t)(part / 2) * sizeof(float));
        }
        copies[r] = bytes / ((double)(la_now_ns() - middle) * 1e-9);
        reads[r] = bytes / ((double)(middle - begin) * 1e-9);
    }
    la_free(x);
    if (!(total > 0))
        return LA_FAIL(err, LA_E_INTERNAL, "the read loop summed to %g", (double)total);
    out->read = rate_of(reads, STREAM_RUNS);
    out->copy = rate_of(copies, STREAM_RUNS);
    return LA_OK;
}

la_rate la_peak_arithmetic(int threads, la_isa isa)
{
    la_start(threads);
    return measure_arithmetic(loops_of(isa).fma, threads, FEW_RUNS);
}

bool la_peak_finding(const la_peak *peak, la_finding *out)
{
    if (peak->flops.worst >= STEADY * peak->flops.best) return false;
    *out = (la_finding){.code = "clock"};
    snprintf(
        out->text, sizeof out->text,
        "the peak of %d thread%s went from %.3g to %.3g GFLOP/s within %d short runs: clocks come "
        "and go, or cores are shared",
        peak->threads, peak->threads == 1 ? "" : "s", peak->flops.worst * 1e-9,
        peak->flops.best * 1e-9, peak->flops.n);
    snprintf(out->fix, sizeof out->fix,
             "labench --beside-peak holds each sample against its moment");
    return true;
}

double la_peak_bf16(const la_peak *peak)
{
    double pairs = peak->dots.best, widened = peak->flops.best;
    return peak->dots.n && widened > pairs ? widened : pairs;
}

bool la_gauge_init(int threads, la_isa isa, la_dtype dtype, la_gauge *out)
{
    *out = (la_gauge){.threads = threads};
    if (dtype == LA_F32) out->loop = loops_of(isa).fma;
    if (dtype == LA_BF16) out->loop = dots_of(isa);
    if (out->loop && dtype == LA_BF16 && isa < LA_ISA_AMX_BF16 && la_bf16_widens(isa))
        out->loop = loops_of(isa).fma;
    if (!out->loop) return false;
    la_start(threads);
    out->steps = steps_of(out->loop);
    return true;
}

double la_gauge_read(const la_gauge *gauge)
{
    return run_once(gauge->loop, gauge->threads, gauge->steps);
}

la_status la_peak_measure(int threads, la_isa isa, la_peak *out, la_err *err)
{
    if (threads < 1) return LA_FAIL(err, LA_E_ARG, "%d threads cannot be measured", threads);
    *out = (la_peak){.threads = threads, .isa = isa, .stream_bytes = (size_t)256 << 20};
    long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE); /* four times the last cache, where that is known */
    if (l3 > 64L << 20) out->stream_bytes = (size_t)(l3 < 256L << 20 ? 4 * l3 : 1L << 30);
    la_start(threads);
    loops with = loops_of(isa);
    out->flops = measure_arithmetic(with.fma, threads, RUNS);
    arithmetic *dots = dots_of(isa);
    if (dots) out->dots = measure_arithmetic(dots, threads, RUNS);
    LA_TRY(measure_gemm(&out->sgemm, err));
    return measure_stream(with, out, err);
}
