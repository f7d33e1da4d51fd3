/* SPDX-License-Identifier: Apache-2.0 */
#include "layers.h"
#include "labench/simd.h"

extern const la_layers la_layers_generic, la_layers_avx2, la_layers_avx512;

const la_layers *la_layers_get(la_isa isa)
{
    return LA_ISA_TABLE(&la_layers, isa);
}
