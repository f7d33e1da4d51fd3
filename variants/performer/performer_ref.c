/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: phi(x)_i = exp(w_i.y - |y|^2/2)/sqrt(M), y = sqrt(s) x, and
 *   o = sum_j phi(q).phi(k_j) v_j / sum_j phi(q).phi(k_j)
 * as running sums, token by token. The constant 1/sqrt(M) and the query's |y|^2/2 cancel. Sums of
 * feature i are kept relative to exp(c_i), c_i the largest exponent so far, as the state's definition
 * says; float64 alone would not need it before exponents of 700.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "performer_internal.h"

typedef struct sums {
    int64_t M, dk, dv;
    double root_s;
    double *W;         /* [dk,M], transposed */
    double *S, *z, *c; /* [M,dv], [M], [M] */
    double *e;         /* [M]: exponents of the token at hand */
} sums;

/* e_i = w_i.y */
static void project(sums *u, const double *x)
{
    memset(u->e, 0, (size_t)u->M * sizeof *u->e);
    for (int64_t d = 0; d < u->dk; d++)
        for (int64_t i = 0; i < u->M; i++) u->e[i] += u->W[d * u->M + i] * (u->root_s * x[d]);
}

static void absorb(sums *u, const double *k, const double *v)
{
    double half = 0.0;
    for (int64_t d = 0; d < u->dk; d++) half += 0.5 * u->root_s * u->root_s * k[d] * k[d];
    project(u, k);
    for (int64_t i = 0; i < u->M; i++) {
        double exponent = u->e[i] - half, *S = u->S + i * u->dv;
        if (exponent > u->c[i]) {
            double factor = exp(u->c[i] - exponent);
            u->z[i] *= factor;
            for (int64_t c = 0; c < u->dv; c++) S[c] *= factor;
            u->c[i] = exponent;
        }
        double weight = exp(exponent - u->c[i]);
        u->z[i] += weight;
        for (int64_t c = 0; c < u->dv; c++) S[c] += weight * v[c];
    }
}

static void read_out(sums *u, const double *q, double *o)
{
    double top = -INFINITY, den = 0.0;
    project(u, q);
    for (int64_t i = 0; i < u->M; i++) top = fmax(top, u->e[i] + u->c[i]);
    memset(o, 0, (size_t)u->dv * sizeof *o);
    for (int64_t i = 0; i < u->M; i++) {
        double weight = exp(u->e[i] + u->c[i] - top);
        den += weight * u->z[i];
        for (int64_t c = 0; c < u->dv; c++) o[c] += weight * u->S[i * u->dv + c];
    }
    for (int64_t c = 0; c < u->dv; c++) o[c] /= den;
}

static void state_from(sums *u, const double *const *state)
{
    memset(u->S, 0, (size_t)(u->M * (u->dv + 1)) * sizeof *u->S);
    for (int64_t i = 0; i < u->M; i++) u->c[i] = -INFINITY;
    if (!state) return;
    memcpy(u->S, state[0], (size_t)(u->M * u->dv) * sizeof *u->S);
    memcpy(u->z, state[1], (size_t)u->M * sizeof *u->z);
    memcpy(u->c, state[2], (size_t)u->M * sizeof *u->c);
}

static void state_to(const sums *u, double *const *state)
{
    if (!state) return;
    memcpy(state[0], u->S, (size_t)(u->M * u->dv) * sizeof *u->S);
    memcpy(state[1], u->z, (size_t)u->M * sizeof *u->z);
    memcpy(state[2], u->c, (size_t)u->M * sizeof *u->c);
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    int64_t T = p->T, M = la_performer_features(p, opts);
    sums u = {.M = M, .dk = p->dk, .dv = p->dv, .root_s = sqrt(la_scale(p))};
    u.W = la_alloc((size_t)(M * (u.dk + u.dv + 3)) * sizeof(double), err);
    if (!u.W) return LA_E_NOMEM;
    u.S = u.W + M * u.dk;
    u.z = u.S + M * u.dv;
    u.c = u.z + M;
    u.e = u.c + M;
    for (int64_t i = 0; i < M; i++)
        for (int64_t d = 0; d < u.dk; d++) u.W[d * M + i] = io->params[0][i * u.dk + d];
    state_from(&u, io->state_in);
    bool causal = p->mask == LA_MASK_CAUSAL;
    for (int64_t t = 0, r = 0; t < T; t++) {
        absorb(&u, io->k + t * u.dk, io->v + t * u.dv);
        if (causal && r < io->n_rows && (io->rows ? io->rows[r] : r) == t)
            read_out(&u, io->q + t * u.dk, io->o + r++ * u.dv);
    }
    for (int64_t r = 0; !causal && r < io->n_rows; r++)
        read_out(&u, io->q + (io->rows ? io->rows[r] : r) * u.dk, io->o + r * u.dv);
    state_to(&u, io->state_out);
    la_free(u.W);
    return LA_OK;
}

const la_reference la_performer_reference = {.forward = forward};
