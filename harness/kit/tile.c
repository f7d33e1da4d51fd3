/* SPDX-License-Identifier: Apache-2.0 */
#include "labench/tile.h"
#include "labench/simd.h"
#include "tile_tables.h"

const la_tile *la_tile_get(la_isa isa)
{
    return LA_ISA_TABLE(&la_tile, isa);
}

const la_tile_bf16 *la_tile_bf16_get(la_isa isa)
{
    return LA_AMX_TABLE(&la_tile_bf16, isa);
}
