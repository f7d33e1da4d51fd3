/* SPDX-License-Identifier: Apache-2.0
 * What is known of a training before it starts: whether it can be, its memory, its size, its work.
 */
#include "alloc.h"
#include "head.h"
#include "trainer.h"

static la_status check_opts(const la_train_config *c, la_err *err)
{
    if (c->n_lengths == 0 || c->n_lengths > LA_COUNT(c->lengths))
        return LA_FAIL(err, LA_E_ARG, "between 1 and %zu lengths are trained on, not %zu",
                       LA_COUNT(c->lengths), c->n_lengths);
    for (size_t i = 0; i < c->n_lengths; i++)
        if (c->lengths[i] < 1)
            return LA_FAIL(err, LA_E_ARG, "a length to train on is at least 1, not %lld",
                           (long long)c->lengths[i]);
    if (c->threads < 1 || c->threads > LA_MAX_SHARDS)
        return LA_FAIL(err, LA_E_ARG, "training takes 1 to %d threads, not %d", LA_MAX_SHARDS,
                       c->threads);
    return LA_OK;
}

/* A config as far as it can be checked without allocating: its spec and the shape of its batches. */
static la_status plan(const la_train_config *c, bool training, const la_geometry *geometry,
                      size_t n, int64_t answers, la_net *spec, la_engine *engine, la_err *err)
{
    LA_TRY(la_net_init(c, spec, err));
    la_status st = la_engine_init(engine, spec, c->device, la_train_threads(c), training, geometry,
                                  n, answers, true, err);
    if (st != LA_OK) la_net_release(spec);
    return st;
}

static la_status plan_training(const la_train_config *c, la_net *spec, la_engine *engine,
                               la_err *err)
{
    la_shape shapes[LA_MAX_SHAPES];
    la_geometry geometry[LA_MAX_LENGTHS];
    size_t n;
    LA_TRY(check_opts(c, err));
    if (c->task->kind != LA_TASK_LEARNED || !c->task->learned)
        return LA_FAIL(err, LA_E_ARG, "task %s is a probe: no model is trained for it",
                       c->task->name);
    if (c->task->learned->causal_only && c->mask == LA_MASK_BIDIRECTIONAL)
        return LA_FAIL(
            err, LA_E_UNSUPPORTED,
            "task %s has answers in its input, so %s, which is bidirectional, would read "
            "them off",
            c->task->name, c->variant->name);
    if (c->model->logits && c->mask == LA_MASK_BIDIRECTIONAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "model.logits all names the next token everywhere, and %s, which is "
                       "bidirectional, would read it off",
                       c->variant->name);
    bool heads =
        c->task->learned->head && c->task->learned->head(c->task_opts).kind != LA_HEAD_TOKENS;
    if (c->model->logits && heads)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "model.logits all names the next token everywhere, and task %s is not "
                       "answered by tokens where they stand",
                       c->task->name);
    LA_TRY(la_train_mixture(c, shapes, &n, err));
    int64_t answers = la_train_most_answers(c, shapes, n);
    size_t lengths = la_train_geometries(c, shapes, n, geometry);
    return plan(c, true, geometry, lengths, answers, spec, engine, err);
}

la_status la_train_check(const la_train_config *config, la_err *err)
{
    la_net spec;
    la_engine engine;
    LA_TRY(plan_training(config, &spec, &engine, err));
    la_engine_release(&engine);
    la_net_release(&spec);
    return LA_OK;
}

la_status la_train_bytes(const la_train_config *config, la_model_bytes *bytes, la_err *err)
{
    la_net spec;
    la_engine engine;
    LA_TRY(plan_training(config, &spec, &engine, err));
    size_t n = (size_t)spec.n;
    *bytes = (la_model_bytes){engine.bytes + 3 * n * sizeof(float), engine.device_bytes};
    if (config->device->backend == LA_CUDA) bytes->device += la_device_part_bytes(n);
    la_engine_release(&engine);
    la_net_release(&spec);
    return LA_OK;
}

