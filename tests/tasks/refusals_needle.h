/* SPDX-License-Identifier: Apache-2.0
 * the needles, palindrome and stack: task, options, length, what the refusal says. */
