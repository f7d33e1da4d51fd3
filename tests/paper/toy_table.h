/* SPDX-License-Identifier: Apache-2.0
 * The parts that all tables of the tests have in common.
 */
#ifndef LA_TEST_TOY_TABLE_H
#define LA_TEST_TOY_TABLE_H

#define TOY_HEAD                                                                                   \
    "[table]\ntitle = A toy\npaper = Somebody, Of Toys, 2020\nplace = Table 1\n"                   \
    "source = https://example.org/toys\nstatus = A\nrecipe = ten calls of each\n"                  \
    "[scale cpu]\ntext = shorter than theirs\ntried = longer ones\n"                               \
    "[sweep all]\nvariants = softmax,flash\n"

#endif
