/* SPDX-License-Identifier: Apache-2.0
 * One step and one validation. Lanes work in one parallel region; loops over lanes and ranges are shared
 * out statically, so that the same thread count gives the same sums in the same order.
 */
#include "trainer.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "alloc.h"

enum { STREAM_SHAPE = 0x73686170, STREAM_DROP = 0x64726f70 };

double la_learning_rate(const la_train_opts *o, int64_t step)
{
    if (step < o->warmup) return o->lr * (double)(step + 1) / (double)o->warmup;
    if (o->schedule == 1) return o->lr;
    int64_t plan = o->plan_steps ? o->plan_steps : o->steps;
    double done = plan > o->warmup ? (double)(step - o->warmup) / (double)(plan - o->warmup) : 1.0;
    return o->lr * 0.5 * (1.0 + cos(M_PI * (done < 1.0 ? done : 1.0)));
}

/* Lengths grow one after another: of n distinct ones, ascending, step s of the curriculum's S knows the first
 * 1 + floor(s (n - 1) / S). */
int64_t la_curriculum_length(const la_train_opts *o, const la_shape *shapes, size_t n, int64_t step)
{
    int64_t longest = 0, last = -1;
    size_t distinct = 0;
    for (size_t i = 0; i < n; i++) {
        bool before = false;
        for (size_t j = 0; j < i; j++) before |= shapes[j].T == shapes[i].T;
        distinct += !before;
        if (shapes[i].T > longest) longest = shapes[i].T;
    }
    double steps = o->curriculum * (double)(o->plan_steps ? o->plan_steps : o->steps);
    if (!((double)step < steps)) return longest;
    size_t known = 1 + (size_t)((double)step * (double)(distinct - 1) / steps);
    for (; known > 0; known--) { /* the next longer than `last` */
        int64_t next = longest;
        for (size_t i = 0; i < n; i++)
            if (shapes[i].T > last && shapes[i].T < next) next = shapes[i].T;
        last = next;
    }
    return last;
}

/* Uniform over the shapes that the curriculum knows at this step. */
static size_t pick_shape(const la_trainer *t)
{
    const la_train_config *c = t->config;
    int64_t longest = la_curriculum_length(c->train, t->shapes, t->n_shapes, t->at.step);
    size_t known = 0;
    for (size_t i = 0; i < t->n_shapes; i++) known += t->shapes[i].T <= longest;
    uint64_t stream = la_stream(c->seed, STREAM_SHAPE, 0);
    size_t place = (size_t)la_random_below(stream, (uint64_t)t->at.step, known), i = 0;
    for (;; i++)
        if (t->shapes[i].T <= longest && place-- == 0) return i;
}

int la_train_threads(const la_train_config *config)
{
    return config->device->backend == LA_CUDA ? 1 : config->threads;
}

size_t la_train_geometries(const la_train_config *config, const la_shape *shapes, size_t n,
                           la_geometry out[LA_MAX_LENGTHS])
{
    int64_t tokens = config->train->tokens;
    int threads = la_train_threads(config);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < count && out[j].T != shapes[i].T) j++;
        if (j < count) continue;
        int64_t B = tokens / shapes[i].T > 1 ? tokens / shapes[i].T : 1;
        bool enough = B >= threads;
        out[count++] =
            (la_geometry){.T = shapes[i].T,
                          .B = B,
                          .lanes = enough ? threads : 1,
                          .threads = enough ? 1 : threads,
                          .piece_rows = config->device->backend == LA_CUDA ? LA_DEVICE_PIECE : 0};
    }
    return count;
}

int64_t la_train_most_answers(const la_train_config *config, const la_shape *shapes, size_t n)
{
    int64_t most = 1;
    for (size_t i = 0; i < n; i++) {
        int64_t of = config->task->learned->most_answers(config->task_opts, &shapes[i]);
        if (config->model->logits && shapes[i].T > of) of = shapes[i].T;
        most = of > most ? of : most;
    }
    return most;
}

