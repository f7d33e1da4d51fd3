/* SPDX-License-Identifier: Apache-2.0
 * The files of labench apply: read, held against each other, written.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "apply.h"
#include "folder.h"
#include "labench/kit.h"
#include "log.h"
#include "text.h"

void la_apply_release(la_apply *a)
{
    for (int i = 0; i < LA_T_COUNT; i++) la_npy_release(&a->t[i]);
    for (size_t i = 0; i < LA_MAX_PARAMS; i++) la_npy_release(&a->param[i]);
    for (size_t i = 0; i < LA_MAX_PARTS; i++) {
        la_npy_release(&a->state_in[i]);
        la_buffer_release(&a->state[i]);
    }
    la_apply_release_gradients(a);
    la_buffer_release(&a->o);
    la_free(a->opts);
    a->opts = NULL;
}

static void path_of(const char *dir, const char *prefix, const char *name, char out[4096])
{
    snprintf(out, 4096, "%.3900s/%s%.100s.npy", dir, prefix, name);
}

/* Every number must be finite; `least` is -INFINITY for a state of maxima, which starts there. */
static la_status check_finite(const la_npy *npy, const char *path, double least, la_err *err)
{
    char index[192];
    for (int64_t i = 0; i < npy->n; i++) {
        double x = la_npy_at(npy, i);
        if (isfinite(x) || (isinf(x) && x < 0 && isinf(least))) continue;
        return LA_FAIL(err, LA_E_FORMAT, "%s holds %s at %s", path,
                       isnan(x) ? "NaN"
                       : x > 0  ? "infinity"
                                : "minus infinity",
                       la_index_words(npy->shape, npy->rank, i, index));
    }
    return LA_OK;
}

const char *la_apply_name(const la_apply *a, int which)
{
    bool dt = which == LA_T_BETA && (a->variant->inputs & LA_IN_DT);
    return dt ? "dt" : la_tensor_names[which];
}

static bool uses(const la_variant *v, la_tensor which)
{
    la_problem one = {.B = 1, .T = 1, .Tcap = 1, .H = 1, .Hkv = 1, .Hqk = 1, .dk = 1, .dv = 1};
    return la_tensor_elements(v, &one, which) > 0;
}

static la_status missing(const la_apply *a, const char *name, la_err *err)
{
    la_text all = {0};
    for (int i = 0; i < LA_T_COUNT; i++)
        if (uses(a->variant, (la_tensor)i))
            la_text_add(&all, "%s%s.npy", all.len ? ", " : "", la_apply_name(a, i));
    la_status st = LA_FAIL(err, LA_E_NOTFOUND, "%s needs %s in %s; %s.npy is missing",
                           a->variant->name, la_text_str(&all), a->in, name);
    la_text_release(&all);
    return st;
}

static la_status read_tensors(la_apply *a, la_err *err)
{
    char path[4096];
    for (int i = 0; i < LA_T_COUNT; i++) {
        if (!uses(a->variant, (la_tensor)i)) continue;
        path_of(a->in, "", la_apply_name(a, i), path);
        la_status st = la_npy_read(path, &a->t[i], err);
        if (st == LA_E_NOTFOUND) return missing(a, la_apply_name(a, i), err);
        if (st != LA_OK) return st;
        LA_TRY(check_finite(&a->t[i], path, 0, err));
    }
    return LA_OK;
}

static la_status want_rank(const la_apply *a, la_tensor which, int rank, const char *axes,
                           la_err *err)
{
    const la_npy *npy = &a->t[which];
    char words[192];
    if (npy->rank == rank) return LA_OK;
    return LA_FAIL(err, LA_E_FORMAT, "%s.npy has shape %s; it must be %s",
                   la_apply_name(a, (int)which), la_shape_words(npy->shape, npy->rank, words),
                   axes);
}

