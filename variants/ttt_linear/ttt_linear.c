/* SPDX-License-Identifier: Apache-2.0
 * ttt_linear - the memory is a linear model, and remembering is training it: every token is an example
 * (key -> value), every C tokens are a mini-batch of gradient descent.
 *
 *   f(x; W, b) = E x + LN(W'x + b)          LN(z) = gamma (z - mean) / sqrt(var + 1e-6) + beta_LN
 *   l_t(W, b)  = |f(k_t) - v_t|^2 / 2       that is |LN(W'k_t + b) - (v_t - E k_t)|^2 / 2
 * With (W, b) the model at the start of the mini-batch, G_t = dl_t / d(W'k_t + b) taken there, and
 * eta_t = rate beta_t / dk, token i = 1..C of the mini-batch reads
 *   W_i = W - c_i sum_{j<=i} eta_j k_j G_j',   b_i = b - c_i sum_{j<=i} eta_j G_j,   c_i = 1/i
 *   o_i = f(s q_i; W_i, b_i),   s = 1
 * and the next mini-batch starts from W_C, b_C. The first starts from W0, b0, which are learned.
 * Sun, Li, Dalal, Xu, Vikram, Zhang, Dubois, Chen, Wang, Koyejo, Hashimoto, Guestrin 2024, "Learning to
 * (learn at test time)", arXiv:2407.04620, sections 2.3 to 2.7 and the code that the authors published.
 *
 * Shapes   q,k [B,T,Hqk,dk]   v,o [B,T,H,dv]   beta [B,T,H]   W0 [H,dk,dv]   b0, gamma, beta_LN [H,dv]
 *          E x: the first min(dk, dv) channels of x, then zeros; x itself where dk = dv
 * State    W [B,H,dk,dv] and b [B,H,dv], at the start of the mini-batch, less W0 and b0; sum_W and sum_b,
 *          the two sums so far; n [B,H], tokens in them. A sequence may be cut anywhere.
 * Forms    chunk: the dual form. Z = K W + b and G for all tokens of a mini-batch, H = diag(eta) G,
 *          Zbar = s Q W + b - diag(c) tril(s Q K' + 1) H, W <- W - c_C K'H: no W_i is ever made
 *          recurrent: token by token, the sums as matrices; decode too. CUDA devices have the dual form
 *          for all passes, a block a head
 *          backward (both): by mini-batches from the last, through G as well, recomputed from W and b
 *          saved about every 64 tokens; see ttt_linear_back.c
 * Options  mini_batch C; rate; average=0: c_i = 1, the plain sum of the paper's equation 6 (the 1/i is in
 *          the code); norm=none: f(x) = W'x + b
 * Numerics a state holds W - W0, so that an initial state is zeros and small changes keep their digits
 * Differs  1/i is not learned; queries and keys share no projection; rotation inside a mini-batch, the
 *          norm after the layer and its gate belong to the model block
 */
#include <inttypes.h>
#include <math.h>

#include "ttt_linear_cuda.h"
#include "ttt_linear_internal.h"

static const char *const norms[] = {"ln", "none", NULL};

static const la_option options[] = {
    {.name = "mini_batch",
     .type = LA_OPTION_INT,
     .offset = offsetof(la_ttt_options, mini_batch),
     .def = 16,
     .min = 1,
     .max = 256,
     .help = "tokens whose gradients are taken at the same weights"},
    {.name = "rate",
     .type = LA_OPTION_REAL,
     .offset = offsetof(la_ttt_options, rate),
     .def = 1.0,
     .min = 0.0,
     .max = INFINITY,
     .help = "learning rate of the inner model: a token's is rate beta / dk"},
    {.name = "average",
     .type = LA_OPTION_BOOL,
     .offset = offsetof(la_ttt_options, average),
     .def = 1,
     .help = "1: token i of a mini-batch sees the mean of its i gradients; 0: their sum"},
    {.name = "norm",
     .type = LA_OPTION_CHOICE,
     .offset = offsetof(la_ttt_options, norm),
     .def = LA_TTT_LN,
     .choices = norms,
     .help = "inner model: ln x + LN(Wx + b), none Wx + b"},
};

