/* SPDX-License-Identifier: Apache-2.0
 * What a variant of one's own exports, so that `labench --plugin ./mine.so` takes it.
 *
 * A plugin is a shared library with one data symbol, la_plugin_v1. In the file of the variant:
 *
 *   static const la_variant mine = {LA_VARIANT_HEAD, .name = "mine", ...};
 *   LA_PLUGIN(mine);
 *
 * and then: cc -shared -fPIC -O3 -o mine.so mine.c $(pkg-config --cflags --libs labench)
 *
 * labench reads abi and size from the file before it loads it, the rest of the descriptor before it
 * calls any function in it. A plugin is only ever loaded by worker processes.
 */
#ifndef LABENCH_PLUGIN_H
#define LABENCH_PLUGIN_H

#include "labench/variant.h"

#ifdef __cplusplus
extern "C" {
#endif

/* This struct never changes: a later form of it would have another symbol. */
typedef struct la_plugin {
    uint32_t abi;              /* LA_ABI of the headers it was built with */
    uint32_t size;             /* sizeof(la_variant) there */
    const char *built_with;    /* compiler, for the record */
    const la_variant *variant; /* static storage, constant */
} la_plugin;

extern LA_API const la_plugin la_plugin_v1;

#define LA_PLUGIN(variant)                                                                         \
    const la_plugin la_plugin_v1 = {LA_ABI, sizeof(la_variant), __VERSION__, &(variant)}

#ifdef __cplusplus
}
#endif
#endif
