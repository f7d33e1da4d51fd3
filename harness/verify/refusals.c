/* SPDX-License-Identifier: Apache-2.0
 * What an impl does not promise it must decline, with a reason; and its descriptor must be sound.
 */
#include <string.h>

#include "registry.h"
#include "suite.h"

static bool same_part(const la_part *a, const la_part *b)
{
    return strcmp(a->name, b->name) == 0 && a->rank == b->rank && a->dtype == b->dtype &&
           a->initial == b->initial &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

static bool same_param(const la_param *a, const la_param *b)
{
    return strcmp(a->name, b->name) == 0 && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* The reference of another variant reads parameters and writes states as that one has them. */
static la_status same_buffers(const la_case *c, const la_variant *as, la_err *err)
{
    const la_variant *v = c->variant;
    la_part parts[LA_MAX_PARTS], their_parts[LA_MAX_PARTS];
    la_param params[LA_MAX_PARAMS], their_params[LA_MAX_PARAMS];
    size_t n = v->state_parts ? v->state_parts(&c->p, c->opts, parts, LA_MAX_PARTS) : 0;
    size_t m = as->state_parts ? as->state_parts(&c->p, c->opts, their_parts, LA_MAX_PARTS) : 0;
    bool same = n == m;
    for (size_t i = 0; i < n && same; i++) same = same_part(&parts[i], &their_parts[i]);
    if (!same)
        return LA_FAIL(err, LA_E_WRONG, "its state has other parts than that of %s", as->name);
    n = v->params ? v->params(&c->p, c->opts, params, LA_MAX_PARAMS) : 0;
    m = as->params ? as->params(&c->p, c->opts, their_params, LA_MAX_PARAMS) : 0;
    same = n == m;
    for (size_t i = 0; i < n && same; i++) same = same_param(&params[i], &their_params[i]);
    if (!same) return LA_FAIL(err, LA_E_WRONG, "it has other parameters than %s", as->name);
    return LA_OK;
}

la_status la_check_descriptor(const la_case *c, la_err *err)
{
    const la_variant *as = c->variant->same_as ? la_registry_find(c->variant->same_as) : NULL;
    LA_TRY(la_variant_validate(c->variant, err));
    if (as) LA_TRY(la_variant_same_validate(c->variant, as, err));
    if (as) LA_TRY(same_buffers(c, as, err));
    la_err why = {0};
    int rank = c->impl->rank(c->device, &why);
    if (rank < 0) return LA_FAIL(err, LA_E_WRONG, "rank is %d, below 0", rank);
    c->impl->destroy(NULL);
    return LA_OK;
}

la_status la_check_cost(const la_case *c, la_err *err)
{
    la_cost cost = {0};
    LA_TRY(c->variant->useful(&c->p, LA_FORWARD, c->opts, &cost, err));
    if (!(cost.flops >= 0) || !(cost.bytes > 0) || cost.version < 1)
        return LA_FAIL(err, LA_E_WRONG,
                       "the useful cost of a forward is %g flops, %g bytes, version %d", cost.flops,
                       cost.bytes, cost.version);
    if (!(c->impl->caps & LA_CAP_BACKWARD)) return LA_OK;
    la_cost back = {0}, both = {0};
    LA_TRY(c->variant->useful(&c->p, LA_BACKWARD, c->opts, &back, err));
    LA_TRY(c->variant->useful(&c->p, LA_FWDBWD, c->opts, &both, err));
    if (!(back.flops >= cost.flops) || !(both.flops >= 0.999 * (cost.flops + back.flops)))
        return LA_FAIL(err, LA_E_WRONG,
                       "the useful cost is %g flops forward, %g backward, %g together", cost.flops,
                       back.flops, both.flops);
    return LA_OK;
}

/* check() must say LA_E_UNSUPPORTED and why. */
static la_status must_decline(const la_case *c, const la_problem *p, la_pass pass, const char *what,
                              la_err *err)
{
    la_err why = {0};
    la_status st = c->impl->check(p, pass, c->opts, c->device, &why);
    if (st == LA_OK)
        return LA_FAIL(err, LA_E_WRONG, "%s is not declared, but check does not decline it", what);
    if (st != LA_E_UNSUPPORTED)
        return LA_FAIL(err, LA_E_WRONG, "%s is declined with '%s' instead of 'unsupported'", what,
                       la_status_word(st));
    if (!why.msg[0]) return LA_FAIL(err, LA_E_WRONG, "%s is declined without a reason", what);
    return LA_OK;
}

la_status la_check_refusals(const la_case *c, la_err *err)
{
    uint32_t caps = c->impl->caps;
    la_problem base = c->p, p;
    base.mask = caps & LA_CAP_CAUSAL ? LA_MASK_CAUSAL : LA_MASK_BIDIRECTIONAL;
    if (!(caps & LA_CAP_CAUSAL) || !(caps & LA_CAP_BIDIRECTIONAL)) {
        p = base;
        p.mask = caps & LA_CAP_CAUSAL ? LA_MASK_BIDIRECTIONAL : LA_MASK_CAUSAL;
        LA_TRY(must_decline(c, &p, LA_FORWARD, la_mask_name(p.mask), err));
    }
    if (!(caps & LA_CAP_DECODE)) {
        p = base;
        p.T = 1;
        LA_TRY(must_decline(c, &p, LA_DECODE, "decode", err));
    }
    if (!(caps & LA_CAP_BACKWARD)) {
        LA_TRY(must_decline(c, &base, LA_BACKWARD, "backward", err));
        LA_TRY(must_decline(c, &base, LA_FWDBWD, "forward with backward", err));
    }
    for (int type = LA_F32; type <= LA_F64; type++) {
        if (c->impl->dtypes & 1u << type) continue;
        p = base;
        p.dtype = (la_dtype)type;
        LA_TRY(must_decline(c, &p, LA_FORWARD, la_dtype_name(p.dtype), err));
    }
    p = base;
    p.H = p.Hqk = 4;
    p.Hkv = 2;
    if (!(caps & LA_CAP_GROUPED_KV) && !(c->variant->inputs & LA_IN_X))
        LA_TRY(must_decline(c, &p, LA_FORWARD, "2 key/value heads for 4 heads", err));
    p.Hkv = 4;
    p.Hqk = 2;
    if (!(caps & LA_CAP_GROUPED_QK) && !(c->variant->inputs & LA_IN_X))
        LA_TRY(must_decline(c, &p, LA_FORWARD, "2 query/key heads for 4 heads", err));
    return LA_OK;
}
