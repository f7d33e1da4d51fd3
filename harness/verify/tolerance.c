/* SPDX-License-Identifier: Apache-2.0 */
#include "tolerance.h"

#include <stdbool.h>
#include <string.h>

static bool reorders(const la_variant *variant, const la_impl *impl)
{
    return strstr(impl->name, "chunk") != NULL || strcmp(variant->name, "performer") == 0;
}

la_tolerance la_tolerance_of(const la_variant *variant, const la_impl *impl, la_dtype dtype)
{
    /* Exact forms do the definition's sums in float32, a few hundred roundings of 6e-8 each; chunk
     * forms add a triangular solve and products of decays, performer an exponential per feature. */
    static const la_tolerance exact = {1e-5, 1e-4}, loose = {1e-4, 1e-3};
    /* bf16 and f16: set with the kernels that use them; until then nothing may pass. */
    static const la_tolerance none = {0.0, 0.0};
    if (dtype != LA_F32) return none;
    return reorders(variant, impl) ? loose : exact;
}

double la_tolerance_causal(const la_variant *variant, const la_impl *impl)
{
    (void)impl;
    return strcmp(variant->name, "performer") == 0 ? 1e-6 : 0.0;
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
    static const la_tolerance chain = {1e-3, 1e-2}, none = {0.0, 0.0};
    (void)variant, (void)impl;
    return dtype == LA_F32 ? chain : none;
}

double la_tolerance_differences(void)
{
    return 1e-6;
}
