/* SPDX-License-Identifier: Apache-2.0
 * The float64 reference of attention by feature maps, for every member whose features are plain numbers
 * (linear; performer's kernels that are not exponentials): one token after the other,
 *   S += phi(k) v',  z += phi(k),  o = s S' phi(q) / (phi(q).z + eps);
 * bidirectional: all keys first, then the wanted rows.
 */
#ifndef LA_KERNEL_REF_H
#define LA_KERNEL_REF_H

#include <stdbool.h>

#include "labench/variant.h"

typedef struct la_ka_ref {
    int64_t m; /* features */
    bool normalize;
    double eps, read_scale; /* read_scale is s above */
    const void *of;         /* the member's own */
    /* phi(x) [m] of one row x [dk], a key's or a query's. */
    void (*features)(const struct la_ka_ref *, bool key, const double *x, double *phi);
    /* dx [dk] = phi'(x)' dphi, overwritten, or NULL; what belongs to the parameter is added to dparam, or
     * NULL. dphi is scratch. */
    void (*pull)(const struct la_ka_ref *, bool key, const double *x, double *dphi, double *dx,
                 double *dparam);
} la_ka_ref;

/* State parts S [m,dv] and, where normalize, z [m]. The parameter is grads->dparams[0]. */
la_status la_ka_ref_forward(const la_ka_ref *, const la_problem *, const la_ref_io *, la_err *);
la_status la_ka_ref_backward(const la_ka_ref *, const la_problem *, const la_ref_io *,
                             const la_ref_grads *, la_err *);

#endif
