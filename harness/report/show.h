/* SPDX-License-Identifier: Apache-2.0
 * What `labench show` shares with the report. Private to the report.
 */
#ifndef LA_SHOW_H
#define LA_SHOW_H

/* The command line that measures cell ?1 alone, as one text. */
extern const char la_rerun_sql[];

#endif
