/* SPDX-License-Identifier: Apache-2.0
 * group_word, listops, modular_arithmetic, majority: task, options, what does not hold for all. */
