/* SPDX-License-Identifier: Apache-2.0 */
#include "kv_attention.h"

#include "labench/kit.h"

size_t la_kv_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    if (cap < 2) return 2;
    out[0] = (la_part){
        .name = "K", .shape = {p->B, p->Hkv, p->Tcap, p->dk}, .rank = 4, .dtype = p->dtype};
    out[1] = (la_part){
        .name = "V", .shape = {p->B, p->Hkv, p->Tcap, p->dv}, .rank = 4, .dtype = p->dtype};
    return 2;
}

la_status la_kv_useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                       la_err *err)
{
    (void)opts, (void)err;
    double heads = (double)p->B * (double)p->H, kv_heads = (double)p->B * (double)p->Hkv;
    double d = (double)(p->dk + p->dv);
    double T = (double)p->T, cap = (double)p->Tcap, element = (double)la_dtype_size(p->dtype);
    *cost = (la_cost){.version = 1};
    if (pass == LA_DECODE) {
        cost->flops = 2 * heads * cap * d;
        cost->bytes = element * kv_heads * cap * d;
        return LA_OK;
    }
    double forward = 2 * heads * T * T * d * (p->mask == LA_MASK_CAUSAL ? 0.5 : 1.0);
    double factor = pass == LA_FORWARD ? 1.0 : pass == LA_BACKWARD ? 2.5 : 3.5;
    cost->flops = factor * forward;
    cost->bytes = factor * element * (heads + kv_heads) * T * d;
    return LA_OK;
}

la_status la_kv_check(const char *name, const la_problem *p, la_pass pass, la_err *err)
{
    if (p->dtype != LA_F32)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no %s kernel yet", name,
                       la_dtype_name(p->dtype));
    if (p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s groups key/value heads, not query heads", name);
    if (pass == LA_BACKWARD || pass == LA_FWDBWD)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no backward yet", name);
    return LA_OK;
}
