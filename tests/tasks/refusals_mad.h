/* SPDX-License-Identifier: Apache-2.0
 * the six MAD tasks: task, options, length, what the refusal says. */
