/* SPDX-License-Identifier: Apache-2.0
 * Checks of forward and backward together: right, complete, repeatable, confined to its buffers.
 */
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "elements.h"
#include "labench/kit.h"
#include "suite.h"

enum { STREAM = 700 };

void la_case_gradients_release(la_case *c)
{
    la_doubles *all[] = {(la_doubles *)(uintptr_t)c->dwant, (la_doubles *)(uintptr_t)c->moved};
    for (size_t i = 0; i < LA_COUNT(all); i++) {
        if (!all[i]) continue;
        la_doubles_release(all[i]);
        la_free(all[i]);
    }
    la_free((void *)(uintptr_t)c->dout);
    c->dwant = c->moved = NULL;
    c->dout = NULL;
}

static int64_t outputs(const la_case *c)
{
    return c->p.B * c->p.T * c->p.H * c->p.dv;
}

/* Normal numbers of the case's type, 0 at the tokens that hang on the last bit of the inputs. */
static float *draw_dout(const la_case *c, la_err *err)
{
    int64_t n = outputs(c), width = c->p.H * c->p.dv;
    float *all = la_alloc((size_t)n * sizeof *all, err);
    float *out = la_zalloc((size_t)n * sizeof *out, err);
    if (!all || !out) {
        la_free(all);
        la_free(out);
        return NULL;
    }
    la_random_fill_normal(la_stream(c->seed, STREAM, 0), 0, all, n, 1);
    la_elements_round(all, n, c->p.dtype);
    for (int64_t b = 0; b < c->p.B; b++)
        for (int64_t r = 0; r < c->n_rows; r++) {
            int64_t at = (b * c->p.T + (c->rows ? c->rows[r] : r)) * width;
            memcpy(out + at, all + at, (size_t)width * sizeof *out);
        }
    la_free(all);
    return out;
}

/* The reference's gradients at these inputs, a new struct. */
static la_doubles *gradients_at(const la_case *c, const la_inputs *in, la_err *err)
{
    int64_t n = outputs(c);
    la_doubles wide = {0}, *out = la_zalloc(sizeof *out, err);
    double *dout = la_alloc((size_t)n * sizeof *dout, err);
    la_status st = out && dout ? LA_OK : LA_E_NOMEM;
    for (int64_t i = 0; st == LA_OK && i < n; i++) dout[i] = (double)c->dout[i];
    if (st == LA_OK) st = la_doubles_of(c->variant, c->opts, in, false, &wide, err);
    if (st == LA_OK) st = la_doubles_alloc(c->variant, &c->p, c->opts, false, out, err);
    if (st == LA_OK)
        st = la_doubles_backward(c->variant, &c->p, c->opts, &wide, dout, NULL, out, err);
    la_doubles_release(&wide);
    la_free(dout);
    if (st == LA_OK) return out;
    if (out) la_doubles_release(out);
    la_free(out);
    return NULL;
}

la_status la_case_gradients(la_case *c, bool delicate, la_err *err)
{
    la_err why = {.status = LA_E_NOMEM};
    c->dout = draw_dout(c, &why);
    if (c->dout) c->dwant = gradients_at(c, c->in, &why);
    if (c->dwant && delicate) {
        la_inputs moved;
        if (la_case_moved_inputs(c, &moved, &why) == LA_OK) {
            c->moved = gradients_at(c, &moved, &why);
            la_inputs_release(&moved);
        }
    }
    if (c->dwant && (c->moved || !delicate)) return LA_OK;
    la_case_gradients_release(c);
    if (err) *err = why;
    return why.status;
}

/* An instance with its gradients, ready for backward. */
typedef struct trip {
    la_instance inst;
    la_gradients g;
    la_io io;
} trip;

static void trip_release(trip *t)
{
    la_instance_release(&t->inst);
    la_gradients_release(&t->g);
}

/* Makes the instance and runs forward; state_in may be NULL. */
static la_status trip_forward(trip *t, const la_case *c, int threads, bool state, void *state_in,
                              la_err *err)
{
    *t = (trip){0};
    LA_TRY(la_case_instance(c, LA_FWDBWD, c->p.T, threads, &t->inst, err));
    LA_TRY(la_gradients_alloc(c->variant, &c->p, c->opts, state, &t->g, err));
    la_elements_from_float(c->dout, outputs(c), c->p.dtype, t->g.dout.data);
    LA_TRY(la_case_call(&t->inst, c->in, state_in, NULL, state_in ? c->p.T : 0, err));
    t->io = la_instance_io(&t->inst, c->in);
    t->io.state_in = state_in;
    t->io.pos = state_in ? c->p.T : 0;
    return LA_OK;
}

static uint64_t kept_hash(const la_instance *inst)
{
    uint64_t hash = XXH3_64bits(inst->o.data, inst->o.bytes);
    return inst->saved.bytes ? XXH3_64bits_withSeed(inst->saved.data, inst->saved.bytes, hash)
                             : hash;
}

