/* SPDX-License-Identifier: Apache-2.0
 * What a cell is made of: refusals, sizes, costs, its content key.
 */
#include "cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "alloc.h"
#include "gradients.h"
#include "inputs.h"
#include "registry.h"
#include "sampled.h"
#include "sampled_backward.h"
#include "text.h"

enum {
    LONG_PROBE = 8192, /* tokens; a shorter one is asked whole, which takes no time */
    LONG_SHARE = 8     /* a token in so many is read, at most */
};

void la_cell_release(la_cell *cell)
{
    if (!cell) return;
    la_free(cell->opts);
    la_free(cell->task_opts);
    la_free(cell->opts_json);
    la_free(cell->task_opts_json);
    if (cell->learn) {
        la_free(cell->learn->model_json);
        la_free(cell->learn->train_json);
        la_free(cell->learn);
    }
    *cell = (la_cell){0};
}

la_pass la_cell_kernel_pass(const la_cell *cell)
{
    return cell->pass == LA_EVAL ? LA_FORWARD : cell->pass;
}

static la_status default_options(const la_option *table, size_t n, size_t size, void **opts,
                                 la_err *err)
{
    if (n == 0 || *opts) return LA_OK;
    *opts = la_zalloc(size, err);
    if (!*opts) return LA_E_NOMEM;
    la_options_default(table, n, *opts);
    return LA_OK;
}

la_status la_cell_default_options(la_cell *cell, la_err *err)
{
    const la_variant *v = cell->variant;
    const la_task *t = cell->task;
    LA_TRY(default_options(v->options, v->options_len, v->options_size, &cell->opts, err));
    if (t)
        LA_TRY(default_options(t->options, t->options_len, t->options_size, &cell->task_opts, err));
    return LA_OK;
}

static la_status options_text(const la_option *table, size_t n, const void *opts, char **out,
                              la_err *err)
{
    la_free(*out);
    *out = NULL;
    size_t len = la_options_json(table, n, opts, NULL, 0);
    *out = la_alloc(len + 1, err);
    if (!*out) return LA_E_NOMEM;
    la_options_json(table, n, opts, *out, len + 1);
    return LA_OK;
}

bool la_cell_uses(const la_cell *cell, const la_variant *variant)
{
    if (cell->variant == variant) return true;
    const char *at = cell->learn ? cell->learn->hybrid : "";
    for (size_t len; *at; at += len + (at[len] != 0)) { /* "deltanet*3,softmax" */
        len = strcspn(at, ",");
        size_t name = strcspn(at, ",*");
        if (strlen(variant->name) == name && strncmp(at, variant->name, name) == 0) return true;
    }
    return false;
}

/* Notes down why the cell does not run; `why` holds the sentence. A plugin that crashed or hung when it
 * was asked about the cell did not refuse it. */
static void refuse(la_cell *cell, const la_err *why)
{
    bool asked = *la_registry_code(cell->variant) != '\0';
    cell->refused = true;
    cell->outcome = asked && why->status == LA_E_IO        ? LA_OUTCOME_CRASH
                    : asked && why->status == LA_E_TIMEOUT ? LA_OUTCOME_TIMEOUT
                                                           : LA_OUTCOME_UNSUPPORTED;
    snprintf(cell->reason, sizeof cell->reason, "%.255s", why->msg);
}

/* What the capability bits promise or deny, in words; the impl's own check comes after. */
static la_status check_caps(const la_cell *cell, la_err *why)
{
    const la_impl *impl = cell->impl;
    const char *name = cell->variant->name;
    la_pass pass = la_cell_kernel_pass(cell);
    const la_problem *p = &cell->problem;
    if (pass == LA_TRAIN)
        return LA_FAIL(why, LA_E_UNSUPPORTED, "%s: only a learned task trains", name);
    if ((pass == LA_BACKWARD || pass == LA_FWDBWD) && !(impl->caps & LA_CAP_BACKWARD))
        return LA_FAIL(why, LA_E_UNSUPPORTED, "%s has no backward yet", name);
    if (pass == LA_DECODE && !(impl->caps & LA_CAP_DECODE))
        return LA_FAIL(why, LA_E_UNSUPPORTED, "%s has no decode: its output needs all tokens",
                       name);
    uint32_t mask = p->mask == LA_MASK_CAUSAL ? LA_CAP_CAUSAL : LA_CAP_BIDIRECTIONAL;
    if (!(impl->caps & mask))
        return LA_FAIL(why, LA_E_UNSUPPORTED, "%s %s has no %s form", name, impl->name,
                       la_mask_name(p->mask));
    if (!(impl->dtypes & 1u << p->dtype))
        return LA_FAIL(why, LA_E_UNSUPPORTED, "%s %s has no %s kernel", name, impl->name,
                       la_dtype_name(p->dtype));
    if (p->Hkv != p->H && !(impl->caps & LA_CAP_GROUPED_KV))
        return LA_FAIL(why, LA_E_UNSUPPORTED,
                       "%s %s takes no kv-heads %" PRId64 " below heads %" PRId64, name, impl->name,
                       p->Hkv, p->H);
    if (p->Hqk != p->H && !(impl->caps & LA_CAP_GROUPED_QK))
        return LA_FAIL(why, LA_E_UNSUPPORTED,
                       "%s %s takes no qk-heads %" PRId64 " below heads %" PRId64, name, impl->name,
                       p->Hqk, p->H);
    return LA_OK;
}

