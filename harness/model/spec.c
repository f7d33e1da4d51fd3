/* SPDX-License-Identifier: Apache-2.0
 * From options, recipe and variants to a description of every block.
 */
#include "spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "registry.h"

enum { POS_AUTO, POS_NONE, POS_LEARNED, POS_ROPE };
enum { GATE_AUTO, GATE_NONE, GATE_SILU, GATE_SIGMOID };
enum { QK_AUTO, QK_NONE, QK_L2 };
enum { LOGITS_SCORED, LOGITS_ALL };
enum { AUTO, FIRST, SECOND }; /* norm: rms, layer; init: fan, small */

int64_t la_train_longest(const la_train_config *config)
{
    int64_t longest = config->longest;
    for (size_t i = 0; i < config->n_lengths; i++)
        if (config->lengths[i] > longest) longest = config->lengths[i];
    return longest;
}

la_status la_train_mixture(const la_train_config *config, la_shape out[LA_MAX_SHAPES], size_t *n,
                           la_err *err)
{
    const la_task *task = config->task;
    *n = task->learned->mixture(config->task_opts, config->lengths, config->n_lengths, out,
                                LA_MAX_SHAPES);
    if (*n > LA_MAX_SHAPES)
        return LA_FAIL(err, LA_E_ARG, "task %s has %zu shapes at these lengths; at most %d fit",
                       task->name, *n, LA_MAX_SHAPES);
    if (*n == 0) { /* the task itself may know why */
        la_shape shape;
        LA_TRY(task->learned->shape_at(config->task_opts, la_train_longest(config), &shape, err));
        return LA_FAIL(err, LA_E_ARG, "task %s has no shape that fits the trained lengths (%lld..)",
                       task->name, (long long)(config->n_lengths ? config->lengths[0] : 0));
    }
    return LA_OK;
}

la_problem la_block_problem(const la_net *spec, const la_block *b, int64_t B, int64_t T,
                            int threads)
{
    return (la_problem){.B = B,
                        .T = T,
                        .Tcap = T,
                        .H = b->H,
                        .Hkv = b->Hkv,
                        .Hqk = b->H,
                        .dk = b->dk,
                        .dv = b->dv,
                        .mask = spec->mask,
                        .dtype = LA_F32,
                        .threads = threads};
}

const la_impl *la_block_impl(const la_block *b, const la_problem *p, la_pass pass,
                             const la_device *device, la_err *err)
{
    const la_impl *best = NULL;
    int best_rank = 0;
    bool backward = pass == LA_FWDBWD, any = false;
    la_err why = {0};
    for (size_t i = 0; i < b->variant->impls_len; i++) {
        const la_impl *impl = &b->variant->impls[i];
        if (impl->backend != device->backend) continue;
        if (backward && !(impl->caps & LA_CAP_BACKWARD)) continue;
        any = true;
        if (p->Hkv != p->H && !(impl->caps & LA_CAP_GROUPED_KV)) {
            LA_FAIL(&why, LA_E_UNSUPPORTED,
                    "%s %s takes no model.kv_heads %lld below its %lld heads", b->variant->name,
                    impl->name, (long long)p->Hkv, (long long)p->H);
            continue;
        }
        int rank = impl->rank(device, &why);
        if (rank <= best_rank) continue;
        if (impl->check(p, pass, b->opts, device, &why) != LA_OK) continue;
        best = impl;
        best_rank = rank;
    }
    if (!any && device->backend == LA_CUDA)
        LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no %s pass on CUDA devices", b->variant->name,
                backward ? "backward" : "forward");
    else if (!any)
        LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no backward pass, so no model can be trained of it",
                b->variant->name);
    else if (!best)
        LA_FAIL(err, LA_E_UNSUPPORTED, "%s", why.msg);
    return best;
}

static la_status check_mask(const la_variant *variant, la_mask mask, la_err *err)
{
    uint32_t caps = 0;
    for (size_t i = 0; i < variant->impls_len; i++) caps |= variant->impls[i].caps;
    if (caps & (mask == LA_MASK_CAUSAL ? LA_CAP_CAUSAL : LA_CAP_BIDIRECTIONAL)) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no %s form", variant->name, la_mask_name(mask));
}

static la_status heads_of(const la_train_config *config, la_block *b, la_err *err)
{
    const la_model_opts *o = config->model;
    b->H = o->heads;
    if (o->heads == 0 || o->head_dim == 0)
        return LA_FAIL(err, LA_E_ARG, "model.heads and model.head_dim are -1 or at least 1, not 0");
    if (b->H < 0) { /* the recipe's, or the next lower number that divides */
        b->H = b->recipe->heads < b->d ? b->recipe->heads : b->d;
        while (o->head_dim < 0 && b->d % b->H) b->H--;
    }
    if (o->head_dim < 0 && b->d % b->H)
        return LA_FAIL(err, LA_E_ARG,
                       "%lld heads do not divide d_model %lld; give model.head_dim or other heads",
                       (long long)b->H, (long long)b->d);
    b->dk = b->dv = o->head_dim > 0 ? o->head_dim : b->d / b->H;
    b->width = b->H * b->dv;
    b->Hkv = o->kv_heads < 0 ? b->H : o->kv_heads;
    if (b->Hkv == 0 || b->H % b->Hkv)
        return LA_FAIL(err, LA_E_ARG, "model.kv_heads %lld does not divide the %lld heads of %s",
                       (long long)b->Hkv, (long long)b->H, b->variant->name);
    if (b->Hkv != b->H && (b->variant->inputs & LA_IN_X))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no keys and values to group",
                       b->variant->name);
    return LA_OK;
}

