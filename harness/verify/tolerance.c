/* SPDX-License-Identifier: Apache-2.0 */
#include "tolerance.h"

#include <stdbool.h>
#include <string.h>

static bool reorders(const la_variant *variant, const la_impl *impl)
{
    return strstr(impl->name, "chunk") != NULL || strcmp(variant->name, "performer") == 0;
}

/* bf16 has 8 significant bits: a rounding is at most 2^-9 = 0.002 of a value, 0.0011 in the mean square.
 * Twice what the plain method makes of the default inputs, rounding every tensor that it stores; held by
 * a test that computes those plain methods. */
typedef struct narrow {
    la_tolerance output, gradient;
} narrow;
static const narrow plain_softmax = {{1e-2, 6.5e-2}, {1.1e-2, 2e-1}};
static const narrow plain_recurrence = {{7e-3, 9e-2}, {1e-2, 9e-2}};

static const la_tolerance stressed_recurrence = {1e-2, 2.5e-1};

/* f16 has 11: a rounding is an eighth of that. Gradients of a softmax fall among its denormals, which have
 * fewer bits. */
static const narrow half_softmax = {{1.1e-3, 7.8e-3}, {2.2e-3, 4.2e-2}};
static const narrow half_recurrence = {{9e-4, 9.5e-3}, {1.4e-3, 1.55e-2}};
static const la_tolerance stressed_half_recurrence = {1.3e-3, 3.6e-2};

static bool is_softmax(const la_variant *variant)
{
    return variant->family == LA_FAMILY_QUADRATIC || variant->family == LA_FAMILY_LOW_RANK;
}

static const narrow *narrow_of(const la_variant *variant, la_dtype dtype)
{
    if (dtype == LA_F16) return is_softmax(variant) ? &half_softmax : &half_recurrence;
    return is_softmax(variant) ? &plain_softmax : &plain_recurrence;
}

la_tolerance la_tolerance_of(const la_variant *variant, const la_impl *impl, la_dtype dtype)
{
    /* Exact forms do the definition's sums in float32, a few hundred roundings of 6e-8 each; chunk
     * forms add a triangular solve and products of decays, performer an exponential per feature. */
    static const la_tolerance exact = {1e-5, 1e-4}, loose = {1e-4, 1e-3};
    if (dtype != LA_F32) return narrow_of(variant, dtype)->output;
    return reorders(variant, impl) ? loose : exact;
}

la_tolerance la_tolerance_stressed(const la_variant *variant, const la_impl *impl, la_dtype dtype)
{
    if (dtype == LA_BF16 && !is_softmax(variant)) return stressed_recurrence;
    if (dtype == LA_F16 && !is_softmax(variant)) return stressed_half_recurrence;
    return la_tolerance_of(variant, impl, dtype);
}

double la_tolerance_causal(const la_variant *variant, const la_impl *impl, la_dtype dtype)
{
    (void)impl;
    if (strcmp(variant->name, "performer") != 0) return 0.0;
    return dtype == LA_BF16 ? 0x1p-5 : dtype == LA_F16 ? 0x1p-8 : 1e-6;
}

la_tolerance la_tolerance_layer(void)
{
    return (la_tolerance){1e-5, 1e-4};
}

la_tolerance la_tolerance_float64(void)
{
    return (la_tolerance){1e-10, 1e-10};
}

la_tolerance la_tolerance_gradient(const la_variant *variant, const la_impl *impl, la_dtype dtype)
{
    /* A gradient is a chain of two passes of float32 sums; a row may be what is left when larger terms
     * cancel (softmax: dP less its mean). */
    static const la_tolerance chain = {1e-3, 1e-2};
    (void)impl;
    return dtype == LA_F32 ? chain : narrow_of(variant, dtype)->gradient;
}

double la_tolerance_differences(void)
{
    return 1e-6;
}