static la_status build(la_trainer *t, la_err *err)
{
    const la_train_config *c = t->config;
    LA_TRY(la_net_init(c, &t->spec, err));
    LA_TRY(la_train_mixture(c, t->shapes, &t->n_shapes, err));
    la_geometry geometry[LA_MAX_LENGTHS];
    int threads = la_train_threads(c);
    size_t n = la_train_geometries(c, t->shapes, t->n_shapes, geometry);
    LA_TRY(la_engine_init(&t->engine, &t->spec, c->device, threads, true, geometry, n,
                          la_train_most_answers(c, t->shapes, t->n_shapes), false, err));
    t->engine.host_threads = c->threads;
    if (t->engine.site.on_device) return la_device_part_init(t, err);
    size_t bytes = (size_t)t->spec.n * sizeof(float);
    t->weights = la_alloc(bytes, err);
    t->m = la_zalloc(bytes, err);
    t->v = la_zalloc(bytes, err);
    t->partial = la_zalloc((size_t)threads * sizeof(double), err);
    if (!t->weights || !t->m || !t->v || !t->partial) return LA_E_NOMEM;
    la_gemm_threads(threads);
    return la_net_draw(&t->spec, c->seed, t->weights, err);
}

la_status la_trainer_init(la_trainer *t, const la_train_config *config, la_err *err)
{
    *t = (la_trainer){.config = config};
    la_status st = build(t, err);
    if (st != LA_OK) la_trainer_release(t);
    return st;
}

void la_trainer_release(la_trainer *t)
{
    la_device_part_release(t);
    float *arrays[] = {t->weights, t->m, t->v};
    for (size_t i = 0; i < LA_COUNT(arrays); i++) la_site_give(&t->engine.site, arrays[i]);
    la_engine_release(&t->engine);
    la_net_release(&t->spec);
    la_free(t->partial);
    la_free(t->at.curve);
    *t = (la_trainer){0};
}

la_status la_trainer_arrays(la_trainer *t, la_arrays *out, la_err *err)
{
    if (t->device) return la_device_arrays(t, out, err);
    *out = (la_arrays){t->weights, t->m, t->v};
    return LA_OK;
}

la_status la_trainer_adopt(la_trainer *t, const la_arrays *from, la_err *err)
{
    const la_site *site = &t->engine.site;
    size_t bytes = (size_t)t->spec.n * sizeof(float);
    LA_TRY(la_site_up(site, t->weights, from->weights, bytes, err));
    LA_TRY(la_site_up(site, t->m, from->m, bytes, err));
    LA_TRY(la_site_up(site, t->v, from->v, bytes, err));
    return la_site_finish(site, err);
}

/* The flat array in `threads` ranges of whole cache lines. */
static void range_of(int64_t n, int threads, int i, int64_t *from, int64_t *to)
{
    int64_t lines = (n + 15) / 16;
    *from = lines * i / threads * 16;
    *to = lines * (i + 1) / threads * 16;
    if (*to > n) *to = n;
}

static bool has_turn(const la_geometry *g, int lane, int turn)
{
    int64_t from, to;
    la_lane_turn(g, lane, turn, &from, &to);
    return from < to;
}

/* Sums the gradients of one range into that of lane 0's first turn, in the order of lanes and their turns. */
static double reduce_range(const la_engine *e, const la_geometry *g, int64_t from, int64_t to)
{
    float *sum = e->lane[0].grad + from;
    for (int i = 0; i < g->lanes; i++)
        for (int turn = i == 0; turn < LA_TURNS; turn++)
            if (has_turn(g, i, turn))
                e->layers->add(to - from, e->lane[i].turn_grad[turn] + from, sum);
    return e->layers->sum_squares(to - from, sum);
}

static void update_range(la_trainer *t, const la_adamw *how, int64_t from, int64_t to)
{
    const float *g = t->engine.lane[0].grad;
    for (size_t i = 0; i < t->spec.n_tensors; i++) {
        const la_tensor_spec *tensor = &t->spec.tensor[i];
        int64_t lo = tensor->at > from ? tensor->at : from;
        int64_t hi = tensor->at + tensor->n < to ? tensor->at + tensor->n : to;
        if (lo >= hi || !tensor->trainable) continue;
        la_adamw with = *how;
        if (!tensor->decayed) with.weight_decay = 0;
        t->engine.layers->adamw(hi - lo, &with, g + lo, t->weights + lo, t->m + lo, t->v + lo);
    }
}

