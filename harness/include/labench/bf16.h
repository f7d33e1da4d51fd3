/* SPDX-License-Identifier: Apache-2.0
 * bfloat16: the upper half of a float32, rounded to nearest even. One element at a time, for tests,
 * inputs and edges; files compiled for the instruction have vectors of it in simd.h.
 */
#ifndef LABENCH_BF16_H
#define LABENCH_BF16_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint16_t la_bf16;

static inline float la_bf16_to_float(la_bf16 x)
{
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Nearest, ties to even; beyond the largest finite value infinity, as the rounding says; NaN stays
 * NaN (made quiet: cutting its bits could leave infinity); denormals become 0 with their sign, as the
 * instruction has it and flush-to-zero asks for. */
static inline la_bf16 la_bf16_from_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return (la_bf16)(bits >> 16 | 0x40u);
    if (size < 0x00800000u) return (la_bf16)(bits >> 16 & 0x8000u);
    return (la_bf16)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#ifdef __cplusplus
}
#endif
#endif
