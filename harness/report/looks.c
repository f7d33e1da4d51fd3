/* SPDX-License-Identifier: Apache-2.0
 * Colour, point and dash of a line, by names alone: a variant looks the same in every figure of every
 * sweep, whatever else was measured.
 */
#include <string.h>

#include "series.h"

/* Of gnuplot: circle, square, triangles up and down, diamond, pentagon, all filled. Open ones mark failures. */
static const int shapes[] = {7, 5, 9, 11, 13, 15};
static const int dashes[] = {1, 2, 4, 5, 3};

/* Blues for quadratic members, warm colours for kernels, and so on; no two have colour and point in common.
 * The first of each kind are Wong's (2011), which people with protanopia and deuteranopia can tell apart;
 * beyond eight no set of colours can, and the points do. */
static const struct {
    const char *name, *colour;
    int shape;
} known[] = {
    {"softmax", "#0072b2", 0}, {"flash", "#56b4e9", 1},     {"local", "#1f2f8c", 2},
    {"linear", "#d55e00", 2},  {"performer", "#e69f00", 3}, {"linformer", "#cc79a7", 1},
    {"fnet", "#000000", 4},    {"deltanet", "#009e73", 0},  {"gated_deltanet", "#6cbf1f", 1},
    {"retnet", "#8c564b", 2},  {"gla", "#9467bd", 3},       {"mamba2", "#b22222", 4},
    {"kda", "#00bcd4", 5},     {"rwkv7", "#8a8a00", 1},     {"ttt_linear", "#e7298a", 5},
    {"null", "#888888", 0},    {"copy", "#b0b0b0", 1}};

/* Of other names, chosen by what they are. */
static const char *const others[] = {"#a6761d", "#7570b3", "#1b7837", "#d6604d",
                                     "#4d4d4d", "#c51b7d", "#35978f"};

static unsigned hash(const char *name)
{
    unsigned h = 2166136261u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 16777619u;
    return h ^ h >> 15;
}

void la_series_look(la_series *s, int impl, int line)
{
    unsigned h = hash(s->variant);
    int shape = (int)(h / LA_COUNT(others) % LA_COUNT(shapes));
    s->colour = others[h % LA_COUNT(others)];
    for (size_t i = 0; i < LA_COUNT(known); i++)
        if (strcmp(known[i].name, s->variant) == 0) {
            s->colour = known[i].colour;
            shape = known[i].shape;
        }
    s->shape = shapes[(size_t)(shape + line) % LA_COUNT(shapes)];
    s->dash = dashes[(size_t)(impl + line) % LA_COUNT(dashes)];
}

static bool looks_like_one_before(const la_lines *lines, size_t i)
{
    const la_series *s = &lines->v[i];
    for (size_t j = 0; j < i; j++)
        if (lines->v[j].shape == s->shape && strcmp(lines->v[j].colour, s->colour) == 0)
            return true;
    return false;
}

void la_lines_points_apart(la_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++) {
        size_t at = 0;
        while (at + 1 < LA_COUNT(shapes) && shapes[at] != lines->v[i].shape) at++;
        for (size_t k = 1; k < LA_COUNT(shapes) && looks_like_one_before(lines, i); k++)
            lines->v[i].shape = shapes[(at + k) % LA_COUNT(shapes)];
    }
}