static la_adamw adamw_of(const la_trainer *t, double norm)
{
    const la_train_opts *o = t->config->train;
    double step = (double)(t->at.step + 1);
    return (la_adamw){.lr = (float)t->lr,
                      .beta1 = 0.9f,
                      .beta2 = 0.999f,
                      .eps = 1e-8f,
                      .weight_decay = (float)o->weight_decay,
                      .correct1 = (float)-expm1(step * log(0.9)),
                      .correct2 = (float)-expm1(step * log(0.999)),
                      .grad_scale = (float)(o->clip > 0 && norm > o->clip ? o->clip / norm : 1.0)};
}

/* Of a turn of lane `of`, by `lane`. */
static void turn_gradient(la_trainer *t, la_lane *lane, la_lane *of, int turn, size_t geometry,
                          const la_batch *batch, int64_t answers)
{
    if (lane->status != LA_OK || answers == 0) return;
    lane->status =
        la_lane_learn_turn(lane, of, turn, geometry, batch, answers, t->weights, &lane->err);
}

static int64_t count_rows(const la_engine *e, int lanes)
{
    int64_t n = 0;
    for (int i = 0; i < lanes; i++) n += e->lane[i].n_rows;
    return n;
}

/* Loss over all lanes, the norm of the gradient, and whether both are finite. */
static bool take_stock(la_trainer *t, const la_geometry *g, int64_t answers)
{
    double squares = 0, loss = 0;
    for (int i = 0; i < g->lanes; i++)
        for (int turn = 0; turn < LA_TURNS; turn++)
            if (has_turn(g, i, turn)) loss += t->engine.lane[i].turn_tally[turn].loss;
    for (int i = 0; i < t->engine.threads; i++) squares += t->partial[i];
    t->grad_norm = sqrt(squares);
    t->step_loss = loss / (double)answers;
    return isfinite(t->step_loss) && isfinite(t->grad_norm);
}

static la_status judge(const la_trainer *t, const la_batch *batch, int64_t answers, bool good,
                       la_err *err)
{
    if (!answers)
        return LA_FAIL(err, LA_E_ARG, "a batch of task %s has no scored position",
                       batch->task->name);
    if (!good)
        return LA_FAIL(
            err, LA_E_NONFINITE,
            "training left the numbers at step %lld: loss %g, gradient norm %g, learning "
            "rate %g",
            (long long)t->at.step + 1, t->step_loss, t->grad_norm, t->lr);
    return LA_OK;
}

static la_status run_on_device(la_trainer *t, size_t geometry, const la_batch *batch, la_err *err)
{
    la_adamw how = adamw_of(t, 0.0);
    int64_t answers = 0;
    bool good = false;
    LA_TRY(la_device_step(t, geometry, batch, &how, &answers, &good, err));
    return judge(t, batch, answers, good, err);
}

/* One parallel region: examples; forward and backward; sums over lanes; the update. A batch of fewer
 * sequences than threads goes through lane 0 first, whose kernels and products use all threads. */
static la_status run_step(la_trainer *t, size_t geometry, const la_batch *batch, la_err *err)
{
    la_engine *e = &t->engine;
    const la_geometry *g = &e->geometry[geometry];
    int lanes = g->lanes, threads = e->threads;
    int64_t answers = 0;
    bool good = false, alone = lanes < threads;
    la_adamw how = {0};
    if (alone) {
        la_lane *lane = &e->lane[0];
        la_engine_pack(e, t->weights, 0, 1);
        lane->status = la_lane_make(lane, geometry, batch, &lane->err);
        turn_gradient(t, lane, lane, 0, geometry, batch, answers = lane->n_rows);
    }
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static, 1) nowait
        for (int i = 0; i < threads; i++)
            if (!alone) la_engine_pack(e, t->weights, i, threads);
