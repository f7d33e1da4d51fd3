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
 * Work is spread over (batch, head); where there are fewer of those than threads, each sequence is cut
 * into segments: their sums first, then the state before each, then their outputs.
 */
#ifndef LA_KERNEL_ATTENTION_H
#define LA_KERNEL_ATTENTION_H

#include "labench/tile.h"
#include "labench/variant.h"

typedef struct la_ka la_ka;

/* Features, or exponents, of n rows x [n,dk], ldx floats apart, into phi [n,m], ka->ldm floats apart.
 * `shared` is what `prepare` made, or NULL: then n is 1 and it is not worth making. shift [n] is NULL,
 * or wants for each row a number that is still to be subtracted from its exponents (of keys; a query
 * may leave out what all its exponents share). scratch is for tile products with inner size dk. */
typedef void la_ka_features(const la_ka *ka, const float *const *params, const float *shared,
                            int64_t head, int64_t n, const float *x, int64_t ldx, float *phi,
                            float *shift, float *scratch);

struct la_ka {
    /* ---- the member fills these ---- */
    la_problem p;
    int64_t m; /* features */
    bool stabilised, normalize;
    bool recurrent; /* token by token instead of chunks; so is every problem with T = 1 */
    float eps;
    float read_scale; /* on o; 1 where normalize */
    la_ka_features *features;
    /* Once before a forward by chunks: what all threads read, e.g. transposed parameters. NULL: nothing. */
    void (*prepare)(const la_ka *ka, const float *const *params, float *shared);
    int64_t shared;  /* floats of it */
    const void *map; /* the member's own */
    /* ---- la_ka_init fills these ---- */
    const la_tile *tile;
    int64_t chunk, ldm;
    int64_t segments; /* of each sequence */
    int64_t slot;     /* floats of one state in the work buffer */
    int64_t slots, per_thread;
    size_t part[3]; /* offsets of S, z, c in a state buffer */
    size_t n_parts;
};

void la_ka_init(la_ka *ka, la_isa isa);
/* S [B,H,m,dv]; z [B,H,m] where something divides by it; c [B,H,m], at first -inf, where stabilised. */
size_t la_ka_parts(const la_ka *ka, la_part *out, size_t cap);

/* What every member answers alike. check: float32, no grouped heads, no backward yet, and a recurrent form
 * is causal. new: a copy of *ka as an impl's `self`, freed with la_free. */
la_status la_ka_check(const char *variant, const la_problem *p, la_pass pass, bool recurrent,
                      la_err *err);
la_sizes la_ka_sizes(const la_ka *ka);
la_status la_ka_new(const la_ka *ka, void **self, la_err *err);
/* T tokens, from a state and to a state (state_in may be state_out); decode is T = 1. */
la_status la_ka_forward(void *self, const la_io *io, la_err *err);

/* ---- for one chunk: kernel_attention_chunk.c ---- */

typedef struct la_ka_state { /* of one (batch, head); z, c NULL where the member has none */
    float *S, *z, *c;
} la_ka_state;

typedef struct la_ka_rows { /* n tokens of one (batch, head); rows ldk, ldv floats apart */
    const float *q, *k, *v;
    float *o;
    int64_t n, ldk, ldv, head;
    const float *const *params;
    const float *shared;
} la_ka_rows;

/* One thread's buffers. */
typedef struct la_ka_buffers {
    float *a, *b;       /* phi(Q), phi(K) [chunk, ldm] */
    float *P;           /* [chunk, chunk] */
    float *shift, *den; /* [chunk] */
    float *c;           /* [m]: new maxima of the exponents */
    float *R, *grown;   /* [m]: ceil(c / ln 2), and 2^(old R - new R) */
    float *scratch;     /* of tile products */
} la_ka_buffers;

int64_t la_ka_buffer_floats(const la_ka *ka);
la_ka_buffers la_ka_buffers_at(const la_ka *ka, float *base);
/* Outputs and the new state; the state alone; the outputs alone (every key is in the state). A
 * stabilised state is relative to powers of two. */