static void add_part(la_block *b, const char *name, int64_t width)
{
    b->part[b->n_parts++] =
        (la_stream_part){.name = name, .width = width, .column = b->P, .conv_w = -1};
    b->P += width;
}

/* The columns of the joint projection: q, k, v (or x), gate, beta, decay, iclr. */
static void columns_of(la_block *b)
{
    uint32_t in = b->variant->inputs;
    b->gate_column = b->beta_column = b->decay_column = b->iclr_column = -1;
    if (in & LA_IN_X)
        add_part(b, "x", b->width);
    else {
        add_part(b, "q", b->H * b->dk);
        add_part(b, "k", b->Hkv * b->dk);
        add_part(b, "v", b->Hkv * b->dv);
    }
    if (b->gate != LA_ACT_NONE) {
        b->gate_column = b->P;
        b->P += b->width;
    }
    if (in & LA_IN_BETA) {
        b->beta_column = b->P;
        b->P += b->H;
    }
    if (in & (LA_IN_GATE_HEAD | LA_IN_GATE_CHANNEL)) {
        const la_decay_form *form = b->decay_form = la_decay_form_find(b->variant);
        b->decay_D = in & LA_IN_GATE_CHANNEL ? b->dk : 1;
        b->decay_width = b->H * b->decay_D;
        b->decay_rank = form->rank < 0 ? b->dv : form->rank;
        b->decay_column = b->P;
        b->P += b->decay_rank ? b->decay_rank : b->decay_width;
    }
    if (in & LA_IN_AB) {
        b->iclr_column = b->P;
        b->P += b->H * b->dk;
    }
}

static void block_params(la_net *spec, la_block *b)
{
    if (!b->variant->params) return;
    la_problem p = la_block_problem(spec, b, 1, spec->longest, 1);
    b->n_params = b->variant->params(&p, b->opts, b->params, LA_MAX_PARAMS);
    LA_ASSERT(b->n_params <= LA_MAX_PARAMS);
}

static la_status block_init(const la_train_config *config, la_net *spec, la_block *b, la_err *err)
{
    const la_model_opts *o = config->model;
    const la_recipe *r = b->recipe = la_recipe_find(o->recipe, b->variant->name);
    uint32_t in = b->variant->inputs;
    LA_TRY(check_mask(b->variant, spec->mask, err));
    b->dt = (in & LA_IN_DT) != 0;
    if (b->dt && !(in & LA_IN_GATE_HEAD))
        return LA_FAIL(
            err, LA_E_UNSUPPORTED,
            "%s: the model block makes dt and the decay of a head together, not dt alone",
            b->variant->name);
    b->d = spec->d;
    LA_TRY(heads_of(config, b, err));
    b->mlp = (o->mlp < 0 ? r->mlp : o->mlp) * b->d;
    b->conv = o->conv < 0 ? r->conv : o->conv;
    b->left = spec->mask == LA_MASK_CAUSAL ? b->conv - 1 : b->conv / 2;
    b->project = r->project || b->conv > 0 || !(in & LA_IN_X) || b->width != b->d;
    b->layer_norm = spec->layer_norm;
    b->norm_eps = (float)r->norm_eps;
    b->gate = o->gate == GATE_AUTO   ? r->gate
              : o->gate == GATE_SILU ? LA_ACT_SILU
              : o->gate == GATE_NONE ? LA_ACT_NONE
                                     : LA_ACT_SIGMOID;
    if (b->gate != LA_ACT_NONE) b->project = true;
    bool unit = (in & LA_IN_UNIT_KEYS) != 0;
    if (unit && o->qk_norm == QK_NONE)
        return LA_FAIL(err, LA_E_ARG, "%s needs keys of unit norm, so model.qk_norm none cannot be",
                       b->variant->name);
    b->l2 = !(in & LA_IN_X) && (o->qk_norm == QK_AUTO ? unit : o->qk_norm == QK_L2);
    b->rope = spec->rope;
    if (b->rope && ((in & LA_IN_X) || b->dk % 2))
        return LA_FAIL(err, LA_E_ARG, "%s: rope turns pairs of q and k, %s", b->variant->name,
                       in & LA_IN_X ? "and it has none" : "and head_dim is odd");
    b->beta_scale = o->neg_eigval ? 2.0f : 1.0f;
    columns_of(b);
    block_params(spec, b);
    return LA_OK;
}

