/* SPDX-License-Identifier: Apache-2.0
 * A trained model read back, and its score at any length.
 */
#include <string.h>

#include "alloc.h"
#include "digest.h"
#include "trainer.h"

struct la_model {
    la_train_config config; /* its pointers are the caller's */
    la_net spec;
    float *weights;
};

enum {
    LANE_TOKENS = 8192,      /* enough for a lane's products to be fast */
    DEVICE_TOKENS = 1 << 15, /* of a device's batch; a longer sequence is one of its own */
    LANE_MOST = 1 << 24,     /* tokens times d_model: 64 MiB a buffer of the stream */
    LANE_WORK =
        1
        << 30, /* bytes of a kernel's scratch: pages cost more than a second a GiB at first touch */
    FRONTS = 16 /* lengths that a long example is read to */
};

/* Bytes of scratch that one sequence takes in the block that wants most. */
static size_t scratch_of(const la_net *spec, const la_device *device, int64_t T)
{
    size_t most = 0;
    for (int64_t l = 0; l < spec->layers; l++) {
        const la_block *b = &spec->block[l];
        la_problem p = la_block_problem(spec, b, 1, T, 1);
        la_sizes sizes = {0};
        const la_impl *impl = la_block_impl(b, &p, LA_FORWARD, device, NULL);
        if (!impl || impl->sizes(&p, LA_FORWARD, b->opts, device, &sizes, NULL) != LA_OK) continue;
        if (sizes.work > most) most = sizes.work;
    }
    return most;
}

la_geometry la_eval_geometry(const la_net *spec, const la_device *device, int64_t T,
                             int64_t examples, int threads)
{
    if (device->backend == LA_CUDA) {
        int64_t B = DEVICE_TOKENS / T;
        B = B < 1 ? 1 : B > examples ? examples : B;
        return (la_geometry){.T = T, .B = B, .lanes = 1, .threads = 1, .piece_rows = DEVICE_TOKENS};
    }
    if (examples < threads || T * spec->d > LANE_MOST || scratch_of(spec, device, T) > LANE_WORK)
        return (la_geometry){.T = T, .B = 1, .lanes = 1, .threads = threads};
    int64_t a_lane = LANE_TOKENS / T, most = examples / threads;
    a_lane = a_lane < 1 ? 1 : a_lane > most ? most : a_lane;
    return (la_geometry){.T = T, .B = a_lane * threads, .lanes = threads, .threads = 1};
}

la_status la_model_load(const la_train_config *config, const char *path, la_model **out,
                        la_err *err)
{
    char key[33];
    la_checkpoint c;
    LA_TRY(la_train_key(config, key, NULL, err));
    LA_TRY(la_checkpoint_read(path, &c, err));
    la_status st = LA_OK;
    la_model *model = la_zalloc(sizeof *model, err);
    if (!model)
        st = LA_E_NOMEM;
    else if (strcmp(c.key, key) != 0)
        st = LA_FAIL(err, LA_E_FORMAT, "the model %s is of another configuration", path);
    else if (!c.at.finished)
        st = LA_FAIL(err, LA_E_FORMAT, "the model %s is not trained to its end (step %lld)", path,
                     (long long)c.at.step);
    else
        st = la_net_init(config, &model->spec, err);
    if (st == LA_OK && model->spec.n != c.n)
        st = LA_FAIL(err, LA_E_FORMAT,
                     "the model %s has %lld numbers where its configuration has %lld", path,
                     (long long)c.n, (long long)model->spec.n);
    if (st == LA_OK && !(model->weights = la_alloc((size_t)c.n * sizeof(float), err)))
        st = LA_E_NOMEM;
    if (st == LA_OK) {
        memcpy(model->weights, c.array[0], (size_t)c.n * sizeof(float));
        model->config = *config;
        *out = model;
    } else
        la_model_free(model);
    la_checkpoint_release(&c);
    return st;
}

void la_model_free(la_model *model)
{
    if (!model) return;
    la_net_release(&model->spec);
    la_free(model->weights);
    la_free(model);
}

/* What a causal model answers does not depend on what follows: of a long example the network reads the tokens up to
 * the last that is scored. */
typedef struct fronts {
    la_geometry geometry[FRONTS]; /* lengths of what is read */
    size_t n;
    unsigned char *of; /* [batches] its geometry */
} fronts;

static bool reads_fronts(const la_net *spec, const la_device *device, int64_t T)
{
    return T >= LA_LONG_TEST && device->backend != LA_CUDA && spec->mask == LA_MASK_CAUSAL &&
           spec->head.kind == LA_HEAD_TOKENS && !spec->learned_positions;
}

/* Tokens of the batch's examples that are read at most. */
static la_status longest_front(const la_batch *batch, int32_t *tokens, la_answer *answers,
                               int64_t *longest, la_err *err)
{
    *longest = 1;
    for (int64_t i = 0; i < batch->count; i++) {
        int64_t n = 0;
        LA_TRY(batch->task->learned->make(batch->task_opts, batch->seed, batch->split,
                                          &batch->shape, batch->first + (uint64_t)i, tokens,
                                          answers, &n, err));
        for (int64_t j = 0; j < n; j++)
            if (answers[j].group != LA_ONLY_TRAINED && answers[j].position >= *longest)
                *longest = answers[j].position + 1;
    }
    return LA_OK;
}

