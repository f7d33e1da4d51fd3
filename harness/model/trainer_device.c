/* SPDX-License-Identifier: Apache-2.0
 * A step on a device: examples are made here and go up, everything else stays there; what comes back is where the
 * step stands. Between the two, a step of the same length and number of answers enqueues the same launches
 * with the same arguments (the learning rate and what else changes lies in device memory): from its
 * second time on it is one graph. Dropout, whose stream changes, and means over sequences, which follow their
 * rows, are enqueued anew each time, and so is a batch of several pieces.
 */
#include <string.h>

#include "alloc.h"
#include "cuda.h"
#include "layers_cuda.h"
#include "log.h"
#include "trainer.h"

enum { GRAPHS = 64 };

typedef struct la_step_graph {
    size_t geometry;
    int64_t rows; /* scored */
    int64_t seen; /* steps so far */
    void *graph;  /* NULL: none yet */
} la_step_graph;

typedef struct la_device_part {
    la_step_graph graph[GRAPHS];
    size_t n_graphs;
    bool no_graphs;       /* something cannot be captured */
    uint8_t *kind;        /* [n], on the device */
    la_step_stock *stock; /* on the device */
    la_step_stock here;   /* the host's */
    float *arrays;        /* [3][n], the host's: for checkpoints */
} la_device_part;

/* Whether an element is trained, and decays. */
static la_status kinds_up(la_trainer *t, la_err *err)
{
    size_t n = (size_t)t->spec.n;
    uint8_t *kind = la_zalloc(n, err);
    if (!kind) return LA_E_NOMEM;
    for (size_t i = 0; i < t->spec.n_tensors; i++) {
        const la_tensor_spec *tensor = &t->spec.tensor[i];
        int is = !tensor->trainable ? LA_FROZEN : tensor->decayed ? LA_DECAYED : LA_TRAINED;
        memset(kind + tensor->at, is, (size_t)tensor->n);
    }
    la_status st = la_site_up(&t->engine.site, t->device->kind, kind, n, err);
    if (st == LA_OK) st = la_site_finish(&t->engine.site, err);
    la_free(kind);
    return st;
}

la_status la_device_part_init(la_trainer *t, la_err *err)
{
    const la_site *site = &t->engine.site;
    size_t n = (size_t)t->spec.n, bytes = n * sizeof(float);
    la_device_part *d = t->device = la_zalloc(sizeof *d, err);
    if (!d) return LA_E_NOMEM;
    float **arrays[] = {&t->weights, &t->m, &t->v};
    for (size_t i = 0; i < LA_COUNT(arrays); i++)
        LA_TRY(la_site_take(site, bytes, (void **)arrays[i], err));
    LA_TRY(la_site_take(site, n, (void **)&d->kind, err));
    LA_TRY(la_site_take(site, sizeof *d->stock, (void **)&d->stock, err));
    d->arrays = la_zalloc(3 * bytes, err);
    if (!d->arrays) return LA_E_NOMEM;
    LA_TRY(kinds_up(t, err));
    LA_TRY(la_net_draw(&t->spec, t->config->seed, d->arrays, err));
    return la_trainer_adopt(t, &(la_arrays){d->arrays, d->arrays + n, d->arrays + 2 * n}, err);
}

size_t la_device_part_bytes(size_t n)
{
    return n * (3 * sizeof(float) + sizeof(uint8_t)) + sizeof(la_step_stock);
}

void la_device_part_release(la_trainer *t)
{
    la_device_part *d = t->device;
    if (!d) return;
    for (size_t i = 0; i < d->n_graphs; i++) la_cuda()->graph_free(d->graph[i].graph);
    la_site_give(&t->engine.site, d->kind);
    la_site_give(&t->engine.site, d->stock);
    la_free(d->arrays);
    la_free(d);
    t->device = NULL;
}

la_status la_device_arrays(la_trainer *t, la_arrays *out, la_err *err)
{
    const la_site *site = &t->engine.site;
    size_t n = (size_t)t->spec.n, bytes = n * sizeof(float);
    float *to = t->device->arrays;
    LA_TRY(la_site_check(site, err));
    LA_TRY(la_site_down(site, to, t->weights, bytes, err));
    LA_TRY(la_site_down(site, to + n, t->m, bytes, err));
    LA_TRY(la_site_down(site, to + 2 * n, t->v, bytes, err));
    *out = (la_arrays){to, to + n, to + 2 * n};
    return la_site_finish(site, err);
}