/* One backward call with poisoned gradients and rubbish in the work buffer. What forward left (o and saved)
 * must stay, so that backward can be called again. */
static la_status trip_backward(trip *t, const la_case *c, const la_grads *wanted, int rubbish,
                               la_err *err)
{
    la_gradients_poison(&t->g);
    if (rubbish == 0)
        la_buffer_poison(&t->inst.work);
    else if (t->inst.work.data)
        memset(t->inst.work.data, rubbish, t->inst.work.bytes);
    uint64_t inputs = la_inputs_hash(c->in), given = la_gradients_hash_given(&t->g);
    uint64_t kept = kept_hash(&t->inst), state = la_case_state_hash(&t->inst, &t->io);
    long allocations = la_mem_count();
    la_err why = {0};
    la_status st = t->inst.impl->backward(t->inst.self, &t->io, wanted, &why);
    allocations = la_mem_count() - allocations;
    if (st != LA_OK)
        return LA_FAIL(err, st, "backward returned '%s': %s", la_status_word(st), why.msg);
    LA_TRY(la_instance_guards(&t->inst, err));
    LA_TRY(la_gradients_guards(&t->g, c->in, err));
    if (allocations)
        return LA_FAIL(err, LA_E_WRONG, "backward allocates memory (%ld times)", allocations);
    if (la_inputs_hash(c->in) != inputs || la_gradients_hash_given(&t->g) != given)
        return LA_FAIL(err, LA_E_WRONG, "backward changes its inputs");
    if (la_case_state_hash(&t->inst, &t->io) != state)
        return LA_FAIL(err, LA_E_WRONG, "backward changes the state that forward started from");
    if (kept_hash(&t->inst) != kept)
        return LA_FAIL(err, LA_E_WRONG, "backward changes the output or what forward saved");
    return LA_OK;
}

static la_status trip_judge(const trip *t, const la_case *c, const la_doubles *want, la_err *err)
{
    la_gradient_error each[LA_GRADIENTS_MOST];
    size_t n;
    return la_gradients_judge(c->variant, c->impl, c->opts, c->in, &t->g, want, c->moved, each, &n,
                              err);
}

/* Forgets all gradients but number i in `grads`; false when there is no such gradient. */
static bool only(la_grads *grads, float *params[LA_MAX_PARAMS], const trip *t, const la_inputs *in,
                 size_t i)
{
    const char *name;
    const la_buffer *buf = la_gradients_at(&t->g, in, i, &name);
    if (!buf) return false;
    void **all[] = {&grads->dq,
                    &grads->dk,
                    &grads->dv,
                    &grads->dx,
                    (void **)&grads->dbeta,
                    (void **)&grads->dg,
                    (void **)&grads->da,
                    (void **)&grads->db,
                    &grads->dstate_in};
    for (size_t n = 0; n < LA_COUNT(all); n++)
        if (*all[n] != buf->data) *all[n] = NULL;
    for (size_t n = 0; n < t->g.n_params; n++)
        params[n] = t->g.dparam[n].data == buf->data ? t->g.dparam_ptr[n] : NULL;
    grads->dparams = i % 2 && t->g.n_params == 0 ? NULL : params;
    return true;
}

/* Each gradient alone, the others NULL, is what it was among all; none at all is fine too. */
static la_status one_by_one(trip *t, const la_case *c, la_err *err)
{
    la_grads none = {.dout = t->g.dout.data};
    LA_TRY(trip_backward(t, c, &none, 0, err));
    for (size_t i = 0;; i++) {
        float *params[LA_MAX_PARAMS] = {0};
        la_grads wanted = la_gradients_grads(&t->g);
        if (!only(&wanted, params, t, c->in, i)) return LA_OK;
        LA_TRY(trip_backward(t, c, &wanted, 0, err));
        la_gradient_error each[LA_GRADIENTS_MOST];
        size_t many;
        la_err why = {0};
        la_gradients_judge(c->variant, c->impl, c->opts, c->in, &t->g, c->dwant, c->moved, each,
                           &many, NULL);
        la_status st =
            la_judge(&each[i].e, la_tolerance_gradient(c->variant, c->impl, c->p.dtype), &why);
        if (st != LA_OK) return LA_FAIL(err, st, "d%s wanted alone: %s", each[i].name, why.msg);
    }
}

la_status la_check_backward(const la_case *c, la_err *err)
{
    trip t;
    la_status st = trip_forward(&t, c, c->p.threads, false, NULL, err);
    la_err why = {0};
    if (st == LA_OK) {
        st = la_case_judge(c, t.inst.o.data, &why);
        if (st != LA_OK) LA_FAIL(err, st, "the output of a forward that saves: %s", why.msg);
    }
    la_grads all = la_gradients_grads(&t.g);
    if (st == LA_OK) st = trip_backward(&t, c, &all, 0, err);
    if (st == LA_OK) st = trip_judge(&t, c, c->dwant, err);
    if (st == LA_OK && c->p.T <= 130 && c->kind == LA_INPUTS_DEFAULT) st = one_by_one(&t, c, err);
    trip_release(&t);
    return st;
}

