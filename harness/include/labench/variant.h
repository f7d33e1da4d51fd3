/* SPDX-License-Identifier: Apache-2.0
 * The interface between labench and a variant.
 *
 * A variant is the mathematics (name, paper, options, inputs, parameters, state, useful cost, float64
 * reference). An impl is one way to compute it (a backend and a form). Both are constant tables; a
 * variant is one folder below variants/ and nothing elsewhere names it. Plain C11 that also compiles
 * as C++17, so that .cu files may include it.
 */
#ifndef LABENCH_VARIANT_H
#define LABENCH_VARIANT_H

#include "labench/options.h"
#include "labench/problem.h"
#include "labench/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LA_ABI 1u /* raised whenever a struct below changes size or meaning */

/* Instruction sets a CPU impl may have been compiled for, in order of preference. */
typedef enum la_isa {
    LA_ISA_GENERIC,
    LA_ISA_AVX2,
    LA_ISA_AVX512,
    LA_ISA_AVX512_BF16,
    LA_ISA_AMX_BF16
} la_isa;
#define LA_ISAS 5

typedef struct la_device {
    la_backend backend;
    int index;          /* of the CUDA device; 0 on the CPU */
    la_isa isa;         /* best usable here, after LABENCH_ISA */
    int cores;          /* physical; of a CUDA device its multiprocessors */
    int sm;             /* compute capability of a CUDA device, 90 for 9.0; 0 on the CPU */
    size_t l1d, l2, l3; /* bytes, per core, per core, shared; 0: unknown */
    size_t memory;      /* bytes of RAM, or of the device */
    char name[96];
} la_device;

enum la_cap { /* promises; the conformance suite holds an impl to them */
              LA_CAP_CAUSAL = 1 << 0,
              LA_CAP_BIDIRECTIONAL = 1 << 1,
              LA_CAP_BACKWARD = 1 << 2,
              LA_CAP_DECODE = 1 << 3, /* one token at a time, the state carried by the caller */
              LA_CAP_STATE_IN =
                  1 << 4, /* forward may start from a state and returns the last one */
              LA_CAP_STATE_GRAD = 1 << 5,    /* backward takes dstate_out and gives dstate_in */
              LA_CAP_GROUPED_KV = 1 << 6,    /* Hkv < H */
              LA_CAP_GROUPED_QK = 1 << 7,    /* Hqk < H */
              LA_CAP_FIXED_LENGTH = 1 << 8,  /* T <= Tcap fixed at create */
              LA_CAP_DETERMINISTIC = 1 << 9, /* same bits on every run with the same thread count */
};

enum la_input { /* inputs the mathematics uses; the generator draws by these */
                LA_IN_QKV = 1 << 0,
                LA_IN_BETA = 1 << 1,
                LA_IN_DT = 1 << 2, /* in the beta slot */
                LA_IN_GATE_HEAD = 1 << 3,
                LA_IN_GATE_CHANNEL = 1 << 4,
                LA_IN_AB = 1 << 5,
                LA_IN_X = 1 << 6,
                LA_IN_UNIT_KEYS = 1 << 7, /* k has unit norm (delta members) */
                LA_IN_LOGITS =
                    1 << 8, /* scores pass through exp: the recall probe sharpens its queries */
                LA_IN_NORMED =
                    1 << 9, /* values are divided by their spread over the dv channels: of
                                        * two channels that leaves the sign of their difference */
};

typedef enum la_family {
    LA_FAMILY_QUADRATIC,
    LA_FAMILY_KERNEL,
    LA_FAMILY_LOW_RANK,
    LA_FAMILY_FOURIER,
    LA_FAMILY_RECURRENT,
    LA_FAMILY_BASELINE,
} la_family;

/* Bytes, exact: the store reports them. All are totals for the whole problem. */
typedef struct la_sizes {
    size_t state;    /* carried between calls: KV cache or recurrent state (see state_parts) */
    size_t saved;    /* written by forward for backward, when la_io.saved is given */
    size_t work;     /* scratch of this pass, undefined between calls */
    size_t instance; /* what create itself keeps: plans, packed parameters */
} la_sizes;

