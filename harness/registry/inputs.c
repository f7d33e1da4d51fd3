/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <math.h>
#include <string.h>

#include "elements.h"
#include "labench/kit.h"

enum { DRAWN = 1 << 18 }; /* floats of a block that is drawn before it is rounded */

const char *const la_tensor_names[LA_T_COUNT] = {"q", "k", "v", "x", "beta", "g", "a", "b"};

const char *la_input_kind_name(la_input_kind kind)
{
    static const char *const names[] = {"default",    "strong_decay", "no_decay",
                                        "beta_edges", "big_logits",   "wide"};
    return names[kind];
}

bool la_input_kind_applies(const la_variant *variant, la_input_kind kind)
{
    bool gates = variant->inputs & (LA_IN_GATE_HEAD | LA_IN_GATE_CHANNEL);
    switch (kind) {
    case LA_INPUTS_DEFAULT:
        return true;
    case LA_INPUTS_STRONG_DECAY:
    case LA_INPUTS_NO_DECAY:
        return gates;
    case LA_INPUTS_BETA_EDGES:
        return variant->inputs & LA_IN_BETA;
    case LA_INPUTS_BIG_LOGITS:
        return variant->family == LA_FAMILY_QUADRATIC || variant->family == LA_FAMILY_LOW_RANK;
    case LA_INPUTS_WIDE:
        return variant->inputs & LA_IN_LOGITS;
    case LA_INPUTS_KINDS:
        break;
    }
    return false;
}

/* True when the heads of k follow Hqk (recurrent kind) and not Hkv (softmax kind). */
static bool keys_follow_queries(const la_variant *variant)
{
    return variant->family == LA_FAMILY_RECURRENT;
}

int la_tensor_shape(const la_variant *variant, const la_problem *p, la_tensor which,
                    int64_t shape[4])
{
    uint32_t in = variant->inputs;
    bool recurrent = keys_follow_queries(variant);
    int64_t heads = p->H, width = 0;
    switch (which) {
    case LA_T_Q:
        if (in & LA_IN_QKV) heads = p->Hqk, width = p->dk;
        break;
    case LA_T_K:
        if (in & LA_IN_QKV) heads = recurrent ? p->Hqk : p->Hkv, width = p->dk;
        break;
    case LA_T_V:
        if (in & LA_IN_QKV) heads = recurrent ? p->H : p->Hkv, width = p->dv;
        break;
    case LA_T_X:
        if (!(in & LA_IN_X)) return 0;
        shape[0] = p->B, shape[1] = p->T, shape[2] = p->H * p->dv;
        return 3;
    case LA_T_BETA:
        if (!(in & (LA_IN_BETA | LA_IN_DT))) return 0;
        shape[0] = p->B, shape[1] = p->T, shape[2] = p->H;
        return 3;
    case LA_T_G:
        if (in & LA_IN_GATE_HEAD) {
            shape[0] = p->B, shape[1] = p->T, shape[2] = p->H;
            return 3;
        }
        if (in & LA_IN_GATE_CHANNEL) width = p->dk;
        break;
    case LA_T_A:
    case LA_T_B:
        if (in & LA_IN_AB) width = p->dk;
        break;
    case LA_T_COUNT:
        break;
    }
    if (width == 0) return 0;
    shape[0] = p->B, shape[1] = p->T, shape[2] = heads, shape[3] = width;
    return 4;
}

int64_t la_tensor_elements(const la_variant *variant, const la_problem *p, la_tensor which)
{
    int64_t shape[4], n = 1;
    int rank = la_tensor_shape(variant, p, which, shape);
    if (rank == 0) return 0;
    for (int i = 0; i < rank; i++) n *= shape[i];
    return n;
}

la_dtype la_tensor_dtype(const la_problem *p, int which)
{
    return which <= LA_T_X ? p->dtype : LA_F32;
}

static size_t element_size(const la_problem *p, int which)
{
    return la_dtype_size(la_tensor_dtype(p, which));
}

size_t la_inputs_bytes(const la_variant *variant, const la_problem *p, const void *opts)
{
    size_t bytes = 0;
    for (int i = 0; i < LA_T_COUNT; i++)
        bytes += (size_t)la_tensor_elements(variant, p, (la_tensor)i) * element_size(p, i);
    la_param params[LA_MAX_PARAMS];
    size_t n = variant->params ? variant->params(p, opts, params, LA_MAX_PARAMS) : 0;
    for (size_t i = 0; i < n; i++) bytes += (size_t)la_param_elements(&params[i]) * sizeof(float);
    return bytes;
}

