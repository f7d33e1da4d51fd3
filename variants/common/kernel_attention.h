/* SPDX-License-Identifier: Apache-2.0
 * Attention by feature maps, o_t = sum_j phi(q_t).phi(k_j) v_j / sum_j phi(q_t).phi(k_j), as a running
 * state, so that time is linear in T and memory does not grow with it. `linear` and `performer` are
 * members; a member gives the features, the rest is here.
 *
 *   S_t = S_{t-1} + phi(k_t) v_t',  z_t = z_{t-1} + phi(k_t)              S [m,dv], z [m]
 *   o_t = S_t' phi(q_t) / (phi(q_t).z_t + eps)
 *
 * Chunks of C tokens turn this into products of tiles: with A = phi(Q), B = phi(K) of a chunk [C,m],
 *   O = A S + tril(A B') V,   S += B' V,   and the denominators likewise.
 * Features are made chunk by chunk in a thread's own buffers; [T,m] of them never exist.
 *
 * Stabilised form (features are exponentials): the member gives exponents e with phi = exp(e). State
 * row i is kept relative to exp(c_i), c_i the running maximum of its exponent, and rescaled when c_i
 * grows. A query with exponents f weighs row i by exp(f_i + c_i - max_i(f_i + c_i)): whatever scale
 * is taken out there leaves the quotient as it is. eps is 0.
 * Inside a chunk all rows share maxima that later tokens may have raised. So that this cannot be seen,
 * chunks take out powers of two only: state row i is relative to 2^R_i there, R_i = ceil(c_i / ln 2),
 * and exp(e) is p 2^n with p not depending on R. Rescaling by powers of two is exact, and the quotient
 * keeps its bits whatever R is, as long as nothing that matters underflows; see chunk_by_steps.
 *
 * Backward, in kernel_attention_back.c, recomputes inside chunks from the states before them, which a
 * forward that is given `saved` leaves there: nothing of size T m dv exists.
 *
 * Work is spread over (batch, head). Where these do not keep all threads busy and every query sees every
 * key, each sequence is cut into segments: their sums first, then the state, then their outputs. Causal,
 * see kernel_attention_team.c.
 */
#ifndef LA_KERNEL_ATTENTION_H
#define LA_KERNEL_ATTENTION_H

#include <math.h>

#include "labench/tile.h"
#include "labench/variant.h"

#define LA_KA_CHUNK 64 /* tokens at most */
#define LA_KA_BLOCK 16 /* rows of a triangle that are taken at a time */

typedef struct la_ka la_ka;

/* Features, or exponents, of n rows x [n,dk], ldx floats apart, into phi [n,m], ka->ldm floats apart.
 * `shared` is what `prepare` made, or NULL: then n is 1 and it is not worth making. shift [n] is NULL for
 * queries. For keys of a stabilised member it wants the number that is still to be subtracted from each
 * row's exponents (a query may leave out what all its exponents share); otherwise it is scratch.
 * scratch is for tile products with inner size dk, m or a chunk. */
typedef void la_ka_features(const la_ka *ka, const float *const *params, const float *shared,
                            int64_t head, int64_t n, const float *x, int64_t ldx, float *phi,
                            float *shift, float *scratch);

/* From phi and its gradients dphi [n,m] (both ka->ldm apart; dphi is scratch) to dx [n,dk], ldx apart as
 * x is, or NULL; and added to dparam [la_ka.dparam], or NULL. `key`: what `shift` took away has its
 * gradient too. Exponents e have phi = exp(e) up to factors that cancel. */
typedef void la_ka_pull(const la_ka *ka, const float *const *params, int64_t head, int64_t n,
                        const float *x, int64_t ldx, bool key, const float *phi, float *dphi,
                        float *dx, float *dparam, float *scratch);

