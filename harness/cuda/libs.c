/* SPDX-License-Identifier: Apache-2.0
 * cuBLASLt by dlopen. What it is asked is decided by la_cuda_gemm; how it answers a shape is asked once and
 * remembered, since that takes it longer than the product.
 */
#include "libs.h"

#include "cuda.h"

bool la_column_product_of(const la_cuda_product *p, int axis, la_column_product *out)
{
    if (p->a.dtype != p->b.dtype || p->terms > 1) return false;
    *out = (la_column_product){.m = p->n,
                               .n = p->m,
                               .k = p->k,
                               .ta = p->b.transposed,
                               .tb = p->a.transposed,
                               .a = p->b.data,
                               .b = p->a.data,
                               .c = p->c.data,
                               .lda = p->b.ld,
                               .ldb = p->a.ld,
                               .ldc = p->c.ld,
                               .count = p->batch[axis] > 0 ? p->batch[axis] : 1,
                               .step_a = p->b.step[axis],
                               .step_b = p->a.step[axis],
                               .step_c = p->c.step[axis],
                               .type = p->a.dtype,
                               .c_type = p->c.dtype,
                               .alpha = p->alpha,
                               .beta = p->beta,
                               .work = p->work,
                               .work_bytes = p->work ? p->work_bytes : 0,
                               .stream = p->stream};
    return true;
}

unsigned la_column_alignment(const void *data, la_dtype type, int64_t ld, int64_t step,
                             int64_t count)
{
    uint64_t any = (uint64_t)ld | (count > 1 ? (uint64_t)step : 0);
    any = any * la_dtype_size(type) | (uint64_t)(uintptr_t)data | 16;
    return (unsigned)(any & (0 - any));
}

#if defined(__has_include)
#if __has_include(<cublasLt.h>)
#define HAVE_CUBLASLT 1
#endif
#endif

#if HAVE_CUBLASLT
#include <cublasLt.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#define TABLE(X)                                                                                   \
    X(Create)                                                                                      \
    X(MatmulDescInit_internal)                                                                     \
    X(MatmulDescSetAttribute)                                                                      \
    X(MatrixLayoutInit_internal)                                                                   \
    X(MatrixLayoutSetAttribute)                                                                    \
    X(MatmulPreferenceInit_internal)                                                               \
    X(MatmulPreferenceSetAttribute)                                                                \
    X(MatmulAlgoGetHeuristic)                                                                      \
    X(Matmul)

static struct {
#define MEMBER(name) __typeof__(cublasLt##name) *name;
    TABLE(MEMBER)
#undef MEMBER
    cublasLtHandle_t handle;
} lt;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- a product as its descriptors ---- */

typedef struct descriptors {
    cublasLtMatmulDescOpaque_t product;
    cublasLtMatrixLayoutOpaque_t a, b, c;
} descriptors;

static cudaDataType type_of(la_dtype type)
{
    return type == LA_F32 ? CUDA_R_32F : type == LA_F16 ? CUDA_R_16F : CUDA_R_16BF;
}

static bool lay_out(cublasLtMatrixLayoutOpaque_t *to, la_dtype type, int64_t rows, int64_t columns,
                    int64_t ld, int64_t count, int64_t step)
{
    int32_t n = (int32_t)count;
    return lt.MatrixLayoutInit_internal(to, sizeof *to, type_of(type), (uint64_t)rows,
                                        (uint64_t)columns, ld) == CUBLAS_STATUS_SUCCESS &&
           lt.MatrixLayoutSetAttribute(to, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &n, sizeof n) ==
               CUBLAS_STATUS_SUCCESS &&
           lt.MatrixLayoutSetAttribute(to, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step,
                                       sizeof step) == CUBLAS_STATUS_SUCCESS;
}

static bool describe(const la_column_product *p, descriptors *d)
{
    cublasOperation_t ta = p->ta ? CUBLAS_OP_T : CUBLAS_OP_N,
                      tb = p->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    memset(d, 0, sizeof *d);
    /* CUBLAS_COMPUTE_32F: no tf32 for float32. */
    return lt.MatmulDescInit_internal(&d->product, sizeof d->product, CUBLAS_COMPUTE_32F,
                                      CUDA_R_32F) == CUBLAS_STATUS_SUCCESS &&
           lt.MatmulDescSetAttribute(&d->product, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof ta) ==
               CUBLAS_STATUS_SUCCESS &&
           lt.MatmulDescSetAttribute(&d->product, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof tb) ==
               CUBLAS_STATUS_SUCCESS &&
           lay_out(&d->a, p->type, p->ta ? p->k : p->m, p->ta ? p->m : p->k, p->lda, p->count,
                   p->step_a) &&
           lay_out(&d->b, p->type, p->tb ? p->n : p->k, p->tb ? p->k : p->n, p->ldb, p->count,
                   p->step_b) &&
           lay_out(&d->c, p->c_type, p->m, p->n, p->ldc, p->count, p->step_c);
}

/* ---- its algorithm ---- */

/* A shape that was asked for, without factors, and of pointers what they are aligned to. */
typedef struct shape {
    int64_t m, n, k, lda, ldb, ldc, count, step_a, step_b, step_c;
    int64_t flags; /* transposes and types */
    uint64_t work_bytes;
    uint32_t aligned[4]; /* bytes of A, B, C; 0 */
} shape;

