/* SPDX-License-Identifier: Apache-2.0
 * The tokens of a piece, each once: tasks ask with few of them, so most rows repeat.
 */
#include "engine.h"

void la_distinct_find(la_distinct *distinct, int64_t N, const int32_t *tokens)
{
    int32_t *place = distinct->place;
    distinct->n = 0;
    distinct->alone = false;
    if (distinct->most == 0) return;
    for (int64_t i = 0; i < N; i++) place[tokens[i]] = -1;
    for (int64_t i = 0; i < N; i++) {
        int32_t token = tokens[i];
        if (place[token] < 0) {
            if (distinct->n == distinct->most || LA_KEPT_SHARE * (distinct->n + 1) > N) return;
            place[token] = (int32_t)distinct->n;
            distinct->token[distinct->n++] = token;
        }
        distinct->of[i] = place[token];
    }
    distinct->alone = true;
}