static size_t params(const la_problem *p, const void *opts, la_param *out, size_t cap)
{
    (void)opts;
    if (cap < LA_TTT_PARAMS) return LA_TTT_PARAMS;
    la_param row = {.shape = {p->H, p->dv},
                    .rank = 2,
                    .init = LA_INIT_CONSTANT,
                    .init_scale = 0.0,
                    .trainable = 1};
    out[LA_TTT_W0] = (la_param){.name = "W0",
                                .shape = {p->H, p->dk, p->dv},
                                .rank = 3,
                                .init = LA_INIT_NORMAL,
                                .init_scale = 0.16 / sqrt((double)p->dk),
                                .trainable = 1};
    out[LA_TTT_B0] = out[LA_TTT_LN_W] = out[LA_TTT_LN_B] = row;
    out[LA_TTT_B0].name = "b0";
    out[LA_TTT_LN_W].name = "ln_w";
    out[LA_TTT_LN_W].init_scale = 1.0;
    out[LA_TTT_LN_B].name = "ln_b";
    return LA_TTT_PARAMS;
}

size_t la_ttt_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    if (cap < LA_TTT_PARTS) return LA_TTT_PARTS;
    la_part matrix = {.shape = {p->B, p->H, p->dk, p->dv}, .rank = 4, .dtype = LA_F32};
    la_part row = {.shape = {p->B, p->H, p->dv}, .rank = 3, .dtype = LA_F32};
    out[LA_TTT_W] = out[LA_TTT_SUM_W] = matrix;
    out[LA_TTT_B] = out[LA_TTT_SUM_B] = row;
    out[LA_TTT_N] = (la_part){.name = "n", .shape = {p->B, p->H}, .rank = 2, .dtype = LA_F32};
    out[LA_TTT_W].name = "W";
    out[LA_TTT_B].name = "b";
    out[LA_TTT_SUM_W].name = "sum_W";
    out[LA_TTT_SUM_B].name = "sum_b";
    return LA_TTT_PARTS;
}

/* ---- cost; a multiply-add counts 2 ---- */

static double tokens_of(const la_problem *p, la_pass pass)
{
    return (double)p->B * (double)p->H * (pass == LA_DECODE ? 1.0 : (double)p->T);
}

/* Inputs and output of a token once; W and its sum in and out once; the parameters once. */
static double bytes_of(const la_problem *p, la_pass pass)
{
    double dk = (double)p->dk, dv = (double)p->dv, group = (double)(p->H / p->Hqk);
    double element = (double)la_dtype_size(p->dtype) / sizeof(float); /* of q, k, v, o */
    double inputs = element * (2 * dk / group + dv) + 1, tokens = tokens_of(p, pass);
    double model = dk * dv + dv, heads = (double)(p->B * p->H), learned = (double)p->H * model;
    double forward = tokens * (inputs + element * dv) + 4 * heads * model + learned;
    double backward = tokens * (2 * inputs + element * dv) + 6 * heads * model + 2 * learned;
    return sizeof(float) * ((pass == LA_BACKWARD ? 0.0 : forward) +
                            (pass == LA_BACKWARD || pass == LA_FWDBWD ? backward : 0.0));
}

/* Per token, in units of dk dv. Forward: 2 each for W'k, the outer product k G' and what the query reads.
 * Backward: 2 each for dq, for the gradient that the query leaves in W, for what the sums give to G and
 * to k, and for W'k's own to W and to k. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)opts, (void)err;
    double each =
        (pass == LA_BACKWARD ? 0.0 : 6.0) + (pass == LA_BACKWARD || pass == LA_FWDBWD ? 12.0 : 0.0);
    *cost = (la_cost){.flops = tokens_of(p, pass) * each * (double)(p->dk * p->dv),
                      .bytes = bytes_of(p, pass),
                      .version = 1};
    return LA_OK;
}

/* Backward: the six products of useful, K W, K'H and Q W again, and inside a mini-batch Q K', A H, A' N,
 * N H', dA K and dA' Q. */
static double backward_flops(const la_problem *p, double C)
{
    double dk = (double)p->dk, dv = (double)p->dv;
    return tokens_of(p, LA_FORWARD) * (18 * dk * dv + 6 * C * (dk + dv));
}

