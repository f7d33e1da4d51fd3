/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles: what its files share, which are an instance, the cache, a block of query
 * rows of one head and its working set. flash sees every key its mask leaves, local those of a window.
 *
 * Everything is kept transposed: a panel is `panel` query rows side by side, one a vector lane, and the
 * keys (or channels) run down it. So maximum, exp and sum of a row go along the lanes, and neither K nor
 * V nor the scores are ever transposed; only Q once on entry and O once on exit.
 */
#ifndef LA_FLASH_KERNELS_H
#define LA_FLASH_KERNELS_H

#include "labench/simd.h"
#include "labench/tile.h"

/* Keys of one tile. 128 keys of 64 channels are 32 KiB of K and of V: they stay in L2 while all panels
 * of the block pass over them, and a panel's scores (24 KiB) stay in L1. */
#define FLASH_KEYS 128

/* In bf16 what a product reads lies in pairs (see tile.h): words of 32 bits, as floats are. k2 is the number of
 * pairs of a row of Q or K, dk / 2 rounded up. */
typedef struct flash_block {
    const la_tile *tile;
    const la_tile_bf16 *narrow;       /* NULL: float32 */
    int64_t dk, k2, dv, rows, panels; /* rows of this block; panels = ceil(rows / tile->panel) */
    float scale2;                     /* |s| log2(e), so that weights are powers of 2 */
    void *qt;  /* [panels, dk, panel] floats, [panels, k2, panel] pairs; negated when s < 0 */
    float *ot; /* [panels, dv, panel] not yet divided by sum */
    float *top, *sum; /* [panels, panel] running maximum of scale2 q.k, sum of the weights */
    float *scores;    /* [FLASH_KEYS, panel] */
    void *kt, *vt;    /* a tile made contiguous, or put in pairs: see flash_keys */
} flash_block;

/* Channels of V that lie side by side where forward copies it in float32, a line of the cache. The product of V'
 * goes down few channels of all keys at a time: by whole rows, whose step is a power of 2, these would share a
 * few sets of L1. */
#define FLASH_SIDE 16

/* What comes after a tile, `rows` of K and of V, is fetched while that is computed; steps in bytes. */
typedef struct flash_ahead {
    const char *k, *v;
    int64_t k_step, v_step, rows;
} flash_ahead;

/* A tile of n <= FLASH_KEYS keys. The block's first row sees keys [hidden, visible), which may lie outside
 * the tile; each further row sees a band of the same width, one key later. Without a mask the band is
 * wider than any sequence. In float32, k [n, dk] and v [n, dv]; in bf16, k [n, k2] are pairs along the
 * channels and v [ceil(n / 2), dv] pairs of keys, which tiles of AMX want turned: [dv, ceil(n / 2)]. Steps are
 * words between rows, v_side those between FLASH_SIDE channels and the next ones (forward in float32 only). */
typedef struct flash_keys {
    const void *k, *v;
    int64_t k_step, v_step, v_side, n, hidden, visible;
    flash_ahead ahead; /* float32 only */
} flash_keys;

/* A part of a tile in which no vector of rows is wholly masked: keys [from, end) against lanes
 * [first, last) of a panel. */
typedef struct flash_span {
    int64_t from, end, first, last;
} flash_span;

/* The span from key s->end on, of n keys and the lanes of whole vectors; false after the last. The rows of
 * a vector see `vector` - 1 keys more than one row does, and so the border is a staircase. Rows of the
 * panel's first lane see keys [hidden, visible). */
LA_INLINE bool la_flash_next(flash_span *s, int64_t vector, int64_t n, int64_t lanes,
                             int64_t hidden, int64_t visible)
{
    int64_t j = s->from = s->end, late = j - visible - vector + 2, early = j - hidden;
    if (j >= n) return false;
    s->first = late > 0 ? (late + vector - 1) / vector * vector : 0;
    s->last = early < lanes ? (early / vector + 1) * vector : lanes;
    if (s->last > lanes) s->last = lanes;
    s->end = visible + s->first + vector - 1 < n ? visible + s->first + vector - 1 : n;
    if (s->last < lanes && hidden + s->last < s->end) s->end = hidden + s->last;
    return true;
}

void la_flash_add_generic(const flash_block *block, const flash_keys *keys);
void la_flash_add_avx2(const flash_block *block, const flash_keys *keys);
void la_flash_add_avx512(const flash_block *block, const flash_keys *keys);
void la_flash_add_avx512_bf16(const flash_block *block, const flash_keys *keys);
void la_flash_add_amx_bf16(const flash_block *block, const flash_keys *keys);

