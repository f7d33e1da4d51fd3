/* SPDX-License-Identifier: Apache-2.0
 * Gradients with n = S' phi(q), d = phi(q).z + eps, o = s n / d:
 *   dn = s do / d,  dd = -(do.o) / d,   dphi(q) = S dn + z dd,
 *   dS += phi(q) dn',  dz += phi(q) dd,   dphi(k) = dS v + dz,  dv = dS' phi(k),
 * where dS, dz hold the queries that see the key: for causal ones a second loop, from the end.
 */
#include "kernel_ref.h"

#include <string.h>

#include "labench/kit.h"
#include "labench/wide.h"

typedef struct sums {
    const la_ka_ref *of;
    int64_t m, dk, dv;
    double *S, *z; /* [m,dv], [m]; z is kept even where nothing divides by it */
    double *phi;   /* [m] */
} sums;

LA_WIDE static void absorb(sums *u, const double *k, const double *v)
{
    u->of->features(u->of, true, k, u->phi);
    for (int64_t i = 0; i < u->m; i++) {
        u->z[i] += u->phi[i];
        for (int64_t c = 0; c < u->dv; c++) u->S[i * u->dv + c] += u->phi[i] * v[c];
    }
}

LA_WIDE static void read_out(sums *u, const double *q, double *o)
{
    double den = u->of->eps, scale = u->of->read_scale;
    u->of->features(u->of, false, q, u->phi);
    memset(o, 0, (size_t)u->dv * sizeof *o);
    for (int64_t i = 0; i < u->m; i++) {
        den += u->phi[i] * u->z[i];
        for (int64_t c = 0; c < u->dv; c++) o[c] += u->phi[i] * u->S[i * u->dv + c];
    }
    for (int64_t c = 0; c < u->dv; c++) o[c] *= u->of->normalize ? scale / den : scale;
}

/* NULL: zeros, which u holds. */
static void state_from(sums *u, const double *const *state)
{
    if (!state) return;
    memcpy(u->S, state[0], (size_t)(u->m * u->dv) * sizeof(double));
    if (u->of->normalize) memcpy(u->z, state[1], (size_t)u->m * sizeof(double));
}

static void state_to(const sums *u, double *const *state)
{
    memcpy(state[0], u->S, (size_t)(u->m * u->dv) * sizeof(double));
    if (u->of->normalize) memcpy(state[1], u->z, (size_t)u->m * sizeof(double));
}

/* Sums at m (dv + 2) zeroed doubles. */
static sums sums_at(const la_ka_ref *of, const la_problem *p, double *base)
{
    int64_t m = of->m, dv = p->dv;
    return (sums){of, m, p->dk, dv, base, base + m * dv, base + m * dv + m};
}

la_status la_ka_ref_forward(const la_ka_ref *of, const la_problem *p, const la_ref_io *io,
                            la_err *err)
{
    int64_t T = p->T, dk = p->dk, dv = p->dv;
    double *S = la_zalloc((size_t)(of->m * (dv + 2)) * sizeof(double), err);
    if (!S) return LA_E_NOMEM;
    sums u = sums_at(of, p, S);
    state_from(&u, io->state_in);
    bool causal = p->mask == LA_MASK_CAUSAL;
    for (int64_t t = 0, r = 0; t < T; t++) {
        absorb(&u, io->k + t * dk, io->v + t * dv);
        if (causal && r < io->n_rows && (io->rows ? io->rows[r] : r) == t)
            read_out(&u, io->q + t * dk, io->o + r++ * dv);
    }
    for (int64_t r = 0; !causal && r < io->n_rows; r++)
        read_out(&u, io->q + (io->rows ? io->rows[r] : r) * dk, io->o + r * dv);
    if (io->state_out) state_to(&u, io->state_out);
    la_free(S);
    return LA_OK;
}