static la_status cost_of(bool chunk, const la_problem *p, la_pass pass, const void *opts,
                         la_cost *cost)
{
    const la_ttt_options *o = opts;
    double dk = (double)p->dk, dv = (double)p->dv, tokens = tokens_of(p, pass);
    double C = (double)(o->mini_batch < p->T ? o->mini_batch : p->T);
    double forward = chunk && pass != LA_DECODE ? 6 * dk * dv + 2 * C * (dk + dv) + 2 * dk * dv / C
                                                : 12 * dk * dv; /* W0 and W - W0 are read apart */
    *cost = (la_cost){.bytes = bytes_of(p, pass), .version = 1};
    if (pass != LA_BACKWARD) cost->flops += tokens * forward;
    if (pass != LA_BACKWARD && pass != LA_FWDBWD) return LA_OK;
    double saved = (double)(p->B * p->H * la_ttt_saved(p, o->mini_batch) * la_ttt_memory(p));
    cost->flops += backward_flops(p, C);
    cost->bytes += sizeof(float) * saved * (pass == LA_FWDBWD ? 2.0 : 1.0);
    return LA_OK;
}

static la_status chunk_cost(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                            la_err *err)
{
    (void)err;
    return cost_of(true, p, pass, opts, cost);
}

static la_status recurrent_cost(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                                la_err *err)
{
    (void)err;
    return cost_of(false, p, pass, opts, cost);
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)pass, (void)opts;
    if (p->mask != LA_MASK_CAUSAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "ttt_linear learns from the tokens in their order: causal only");
    if (p->dtype != LA_F32 && p->dtype != LA_BF16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "ttt_linear has no %s kernel yet",
                       la_dtype_name(p->dtype));
    LA_TRY(la_bf16_check(p, dev, "ttt_linear", err));
    if (p->Hkv != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "ttt_linear groups values, not keys: kv-heads %" PRId64
                       " must equal heads %" PRId64 " (qk-heads may be fewer)",
                       p->Hkv, p->H);
    return LA_OK;
}

#if LA_HAVE_CUDA
/* On CUDA devices; 16-bit types need no instructions of this CPU. */
static la_status cuda_check(const la_problem *p, la_pass pass, const void *opts,
                            const la_device *dev, la_err *err)
{
    la_problem like = *p;
    int64_t wide = p->dk > p->dv ? p->dk : p->dv;
    if (p->dk > INT32_MAX / p->dv || wide > INT32_MAX / 256)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "ttt_linear on CUDA devices takes no %" PRId64 " by %" PRId64
                       " weights: they "
                       "are numbered in 31 bits",
                       p->dk, p->dv);
    if (p->dtype == LA_BF16 || p->dtype == LA_F16) like.dtype = LA_F32;
    return check(&like, pass, opts, dev, err);
}

LA_CUDA_THUNKS("ttt_linear", la_ttt_cuda_kernels)
#endif

#define CAPS                                                                                       \
    (LA_CAP_CAUSAL | LA_CAP_BACKWARD | LA_CAP_DECODE | LA_CAP_STATE_IN | LA_CAP_STATE_GRAD |       \
     LA_CAP_GROUPED_QK | LA_CAP_DETERMINISTIC)

static const la_impl impls[] = {
    {.name = "cpu_chunk",
     .backend = LA_CPU,
     .caps = CAPS,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = la_ttt_sizes,
     .cost = chunk_cost,
     .create = la_ttt_create,
     .destroy = la_free,
     .forward = la_ttt_forward,
     .backward = la_ttt_backward,
     .decode = la_ttt_decode},
    {.name = "cpu_recurrent",
     .backend = LA_CPU,
     .caps = CAPS,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16,
     .rank = la_rank_second_cpu,
     .check = check,
     .sizes = la_ttt_steps_sizes,
     .cost = recurrent_cost,
     .create = la_ttt_create,
     .destroy = la_free,
     .forward = la_ttt_forward_recurrent,
     .backward = la_ttt_backward,
     .decode = la_ttt_decode},
#if LA_HAVE_CUDA
    {.name = "cuda_chunk",
     LA_CUDA_CALLS(la_ttt_cuda_kernels),
     .check = cuda_check,
     .caps = CAPS,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16 | 1u << LA_F16,
     .cost = chunk_cost,
     .backward = la_cuda_backward,
     .decode = la_cuda_decode},
#endif
};

LA_VARIANT(ttt_linear) = {
    LA_VARIANT_HEAD,
    .name = "ttt_linear",
    .family = LA_FAMILY_RECURRENT,
    .paper = "arXiv:2407.04620",
    .summary = "a linear model trained on the tokens as they come, by mini-batches",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV | LA_IN_BETA | LA_IN_NORMED,
    .reference = &la_ttt_linear_reference,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_ttt_options),
    .params = params,
    .state_parts = la_ttt_state_parts,
    .useful = useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