struct la_ka {
    /* ---- the member fills these ---- */
    la_problem p;
    int64_t m; /* features */
    bool stabilised, normalize;
    bool recurrent; /* token by token instead of chunks; so is every problem with T = 1 */
    float eps;
    float read_scale; /* on o; 1 where normalize */
    la_ka_features *features;
    la_ka_pull *pull;
    int64_t dparam; /* floats of the one parameter that has a gradient; 0: none */
    /* Once before a forward by chunks: what all threads read, e.g. transposed parameters. NULL: nothing. */
    void (*prepare)(const la_ka *ka, const float *const *params, float *shared);
    int64_t shared; /* floats of it */
    /* The member's own: its map, and a number (linear: nu; performer: rows of W). */
    const void *map;
    int64_t argument;
    /* ---- la_ka_init fills these ---- */
    const la_tile *tile;
    const la_tile_bf16 *half; /* bf16: what widens and narrows rows */
    int64_t chunk, ldm;
    int64_t segments; /* of each sequence */
    int64_t whole;    /* (batch, head), the first ones, that threads do not share */
    int64_t parts;    /* of a block of each sequence that they share; 0: they do not */
    int64_t runners;  /* threads that take turns at each of these instead; 0: they do not */
    int64_t span;     /* chunks of a part, or of a turn, at most */
    int64_t slot;     /* floats of one state in the work buffer */
    int64_t slots, per_thread;
    int64_t back_per_thread; /* floats of a thread in backward */
    size_t part[3];          /* offsets of S, z, c in a state buffer */
    size_t n_parts;
};

void la_ka_init(la_ka *ka, la_isa isa);
/* S [B,H,m,dv]; z [B,H,m] where something divides by it; c [B,H,m], at first -inf, where stabilised. */
size_t la_ka_parts(const la_ka *ka, la_part *out, size_t cap);

/* What every member answers alike. check: no grouped heads, bf16 where the CPU has it, and a recurrent form is causal and
 * has no backward. new: a copy of *ka as an impl's `self`, freed with la_free. cost: adds to what the
 * mathematics needs what chunks do more. */
la_status la_ka_check(const char *variant, const la_problem *p, la_pass pass, bool recurrent,
                      const la_device *dev, la_err *err);
la_sizes la_ka_sizes(const la_ka *ka, la_pass pass);
void la_ka_cost(const la_ka *ka, la_pass pass, la_cost *cost);
la_status la_ka_new(const la_ka *ka, void **self, la_err *err);
/* T tokens, from a state and to a state (state_in may be state_out); decode is T = 1. */
la_status la_ka_forward(void *self, const la_io *io, la_err *err);
la_status la_ka_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);

/* ---- what forward and backward share ---- */

/* The states that forward saves: before each chunk, or, where every query sees every key, the one of each
 * (batch, head). */
bool la_ka_sees_past_only(const la_ka *ka);
int64_t la_ka_chunks(const la_ka *ka);
/* ---- for one chunk: kernel_attention_chunk.c ---- */

typedef struct la_ka_state { /* of one (batch, head); z, c NULL where the member has none */
    float *S, *z, *c;
} la_ka_state;

/* State i of an array of them, ka->slot floats each. */
la_ka_state la_ka_slot_at(const la_ka *ka, float *base, int64_t i);
void la_ka_copy_state(const la_ka *ka, la_ka_state to, la_ka_state from);
/* State of (batch, head) i in a state buffer. */
la_ka_state la_ka_part_at(const la_ka *ka, const void *buffer, int64_t i);

typedef struct la_ka_rows { /* n tokens of one (batch, head); rows ldk, ldv floats apart */
    const float *q, *k, *v;
    float *o;
    int64_t n, ldk, ldv, head;
    int64_t ahead; /* tokens after these */
    const float *const *params;
    const float *shared;
} la_ka_rows;

/* One thread's buffers. */
typedef struct la_ka_buffers {
    float *a, *b;       /* phi(Q), phi(K) [chunk, ldm] */
    float *P;           /* [chunk, chunk], at least [LA_KA_STEP, LA_KA_STEP] */
    float *turned;      /* [m, LA_KA_STEP]; of a stabilised or recurrent form nothing */
    float *shift, *den; /* [chunk] */
    float *c;           /* [m]: new maxima of the exponents */
    float *R, *grown;   /* [m]: ceil(c / ln 2), and 2^(old R - new R) */
    float *sums;        /* [m]: of keys' features over the chunk */
    float *wide;        /* bf16: q, k [chunk, dk], v, o [chunk, dv] in float32 */
    float *scratch;     /* of tile products */
} la_ka_buffers;

