/* SPDX-License-Identifier: Apache-2.0
 * The host's part of softmax attention by tiles on CUDA devices: refusals, sizes, how the keys are shared out,
 * and where a call's tensors lie.
 */
#include "flash_cuda.h"

#include <inttypes.h>

#include "kv_attention.h"
#include "labench/kit.h"

enum {
    PROCESSORS = 132,  /* of the device that the parts of keys are planned for */
    KEYS_A_PART = 128, /* at least, where keys are shared out */
    PARTS_MOST = 64,
    CACHED_MOST = 32 << 20, /* bytes of keys and values that stay in the L2 cache of most devices */
    POSITIONS_MOST = (1 << 30) - 256, /* keys, packed rows and a tile's rest stay below 2^31 */
};

typedef struct cuda_flash {
    la_problem p;
    int64_t window, capacity;
    int splits, decode_splits;
    bool hopper; /* forward by flash_hopper.cu where that takes the call */
} cuda_flash;

la_status la_flash_cuda_check(const char *name, const la_problem *p, la_pass pass,
                              const la_device *dev, la_err *err)
{
    (void)pass, (void)dev;
    if (p->dtype == LA_F64)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no f64 kernel: use --dtype f32", name);
    if (p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s groups key/value heads, not query heads", name);
    if (p->dk > LA_FLASH_CUDA_WIDTH || p->dv > LA_FLASH_CUDA_WIDTH)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s on CUDA devices takes heads of at most %d numbers, not dk %" PRId64
                       " and dv %" PRId64,
                       name, LA_FLASH_CUDA_WIDTH, p->dk, p->dv);
    int64_t group = p->H / p->Hkv, rows = p->T * group;
    if (p->T > POSITIONS_MOST / group || p->Tcap > POSITIONS_MOST)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s on CUDA devices takes at most %d tokens times heads of a group", name,
                       POSITIONS_MOST);
    if ((rows + 63) / 64 * PARTS_MOST > INT32_MAX / (p->B * p->Hkv))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s: %" PRId64 " sequences of %" PRId64
                       " tokens are more blocks than a launch may have",
                       name, p->B, p->T);
    return LA_OK;
}

int la_flash_cuda_rank_hopper(const la_device *dev, la_err *why)
{
    int rank = la_rank_cuda(dev, why);
#if !LA_HAVE_SM90A
    if (rank) LA_FAIL(why, LA_E_UNSUPPORTED, "this build has no code for sm_90a: use cuda_tiled");
    rank = 0;
#endif
    if (rank == 0 || dev->sm == 90) return rank ? rank + 1 : 0;
    LA_FAIL(why, LA_E_UNSUPPORTED,
            "it runs on CUDA devices of compute capability 9.0, not %d.%d: use cuda_tiled",
            dev->sm / 10, dev->sm % 10);
    return 0;
}

/* Parts that the keys of a block are cut into when there are T queries a head, for that many blocks a processor. */
static int splits_of(const la_problem *p, int64_t window, int64_t T, int64_t each)
{
    int64_t rows = T * (p->H / p->Hkv), width = p->dk > p->dv ? p->dk : p->dv;
    int64_t block = la_flash_cuda_rows(p->dtype, width, rows);
    int64_t blocks = (rows + block - 1) / block * p->B * p->Hkv;
    int64_t keys = window < p->Tcap ? window : p->Tcap;
    int64_t wanted = (each * PROCESSORS + blocks - 1) / blocks, most = keys / KEYS_A_PART;
    if (most > PARTS_MOST) most = PARTS_MOST;
    if (wanted > most) wanted = most;
    return wanted < 1 ? 1 : (int)wanted;
}

static cuda_flash plan(const la_problem *p, int64_t window, bool hopper)
{
    return (cuda_flash){.p = *p,
                        .window = window,
                        .capacity = window < p->Tcap ? window : p->Tcap,
                        .splits = splits_of(p, window, p->T, hopper ? 1 : 2),
                        .decode_splits = splits_of(p, window, 1, 2),
                        .hopper = hopper};
}

/* Bytes of the parts of O, and of them with their log-sum-exps; nothing where there is one part. */
static size_t part_bytes(const cuda_flash *f, int splits, int64_t T)
{
    if (splits == 1) return 0;
    return la_align((size_t)(splits * f->p.B * T * f->p.H * f->p.dv) * sizeof(float));
}

static size_t parts_bytes(const cuda_flash *f, int splits, int64_t T)
{
    if (splits == 1) return 0;
    return part_bytes(f, splits, T) + (size_t)(splits * f->p.B * T * f->p.H) * sizeof(float);
}

static size_t values_at(const cuda_flash *f, size_t *total)
{
    la_part parts[2];
    size_t at[2];
    size_t n = la_kv_window_parts(&f->p, f->window, parts, 2);
    *total = la_state_layout(parts, n, at);
    return at[1];
}