la_status la_inputs_alloc(const la_variant *variant, const la_problem *p, const void *opts,
                          la_inputs *out, la_err *err)
{
    *out = (la_inputs){.problem = *p};
    for (int i = 0; i < LA_T_COUNT; i++) {
        int64_t n = la_tensor_elements(variant, p, (la_tensor)i);
        la_status st = la_buffer_init(&out->t[i], (size_t)n * element_size(p, i), err);
        if (st != LA_OK) {
            la_inputs_release(out);
            return st;
        }
    }
    size_t n = variant->params ? variant->params(p, opts, out->params, LA_MAX_PARAMS) : 0;
    LA_ASSERT(n <= LA_MAX_PARAMS);
    for (size_t i = 0; i < n; i++) {
        size_t bytes = (size_t)la_param_elements(&out->params[i]) * sizeof(float);
        la_status st = la_buffer_init(&out->param[i], bytes, err);
        if (st != LA_OK) {
            la_inputs_release(out);
            return st;
        }
        out->param_ptr[i] = out->param[i].data;
        out->n_params = i + 1;
    }
    return LA_OK;
}

void la_inputs_release(la_inputs *in)
{
    if (!in) return;
    for (int i = 0; i < LA_T_COUNT; i++) la_buffer_release(&in->t[i]);
    for (size_t i = 0; i < LA_MAX_PARAMS; i++) la_buffer_release(&in->param[i]);
    *in = (la_inputs){0};
}

la_status la_inputs_draw_params(la_inputs *in, uint64_t seed, la_err *err)
{
    for (size_t i = 0; i < in->n_params; i++)
        LA_TRY(la_param_draw(&in->params[i], seed, in->param[i].data, err));
    return LA_OK;
}

void la_inputs_vary_constants(la_inputs *in, uint64_t seed)
{
    for (size_t i = 0; i < in->n_params; i++) {
        float *x = in->param[i].data;
        int64_t n = la_param_elements(&in->params[i]);
        if (in->params[i].init != LA_INIT_CONSTANT) continue;
        for (int64_t e = 0; e < n; e++)
            x[e] += (float)(0.3 * la_random_normal(la_stream(seed, 0x76617279, i), (uint64_t)e));
    }
}

static void scale_all(float *x, int64_t n, float factor)
{
    for (int64_t i = 0; i < n; i++) x[i] *= factor;
}

static void unit_rows(float *x, int64_t rows, int64_t d, int threads)
{
#pragma omp parallel for num_threads(threads) if (rows > 4096) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        double norm = 0.0;
        for (int64_t c = 0; c < d; c++) norm += (double)x[r * d + c] * (double)x[r * d + c];
        double scale = norm > 0 ? 1.0 / sqrt(norm) : 0.0;
        for (int64_t c = 0; c < d; c++) x[r * d + c] = (float)((double)x[r * d + c] * scale);
    }
}

/* Every fourth key repeats the one before it, in every head; `row`: bytes of all heads of a token. */
static void duplicate_keys(char *k, int64_t B, int64_t T, size_t row)
{
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 1; t < T; t++) {
            char *at = k + (size_t)(b * T + t) * row;
            if (t % 4 == 3) memcpy(at, at - row, row);
        }
}

static void draw_gate(float *g, int64_t n, la_input_kind kind, int threads)
{
    la_random_to_decays(g, n, threads);
    for (int64_t i = 0; i < n; i++) {
        if (kind == LA_INPUTS_NO_DECAY)
            g[i] = 0.0f;
        else if (kind == LA_INPUTS_STRONG_DECAY && i % 3 != 2)
            g[i] = i % 3 == 0 ? -50.0f : 0.0f;
    }
}

static void draw_beta(const la_variant *variant, float *beta, int64_t n, la_input_kind kind)
{
    for (int64_t i = 0; i < n; i++) {
        double z = (double)beta[i];
        if (variant->inputs & LA_IN_DT)
            beta[i] = (float)log1p(exp(z - 2.0));
        else if (kind == LA_INPUTS_BETA_EDGES)
            beta[i] = (float)(i % 3);
        else
            beta[i] = (float)(1.0 / (1.0 + exp(-z)));
    }
}

/* rwkv7: a = -kappa, b = kappa * iclr, kappa of unit norm and iclr in (0,1). */
static void draw_ab(float *a, float *b, int64_t rows, int64_t d, int threads)
{
    unit_rows(a, rows, d, threads);
    la_random_to_gated(a, b, rows * d, threads);
    scale_all(a, rows * d, -1.0f);
}