int64_t la_ka_buffer_floats(const la_ka *ka);
int64_t la_ka_back_floats(const la_ka *ka);
la_ka_buffers la_ka_buffers_at(const la_ka *ka, float *base);
/* to = a + b; it may be either. Stabilised states are relative to powers of two. */
void la_ka_add(const la_ka *ka, la_ka_state to, la_ka_state a, la_ka_state b);
void la_ka_empty(const la_ka *ka, la_ka_state st);
/* The state before (batch, head) i, as chunks take it; and the one behind it, which is used up, to where it is
 * wanted. */
void la_ka_begin(const la_ka *ka, const la_io *io, int64_t i, la_ka_state st);
void la_ka_end(const la_ka *ka, const la_io *io, int64_t i, la_ka_state st);
/* Leaves state u for backward, where there is one. */
void la_ka_save(const la_ka *ka, const la_io *io, int64_t u, la_ka_state st);
/* The states in the work buffer start there. */
float *la_ka_slots(const la_ka *ka, const la_io *io);
la_ka_buffers la_ka_buffers_of(const la_ka *ka, const la_io *io, int thread);
/* (batch, head) i from end to end, chunk by chunk, by one thread, with st for its state. */
void la_ka_forward_head(const la_ka *ka, const la_io *io, int64_t i, int thread, la_ka_state st);
/* Causal, with threads that share sequences: kernel_attention_team.c. team_init chooses whether. */
void la_ka_team_init(la_ka *ka);
int64_t la_ka_team_slots(const la_ka *ka);              /* states */
int64_t la_ka_team_floats(const la_ka *ka);             /* and other floats, */
float *la_ka_team_at(const la_ka *ka, const la_io *io); /* which lie there */
void la_ka_forward_by_team(const la_ka *ka, const la_io *io);
/* Where few share one: kernel_attention_turns.c. */
#define LA_KA_RUNNERS 3 /* at most */
void la_ka_turns_init(la_ka *ka, int64_t runners);
int64_t la_ka_turns_slots(const la_ka *ka);
int64_t la_ka_turns_floats(const la_ka *ka);
void la_ka_forward_by_turns(const la_ka *ka, const la_io *io);
/* Floats of states and features that a thread keeps, about: half of an L2 cache of 1 MiB. */
#define LA_KA_KEPT (128 << 10)

/* ---- rows of tensors: kernel_attention_rows.c ---- */

enum { LA_KA_Q = 1, LA_KA_K = 2, LA_KA_V = 4 };
bool la_ka_is_half(const la_ka *ka);
int64_t la_ka_wide_floats(const la_ka *ka);
/* Row of token t of (batch, head) i; the next token's is H rows further. */
int64_t la_ka_row(const la_ka *ka, int64_t i, int64_t t);
/* n tokens from t of (batch, head) i. bf16: those wanted are copied to w->wide, and o is a buffer there. */
la_ka_rows la_ka_rows_at(const la_ka *ka, const la_io *io, int64_t i, int64_t t, int64_t n,
                         unsigned wanted, const la_ka_buffers *w);
/* Chunk c of (batch, head) i, likewise. */
la_ka_rows la_ka_chunk_rows(const la_ka *ka, const la_io *io, int64_t i, int64_t c, unsigned wanted,
                            const la_ka_buffers *w);
/* bf16 rows [n,d] from `row` on, in `to`, rows a multiple of 16 floats apart. */
const float *la_ka_widened(const la_ka *ka, const void *tensor, int64_t row, int64_t n, int64_t d,
                           float *to);
/* The way back of bf16, to rows [n,d] from `row` on; nothing to do for float32. */
void la_ka_put(const la_ka *ka, int64_t n, int64_t d, const float *from, int64_t ld, void *tensor,
               int64_t row);
/* Chunk c is asked for before the one in front of it is computed; not in bf16, whose rows are in buffers. */
void la_ka_look_ahead(const la_ka *ka, const la_io *io, int64_t i, int64_t c, unsigned wanted);