/* Keys of one tile in backward. It holds weights and their gradients, [64, panel] each: 24 KiB. */
#define FLASH_BACK_KEYS 64

/* A block of query rows in backward. Scores are transposed as in forward; dQ, dK and dV take rows of K, Q and dO,
 * and are not. */
typedef struct flash_back_block {
    const la_tile *tile;
    const la_tile_bf16 *narrow;           /* NULL: float32 */
    int64_t dk, k2, dv, v2, rows, panels; /* v2: pairs of a row of V or dO */
    int64_t slim, slim_rows, lanes;       /* see la_flash_back_row; rows of a vector */
    float scale, scale2;                  /* s, s log2(e) */
    void *qt, *dot; /* Q' and dO': [panels, dk, panel], [panels, dv, panel]; in pairs k2 and v2 */
    float *dq;      /* [rows, dk], with a step; NULL: not wanted */
    int64_t dq_step;
    bool fresh_dq; /* nothing is there yet: the first keys of a run, which all rows see, write it */
    float *own_dq; /* where it is added up where that is not in place */
    float *lse2,
        *delta; /* [rows]: log2(e) lse, rowsum(dO O); infinite and 0 to the end of a vector */
    const void *q, *dout; /* [rows, dk], [rows, dv], with steps; in bf16 pairs of rows */
    int64_t q_step, dout_step;
    void *own_q, *own_dout; /* where they are brought close together */
    float *p,
        *ds; /* [FLASH_BACK_KEYS, panel]: weights; their gradients, then those of the scores */
    la_pair *
        pairs; /* [FLASH_BACK_KEYS / 2, panel]: gradients of the scores, pairs of keys; bf16 only */
    void *kt, *vt;  /* a tile of keys made contiguous, or put in pairs */
    la_pair *kp;    /* [FLASH_BACK_KEYS / 2, dk]: pairs of keys of K; bf16 only */
    float *scratch; /* LA_TILE_SCRATCH(FLASH_BACK_KEYS); float32 only */
} flash_back_block;

/* A tile of keys in backward, and where their gradients are added. NULL: not wanted. In bf16, v [n, v2] are
 * pairs along the channels, as k are. */
typedef struct flash_back_keys {
    flash_keys keys;
    float *dk, *dv;
    int64_t dk_step, dv_step;
    bool fresh; /* the block's last panel, which sees all of the keys, writes them first */
    bool first; /* the first key is that of the run */
} flash_back_keys;

/* The first row of panel i. Panels are about as wide; the first `slim`, which see the fewest keys, are a vector
 * narrower than the rest. */
LA_INLINE int64_t la_flash_back_row(const flash_back_block *b, int64_t i)
{
    return i * b->slim_rows + (i > b->slim ? (i - b->slim) * b->lanes : 0);
}

/* How many rows it has. */
LA_INLINE int64_t la_flash_back_rows(const flash_back_block *b, int64_t i)
{
    int64_t next = la_flash_back_row(b, i + 1);
    return (next < b->rows ? next : b->rows) - la_flash_back_row(b, i);
}

void la_flash_back_generic(const flash_back_block *block, const flash_back_keys *tile);
void la_flash_back_avx2(const flash_back_block *block, const flash_back_keys *tile);
void la_flash_back_avx512(const flash_back_block *block, const flash_back_keys *tile);
void la_flash_back_avx512_bf16(const flash_back_block *block, const flash_back_keys *tile);
/* delta [n] of n rows of O and dO; float32 only. */
void la_flash_deltas_generic(int64_t n, int64_t d, const float *o, const float *dout, int64_t step,
                             float *delta);
void la_flash_deltas_avx2(int64_t n, int64_t d, const float *o, const float *dout, int64_t step,
                          float *delta);
void la_flash_deltas_avx512(int64_t n, int64_t d, const float *o, const float *dout, int64_t step,
                            float *delta);

