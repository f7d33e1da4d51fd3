/* SPDX-License-Identifier: Apache-2.0
 * associative_recall, forgetting_mqar, compositional_mqar: task, options, length, what the refusal says. */
