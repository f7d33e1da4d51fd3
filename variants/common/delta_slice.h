/* SPDX-License-Identifier: Apache-2.0
 * What the engine hands to its inner loops, which are compiled once per instruction set: one slice of
 * columns of one (batch, head).
 */
#ifndef LA_DELTA_SLICE_H
#define LA_DELTA_SLICE_H

#include <string.h>

#include "delta_engine.h"
#include "labench/tile.h"

typedef struct la_delta_slice la_delta_slice;
typedef void la_delta_kernel(const la_delta_slice *slice);
/* The chunk form in two halves, for threads that share a head (see delta_chunk.h). The first makes what the
 * chunk of tokens [t, t + C) needs besides the state, into `ready`. The second takes the slice's columns
 * through the chunks of tokens [t0, t1), prepared one after the other in `ready`; x->work keeps S from
 * one call to the next. */
typedef void la_delta_prepare_fn(const la_delta_slice *x, int64_t t, float *ready, float *scratch);
typedef void la_delta_scan_fn(const la_delta_slice *x, int64_t t0, int64_t t1, float *ready);

struct la_delta_slice {
    la_write_rule write;
    la_decay decay;
    int64_t T, dk, w;                /* tokens, rows of S, columns of this slice */
    int64_t chunk;                   /* C */
    int64_t qk_row, v_row, gate_row; /* floats from one token to the next */
    const float *q, *k;              /* [T] rows of dk */
    const float *v;                  /* [T] rows of w; o likewise */
    const float *a, *b;              /* [T] rows of dk, of the rank-one transition, or NULL */
    const float *beta;               /* [T], or NULL: 1 */
    const float *g;                  /* [T], or [T] rows of dk for a channel decay, or NULL */
    float *o;
    const float *S_in; /* [dk] rows of w, NULL: zeros */
    float *S_out;      /* likewise, NULL: not wanted; may be S_in */
    int64_t S_row;     /* floats from one row of S to the next */
    float *saved;    /* S before tokens segment, 2 segment, ...: [dk] rows each, one state after the
                        * other dk S_row floats on; NULL: not wanted */
    int64_t segment; /* tokens, a multiple of chunk */
    float scale;     /* s */
    double log_decay; /* of a fixed decay */
    bool
        shared; /* `prepare` runs apart from the scan, which then makes decayed copies of its own */
    const la_tile *tile;
    float *work; /* la_delta_*_work floats, 64-byte aligned */
    /* Rows of bf16: q, k, v and o point to such, and their rows count them. NULL: of float32 */
    const la_tile_bf16 *narrow;
    la_delta_kernel *wide; /* what la_delta_widened and the legs of la_delta_part_* call */
    /* Of widened rows: those in bf16, and the first token of them behind this slice */
    const la_delta_slice *origin;
    int64_t next;
    la_delta_prepare_fn *prepare_wide; /* that of la_delta_prepare_bf16 */
};

/* Small chunks win here: 4 C d operations a token inside a chunk stand beside 6 d^2 that meet S. */
#define LA_DELTA_DEFAULT_CHUNK 16

static inline int64_t la_delta_chunk_of(const void *opts)
{
    return opts ? ((const la_delta_options *)opts)->chunk : LA_DELTA_DEFAULT_CHUNK;
}

/* Columns that the inner loops keep in registers, at most; slices start at multiples of LA_DELTA_ALIGN. */
#define LA_DELTA_COLUMNS 64
#define LA_DELTA_ALIGN   16

static inline int64_t la_delta_up(int64_t n)
{
    return (n + LA_DELTA_ALIGN - 1) / LA_DELTA_ALIGN * LA_DELTA_ALIGN;
}

/* Tokens whose decays are made at once by the recurrent form. */
#define LA_DELTA_RUN 64

static inline int64_t la_delta_recurrent_work(int64_t dk)
{
    return la_delta_up(dk) * (LA_DELTA_COLUMNS + 1) + LA_DELTA_RUN;
}

