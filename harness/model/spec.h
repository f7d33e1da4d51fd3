/* SPDX-License-Identifier: Apache-2.0
 * Inside the model: what a configuration means, block by block, and where each parameter lies.
 */
#ifndef LA_SPEC_H
#define LA_SPEC_H

#include "layers.h"
#include "train.h"

#define LA_MAX_LAYERS     64
#define LA_MAX_HYBRID     16
#define LA_MAX_SHARDS     256
#define LA_QK_EPS         1e-6f
#define LA_MAX_BLOCK_T    24 /* tensors of one block at most */
#define LA_DECODER_LAYERS 2

/* What the recipe says for one variant where an option is left to it. */
typedef struct la_recipe {
    const char *variant; /* NULL: any other */
    int heads, mlp, conv;
    bool learned_positions, layer_norm, small_init;
    bool bias;     /* on the projections */
    bool out_norm; /* RMS norm of each head's output */
    bool project;  /* false: the mixer reads the normed stream and adds to it directly */
    bool rope;
    la_act gate;
    double dropout, norm_eps;
    double A_low; /* decay: A is uniform in (A_low, 16) */
} la_recipe;
const la_recipe *la_recipe_find(int64_t recipe, const char *variant);

/* How a variant's log-decay is made of the stream, in either recipe: g = -A softplus(f + bias) with f one
 * product of x, or of `rank` numbers that a first product leaves. */
typedef struct la_decay_form {
    const char *variant; /* NULL: any other with this kind of decay */
    int rank;            /* 0: one product; -1: the width of a head */
    bool bounded;        /* g = -rate sigmoid(f + bias) instead, and the bias starts as RWKV-7's */
    double rate; /* 0: A is learned, one for each head, and the bias starts where softplus makes
                          * 1e-3 to 0.1; else A for ever, and the bias starts at 0 */
} la_decay_form;
const la_decay_form *la_decay_form_find(const la_variant *variant);

typedef enum la_weight { /* how a tensor starts */
                         LA_WEIGHT_EMBED,
                         LA_WEIGHT_LINEAR, /* shape[1] is what it sums over */
                         LA_WEIGHT_OUTPUT, /* the same, divided by sqrt(2 layers) */
                         LA_WEIGHT_CONV,
                         LA_WEIGHT_ONE,
                         LA_WEIGHT_ZERO,
                         LA_WEIGHT_A_LOG,
                         LA_WEIGHT_RATE, /* the logarithm of the decay form's, never trained */
                         LA_WEIGHT_DT_BIAS,
                         LA_WEIGHT_RWKV7_DECAY, /* of a channel, by its place: channel_start */
                         LA_WEIGHT_RWKV7_ICLR,
                         LA_WEIGHT_RWKV7_REMOVAL,
                         LA_WEIGHT_RWKV7_REPLACEMENT,
                         LA_WEIGHT_VARIANT, /* as the variant's descriptor says */
} la_weight;

/* A named piece of the flat array of parameters. */
typedef struct la_tensor_spec {
    char name[48]; /* "embedding", "block0.q", "block1.A_log" */
    la_weight weight;
    int64_t shape[2], n; /* elements */
    int64_t at;          /* first element in the flat array */
    bool decayed;        /* weight decay applies */
    bool trainable;
    int block;       /* -1: none */
    la_param *param; /* LA_WEIGHT_VARIANT */
} la_tensor_spec;

/* q, k, v, or x: a share of the joint projection that passes the short convolution. */
typedef struct la_stream_part {
    const char *name;
    int64_t width, column;
    int64_t conv_w; /* in the flat array; -1: none */
} la_stream_part;

typedef struct la_block {
    const la_variant *variant;
    const void *opts;
    const la_recipe *recipe;
    int64_t d, H, Hkv, dk, dv;
    int64_t width; /* H dv: of the mixer's output */
    int64_t mlp;   /* width F of the SwiGLU; 0: none */
    int64_t conv, left;
    bool l2, rope, layer_norm, project;
    float norm_eps, beta_scale;
    la_act gate;
    la_stream_part part[3];
    int n_parts;
    int64_t P; /* columns of the joint projection; those of absent pieces are -1 */
    int64_t gate_column, beta_column, decay_column;
    int64_t decay_width, decay_D; /* log-decays of a token, and of one of its heads */
    int64_t decay_rank;           /* columns that decay_up turns into decay_width; 0: none */
    const la_decay_form *decay_form;
    int64_t iclr_column; /* in-context learning rates of a token, where there are a and b */
    int64_t iclr_bias, removal, replacement; /* [H dk] each, in the flat array */
    bool dt; /* beta is dt = softplus(..), g = -A dt; and D v is added to the output */
    /* Places in the flat array, -1: absent. */
    int64_t norm1_w, norm1_b, in_w, in_b, A_log, dt_bias, out_norm_w, out_w, out_b;
    int64_t decay_up, skip; /* [decay_width, rank]; D [H] */
    int64_t norm2_w, norm2_b, up_w, down_w;
    la_param params[LA_MAX_PARAMS];
    size_t n_params;
    int64_t param_at[LA_MAX_PARAMS];
} la_block;

/* Weight and bias of a norm in the flat array; b -1: none. */
typedef struct la_norm_place {
    int64_t w, b;
} la_norm_place;

typedef struct la_net {
    la_mask mask;
    int64_t V, d, layers, longest;
    bool layer_norm, small_init, learned_positions, rope;
    bool all_logits; /* training scores every position */
    float norm_eps, dropout;
    la_block block[LA_MAX_LAYERS];
    la_tensor_spec *tensor;
    size_t n_tensors;
    int64_t n;         /* elements of the flat array */
    int64_t trainable; /* elements that are trained */
    int64_t embedding, positions;
    la_head head;
    int64_t outputs;     /* logits of an answer: V, or classes */
    int64_t output;      /* [outputs, d]: the embedding, or a matrix of the head's own */
    la_norm_place final; /* in front of it */
    la_norm_place decode_norm[LA_DECODER_LAYERS];
    int64_t decode[LA_DECODER_LAYERS]; /* [d, d]; -1: no decoder */
    void *store[LA_MAX_HYBRID];        /* options of a hybrid's other variants */
    size_t n_store;
} la_net;

/* Resolves options, recipe and variants. LA_E_ARG or LA_E_UNSUPPORTED with a sentence. */
la_status la_net_init(const la_train_config *config, la_net *out, la_err *err);
void la_net_release(la_net *spec); /* accepts zeroed */
/* Lays out the tensors; part of la_net_init. */
la_status la_net_tensors(la_net *spec, la_err *err);
const la_tensor_spec *la_net_find(const la_net *spec, const char *name); /* NULL: none */
/* Draws every tensor from the seed. */
la_status la_net_draw(const la_net *spec, uint64_t seed, float *weights, la_err *err);

/* The kernel's problem for B sequences of T tokens in this block. */
la_problem la_block_problem(const la_net *spec, const la_block *b, int64_t B, int64_t T,
                            int threads);
/* Best impl that can run the pass; NULL with the reason. */
const la_impl *la_block_impl(const la_block *b, const la_problem *p, la_pass pass,
                             const la_device *device, la_err *err);

/* The shapes that training draws from; LA_E_ARG when none fits. */
la_status la_train_mixture(const la_train_config *config, la_shape out[LA_MAX_SHAPES], size_t *n,
                           la_err *err);
int64_t la_train_longest(const la_train_config *config);

#endif
