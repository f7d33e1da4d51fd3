/* SPDX-License-Identifier: Apache-2.0
 * A permutation is numbered by its place in the dictionary's order of all permutations: no table
 * is kept, since a number becomes a permutation and back in a few steps. The permutations 2i and
 * 2i + 1 differ in the order of their last two things, so one of the two is even: element i of A5.
 */
#include "group.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

enum { POINTS = 5 };

const char *const la_group_names[] = {"s3", "s5", "a5", "z60", 0};
static const struct {
    int32_t order, points;
} groups[] = {{6, 3}, {120, 5}, {60, 5}, {60, 0}};

int32_t la_group_order(int64_t group)
{
    return groups[group].order;
}

int32_t la_group_points(int64_t group)
{
    return groups[group].points;
}

/* p[i] is the thing at place i. */
static void permutation_at(int32_t number, int32_t points, int32_t p[POINTS])
{
    int32_t digit[POINTS] = {0};
    for (int32_t i = points, base = 1; i-- > 0; base++) {
        digit[i] = number % base;
        number /= base;
    }
    /* digit[i] counts the smaller things behind place i. */
    for (int32_t i = points; i-- > 0;) {
        p[i] = digit[i];
        for (int32_t j = i + 1; j < points; j++) p[j] += p[j] >= p[i];
    }
}

static int32_t number_of(const int32_t *p, int32_t points)
{
    int32_t number = 0;
    for (int32_t i = 0; i < points; i++) {
        int32_t smaller = 0;
        for (int32_t j = i + 1; j < points; j++) smaller += p[j] < p[i];
        number = number * (points - i) + smaller;
    }
    return number;
}

static bool is_odd(const int32_t *p, int32_t points)
{
    bool odd = false;
    for (int32_t i = 0; i < points; i++)
        for (int32_t j = i + 1; j < points; j++) odd ^= p[j] < p[i];
    return odd;
}

static void permutation_of(int64_t group, int32_t element, int32_t p[POINTS])
{
    int32_t points = groups[group].points;
    permutation_at(group == LA_GROUP_A5 ? 2 * element : element, points, p);
    if (group != LA_GROUP_A5 || !is_odd(p, points)) return;
    int32_t last = p[points - 1];
    p[points - 1] = p[points - 2];
    p[points - 2] = last;
}

int32_t la_group_moved(int64_t group, int32_t element)
{
    int32_t p[POINTS], moved = 0;
    if (group == LA_GROUP_Z60) return 0;
    permutation_of(group, element, p);
    for (int32_t i = 0; i < groups[group].points; i++) moved += p[i] != i;
    return moved;
}

int32_t la_group_product(int64_t group, int32_t a, int32_t b)
{
    int32_t p[POINTS], q[POINTS], pq[POINTS], points = groups[group].points;
    if (group == LA_GROUP_Z60) return (a + b) % groups[group].order;
    permutation_of(group, a, p);
    permutation_of(group, b, q);
    for (int32_t i = 0; i < points; i++) pq[i] = p[q[i]];
    int32_t number = number_of(pq, points);
    return group == LA_GROUP_A5 ? number / 2 : number;
}

const char *la_group_word(int64_t group, int32_t element, char buf[16])
{
    int32_t p[POINTS], points = groups[group].points;
    if (group == LA_GROUP_Z60) {
        snprintf(buf, 16, "%" PRId32, element);
        return buf;
    }
    permutation_of(group, element, p);
    for (int32_t i = 0; i < points; i++) buf[i] = (char)('1' + p[i]);
    buf[points] = '\0';
    return buf;
}
