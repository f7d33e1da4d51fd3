/* SPDX-License-Identifier: Apache-2.0 */
#include "kv_attention.h"

#include <inttypes.h>
#include <string.h>

#include "labench/kit.h"

size_t la_kv_window_parts(const la_problem *p, int64_t window, la_part *out, size_t cap)
{
    if (cap < 2) return 2;
    int64_t n = window < p->Tcap ? window : p->Tcap;
    out[0] =
        (la_part){.name = "K", .shape = {p->B, p->Hkv, n, p->dk}, .rank = 4, .dtype = p->dtype};
    out[1] =
        (la_part){.name = "V", .shape = {p->B, p->Hkv, n, p->dv}, .rank = 4, .dtype = p->dtype};
    return 2;
}

/* Pairs of a query and a key it sees, a head: a band of the square, half of it when causal. */
static double pairs(const la_problem *p, int64_t window)
{
    double T = (double)p->T, w = window < p->T ? (double)window : T;
    return p->mask == LA_MASK_CAUSAL ? w * (T - w / 2) : 2 * w * T - w * w - (w < T ? T - w : 0);
}

void la_kv_window_useful(const la_problem *p, la_pass pass, int64_t window, la_cost *cost)
{
    double heads = (double)p->B * (double)p->H, kv_heads = (double)p->B * (double)p->Hkv;
    double dk = (double)p->dk, dv = (double)p->dv, d = dk + dv;
    double T = (double)p->T, element = (double)la_dtype_size(p->dtype);
    *cost = (la_cost){.version = 2};
    if (pass == LA_DECODE) {
        double keys = (double)(window < p->Tcap ? window : p->Tcap);
        cost->flops = 2 * heads * keys * d;
        cost->bytes = element * kv_heads * keys * d;
        return;
    }
    /* Forward: Q K' and P V. Backward: Q K' again, dO V', dS K, dS' Q and P' dO. */
    double products = pass == LA_FORWARD    ? d
                      : pass == LA_BACKWARD ? 3 * dk + 2 * dv
                                            : 4 * dk + 3 * dv;
    /* Backward reads q, k, v, o and do, and writes dq, dk and dv: twice what forward moves. */
    double moves = pass == LA_FORWARD ? 1 : pass == LA_BACKWARD ? 2 : 3;
    cost->flops = 2 * heads * pairs(p, window) * products;
    cost->bytes = moves * element * (heads + kv_heads) * T * d;
}

size_t la_kv_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    return la_kv_window_parts(p, LA_KV_NO_WINDOW, out, cap);
}

la_status la_kv_useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                       la_err *err)
{
    (void)opts, (void)err;
    la_kv_window_useful(p, pass, LA_KV_NO_WINDOW, cost);
    return LA_OK;
}

la_status la_kv_check(const char *name, const la_problem *p, const la_device *dev, la_err *err)
{
    LA_TRY(la_bf16_check(p, dev, name, err));
    if (p->dtype != LA_F32 && p->dtype != LA_BF16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no %s kernel yet", name,
                       la_dtype_name(p->dtype));
    if (p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s groups key/value heads, not query heads", name);
    return LA_OK;
}

/* ---- the cache ---- */

/* Bytes of a row of K and of V. */
static size_t key_bytes(const la_problem *p)
{
    return (size_t)p->dk * la_dtype_size(p->dtype);
}

static size_t value_bytes(const la_problem *p)
{
    return (size_t)p->dv * la_dtype_size(p->dtype);
}

size_t la_kv_values_at(const la_problem *p, int64_t places)
{
    return la_align((size_t)(p->B * p->Hkv * places) * key_bytes(p));
}

size_t la_kv_bytes(const la_problem *p, int64_t places)
{
    return la_kv_values_at(p, places) + (size_t)(p->B * p->Hkv * places) * value_bytes(p);
}

void la_kv_append(const la_problem *p, int64_t places, const la_io *io, int64_t pos, int64_t T)
{
    if (!io->state_out || !io->k) return;
    size_t dk = key_bytes(p), dv = value_bytes(p), held = (size_t)(pos < places ? pos : places);
    for (int64_t i = 0; i < p->B * p->Hkv; i++) {
        size_t K = (size_t)(i * places) * dk;
        size_t V = la_kv_values_at(p, places) + (size_t)(i * places) * dv;
        char *k = (char *)io->state_out + K, *v = (char *)io->state_out + V;
        if (io->state_in && io->state_in != io->state_out) {
            memcpy(k, (const char *)io->state_in + K, held * dk);
            memcpy(v, (const char *)io->state_in + V, held * dv);
        }
        for (int64_t t = T > places ? T - places : 0; t < T; t++) {
            size_t row = (size_t)((i / p->Hkv * T + t) * p->Hkv + i % p->Hkv);
            size_t place = (size_t)((pos + t) % places);
            memcpy(k + place * dk, (const char *)io->k + row * dk, dk);
            memcpy(v + place * dv, (const char *)io->v + row * dv, dv);
        }
    }
}

la_status la_kv_fits(const la_problem *p, const la_io *io, int64_t tokens, la_err *err)
{
    if ((io->state_in || io->state_out) && tokens > p->Tcap)
        return LA_FAIL(err, LA_E_ARG, "%" PRId64 " tokens do not fit a cache of capacity %" PRId64,
                       tokens, p->Tcap);
    return LA_OK;
}