/* What a query asks of the sums: dn [dv] and dd, kept for the way back, and its dq. */
LA_WIDE static void query_back(sums *u, const double *q, const double *dout, double *dn, double *dd,
                               double *dphi, double *dq, double *dparam)
{
    const la_ka_ref *of = u->of;
    int64_t m = u->m, dv = u->dv;
    double den = of->normalize ? of->eps : 1.0;
    of->features(of, false, q, u->phi);
    for (int64_t i = 0; of->normalize && i < m; i++) den += u->phi[i] * u->z[i];
    *dd = 0.0;
    for (int64_t c = 0; c < dv; c++) dn[c] = 0.0; /* at first n */
    for (int64_t i = 0; i < m; i++)
        for (int64_t c = 0; c < dv; c++) dn[c] += u->phi[i] * u->S[i * dv + c];
    for (int64_t c = 0; c < dv; c++) {
        double n = dn[c];
        dn[c] = of->read_scale * dout[c] / den;
        if (of->normalize) *dd -= dn[c] * n / den;
    }
    for (int64_t i = 0; i < m; i++) dphi[i] = u->z[i] * *dd + la_wide_dot(dv, u->S + i * dv, dn);
    of->pull(of, false, q, dphi, dq, dparam);
}

/* Adds what one query says of its S and z. */
LA_WIDE static void query_to_sums(sums *grad, const double *q, const double *dn, double dd)
{
    grad->of->features(grad->of, false, q, grad->phi);
    for (int64_t i = 0; i < grad->m; i++) {
        grad->z[i] += grad->phi[i] * dd;
        for (int64_t c = 0; c < grad->dv; c++) grad->S[i * grad->dv + c] += grad->phi[i] * dn[c];
    }
}

LA_WIDE static void key_back(sums *grad, const double *k, const double *v, double *dphi,
                             double *dkey, double *dvalue, double *dparam)
{
    int64_t m = grad->m, dv = grad->dv;
    grad->of->features(grad->of, true, k, grad->phi);
    for (int64_t i = 0; i < m; i++) dphi[i] = grad->z[i] + la_wide_dot(dv, grad->S + i * dv, v);
    for (int64_t c = 0; dvalue && c < dv; c++) dvalue[c] = 0.0;
    for (int64_t i = 0; dvalue && i < m; i++)
        for (int64_t c = 0; c < dv; c++) dvalue[c] += grad->S[i * dv + c] * grad->phi[i];
    grad->of->pull(grad->of, true, k, dphi, dkey, dparam);
}

/* The sums so far, queries in order; then the gradients of the sums, from the end. */
static void both_ways(const la_problem *p, const la_ref_io *io, const la_ref_grads *g, sums *u,
                      sums *grad, double *dn, double *dd, double *dphi)
{
    int64_t T = p->T, dk = p->dk, dv = p->dv;
    bool causal = p->mask == LA_MASK_CAUSAL;
    double *dparam = g->dparams ? g->dparams[0] : NULL;
    for (int64_t t = 0; !causal && t < T; t++) absorb(u, io->k + t * dk, io->v + t * dv);
    for (int64_t t = 0; t < T; t++) {
        if (causal) absorb(u, io->k + t * dk, io->v + t * dv);
        query_back(u, io->q + t * dk, g->dout + t * dv, dn + t * dv, dd + t, dphi,
                   g->dq ? g->dq + t * dk : NULL, dparam);
    }
    for (int64_t t = 0; !causal && t < T; t++)
        query_to_sums(grad, io->q + t * dk, dn + t * dv, dd[t]);
    for (int64_t t = T - 1; t >= 0; t--) {
        if (causal) query_to_sums(grad, io->q + t * dk, dn + t * dv, dd[t]);
        key_back(grad, io->k + t * dk, io->v + t * dv, dphi, g->dk ? g->dk + t * dk : NULL,
                 g->dv ? g->dv + t * dv : NULL, dparam);
    }
}

la_status la_ka_ref_backward(const la_ka_ref *of, const la_problem *p, const la_ref_io *io,
                             const la_ref_grads *g, la_err *err)
{
    int64_t T = p->T, dv = p->dv, one = of->m * (dv + 2);
    double *work = la_zalloc((size_t)(2 * one + T * (dv + 1) + of->m) * sizeof(double), err);
    if (!work) return LA_E_NOMEM;
    double *dn = work + 2 * one, *dd = dn + T * dv, *dphi = dd + T;
    sums u = sums_at(of, p, work), grad = sums_at(of, p, work + one);
    state_from(&u, io->state_in);
    state_from(&grad, g->dstate_out);
    both_ways(p, io, g, &u, &grad, dn, dd, dphi);
    if (g->dstate_in) state_to(&grad, g->dstate_in);
    la_free(work);
    return LA_OK;
}
