/* SPDX-License-Identifier: Apache-2.0
 * Four finite groups, their elements numbered from 0, which is the neutral one.
 */
#ifndef LA_GROUP_H
#define LA_GROUP_H

#include <stdint.h>

enum { LA_GROUP_S3, LA_GROUP_S5, LA_GROUP_A5, LA_GROUP_Z60 };
enum { LA_GROUP_MOST = 120 /* elements of the largest */ };
extern const char *const la_group_names[]; /* "s3", ...; NULL-terminated */

int32_t la_group_order(int64_t group);
/* Things that the group permutes; 0 for z60. */
int32_t la_group_points(int64_t group);
/* Of them, how many `element` puts elsewhere; 0 for z60. */
int32_t la_group_moved(int64_t group, int32_t element);
/* First a, then b. */
int32_t la_group_product(int64_t group, int32_t a, int32_t b);
/* "21345": which thing stands at each place afterwards; "17" for z60. */
const char *la_group_word(int64_t group, int32_t element, char buf[16]);

#endif
