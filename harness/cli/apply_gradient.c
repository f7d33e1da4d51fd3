/* SPDX-License-Identifier: Apache-2.0
 * labench apply --grad: do.npy in, a gradient for every input, parameter and given state out.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "apply.h"
#include "doubles.h"
#include "labench/kit.h"
#include "log.h"
#include "registry.h"

static void path_of(const char *dir, const char *prefix, const char *name, char out[4096])
{
    snprintf(out, 4096, "%.3900s/%s%.100s.npy", dir, prefix, name);
}

int la_apply_output_shape(const la_apply *a, int64_t shape[4])
{
    const la_problem *p = &a->p;
    bool whole = a->variant->inputs & LA_IN_X;
    shape[0] = p->B, shape[1] = p->T;
    shape[2] = whole ? p->H * p->dv : p->H, shape[3] = p->dv;
    return whole ? 3 : 4;
}

static la_status check_finite(const la_npy *npy, const char *path, la_err *err)
{
    char index[192];
    for (int64_t i = 0; i < npy->n; i++)
        if (!isfinite(la_npy_at(npy, i)))
            return LA_FAIL(err, LA_E_FORMAT, "%s holds %g at %s", path, la_npy_at(npy, i),
                           la_index_words(npy->shape, npy->rank, i, index));
    return LA_OK;
}

static la_status check_shape(const la_npy *got, const char *path, const char *of,
                             const int64_t *want, int rank, la_err *err)
{
    char has[192], needs[192];
    if (got->rank == rank && memcmp(got->shape, want, (size_t)rank * sizeof *want) == 0)
        return check_finite(got, path, err);
    return LA_FAIL(err, LA_E_FORMAT, "%s has shape %s, which is not that of %s: %s is needed", path,
                   la_shape_words(got->shape, got->rank, has), of,
                   la_shape_words(want, rank, needs));
}

/* dstate_out_<part>.npy: all of them or none. */
static la_status read_dstate(la_apply *a, la_err *err)
{
    char path[4096], missing[4096] = "", of[64];
    size_t there = 0;
    for (size_t i = 0; i < a->n_parts; i++) {
        path_of(a->in, "dstate_out_", a->parts[i].name, path);
        la_status st = la_npy_read(path, &a->dstate_out[i], err);
        if (st == LA_E_NOTFOUND) {
            if (!*missing) memcpy(missing, path, sizeof path);
            continue;
        }
        if (st != LA_OK) return st;
        there++;
        snprintf(of, sizeof of, "state_%.40s", a->parts[i].name);
        LA_TRY(check_shape(&a->dstate_out[i], path, of, a->parts[i].shape, a->parts[i].rank, err));
    }
    if (there && *missing)
        return LA_FAIL(err, LA_E_NOTFOUND, "the state of %s has %zu parts; %s is missing",
                       a->variant->name, a->n_parts, missing);
    a->has_dstate = there > 0;
    return LA_OK;
}

la_status la_apply_read_gradients(la_apply *a, la_err *err)
{
    char path[4096];
    int64_t shape[4];
    uint32_t caps = 0;
    if (!a->with_grad) return LA_OK;
    for (size_t i = 0; i < a->variant->impls_len; i++) caps |= a->variant->impls[i].caps;
    if (a->form && strcmp(a->form, "decode") == 0)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "decode has no backward; leave --grad out");
    if (!(caps & LA_CAP_BACKWARD))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no backward; leave --grad out",
                       a->variant->name);
    if (a->with_state && !(caps & LA_CAP_STATE_GRAD))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s has no gradient of its state; leave --state or --grad out",
                       a->variant->name);
    path_of(a->in, "", "do", path);
    la_status st = la_npy_read(path, &a->dout, err);
    if (st == LA_E_NOTFOUND)
        return LA_FAIL(err, st, "--grad needs do.npy, the gradient of o, in %s; it is missing",
                       a->in);
    if (st != LA_OK) return st;
    int rank = la_apply_output_shape(a, shape);
    LA_TRY(check_shape(&a->dout, path, "o", shape, rank, err));
    return a->with_state ? read_dstate(a, err) : LA_OK;
}

void la_apply_release_gradients(la_apply *a)
{
    la_npy_release(&a->dout);
    for (int i = 0; i < LA_T_COUNT; i++) la_buffer_release(&a->d[i]);
    for (size_t i = 0; i < LA_MAX_PARAMS; i++) la_buffer_release(&a->dparam[i]);
    for (size_t i = 0; i < LA_MAX_PARTS; i++) {
        la_npy_release(&a->dstate_out[i]);
        la_buffer_release(&a->dstate_in[i]);
    }
}

static la_status keep(la_buffer *to, const void *from, size_t bytes, la_err *err)
{
    LA_TRY(la_buffer_init(to, bytes, err));
    if (bytes) memcpy(to->data, from, bytes);
    return LA_OK;
}

static la_status narrow(const la_npy *npy, float *out, la_err *err)
{
    for (int64_t i = 0; i < npy->n; i++) {
        out[i] = (float)la_npy_at(npy, i);
        if (!isfinite(out[i]))
            return LA_FAIL(err, LA_E_FORMAT, "a gradient holds %g, beyond float32",
                           la_npy_at(npy, i));
    }
    return LA_OK;
}