/* Rounded up, so that there are few lengths. */
static unsigned char geometry_of(fronts *f, const la_geometry *whole, int64_t front)
{
    int64_t unit = (whole->T + FRONTS - 1) / FRONTS, T = (front + unit - 1) / unit * unit;
    size_t i = 0;
    if (T > whole->T) T = whole->T;
    while (i < f->n && f->geometry[i].T != T) i++;
    if (i == f->n) {
        LA_ASSERT(f->n < FRONTS);
        f->geometry[f->n] = *whole;
        f->geometry[f->n++].T = T;
    }
    return (unsigned char)i;
}

static la_status find_fronts(fronts *f, const la_batch *all, const la_geometry *whole,
                             int64_t most_answers, la_err *err)
{
    int32_t *tokens = la_alloc((size_t)all->shape.T * sizeof *tokens, err);
    la_answer *answers = tokens ? la_alloc((size_t)most_answers * sizeof *answers, err) : NULL;
    la_status st = answers ? LA_OK : LA_E_NOMEM;
    la_batch batch = *all;
    for (int64_t done = 0; st == LA_OK && done < all->count; done += whole->B) {
        int64_t longest;
        batch.first = all->first + (uint64_t)done;
        batch.count = all->count - done < whole->B ? all->count - done : whole->B;
        st = longest_front(&batch, tokens, answers, &longest, err);
        if (st == LA_OK) f->of[done / whole->B] = geometry_of(f, whole, longest);
    }
    la_free(tokens);
    la_free(answers);
    return st;
}

/* How each batch of `all` is computed; f->of is the caller's to free, also after an error. */
static la_status fronts_of(fronts *f, const la_net *spec, const la_device *device,
                           const la_batch *all, const la_geometry *whole, int64_t most_answers,
                           la_err *err)
{
    *f = (fronts){.of = la_zalloc((size_t)((all->count + whole->B - 1) / whole->B), err)};
    if (!f->of) return LA_E_NOMEM;
    if (reads_fronts(spec, device, all->shape.T))
        return find_fronts(f, all, whole, most_answers, err);
    f->geometry[f->n++] = *whole;
    return LA_OK;
}

static la_status run_all(const float *weights, la_engine *e, const unsigned char *geometry,
                         la_batch *batch, la_eval *out, la_err *err)
{
    int64_t B = e->geometry[0].B, examples = batch->count;
    uint64_t first = batch->first;
    XXH3_state_t *hash = XXH3_createState();
    batch->digest = la_alloc((size_t)B * LA_EXAMPLE_DIGEST, err);
    la_status st = hash && batch->digest ? LA_OK : LA_E_NOMEM;
    if (hash) XXH3_128bits_reset(hash);
    for (int64_t done = 0; st == LA_OK && done < examples; done += B) {
        batch->first = first + (uint64_t)done;
        batch->count = examples - done < B ? examples - done : B;
        st = la_engine_score(e, weights, geometry[done / B], batch, out, err);
        XXH3_128bits_update(hash, batch->digest, (size_t)batch->count * LA_EXAMPLE_DIGEST);
    }
    if (st == LA_OK) la_hex_digest(XXH3_128bits_digest(hash), out->digest);
    XXH3_freeState(hash);
    la_free(batch->digest);
    return st;
}

/* The weights where the engine computes: the model's own, or a copy. */
static la_status weights_up(const la_model *model, const la_site *site, float **out, la_err *err)
{
    size_t bytes = (size_t)model->spec.n * sizeof(float);
    void *there = NULL;
    *out = model->weights;
    if (!site->on_device) return LA_OK;
    LA_TRY(la_site_take(site, bytes, &there, err));
    *out = there;
    LA_TRY(la_site_up(site, there, model->weights, bytes, err));
    return la_site_finish(site, err);
}

la_status la_model_eval(la_model *model, const la_task *task, const void *task_opts,
                        const la_shape *shape, la_split split, uint64_t seed, uint64_t first,
                        int64_t examples, la_eval *out, la_err *err)
{
    const la_train_config *c = &model->config;
    *out = (la_eval){.shape = *shape, .examples = examples};
    if (!task->learned || task->learned->vocabulary(task_opts) > model->spec.V)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "the model knows %lld tokens, and task %s here asks for others",
                       (long long)model->spec.V, task->name);
    if (examples < 1) return LA_FAIL(err, LA_E_ARG, "at least 1 example is scored");
    int64_t answers = task->learned->most_answers(task_opts, shape);
    if (answers < 1) answers = 1;
    la_geometry whole =
        la_eval_geometry(&model->spec, c->device, shape->T, examples, la_train_threads(c));
    la_batch batch = {.task = task,
                      .task_opts = task_opts,
                      .shape = *shape,
                      .split = split,
                      .seed = seed,
                      .first = first,
                      .count = examples};
    la_engine engine = {0};
    float *weights = NULL;
    fronts f;
    la_status st = fronts_of(&f, &model->spec, c->device, &batch, &whole, answers, err);
    if (st == LA_OK)
        st = la_engine_init(&engine, &model->spec, c->device, la_train_threads(c), false,
                            f.geometry, f.n, answers, false, err);
    if (st != LA_OK) goto done;
    engine.host_threads = c->threads;
    st = weights_up(model, &engine.site, &weights, err);
    la_gemm_threads(la_train_threads(c));
    la_engine_pack(&engine, model->weights, 0, 1);
    if (st == LA_OK) st = run_all(weights, &engine, f.of, &batch, out, err);
    out->loss /= (double)(out->total ? out->total : 1);
    if (weights != model->weights) la_site_give(&engine.site, weights);
    la_engine_release(&engine);
done:
    la_free(f.of);
    return st;
}
