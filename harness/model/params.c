/* SPDX-License-Identifier: Apache-2.0
 * The parameters: named tensors in one flat array, and how each is drawn.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "spec.h"

enum { STREAM_WEIGHTS = 0x77656967 }; /* tells these random streams from all others */

/* Cols is the last axis, rows all others together; of 1 axis: cols 0. Decayed: what multiplies activations; not what scales or shifts. */
static int64_t add(la_net *spec, int block, const char *name, la_weight weight, int64_t rows,
                   int64_t cols, bool decayed)
{
    la_tensor_spec *t = &spec->tensor[spec->n_tensors++];
    *t = (la_tensor_spec){.weight = weight,
                          .shape = {rows, cols},
                          .n = cols ? rows * cols : rows,
                          .at = spec->n,
                          .decayed = decayed,
                          .trainable = true,
                          .block = block};
    if (block < 0)
        snprintf(t->name, sizeof t->name, "%s", name);
    else
        snprintf(t->name, sizeof t->name, "block%d.%s", block, name);
    spec->n += t->n;
    spec->trainable += t->n;
    return t->at;
}

/* A new group of tensors starts on a cache line; inside a group they touch, so that one matrix product
 * takes them all. */
static void align(la_net *spec)
{
    spec->n = (spec->n + 15) / 16 * 16;
}

static void add_norm(la_net *spec, int block, const char *name, int64_t *w, int64_t *b)
{
    char full[32];
    snprintf(full, sizeof full, "%s.w", name);
    *w = add(spec, block, full, LA_WEIGHT_ONE, spec->d, 0, false);
    *b = -1;
    snprintf(full, sizeof full, "%s.b", name);
    if (spec->layer_norm) *b = add(spec, block, full, LA_WEIGHT_ZERO, spec->d, 0, false);
}

static void add_projection(la_net *spec, la_block *b, int block)
{
    align(spec);
    b->in_w = spec->n;
    for (int i = 0; i < b->n_parts; i++)
        add(spec, block, b->part[i].name, LA_WEIGHT_LINEAR, b->part[i].width, b->d, true);
    if (b->gate_column >= 0) add(spec, block, "gate", LA_WEIGHT_LINEAR, b->width, b->d, true);
    if (b->beta_column >= 0) add(spec, block, "beta", LA_WEIGHT_LINEAR, b->H, b->d, true);
    if (b->decay_column >= 0)
        add(spec, block, "decay", LA_WEIGHT_LINEAR, b->decay_rank ? b->decay_rank : b->decay_width,
            b->d, true);
    if (b->iclr_column >= 0) add(spec, block, "iclr", LA_WEIGHT_LINEAR, b->H * b->dk, b->d, true);
    align(spec);
    if (b->decay_rank) {
        b->decay_up =
            add(spec, block, "decay_up", LA_WEIGHT_LINEAR, b->decay_width, b->decay_rank, true);
        align(spec);
    }
    b->out_w = add(spec, block, "out", LA_WEIGHT_OUTPUT, b->d, b->width, true);
    if (b->recipe->bias) {
        b->in_b = add(spec, block, "in.b", LA_WEIGHT_ZERO, b->P, 0, false);
        b->out_b = add(spec, block, "out.b", LA_WEIGHT_ZERO, b->d, 0, false);
    }
    for (int i = 0; b->conv > 0 && i < b->n_parts; i++) {
        char name[16];
        snprintf(name, sizeof name, "conv_%s", b->part[i].name);
        b->part[i].conv_w =
            add(spec, block, name, LA_WEIGHT_CONV, b->conv, b->part[i].width, false);
    }
}

static void add_decay(la_net *spec, la_block *b, int block)
{
    if (b->decay_form->bounded) {
        b->dt_bias =
            add(spec, block, "decay_bias", LA_WEIGHT_RWKV7_DECAY, b->decay_width, 0, false);
    } else if (b->decay_form->rate == 0) {
        b->A_log = add(spec, block, "A_log", LA_WEIGHT_A_LOG, b->H, 0, false);
        b->dt_bias = add(spec, block, "dt_bias", LA_WEIGHT_DT_BIAS, b->decay_width, 0, false);
    } else {
        b->A_log = add(spec, block, "rate", LA_WEIGHT_RATE, b->H, 0, false);
        spec->tensor[spec->n_tensors - 1].trainable = false;
        spec->trainable -= b->H;
        b->dt_bias = add(spec, block, "decay.b", LA_WEIGHT_ZERO, b->decay_width, 0, false);
    }
    if (b->dt) b->skip = add(spec, block, "skip.w", LA_WEIGHT_ONE, b->H, 0, false);
}