la_status la_apply_kernel_backward(la_apply *a, const la_instance *inst, const la_io *io,
                                   const la_inputs *in, la_err *err)
{
    la_gradients g;
    LA_TRY(la_gradients_alloc(a->variant, &a->p, a->opts, a->with_state, &g, err));
    la_gradients_poison(&g);
    la_grads grads = la_gradients_grads(&g);
    if (!a->has_dstate) grads.dstate_out = NULL;
    if (!a->has_state) grads.dstate_in = NULL;
    la_status st = narrow(&a->dout, g.dout.data, err);
    for (size_t i = 0; i < a->n_parts && a->has_dstate && st == LA_OK; i++)
        st = narrow(&a->dstate_out[i],
                    (float *)(void *)((char *)g.dstate_out.data + inst->part_offset[i]), err);
    if (st == LA_OK) st = inst->impl->backward(inst->self, io, &grads, err);
    if (st == LA_OK) st = la_gradients_guards(&g, in, err);
    for (int i = 0; i < LA_T_COUNT && st == LA_OK; i++)
        st = keep(&a->d[i], g.d[i].data, g.d[i].bytes, err);
    for (size_t i = 0; i < g.n_params && st == LA_OK; i++)
        st = keep(&a->dparam[i], g.dparam[i].data, g.dparam[i].bytes, err);
    for (size_t i = 0; i < a->n_parts && a->has_state && st == LA_OK; i++)
        st = keep(&a->dstate_in[i], (char *)g.dstate_in.data + inst->part_offset[i],
                  (size_t)la_part_elements(&a->parts[i]) * sizeof(float), err);
    la_gradients_release(&g);
    return st;
}

static void widen(const la_npy *npy, double *out)
{
    for (int64_t i = 0; out && i < npy->n; i++) out[i] = la_npy_at(npy, i);
}

/* Parts of a state, or of its gradient, one after the other. */
static void widen_parts(const la_apply *a, const la_npy *parts, double *packed)
{
    for (size_t i = 0; i < a->n_parts; i++) {
        widen(&parts[i], packed);
        packed += la_part_elements(&a->parts[i]);
    }
}

static la_status keep_doubles(la_apply *a, const la_doubles *g, la_err *err)
{
    for (int i = 0; i < LA_T_COUNT; i++)
        LA_TRY(keep(&a->d[i], g->t[i], (size_t)g->n[i] * sizeof(double), err));
    for (size_t i = 0; i < g->n_params; i++)
        if (g->trainable[i])
            LA_TRY(keep(&a->dparam[i], g->param[i], (size_t)g->n_param[i] * sizeof(double), err));
    const double *state = g->state;
    for (size_t i = 0; i < a->n_parts && a->has_state; i++) {
        int64_t n = la_part_elements(&a->parts[i]);
        LA_TRY(keep(&a->dstate_in[i], state, (size_t)n * sizeof(double), err));
        state += n;
    }
    return LA_OK;
}

la_status la_apply_reference_backward(la_apply *a, la_err *err)
{
    la_doubles in, g = {0};
    double *dstate = NULL;
    LA_TRY(la_doubles_alloc(a->variant, &a->p, a->opts, a->has_state, &in, err));
    la_status st = la_doubles_alloc(a->variant, &a->p, a->opts, a->has_state, &g, err);
    double *dout = la_alloc((size_t)a->dout.n * sizeof *dout, err);
    if (!dout) st = LA_E_NOMEM;
    if (st != LA_OK) goto done;
    for (int i = 0; i < LA_T_COUNT; i++) widen(&a->t[i], in.t[i]);
    for (size_t i = 0; i < a->n_params; i++) widen(&a->param[i], in.param[i]);
    widen(&a->dout, dout);
    if (a->has_state) widen_parts(a, a->state_in, in.state);
    if (a->has_dstate) {
        int64_t n = 0;
        for (size_t i = 0; i < a->n_parts; i++) n += la_part_elements(&a->parts[i]);
        dstate = la_alloc((size_t)n * sizeof *dstate, err);
        if (!dstate) st = LA_E_NOMEM;
        if (dstate) widen_parts(a, a->dstate_out, dstate);
    }
    if (st == LA_OK)
        st = la_doubles_backward(a->variant, &a->p, a->opts, &in, dout, dstate, &g, err);
    if (st == LA_OK) st = keep_doubles(a, &g, err);
done:
    la_doubles_release(&in);
    la_doubles_release(&g);
    la_free(dout);
    la_free(dstate);
    return st;
}

static la_status write_one(const la_apply *a, const char *prefix, const char *name,
                           const la_buffer *buf, const int64_t *shape, int rank, la_err *err)
{
    char path[4096];
    int64_t n = (int64_t)(buf->bytes / la_dtype_size(a->dtype)), bad = 0;
    if (n == 0) return LA_OK;
    for (int64_t i = 0; i < n; i++)
        bad += a->dtype == LA_F64 ? !isfinite(((const double *)buf->data)[i])
                                  : !isfinite(((const float *)buf->data)[i]);
    if (bad)
        la_log(LA_LOG_WARN, "%" PRId64 " of %" PRId64 " values of %s%s are not finite", bad, n,
               prefix, name);
    path_of(a->out, prefix, name, path);
    return la_npy_write(path, a->dtype, shape, rank, buf->data, err);
}

la_status la_apply_write_gradients(const la_apply *a, la_err *err)
{
    for (int i = 0; i < LA_T_COUNT; i++) {
        int64_t shape[4];
        int rank = la_tensor_shape(a->variant, &a->p, (la_tensor)i, shape);
        if (rank) LA_TRY(write_one(a, "d", la_apply_name(a, i), &a->d[i], shape, rank, err));
    }
    for (size_t i = 0; i < a->n_params; i++)
        LA_TRY(write_one(a, "d", a->params[i].name, &a->dparam[i], a->params[i].shape,
                         a->params[i].rank, err));
    for (size_t i = 0; i < a->n_parts; i++)
        LA_TRY(write_one(a, "dstate_in_", a->parts[i].name, &a->dstate_in[i], a->parts[i].shape,
                         a->parts[i].rank, err));
    return LA_OK;
}