typedef struct flash { /* an instance */
    la_problem p;
    const la_tile *tile;
    const la_tile_bf16 *half; /* in bf16, else NULL: what widens and rounds rows */
    const la_tile_bf16
        *narrow;    /* where products are of pairs, too, else NULL: rows are widened for them */
    size_t element; /* bytes of one of q, k, v, o and the cache */
    int64_t k2, v2; /* words of a row of K and of V: dk and dv, or pairs of them */
    int64_t window; /* keys i - window < j that row i sees, and j < i + window when bidirectional */
    bool turned;    /* V is, for tiles of AMX: see flash_keys */
    int64_t capacity; /* of the cache: the last tokens, token t in slot t mod capacity */
    void (*add)(const flash_block *, const flash_keys *);
    void (*back)(const flash_back_block *, const flash_back_keys *);
    void (*deltas)(int64_t n, int64_t d, const float *o, const float *dout, int64_t step,
                   float *delta);
    double scale;
    int64_t panels;      /* of a block in forward */
    int64_t splits;      /* parts that the keys of a block are cut into, in forward */
    int64_t parts;       /* a cache is cut into, in decode */
    int64_t back_panels; /* of a block in backward */
    int64_t back_parts;  /* the blocks of a (batch, kv head) are shared out among, in backward */
} flash;

/* Below this a call is over before a second thread is awake. */
#define FLASH_SERIAL_FLOPS 1e6

/* n keys of one (batch, kv head), one after the other in memory and in time, of the problem's type; steps in
 * elements. The first is `before` tokens before the first token of this call. */
typedef struct flash_run {
    const char *k, *v;
    int64_t k_step, v_step, n, before;
} flash_run;

/* The newest `count` cached tokens lie in at most two runs: the one that starts with number `from`,
 * oldest first. */
flash_run la_flash_cached(const flash *f, const void *state, int64_t head, int64_t pos,
                          int64_t count, int64_t from);
/* This call's own keys. */
flash_run la_flash_own(const flash *f, const la_io *io, int64_t b, int64_t kv);
/* Tokens of the cache that some row of this call may see, after `pos` tokens. */
int64_t la_flash_held(const flash *f, int64_t pos);
/* Of this run, what the row at token `row` of the call sees: [hidden, visible). */
void la_flash_sees(const flash *f, const flash_run *run, int64_t row, int64_t *hidden,
                   int64_t *visible);
/* Of a forward, so that small ones stay on one thread. */
double la_flash_flops(const flash *f, int64_t pos);
/* Floats of an array [a, b, c], rounded up to a multiple of 64 bytes. */
size_t la_flash_floats(int64_t a, int64_t b, int64_t c);
/* n rows of `bytes` bytes, `step` apart, one behind the other; and zeros. Rows are often one or two lines of the
 * cache, which take less time than a call. */
void la_flash_copy(int64_t n, size_t bytes, const char *x, size_t step, char *to);
void la_flash_clear(int64_t n, size_t bytes, char *x, size_t step);
/* Whether n rows, `step` elements apart, stay in L1 as they are: further apart they share few of its sets. */
bool la_flash_near(const flash *f, int64_t n, int64_t step);
/* n rows of d channels, as words that a product reads in place: as they are, or side by side in `to` where
 * several panels will pass over them and they are not near, where bf16 of odd d must be put in pairs, or where it is
 * widened. Returns them, and the words between rows. */
const void *la_flash_rows(const flash *f, int64_t panels, const char *x, int64_t step, int64_t n,
                          int64_t d, void *to, int64_t *words);
/* n <= `panel` rows of d channels into a panel [d, panel], or of pairs. Lanes without a row are cleared. */
void la_flash_panel(const flash *f, const char *x, int64_t step, int64_t n, int64_t d, void *to);
/* Columns of a panel [d, panel], n of them, times scale[i] into rows of the problem's type.
 * Scratch: FLASH_BACK_KEYS x panel floats. */
void la_flash_unpanel(const flash *f, const float *panel, int64_t d, int64_t n, const float *scale,
                      char *to, int64_t step, float *scratch);

/* Refuses more tokens than the cache holds; one that holds the window never overflows. */
la_status la_flash_fits(const flash *f, const la_io *io, int64_t tokens, la_err *err);

/* Chooses into how many parts decode cuts a cache; bytes of its scratch. */
void la_flash_decode_plan(flash *f);
size_t la_flash_decode_bytes(const flash *f);
/* Chooses how backward is shared out; bytes of its scratch. */
void la_flash_back_plan(flash *f);
size_t la_flash_back_bytes(const flash *f);

/* As members of la_impl, with a window; la_free destroys. */
la_status la_flash_create(const la_problem *p, int64_t window, const la_device *dev, void **self,
                          la_err *err);
la_status la_flash_sizes(const la_problem *p, la_pass pass, int64_t window, const la_device *dev,
                         la_sizes *out);
la_status la_flash_forward(void *self, const la_io *io, la_err *err);
la_status la_flash_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);
la_status la_flash_decode(void *self, const la_io *io, la_err *err);

#endif