typedef struct answer {
    shape of;
    cublasLtMatmulAlgo_t algo;
    bool there, found;
} answer;

static answer answers[128];
static unsigned next_answer;

static bool ask(const shape *of, const descriptors *d, cublasLtMatmulAlgo_t *algo)
{
    cublasLtMatmulPreferenceOpaque_t wish;
    cublasLtMatmulHeuristicResult_t best;
    uint64_t bytes = of->work_bytes;
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE; /* sums in a fixed order only */
    const uint32_t *aligned = of->aligned;
    int found = 0;
    const struct {
        cublasLtMatmulPreferenceAttributes_t name;
        const void *value;
        size_t size;
    } wishes[] = {{CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes},
                  {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions, sizeof reductions},
                  {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &aligned[0], sizeof *aligned},
                  {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &aligned[1], sizeof *aligned},
                  {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &aligned[2], sizeof *aligned},
                  {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &aligned[2], sizeof *aligned}};
    memset(&wish, 0, sizeof wish);
    if (lt.MatmulPreferenceInit_internal(&wish, sizeof wish) != CUBLAS_STATUS_SUCCESS) return false;
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
        if (lt.MatmulPreferenceSetAttribute(&wish, wishes[i].name, wishes[i].value,
                                            wishes[i].size) != CUBLAS_STATUS_SUCCESS)
            return false;
    descriptors *own = (descriptors *)(uintptr_t)d; /* handles are not const; nothing is written */
    if (lt.MatmulAlgoGetHeuristic(lt.handle, &own->product, &own->a, &own->b, &own->c, &own->c,
                                  &wish, 1, &best, &found) != CUBLAS_STATUS_SUCCESS ||
        found < 1 || best.state != CUBLAS_STATUS_SUCCESS)
        return false;
    *algo = best.algo;
    return true;
}

static bool algorithm(const la_column_product *p, const descriptors *d, cublasLtMatmulAlgo_t *algo)
{
    const shape of = {p->m,
                      p->n,
                      p->k,
                      p->lda,
                      p->ldb,
                      p->ldc,
                      p->count,
                      p->step_a,
                      p->step_b,
                      p->step_c,
                      (int64_t)p->ta | (int64_t)p->tb << 1 | (int64_t)p->type << 2 |
                          (int64_t)p->c_type << 6,
                      p->work_bytes,
                      {la_column_alignment(p->a, p->type, p->lda, p->step_a, p->count),
                       la_column_alignment(p->b, p->type, p->ldb, p->step_b, p->count),
                       la_column_alignment(p->c, p->c_type, p->ldc, p->step_c, p->count)}};
    pthread_mutex_lock(&lock);
    answer *held = NULL;
    for (size_t i = 0; i < sizeof answers / sizeof *answers && !held; i++)
        if (answers[i].there && memcmp(&answers[i].of, &of, sizeof of) == 0) held = &answers[i];
    if (!held) {
        held = &answers[next_answer++ % (sizeof answers / sizeof *answers)];
        *held = (answer){.of = of, .there = true};
        held->found = ask(&of, d, &held->algo);
    }
    bool found = held->found;
    *algo = held->algo;
    pthread_mutex_unlock(&lock);
    return found;
}

/* The library wants its scratch at a multiple of 256 bytes. */
static void align_work(la_column_product *p)
{
    size_t skip = -(uintptr_t)p->work % 256;
    if (skip > p->work_bytes) skip = p->work_bytes;
    p->work = p->work_bytes > skip ? (char *)p->work + skip : NULL;
    p->work_bytes -= skip;
}

static bool multiply(const la_column_product *of)
{
    descriptors d;
    cublasLtMatmulAlgo_t algo;
    la_column_product p = *of;
    align_work(&p);
    if (p.count > INT32_MAX || !describe(&p, &d) || !algorithm(&p, &d, &algo)) return false;
    return lt.Matmul(lt.handle, &d.product, &p.alpha, p.a, &d.a, p.b, &d.b, &p.beta, p.c, &d.c, p.c,
                     &d.c, &algo, p.work, p.work_bytes,
                     (cudaStream_t)p.stream) == CUBLAS_STATUS_SUCCESS;
}

static const la_cuda_libs machine = {.multiply = multiply};
static bool works;

static void find(void)
{
    static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    bool all = true;
#define FIND(name)                                                                                 \
    *(void **)(void *)&lt.name = dlsym(library, "cublasLt" #name);                                 \
    all = all && lt.name;
    TABLE(FIND)
#undef FIND
    works = all && lt.Create(&lt.handle) == CUBLAS_STATUS_SUCCESS;
}

static const la_cuda_libs *found(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (la_cuda() != &la_cuda_built) return NULL; /* device pointers that are none */
    pthread_once(&once, find);
    return works ? &machine : NULL;
}
#else
static const la_cuda_libs *found(void)
{
    return NULL;
}
#endif

static const la_cuda_libs *chosen;

const la_cuda_libs *la_cuda_libs_found(void)
{
    if (!chosen) return found();
    return chosen->multiply ? chosen : NULL;
}

void la_cuda_libs_use(const la_cuda_libs *libs)
{
    chosen = libs;
}
