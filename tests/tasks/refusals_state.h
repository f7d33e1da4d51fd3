/* SPDX-License-Identifier: Apache-2.0
 * group_word, listops: task, options, length, what the refusal says. */
{"group_word", "", 1, NULL}, {"group_word", "", 0, "group_word makes 1 to 268435456 tokens, not 0"},
    {"group_word", "pauses=3", 4, NULL},
    {"group_word", "pauses=3", 6, "group_word.pauses 3 takes multiples of 4 tokens, not 6"},
    {"listops", "", 5, NULL}, {"listops", "", 4, "listops makes 5 to 268435456 tokens, not 4"},