/* phi(Q) and phi(K), or their exponents, into w->a and w->b. */
void la_ka_features_of_queries(const la_ka *ka, const la_ka_rows *x, const la_ka_buffers *w);
void la_ka_features_of_keys(const la_ka *ka, const la_ka_rows *x, const la_ka_buffers *w);
/* The features of keys of a chunk behind st, final: where stabilised relative to 2^R. */
void la_ka_keys(const la_ka *ka, la_ka_state st, const la_ka_rows *x, const la_ka_buffers *w);
/* Those of queries whose keys are all in st, and what they are divided by, in w->den. */
void la_ka_queries_of_sum(const la_ka *ka, la_ka_state st, const la_ka_rows *x,
                          const la_ka_buffers *w);
/* Outputs and the new state; the state alone; the outputs alone (every key is in the state). A
 * stabilised state is relative to powers of two. */
void la_ka_chunk_causal(const la_ka *ka, la_ka_state st, const la_ka_rows *rows,
                        const la_ka_buffers *w);
void la_ka_chunk_absorb(const la_ka *ka, la_ka_state st, const la_ka_rows *rows,
                        const la_ka_buffers *w);
void la_ka_chunk_read(const la_ka *ka, la_ka_state st, const la_ka_rows *rows,
                      const la_ka_buffers *w);
/* Exponentials relative to maxima that hold later tokens of the chunk, too, may be too small for what
 * an early row sees. Below this, what float32 flushes to zero (under 1e-38 for each of m C terms, and
 * z grows to T) could be missed. */
#define LA_KA_SMALLEST_DENOMINATOR 1e-26f

/* ---- the same in two halves, for threads that share a sequence (kernel_attention_team.c), step by step:
 * LA_KA_STEP tokens or, where stabilised, a chunk ---- */

int64_t la_ka_step_tokens(const la_ka *ka);
int64_t la_ka_steps_of(const la_ka *ka, int64_t chunks);
/* Rows of x from row t on, `most` of them or fewer. */
la_ka_rows la_ka_few_rows(const la_ka_rows *x, int64_t t, int64_t most);
/* `to` is `from` with the keys and values of these rows, whose features are in w->b and stay there. Where nothing is
 * stabilised the rows may be those of several steps: then `to` is the state behind the first of them, and the
 * slots after it are those behind the others. */
void la_ka_step_absorb(const la_ka *ka, la_ka_state from, la_ka_state to, const la_ka_rows *rows,
                       const la_ka_buffers *w);
/* Outputs, from the state before these rows, which is used up. w->b is what step_absorb left, and kept
 * the `to` of then. */
void la_ka_step_read(const la_ka *ka, la_ka_state before, la_ka_state kept, const la_ka_rows *rows,
                     const la_ka_buffers *w);

/* One token after the other, n of them. A stabilised state is relative to exp(c). */
void la_ka_steps(const la_ka *ka, la_ka_state st, const la_ka_rows *rows, const la_ka_buffers *w);

/* ceil(c / ln 2); -inf for -inf. */
static inline float la_ka_power(float c)
{
    float x = c * 1.44269504f;
    if (!(fabsf(x) < 1e6f)) return ceilf(x);
    float whole = (float)(int)x;
    return whole < x ? whole + 1.0f : whole;
}

/* What brings what is relative to the power of two of c to that of top, which is no less; 0 for an empty
 * row (c = -inf), unless top is as empty. */
static inline float la_ka_ratio(float c, float top)
{
    if (c == top) return 1.0f;
    float n = la_ka_power(c) - la_ka_power(top);
    union {
        uint32_t bits;
        float value;
    } power = {.bits = n >= -126.0f ? (uint32_t)((int)n + 127) << 23 : 0};
    return power.value;
}

/* S and z of a stabilised state from relative to exp(c) to relative to 2^R, and back. */
void la_ka_enter(const la_ka *ka, la_ka_state st);
void la_ka_leave(const la_ka *ka, la_ka_state st);

