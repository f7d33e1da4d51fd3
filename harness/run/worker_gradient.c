/* SPDX-License-Identifier: Apache-2.0
 * A cell of pass bwd or fwdbwd inside its worker: the gradients beside the instance, the call that is
 * timed, and its verification.
 *   bwd     one untimed forward that saves, then backward alone, as often as wanted
 *   fwdbwd  forward that saves and backward, together
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "labench/kit.h"
#include "sampled_backward.h"
#include "worker.h"

bool la_work_has_backward(const la_work *w)
{
    return w->cell.pass == LA_BACKWARD || w->cell.pass == LA_FWDBWD;
}

la_status la_work_backward(la_work *w, la_err *err)
{
    return w->inst.impl->backward(w->inst.self, &w->io, &w->wanted, err);
}

la_status la_work_gradients(la_work *w, la_err *err)
{
    const la_cell *c = &w->cell;
    LA_TRY(la_gradients_alloc(c->variant, &c->problem, c->opts, false, &w->grads, err));
    la_gradients_draw(&w->grads, w->job.seed);
    w->wanted = la_gradients_grads(&w->grads);
    if (c->pass == LA_FWDBWD) return LA_OK;
    LA_TRY(la_work_phase(w, "forward", err));
    la_instance_poison(&w->inst);
    return w->inst.impl->forward(w->inst.self, &w->io, err);
}

void la_work_gradients_poison(la_work *w)
{
    if (w->cell.pass == LA_FWDBWD)
        la_instance_poison(&w->inst);
    else
        la_buffer_poison(&w->inst.work); /* o and saved are what backward starts from */
    la_gradients_poison(&w->grads);
}

la_status la_work_gradients_finite(la_work *w, la_err *err)
{
    const la_buffer *buf;
    const char *name;
    for (size_t i = 0; (buf = la_gradients_at(&w->grads, &w->in, i, &name)); i++) {
        la_dtype dtype = la_gradients_dtype(&w->grads, buf);
        int64_t n = (int64_t)(buf->bytes / la_dtype_size(dtype));
        int64_t bad = la_count_nonfinite(buf->data, n, dtype);
        if (bad == 0) continue;
        la_work_metric_add(w, "nonfinite", (double)bad / (double)n, NAN, NAN, bad, n);
        return LA_FAIL(err, LA_E_NONFINITE,
                       "%" PRId64 " of %" PRId64 " values of d%s are not finite", bad, n, name);
    }
    return LA_OK;
}

/* The worst of all gradients under the names that a forward's error has, and each one's own. */
la_status la_work_gradients_verify(la_work *w, la_backward_run run, void *context, la_err *err)
{
    const la_cell *c = &w->cell;
    la_gradient_error each[LA_GRADIENTS_MOST];
    size_t n = 0;
    la_status st = la_sampled_backward_of(c->variant, c->impl, &c->problem, c->opts, &w->device,
                                          run, context, w->job.cache_dir, each, &n, err);
    la_error worst = {.cosine = 1};
    for (size_t i = 0; i < n; i++) {
        const la_error *e = &each[i].e;
        worst.n += e->n;
        worst.n_nonfinite += e->n_nonfinite;
        if (!(e->rel_rms <= worst.rel_rms)) worst.rel_rms = e->rel_rms;
        if (!(e->max_rel <= worst.max_rel)) worst.max_rel = e->max_rel;
        if (!(e->max_abs <= worst.max_abs)) worst.max_abs = e->max_abs;
        if (!(e->cosine >= worst.cosine)) worst.cosine = e->cosine;
    }
    if (n == 0) return st;
    double bound = la_tolerance_gradient(c->variant, c->impl, c->problem.dtype).rel_rms;
    la_work_metric_add(w, "rel_rms", worst.rel_rms, NAN, NAN, worst.n_nonfinite, worst.n);
    la_work_metric_add(w, "max_rel", worst.max_rel, NAN, NAN, worst.n_nonfinite, worst.n);
    la_work_metric_add(w, "max_abs", worst.max_abs, NAN, NAN, worst.n_nonfinite, worst.n);
    la_work_metric_add(w, "cosine", worst.cosine, NAN, NAN, worst.n_nonfinite, worst.n);
    la_work_metric_add(w, "rel_rms_bound", bound, NAN, NAN, 0, worst.n);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "rel_rms.d%.40s", each[i].name);
        la_work_metric_add(w, name, each[i].e.rel_rms, NAN, NAN, each[i].e.n_nonfinite,
                           each[i].e.n);
    }
    return st;
}