la_status la_flash_cuda_sizes(const la_problem *p, la_pass pass, int64_t window, bool hopper,
                              la_sizes *out)
{
    cuda_flash f = plan(p, window, hopper);
    *out = (la_sizes){.instance = sizeof f};
    (void)values_at(&f, &out->state);
    out->work =
        pass == LA_DECODE ? parts_bytes(&f, f.decode_splits, 1) : parts_bytes(&f, f.splits, p->T);
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) {
        out->saved = (size_t)(p->B * p->H * p->T) * sizeof(float);
        if (out->work < out->saved) out->work = out->saved; /* rowsum(dO o) of every row */
    }
    return LA_OK;
}

la_status la_flash_cuda_create(const la_problem *p, int64_t window, bool hopper, void **self,
                               la_err *err)
{
    cuda_flash *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    *f = plan(p, window, hopper);
    *self = f;
    return LA_OK;
}

static la_flash_call call_of(const cuda_flash *f, const la_io *io, int64_t T)
{
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, held = pos < f->capacity ? pos : f->capacity;
    la_flash_call c = {.B = p->B,
                       .H = p->H,
                       .Hkv = p->Hkv,
                       .dk = p->dk,
                       .dv = p->dv,
                       .T = (int)T,
                       .own = io->k ? (int)T : 0,
                       .held = (int)held,
                       .window = (int)(f->window < POSITIONS_MOST ? f->window : POSITIONS_MOST),
                       .causal = p->mask == LA_MASK_CAUSAL,
                       .capacity = (int)f->capacity,
                       .slot = (int)((pos - held) % f->capacity),
                       .dtype = p->dtype,
                       .scale = (float)la_scale(p),
                       .q = io->q,
                       .k = io->k,
                       .v = io->v,
                       .o = io->o,
                       .lse = io->saved,
                       .stream = io->stream};
    int64_t bytes = ((int64_t)c.held + c.own) * (p->dk + p->dv) * (int64_t)la_dtype_size(p->dtype);
    c.together = bytes < CACHED_MOST ? CACHED_MOST / (bytes ? bytes : 1) : 1;
    c.base = c.own ? c.held : c.held - 1; /* a query alone stands where the newest token does */
    /* Where there is nothing to read, an address that is valid. */
    if (!c.own) c.k = c.v = io->q;
    c.cache_k = c.cache_v = io->q;
    if (held > 0) {
        size_t total;
        c.cache_k = io->state_in;
        c.cache_v = (const char *)io->state_in + values_at(f, &total);
    }
    return c;
}

static la_status append(const cuda_flash *f, const la_io *io, int64_t T, la_err *err)
{
    const la_problem *p = &f->p;
    if (!io->state_out || !io->k) return LA_OK;
    int64_t pos = io->state_in ? io->pos : 0;
    size_t total, values = values_at(f, &total);
    bool moves = io->state_in && io->state_in != io->state_out;
    la_flash_keep a = {.B = p->B,
                       .Hkv = p->Hkv,
                       .width = p->dk,
                       .T = T,
                       .held = pos < f->capacity ? pos : f->capacity,
                       .pos = pos,
                       .capacity = f->capacity,
                       .element = la_dtype_size(p->dtype),
                       .tokens = io->k,
                       .from = moves ? io->state_in : NULL,
                       .to = io->state_out,
                       .stream = io->stream};
    LA_TRY(la_flash_cuda_append(&a, err));
    a.width = p->dv;
    a.tokens = io->v;
    a.from = moves ? (const char *)io->state_in + values : NULL;
    a.to = (char *)io->state_out + values;
    return la_flash_cuda_append(&a, err);
}

static la_status attend(const cuda_flash *f, const la_io *io, int64_t T, int splits, la_err *err)
{
    la_flash_call c = call_of(f, io, T);
    int64_t tokens = (io->state_in ? io->pos : 0) + c.own;
    if ((io->state_in || io->state_out) && tokens > f->capacity && f->capacity < f->window)
        return LA_FAIL(err, LA_E_ARG, "%" PRId64 " tokens do not fit a cache of capacity %" PRId64,
                       tokens, f->capacity);
    c.splits = splits;
    c.part_o = io->work;
    c.part_lse = splits > 1 ? (float *)io->work + part_bytes(f, splits, T) / sizeof(float) : NULL;
    LA_TRY((f->hopper && la_flash_cuda_hopper_takes(&c) ? la_flash_cuda_hopper
                                                        : la_flash_cuda_attend)(&c, err));
    return append(f, io, T, err);
}

la_status la_flash_cuda_forward(void *self, const la_io *io, la_err *err)
{
    const cuda_flash *f = self;
    return attend(f, io, f->p.T, f->splits, err);
}

la_status la_flash_cuda_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    const cuda_flash *f = self;
    la_flash_call c = call_of(f, io, f->p.T);
    c.dout = grads->dout;
    c.d_q = grads->dq;
    c.d_k = grads->dk;
    c.d_v = grads->dv;
    c.delta = io->work;
    return la_flash_cuda_gradients(&c, err);
}

la_status la_flash_cuda_decode(void *self, const la_io *io, la_err *err)
{
    const cuda_flash *f = self;
    return attend(f, io, 1, f->decode_splits, err);
}
