/* SPDX-License-Identifier: Apache-2.0
 * Whether a peer's impl takes a cell, from what its manifest and its probe say.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "peer.h"

static bool allows(const cJSON *set, const cJSON *value)
{
    if (!set) return false;
    if (cJSON_IsString(set)) return true; /* "*" */
    char number[40] = "";
    if (cJSON_IsNumber(value)) snprintf(number, sizeof number, "%.15g", value->valuedouble);
    for (const cJSON *one = set->child; one; one = one->next) {
        if (cJSON_Compare(one, value, 1)) return true;
        if (*number && cJSON_IsString(one) && strcmp(one->valuestring, number) == 0) return true;
    }
    return false;
}

/* Options that the manifest does not name must have their default. */
static la_status check_options(const la_peer_impl *impl, const char *opts_json, la_err *err)
{
    const la_variant *v = impl->variant;
    if (v->options_len == 0) return LA_OK;
    char usual[4096];
    void *opts = la_zalloc(v->options_size, err);
    if (!opts) return LA_E_NOMEM;
    la_options_default(v->options, v->options_len, opts);
    la_options_json(v->options, v->options_len, opts, usual, sizeof usual);
    la_free(opts);
    cJSON *given = cJSON_Parse(opts_json), *def = cJSON_Parse(usual);
    la_status st = given && def ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory for options");
    for (const cJSON *item = given ? given->child : NULL; item && st == LA_OK; item = item->next) {
        const cJSON *twin = cJSON_GetObjectItemCaseSensitive(def, item->string);
        const cJSON *set = cJSON_GetObjectItemCaseSensitive(impl->options, item->string);
        if (cJSON_Compare(item, twin, 1) && !set) continue;
        if (allows(set, item)) continue;
        char *value = cJSON_PrintUnformatted(item);
        st = LA_FAIL(err, LA_E_UNSUPPORTED, "%s %s does not know %s=%s", v->name, impl->name,
                     item->string, value ? value : "?");
        cJSON_free(value);
    }
    cJSON_Delete(given);
    cJSON_Delete(def);
    return st;
}

la_status la_peer_check(const la_peer_impl *impl, const la_problem *p, la_pass pass,
                        const char *opts_json, la_err *err)
{
    const la_peer *peer = impl->peer;
    const char *v = impl->variant_name, *name = impl->name;
    uint32_t mask = p->mask == LA_MASK_CAUSAL ? LA_CAP_CAUSAL : LA_CAP_BIDIRECTIONAL;
    /* First, so that the command to install it stands in every row of a missing peer. */
    if (peer->probed && !peer->usable)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s is not usable here (%s); install: %s", peer->name,
                       peer->reason, peer->install);
    if (!(impl->passes & 1u << pass))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s %s has no %s", v, name, la_pass_name(pass));
    if (!(impl->impl.caps & mask))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s %s has no %s form", v, name,
                       la_mask_name(p->mask));
    if (!(impl->impl.dtypes & 1u << p->dtype))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s %s does not take %s", v, name,
                       la_dtype_name(p->dtype));
    if (p->Hkv != p->H && !(impl->impl.caps & LA_CAP_GROUPED_KV))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s %s takes no kv-heads %" PRId64 " below heads %" PRId64, v, name, p->Hkv,
                       p->H);
    if (p->Hqk != p->H && !(impl->impl.caps & LA_CAP_GROUPED_QK))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s %s takes no qk-heads %" PRId64 " below heads %" PRId64, v, name, p->Hqk,
                       p->H);
    LA_TRY(check_options(impl, opts_json, err));
    if (*impl->unusable)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s cannot run here: %s", name, impl->unusable);
    return LA_OK;
}