/* Bytes that verification and a decode state take besides the timed call's own. */
static size_t verification_bytes(const la_cell *cell, const la_device *device)
{
    if (cell->task) return 0; /* scored, not compared */
    if (cell->pass != LA_BACKWARD && cell->pass != LA_FWDBWD)
        return la_sampled_bytes(cell->variant, &cell->problem, cell->pass, cell->opts);
    size_t forward = la_sampled_bytes(cell->variant, &cell->problem, LA_FORWARD, cell->opts);
    size_t backward =
        la_sampled_backward_bytes(cell->variant, cell->impl, &cell->problem, cell->opts, device);
    return forward > backward ? forward : backward; /* one after the other */
}

/* The state that decode starts from, in the layout of the variant. */
static size_t state_bytes(const la_cell *cell)
{
    la_part parts[LA_MAX_PARTS];
    const la_variant *v = cell->variant;
    if (cell->pass != LA_DECODE || !v->state_parts) return 0;
    size_t n = v->state_parts(&cell->problem, cell->opts, parts, LA_MAX_PARTS);
    return la_state_layout(parts, n, NULL);
}

/* What a variant's definition refuses is written in the checks of our own impls; a peer computes the
 * same thing, and what none of ours takes has no reference to hold it to. The type is no part of the
 * definition: a peer may have kernels of one that this CPU has no instruction for. */
static la_status check_defined(const la_cell *cell, const la_device *device, la_err *why)
{
    const la_variant *v = cell->variant;
    la_status st = LA_FAIL(why, LA_E_UNSUPPORTED, "%s has no %s %s to compare with", v->name,
                           la_mask_name(cell->problem.mask), la_pass_name(cell->pass));
    la_cell own = *cell;
    own.problem.dtype = LA_F32;
    for (size_t i = 0; i < v->impls_len; i++) {
        own.impl = &v->impls[i];
        st = check_caps(&own, why);
        if (st == LA_OK) st = own.impl->check(&own.problem, own.pass, own.opts, device, why);
        if (st == LA_OK) return LA_OK;
    }
    return st;
}

/* A peer's manifest says what it takes; of tasks it does none. */
static la_status check_peer(const la_cell *cell, const la_device *device, la_err *why)
{
    if (cell->task)
        return LA_FAIL(why, LA_E_UNSUPPORTED, "%s is timed only: tasks are for labench's own impls",
                       cell->impl->name);
    LA_TRY(la_peer_check(cell->peer, &cell->problem, cell->pass, cell->opts_json, why));
    return check_defined(cell, device, why);
}

int64_t la_cell_answers(double call_s)
{
    /* Wilson intervals of 12 and 6 points at the middle. */
    return call_s > 1 ? 64 : 256;
}

bool la_cell_called(const la_cell *cell, la_problem *called)
{
    const la_problem *p = &cell->problem;
    const la_task *t = cell->task;
    *called = *p;
    if (!t || t->kind != LA_TASK_PROBE || !t->probe_read || p->T < LONG_PROBE) return false;
    if (cell->peer || cell->impl->backend != LA_CPU || !(cell->impl->caps & LA_CAP_STATE_IN))
        return false;
    if (p->mask != LA_MASK_CAUSAL || !la_sampled_has_cache(cell->variant, p, cell->opts))
        return false;
    int64_t rows = t->probe_read(p, cell->task_opts);
    if (rows < 1 || rows > p->T / LONG_SHARE) return false;
    called->T = rows;
    return true;
}

