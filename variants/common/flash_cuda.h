/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles on CUDA devices: what the host's part hands to the launchers.
 *
 * The query heads that read one key/value head go through it together: their rows are packed, row
 * R = token G + g of (batch, kv head) with G = H / Hkv. So a tile of keys serves the group, and decode is
 * the same kernel with one token. Keys have virtual numbers: the `held` tokens of the cache, oldest first,
 * then the `own` ones of this call. The query of token t stands at base + t among them.
 */
#ifndef LA_FLASH_CUDA_H
#define LA_FLASH_CUDA_H

#include <stdbool.h>

#include "labench/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One call, all on the device. */
typedef struct la_flash_call {
    int64_t B, H, Hkv, dk, dv;
    int T, own, held, base; /* queries, keys of this call, of the cache; see above */
    int window;             /* keys at - window < j are seen, and j < at + window */
    bool causal;
    int capacity, slot; /* of the cache, in tokens; the place of the oldest that is held */
    la_dtype dtype;
    float scale;
    const void *q, *k, *v;
    const void *cache_k, *cache_v; /* [B,Hkv,capacity,d], or a valid address */
    void *o;
    float *lse;               /* [B,H,T], NULL: not wanted */
    int splits;               /* parts that the keys of a block are cut into */
    float *part_o, *part_lse; /* [splits,B,T,H,dv], [splits,B,T,H], where there are several */
    int64_t together;         /* (batch, kv head) pairs that are gone through together; 0: all */
    /* Of backward, which reads o and lse. NULL: not wanted. */
    const void *dout;
    void *d_q, *d_k, *d_v;
    float *delta; /* [B,H,T]: work, rowsum(dO o) */
    void *stream;
} la_flash_call;

/* Rows of a block, of which a warp has 16 or 32; fixed by the sizes, so that plans agree. */
#define LA_FLASH_WARPS 4
static inline int la_flash_cuda_rows(la_dtype dtype, int64_t width, int64_t rows)
{
    return dtype != LA_F32 && width <= 128 && rows > 64 ? 128 : 64;
}

/* What a block may have on every device. */
#define LA_FLASH_SHARED_MOST 101376

/* The largest dk and dv. */
#define LA_FLASH_CUDA_WIDTH 256

la_status la_flash_cuda_attend(const la_flash_call *call, la_err *err);
/* The same with what sm_90a alone has, for calls that it takes. */
bool la_flash_cuda_hopper_takes(const la_flash_call *call);
la_status la_flash_cuda_hopper(const la_flash_call *call, la_err *err);
/* Joins the parts of the keys, where there are several: the end of both. */
la_status la_flash_cuda_combine(const la_flash_call *call, la_err *err);
/* The gradients of queries, keys and values of this call; those of the cache are nobody's. */
la_status la_flash_cuda_gradients(const la_flash_call *call, la_err *err);

/* Tokens of this call into the cache `to`, token t of the sequence in place t mod capacity, behind those that are
 * held, which come from `from` where that is another buffer (else NULL). */
typedef struct la_flash_keep {
    int64_t B, Hkv, width; /* of a row, in elements */
    int64_t T, held, pos, capacity;
    size_t element;
    const void *tokens; /* [B,T,Hkv,width] */
    const void *from;   /* [B,Hkv,capacity,width] */
    void *to;
    void *stream;
} la_flash_keep;
la_status la_flash_cuda_append(const la_flash_keep *call, la_err *err);

/* Members of la_impl and la_cuda_kernels, the window bound by LA_FLASH_CUDA. hopper: by wgmma where it can be. */
la_status la_flash_cuda_check(const char *name, const la_problem *p, la_pass pass,
                              const la_device *dev, la_err *err);
la_status la_flash_cuda_sizes(const la_problem *p, la_pass pass, int64_t window, bool hopper,
                              la_sizes *out);
la_status la_flash_cuda_create(const la_problem *p, int64_t window, bool hopper, void **self,
                               la_err *err);
la_status la_flash_cuda_forward(void *self, const la_io *io, la_err *err);
la_status la_flash_cuda_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);
la_status la_flash_cuda_decode(void *self, const la_io *io, la_err *err);
int la_flash_cuda_rank_hopper(const la_device *dev, la_err *why);

#ifdef __cplusplus
}
#endif

/* The impls cuda_tiled and cuda_hopper of a variant, whose window of(opts) gives. */
#if LA_HAVE_CUDA && !defined(__cplusplus)
#define LA_FLASH_CUDA_FORM_(variant, of, form, is_hopper)                                          \
    static la_status form##_own_sizes(const la_problem *p, la_pass pass, const void *opts,         \
                                      const la_device *dev, la_sizes *out, la_err *err)            \
    {                                                                                              \
        (void)dev, (void)err;                                                                      \
        return la_flash_cuda_sizes(p, pass, of(opts), is_hopper, out);                             \
    }                                                                                              \
    static la_status form##_make(const la_problem *p, const void *opts, const la_device *dev,      \
                                 void **self, la_err *err)                                         \
    {                                                                                              \
        (void)dev;                                                                                 \
        return la_flash_cuda_create(p, of(opts), is_hopper, self, err);                            \
    }                                                                                              \
    static const la_cuda_kernels form = {.sizes = form##_own_sizes,                                \
                                         .create = form##_make,                                    \
                                         .destroy = la_free,                                       \
                                         .forward = la_flash_cuda_forward,                         \
                                         .backward = la_flash_cuda_backward,                       \
                                         .decode = la_flash_cuda_decode};                          \
    LA_CUDA_THUNKS(variant, form)
#define LA_FLASH_CUDA(variant, of)                                                                 \
    static la_status cuda_check(const la_problem *p, la_pass pass, const void *opts,               \
                                const la_device *dev, la_err *err)                                 \
    {                                                                                              \
        (void)opts;                                                                                \
        return la_flash_cuda_check(variant, p, pass, dev, err);                                    \
    }                                                                                              \
    LA_FLASH_CUDA_FORM_(variant, of, tiled, false)                                                 \
    LA_FLASH_CUDA_FORM_(variant, of, hopper, true)
#define LA_FLASH_CUDA_IMPL_(form, how)                                                             \
    {                                                                                              \
        .name = "cuda_" #form, .backend = LA_CUDA, .rank = how, .check = cuda_check,               \
        .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DECODE |           \
                LA_CAP_STATE_IN | LA_CAP_GROUPED_KV | LA_CAP_DETERMINISTIC,                        \
        .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16, .sizes = form##_sizes,              \
        .create = form##_create, .destroy = la_cuda_destroy, .forward = la_cuda_forward,           \
        .backward = la_cuda_backward, .decode = la_cuda_decode                                     \
    }
#define LA_FLASH_CUDA_IMPLS                                                                        \
    , LA_FLASH_CUDA_IMPL_(tiled, la_rank_cuda),                                                    \
        LA_FLASH_CUDA_IMPL_(hopper, la_flash_cuda_rank_hopper)
#else
#define LA_FLASH_CUDA(variant, of)
#define LA_FLASH_CUDA_IMPLS
#endif

#endif