/* Floats of the chunk form: what one prepared chunk holds besides decayed copies, these, sums of decays by
 * channel; scratch to prepare a chunk, without its copies; what a scan keeps of a slice of w columns. */
static inline int64_t la_delta_scores_floats(int64_t dk, int64_t chunk)
{
    int64_t C = la_delta_up(chunk);
    return 2 * C * C + 3 * C + la_delta_up(dk);
}

static inline int64_t la_delta_copies_floats(la_decay decay, int64_t dk, int64_t chunk)
{
    return decay == LA_DECAY_CHANNEL ? 3 * la_delta_up(chunk) * la_delta_up(dk) : 0;
}

static inline int64_t la_delta_sums_floats(la_decay decay, int64_t dk, int64_t chunk)
{
    return decay == LA_DECAY_CHANNEL ? 2 * la_delta_up(chunk) * la_delta_up(dk) : 0;
}

/* What a scan whose chunks were prepared apart makes of its own: copies, the decay of the chunk, sums. */
static inline int64_t la_delta_own_floats(la_decay decay, int64_t dk, int64_t chunk)
{
    if (decay != LA_DECAY_CHANNEL) return 0;
    return la_delta_copies_floats(decay, dk, chunk) + la_delta_up(dk) +
           la_delta_sums_floats(decay, dk, chunk);
}

static inline int64_t la_delta_ready_floats(la_decay decay, int64_t dk, int64_t chunk)
{
    return la_delta_scores_floats(dk, chunk) + la_delta_copies_floats(decay, dk, chunk);
}

static inline int64_t la_delta_prepare_floats(la_decay decay, int64_t dk, int64_t chunk)
{
    int64_t C = la_delta_up(chunk), K = la_delta_up(dk);
    return K * C + 3 * C + (decay == LA_DECAY_CHANNEL ? C * K : 0) +
           la_delta_sums_floats(decay, dk, chunk);
}

static inline int64_t la_delta_scan_floats(int64_t dk, int64_t w, int64_t chunk)
{
    return (la_delta_up(dk) + la_delta_up(chunk)) * la_delta_up(w);
}

static inline int64_t la_delta_chunk_work(la_decay decay, int64_t dk, int64_t w, int64_t chunk)
{
    return la_delta_scan_floats(dk, w, chunk) + la_delta_ready_floats(decay, dk, chunk) +
           la_delta_prepare_floats(decay, dk, chunk);
}

/* The same of bf16 rows. */
static inline int64_t la_delta_ready_bf16_floats(int64_t dk, int64_t chunk)
{
    int64_t C = la_delta_up(chunk), K = la_delta_up(dk);
    return 2 * C * C + 2 * C + K + LA_DELTA_ALIGN + 3 * C * K / 2;
}

static inline int64_t la_delta_prepare_bf16_floats(la_decay decay, int64_t dk, int64_t chunk)
{
    return 3 * la_delta_up(chunk) * la_delta_up(dk) + la_delta_ready_floats(decay, dk, chunk) +
           la_delta_prepare_floats(decay, dk, chunk);
}

static inline int64_t la_delta_scan_bf16_floats(int64_t dk, int64_t w, int64_t chunk)
{
    return (3 * la_delta_up(dk) + la_delta_up(chunk)) * la_delta_up(w) / 2;
}

static inline int64_t la_delta_chunk_bf16_work(la_decay decay, int64_t dk, int64_t w, int64_t chunk)
{
    return la_delta_scan_bf16_floats(dk, w, chunk) + la_delta_ready_bf16_floats(dk, chunk) +
           la_delta_prepare_bf16_floats(decay, dk, chunk);
}

/* What the chunk form adds to that of float32 where it widens rows. */
static inline int64_t la_delta_chunk_rows_floats(int64_t dk, int64_t w, int64_t chunk)
{
    return 2 * (la_delta_up(chunk * dk) + la_delta_up(chunk * w));
}

/* What widening T tokens adds to a float32 kernel's scratch, at most `run` of them at a time: a state between runs,
 * where there are several. */
