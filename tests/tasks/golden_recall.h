/* SPDX-License-Identifier: Apache-2.0
 * associative_recall, forgetting_mqar, compositional_mqar: task, options, {T, n, far}, XXH3 of 100 examples */