/* Floating-point operations (a multiply-add counts 2) and bytes that must move at least once. */
typedef struct la_cost {
    double flops, bytes;
    int version; /* of the formula */
} la_cost;

typedef enum la_init {
    LA_INIT_NORMAL,     /* N(0, init_scale^2) */
    LA_INIT_IDENTITY,   /* ones on the diagonal of the last two axes */
    LA_INIT_ORTHOGONAL, /* rows in blocks of shape[1] orthogonal directions, norms ~ chi(shape[1]) */
    LA_INIT_CONSTANT,   /* every element init_scale */
} la_init;

/* A learned or drawn tensor: E, F of linformer, W of performer. Always f32. */
typedef struct la_param {
    const char *name;
    int64_t shape[4];
    int rank;
    la_init init;
    double init_scale;
    uint64_t seed; /* mixed into the draw, e.g. performer's redraw */
    int trainable;
} la_param;

/* A named piece of the state. Its shape starts [B, heads, ...], so that the slice of one (batch,
 * head) is contiguous: S [B,H,dk,dv], z [B,H,m], K [B,Hkv,Tcap,dk]. Parts lie one after the other in
 * the state buffer, each starting at a multiple of 64 bytes (la_state_layout). */
typedef struct la_part {
    const char *name;
    int64_t shape[4];
    int rank;
    la_dtype dtype;
    double initial; /* value of every element before the first token: 0, or -INFINITY for maxima */
} la_part;
#define LA_MAX_PARTS  8
#define LA_MAX_PARAMS 8

/* Every pointer is the caller's and borrowed for the call; NULL where unused. 64-byte aligned. */
typedef struct la_io {
    const void *q, *k, *v, *x; /* dtype of the problem; shapes in problem.h */
    const float *beta, *g, *a, *b;
    const float *const *params; /* in the order of la_variant.params */
    void *o;
    const void *state_in; /* NULL: the initial state */
    void *state_out;      /* NULL: not wanted. Decode may alias state_in (the usual case) */
    void *saved, *work;
    int64_t pos;  /* tokens already in state_in */
    void *stream; /* cudaStream_t, or NULL on the CPU */
} la_io;

/* Backward OVERWRITES every non-NULL gradient. */
typedef struct la_grads {
    const void *dout, *dstate_out;
    void *dq, *dk, *dv, *dx;
    float *dbeta, *dg, *da, *db;
    void *dstate_in;
    float *const *dparams;
} la_grads;

/* The reference works on one (batch, head) at a time, in float64: q [T,dk], k [T,dk], v [T,dv],
 * beta [T], g [T] or [T,dk], o [n_rows,dv] - or, for variants with LA_IN_X, on one batch entry with
 * x [T,D], o [n_rows,D]. State parts are slices of one (batch, head). */
typedef struct la_ref_io {
    int64_t head, batch;
    const double *q, *k, *v, *x, *beta, *g, *a, *b;
    const double *const *params; /* whole tensors */
    const int64_t *rows;         /* ascending rows of o wanted; NULL: all T */
    int64_t n_rows;              /* T when rows is NULL */
    double *o;
    const double *const *state_in; /* per part; NULL: the initial state */
    double *const *state_out;      /* per part; NULL: not wanted */
    int64_t pos;
} la_ref_io;

typedef struct la_ref_grads {
    const double *dout;                               /* [T,dv] */
    const double *const *dstate_out;                  /* per part, or NULL */
    double *dq, *dk, *dv, *dx, *dbeta, *dg, *da, *db; /* overwritten */
    double *const *dstate_in;
    double *const *dparams; /* ADDED to: shared by heads */
} la_ref_grads;

typedef struct la_reference {
    /* T tokens from a state; decode is T = 1. May allocate (la_alloc) and is slow on purpose. */
    la_status (*forward)(const la_problem *, const void *opts, const la_ref_io *, la_err *);
    la_status (*backward)(const la_problem *, const void *opts, const la_ref_io *,
                          const la_ref_grads *, la_err *); /* NULL until written */
} la_reference;

