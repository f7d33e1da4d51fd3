/* SPDX-License-Identifier: Apache-2.0
 * the six MAD tasks: task, options, {T, n, far}, XXH3 of 100 examples */
