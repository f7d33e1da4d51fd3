/* SPDX-License-Identifier: Apache-2.0
 * the six MAD tasks: task, options, length, what the refusal says. */
{"mad_compression", "", 1, "2 to 268435456 tokens, the last of which ends them, not 1"},
{"mad_compression", "", 2, NULL},
