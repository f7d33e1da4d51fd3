/* SPDX-License-Identifier: Apache-2.0
 * associative_recall, forgetting_mqar, compositional_mqar: task, options, what does not hold for all. */
