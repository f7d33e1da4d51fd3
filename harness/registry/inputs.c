/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "elements.h"
#include "labench/kit.h"

enum { DRAWN = 1 << 14 }; /* floats that a thread draws and shapes while they are in its cache */

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

static void unit_rows(float *x, int64_t rows, int64_t d)
{
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

typedef struct drawing {
    const la_variant *variant;
    const la_problem *p;
    la_input_kind kind;
    uint64_t seed;
} drawing;

/* Elements `at` and on of a tensor, as they are drawn. */
static void fill(const drawing *d, int which, int64_t at, float *x, int64_t n)
{
    la_random_fill_normal(la_stream(d->seed, (uint64_t)which, 0), (uint64_t)at, x, n, 1);
}

/* What becomes of n of them: of a gate. */
static void shape_gate(const drawing *d, int64_t at, float *g, int64_t n)
{
    la_random_to_decays(g, n, 1);
    if (d->kind == LA_INPUTS_NO_DECAY) memset(g, 0, (size_t)n * sizeof *g);
    for (int64_t i = 0; d->kind == LA_INPUTS_STRONG_DECAY && i < n; i++)
        if ((at + i) % 3 != 2) g[i] = (at + i) % 3 == 0 ? -50.0f : 0.0f;
}

static void shape_beta(const drawing *d, int64_t at, float *beta, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double z = (double)beta[i];
        if (d->variant->inputs & LA_IN_DT)
            beta[i] = (float)log1p(exp(z - 2.0));
        else if (d->kind == LA_INPUTS_BETA_EDGES)
            beta[i] = (float)((at + i) % 3);
        else
            beta[i] = (float)(1.0 / (1.0 + exp(-z)));
    }
}

/* Whole rows of q, k, v or x. */
static void shape_rows(const drawing *d, int which, float *x, int64_t n)
{
    const la_problem *p = d->p;
    bool unit = which == LA_T_K && (d->variant->inputs & LA_IN_UNIT_KEYS);
    if (unit) unit_rows(x, n / p->dk, p->dk);
    /* |q.k| is about sqrt(dk) for normal rows: s q.k then reaches +-1e4. */
    if (d->kind == LA_INPUTS_BIG_LOGITS && which == LA_T_Q)
        scale_all(x, n, (float)(3e3 / (la_variant_scale(d->variant, p) * sqrt((double)p->dk))));
    if (d->kind == LA_INPUTS_WIDE && !unit && which != LA_T_X) scale_all(x, n, 3.0f);
}

static int64_t whole_rows(int64_t row)
{
    return row < DRAWN ? DRAWN / row * row : row;
}

/* A tensor of the problem's type: what f32 would get, rounded. */
static la_status draw_typed(const drawing *d, int which, la_buffer *to, la_err *err)
{
    const la_problem *p = d->p;
    int64_t n = la_tensor_elements(d->variant, p, (la_tensor)which), shape[4];
    if (n == 0) return LA_OK;
    int rank = la_tensor_shape(d->variant, p, (la_tensor)which, shape);
    int64_t block = whole_rows(shape[rank - 1]);
    float *all = NULL;
    if (p->dtype != LA_F32) {
        all = la_alloc((size_t)(block * p->threads) * sizeof *all, err);
        if (!all) return LA_E_NOMEM;
    }
#pragma omp parallel for num_threads(p->threads) if (n > block) schedule(static)
    for (int64_t at = 0; at < n; at += block) {
        int64_t now = n - at < block ? n - at : block;
        float *x = all ? all + omp_get_thread_num() * block : (float *)to->data + at;
        fill(d, which, at, x, now);
        shape_rows(d, which, x, now);
        if (all)
            la_elements_from_float(x, now, p->dtype,
                                   (char *)to->data + (size_t)at * la_dtype_size(p->dtype));
    }
    la_free(all);
    return LA_OK;
}

/* Gates and their like: float32 in every type. */
static void draw_gates(const drawing *d, la_inputs *out)
{
    for (int which = LA_T_BETA; which <= LA_T_G; which++) {
        int64_t n = la_tensor_elements(d->variant, d->p, (la_tensor)which);
        float *x = out->t[which].data;
#pragma omp parallel for num_threads(d->p->threads) if (n > DRAWN) schedule(static)
        for (int64_t at = 0; at < n; at += DRAWN) {
            int64_t now = n - at < DRAWN ? n - at : DRAWN;
            fill(d, which, at, x + at, now);
            if (which == LA_T_BETA)
                shape_beta(d, at, x + at, now);
            else
                shape_gate(d, at, x + at, now);
        }
    }
}

/* rwkv7: a = -kappa, b = kappa * iclr, kappa of unit norm and iclr in (0,1). */
static void draw_ab(const drawing *d, la_inputs *out)
{
    int64_t n = la_tensor_elements(d->variant, d->p, LA_T_A), dk = d->p->dk;
    int64_t block = whole_rows(dk);
    float *a = out->t[LA_T_A].data, *b = out->t[LA_T_B].data;
#pragma omp parallel for num_threads(d->p->threads) if (n > block) schedule(static)
    for (int64_t at = 0; at < n; at += block) {
        int64_t now = n - at < block ? n - at : block;
        fill(d, LA_T_A, at, a + at, now);
        fill(d, LA_T_B, at, b + at, now);
        unit_rows(a + at, now / dk, dk);
        la_random_to_gated(a + at, b + at, now, 1);
        scale_all(a + at, now, -1.0f);
    }
}

la_status la_inputs_draw(const la_variant *variant, const la_problem *p, const void *opts,
                         la_input_kind kind, uint64_t seed, la_inputs *out, la_err *err)
{
    if (p->dtype == LA_F64)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "inputs of type f64 are not drawn: use f32, bf16 or f16");
    LA_TRY(la_inputs_alloc(variant, p, opts, out, err));
    drawing d = {variant, p, kind, seed};
    la_status st = LA_OK;
    for (int i = 0; i <= LA_T_X && st == LA_OK; i++) st = draw_typed(&d, i, &out->t[i], err);
    la_buffer *k = &out->t[LA_T_K];
    if (st == LA_OK && k->data && kind == LA_INPUTS_BETA_EDGES)
        duplicate_keys(k->data, p->B, p->T, k->bytes / (size_t)(p->B * p->T));
    draw_gates(&d, out);
    draw_ab(&d, out);
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