static la_status sizes_and_costs(la_cell *cell, const la_device *device, la_err *why)
{
    const la_variant *v = cell->variant;
    const la_impl *impl = cell->impl;
    const la_problem *p = &cell->problem;
    la_pass pass = la_cell_kernel_pass(cell);
    if (!cell->peer) LA_TRY(impl->check(p, pass, cell->opts, device, why));
    la_problem called;
    bool part = la_cell_called(cell, &called);
    LA_TRY(impl->sizes(&called, pass, cell->opts, device, &cell->sizes, why));
    LA_TRY(v->useful(p, pass, cell->opts, &cell->useful, why));
    cell->really = cell->useful;
    if (impl->cost) LA_TRY(impl->cost(p, pass, cell->opts, &cell->really, why));
    if (cell->task) LA_TRY(cell->task->check(v, p, cell->task_opts, why));
    cell->input_bytes = la_inputs_bytes(v, p, cell->opts);
    cell->output_bytes = (size_t)(p->B * p->T * p->H * p->dv) * la_dtype_size(p->dtype);
    bool save = pass == LA_BACKWARD || pass == LA_FWDBWD;
    size_t o = cell->output_bytes;
    if (save) { /* of o alone comes in; of all inputs goes out, beside o for fwdbwd */
        size_t gradients = la_gradients_bytes(v, p, cell->opts, false) - o;
        cell->output_bytes = gradients + (pass == LA_FWDBWD ? o : 0);
        cell->input_bytes += o + (pass == LA_BACKWARD ? o : 0);
    }
    bool ours = impl->backend == LA_CUDA && !cell->peer;
    size_t verification = verification_bytes(cell, device);
    size_t tensors =
        cell->input_bytes + cell->output_bytes + cell->sizes.state + (save ? cell->sizes.saved : 0);
    if (part) tensors += cell->input_bytes; /* the cache */
    cell->need_bytes = LA_CELL_PROCESS_BYTES + tensors + verification +
                       (ours ? LA_CELL_CONTEXT_BYTES : cell->sizes.work + cell->sizes.instance);
    /* The state twice: decode begins each call with a copy of it. Gradients are verified beside it all. */
    cell->device_bytes = ours ? LA_CELL_CONTEXT_BYTES + tensors + cell->sizes.state +
                                    cell->sizes.work + cell->sizes.instance + device->l2 +
                                    (save ? verification : 0)
                              : 0;
    /* The tensors lie in a file beside the buffers that they are drawn into and compared in. */
    if (cell->peer)
        cell->need_bytes +=
            LA_PEER_PROCESS_BYTES + cell->input_bytes + cell->output_bytes + 3 * state_bytes(cell);
    return LA_OK;
}

/* Everything a worker needs of a cell is its identity, so the key is the hash of the JSON. */
static la_status make_key(la_cell *cell, la_err *err)
{
    char *json;
    LA_TRY(la_cell_to_json(cell, &json, err));
    XXH128_hash_t h = XXH3_128bits(json, strlen(json));
    la_free(json);
    snprintf(cell->key, sizeof cell->key, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64,
             (uint64_t)h.low64);
    return LA_OK;
}

la_status la_cell_finish(la_cell *cell, const la_device *device, la_err *err)
{
    const la_variant *v = cell->variant;
    const la_task *t = cell->task;
    LA_TRY(la_cell_default_options(cell, err));
    LA_TRY(options_text(v->options, v->options_len, cell->opts, &cell->opts_json, err));
    LA_TRY(options_text(t ? t->options : NULL, t ? t->options_len : 0, cell->task_opts,
                        &cell->task_opts_json, err));
    cell->peer = la_peer_impl_of(cell->impl);
    cell->device = cell->impl->backend == LA_CUDA ? device->index : 0;
    cell->isa = cell->peer ? LA_ISA_GENERIC : device->isa; /* which one is a peer's own affair */
    cell->refused = false;
    if (cell->learn) LA_TRY(la_cell_learn_texts(cell, err));
    LA_TRY(la_problem_check(&cell->problem, err));
    LA_TRY(make_key(cell, err));
    la_err why = {0};
    la_status st = LA_OK;
    if (cell->impl->rank(device, &why) == 0) st = LA_E_UNSUPPORTED;
    if (st == LA_OK && cell->peer) st = check_peer(cell, device, &why);
    if (st == LA_OK && cell->impl->backend != device->backend)
        st = LA_FAIL(&why, LA_E_UNSUPPORTED, "%s runs on %s: use --device %s", cell->impl->name,
                     cell->impl->backend == LA_CUDA ? "CUDA devices" : "the CPU",
                     la_backend_name(cell->impl->backend));
    if (st == LA_OK && cell->learn) st = la_cell_learn_sizes(cell, device, &why);
    if (st == LA_OK && !cell->learn && !cell->peer) st = check_caps(cell, &why);
    if (st == LA_OK && !cell->learn) st = sizes_and_costs(cell, device, &why);
    if (st == LA_OK) return LA_OK;
    if (st == LA_E_NOMEM) return LA_FAIL(err, st, "%s", why.msg);
    refuse(cell, &why);
    return LA_OK;
}

