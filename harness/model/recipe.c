/* SPDX-License-Identifier: Apache-2.0
 * The two recipes: one table of what each variant's paper (or the code its authors published) does
 * around the mixer, and the one block that `controlled` gives to all.
 *
 * Where `paper` differs from the sources: FNet is post-norm and has a GELU MLP there, here pre-norm and
 * SwiGLU; gated DeltaNet has 6 heads of width C/8, here 4 of C/4; Zoology drops attention weights, here the embedding only, and adds the second norm of a block
 * without an MLP to the stream; Performer's and Linformer's blocks use GELU there.
 */
#include <string.h>

#include "spec.h"

#define COMMON .out_norm = true, .project = true, .norm_eps = 1e-5, .A_low = 0.01

static const la_recipe controlled = {.heads = 2, .conv = 4, COMMON};

static const la_recipe papers[] = {
    /* Zoology's attention, as in its figure 2 */
    {.variant = "softmax",
     .heads = 1,
     .learned_positions = true,
     .layer_norm = true,
     .small_init = true,
     .bias = true,
     .project = true,
     .dropout = 0.1,
     .norm_eps = 1e-5},
    {.variant = "flash",
     .heads = 1,
     .learned_positions = true,
     .layer_norm = true,
     .small_init = true,
     .bias = true,
     .project = true,
     .dropout = 0.1,
     .norm_eps = 1e-5},
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
