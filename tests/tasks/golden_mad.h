/* SPDX-License-Identifier: Apache-2.0
 * the six MAD tasks: task, options, {T, n, far}, XXH3 of 100 examples */
{"mad_compression", "", {32, 0, 0}, 0xa2431114f2258b16},
{"mad_compression", "", {32, 0, 1}, 0xf9ab801851fd5435},
{"mad_compression", "", {256, 0, 1}, 0xd852cdc5dbda62fa},
{"mad_compression", "vocab=128", {32, 0, 0}, 0x43767f3e296f1a26},
{"mad_compression", "vocab=3", {2, 0, 1}, 0x4773af853fd63ae9},
