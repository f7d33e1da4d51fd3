/* SPDX-License-Identifier: Apache-2.0
 * The JSON of a checkpoint: key, configuration, and how far the training came.
 */
#ifndef LA_CHECKPOINT_JSON_H
#define LA_CHECKPOINT_JSON_H

#include "text.h"
#include "trainer.h"

void la_checkpoint_print(la_text *t, const char *key, const char *config_json,
                         const la_progress *at);
/* at->curve is for la_free. */
la_status la_checkpoint_parse(const char *path, const char *json, size_t n, char key[33],
                              la_progress *at, la_err *err);

#endif
