/* SPDX-License-Identifier: Apache-2.0
 * ema - a key-value memory that keeps an exponential moving average of what was written.
 *
 *   S_t = a S_{t-1} + (1 - a) k_t v_t'      S in R^{dk x dv}, S_0 = 0
 *   o_t = S_t' (s q_t)                      s = 1/sqrt(dk),  a = 2^(-1/halflife)
 *
 * Shapes   q,k [B,T,H,dk]   v,o [B,T,H,dv]   state S [B,H,dk,dv] float32
 * Forms    recurrent: O(T dk dv) time; it is the decode step too
 *          backward runs forwards once for S (dq), then backwards with the gradient of S:
 *            dq_t = s S_t do_t
 *            D_t = a D_{t+1} + s q_t do_t'     dk_t = (1 - a) D_t v_t     dv_t = (1 - a) D_t' k_t
 *          Nothing is saved between the two, and memory does not grow with T.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "labench/plugin.h"

/* ---- options ---- */

typedef struct options {
    double halflife;
} options;

static const la_option option_table[] = {
    {.name = "halflife",
     .type = LA_OPTION_REAL,
     .offset = offsetof(options, halflife),
     .def = 256,
     .min = 1,
     .max = 1e6,
     .help = "tokens after which a memory weighs half"},
};

static double decay_of(const void *opts)
{
    return exp2(-1.0 / ((const options *)opts)->halflife);
}

/* 1 - a, not from a rounded to float32, which has no digits left of it at long half-lives. */
static double weight_of(const void *opts)
{
    return -expm1(-log(2.0) / ((const options *)opts)->halflife);
}

/* ---- the definition, in float64: slow and plain, since everything is held to it ---- */

/* S <- a S + w k v' with w = 1 - a */
static void ref_write(double *S, const double *k, const double *v, const void *opts, int64_t dk,
                      int64_t dv)
{
    double a = decay_of(opts), w = weight_of(opts);
    for (int64_t i = 0; i < dk; i++)
        for (int64_t j = 0; j < dv; j++) S[i * dv + j] = a * S[i * dv + j] + w * k[i] * v[j];
}

/* One head of one sequence. `rows` may ask for some tokens only. */
static la_status ref_forward(const la_problem *p, const void *opts, const la_ref_io *io,
                             la_err *err)
{
    int64_t dk = p->dk, dv = p->dv;
    double s = la_scale(p);
    double *S = la_zalloc((size_t)(dk * dv) * sizeof *S, err);
    if (!S) return LA_E_NOMEM;
    if (io->state_in) memcpy(S, io->state_in[0], (size_t)(dk * dv) * sizeof *S);
    for (int64_t t = 0, r = 0; t < p->T; t++) {
        ref_write(S, io->k + t * dk, io->v + t * dv, opts, dk, dv);
        if (r == io->n_rows || (io->rows && io->rows[r] != t)) continue;
        double *o = io->o + r++ * dv;
        for (int64_t j = 0; j < dv; j++) {
            o[j] = 0;
            for (int64_t i = 0; i < dk; i++) o[j] += s * io->q[t * dk + i] * S[i * dv + j];
        }
    }
    if (io->state_out) memcpy(io->state_out[0], S, (size_t)(dk * dv) * sizeof *S);
    la_free(S);
    return LA_OK;
}

static la_status ref_backward(const la_problem *p, const void *opts, const la_ref_io *io,
                              const la_ref_grads *g, la_err *err)
{
    int64_t dk = p->dk, dv = p->dv, n = dk * dv;
    double a = decay_of(opts), w = weight_of(opts), s = la_scale(p);
    double *S = la_zalloc((size_t)(2 * n) * sizeof *S, err), *D = S + n;
    if (!S) return LA_E_NOMEM;
    if (io->state_in) memcpy(S, io->state_in[0], (size_t)n * sizeof *S);
    if (g->dstate_out) memcpy(D, g->dstate_out[0], (size_t)n * sizeof *D);
    for (int64_t t = 0; t < p->T; t++) {
        ref_write(S, io->k + t * dk, io->v + t * dv, opts, dk, dv);
        for (int64_t i = 0; g->dq && i < dk; i++) {
            g->dq[t * dk + i] = 0;
            for (int64_t j = 0; j < dv; j++)
                g->dq[t * dk + i] += s * S[i * dv + j] * g->dout[t * dv + j];
        }
    }
    for (int64_t t = p->T; t-- > 0;) {
        const double *q = io->q + t * dk, *k = io->k + t * dk, *v = io->v + t * dv;
        for (int64_t j = 0; g->dv && j < dv; j++) g->dv[t * dv + j] = 0;
        for (int64_t i = 0; i < dk; i++) {
            double dki = 0;
            for (int64_t j = 0; j < dv; j++) {
                D[i * dv + j] += s * q[i] * g->dout[t * dv + j];
                dki += w * D[i * dv + j] * v[j];
                if (g->dv) g->dv[t * dv + j] += w * D[i * dv + j] * k[i];
                D[i * dv + j] *= a;
            }
            if (g->dk) g->dk[t * dk + i] = dki;
        }
    }
    if (g->dstate_in) memcpy(g->dstate_in[0], D, (size_t)n * sizeof *D);
    la_free(S);
    return LA_OK;
}

