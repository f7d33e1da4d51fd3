/* SPDX-License-Identifier: Apache-2.0
 * Drawing parameters.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "labench/kit.h"

/* Rows of W [rows, d] in blocks of d: each block's directions are orthonormal (Gram-Schmidt, twice,
 * on Gaussian rows: Haar distributed), each row's norm is that of a fresh Gaussian vector. */
static la_status draw_orthogonal(uint64_t stream, int64_t rows, int64_t d, double scale, float *out,
                                 la_err *err)
{
    double *block = la_alloc((size_t)(d * d) * sizeof(double), err);
    if (!block) return LA_E_NOMEM;
    for (int64_t r = 0; r < rows; r++) {
        int64_t in_block = r % d;
        double *w = block + in_block * d;
        double gaussian_norm = 0.0;
        for (int64_t c = 0; c < d; c++) {
            w[c] = la_random_normal(stream, (uint64_t)(2 * (r * d + c)));
            double z = la_random_normal(stream, (uint64_t)(2 * (r * d + c) + 1));
            gaussian_norm += z * z;
        }
        for (int pass = 0; pass < 2; pass++)
            for (int64_t p = 0; p < in_block; p++) {
                const double *u = block + p * d;
                double dot = 0.0;
                for (int64_t c = 0; c < d; c++) dot += u[c] * w[c];
                for (int64_t c = 0; c < d; c++) w[c] -= dot * u[c];
            }
        double norm = 0.0;
        for (int64_t c = 0; c < d; c++) norm += w[c] * w[c];
        norm = sqrt(norm);
        for (int64_t c = 0; c < d; c++) {
            w[c] /= norm;
            out[r * d + c] = (float)(scale * sqrt(gaussian_norm) * w[c]);
        }
    }
    la_free(block);
    return LA_OK;
}

la_status la_param_draw(const la_param *param, uint64_t seed, float *out, la_err *err)
{
    uint64_t name = 0;
    for (const char *c = param->name; *c; c++) name = name * 131 + (unsigned char)*c;
    uint64_t stream = la_stream(seed, 0x70617261u + name, param->seed);
    int64_t n = la_param_elements(param);
    switch (param->init) {
    case LA_INIT_NORMAL:
        la_random_fill_scaled(stream, 0, param->init_scale, out, n, omp_get_num_procs());
        return LA_OK;
    case LA_INIT_IDENTITY: {
        int64_t cols = param->shape[param->rank - 1], rows = param->shape[param->rank - 2];
        for (int64_t i = 0; i < n; i++)
            out[i] = i / cols % rows == i % cols ? (float)param->init_scale : 0.0f;
        return LA_OK;
    }
    case LA_INIT_CONSTANT:
        for (int64_t i = 0; i < n; i++) out[i] = (float)param->init_scale;
        return LA_OK;
    case LA_INIT_ORTHOGONAL:
        return draw_orthogonal(stream, param->shape[0], param->shape[1], param->init_scale, out,
                               err);
    }
    return LA_FAIL(err, LA_E_INTERNAL, "parameter %s has an unknown init", param->name);
}
