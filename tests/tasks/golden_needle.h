/* SPDX-License-Identifier: Apache-2.0
 * the needles, palindrome and stack: task, options, {T, n, far}, XXH3 of 100 examples */
