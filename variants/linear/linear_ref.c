/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: one token after the other,
 *   S += phi(k) v',  z += phi(k),  o = S' phi(q) / (phi(q).z + eps);
 * bidirectional: all keys first, then the wanted rows.
 */
#include <string.h>

#include "labench/kit.h"
#include "linear_internal.h"

typedef struct sums {
    int64_t m, dv;
    double *S, *z; /* [m,dv], [m]; z is kept even where nothing divides by it */
    double *phi;   /* [m] */
} sums;

static void absorb(sums *u, const la_linear_map *map, int64_t dk, const double *k, const double *v)
{
    map->reference(dk, k, u->phi);
    for (int64_t i = 0; i < u->m; i++) {
        u->z[i] += u->phi[i];
        for (int64_t c = 0; c < u->dv; c++) u->S[i * u->dv + c] += u->phi[i] * v[c];
    }
}

static void read_out(sums *u, const la_linear_map *map, const la_problem *p, const void *opts,
                     const double *q, double *o)
{
    const la_linear_options *options = opts;
    double den = options->eps, scale = la_linear_read_scale(p, opts);
    map->reference(p->dk, q, u->phi);
    memset(o, 0, (size_t)u->dv * sizeof *o);
    for (int64_t i = 0; i < u->m; i++) {
        den += u->phi[i] * u->z[i];
        for (int64_t c = 0; c < u->dv; c++) o[c] += u->phi[i] * u->S[i * u->dv + c];
    }
    for (int64_t c = 0; c < u->dv; c++) o[c] *= options->normalize ? scale / den : scale;
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    const la_linear_options *options = opts;
    const la_linear_map *map = la_linear_map_of(opts);
    int64_t T = p->T, dk = p->dk, dv = p->dv, m = map->width(dk);
    double *S = la_zalloc((size_t)(m * dv + 2 * m) * sizeof(double), err);
    if (!S) return LA_E_NOMEM;
    sums u = {m, dv, S, S + m * dv, S + m * dv + m};
    if (io->state_in) {
        memcpy(u.S, io->state_in[0], (size_t)(m * dv) * sizeof(double));
        if (options->normalize) memcpy(u.z, io->state_in[1], (size_t)m * sizeof(double));
    }
    bool causal = p->mask == LA_MASK_CAUSAL;
    for (int64_t t = 0, r = 0; t < T; t++) {
        absorb(&u, map, dk, io->k + t * dk, io->v + t * dv);
        if (causal && r < io->n_rows && (io->rows ? io->rows[r] : r) == t)
            read_out(&u, map, p, opts, io->q + t * dk, io->o + r++ * dv);
    }
    for (int64_t r = 0; !causal && r < io->n_rows; r++)
        read_out(&u, map, p, opts, io->q + (io->rows ? io->rows[r] : r) * dk, io->o + r * dv);
    if (io->state_out) {
        memcpy(io->state_out[0], u.S, (size_t)(m * dv) * sizeof(double));
        if (options->normalize) memcpy(io->state_out[1], u.z, (size_t)m * sizeof(double));
    }
    la_free(S);
    return LA_OK;
}

const la_reference la_linear_reference = {.forward = forward};
