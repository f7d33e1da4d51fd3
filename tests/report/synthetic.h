/* SPDX-License-Identifier: Apache-2.0
 * A store filled with invented numbers of plausible shape, for tests of tables and figures only.
 */
#ifndef LA_TEST_SYNTHETIC_H
#define LA_TEST_SYNTHETIC_H

#include "../store/fixture.h"

/* The eight variants from 1k to 128k, fwd, decode and recall: softmax runs out of memory at 64k,
 * linformer times out at 128k, performer is wrong at 4k, fnet has no decode and no recall. */
void synthetic_sweep(fixture *f);
/* One more variant of any name, ok at 1k and 2k. */
void synthetic_variant(fixture *f, const char *name);
/* Recall of linear and deltanet at 4k with 8 to 256 pairs. */
void synthetic_loads(fixture *f);
/* softmax, linear and deltanet of widths 16, 32 and 64 (two heads) asked for 4, 16 and 64 pairs in 256 tokens of
 * mqar; `cross`: only what differs from 16 and 4 in one of them. At 64 pairs linear of width 16 cannot be asked,
 * deltanet of width 64 ran out of time. */
void synthetic_grid(fixture *f, bool cross);
/* Models of the eight, three seeds each, trained on T 64 to 256 for mqar and evaluated from 1k to 16k:
 * linformer has no fixed length beyond 256, fnet's seed 2 ended with a loss that is not finite. */
void synthetic_models(fixture *f);

/* softmax and deltanet beside impls of others, forward from 1k to 8k: torch_math takes 1.8 times as long as
 * softmax, torch_naive half as long; deltanet's chunk form is 4 times as fast as its recurrent one and 3
 * times as torch_chunk; flash has no other. At 8k torch_math was wrong. */
void synthetic_rivals(fixture *f);
/* Every variant of the library, and two forms or rivals of most, forward from 1k to 16k. */
void synthetic_family(fixture *f);
/* flash and deltanet forward at 4k and 8k with 1, 2 and 4 threads: flash is as many times faster, deltanet
 * 1.6 times for every doubling. */
void synthetic_threads(fixture *f);
/* flash forward at 1k and 2k in bf16, and `both`: in f32 too, which takes 1.6 times as long. */
void synthetic_types(fixture *f, bool both);
/* A variant that does no operations and makes no error, at 64 and 128. */
void synthetic_baseline(fixture *f);

#endif