/* Everything of a step that the device does. */
static la_status enqueue(la_trainer *t, size_t geometry, const la_batch *batch, la_err *err)
{
    la_lane *lane = &t->engine.lane[0];
    la_device_part *d = t->device;
    LA_TRY(la_lane_learn(lane, geometry, batch, lane->n_rows, t->weights, err));
    la_cuda_update(t->spec.n, d->kind, lane->on.loss, d->stock, lane->grad, t->weights, t->m, t->v);
    return LA_OK;
}

/* The place of such steps; NULL: they are enqueued each time. */
static la_step_graph *graph_of(const la_trainer *t, size_t geometry)
{
    la_device_part *d = t->device;
    const la_lane *lane = &t->engine.lane[0];
    const la_geometry *g = &t->engine.geometry[geometry];
    const la_head *head = &t->spec.head;
    if (d->no_graphs || t->spec.dropout > 0 || la_lane_piece(g, 0) < g->B) return NULL;
    if (head->kind == LA_HEAD_CLASSES && head->mean) return NULL;
    for (size_t i = 0; i < d->n_graphs; i++)
        if (d->graph[i].geometry == geometry && d->graph[i].rows == lane->n_rows)
            return &d->graph[i];
    if (d->n_graphs == GRAPHS) return NULL;
    d->graph[d->n_graphs] = (la_step_graph){.geometry = geometry, .rows = lane->n_rows};
    return &d->graph[d->n_graphs++];
}

/* Makes the graph. Where that fails, nothing of the step has run, and no graph is tried again. */
static void capture(la_trainer *t, size_t geometry, const la_batch *batch, la_step_graph *of)
{
    void *stream = t->engine.site.stream;
    int64_t launches;
    la_err why = {0};
    la_status st = la_cuda()->graph_begin(stream, &why);
    if (st == LA_OK) {
        la_status enqueued = enqueue(t, geometry, batch, &why);
        st = la_cuda()->graph_end(stream, &of->graph, &launches, &why);
        if (enqueued != LA_OK) st = enqueued;
        la_layers_queue *queue = t->engine.site.queue; /* layers leave their failures there */
        if (queue->status != LA_OK) {
            st = queue->status;
            why = queue->err;
            queue->status = LA_OK;
        }
    }
    if (st == LA_OK) return;
    la_log(LA_LOG_WARN, "training runs without graphs: %s", why.msg);
    la_cuda()->graph_free(of->graph);
    of->graph = NULL;
    t->device->no_graphs = true;
}

static la_status enqueue_or_replay(la_trainer *t, size_t geometry, const la_batch *batch,
                                   la_err *err)
{
    la_step_graph *of = graph_of(t, geometry);
    if (of && !of->graph && of->seen++ > 0) capture(t, geometry, batch, of);
    if (of && of->graph) return la_cuda()->graph_launch(of->graph, t->engine.site.stream, err);
    return enqueue(t, geometry, batch, err);
}

la_status la_device_step(la_trainer *t, size_t geometry, const la_batch *batch, const la_adamw *how,
                         int64_t *answers, bool *good, la_err *err)
{
    la_engine *e = &t->engine;
    la_lane *lane = &e->lane[0];
    la_device_part *d = t->device;
    const la_site *site = &e->site;
    LA_TRY(la_lane_make(lane, geometry, batch, err));
    *answers = lane->n_rows;
    if (!*answers) return LA_OK;
    d->here = (la_step_stock){.how = *how, .clip = t->config->train->clip, .answers = lane->n_rows};
    LA_TRY(la_site_up(site, d->stock, &d->here, sizeof d->here, err));
    LA_TRY(enqueue_or_replay(t, geometry, batch, err));
    LA_TRY(la_site_down(site, &d->here, d->stock, sizeof d->here, err));
    LA_TRY(la_site_finish(site, err));
    t->grad_norm = d->here.norm;
    t->step_loss = d->here.loss;
    *good = d->here.good;
    return LA_OK;
}
