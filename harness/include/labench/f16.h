/* SPDX-License-Identifier: Apache-2.0
 * IEEE binary16, rounded to nearest even. One element at a time and in whole numbers alone, for inputs, comparisons
 * and tests: no kernel of the CPU computes in it.
 */
#ifndef LABENCH_F16_H
#define LABENCH_F16_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint16_t la_f16;

static inline float la_f16_to_float(la_f16 x)
{
    uint32_t sign = (uint32_t)(x & 0x8000u) << 16, exponent = x >> 10 & 31u, part = x & 0x3ffu;
    uint32_t bits = sign | part << 13;
    if (exponent == 31) {
        bits |= 0x7f800000u;
    } else if (exponent) {
        bits |= (exponent + 112) << 23;
    } else if (part) { /* a denormal, which a float32 holds as a normal number */
        uint32_t up = (uint32_t)__builtin_clz(part) - 21;
        bits = sign | (113 - up) << 23 | (part << up & 0x3ffu) << 13;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Nearest, ties to even; 65520 and beyond become infinity; NaN stays NaN. Unlike bf16's, denormals stay: they are
 * ordinary sizes for a gradient, and the units that multiply f16 take them. */
static inline la_f16 la_f16_from_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return (la_f16)(sign | 0x7e00u);
    if (size >= 0x477ff000u) return (la_f16)(sign | 0x7c00u);
    if (size >= 0x38800000u) {
        size -= 112u << 23;
        return (la_f16)(sign | (size + 0xfffu + (size >> 13 & 1u)) >> 13);
    }
    if (size <= 0x33000000u) return (la_f16)sign; /* half of the smallest one, or less */
    uint32_t down = 126u - (size >> 23), part = (size & 0x7fffffu) | 0x800000u;
    uint32_t half = 1u << (down - 1), rest = part & ((1u << down) - 1);
    uint32_t whole = part >> down;
    return (la_f16)(sign | (whole + (rest > half || (rest == half && (whole & 1u)))));
}

#ifdef __cplusplus
}
#endif
#endif