static const la_reference reference = {.forward = ref_forward, .backward = ref_backward};

/* ---- what it needs and what it costs ---- */

static size_t state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    if (cap > 0)
        out[0] =
            (la_part){.name = "S", .shape = {p->B, p->H, p->dk, p->dv}, .rank = 4, .dtype = LA_F32};
    return 1;
}

/* Multiply-adds count 2: per token forward 3 dk dv to write, 2 to read; backward 9. Bytes: what must
 * come in and go out once. */
static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)opts, (void)err;
    double tokens = (double)p->B * (double)p->H * (pass == LA_DECODE ? 1.0 : (double)p->T);
    double dk = (double)p->dk, dv = (double)p->dv, states = (double)(p->B * p->H) * dk * dv;
    double forward = pass != LA_BACKWARD, backward = pass == LA_BACKWARD || pass == LA_FWDBWD;
    *cost = (la_cost){.flops = tokens * dk * dv * (5 * forward + 9 * backward),
                      .bytes = 4 * (tokens * (2 * dk + 2 * dv) * forward +
                                    tokens * (4 * dk + 3 * dv) * backward + 2 * states),
                      .version = 1};
    return LA_OK;
}

/* What it does not promise it declines, with a reason. */
static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *device,
                       la_err *err)
{
    (void)pass, (void)opts, (void)device;
    if (p->mask != LA_MASK_CAUSAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "ema is a recurrence: causal only");
    if (p->dtype != LA_F32)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "ema has no %s kernel", la_dtype_name(p->dtype));
    if (p->Hkv != p->H || p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "ema has no grouped heads");
    return LA_OK;
}

typedef struct instance {
    la_problem p;
    float a, w, s; /* decay, 1 - a, scale */
} instance;

/* One matrix [dk,dv] of each head: S where the caller wants no state, and D of backward. */
static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *device,
                       la_sizes *out, la_err *err)
{
    (void)pass, (void)device, (void)err;
    la_part part;
    state_parts(p, opts, &part, 1);
    size_t state = la_state_layout(&part, 1, NULL);
    *out = (la_sizes){.state = state, .work = state, .instance = sizeof(instance)};
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *device, void **self,
                        la_err *err)
{
    (void)device;
    instance *in = la_alloc(sizeof *in, err);
    if (!in) return LA_E_NOMEM;
    *in = (instance){
        .p = *p, .a = (float)decay_of(opts), .w = (float)weight_of(opts), .s = (float)la_scale(p)};
    *self = in;
    return LA_OK;
}

/* ---- kernels, float32 ---- */

/* Head h of sequence b: its first token, and its matrix in a buffer of states. */
static size_t token_of(const la_problem *p, int64_t b, int64_t h, int64_t width)
{
    return (size_t)((b * p->T * p->H + h) * width);
}

static size_t matrix_of(const la_problem *p, int64_t b, int64_t h)
{
    return (size_t)((b * p->H + h) * p->dk * p->dv);
}

static void matrix_start(float *to, const float *from, int64_t n)
{
    if (!from)
        memset(to, 0, (size_t)n * sizeof *to);
    else if (from != to)
        memcpy(to, from, (size_t)n * sizeof *to);
}

/* S <- a S + w k v' and o <- s S' q in one sweep over S. */
static void step(float *restrict S, float *restrict o, const float *q, const float *k,
                 const float *v, const instance *in)
{
    int64_t dk = in->p.dk, dv = in->p.dv;
    for (int64_t j = 0; j < dv; j++) o[j] = 0;
    for (int64_t i = 0; i < dk; i++) {
        float a = in->a, write = in->w * k[i], read = in->s * q[i];
        float *row = S + i * dv;
        for (int64_t j = 0; j < dv; j++) {
            row[j] = a * row[j] + write * v[j];
            o[j] += read * row[j];
        }
    }
}

/* Forward of T tokens, and decode, which is T = 1. */
static la_status forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const instance *in = self;
    const la_problem *p = &in->p;
    int64_t dk = p->dk, dv = p->dv;
    float *states = io->state_out ? io->state_out : io->work;
