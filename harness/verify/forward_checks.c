/* SPDX-License-Identifier: Apache-2.0
 * Checks of one forward call: exact sizes, the reference, repetition, thread counts.
 */
#include <inttypes.h>
#include <string.h>

#include "suite.h"

static bool carries_state(const la_case *c)
{
    return (c->impl->caps & (LA_CAP_DECODE | LA_CAP_STATE_IN)) != 0;
}

/* What sizes() says is what create takes and what the state's parts add up to; destroy gives all of
 * it back. */
static la_status sizes_of_pass(const la_case *c, la_pass pass, la_err *err)
{
    la_instance inst;
    size_t before = la_mem_live();
    LA_TRY(la_case_instance(c, pass, pass == LA_DECODE ? 1 : c->p.T, c->p.threads, &inst, err));
    size_t layout = la_state_layout(inst.parts, inst.n_parts, NULL);
    la_sizes said = inst.sizes;
    size_t created = inst.created_bytes;
    la_instance_release(&inst);
    if (said.instance != created)
        return LA_FAIL(err, LA_E_WRONG, "%s: sizes.instance is %zu bytes but create took %zu",
                       la_pass_name(pass), said.instance, created);
    if (said.state != layout && carries_state(c)) /* where it is not 0, no instance is made */
        return LA_FAIL(err, LA_E_WRONG, "%s: sizes.state is %zu bytes but the parts take %zu",
                       la_pass_name(pass), said.state, layout);
    if (said.saved && (c->impl->caps & LA_CAP_BACKWARD) && pass != LA_BACKWARD && pass != LA_FWDBWD)
        return LA_FAIL(err, LA_E_WRONG, "%s: sizes.saved is %zu bytes, but nothing is saved",
                       la_pass_name(pass), said.saved);
    if (la_mem_live() != before)
        return LA_FAIL(err, LA_E_WRONG, "%s: destroy left %zu bytes allocated", la_pass_name(pass),
                       la_mem_live() - before);
    return LA_OK;
}

la_status la_check_sizes(const la_case *c, la_err *err)
{
    LA_TRY(sizes_of_pass(c, LA_FORWARD, err));
    if (c->p.mask == LA_MASK_CAUSAL && (c->impl->caps & LA_CAP_DECODE))
        LA_TRY(sizes_of_pass(c, LA_DECODE, err));
    if (!(c->impl->caps & LA_CAP_BACKWARD)) return LA_OK;
    LA_TRY(sizes_of_pass(c, LA_BACKWARD, err));
    return sizes_of_pass(c, LA_FWDBWD, err);
}

la_status la_check_forward(const la_case *c, la_err *err)
{
    la_instance inst;
    LA_TRY(la_case_instance(c, LA_FORWARD, c->p.T, c->p.threads, &inst, err));
    la_status st = la_case_call(&inst, c->in, NULL, NULL, 0, err);
    if (st == LA_OK) st = la_case_judge(c, inst.o.data, err);
    la_instance_release(&inst);
    return st;
}

/* Index of the first byte that differs, or -1. */
static int64_t first_difference(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    if (memcmp(a, b, n) == 0) return -1;
    size_t i = 0;
    while (x[i] == y[i]) i++;
    return (int64_t)i;
}

/* The same call again, on the same instance and on a new one, with other rubbish in the work buffer. */
la_status la_check_repeat(const la_case *c, la_err *err)
{
    la_instance one, two = {0};
    LA_TRY(la_case_instance(c, LA_FORWARD, c->p.T, c->p.threads, &one, err));
    la_buffer first = {0};
    la_status st = la_buffer_init(&first, one.o.bytes, err);
    if (st == LA_OK) st = la_case_call(&one, c->in, NULL, NULL, 0, err);
    if (st != LA_OK) goto done;
    memcpy(first.data, one.o.data, one.o.bytes);
    st = la_case_instance(c, LA_FORWARD, c->p.T, c->p.threads, &two, err);
    if (st != LA_OK) goto done;
    la_instance *const runs[] = {&one, &one, &two};
    for (size_t i = 0; i < LA_COUNT(runs) && st == LA_OK; i++) {
        la_instance *inst = runs[i];
        if (inst->work.data) memset(inst->work.data, 0x11 * (int)(i + 1), inst->work.bytes);
        la_io io = la_instance_io(inst, c->in);
        memset(inst->o.data, 0x3C, inst->o.bytes);
        st = inst->impl->forward(inst->self, &io, err);
        if (st == LA_OK) st = la_case_judge(c, inst->o.data, err);
        int64_t at = first_difference(first.data, inst->o.data, first.bytes);
        if (st == LA_OK && at >= 0 && (c->impl->caps & LA_CAP_DETERMINISTIC))
            st = LA_FAIL(err, LA_E_WRONG,
                         "declared deterministic, but call %zu differs from the first at byte "
                         "%" PRId64 " of the output",
                         i + 2, at);
    }
done:
    la_buffer_release(&first);
    la_instance_release(&one);
    la_instance_release(&two);
    return st;
}

la_status la_check_threads(const la_case *c, la_err *err)
{
    int n;
    for (size_t i = 0; (n = la_case_threads(c, i)) != 0; i++) {
        la_instance inst;
        LA_TRY(la_case_instance(c, LA_FORWARD, c->p.T, n, &inst, err));
        la_err why = {0};
        la_status st = la_case_call(&inst, c->in, NULL, NULL, 0, &why);
        if (st == LA_OK) st = la_case_judge(c, inst.o.data, &why);
        la_instance_release(&inst);
        if (st != LA_OK) return LA_FAIL(err, st, "with %d threads: %s", n, why.msg);
    }
    return LA_OK;
}
