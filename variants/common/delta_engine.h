/* SPDX-License-Identifier: Apache-2.0
 * The engine of the recurrent family: one memory S [dk,dv] a head, and two switches.
 *
 *   S_t = A_t S_{t-1} + write_t,   o_t = S_t' (s q_t)
 *   write rule   additive: A_t = decay,                    write_t = [w_t] k_t v_t'
 *                delta:    A_t = (I - b_t k_t k_t') decay, write_t = b_t k_t v_t'
 *                rank one: A_t = decay + b_t a_t',         write_t = k_t v_t'   (a channel decay; a, b
 *                          are vectors, and a reads S before it decays; see delta_dplr.h)
 *   decay        none: I   fixed: gamma_h I   head: exp(g_t) I   channel: Diag(exp g_t)
 *
 * A member of the family is an la_recurrence, written in its own file beside its descriptor:
 *
 *     static const la_recurrence member = {.name = "deltanet", .write = LA_WRITE_DELTA, ...};
 *     LA_DELTA_FORMS(member)
 *     LA_VARIANT(deltanet) = {..., .impls = forms, .impls_len = LA_COUNT(forms)};
 *
 * Shapes  q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   beta,g [B,T,H] (g of a channel decay, a, b [B,T,H,dk])
 *         S [B,H,dk,dv]; value head h reads query and key head h / (H / Hqk)
 * Forms   recurrent: token by token, two sweeps over S a token; the decode step too
 *         chunk: C tokens at a time as matrix products, S carried from chunk to chunk
 * bf16   q, k, v, o and their gradients may be; gates, all sums and S are float32
 * Where there are fewer heads than threads, or some would be left over, threads run long sequences in pieces, if
 * the rule is additive or decays let the past soon go (delta_pieces.h), or in a relay (delta_relay.h). Else columns
 * of S never meet, so both forms split dv; the chunk form (of the rank-one rule: the recurrent form, where more than
 * two threads share a head) then shares what does not depend on S (scores, sums of decays) over the sequence.
 * Backward goes through chunks of 16 tokens from the last, whatever the form (delta_backward.h). It takes
 * S at the start of each segment from what forward saved (dk dv floats for every 64 tokens: as much as
 * one of q, k, v where dk = dv = 64, twice that at 128) and runs through the segment again. Threads share
 * the query and key heads, or go through one together; the value heads that read the same one add up in
 * order.
 */
#ifndef LA_DELTA_ENGINE_H
#define LA_DELTA_ENGINE_H

#include "labench/kit.h"
#include "labench/variant.h"

typedef enum la_write_rule { LA_WRITE_ADDITIVE, LA_WRITE_DELTA, LA_WRITE_RANK_ONE } la_write_rule;
typedef enum la_decay { LA_DECAY_NONE, LA_DECAY_FIXED, LA_DECAY_HEAD, LA_DECAY_CHANNEL } la_decay;

typedef struct la_recurrence {
    const char *name; /* of the variant, for refusals */
    la_write_rule write;
    la_decay decay;
    bool weighted;        /* the write is weighted by the beta slot; always so for the delta rule */
    double default_scale; /* s when the problem names none; 0: 1/sqrt(dk) */
    double (*log_decay)(int64_t head); /* of a fixed decay: log gamma_h <= 0; else NULL */
} la_recurrence;

/* Options that every member has. */
typedef struct la_delta_options {
    int64_t chunk; /* C, tokens of a chunk */
} la_delta_options;
#define LA_DELTA_OPTIONS_LEN 1
extern const la_option la_delta_option_table[LA_DELTA_OPTIONS_LEN];

typedef enum la_delta_form { LA_DELTA_RECURRENT, LA_DELTA_CHUNK } la_delta_form;

/* The members of la_variant and la_impl; `opts` is an la_delta_options, NULL: the defaults. */
size_t la_delta_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap);
la_status la_delta_useful(const la_recurrence *member, const la_problem *p, la_pass pass,
                          la_cost *cost);
la_status la_delta_cost(const la_recurrence *member, la_delta_form form, const la_problem *p,
                        la_pass pass, const void *opts, la_cost *cost);
la_status la_delta_check(const la_recurrence *member, const la_problem *p, la_pass pass,
                         const la_device *dev, la_err *err);
la_status la_delta_sizes(const la_recurrence *member, la_delta_form form, const la_problem *p,
                         la_pass pass, const void *opts, la_sizes *out);
la_status la_delta_create(const la_recurrence *member, la_delta_form form, const la_problem *p,
                          const void *opts, const la_device *dev, void **self, la_err *err);
la_status la_delta_forward(void *self, const la_io *io, la_err *err);
la_status la_delta_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);
la_status la_delta_decode(void *self, const la_io *io, la_err *err);

#define LA_DELTA_CAPS                                                                              \
    (LA_CAP_CAUSAL | LA_CAP_BACKWARD | LA_CAP_DECODE | LA_CAP_STATE_IN | LA_CAP_STATE_GRAD |       \
     LA_CAP_GROUPED_QK | LA_CAP_DETERMINISTIC)

/* The functions that bind `member` to one form, and the table `forms` of both. */
#define LA_DELTA_FORM_(member, form, FORM)                                                         \
    static la_status form##_sizes(const la_problem *p, la_pass pass, const void *opts,             \
                                  const la_device *dev, la_sizes *out, la_err *err)                \
    {                                                                                              \
        (void)dev, (void)err;                                                                      \
        return la_delta_sizes(&(member), FORM, p, pass, opts, out);                                \
    }                                                                                              \
    static la_status form##_cost(const la_problem *p, la_pass pass, const void *opts, la_cost *c,  \
                                 la_err *err)                                                      \
    {                                                                                              \
        (void)err;                                                                                 \
        return la_delta_cost(&(member), FORM, p, pass, opts, c);                                   \
    }                                                                                              \
    static la_status form##_create(const la_problem *p, const void *opts, const la_device *dev,    \
                                   void **self, la_err *err)                                       \
    {                                                                                              \
        return la_delta_create(&(member), FORM, p, opts, dev, self, err);                          \
    }