/* ---- sweeps over rows, compiled per instruction set: kernel_attention_isa.c ---- */
typedef struct la_ka_sweeps {
    /* e [n,m] (rows lde apart) -= shift_j, and c = max(c, rows of e) */
    void (*shift_max)(int64_t n, int64_t m, const float *shift, float *e, int64_t lde, float *c);
    /* e = exp(e) 2^-R, R one row */
    void (*exp_keys)(int64_t n, int64_t m, const float *R, float *e, int64_t lde);
    /* f = exp(f) 2^(R - N) with whole N so large, for each row, that nothing is above 1.5 */
    void (*exp_queries)(int64_t n, int64_t m, const float *R, float *f, int64_t ldf);
    /* sum = fa a + fb b */
    void (*add)(int64_t n, float fa, const float *a, float fb, const float *b, float *sum);
    /* For row i of dout, o [n,d] (rows ld apart): D_i = scale / (den_i + eps) dout_i, D rows ldd apart,
     * and e_i = -(dout_i.o_i) / (den_i + eps) */
    void (*numerators)(int64_t n, int64_t d, const float *dout, const float *o, int64_t ld,
                       const float *den, float eps, float scale, float *D, int64_t ldd, float *e);
} la_ka_sweeps;
const la_ka_sweeps *la_ka_sweeps_get(la_isa isa);

/* ---- causal tokens without a stabiliser, compiled per instruction set: kernel_attention_plain_isa.c ---- */

#define LA_KA_STEP 16 /* tokens at a time, at most */

typedef struct la_ka_plain {
    const la_tile *tile;
    int64_t n, m, dk, dv, ldm, ldk, ldv; /* n: LA_KA_STEP at most, where outputs are wanted */
    int64_t ahead;                       /* tokens that follow */
    unsigned asks;      /* LA_KA_Q to LA_KA_V: tensors whose rows of these tokens are asked for */
    const float *a, *b; /* features of queries and keys [n, ldm] */
    const float *q, *k, *v;
    float *o;           /* NULL: outputs, and P for them, are not wanted */
    const float *S, *z; /* [m,dv]; [m] or NULL */
    /* Where the state behind these tokens goes, perhaps in place; NULL: it is not wanted. Of n > LA_KA_STEP tokens
     * one behind each LA_KA_STEP of them, `apart` floats from one to the next. */
    float *next_S, *next_z;
    int64_t apart;
    float *turned, *P;     /* scratch: [m, LA_KA_STEP], [LA_KA_STEP, LA_KA_STEP] */
    float *factor;         /* scratch: [LA_KA_STEP] */
    float eps, read_scale; /* of la_ka */
} la_ka_plain;
typedef void la_ka_plain_fn(const la_ka_plain *);
/* P; then, with P, outputs and the new state. Columns of V, O and S are independent of each other. */
extern la_ka_plain_fn la_ka_plain_scores_generic, la_ka_plain_scores_avx2,
    la_ka_plain_scores_avx512;
extern la_ka_plain_fn la_ka_plain_carry_generic, la_ka_plain_carry_avx2, la_ka_plain_carry_avx512;

/* The functions that bind a member to one form, and the table `forms` of all. `member` is the
 * variant's la_ka (const la_problem *, const void *opts, bool recurrent, la_isa); `useful` is in scope. */
#define LA_KA_FORM_(form, name, member, recurrent)                                                 \
    static la_status check_##form(const la_problem *p, la_pass pass, const void *opts,             \
                                  const la_device *dev, la_err *err)                               \
    {                                                                                              \
        (void)opts;                                                                                \
        return la_ka_check(name, p, pass, recurrent, dev, err);                                    \
    }                                                                                              \
    static la_status sizes_##form(const la_problem *p, la_pass pass, const void *opts,             \
                                  const la_device *dev, la_sizes *out, la_err *err)                \
    {                                                                                              \
        (void)err;                                                                                 \
        la_ka ka = member(p, opts, recurrent, dev->isa);                                           \
        *out = la_ka_sizes(&ka, pass);                                                             \
        return LA_OK;                                                                              \
    }                                                                                              \
    static la_status cost_##form(const la_problem *p, la_pass pass, const void *opts,              \
                                 la_cost *out, la_err *err)                                        \
    {                                                                                              \
        la_ka ka = member(p, opts, recurrent, LA_ISA_GENERIC);                                     \
        LA_TRY(useful(p, pass, opts, out, err));                                                   \
        la_ka_cost(&ka, pass, out);                                                                \
        return LA_OK;                                                                              \
    }                                                                                              \
    static la_status create_##form(const la_problem *p, const void *opts, const la_device *dev,    \
                                   void **self, la_err *err)                                       \
    {                                                                                              \
        la_ka ka = member(p, opts, recurrent, dev->isa);                                           \
        return la_ka_new(&ka, self, err);                                                          \
    }

