/* SPDX-License-Identifier: Apache-2.0
 * the six MAD tasks: task, options, what does not hold for all. */
{"mad_compression", "", 0},
{"mad_compression", "vocab=128", 0},
