/* SPDX-License-Identifier: Apache-2.0
 * What the files of flash share: a block of query rows of one head and its working set.
 *
 * Everything is kept transposed: a panel is `panel` query rows side by side, one a vector lane, and the
 * keys (or channels) run down it. So maximum, exp and sum of a row go along the lanes, and neither K nor
 * V nor the scores are ever transposed; only Q once on entry and O once on exit.
 */
#ifndef LA_FLASH_INTERNAL_H
#define LA_FLASH_INTERNAL_H

#include "labench/simd.h"
#include "labench/tile.h"

/* Keys of one tile. 128 keys of 64 channels are 32 KiB of K and of V: they stay in L2 while all panels
 * of the block pass over them, and a panel's scores (24 KiB) stay in L1. */
#define FLASH_KEYS 128

typedef struct flash_block {
    const la_tile *tile;
    int64_t dk, dv, rows, panels; /* rows of this block; panels = ceil(rows / tile->panel) */
    float scale2;                 /* |s| log2(e), so that weights are powers of 2 */
    float *qt;                    /* [panels, dk, panel], negated when s < 0 */
    float *ot;                    /* [panels, dv, panel] not yet divided by sum */
    float *top, *sum;             /* [panels, panel] running maximum of q.k, sum of the weights */
    float *scores;                /* [FLASH_KEYS, panel] */
    float *kt, *vt;               /* [FLASH_KEYS, dk], [FLASH_KEYS, dv]: a tile made contiguous */
} flash_block;

/* A tile of n <= FLASH_KEYS keys. visible: how many of its keys the block's first row sees; the next
 * row sees one more (causal), unless `all`. */
typedef struct flash_keys {
    const float *k, *v;
    int64_t k_step, v_step, n, visible;
    bool all;
} flash_keys;

void la_flash_add_generic(const flash_block *block, const flash_keys *keys);
void la_flash_add_avx2(const flash_block *block, const flash_keys *keys);
void la_flash_add_avx512(const flash_block *block, const flash_keys *keys);

la_status la_flash_create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                          la_err *err);
la_status la_flash_sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                         la_sizes *out, la_err *err);
la_status la_flash_forward(void *self, const la_io *io, la_err *err);
la_status la_flash_decode(void *self, const la_io *io, la_err *err);

#endif