#define LA_KA_IMPL_(form, more_caps, how, back)                                                    \
    {                                                                                              \
        .name = "cpu_" #form, .backend = LA_CPU,                                                   \
        .caps =                                                                                    \
            LA_CAP_CAUSAL | LA_CAP_DECODE | LA_CAP_STATE_IN | LA_CAP_DETERMINISTIC | (more_caps),  \
        .dtypes = 1u << LA_F32 | 1u << LA_BF16, .rank = how, .check = check_##form,                \
        .sizes = sizes_##form, .cost = cost_##form, .create = create_##form, .destroy = la_free,   \
        .forward = la_ka_forward, .backward = back, .decode = la_ka_forward                        \
    }

/* And the form for CUDA devices, where there is one in this build: `on_cuda` is its la_kc_member.make. */
#if LA_HAVE_CUDA && !defined(__cplusplus)
#include "kernel_cuda.h"

#define LA_KA_CUDA_(variant, on_cuda)                                                              \
    static const la_kc_member of_cuda = {variant, on_cuda};                                        \
    static la_status cuda_check(const la_problem *p, la_pass pass, const void *opts,               \
                                const la_device *dev, la_err *err)                                 \
    {                                                                                              \
        (void)pass, (void)dev;                                                                     \
        return la_kc_check(&of_cuda, p, opts, err);                                                \
    }                                                                                              \
    static la_status cuda_size(const la_problem *p, la_pass pass, const void *opts,                \
                               const la_device *dev, la_sizes *out, la_err *err)                   \
    {                                                                                              \
        (void)dev;                                                                                 \
        return la_kc_sizes(&of_cuda, p, pass, opts, out, err);                                     \
    }                                                                                              \
    static la_status cuda_make(const la_problem *p, const void *opts, const la_device *dev,        \
                               void **self, la_err *err)                                           \
    {                                                                                              \
        (void)dev;                                                                                 \
        return la_kc_create(&of_cuda, p, opts, self, err);                                         \
    }                                                                                              \
    static la_status cuda_cost(const la_problem *p, la_pass pass, const void *opts, la_cost *out,  \
                               la_err *err)                                                        \
    {                                                                                              \
        LA_TRY(useful(p, pass, opts, out, err));                                                   \
        la_kc_cost(&of_cuda, p, pass, opts, out);                                                  \
        return LA_OK;                                                                              \
    }                                                                                              \
    static const la_cuda_kernels chunk_kernels = {.sizes = cuda_size,                              \
                                                  .create = cuda_make,                             \
                                                  .destroy = la_kc_destroy,                        \
                                                  .forward = la_kc_forward,                        \
                                                  .backward = la_kc_backward,                      \
                                                  .decode = la_kc_decode};                         \
    LA_CUDA_THUNKS(variant, chunk_kernels)

#define LA_KA_CUDA_IMPL_(more_caps)                                                                \
    ,                                                                                              \
    {                                                                                              \
        .name = "cuda_chunk", LA_CUDA_CALLS(chunk_kernels), .check = cuda_check,                   \
        .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | LA_CAP_DECODE |           \
                LA_CAP_STATE_IN | LA_CAP_DETERMINISTIC | (more_caps),                              \
        .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16, .cost = cuda_cost,                  \
        .backward = la_cuda_backward, .decode = la_cuda_decode                                     \
    }
#else
#define LA_KA_CUDA_(variant, on_cuda)
#define LA_KA_CUDA_IMPL_(more_caps)
#endif

/* `more_caps` of the chunk forms: LA_CAP_STATE_GRAD or 0. */
#define LA_KA_FORMS(name, member, more_caps, on_cuda)                                              \
    LA_KA_FORM_(chunk, name, member, false)                                                        \
    LA_KA_FORM_(recurrent, name, member, true)                                                     \
    LA_KA_CUDA_(name, on_cuda)                                                                     \
    static const la_impl forms[] = {                                                               \
        LA_KA_IMPL_(chunk, LA_CAP_BIDIRECTIONAL | LA_CAP_BACKWARD | (more_caps), la_rank_any_cpu,  \
                    la_ka_backward),                                                               \
        LA_KA_IMPL_(recurrent, 0, la_rank_second_cpu, NULL) LA_KA_CUDA_IMPL_(more_caps)};

#endif
