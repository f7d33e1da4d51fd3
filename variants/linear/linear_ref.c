/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: one token after the other,
 *   S += phi(k) v',  z += phi(k),  o = S' phi(q) / (phi(q).z + eps);
 * bidirectional: all keys first, then the wanted rows. Gradients with n = S' phi(q), d = phi(q).z + eps,
 * o = s n / d:
 *   dn = s do / d,  dd = -(do.o) / d,   dphi(q) = S dn + z dd,
 *   dS += phi(q) dn',  dz += phi(q) dd,   dphi(k) = dS v + dz,  dv = dS' phi(k),
 * where dS, dz hold the queries that see the key: for causal ones a second loop, from the end.
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

/* NULL: zeros, which u holds. */
static void state_from(sums *u, const la_linear_options *options, const double *const *state)
{
    if (!state) return;
    memcpy(u->S, state[0], (size_t)(u->m * u->dv) * sizeof(double));
    if (options->normalize) memcpy(u->z, state[1], (size_t)u->m * sizeof(double));
}

static void state_to(const sums *u, const la_linear_options *options, double *const *state)
{
    memcpy(state[0], u->S, (size_t)(u->m * u->dv) * sizeof(double));
    if (options->normalize) memcpy(state[1], u->z, (size_t)u->m * sizeof(double));
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    const la_linear_options *options = opts;
    const la_linear_map *map = la_linear_map_of(opts);
    int64_t T = p->T, dk = p->dk, dv = p->dv, m = map->width(dk);
    double *S = la_zalloc((size_t)(m * dv + 2 * m) * sizeof(double), err);
    if (!S) return LA_E_NOMEM;
    sums u = {m, dv, S, S + m * dv, S + m * dv + m};
    state_from(&u, options, io->state_in);
    bool causal = p->mask == LA_MASK_CAUSAL;
    for (int64_t t = 0, r = 0; t < T; t++) {
        absorb(&u, map, dk, io->k + t * dk, io->v + t * dv);
        if (causal && r < io->n_rows && (io->rows ? io->rows[r] : r) == t)
            read_out(&u, map, p, opts, io->q + t * dk, io->o + r++ * dv);
    }
    for (int64_t r = 0; !causal && r < io->n_rows; r++)
        read_out(&u, map, p, opts, io->q + (io->rows ? io->rows[r] : r) * dk, io->o + r * dv);
    if (io->state_out) state_to(&u, options, io->state_out);
    la_free(S);
    return LA_OK;
}

/* dn [dv], dd of a query, and its dq. */
static void query_back(const sums *u, const la_linear_map *map, const la_problem *p,
                       const void *opts, const double *q, const double *dout, double *dn,
                       double *dd, double *dphi, double *dq)
{
    const la_linear_options *options = opts;
    int64_t m = u->m, dv = u->dv;
    double scale = la_linear_read_scale(p, opts), den = options->normalize ? options->eps : 1.0;
    map->reference(p->dk, q, u->phi);
    for (int64_t i = 0; options->normalize && i < m; i++) den += u->phi[i] * u->z[i];
    *dd = 0.0;
    for (int64_t c = 0; c < dv; c++) {
        double n = 0.0;
        for (int64_t i = 0; i < m; i++) n += u->phi[i] * u->S[i * dv + c];
        dn[c] = scale * dout[c] / den;
        if (options->normalize) *dd -= dn[c] * n / den;
    }
    for (int64_t i = 0; i < m; i++) {
        dphi[i] = u->z[i] * *dd;
        for (int64_t c = 0; c < dv; c++) dphi[i] += u->S[i * dv + c] * dn[c];
    }
    if (dq) map->reference_pull(p->dk, q, dphi, dq);
}

/* Adds what one query says of its S and z. */
static void query_to_sums(sums *grad, const la_linear_map *map, int64_t dk, const double *q,
                          const double *dn, double dd)
{
    map->reference(dk, q, grad->phi);
    for (int64_t i = 0; i < grad->m; i++) {
        grad->z[i] += grad->phi[i] * dd;
        for (int64_t c = 0; c < grad->dv; c++) grad->S[i * grad->dv + c] += grad->phi[i] * dn[c];
    }
}

static void key_back(sums *grad, const la_linear_map *map, int64_t dk, const double *k,
                     const double *v, double *dphi, double *dkey, double *dvalue)
{
    int64_t m = grad->m, dv = grad->dv;
    map->reference(dk, k, grad->phi);
    for (int64_t i = 0; i < m; i++) {
        dphi[i] = grad->z[i];
        for (int64_t c = 0; c < dv; c++) dphi[i] += grad->S[i * dv + c] * v[c];
    }
    if (dkey) map->reference_pull(dk, k, dphi, dkey);
    for (int64_t c = 0; dvalue && c < dv; c++) {
        dvalue[c] = 0.0;
        for (int64_t i = 0; i < m; i++) dvalue[c] += grad->S[i * dv + c] * grad->phi[i];
    }
}

/* The sums so far, queries in order; then the gradients of the sums, from the end. */
static void both_ways(const la_problem *p, const void *opts, const la_ref_io *io,
                      const la_ref_grads *g, sums *u, sums *grad, double *dn, double *dd,
                      double *dphi)
{
    const la_linear_map *map = la_linear_map_of(opts);
    int64_t T = p->T, dk = p->dk, dv = p->dv;
    bool causal = p->mask == LA_MASK_CAUSAL;
    for (int64_t t = 0; !causal && t < T; t++) absorb(u, map, dk, io->k + t * dk, io->v + t * dv);
    for (int64_t t = 0; t < T; t++) {
        if (causal) absorb(u, map, dk, io->k + t * dk, io->v + t * dv);
        query_back(u, map, p, opts, io->q + t * dk, g->dout + t * dv, dn + t * dv, dd + t, dphi,
                   g->dq ? g->dq + t * dk : NULL);
    }
    for (int64_t t = 0; !causal && t < T; t++)
        query_to_sums(grad, map, dk, io->q + t * dk, dn + t * dv, dd[t]);
    for (int64_t t = T - 1; t >= 0; t--) {
        if (causal) query_to_sums(grad, map, dk, io->q + t * dk, dn + t * dv, dd[t]);
        key_back(grad, map, dk, io->k + t * dk, io->v + t * dv, dphi, g->dk ? g->dk + t * dk : NULL,
                 g->dv ? g->dv + t * dv : NULL);
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *g, la_err *err)
{
    const la_linear_options *options = opts;
    int64_t T = p->T, dv = p->dv, m = la_linear_map_of(opts)->width(p->dk), one = m * (dv + 2);
    double *work = la_zalloc((size_t)(2 * one + T * (dv + 1) + m) * sizeof(double), err);
    if (!work) return LA_E_NOMEM;
    double *dn = work + 2 * one, *dd = dn + T * dv, *dphi = dd + T;
    sums u = {m, dv, work, work + m * dv, work + m * dv + m};
    sums grad = {m, dv, work + one, work + one + m * dv, work + one + m * dv + m};
    state_from(&u, options, io->state_in);
    state_from(&grad, options, g->dstate_out);
    both_ways(p, opts, io, g, &u, &grad, dn, dd, dphi);
    if (g->dstate_in) state_to(&grad, options, g->dstate_in);
    la_free(work);
    return LA_OK;
}

const la_reference la_linear_reference = {.forward = forward, .backward = backward};