static void add_rank_one(la_net *spec, la_block *b, int block)
{
    int64_t n = b->H * b->dk;
    b->iclr_bias = add(spec, block, "iclr_bias", LA_WEIGHT_RWKV7_ICLR, n, 0, false);
    b->removal = add(spec, block, "removal", LA_WEIGHT_RWKV7_REMOVAL, n, 0, false);
    b->replacement = add(spec, block, "replacement", LA_WEIGHT_RWKV7_REPLACEMENT, n, 0, false);
}

static void add_block(la_net *spec, la_block *b, int block)
{
    b->in_w = b->in_b = b->A_log = b->dt_bias = b->out_norm_w = b->out_w = b->out_b = -1;
    b->norm2_w = b->norm2_b = b->up_w = b->down_w = b->decay_up = b->skip = -1;
    b->iclr_bias = b->removal = b->replacement = -1;
    align(spec);
    add_norm(spec, block, "norm1", &b->norm1_w, &b->norm1_b);
    if (b->project) add_projection(spec, b, block);
    if (b->decay_column >= 0) add_decay(spec, b, block);
    if (b->iclr_column >= 0) add_rank_one(spec, b, block);
    for (size_t i = 0; i < b->n_params; i++) {
        la_param *p = &b->params[i];
        align(spec);
        int64_t n = la_param_elements(p), cols = p->rank > 1 ? p->shape[p->rank - 1] : 0;
        /* What starts constant scales or shifts. */
        bool decayed = p->rank > 1 && p->init != LA_INIT_CONSTANT;
        b->param_at[i] =
            add(spec, block, p->name, LA_WEIGHT_VARIANT, cols ? n / cols : n, cols, decayed);
        la_tensor_spec *t = &spec->tensor[spec->n_tensors - 1];
        t->param = p;
        t->trainable = p->trainable;
        if (!p->trainable) spec->trainable -= t->n;
    }
    if (b->recipe->out_norm)
        b->out_norm_w = add(spec, block, "out_norm.w", LA_WEIGHT_ONE, b->dv, 0, false);
    if (b->mlp == 0) return;
    add_norm(spec, block, "norm2", &b->norm2_w, &b->norm2_b);
    align(spec);
    b->up_w = add(spec, block, "up", LA_WEIGHT_LINEAR, 2 * b->mlp, b->d, true);
    b->down_w = add(spec, block, "down", LA_WEIGHT_OUTPUT, b->d, b->mlp, true);
}

/* Behind all others, so that what a model of tokens draws does not depend on heads. */
static void add_head(la_net *spec)
{
    spec->output = spec->embedding;
    for (int i = 0; i < LA_DECODER_LAYERS; i++) spec->decode[i] = -1;
    if (spec->head.kind == LA_HEAD_TOKENS) return;
    spec->output = add(spec, -1, "head", LA_WEIGHT_LINEAR, spec->outputs, spec->d, true);
    align(spec);
    static const char *const norms[] = {"decode0.norm", "decode1.norm"};
    static const char *const layers[] = {"decode0", "decode1"};
    _Static_assert(LA_COUNT(layers) == LA_DECODER_LAYERS, "a name for each layer of the decoder");
    for (int i = 0; spec->head.kind == LA_HEAD_DECODER && i < LA_DECODER_LAYERS; i++) {
        add_norm(spec, -1, norms[i], &spec->decode_norm[i].w, &spec->decode_norm[i].b);
        align(spec);
        spec->decode[i] = add(spec, -1, layers[i], LA_WEIGHT_LINEAR, spec->d, spec->d, true);
        align(spec);
    }
}

la_status la_net_tensors(la_net *spec, la_err *err)
{
    size_t most = 5 + 3 * LA_DECODER_LAYERS + (size_t)spec->layers * LA_MAX_BLOCK_T;
    spec->tensor = la_zalloc(most * sizeof *spec->tensor, err);
    if (!spec->tensor) return LA_E_NOMEM;
    spec->embedding = add(spec, -1, "embedding", LA_WEIGHT_EMBED, spec->V, spec->d, true);
    spec->positions = -1;
    if (spec->learned_positions)
        spec->positions = add(spec, -1, "positions", LA_WEIGHT_EMBED, spec->longest, spec->d, true);
    for (int64_t l = 0; l < spec->layers; l++) add_block(spec, &spec->block[l], (int)l);
    align(spec);
    add_norm(spec, -1, "final", &spec->final.w, &spec->final.b);
    align(spec);
    add_head(spec);
    LA_ASSERT(spec->n_tensors <= most);
    return LA_OK;
}

const la_tensor_spec *la_net_find(const la_net *spec, const char *name)
{
    for (size_t i = 0; i < spec->n_tensors; i++)
        if (strcmp(spec->tensor[i].name, name) == 0) return &spec->tensor[i];
    return NULL;
}

