/* SPDX-License-Identifier: Apache-2.0
 * group_word, listops, modular_arithmetic, majority: task, options, {T, n, far}, XXH3 of 100 examples */