static inline int64_t la_delta_widened_work(int64_t dk, int64_t w, int64_t S_row, int64_t run,
                                            int64_t T)
{
    return 2 * (la_delta_up(run * dk) + la_delta_up(run * w)) +
           (run < T ? la_delta_up(dk * S_row) : 0);
}

la_delta_kernel la_delta_widened;
la_delta_kernel la_delta_recurrent_generic, la_delta_recurrent_avx2, la_delta_recurrent_avx512;
la_delta_kernel la_delta_chunk_generic, la_delta_chunk_avx2, la_delta_chunk_avx512;
/* Rows in bf16, widened chunk by chunk. */
la_delta_kernel la_delta_chunk_widened_generic, la_delta_chunk_widened_avx2,
    la_delta_chunk_widened_avx512;

la_delta_prepare_fn la_delta_prepare_generic, la_delta_prepare_avx2, la_delta_prepare_avx512;
la_delta_scan_fn la_delta_scan_generic, la_delta_scan_avx2, la_delta_scan_avx512;
la_delta_kernel la_delta_chunk_bf16_avx512_bf16;
la_delta_prepare_fn la_delta_prepare_bf16_avx512_bf16;
la_delta_scan_fn la_delta_scan_bf16_avx512_bf16;
la_delta_kernel la_delta_chunk_bf16_amx_bf16;
la_delta_prepare_fn la_delta_prepare_bf16_amx_bf16;
la_delta_scan_fn la_delta_scan_bf16_amx_bf16;

/* S [K,W] from rows of w floats (NULL: zeros), zeros around them. */
static inline void la_state_take(const la_delta_slice *x, const float *from, int64_t K, int64_t W,
                                 float *S)
{
    memset(S, 0, (size_t)(K * W) * sizeof *S);
    for (int64_t r = 0; from && r < x->dk; r++)
        memcpy(S + r * W, from + r * x->S_row, (size_t)x->w * sizeof *S);
}

/* And back into rows of the caller's (NULL: not wanted). */
static inline void la_state_give(const la_delta_slice *x, const float *S, int64_t W, float *to)
{
    for (int64_t r = 0; to && r < x->dk; r++)
        memcpy(to + r * x->S_row, S + r * W, (size_t)x->w * sizeof *S);
}

/* Where the state before token t > 0 is saved for backward; NULL: nowhere. */
static inline float *la_state_saved(const la_delta_slice *x, int64_t t)
{
    if (!x->saved || t >= x->T || t % x->segment != 0) return NULL;
    return x->saved + (t / x->segment - 1) * x->dk * x->S_row;
}

/* Tokens from number t on, those behind a widened slice too. */
static inline int64_t la_delta_left(const la_delta_slice *x, int64_t t)
{
    return x->T - t + (x->origin ? x->origin->T - x->next : 0);
}

/* Elements of q, k, v or o from number i on. */
static inline void *la_delta_elements(const la_delta_slice *x, const float *p, int64_t i)
{
    int64_t size = x->narrow ? (int64_t)sizeof(la_bf16) : (int64_t)sizeof(float);
    return (char *)(uintptr_t)p + i * size;
}

/* Tokens [t, end) as a sequence of their own, whose states before and behind the caller sets. t is a
 * multiple of the segment where states are saved; that behind the last token is not. */
static inline la_delta_slice la_delta_part(const la_delta_slice *x, int64_t t, int64_t end)
{
    int64_t gates = t * x->gate_row, channels = gates * x->dk;
    la_delta_slice y = *x;
    y.T = end - t;
    y.q = la_delta_elements(x, x->q, t * x->qk_row);
    y.k = la_delta_elements(x, x->k, t * x->qk_row);
    y.v = la_delta_elements(x, x->v, t * x->v_row);
    y.o = la_delta_elements(x, x->o, t * x->v_row);
    if (x->a) y.a += channels, y.b += channels;
    if (x->beta) y.beta += gates;
    if (x->g) y.g += x->decay == LA_DECAY_CHANNEL ? channels : gates;
    if (x->saved) y.saved += t / x->segment * x->dk * x->S_row;
    return y;
}

#endif