/* The same call again, on the same instance and on a new one, with other rubbish in the work buffer. */
la_status la_check_backward_repeat(const la_case *c, la_err *err)
{
    trip one, two = {0};
    la_status st = trip_forward(&one, c, c->p.threads, false, NULL, err);
    if (st == LA_OK) st = trip_forward(&two, c, c->p.threads, false, NULL, err);
    trip *const runs[] = {&one, &one, &two};
    uint64_t first = 0;
    for (size_t i = 0; i < LA_COUNT(runs) && st == LA_OK; i++) {
        la_grads all = la_gradients_grads(&runs[i]->g);
        st = trip_backward(runs[i], c, &all, 0x11 * (int)(i + 1), err);
        if (st == LA_OK) st = trip_judge(runs[i], c, c->dwant, err);
        uint64_t hash = la_gradients_hash_made(&runs[i]->g);
        if (i == 0) first = hash;
        if (st == LA_OK && hash != first && (c->impl->caps & LA_CAP_DETERMINISTIC))
            st = LA_FAIL(err, LA_E_WRONG,
                         "declared deterministic, but the gradients of call %zu differ from the "
                         "first's",
                         i + 1);
    }
    trip_release(&one);
    trip_release(&two);
    return st;
}

la_status la_check_backward_threads(const la_case *c, la_err *err)
{
    int n;
    for (size_t i = 0; (n = la_case_threads(c, i)) != 0; i++) {
        trip t;
        la_err why = {0};
        la_status st = trip_forward(&t, c, n, false, NULL, &why);
        la_grads all = la_gradients_grads(&t.g);
        if (st == LA_OK) st = trip_backward(&t, c, &all, 0, &why);
        if (st == LA_OK) st = trip_judge(&t, c, c->dwant, &why);
        trip_release(&t);
        if (st != LA_OK) return LA_FAIL(err, st, "with %d threads: %s", n, why.msg);
    }
    return LA_OK;
}

/* Reference gradients with a state before and a gradient of the state after the tokens. */
static la_status want_with_state(const la_case *c, const void *state, const void *dstate,
                                 la_doubles *grads, la_err *err)
{
    la_part parts[LA_MAX_PARTS];
    size_t n_parts = c->variant->state_parts(&c->p, c->opts, parts, LA_MAX_PARTS);
    la_doubles in = {0};
    int64_t n = outputs(c);
    LA_TRY(la_doubles_of(c->variant, c->opts, c->in, true, &in, err));
    double *dout = la_alloc((size_t)n * sizeof *dout, err);
    double *after = la_alloc((size_t)in.n_state * sizeof *after, err);
    la_status st = dout && after ? LA_OK : LA_E_NOMEM;
    for (int64_t i = 0; st == LA_OK && i < n; i++) dout[i] = (double)c->dout[i];
    if (st == LA_OK) {
        la_state_to_double(parts, n_parts, state, in.state);
        la_state_to_double(parts, n_parts, dstate, after);
        st = la_doubles_alloc(c->variant, &c->p, c->opts, true, grads, err);
    }
    if (st == LA_OK)
        st = la_doubles_backward(c->variant, &c->p, c->opts, &in, dout, after, grads, err);
    la_doubles_release(&in);
    la_free(dout);
    la_free(after);
    return st;
}

/* The tokens once more, after themselves: from the state they leave. */
la_status la_check_backward_state(const la_case *c, la_err *err)
{
    la_part parts[LA_MAX_PARTS];
    size_t n_parts = c->variant->state_parts(&c->p, c->opts, parts, LA_MAX_PARTS);
    la_buffer state = {0};
    la_doubles want = {0};
    trip t = {0};
    la_status st = la_buffer_init(&state, la_state_layout(parts, n_parts, NULL), err);
    if (st == LA_OK) {
        memset(state.data, 0, state.bytes);
        la_state_from_double(parts, n_parts, c->want_state, state.data);
        st = trip_forward(&t, c, c->p.threads, true, state.data, err);
    }
    if (st == LA_OK) {
        la_random_fill_normal(la_stream(c->seed, STREAM, 1), 0, t.g.dstate_out.data,
                              (int64_t)(t.g.dstate_out.bytes / sizeof(float)), 1);
        st = want_with_state(c, state.data, t.g.dstate_out.data, &want, err);
    }
    la_grads all = la_gradients_grads(&t.g);
    la_err why = {0};
    if (st == LA_OK) st = trip_backward(&t, c, &all, 0, &why);
    if (st == LA_OK) st = trip_judge(&t, c, &want, &why);
    if (st != LA_OK && why.msg[0])
        LA_FAIL(err, st, "from a state and with a gradient of the state after: %s", why.msg);
    if (st == LA_OK && !la_buffer_intact(&state))
        st = LA_FAIL(err, LA_E_WRONG, "backward writes outside the state it was given");
    trip_release(&t);
    la_doubles_release(&want);
    la_buffer_release(&state);
    return st;
}
