/* SPDX-License-Identifier: Apache-2.0
 * group_word, listops: task, options, {T, n, far}, XXH3 of 100 examples */
{"group_word", "", {4, 0, 0}, 0x36ee5edcc581340d},
    {"group_word", "", {8, 0, 0}, 0x76c452aa9eabbe42},
    {"group_word", "", {12, 0, 0}, 0x72309b4c5dc1f130},
    {"group_word", "", {1024, 0, 1}, 0xe94f4c47fbaa9496},
    {"group_word", "group=s3", {12, 0, 0}, 0x7ded7c6a6561d7d1},
    {"group_word", "group=a5", {12, 0, 0}, 0xe3080fc1101bb317},
    {"group_word", "group=z60", {12, 0, 0}, 0x3b8623a41c64f89e},
    {"group_word", "moves=2", {12, 0, 0}, 0xb0258c264f527024},
    {"group_word", "pauses=3", {48, 0, 0}, 0xbe874e5144d9293f},