static void fill_normal(uint64_t stream, double deviation, float *out, int64_t n)
{
    la_random_fill_normal(stream, 0, out, n, 1);
    for (int64_t i = 0; i < n; i++) out[i] = (float)((double)out[i] * deviation);
}

/* dt log-uniform in [1e-3, 0.1]; the bias is what softplus makes dt of: log(exp(dt) - 1). */
static void fill_dt_bias(uint64_t stream, float *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double u = la_random_uniform(stream, (uint64_t)i);
        double dt = exp(log(1e-3) + u * (log(0.1) - log(1e-3)));
        out[i] = (float)(dt + log(-expm1(-dt)));
    }
}

/* Where a channel of RWKV-7's vectors starts, as its authors' code has it: by its place among all n, by
 * its place in the head of D, and for decays by the depth of the layer. */
static double channel_start(const la_net *spec, const la_tensor_spec *t, int64_t i)
{
    int64_t D = spec->block[t->block].dk;
    double place = t->n > 1 ? (double)i / (double)(t->n - 1) : 0.5;
    double half = (double)(D - 1) / 2, side = D > 1 ? ((double)(i % D) - half) / half : 0.0;
    double depth = spec->layers > 1 ? (double)t->block / (double)(spec->layers - 1) : 0.0;
    double turn = side * fabs(side);
    switch (t->weight) {
    case LA_WEIGHT_RWKV7_DECAY:
        return -5.5 + 6.0 * pow(place, 1.0 + pow(depth, 0.3)) + 2.5 * turn;
    case LA_WEIGHT_RWKV7_ICLR:
        return -0.19 + 0.3 * turn + 0.4 * (place - 0.5);
    case LA_WEIGHT_RWKV7_REMOVAL:
        return 0.71 - 0.1 * (place - 0.5);
    default:
        return 1.02;
    }
}

static la_status draw(const la_net *spec, const la_tensor_spec *t, uint64_t seed, size_t index,
                      float *out, la_err *err)
{
    uint64_t stream = la_stream(seed, STREAM_WEIGHTS, index);
    const la_block *b = t->block < 0 ? NULL : &spec->block[t->block];
    double deviation =
        spec->small_init ? 0.02 : 1.0 / sqrt((double)(t->shape[1] ? t->shape[1] : 1));
    switch (t->weight) {
    case LA_WEIGHT_OUTPUT:
        deviation /= sqrt(2.0 * (double)spec->layers);
        fill_normal(stream, deviation, out, t->n);
        break;
    case LA_WEIGHT_EMBED: /* [V, d]: 1/sqrt(d), as for a matrix that sums over d */
    case LA_WEIGHT_LINEAR:
        fill_normal(stream, deviation, out, t->n);
        break;
    case LA_WEIGHT_CONV:
        for (int64_t i = 0; i < t->n; i++)
            out[i] = (float)(la_random_uniform(stream, (uint64_t)i) - 0.5);
        break;
    case LA_WEIGHT_ONE:
    case LA_WEIGHT_ZERO:
        for (int64_t i = 0; i < t->n; i++) out[i] = t->weight == LA_WEIGHT_ONE ? 1.0f : 0.0f;
        break;
    case LA_WEIGHT_A_LOG:
        for (int64_t i = 0; i < t->n; i++) {
            double u = la_random_uniform(stream, (uint64_t)i), low = b->recipe->A_low;
            out[i] = (float)log(low + u * (16.0 - low));
        }
        break;
    case LA_WEIGHT_RATE:
        for (int64_t i = 0; i < t->n; i++) out[i] = (float)log(b->decay_form->rate);
        break;
    case LA_WEIGHT_RWKV7_DECAY:
    case LA_WEIGHT_RWKV7_ICLR:
    case LA_WEIGHT_RWKV7_REMOVAL:
    case LA_WEIGHT_RWKV7_REPLACEMENT:
        for (int64_t i = 0; i < t->n; i++) out[i] = (float)channel_start(spec, t, i);
        break;
    case LA_WEIGHT_DT_BIAS:
        fill_dt_bias(stream, out, t->n);
        break;
    case LA_WEIGHT_VARIANT:
        return la_param_draw(t->param, la_stream(seed, STREAM_WEIGHTS, (uint64_t)t->block), out,
                             err);
    }
    return LA_OK;
}

la_status la_net_draw(const la_net *spec, uint64_t seed, float *weights, la_err *err)
{
    memset(weights, 0, (size_t)spec->n * sizeof *weights);
    for (size_t i = 0; i < spec->n_tensors; i++)
        LA_TRY(draw(spec, &spec->tensor[i], seed, i, weights + spec->tensor[i].at, err));
    return LA_OK;
}