la_status la_eval_bytes(const la_train_config *config, int64_t B, int64_t T, la_model_bytes *bytes,
                        la_err *err)
{
    la_net spec;
    la_engine engine;
    la_shape shape;
    LA_TRY(check_opts(config, err));
    if (!config->task->learned)
        return LA_FAIL(err, LA_E_ARG, "task %s is a probe: no model is trained for it",
                       config->task->name);
    LA_TRY(config->task->learned->shape_at(config->task_opts, T, &shape, err));
    int64_t answers = config->task->learned->most_answers(config->task_opts, &shape);
    LA_TRY(la_net_init(config, &spec, err));
    la_geometry geometry = la_eval_geometry(&spec, config->device, T, B, la_train_threads(config));
    la_net_release(&spec);
    LA_TRY(plan(config, false, &geometry, 1, answers, &spec, &engine, err));
    size_t weights = (size_t)spec.n * sizeof(float);
    *bytes = (la_model_bytes){engine.bytes + weights, engine.device_bytes};
    if (config->device->backend == LA_CUDA) bytes->device += weights;
    la_engine_release(&engine);
    la_net_release(&spec);
    return LA_OK;
}

int64_t la_train_parameters(const la_train_config *config)
{
    la_net spec;
    if (la_net_init(config, &spec, NULL) != LA_OK) return 0;
    int64_t n = spec.trainable;
    la_net_release(&spec);
    return n;
}

size_t la_train_state_bytes(const la_train_config *config, int64_t T)
{
    la_net spec;
    size_t bytes = 0;
    if (la_net_init(config, &spec, NULL) != LA_OK) return 0;
    for (int64_t l = 0; l < spec.layers; l++) {
        const la_block *b = &spec.block[l];
        if (!b->variant->state_parts) continue;
        la_problem p = la_block_problem(&spec, b, 1, T, 1);
        la_part parts[LA_MAX_PARTS];
        size_t n = b->variant->state_parts(&p, b->opts, parts, LA_MAX_PARTS);
        bytes += la_state_layout(parts, n, NULL);
    }
    la_net_release(&spec);
    return bytes;
}

static double answers_a_token(const la_train_config *c, int64_t T)
{
    la_shape shapes[LA_MAX_SHAPES];
    size_t n;
    double sum = 0, count = 0;
    if (c->model->logits) return 1;
    if (la_train_mixture(c, shapes, &n, NULL) != LA_OK) return 0;
    for (size_t i = 0; i < n; i++)
        if (shapes[i].T == T) {
            sum += (double)c->task->learned->most_answers(c->task_opts, &shapes[i]) / (double)T;
            count++;
        }
    return count > 0 ? sum / count : 0;
}

/* Rows a token that stand behind the op of the last block, where `answers` are asked. */
static double rows_behind(const la_net *spec, double answers)
{
    return la_head_takes_rows(spec) && answers * LA_KEPT_SHARE <= 1 ? answers : 1;
}

/* A weight takes 2 FLOP a row forward and 4 backward. */
double la_train_flops_per_token(const la_train_config *config, int64_t T)
{
    la_net spec;
    if (la_net_init(config, &spec, NULL) != LA_OK) return 0;
    double answers = answers_a_token(config, T), flops = 3.0 * la_head_flops(&spec, T) * answers;
    for (int64_t l = 0; l < spec.layers; l++) {
        const la_block *b = &spec.block[l];
        double behind = (double)(3 * b->mlp * b->d);
        double weights = (double)(b->decay_rank * b->decay_width);
        if (b->project) behind += (double)(b->width * b->d), weights += (double)(b->P * b->d);
        weights += behind * (l + 1 < spec.layers ? 1 : rows_behind(&spec, answers));
        la_problem p = la_block_problem(&spec, b, 1, T, 1);
        la_cost cost = {0};
        if (b->variant->useful) (void)b->variant->useful(&p, LA_FWDBWD, b->opts, &cost, NULL);
        flops += 6.0 * weights + cost.flops / (double)T;
    }
    la_net_release(&spec);
    return flops;
}