#pragma omp for schedule(static, 1)
        for (int i = 0; i < lanes; i++)
            if (!alone)
                e->lane[i].status = la_lane_make(&e->lane[i], geometry, batch, &e->lane[i].err);
#pragma omp single
        answers = count_rows(e, lanes);
        if (g->share) {
            la_lane *lane = &e->lane[omp_get_thread_num()];
#pragma omp for schedule(dynamic, 1)
            for (int i = 0; i < lanes * LA_TURNS; i++)
                turn_gradient(t, lane, &e->lane[i % lanes], i / lanes, geometry, batch, answers);
        } else {
#pragma omp for schedule(static, 1)
            for (int i = 0; i < lanes; i++)
                if (!alone) turn_gradient(t, &e->lane[i], &e->lane[i], 0, geometry, batch, answers);
        }
#pragma omp for schedule(static, 1)
        for (int i = 0; i < threads; i++) {
            int64_t from, to;
            range_of(t->spec.n, threads, i, &from, &to);
            t->partial[i] = answers ? reduce_range(e, g, from, to) : 0.0;
        }
#pragma omp single
        {
            good =
                answers && la_engine_failure(e, lanes, NULL) == LA_OK && take_stock(t, g, answers);
            how = adamw_of(t, t->grad_norm);
        }
#pragma omp for schedule(static, 1)
        for (int i = 0; i < threads; i++) {
            int64_t from, to;
            range_of(t->spec.n, threads, i, &from, &to);
            if (good) update_range(t, &how, from, to);
        }
    }
    LA_TRY(la_engine_failure(e, lanes, err));
    return judge(t, batch, answers, good, err);
}

la_status la_trainer_step(la_trainer *t, la_err *err)
{
    const la_train_config *c = t->config;
    uint64_t step = (uint64_t)t->at.step;
    size_t pick = pick_shape(t);
    size_t geometry = la_engine_find(&t->engine, t->shapes[pick].T);
    const la_geometry *g = &t->engine.geometry[geometry];
    la_batch batch = {.task = c->task,
                      .task_opts = c->task_opts,
                      .shape = t->shapes[pick],
                      .split = LA_SPLIT_TRAIN,
                      .seed = c->seed,
                      .first = (uint64_t)t->at.examples,
                      .set = (uint64_t)c->train->examples,
                      .count = g->B,
                      .drop_stream = la_stream(c->seed, STREAM_DROP, step)};
    t->lr = la_learning_rate(c->train, t->at.step);
    LA_TRY(t->device ? run_on_device(t, geometry, &batch, err)
                     : run_step(t, geometry, &batch, err));
    t->at.step++;
    t->at.examples += g->B;
    t->at.tokens += g->B * g->T;
    t->at.loss_sum += t->step_loss;
    t->at.loss_steps++;
    return LA_OK;
}

static la_status validate_shape(la_trainer *t, const la_shape *shape, int64_t wanted, la_eval *out,
                                la_err *err)
{
    const la_train_config *c = t->config;
    la_engine *e = &t->engine;
    size_t geometry = la_engine_find(e, shape->T);
    int64_t B = e->geometry[geometry].B;
    *out = (la_eval){.shape = *shape, .examples = wanted};
    for (int64_t done = 0; done < wanted; done += B) {
        la_batch batch = {.task = c->task,
                          .task_opts = c->task_opts,
                          .shape = *shape,
                          .split = LA_SPLIT_VALIDATION,
                          .seed = c->seed,
                          .first = (uint64_t)done,
                          .count = wanted - done < B ? wanted - done : B};
        LA_TRY(la_engine_score(e, t->weights, geometry, &batch, out, err));
    }
    out->loss /= (double)(out->total ? out->total : 1);
    return LA_OK;
}

la_status la_trainer_validate(la_trainer *t, int64_t examples, la_err *err)
{
    t->at.n_val = t->n_shapes;
    la_engine_pack(&t->engine, t->weights, 0, 1);
    for (size_t i = 0; i < t->n_shapes; i++)
        LA_TRY(validate_shape(t, &t->shapes[i], examples, &t->at.val[i], err));
    return LA_OK;
}