/* Sizes from q and v (or x); the other files are then held against them. */
static la_status problem_of_shapes(la_apply *a, la_err *err)
{
    la_problem *p = &a->p;
    *p = (la_problem){.dtype = LA_F32, .scale = a->scale, .threads = a->threads};
    if (a->variant->inputs & LA_IN_X) {
        LA_TRY(want_rank(a, LA_T_X, 3, "(B, T, D)", err));
        const int64_t *x = a->t[LA_T_X].shape;
        p->B = x[0], p->T = x[1], p->dk = p->dv = x[2];
        p->H = p->Hkv = p->Hqk = 1;
    } else {
        LA_TRY(want_rank(a, LA_T_Q, 4, "(B, T, heads, dk)", err));
        LA_TRY(want_rank(a, LA_T_V, 4, "(B, T, heads, dv)", err));
        const int64_t *q = a->t[LA_T_Q].shape, *v = a->t[LA_T_V].shape;
        bool recurrent = a->variant->family == LA_FAMILY_RECURRENT;
        p->B = q[0], p->T = q[1], p->dk = q[3], p->dv = v[3];
        p->Hqk = q[2];
        p->H = recurrent ? v[2] : q[2];
        p->Hkv = v[2];
    }
    p->Tcap = p->T;
    uint32_t caps = 0;
    for (size_t i = 0; i < a->variant->impls_len; i++) caps |= a->variant->impls[i].caps;
    p->mask = a->mask >= 0           ? (la_mask)a->mask
              : caps & LA_CAP_CAUSAL ? LA_MASK_CAUSAL
                                     : LA_MASK_BIDIRECTIONAL;
    LA_TRY(la_problem_check(p, err));
    for (int i = 0; i < LA_T_COUNT; i++) {
        int64_t want[4];
        int rank = la_tensor_shape(a->variant, p, (la_tensor)i, want);
        const la_npy *got = &a->t[i];
        if (rank == 0 ||
            (rank == got->rank && memcmp(want, got->shape, (size_t)rank * sizeof *want) == 0))
            continue;
        la_tensor base = i == LA_T_K || i == LA_T_V ? LA_T_Q : LA_T_V;
        char has[192], other[192], needs[192];
        return LA_FAIL(err, LA_E_FORMAT,
                       "%s.npy has shape %s, which does not fit %s.npy of shape %s: %s is needed",
                       la_apply_name(a, i), la_shape_words(got->shape, got->rank, has),
                       la_apply_name(a, (int)base),
                       la_shape_words(a->t[base].shape, a->t[base].rank, other),
                       la_shape_words(want, rank, needs));
    }
    return LA_OK;
}

/* The axis of a state part that counts tokens (a KV cache), or -1; *most: how many it ever holds. */
static int token_axis(const la_apply *a, size_t part, int64_t *most)
{
    la_part few[LA_MAX_PARTS], many[LA_MAX_PARTS];
    la_problem p = a->p;
    p.Tcap = 1;
    a->variant->state_parts(&p, a->opts, few, LA_MAX_PARTS);
    p.Tcap = INT32_MAX;
    a->variant->state_parts(&p, a->opts, many, LA_MAX_PARTS);
    for (int i = 0; i < few[part].rank; i++) {
        *most = many[part].shape[i];
        if (few[part].shape[i] != *most) return i;
    }
    return -1;
}

/* A cache that is not full yet holds as many tokens as there were. */
static la_status check_tokens(la_apply *a, int64_t held, int64_t most, const char *path,
                              la_err *err)
{
    if (a->pos < 0 && held >= most)
        return LA_FAIL(err, LA_E_NOTFOUND,
                       "%s is a full window: how many tokens there were must stand in "
                       "%s/state_in_pos.npy, as --state writes it",
                       path, a->in);
    if (a->pos < 0) a->pos = held;
    int64_t want = a->pos < most ? a->pos : most;
    if (held == want) return LA_OK;
    return LA_FAIL(err, LA_E_FORMAT,
                   "%s holds %" PRId64 " tokens, but the parts before it or state_in_pos.npy "
                   "say %" PRId64,
                   path, held, want);
}

static la_status check_state(la_apply *a, size_t i, const char *path, la_err *err)
{
    const la_npy *got = &a->state_in[i];
    const la_part *part = &a->parts[i];
    int64_t most = 0;
    int tokens = token_axis(a, i, &most);
    bool fits = got->rank == part->rank;
    char has[192], needs[192];
    for (int axis = 0; axis < part->rank && fits; axis++)
        if (axis != tokens) fits = got->shape[axis] == part->shape[axis];
    if (!fits)
        return LA_FAIL(err, LA_E_FORMAT, "%s has shape %s, which does not fit the input: %s%s",
                       path, la_shape_words(got->shape, got->rank, has),
                       la_shape_words(part->shape, part->rank, needs),
                       tokens >= 0 ? " with the tokens so far in the place of T" : " is needed");
    if (tokens >= 0) LA_TRY(check_tokens(a, got->shape[tokens], most, path, err));
    return check_finite(got, path, part->initial, err);
}

/* state_in_pos.npy, one whole number; *out stays where there is none. */
static la_status read_pos(const la_apply *a, int64_t *out, la_err *err)
{
    char path[4096];
    la_npy npy = {0};
    path_of(a->in, "state_in_", "pos", path);
    la_status st = la_npy_read(path, &npy, err);
    if (st != LA_OK) return st == LA_E_NOTFOUND ? LA_OK : st;
    double pos = npy.n == 1 ? la_npy_at(&npy, 0) : -1.0;
    if (pos >= 0.0 && pos <= 1e12 && floor(pos) == pos)
        *out = (int64_t)pos;
    else
        st = LA_FAIL(err, LA_E_FORMAT, "%s must hold one whole number: the tokens so far", path);
    la_npy_release(&npy);
    return st;
}

