/* SPDX-License-Identifier: Apache-2.0
 * la_cuda_gemm: what is refused, how far a sum is split, which way is taken.
 */
#include "gemm.h"

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
        if (types[i] != LA_F32 && types[i] != LA_BF16)
            return LA_FAIL(err, LA_E_UNSUPPORTED, "no product of matrices takes %s",
                           la_dtype_name(types[i]));
    return LA_OK;
}

/* How many parts a sum falls into, so that there are enough blocks; `room` bytes hold their results. */
static int64_t splits_of(const la_cuda_product *p, int64_t tile, int64_t depth, size_t room)
{
    la_gemm_grid g = la_gemm_grid_of(p, tile, tile, depth, 1);
    int64_t one = g.batches * p->m * p->n * (int64_t)sizeof(float);
    int64_t splits = BLOCKS_ENOUGH / g.blocks, longest = g.all * depth / PART_LEAST;
    if (splits > longest) splits = longest;
    if (splits > SPLITS_MOST) splits = SPLITS_MOST;
    if (splits > (int64_t)(room / (size_t)one)) splits = (int64_t)(room / (size_t)one);
    return splits > 1 ? splits : 1;
}

la_status la_cuda_gemm(const la_cuda_product *p, la_err *err)
{
    LA_TRY(check(p, err));
    int64_t splits =
        splits_of(p, LA_GEMM_PLAIN_TILE, LA_GEMM_PLAIN_DEPTH, p->work ? p->work_bytes : 0);
    la_gemm_grid g =
        la_gemm_grid_of(p, LA_GEMM_PLAIN_TILE, LA_GEMM_PLAIN_TILE, LA_GEMM_PLAIN_DEPTH, splits);
    if (g.blocks > INT32_MAX)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "a product of matrices of %" PRId64 " tiles: one launch has %d at most",
                       g.blocks, INT32_MAX);
    return la_gemm_plain(p, splits, err);
}

size_t la_cuda_gemm_bytes(const la_cuda_product *p)
{
    if (p->m < 1 || p->n < 1 || p->k < 1) return 0;
    int64_t splits = splits_of(p, LA_GEMM_PLAIN_TILE, LA_GEMM_PLAIN_DEPTH, SIZE_MAX / 2);
    la_gemm_grid g = la_gemm_grid_of(p, LA_GEMM_PLAIN_TILE, LA_GEMM_PLAIN_TILE, 1, 1);
    return splits > 1 ? (size_t)(splits * g.batches * p->m * p->n) * sizeof(float) : 0;
}