void la_ka_chunk_causal(const la_ka *ka, la_ka_state st, const la_ka_rows *rows,
                        const la_ka_buffers *w);
void la_ka_chunk_absorb(const la_ka *ka, la_ka_state st, const la_ka_rows *rows,
                        const la_ka_buffers *w);
void la_ka_chunk_read(const la_ka *ka, la_ka_state st, const la_ka_rows *rows,
                      const la_ka_buffers *w);
/* One token after the other, n of them. A stabilised state is relative to exp(c). */
void la_ka_steps(const la_ka *ka, la_ka_state st, const la_ka_rows *rows, const la_ka_buffers *w);

/* ceil(c / ln 2); -inf for -inf. */
float la_ka_power(float c);
/* S and z of a stabilised state from relative to exp(c) to relative to 2^R, and back. */
void la_ka_enter(const la_ka *ka, la_ka_state st);
void la_ka_leave(const la_ka *ka, la_ka_state st);

/* ---- sweeps over exponents, compiled per instruction set: kernel_attention_isa.c ---- */
typedef struct la_ka_sweeps {
    /* e [n,m] (rows lde apart) -= shift_j, and c = max(c, rows of e) */
    void (*shift_max)(int64_t n, int64_t m, const float *shift, float *e, int64_t lde, float *c);
    /* e = exp(e) 2^-R, R one row */
    void (*exp_keys)(int64_t n, int64_t m, const float *R, float *e, int64_t lde);
    /* f = exp(f) 2^(R - N) with whole N so large, for each row, that nothing is above 1.5 */
    void (*exp_queries)(int64_t n, int64_t m, const float *R, float *f, int64_t ldf);
} la_ka_sweeps;
const la_ka_sweeps *la_ka_sweeps_get(la_isa isa);

/* The functions that bind a member to one form, and the table `forms` of both. `member` is the
 * variant's la_ka (const la_problem *, const void *opts, bool recurrent, la_isa). */
#define LA_KA_FORM_(form, name, member, recurrent)                                                 \
    static la_status check_##form(const la_problem *p, la_pass pass, const void *opts,             \
                                  const la_device *dev, la_err *err)                               \
    {                                                                                              \
        (void)opts, (void)dev;                                                                     \
        return la_ka_check(name, p, pass, recurrent, err);                                         \
    }                                                                                              \
    static la_status sizes_##form(const la_problem *p, la_pass pass, const void *opts,             \
                                  const la_device *dev, la_sizes *out, la_err *err)                \
    {                                                                                              \
        (void)pass, (void)err;                                                                     \
        la_ka ka = member(p, opts, recurrent, dev->isa);                                           \
        *out = la_ka_sizes(&ka);                                                                   \
        return LA_OK;                                                                              \
    }                                                                                              \
    static la_status create_##form(const la_problem *p, const void *opts, const la_device *dev,    \
                                   void **self, la_err *err)                                       \
    {                                                                                              \
        la_ka ka = member(p, opts, recurrent, dev->isa);                                           \
        return la_ka_new(&ka, self, err);                                                          \
    }

#define LA_KA_IMPL_(form, more_caps, how)                                                          \
    {                                                                                              \
        .name = "cpu_" #form, .backend = LA_CPU,                                                   \
        .caps =                                                                                    \
            LA_CAP_CAUSAL | LA_CAP_DECODE | LA_CAP_STATE_IN | LA_CAP_DETERMINISTIC | (more_caps),  \
        .dtypes = 1u << LA_F32, .rank = how, .check = check_##form, .sizes = sizes_##form,         \
        .create = create_##form, .destroy = la_free, .forward = la_ka_forward,                     \
        .decode = la_ka_forward                                                                    \
    }

#define LA_KA_FORMS(name, member)                                                                  \
    LA_KA_FORM_(chunk, name, member, false)                                                        \
    LA_KA_FORM_(recurrent, name, member, true)                                                     \
    static const la_impl forms[] = {LA_KA_IMPL_(chunk, LA_CAP_BIDIRECTIONAL, la_rank_any_cpu),     \
                                    LA_KA_IMPL_(recurrent, 0, la_rank_second_cpu)};

#endif
