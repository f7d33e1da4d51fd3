/* SPDX-License-Identifier: Apache-2.0 */
#include "delta_ref.h"

#include <string.h>

#include "labench/kit.h"

la_status la_ref_recurrence(const la_problem *p, double s, const la_ref_io *io, la_ref_step *step,
                            la_err *err)
{
    int64_t dk = p->dk, dv = p->dv;
    size_t bytes = (size_t)(dk * dv) * sizeof(double);
    double *S = la_zalloc(bytes, err);
    if (!S) return LA_E_NOMEM;
    if (io->state_in) memcpy(S, io->state_in[0], bytes);
    for (int64_t t = 0, r = 0; t < p->T; t++) {
        step(p, io, t, S);
        if (r == io->n_rows || (io->rows && io->rows[r] != t)) continue;
        double *o = io->o + r++ * dv;
        for (int64_t j = 0; j < dv; j++) {
            o[j] = 0.0;
            for (int64_t i = 0; i < dk; i++) o[j] += S[i * dv + j] * s * io->q[t * dk + i];
        }
    }
    if (io->state_out) memcpy(io->state_out[0], S, bytes);
    la_free(S);
    return LA_OK;
}
