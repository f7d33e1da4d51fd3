/* SPDX-License-Identifier: Apache-2.0
 * Outcomes and their words.
 */
#include <string.h>

#include "store.h"

static const char *const words[] = {
#define WORD(name, word) [LA_OUTCOME_##name] = word,
    LA_OUTCOME_LIST(WORD)
#undef WORD
};

const char *la_outcome_word(la_outcome outcome)
{
    return (unsigned)outcome < LA_OUTCOME_COUNT ? words[outcome] : "unknown";
}

la_status la_outcome_parse(const char *word, la_outcome *out, la_err *err)
{
    for (int i = 0; i < LA_OUTCOME_COUNT; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (la_outcome)i;
            return LA_OK;
        }
    return LA_FAIL(err, LA_E_ARG, "no outcome '%s'", word);
}
