/* SPDX-License-Identifier: Apache-2.0
 * The two recipes: one table of what each variant's paper (or the code its authors published) does
 * around the mixer, and the one block that `controlled` gives to all.
 *
 * Where `paper` differs from the sources: FNet is post-norm and has a GELU MLP there, here pre-norm and
 * SwiGLU; gated DeltaNet has 6 heads of width C/8, here 4 of C/4; RetNet has values twice as
 * wide as keys, GLA keys half as wide as values, here both are of one width; KDA's output gate is of low
 * rank there; Mamba-2 expands twofold, shares B and C among all heads and norms after the gate, over all
 * heads at once; RWKV-7 has a token shift in the place of the convolution, low-rank products for decay,
 * learning rates and gate, heads of 64, a group norm, a bonus for the token itself, values mixed with
 * the first layer's and a squared-ReLU MLP; Zoology drops attention weights, here the embedding only, and
 * adds the second norm of a block without an MLP to the stream; Performer's and Linformer's blocks use
 * GELU there.
 */
#include <string.h>

#include "spec.h"

#define COMMON .out_norm = true, .project = true, .norm_eps = 1e-5, .A_low = 0.01

#define ZOOLOGY_ATTENTION                                                                          \
    .heads = 1, .learned_positions = true, .layer_norm = true, .small_init = true, .bias = true,   \
    .project = true, .dropout = 0.1, .norm_eps = 1e-5

/* FLA's layers: gla squeezes x through 16 numbers and divides by 16; kda through the width of a head.
 * RWKV-7: no channel decays faster than exp(-e^{-1/2}) a token. */
static const la_decay_form decays[] = {
    {.variant = "gla", .rank = 16, .rate = 1.0 / 16.0},
    {.variant = "rwkv7", .bounded = true, .rate = 0.60653065971263342}};
static const la_decay_form by_head = {.rank = 0}, by_channel = {.rank = -1};

const la_decay_form *la_decay_form_find(const la_variant *variant)
{
    for (size_t i = 0; i < LA_COUNT(decays); i++)
        if (strcmp(decays[i].variant, variant->name) == 0) return &decays[i];
    return variant->inputs & LA_IN_GATE_CHANNEL ? &by_channel : &by_head;
}

static const la_recipe controlled = {.heads = 2, .conv = 4, COMMON};

static const la_recipe papers[] = {
    /* Zoology's attention, as in its figure 2; a window of it for local */
    {.variant = "softmax", ZOOLOGY_ATTENTION},
    {.variant = "flash", ZOOLOGY_ATTENTION},
    {.variant = "local", ZOOLOGY_ATTENTION},
    /* flash-linear-attention's layers */
    {.variant = "linear",
     .heads = 8,
     .mlp = 4,
     .small_init = true,
     .out_norm = true,
     .project = true,
     .norm_eps = 1e-5},
    {.variant = "deltanet",
     .heads = 4,
     .mlp = 4,
     .conv = 4,
     .small_init = true,
     .out_norm = true,
     .project = true,
     .norm_eps = 1e-5},
    {.variant = "gated_deltanet",
     .heads = 4,
     .mlp = 4,
     .conv = 4,
     .small_init = true,
     .out_norm = true,
     .project = true,
     .gate = LA_ACT_SILU,
     .norm_eps = 1e-5,
     .A_low = 0},
    {.variant = "retnet",
     .heads = 8,
     .mlp = 4,
     .rope = true,
     .small_init = true,
     .out_norm = true,
     .project = true,
     .gate = LA_ACT_SILU,
     .norm_eps = 1e-5},
    {.variant = "gla",
     .heads = 4,
     .mlp = 4,
     .small_init = true,
     .out_norm = true,
     .project = true,
     .gate = LA_ACT_SILU,
     .norm_eps = 1e-5},
    {.variant = "kda",
     .heads = 4,
     .mlp = 4,
     .conv = 4,
     .small_init = true,
     .out_norm = true,
     .project = true,
     .gate = LA_ACT_SIGMOID,
     .norm_eps = 1e-5,
     .A_low = 1},
    /* rwkv7.py of flash-linear-attention and its authors' training code */
    {.variant = "rwkv7",
     .heads = 1,
     .mlp = 4,
     .conv = 4,
     .out_norm = true,
     .project = true,
     .gate = LA_ACT_SIGMOID,
     .norm_eps = 64e-5},
    /* mamba2.py of state-spaces/mamba: no MLP between the mixers */
    {.variant = "mamba2",
     .heads = 4,
     .conv = 4,
     .out_norm = true,
     .project = true,
     .gate = LA_ACT_SILU,
     .norm_eps = 1e-5,
     .A_low = 1},
    /* ttt-lm-jax on the Mamba backbone, whose gate is a GELU and whose queries and keys share a projection;
     * the layer norm after the layer spans all heads there. Its 0.02 is for widths of 768 and more: at 64 the
     * keys are then so short that nothing is written. */
    {.variant = "ttt_linear",
     .heads = 4,
     .mlp = 4,
     .conv = 4,
     .out_norm = true,
     .project = true,
     .gate = LA_ACT_SILU,
     .norm_eps = 1e-6},
    /* performer-pytorch, linformer (lucidrains): pre-norm transformers with learned positions */
    {.variant = "performer",
     .heads = 8,
     .mlp = 4,
     .learned_positions = true,
     .layer_norm = true,
     .project = true,
     .norm_eps = 1e-5},
    {.variant = "linformer",
     .heads = 8,
     .mlp = 4,
     .learned_positions = true,
     .layer_norm = true,
     .project = true,
     .norm_eps = 1e-5},
    /* f_net/layers.py: nothing is projected around the transform */
    {.variant = "fnet",
     .heads = 1,
     .mlp = 4,
     .learned_positions = true,
     .layer_norm = true,
     .small_init = true,
     .norm_eps = 1e-12},
};
static const la_recipe other_paper = {.heads = 2, .mlp = 4, .conv = 4, COMMON};

const la_recipe *la_recipe_find(int64_t recipe, const char *variant)
{
    if (recipe == 0) return &controlled;
    for (size_t i = 0; i < LA_COUNT(papers); i++)
        if (strcmp(papers[i].variant, variant) == 0) return &papers[i];
    return &other_paper;
}
