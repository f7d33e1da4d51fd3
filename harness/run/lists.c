/* SPDX-License-Identifier: Apache-2.0
 * The small lists of a spec.
 */
#include <string.h>

#include "alloc.h"
#include "plan.h"

void la_words_release(la_words *words)
{
    if (!words) return;
    for (size_t i = 0; i < words->n; i++) la_free(words->v[i]);
    la_free(words->v);
    *words = (la_words){0};
}

la_status la_words_add(la_words *words, const char *word, size_t len, la_err *err)
{
    LA_TRY(la_grow((void **)&words->v, &words->cap, words->n + 1, sizeof *words->v, err));
    char *copy = la_alloc(len + 1, err);
    if (!copy) return LA_E_NOMEM;
    memcpy(copy, word, len);
    copy[len] = '\0';
    words->v[words->n++] = copy;
    return LA_OK;
}

void la_counts_release(la_counts *counts)
{
    if (!counts) return;
    la_free(counts->v);
    *counts = (la_counts){0};
}

la_status la_counts_add(la_counts *counts, int64_t value, la_err *err)
{
    size_t at = counts->n;
    while (at > 0 && counts->v[at - 1] >= value) at--;
    if (at < counts->n && counts->v[at] == value) return LA_OK;
    LA_TRY(la_grow((void **)&counts->v, &counts->cap, counts->n + 1, sizeof *counts->v, err));
    memmove(counts->v + at + 1, counts->v + at, (counts->n - at) * sizeof *counts->v);
    counts->v[at] = value;
    counts->n++;
    return LA_OK;
}

void la_spec_release(la_spec *spec)
{
    if (!spec) return;
    la_words *words[] = {&spec->variants, &spec->impls, &spec->passes, &spec->tasks,
                         &spec->dtypes,   &spec->masks, &spec->peers,  &spec->other};
    la_counts *counts[] = {&spec->lengths, &spec->batch,   &spec->heads,         &spec->dk,
                           &spec->dv,      &spec->threads, &spec->train_lengths, &spec->kv_heads,
                           &spec->qk_heads};
    for (size_t i = 0; i < LA_COUNT(words); i++) la_words_release(words[i]);
    for (size_t i = 0; i < LA_COUNT(counts); i++) la_counts_release(counts[i]);
    for (size_t i = 0; i < spec->n_settings; i++) {
        la_free(spec->settings[i].owner);
        la_free(spec->settings[i].key);
        la_words_release(&spec->settings[i].values);
    }
    la_free(spec->settings);
    la_free(spec->hybrid);
    *spec = (la_spec){0};
}
