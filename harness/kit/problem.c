/* SPDX-License-Identifier: Apache-2.0 */
#include "labench/problem.h"

#include <inttypes.h>
#include <string.h>

/* Products of sizes stay far below the range of int64_t, so that bytes cannot overflow either. */
#define MAX_ELEMENTS ((double)((int64_t)1 << 48))

static const char *const dtype_names[] = {"f32", "bf16", "f16", "f64"};
static const char *const pass_names[] = {"fwd", "bwd", "fwdbwd", "decode", "train", "eval"};
static const char *const mask_names[] = {"causal", "bidirectional"};

la_status la_problem_check(const la_problem *p, la_err *err)
{
    const struct {
        const char *name;
        int64_t value;
    } sizes[] = {{"batch", p->B},      {"length", p->T},      {"heads", p->H},
                 {"kv-heads", p->Hkv}, {"qk-heads", p->Hqk},  {"dk", p->dk},
                 {"dv", p->dv},        {"capacity", p->Tcap}, {"threads", p->threads}};
    for (size_t i = 0; i < LA_COUNT(sizes); i++)
        if (sizes[i].value < 1)
            return LA_FAIL(err, LA_E_ARG, "%s must be at least 1, not %" PRId64, sizes[i].name,
                           sizes[i].value);
    if (p->Tcap < p->T)
        return LA_FAIL(err, LA_E_ARG, "capacity %" PRId64 " is below the length %" PRId64, p->Tcap,
                       p->T);
    if (p->H % p->Hkv != 0)
        return LA_FAIL(err, LA_E_ARG, "kv-heads %" PRId64 " does not divide heads %" PRId64, p->Hkv,
                       p->H);
    if (p->H % p->Hqk != 0)
        return LA_FAIL(err, LA_E_ARG, "qk-heads %" PRId64 " does not divide heads %" PRId64, p->Hqk,
                       p->H);
    double d = (double)(p->dk > p->dv ? p->dk : p->dv);
    double elements = (double)p->B * (double)p->Tcap * (double)p->H * d;
    if (!(elements <= MAX_ELEMENTS) || !(d * d <= MAX_ELEMENTS))
        return LA_FAIL(err, LA_E_ARG,
                       "a tensor of batch %" PRId64 " x length %" PRId64 " x heads %" PRId64
                       " x dim %.0f has more than 2^48 elements",
                       p->B, p->Tcap, p->H, d);
    return LA_OK;
}

size_t la_dtype_size(la_dtype dtype)
{
    static const size_t sizes[] = {4, 2, 2, 8};
    return sizes[dtype];
}

const char *la_dtype_name(la_dtype dtype)
{
    return dtype_names[dtype];
}

const char *la_pass_name(la_pass pass)
{
    return pass_names[pass];
}

const char *la_mask_name(la_mask mask)
{
    return mask_names[mask];
}

const char *la_backend_name(la_backend backend)
{
    return backend == LA_CUDA ? "cuda" : "cpu";
}

static int find_word(const char *const *names, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], word) == 0) return (int)i;
    return -1;
}

la_status la_dtype_parse(const char *word, la_dtype *out, la_err *err)
{
    int i = find_word(dtype_names, LA_COUNT(dtype_names), word);
    if (i < 0) return LA_FAIL(err, LA_E_ARG, "no type '%s'; there are f32, bf16, f16, f64", word);
    *out = (la_dtype)i;
    return LA_OK;
}

la_status la_pass_parse(const char *word, la_pass *out, la_err *err)
{
    int i = find_word(pass_names, LA_COUNT(pass_names), word);
    if (i < 0)
        return LA_FAIL(err, LA_E_ARG, "no pass '%s'; there are fwd, bwd, fwdbwd, decode", word);
    *out = (la_pass)i;
    return LA_OK;
}

la_status la_mask_parse(const char *word, la_mask *out, la_err *err)
{
    int i = find_word(mask_names, LA_COUNT(mask_names), word);
    if (i < 0)
        return LA_FAIL(err, LA_E_ARG, "no mask '%s'; there are auto, causal, bidirectional", word);
    *out = (la_mask)i;
    return LA_OK;
}