/* One name of a hybrid pattern into a variant and its options. */
static la_status hybrid_member(const la_train_config *config, la_net *spec, const char *name,
                               la_block *b, la_err *err)
{
    if (strcmp(name, "self") == 0 || strcmp(name, config->variant->name) == 0) {
        b->variant = config->variant;
        b->opts = config->variant_opts;
        return LA_OK;
    }
    b->variant = la_registry_find(name);
    if (!b->variant)
        return LA_FAIL(err, LA_E_ARG, "the hybrid pattern '%s' names no variant: '%s'",
                       config->hybrid, name);
    if (spec->n_store == LA_MAX_HYBRID)
        return LA_FAIL(err, LA_E_ARG, "the hybrid pattern '%s' has more than %d members",
                       config->hybrid, LA_MAX_HYBRID);
    size_t bytes = b->variant->options_size;
    void *opts = la_zalloc(bytes ? bytes : 1, err);
    if (!opts) return LA_E_NOMEM;
    la_options_default(b->variant->options, b->variant->options_len, opts);
    spec->store[spec->n_store++] = opts;
    b->opts = opts;
    return LA_OK;
}

/* "deltanet*3,softmax" -> the first n variants of its repetition. */
static la_status hybrid(const la_train_config *config, la_net *spec, la_err *err)
{
    const char *pattern = config->hybrid ? config->hybrid : "self", *at = pattern;
    int64_t period = 0;
    while (period < spec->layers) {
        size_t len = strcspn(at, ",*");
        char name[64];
        if (len == 0 || len >= sizeof name)
            return LA_FAIL(err, LA_E_ARG, "the hybrid pattern '%s' is not like deltanet*3,softmax",
                           pattern);
        memcpy(name, at, len);
        name[len] = '\0';
        at += len;
        long times = 1;
        if (*at == '*') {
            char *end;
            times = strtol(at + 1, &end, 10);
            if (end == at + 1 || times < 1 || (*end && *end != ','))
                return LA_FAIL(err, LA_E_ARG,
                               "the hybrid pattern '%s' repeats %s by no whole number", pattern,
                               name);
            at = end;
        }
        la_block member = {0};
        LA_TRY(hybrid_member(config, spec, name, &member, err));
        for (long i = 0; i < times && period < spec->layers; i++) {
            spec->block[period].variant = member.variant;
            spec->block[period++].opts = member.opts;
        }
        if (*at == '\0') break;
        at++;
    }
    for (int64_t l = period; l < spec->layers; l++) {
        spec->block[l].variant = spec->block[l - period].variant;
        spec->block[l].opts = spec->block[l - period].opts;
    }
    return LA_OK;
}

static la_status init(const la_train_config *config, la_net *spec, la_err *err)
{
    const la_model_opts *o = config->model;
    const la_recipe *r = la_recipe_find(o->recipe, config->variant->name);
    if (config->task->kind != LA_TASK_LEARNED || !config->task->learned)
        return LA_FAIL(err, LA_E_ARG, "task %s is a probe: no model is trained for it",
                       config->task->name);
    spec->mask = config->mask;
    spec->V = config->task->learned->vocabulary(config->task_opts);
    spec->d = o->d_model;
    if (config->task->learned->head) spec->head = config->task->learned->head(config->task_opts);
    spec->outputs = spec->head.kind == LA_HEAD_CLASSES ? spec->head.classes : spec->V;
    LA_ASSERT(spec->outputs > 0);
    spec->layers = o->layers;
    spec->longest = la_train_longest(config);
    if (spec->longest < 1) return LA_FAIL(err, LA_E_ARG, "no length to train on was given");
    spec->layer_norm = o->norm == AUTO ? r->layer_norm : o->norm == SECOND;
    spec->small_init = o->init == AUTO ? r->small_init : o->init == SECOND;
    spec->learned_positions = o->pos == POS_AUTO ? r->learned_positions : o->pos == POS_LEARNED;
    spec->rope = o->pos == POS_AUTO ? r->rope : o->pos == POS_ROPE;
    spec->all_logits = o->logits == LOGITS_ALL;
    spec->norm_eps = (float)r->norm_eps;
    double dropout = o->dropout < 0 ? r->dropout : o->dropout;
    spec->dropout = (float)dropout;
    LA_TRY(hybrid(config, spec, err));
    for (int64_t l = 0; l < spec->layers; l++)
        LA_TRY(block_init(config, spec, &spec->block[l], err));
    return la_net_tensors(spec, err);
}

la_status la_net_init(const la_train_config *config, la_net *out, la_err *err)
{
    *out = (la_net){0};
    la_status st = init(config, out, err);
    if (st != LA_OK) la_net_release(out);
    return st;
}

void la_net_release(la_net *spec)
{
    for (size_t i = 0; i < spec->n_store; i++) la_free(spec->store[i]);
    la_free(spec->tensor);
    *spec = (la_net){0};
}