#define LA_DELTA_IMPL_(form, how)                                                                  \
    {                                                                                              \
        .name = "cpu_" #form, .backend = LA_CPU, .caps = LA_DELTA_CAPS,                            \
        .dtypes = 1u << LA_F32 | 1u << LA_BF16, .rank = how, .check = check,                       \
        .sizes = form##_sizes, .cost = form##_cost, .create = form##_create, .destroy = la_free,   \
        .forward = la_delta_forward, .backward = la_delta_backward, .decode = la_delta_decode      \
    }

#define LA_DELTA_FORMS(member) LA_DELTA_RANKED_FORMS(member, la_rank_any_cpu, la_rank_second_cpu)

/* The same, the chunk form ranked `first` and the recurrent `second`. */
#define LA_DELTA_RANKED_FORMS(member, first, second)                                               \
    static la_status check(const la_problem *p, la_pass pass, const void *opts,                    \
                           const la_device *dev, la_err *err)                                      \
    {                                                                                              \
        (void)opts;                                                                                \
        return la_delta_check(&(member), p, pass, dev, err);                                       \
    }                                                                                              \
    static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *c,       \
                            la_err *err)                                                           \
    {                                                                                              \
        (void)opts, (void)err;                                                                     \
        return la_delta_useful(&(member), p, pass, c);                                             \
    }                                                                                              \
    LA_DELTA_FORM_(member, recurrent, LA_DELTA_RECURRENT)                                          \
    LA_DELTA_FORM_(member, chunk, LA_DELTA_CHUNK)                                                  \
    LA_DELTA_CUDA_(member)                                                                         \
    static const la_impl forms[] = {LA_DELTA_IMPL_(chunk, first),                                  \
                                    LA_DELTA_IMPL_(recurrent, second) LA_DELTA_CUDA_IMPL_};

/* And the forms for CUDA devices, where there are any in this build. */
#if LA_HAVE_CUDA && !defined(__cplusplus)
#include "delta_cuda.h"

#define LA_DELTA_CUDA_FORM_(member, form, FORM, checks, runs)                                      \
    static la_status cuda_##form##_check(const la_problem *p, la_pass pass, const void *opts,      \
                                         const la_device *dev, la_err *err)                        \
    {                                                                                              \
        (void)opts;                                                                                \
        return checks(&(member), p, pass, dev, err);                                               \
    }                                                                                              \
    static la_status cuda_##form##_sizes(const la_problem *p, la_pass pass, const void *opts,      \
                                         const la_device *dev, la_sizes *out, la_err *err)         \
    {                                                                                              \
        (void)dev, (void)err;                                                                      \
        return la_delta_cuda_sizes(&(member), FORM, p, pass, opts, out);                           \
    }                                                                                              \
    static la_status cuda_##form##_cost(const la_problem *p, la_pass pass, const void *opts,       \
                                        la_cost *c, la_err *err)                                   \
    {                                                                                              \
        (void)opts, (void)err;                                                                     \
        return la_delta_cost(&(member), FORM, p, pass, NULL, c); /* chunks of 16 tokens */         \
    }                                                                                              \
    static const la_cuda_kernels form##_kernels = {.sizes = cuda_##form##_sizes,                   \
                                                   .create = cuda_make,                            \
                                                   .destroy = la_delta_cuda_destroy,               \
                                                   .forward = runs,                                \
                                                   .backward = la_delta_cuda_backward,             \
                                                   .decode = la_delta_cuda_decode};                \
    LA_CUDA_THUNKS((member).name, form##_kernels)

#define LA_DELTA_CUDA_(member)                                                                     \
    static la_status cuda_make(const la_problem *p, const void *opts, const la_device *dev,        \
                               void **self, la_err *err)                                           \
    {                                                                                              \
        (void)opts, (void)dev;                                                                     \
        return la_delta_cuda_create(&(member), p, self, err);                                      \
    }                                                                                              \
    LA_DELTA_CUDA_FORM_(member, recurrent, LA_DELTA_RECURRENT, la_delta_cuda_check,                \
                        la_delta_cuda_step)                                                        \
    LA_DELTA_CUDA_FORM_(member, chunk, LA_DELTA_CHUNK, la_delta_cuda_chunk_check,                  \
                        la_delta_cuda_chunks)

#define LA_DELTA_CUDA_ROW_(form, how)                                                              \
    {                                                                                              \
        .name = "cuda_" #form, LA_CUDA_RANKED_CALLS(form##_kernels, how),                          \
        .check = cuda_##form##_check, .caps = LA_DELTA_CAPS,                                       \
        .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16, .cost = cuda_##form##_cost,         \
        .backward = la_cuda_backward, .decode = la_cuda_decode                                     \
    }

#define LA_DELTA_CUDA_IMPL_                                                                        \
    , LA_DELTA_CUDA_ROW_(chunk, la_rank_cuda), LA_DELTA_CUDA_ROW_(recurrent, la_rank_second_cuda)
#else
#define LA_DELTA_CUDA_(member)
#define LA_DELTA_CUDA_IMPL_
#endif

#endif
