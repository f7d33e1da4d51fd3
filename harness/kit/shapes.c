/* SPDX-License-Identifier: Apache-2.0
 * Small helpers of variant.h: scales, ranks, state layout.
 */
#include <float.h>
#include <math.h>

#include "labench/kit.h"

int la_rank_any_cpu(const la_device *dev, la_err *why)
{
    if (dev->backend == LA_CPU) return 100;
    LA_FAIL(why, LA_E_UNSUPPORTED, "runs on the CPU only");
    return 0;
}

int la_rank_second_cpu(const la_device *dev, la_err *why)
{
    return la_rank_any_cpu(dev, why) / 2;
}

/* As float32, which kernels take it as, a smaller number is 0, and 0 times a hidden score of -INFINITY is NaN. */
double la_scale(const la_problem *p)
{
    if (p->scale == 0.0) return 1.0 / sqrt((double)p->dk);
    return copysign(fmax(fabs(p->scale), FLT_MIN), p->scale);
}

double la_variant_scale(const la_variant *variant, const la_problem *p)
{
    return p->scale == 0.0 && variant->default_scale != 0.0 ? variant->default_scale : la_scale(p);
}

static int64_t product(const int64_t *shape, int rank)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= shape[i];
    return n;
}

int64_t la_part_elements(const la_part *part)
{
    return product(part->shape, part->rank);
}

int64_t la_param_elements(const la_param *param)
{
    return product(param->shape, param->rank);
}

size_t la_align(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

size_t la_state_layout(const la_part *parts, size_t n, size_t *offsets)
{
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        size_t start = la_align(end);
        if (offsets) offsets[i] = start;
        end = start + (size_t)la_part_elements(&parts[i]) * la_dtype_size(parts[i].dtype);
    }
    return end;
}
