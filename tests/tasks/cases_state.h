/* SPDX-License-Identifier: Apache-2.0
 * group_word, listops: task, options, what does not hold for all. */
{"group_word", "moves=0", 0}, {"group_word", "group=s3 moves=0", 0},
    {"group_word", "group=a5 moves=3 pauses=1", UNEVEN}, {"group_word", "group=z60 moves=0", 0},
    {"group_word", "", UNEVEN}, {"group_word", "pauses=3 moves=0", 0}, {"listops", "", UNEVEN},
    {"listops", "pool=mean", UNEVEN}, {"listops", "depth=6 args=4", UNEVEN},
