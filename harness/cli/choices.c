/* SPDX-License-Identifier: Apache-2.0
 * Values of flags that have a fixed list of them: for the parser and for what a shell completes with.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"

enum { MOST = 8 };
static const struct {
    la_flag_id flag;
    const char *words[MOST];
} lists[] = {
    {LA_FLAG_PASS, {"fwd", "bwd", "fwdbwd", "decode", "none"}},
    {LA_FLAG_MASK, {"auto", "causal", "bidirectional"}},
    {LA_FLAG_DTYPE, {"f32", "bf16", "f16"}},
    {LA_FLAG_RECIPE, {"controlled", "paper"}},
    {LA_FLAG_DEVICE, {"auto", "cpu", "cuda"}}, /* and cuda:N */
    {LA_FLAG_CACHE, {"hot", "cold"}},
    {LA_FLAG_ORDER, {"random", "given"}},
    {LA_FLAG_RETRY, {"failed", "timeout", "oom", "all"}},
    {LA_FLAG_SPLIT, {"train", "validation", "test"}},
    {LA_FLAG_TERMINAL, {"pdf", "tikz", "svg", "png"}},
    {LA_FLAG_FORMAT, {"csv", "json", "md", "latex", "text"}},
    {LA_FLAG_INTERVALS, {"brackets", "none"}},
    {LA_FLAG_FAIL_ON, {"slower", "faster", "changed", "unclear", "miss"}},
    {LA_FLAG_PROGRESS, {"auto", "always", "never"}},
    {LA_FLAG_COLOR, {"auto", "always", "never"}},
};

const char *const *la_flag_words(la_flag_id flag, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < LA_COUNT(lists); i++) {
        if (lists[i].flag != flag) continue;
        while (*n < MOST && lists[i].words[*n]) ++*n;
        return lists[i].words;
    }
    return NULL;
}

la_status la_flag_choice(la_flag_id flag, const char *value, int *out, la_err *err)
{
    char name[32];
    size_t n;
    const char *const *words = la_flag_words(flag, &n);
    snprintf(name, sizeof name, "--%s", la_flags[flag].name);
    return la_choice_parse(name, value, words, n, out, err);
}
