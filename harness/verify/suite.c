/* SPDX-License-Identifier: Apache-2.0
 * Guarded calls of an impl, and the comparison of what they made with the reference.
 */
#include "suite.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "labench/kit.h"

la_status la_inputs_piece(const la_variant *variant, const void *opts, const la_inputs *whole,
                          int64_t from, int64_t n, la_inputs *out, la_err *err)
{
    la_problem p = whole->problem;
    int64_t T = p.T;
    p.T = n;
    LA_TRY(la_inputs_alloc(variant, &p, opts, out, err));
    for (int i = 0; i < LA_T_COUNT; i++) {
        if (!whole->t[i].data) continue;
        size_t row = whole->t[i].bytes / (size_t)(p.B * T);
        const char *src = whole->t[i].data;
        char *dst = out->t[i].data;
        for (int64_t b = 0; b < p.B; b++)
            memcpy(dst + (size_t)(b * n) * row, src + (size_t)(b * T + from) * row,
                   (size_t)n * row);
    }
    for (size_t i = 0; i < out->n_params; i++) {
        if (out->param[i].bytes != whole->param[i].bytes) {
            la_inputs_release(out);
            return LA_FAIL(err, LA_E_INTERNAL,
                           "%s: the shape of parameter %s depends on the length, so that inputs "
                           "cannot be cut",
                           variant->name, whole->params[i].name);
        }
        memcpy(out->param[i].data, whole->param[i].data, whole->param[i].bytes);
    }
    return LA_OK;
}

la_status la_case_instance(const la_case *c, la_pass pass, int64_t T, int threads, la_instance *out,
                           la_err *err)
{
    la_problem p = c->p;
    p.T = T;
    p.threads = threads;
    la_err why = {0};
    la_status st = la_instance_create(c->variant, c->impl, &p, pass, c->opts, c->device, out, &why);
    if (st != LA_OK)
        return LA_FAIL(err, st, "an instance for %s of T %" PRId64 " could not be made: %s",
                       la_pass_name(pass), T, why.msg);
    return LA_OK;
}

uint64_t la_case_state_hash(const la_instance *inst, const la_io *io)
{
    if (!io->state_in || io->state_in == io->state_out) return 0;
    return XXH3_64bits(io->state_in, la_state_layout(inst->parts, inst->n_parts, NULL));
}

la_status la_case_call(la_instance *inst, const la_inputs *in, const void *state_in,
                       void *state_out, int64_t pos, la_err *err)
{
    const char *pass = la_pass_name(inst->pass);
    la_instance_poison(inst);
    uint64_t hash = la_inputs_hash(in);
    la_io io = la_instance_io(inst, in);
    io.state_in = state_in;
    io.state_out = state_out;
    io.pos = pos;
    uint64_t before = la_case_state_hash(inst, &io);
    long allocations = la_mem_count();
    la_err why = {0};
    la_status st = inst->pass == LA_DECODE ? inst->impl->decode(inst->self, &io, &why)
                                           : inst->impl->forward(inst->self, &io, &why);
    allocations = la_mem_count() - allocations;
    if (st != LA_OK)
        return LA_FAIL(err, st, "%s returned '%s': %s", pass, la_status_word(st), why.msg);
    LA_TRY(la_instance_guards(inst, err));
    if (allocations)
        return LA_FAIL(err, LA_E_WRONG, "%s allocates memory (%ld times)", pass, allocations);
    if (la_inputs_hash(in) != hash) return LA_FAIL(err, LA_E_WRONG, "%s changes its inputs", pass);
    if (la_case_state_hash(inst, &io) != before)
        return LA_FAIL(err, LA_E_WRONG, "%s changes the state it starts from", pass);
    return LA_OK;
}

int la_case_threads(const la_case *c, size_t i)
{
    int counts[] = {1, 2, 3, c->many};
    for (size_t k = 0; k < LA_COUNT(counts); k++) {
        bool again = counts[k] == c->p.threads || (k == 3 && c->many <= 3);
        if (!again && i-- == 0) return counts[k];
    }
    return 0;
}

size_t la_case_row_bytes(const la_case *c)
{
    return (size_t)(c->p.H * c->p.dv) * la_dtype_size(c->p.dtype);
}

static la_tolerance tolerance_of(const la_case *c)
{
    return (c->kind == LA_INPUTS_DEFAULT ? la_tolerance_of
                                         : la_tolerance_stressed)(c->variant, c->impl, c->p.dtype);
}

la_status la_case_judge(const la_case *c, const void *o, la_err *err)
{
    int64_t n = c->p.B * c->p.T * c->p.H * c->p.dv;
    int64_t bad = la_count_nonfinite(o, n, c->p.dtype);
    la_error e;
    la_compare(c->variant, &c->p, o, c->rows, c->n_rows, c->want, &e);
    if (bad && !e.n_nonfinite)
        return LA_FAIL(err, LA_E_NONFINITE, "%" PRId64 " of %" PRId64 " values are not finite", bad,
                       n);
    la_err why = {0};
    la_status st = la_judge(&e, tolerance_of(c), &why);
    if (st == LA_OK) return LA_OK;
    int64_t row = c->p.H * c->p.dv, r = e.worst / row % c->n_rows;
    return LA_FAIL(
        err, st, "%s (batch %" PRId64 ", token %" PRId64 ", head %" PRId64 ", channel %" PRId64 ")",
        why.msg, e.worst / row / c->n_rows, c->rows ? c->rows[r] : r, e.worst % row / c->p.dv,
        e.worst % c->p.dv);
}

la_status la_case_judge_state(const la_case *c, const void *state, la_err *err)
{
    la_part parts[LA_MAX_PARTS];
    size_t n = c->variant->state_parts(&c->p, c->opts, parts, LA_MAX_PARTS);
    int64_t total = la_reference_state_elements(c->variant, &c->p, c->opts);
    double *got = la_alloc((size_t)total * sizeof(double), err);
    if (!got) return LA_E_NOMEM;
    la_state_to_double(parts, n, state, got);
    la_tolerance tol = tolerance_of(c);
    la_status st = LA_OK;
    const double *g = got, *w = c->want_state;
    for (size_t i = 0; i < n && st == LA_OK; i++) {
        int64_t elements = la_part_elements(&parts[i]);
        la_error e;
        la_err why = {0};
        la_compare_doubles(g, w, elements, parts[i].shape[parts[i].rank - 1], &e);
        st = la_judge(&e, tol, &why);
        if (st != LA_OK) LA_FAIL(err, st, "state %s: %s", parts[i].name, why.msg);
        g += elements;
        w += elements;
    }
    la_free(got);
    return st;
}
