/* SPDX-License-Identifier: Apache-2.0
 * the needles, palindrome and stack: task, options, what does not hold for all. */
