/* SPDX-License-Identifier: Apache-2.0
 * The table of layers of one instruction set.
 */
#include "layers_isa.h"
#include "layers_rows.h"

extern const la_layers LA_ISA(la_layers);

#define ROW(name)   .name = LA_LAYER(name)
#define PLAIN(name) .name = la_layer_##name

const la_layers LA_ISA(la_layers) = {
    .isa = LA_VW == 16  ? LA_ISA_AVX512
           : LA_VW == 8 ? LA_ISA_AVX2
                        : LA_ISA_GENERIC,
    ROW(rms_norm),
    ROW(rms_norm_grad),
    ROW(layer_norm),
    ROW(layer_norm_grad),
    ROW(head_norm),
    ROW(head_norm_grad),
    ROW(l2_norm),
    ROW(l2_norm_grad),
    ROW(conv),
    ROW(conv_grad),
    ROW(act),
    ROW(act_grad),
    ROW(decay),
    ROW(decay_grad),
    ROW(swiglu),
    ROW(swiglu_grad),
    ROW(rope),
    ROW(embed),
    ROW(embed_grad),
    ROW(scatter),
    ROW(dropout),
    ROW(cross_entropy),
    ROW(powers),
    ROW(adamw),
    ROW(sum_squares),
    ROW(add),
    ROW(shift),
    ROW(times),
    ROW(bounded_grad),
    ROW(skip),
    ROW(skip_grad),
    ROW(rank_one),
    ROW(rank_one_grad),
    ROW(removal_grad),
    PLAIN(zero),
    PLAIN(copy_rows),
    PLAIN(add_rows),
    PLAIN(spread),
    ROW(sum_rows),
    PLAIN(gather),
    PLAIN(add_places),
    PLAIN(step),
    PLAIN(step_grad),
    PLAIN(gemm),
};