const char *la_cell_words(const la_cell *cell, char buf[128])
{
    char len[24];
    la_format_count(cell->seqlen, len);
    const la_learn *learn = cell->learn;
    snprintf(buf, 128, "%s %s %s %s %s%s%s%s%s%s%s", cell->variant->name, cell->impl->name, len,
             la_pass_name(cell->pass), la_dtype_name(cell->problem.dtype), cell->task ? " " : "",
             cell->task ? cell->task->name : "", learn && *learn->difficulty ? " " : "",
             learn ? learn->difficulty : "", learn && *learn->step ? " " : "",
             learn ? learn->step : "");
    return buf;
}

void la_cell_row_of(const la_cell *cell, const char *code_hash, la_cell_row *row)
{
    const la_problem *p = &cell->problem;
    const char *code = la_registry_code(cell->variant);
    *row = (la_cell_row){
        .key = cell->key,
        .ordinal = cell->ordinal,
        .variant = cell->variant->name,
        .origin = *code ? la_registry_origin(cell->variant) : "builtin",
        .code_hash = *code ? code : code_hash,
        .tags = la_family_name(cell->variant->family),
        .impl = cell->impl->name,
        .form = la_impl_form(cell->impl),
        .isa = cell->impl->backend == LA_CUDA ? "cuda" : la_isa_name(cell->isa),
        .task = cell->task ? cell->task->name : "",
        .pass = la_pass_name(cell->pass),
        .dtype = la_dtype_name(p->dtype),
        .mask = la_mask_name(p->mask),
        .batch = p->B,
        .seqlen = cell->seqlen,
        .tcap = p->Tcap,
        .heads = p->H,
        .kv_heads = p->Hkv,
        .qk_heads = p->Hqk,
        .dk = p->dk,
        .dv = p->dv,
        .threads = p->threads,
        .scale = p->scale,
        .cache_mode = cell->cold ? "cold" : "hot",
        .input_dist = LA_CELL_INPUTS,
        .opts_json = cell->opts_json,
        .task_opts_json = cell->task_opts_json,
        .flops_algo = cell->useful.flops,
        .bytes_algo = cell->useful.bytes,
        .flops_impl = cell->really.flops,
        .bytes_impl = cell->really.bytes,
        .cost_model = LA_CELL_COSTS,
        .state_bytes = (int64_t)cell->sizes.state,
        .saved_bytes = (int64_t)cell->sizes.saved,
        .work_bytes = (int64_t)cell->sizes.work,
        .instance_bytes = (int64_t)cell->sizes.instance,
        .output_bytes = (int64_t)cell->output_bytes,
        .input_bytes = (int64_t)cell->input_bytes,
        .rounds = cell->rounds,
    };
    if (cell->peer) {
        row->origin = cell->peer->peer->path;
        row->code_hash = cell->peer->peer->code;
        row->isa = cell->impl->backend == LA_CUDA ? "peer_cuda" : "peer";
        row->state_bytes = row->saved_bytes = row->work_bytes = row->instance_bytes = -1;
    }
    const la_learn *learn = cell->learn;
    if (!learn) return;
    row->model_json = learn->model_json;
    row->train_json = learn->train_json;
    row->recipe = learn->recipe;
    row->d_model = learn->model.d_model;
    row->input_dist = learn->examples;
}

uint64_t la_cell_seed(const la_cell *cell, uint64_t seed, int round)
{
    const la_variant *v = cell->variant;
    const la_problem *p = &cell->problem;
    char text[256];
    int len = snprintf(text, sizeof text, "%s %s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                       v->reference ? v->name : v->same_as, cell->task ? cell->task->name : "",
                       la_mask_name(p->mask), p->B, p->H, p->Hkv, p->Hqk);
    const int64_t lengths[] = {cell->seqlen, p->dk, p->dv};
    uint64_t hash = XXH3_64bits_withSeed(lengths, sizeof lengths, XXH3_64bits(text, (size_t)len));
    return la_stream(seed, hash, (uint64_t)round);
}