#pragma omp parallel for collapse(2) num_threads(p->threads)
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t h = 0; h < p->H; h++) {
            float *S = states + matrix_of(p, b, h);
            const float *first = io->state_in;
            size_t at_k = token_of(p, b, h, dk), at_v = token_of(p, b, h, dv);
            matrix_start(S, first ? first + matrix_of(p, b, h) : NULL, dk * dv);
            for (int64_t t = 0; t < p->T; t++) {
                step(S, (float *)io->o + at_v, (const float *)io->q + at_k,
                     (const float *)io->k + at_k, (const float *)io->v + at_v, in);
                at_k += (size_t)(p->H * dk);
                at_v += (size_t)(p->H * dv);
            }
        }
    return LA_OK;
}

/* dq of a token, with S moved on by it. */
static void back_query(float *restrict S, float *dq, const float *k, const float *v,
                       const float *dout, const instance *in)
{
    int64_t dk = in->p.dk, dv = in->p.dv;
    for (int64_t i = 0; i < dk; i++) {
        float a = in->a, write = in->w * k[i], sum = 0;
        for (int64_t j = 0; j < dv; j++) {
            S[i * dv + j] = a * S[i * dv + j] + write * v[j];
            sum += S[i * dv + j] * dout[j];
        }
        if (dq) dq[i] = in->s * sum;
    }
}

/* dk and dv of a token, with D moved back over it. */
static void back_memory(float *restrict D, float *dk_out, float *restrict dv_out, const float *q,
                        const float *k, const float *v, const float *dout, const instance *in)
{
    int64_t dk = in->p.dk, dv = in->p.dv;
    for (int64_t j = 0; dv_out && j < dv; j++) dv_out[j] = 0;
    for (int64_t i = 0; i < dk; i++) {
        float a = in->a, read = in->s * q[i], write = in->w * k[i], sum = 0;
        for (int64_t j = 0; j < dv; j++) {
            float d = D[i * dv + j] + read * dout[j];
            sum += d * v[j];
            if (dv_out) dv_out[j] += write * d;
            D[i * dv + j] = a * d;
        }
        if (dk_out) dk_out[i] = in->w * sum;
    }
}

/* Where a gradient of a token goes; NULL when it is not wanted. */
static float *at(void *base, size_t offset)
{
    return base ? (float *)base + offset : NULL;
}

static la_status backward(void *self, const la_io *io, const la_grads *g, la_err *err)
{
    (void)err;
    const instance *in = self;
    const la_problem *p = &in->p;
    int64_t dk = p->dk, dv = p->dv;
    const float *q = io->q, *k = io->k, *v = io->v, *dout = g->dout;
#pragma omp parallel for collapse(2) num_threads(p->threads)
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t h = 0; h < p->H; h++) {
            size_t m = matrix_of(p, b, h), rows = (size_t)p->H;
            size_t at_k = token_of(p, b, h, dk), at_v = token_of(p, b, h, dv);
            const float *first = io->state_in, *last = g->dstate_out;
            float *M = (float *)io->work + m; /* S on the way forth, D on the way back */
            matrix_start(M, first ? first + m : NULL, dk * dv);
            for (int64_t t = 0; t < p->T; t++) {
                size_t tk = at_k + (size_t)t * rows * (size_t)dk;
                size_t tv = at_v + (size_t)t * rows * (size_t)dv;
                back_query(M, at(g->dq, tk), k + tk, v + tv, dout + tv, in);
            }
            matrix_start(M, last ? last + m : NULL, dk * dv);
            for (int64_t t = p->T; t-- > 0;) {
                size_t tk = at_k + (size_t)t * rows * (size_t)dk;
                size_t tv = at_v + (size_t)t * rows * (size_t)dv;
                back_memory(M, at(g->dk, tk), at(g->dv, tv), q + tk, k + tk, v + tv, dout + tv, in);
            }
            if (g->dstate_in) memcpy(at(g->dstate_in, m), M, (size_t)(dk * dv) * sizeof *M);
        }
    return LA_OK;
}

/* ---- what labench sees ---- */

static const la_impl impls[] = {
    {.name = "cpu_recurrent",
     .backend = LA_CPU,
     .caps = LA_CAP_CAUSAL | LA_CAP_BACKWARD | LA_CAP_DECODE | LA_CAP_STATE_IN | LA_CAP_STATE_GRAD |
             LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = sizes,
     .create = create,
     .destroy = la_free,
     .forward = forward,
     .backward = backward,
     .decode = forward},
};

static const la_variant variant = {
    LA_VARIANT_HEAD,
    .name = "ema",
    .family = LA_FAMILY_RECURRENT,
    .summary = "memory of key-value pairs as a moving average",
    .paper = "-",
    .cost_words = "O(T dk dv) time, O(dk dv) state",
    .inputs = LA_IN_QKV | LA_IN_UNIT_KEYS,
    .reference = &reference,
    .options = option_table,
    .options_len = LA_COUNT(option_table),
    .options_size = sizeof(options),
    .state_parts = state_parts,
    .useful = useful,
    .impls = impls,
    .impls_len = LA_COUNT(impls),
};
LA_PLUGIN(variant);