/* state_in_<part>.npy: all of them or none. */
static la_status read_state(la_apply *a, la_err *err)
{
    const la_variant *v = a->variant;
    if (v->state_parts) a->n_parts = v->state_parts(&a->p, a->opts, a->parts, LA_MAX_PARTS);
    if (!a->with_state) return LA_OK;
    if (a->n_parts == 0)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s carries no state; leave --state out", v->name);
    size_t there = 0;
    char path[4096], first_missing[4096] = "";
    a->pos = -1;
    LA_TRY(read_pos(a, &a->pos, err));
    for (size_t i = 0; i < a->n_parts; i++) {
        path_of(a->in, "state_in_", a->parts[i].name, path);
        la_status st = la_npy_read(path, &a->state_in[i], err);
        if (st == LA_E_NOTFOUND) {
            if (!*first_missing) memcpy(first_missing, path, sizeof path);
            continue;
        }
        if (st != LA_OK) return st;
        there++;
        LA_TRY(check_state(a, i, path, err));
    }
    if (there && *first_missing)
        return LA_FAIL(err, LA_E_NOTFOUND, "the state of %s has %zu parts; %s is missing", v->name,
                       a->n_parts, first_missing);
    a->has_state = there > 0;
    if (!a->has_state || a->pos < 0) a->pos = 0;
    a->p.Tcap = a->pos + a->p.T;
    LA_TRY(la_problem_check(&a->p, err));
    v->state_parts(&a->p, a->opts, a->parts, LA_MAX_PARTS);
    return LA_OK;
}

static la_status draw_param(la_apply *a, size_t i, la_err *err)
{
    const la_param *param = &a->params[i];
    la_npy *to = &a->param[i];
    *to = (la_npy){.dtype = LA_F32, .rank = param->rank, .n = la_param_elements(param)};
    memcpy(to->shape, param->shape, sizeof param->shape);
    to->data = la_alloc((size_t)to->n * sizeof(float), err);
    if (!to->data) return LA_E_NOMEM;
    a->drawn[i] = true;
    return la_param_draw(param, a->seed, to->data, err);
}

static la_status read_params(la_apply *a, la_err *err)
{
    char path[4096], has[192], needs[192];
    if (a->variant->params)
        a->n_params = a->variant->params(&a->p, a->opts, a->params, LA_MAX_PARAMS);
    for (size_t i = 0; i < a->n_params; i++) {
        const la_param *want = &a->params[i];
        la_npy *got = &a->param[i];
        path_of(a->in, "", want->name, path);
        la_status st = la_npy_read(path, got, err);
        if (st == LA_E_NOTFOUND) {
            LA_TRY(draw_param(a, i, err));
            continue;
        }
        if (st != LA_OK) return st;
        if (got->rank != want->rank ||
            memcmp(got->shape, want->shape, (size_t)want->rank * sizeof *want->shape) != 0)
            return LA_FAIL(err, LA_E_FORMAT, "%s has shape %s; %s needs %s", path,
                           la_shape_words(got->shape, got->rank, has), a->variant->name,
                           la_shape_words(want->shape, want->rank, needs));
        LA_TRY(check_finite(got, path, 0, err));
    }
    return LA_OK;
}

la_status la_apply_read(la_apply *a, la_err *err)
{
    LA_TRY(read_tensors(a, err));
    LA_TRY(problem_of_shapes(a, err));
    LA_TRY(read_state(a, err));
    LA_TRY(read_params(a, err));
    return la_apply_read_gradients(a, err);
}

/* o.npy comes last: where it stands, everything stands. */
la_status la_apply_write(const la_apply *a, la_err *err)
{
    char path[4096];
    LA_TRY(la_make_folder(a->out, err));
    for (size_t i = 0; i < a->n_params; i++) {
        if (!a->drawn[i]) continue;
        const la_npy *npy = &a->param[i];
        path_of(a->out, "", a->params[i].name, path);
        LA_TRY(la_npy_write(path, npy->dtype, npy->shape, npy->rank, npy->data, err));
    }
    for (size_t i = 0; i < a->n_parts && a->with_state; i++) {
        const la_part *part = &a->parts[i];
        path_of(a->out, "state_", part->name, path);
        LA_TRY(la_npy_write(path, a->dtype, part->shape, part->rank, a->state[i].data, err));
    }
    if (a->with_state) {
        double pos = (double)(a->pos + a->p.T);
        path_of(a->out, "state_", "pos", path);
        LA_TRY(la_npy_write(path, LA_F64, (const int64_t[]){1}, 1, &pos, err));
    }
    LA_TRY(la_apply_write_gradients(a, err));
    const la_problem *p = &a->p;
    int64_t shape[4];
    int rank = la_apply_output_shape(a, shape);
    path_of(a->out, "", "o", path);
    int64_t n = p->B * p->T * p->H * p->dv, bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad += a->dtype == LA_F64 ? !isfinite(((const double *)a->o.data)[i])
                                  : !isfinite(((const float *)a->o.data)[i]);
    if (bad) la_log(LA_LOG_WARN, "%" PRId64 " of %" PRId64 " values of o are not finite", bad, n);
    return la_npy_write(path, a->dtype, shape, rank, a->o.data, err);
}