/* What becomes of n drawn numbers (whole rows) of q, k, v or x. */
static void shape_rows(const la_variant *variant, const la_problem *p, int which,
                       la_input_kind kind, float *x, int64_t n)
{
    bool unit = which == LA_T_K && (variant->inputs & LA_IN_UNIT_KEYS);
    if (unit) unit_rows(x, n / p->dk, p->dk, p->threads);
    /* |q.k| is about sqrt(dk) for normal rows: s q.k then reaches +-1e4. */
    if (kind == LA_INPUTS_BIG_LOGITS && which == LA_T_Q)
        scale_all(x, n, (float)(3e3 / (la_variant_scale(variant, p) * sqrt((double)p->dk))));
    if (kind == LA_INPUTS_WIDE && !unit && which != LA_T_X) scale_all(x, n, 3.0f);
}

/* A tensor of the problem's type: what f32 would get, rounded. Of other types than f32 a block of rows
 * at a time, so that no float32 copy of a long sequence is needed. */
static la_status draw_typed(const la_variant *variant, const la_problem *p, int which,
                            la_input_kind kind, uint64_t seed, la_buffer *to, la_err *err)
{
    uint64_t stream = la_stream(seed, (uint64_t)which, 0);
    int64_t n = la_tensor_elements(variant, p, (la_tensor)which), shape[4];
    if (n == 0) return LA_OK;
    if (p->dtype == LA_F32) {
        la_random_fill_normal(stream, 0, to->data, n, p->threads);
        shape_rows(variant, p, which, kind, to->data, n);
        return LA_OK;
    }
    int rank = la_tensor_shape(variant, p, (la_tensor)which, shape);
    int64_t row = shape[rank - 1], block = row < DRAWN ? DRAWN / row * row : row;
    float *x = la_alloc((size_t)(block < n ? block : n) * sizeof *x, err);
    if (!x) return LA_E_NOMEM;
    for (int64_t at = 0; at < n; at += block) {
        int64_t now = n - at < block ? n - at : block;
        la_random_fill_normal(stream, (uint64_t)at, x, now, p->threads);
        shape_rows(variant, p, which, kind, x, now);
        la_elements_from_float(x, now, p->dtype,
                               (char *)to->data + (size_t)at * la_dtype_size(p->dtype));
    }
    la_free(x);
    return LA_OK;
}

/* Gates and their like: float32 in every type. */
static void draw_gates(const la_variant *variant, const la_problem *p, la_input_kind kind,
                       uint64_t seed, la_inputs *out)
{
    int64_t n[LA_T_COUNT];
    for (int i = LA_T_BETA; i < LA_T_COUNT; i++) {
        n[i] = la_tensor_elements(variant, p, (la_tensor)i);
        if (n[i])
            la_random_fill_normal(la_stream(seed, (uint64_t)i, 0), 0, out->t[i].data, n[i],
                                  p->threads);
    }
    if (n[LA_T_BETA]) draw_beta(variant, out->t[LA_T_BETA].data, n[LA_T_BETA], kind);
    if (n[LA_T_G]) draw_gate(out->t[LA_T_G].data, n[LA_T_G], kind, p->threads);
    if (n[LA_T_A])
        draw_ab(out->t[LA_T_A].data, out->t[LA_T_B].data, n[LA_T_A] / p->dk, p->dk, p->threads);
}

la_status la_inputs_draw(const la_variant *variant, const la_problem *p, const void *opts,
                         la_input_kind kind, uint64_t seed, la_inputs *out, la_err *err)
{
    if (p->dtype == LA_F64)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "inputs of type f64 are not drawn: use f32, bf16 or f16");
    LA_TRY(la_inputs_alloc(variant, p, opts, out, err));
    la_status st = LA_OK;
    for (int i = 0; i <= LA_T_X && st == LA_OK; i++)
        st = draw_typed(variant, p, i, kind, seed, &out->t[i], err);
    la_buffer *k = &out->t[LA_T_K];
    if (st == LA_OK && k->data && kind == LA_INPUTS_BETA_EDGES)
        duplicate_keys(k->data, p->B, p->T, k->bytes / (size_t)(p->B * p->T));
    draw_gates(variant, p, kind, seed, out);
    if (st == LA_OK) st = la_inputs_draw_params(out, seed, err);
    if (st != LA_OK) la_inputs_release(out);
    return st;
}

uint64_t la_inputs_hash(const la_inputs *in)
{
    uint64_t hash = 0;
    for (int i = 0; i < LA_T_COUNT; i++)
        if (in->t[i].data)
            hash = la_elements_hash(in->t[i].data, in->t[i].bytes, hash + (uint64_t)i + 1);
    for (size_t i = 0; i < in->n_params; i++)
        hash = la_elements_hash(in->param[i].data, in->param[i].bytes, hash + 100 + i);
    return hash;
}