/* One way of computing a variant: a backend and a form. Call order:
 *   rank, check, sizes, create, then forward | backward | decode as often as wanted, destroy.
 * forward, backward and decode allocate nothing, print nothing, and on CUDA only enqueue. They use
 * at most problem.threads threads. Any size that la_problem_check accepts is an ordinary input.
 * `pass` in check and sizes is LA_FORWARD, LA_BACKWARD, LA_FWDBWD or LA_DECODE.
 * A member is NULL exactly where its capability bit is clear. */
typedef struct la_impl {
    const char *name; /* "cpu_recurrent", "cpu_chunk", "cuda_chunk"; the part after _ is the form */
    la_backend backend;
    uint32_t caps;
    uint32_t dtypes; /* bits 1u << la_dtype */
    /* 0: cannot run here, says why in err; else the higher is preferred. */
    int (*rank)(const la_device *, la_err *why);
    la_status (*check)(const la_problem *, la_pass, const void *opts, const la_device *, la_err *);
    la_status (*sizes)(const la_problem *, la_pass, const void *opts, const la_device *, la_sizes *,
                       la_err *);
    /* What this form really does, counted; NULL: as la_variant.useful. */
    la_status (*cost)(const la_problem *, la_pass, const void *opts, la_cost *, la_err *);
    la_status (*create)(const la_problem *, const void *opts, const la_device *, void **self,
                        la_err *);
    void (*destroy)(void *self); /* accepts NULL */
    la_status (*forward)(void *self, const la_io *, la_err *);
    la_status (*backward)(void *self, const la_io *, const la_grads *, la_err *);
    la_status (*decode)(void *self, const la_io *, la_err *);
} la_impl;

/* Constant, static storage; never copied, never freed. */
typedef struct la_variant {
    uint32_t abi, size; /* first, so that a loader can reject before reading on */
    const char *name;
    la_family family;
    const char *summary;    /* one line: what it is */
    const char *paper;      /* "arXiv:1706.03762" */
    const char *cost_words; /* "O(T^2 d) time, O(T) memory": for lists and the README */
    uint32_t inputs;        /* la_input bits */
    const char
        *same_as; /* "softmax" for flash: must agree with it; else NULL and reference given */
    const la_reference *reference; /* NULL when same_as is given */
    const la_option *options;
    size_t options_len, options_size;
    /* Lists into out (at most cap) and returns how many; NULL: none. Both are pure. */
    size_t (*params)(const la_problem *, const void *opts, la_param *out, size_t cap);
    size_t (*state_parts)(const la_problem *, const void *opts, la_part *out, size_t cap);
    /* The mathematics' own cost (causal counted as half): the base of "% of peak". For LA_DECODE:
     * one token after Tcap - 1 others. */
    la_status (*useful)(const la_problem *, la_pass, const void *opts, la_cost *, la_err *);
    const la_impl *impls;
    size_t impls_len;
    double default_scale; /* s when the problem names none; 0: 1/sqrt(dk) */
} la_variant;

/* LA_VARIANT(softmax) = { LA_VARIANT_HEAD, .name = "softmax", ... };
 * defines the symbol that the generated table of built-in variants refers to. */
#define LA_VARIANT(name) const la_variant la_variant_##name
#define LA_VARIANT_HEAD  .abi = LA_ABI, .size = sizeof(la_variant)

/* Ready-made ranks: any CPU. */
LA_API int la_rank_any_cpu(const la_device *dev, la_err *why);
LA_API int la_rank_second_cpu(const la_device *dev, la_err *why); /* below la_rank_any_cpu */

/* The scale a problem asks for: p->scale, or 1/sqrt(dk) when that is 0. */
LA_API double la_scale(const la_problem *p);
/* The same for a variant, which may have a default of its own. */
LA_API double la_variant_scale(const la_variant *variant, const la_problem *p);

/* Where each part starts in the state buffer; returns the whole size in bytes. offsets may be NULL. */
LA_API size_t la_state_layout(const la_part *parts, size_t n, size_t *offsets);
LA_API int64_t la_part_elements(const la_part *part);
LA_API int64_t la_param_elements(const la_param *param);
/* Rounds up to the next multiple of 64 bytes, the alignment of all buffers and parts. */
LA_API size_t la_align(size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
