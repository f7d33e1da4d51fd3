/* SPDX-License-Identifier: Apache-2.0
 * la_cuda_gemm: what is refused, how far a sum is split, which way is taken.
 */
#include "gemm.h"
#include "libs.h"

#include <inttypes.h>

/* Blocks below which a device is not full: two on each multiprocessor of the largest we know. */
#define BLOCKS_ENOUGH 264
/* A part of a sum is at least this long, or gathering costs more than it saves. */
#define PART_LEAST  256
#define SPLITS_MOST 32

static la_status check(const la_cuda_product *p, la_err *err)
{
    if (p->m < 1 || p->n < 1 || p->k < 1)
        return LA_FAIL(err, LA_E_ARG,
                       "a product of %" PRId64 " x %" PRId64 " numbers, sums of %" PRId64
                       ": each must be at least 1",
                       p->m, p->n, p->k);
    const la_dtype types[3] = {p->a.dtype, p->b.dtype, p->c.dtype};
    for (int i = 0; i < 3; i++)
        if (types[i] != LA_F32 && types[i] != LA_BF16 && types[i] != LA_F16)
            return LA_FAIL(err, LA_E_UNSUPPORTED, "no product of matrices takes %s",
                           la_dtype_name(types[i]));
    return LA_OK;
}

/* Matrices with float32 among them of fewer multiply-adds than this are gemm_plain.cu's. */
#define SMALL_MATRIX (1 << 18)

typedef struct way {
    bool plain;
    int64_t tile, depth;
} way;

/* Large tiles read each number half as often, where matrices fill them, there are enough and a kernel. */
static way way_of(const la_cuda_product *p)
{
    bool wide = p->a.dtype == LA_F32 || p->b.dtype == LA_F32;
    if (wide && (double)p->m * (double)p->n * (double)p->k < SMALL_MATRIX)
        return (way){true, LA_GEMM_SMALL, LA_GEMM_PLAIN_DEPTH};
    la_gemm_grid g = la_gemm_grid_of(p, LA_GEMM_LARGE, LA_GEMM_LARGE, LA_GEMM_DEPTH, 1);
    bool large = p->a.dtype == p->b.dtype && !wide && p->m > LA_GEMM_SMALL &&
                 p->n > LA_GEMM_SMALL && g.blocks >= BLOCKS_ENOUGH / 2;
    return (way){false, large ? LA_GEMM_LARGE : LA_GEMM_SMALL, LA_GEMM_DEPTH};
}

/* How many parts a sum falls into, so that there are enough blocks; `room` bytes hold their results. */
static int64_t splits_of(const la_cuda_product *p, const way *w, size_t room)
{
    la_gemm_grid g = la_gemm_grid_of(p, w->tile, w->tile, w->depth, 1);
    int64_t one = g.batches * p->m * p->n * (int64_t)sizeof(float);
    int64_t splits = BLOCKS_ENOUGH / g.blocks, longest = g.all * w->depth / PART_LEAST;
    if (splits > longest) splits = longest;
    if (splits > SPLITS_MOST) splits = SPLITS_MOST;
    if (splits > (int64_t)(room / (size_t)one)) splits = (int64_t)(room / (size_t)one);
    return splits > 1 ? splits : 1;
}

static la_status by_kernels(const la_cuda_product *p, la_err *err)
{
    const way w = way_of(p);
    int64_t splits = splits_of(p, &w, p->work ? p->work_bytes : 0);
    la_gemm_grid g = la_gemm_grid_of(p, w.tile, w.tile, w.depth, splits);
    if (g.blocks > INT32_MAX)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "a product of matrices of %" PRId64 " tiles: one launch has %d at most",
                       g.blocks, INT32_MAX);
    LA_TRY(w.plain ? la_gemm_plain(p, splits, err) : la_gemm_mma(p, w.tile, splits, err));
    return splits > 1 ? la_gemm_gather(p, splits, err) : LA_OK;
}

/* A library is asked for matrices of this size at least, and for a product in this number of calls at most: below,
 * it takes longer to ask than to multiply. */
#define LIBRARY_SIDE  128
#define LIBRARY_CALLS 16

static void *further(const la_cuda_matrix *m, const la_gemm_place *at)
{
    return (char *)m->data + (size_t)la_gemm_start(m, at) * la_dtype_size(m->dtype);
}

/* Of the batch, one axis from that place on. */
static la_cuda_product along(const la_cuda_product *p, int axis, const la_gemm_place *at)
{
    la_cuda_product one = *p;
    one.a.data = further(&p->a, at);
    one.b.data = further(&p->b, at);
    one.c.data = further(&p->c, at);
    one.batch[0] = one.batch[1] = one.batch[2] = 1;
    one.batch[axis] = p->batch[axis];
    return one;
}

/* By a library, if there is one and it wants to: a call for each matrix of the batch but those of its largest
 * axis. */
static la_status by_library(const la_cuda_product *p, bool *done, la_err *err)
{
    int64_t n[3], calls = 1;
    int axis = 0;
    for (int i = 0; i < 3; i++) {
        n[i] = la_gemm_count(p->batch[i]);
        calls *= n[i];
        if (n[i] > n[axis]) axis = i;
    }
    calls /= n[axis];
    n[axis] = 1;
    *done = false;
    if (p->m < LIBRARY_SIDE || p->n < LIBRARY_SIDE || p->k < LIBRARY_SIDE || calls > LIBRARY_CALLS)
        return LA_OK;
    const la_cuda_libs *libs = la_cuda_libs_found();
    for (int64_t i = 0; libs && i < calls; i++) {
        const la_gemm_place at = {.x = i / n[2] / n[1], .y = i / n[2] % n[1], .z = i % n[2]};
        la_cuda_product one = along(p, axis, &at);
        la_column_product asked;
        bool did = la_column_product_of(&one, axis, &asked) && libs->multiply(&asked);
        if (!did && i == 0) return LA_OK;
        if (!did) LA_TRY(by_kernels(&one, err)); /* the ones before may have changed C */
        *done = true;
    }
    return LA_OK;
}

la_status la_cuda_gemm(const la_cuda_product *p, la_err *err)
{
    bool done;
    LA_TRY(check(p, err));
    LA_TRY(by_library(p, &done, err));
    return done ? LA_OK : by_kernels(p, err);
}

size_t la_cuda_gemm_bytes(const la_cuda_product *p)
{
    if (p->m < 1 || p->n < 1 || p->k < 1) return 0;
    const way w = way_of(p);
    la_gemm_grid g = la_gemm_grid_of(p, w.tile, w.tile, w.depth, 1);
    int64_t splits = splits_of(p, &w, SIZE_MAX / 2);
    return splits > 1 ? (size_t)(splits * g.batches * p->m * p->n) * sizeof(float) : 0;
}
