/* SPDX-License-Identifier: Apache-2.0
 * Functions of the table of layers that are the same for every instruction set.
 */
#ifndef LA_LAYERS_ROWS_H
#define LA_LAYERS_ROWS_H

#include "layers.h"

#define LA_LAYER_PLAIN(name) __typeof__(*((la_layers *)0)->name) la_layer_##name
LA_LAYER_PLAIN(zero);
LA_LAYER_PLAIN(copy_rows);
LA_LAYER_PLAIN(add_rows);
LA_LAYER_PLAIN(spread);
LA_LAYER_PLAIN(gather);
LA_LAYER_PLAIN(add_places);
LA_LAYER_PLAIN(step);
LA_LAYER_PLAIN(step_grad);
LA_LAYER_PLAIN(gemm);

#endif
