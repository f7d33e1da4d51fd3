/* SPDX-License-Identifier: Apache-2.0
 * Memory of the lanes: laid out once to count, once to place; nothing is allocated afterwards.
 */
#include "engine.h"

#include <stddef.h>

#include "alloc.h"
#include "head.h"
#include "layers_cuda.h"
#include "token_jobs.h"

void *la_arena_take(la_arena *a, size_t bytes)
{
    void *at = a->base ? a->base + a->used : NULL;
    a->used += la_align(bytes);
    if (a->used > a->most) a->most = a->used;
    return at;
}

static float *floats(la_arena *a, int64_t n)
{
    return la_arena_take(a, (size_t)n * sizeof(float));
}

size_t la_engine_find(const la_engine *e, int64_t T)
{
    size_t i = 0;
    while (i < e->n_geometries && e->geometry[i].T != T) i++;
    LA_ASSERT(i < e->n_geometries);
    return i;
}

typedef struct la_most { /* of any batch, for one lane */
    int64_t N, T;        /* rows of a piece */
    int64_t B, tokens;   /* of all pieces */
    int64_t jobs;        /* numbers of the tables of all pieces */
    int64_t together;    /* rows that go together behind the op */
    int threads, turns;
} la_most;

static la_most most_of(const la_engine *e, int index)
{
    la_most most = {.threads = 1, .turns = 1};
    for (size_t i = 0; i < e->n_geometries; i++) {
        const la_geometry *g = &e->geometry[i];
        int64_t first, last;
        la_lane_share(g, index, &first, &last);
        int64_t B = last - first;
        if (B == 0) continue;
        int64_t N = la_lane_piece(g, index) * g->T;
        int64_t jobs = la_token_jobs_layout(N, e->spec->V).size * (B * g->T / N);
        if (jobs > most.jobs) most.jobs = jobs;
        int64_t together = la_rows_together(e, g->threads, N);
        if (together > most.together) most.together = together;
        if (N > most.N) most.N = N;
        if (B * g->T > most.tokens) most.tokens = B * g->T;
        if (g->threads > most.threads) most.threads = g->threads;
        if (g->T > most.T) most.T = g->T;
        if (B > most.B) most.B = B;
        if (g->share) most.turns = LA_TURNS;
    }
    return most;
}

static void layout_acts(la_arena *m, const la_engine *e, const la_block *b, la_acts *a, int64_t N)
{
    a->mean1 = floats(m, b->layer_norm ? N : 0);
    a->rstd1 = floats(m, N);
    a->h = floats(m, N * b->d);
    a->y = floats(m, b->project && !la_parts_apart(e, b) ? N * b->P : 0);
    for (int i = 0; i < b->n_parts; i++)
        a->part[i] = floats(m, b->project ? N * b->part[i].width : 0);
    for (int i = 0; i < 2; i++) a->rnorm[i] = floats(m, b->l2 ? N * b->H : 0);
    a->beta_raw = a->beta = a->f = a->g = NULL;
    if (b->beta_column >= 0) a->beta_raw = floats(m, N * b->H);
    if (b->beta_column >= 0 || b->dt) a->beta = floats(m, N * b->H);
    if (b->decay_rank) a->f = floats(m, N * b->decay_width);
    if (b->decay_column >= 0) a->g = floats(m, N * b->decay_width);
    int64_t pairs = b->iclr_column >= 0 ? N * b->H * b->dk : 0;
    float **own[] = {&a->iclr_raw, &a->iclr, &a->a, &a->b, &a->key};
    for (size_t i = 0; i < LA_COUNT(own); i++) *own[i] = pairs ? floats(m, pairs) : NULL;
    a->a_norm = floats(m, pairs ? N * b->H : 0);
    a->o = floats(m, N * b->width);
    a->rstd_o = floats(m, N * b->H);
    bool head = b->out_norm_w >= 0 || b->gate_column >= 0;
    a->u = floats(m, head ? N * b->width : 0);
    int64_t mlp = b->mlp ? N : 0;
    a->x1 = floats(m, mlp * b->d);
    a->mean2 = floats(m, b->layer_norm ? mlp : 0);
    a->rstd2 = floats(m, mlp);
    a->h2 = floats(m, mlp * b->d);
    a->uv = floats(m, mlp * 2 * b->mlp);
}

int64_t la_rows_together(const la_engine *e, int threads, int64_t N)
{
    bool all = threads > 1 || e->device->backend == LA_CUDA || N < LA_ROWS_TOGETHER;
    return all ? N : LA_ROWS_TOGETHER;
}

static void layout_kept(la_arena *m, const la_engine *e, la_kept *kept)
{
    const la_block *b = &e->spec->block[e->spec->layers - 1];
    int64_t most = la_head_takes_rows(e->spec) ? e->head_rows : 0;
    int64_t P = b->gate_column >= 0 ? b->P : 0, trained = e->training ? most : 0;
    kept->most = most;
    kept->o = floats(m, most * b->width);
    kept->y = floats(m, most * P);
    kept->x = floats(m, most * b->d);
    kept->dx = floats(m, trained * b->d);
    kept->dy = floats(m, trained * P);
    kept->du = floats(m, trained * b->width);
    kept->dout = floats(m, trained * b->width);
}

/* On a device sums over equal tokens would have to be sorted first. */
static void layout_distinct(la_arena *m, const la_engine *e, la_distinct *distinct, int64_t N)
{
    const la_net *spec = e->spec;
    const la_block *b = &spec->block[0];
    bool can = b->project && spec->positions < 0 && e->device->backend != LA_CUDA;
    int64_t most = !can ? 0 : spec->V < N / LA_KEPT_SHARE ? spec->V : N / LA_KEPT_SHARE;
    int64_t trained = e->training ? most : 0;
    distinct->most = most;
    distinct->token = la_arena_take(m, (size_t)most * sizeof(int32_t));
    distinct->of = la_arena_take(m, (size_t)(can ? N : 0) * sizeof(int32_t));
    distinct->place = la_arena_take(m, (size_t)(can ? spec->V : 0) * sizeof(int32_t));
    distinct->x = floats(m, most * b->d);
    distinct->y = floats(m, most * b->P);
    distinct->dx = floats(m, trained * b->d);
    distinct->dy = floats(m, trained * b->P);
}

static int64_t part_floats(const la_block *b, int part, int64_t N)
{
    return (int64_t)(la_align((size_t)(N * b->part[part].width) * sizeof(float)) / sizeof(float));
}

/* Whether the gradients of all parts fit where uv was, and that of the output matrix's input where h2 was. */
static bool parts_fit(const la_block *b, int64_t N)
{
    int64_t floats = 0;
    for (int i = 0; i < b->n_parts; i++) floats += part_floats(b, i, N);
    return floats <= N * 2 * b->mlp;
}

static bool du_fits(const la_block *b)
{
    return b->mlp && b->width == b->d;
}

/* Of each block, in buffers that all share unless there is room among its own. */
static void place_gradients(const la_engine *e, la_lane *lane, float *const dpart[3], float *du,
                            int64_t N)
{
    for (int64_t l = 0; lane->dx && l < e->spec->layers; l++) {
        const la_block *b = &e->spec->block[l];
        la_acts *a = &lane->acts[l];
        float *at = a->uv;
        a->du = du_fits(b) ? a->h2 : du;
        for (int i = 0; i < b->n_parts; i++) {
            a->dpart[i] = parts_fit(b, N) ? at : dpart[i];
            at += part_floats(b, i, N);
        }
    }
}

/* One block's gradients, reused by all blocks: the most that any needs. */
static void layout_gradients(la_arena *m, const la_engine *e, la_lane *lane, la_most most)
{
    const la_net *spec = e->spec;
    int64_t P = 0, part = 0, conv = 0, width = 0, du = 0, H = 0, decay = 0, low = 0, pairs = 0,
            N = most.N;
    for (int64_t l = 0; l < spec->layers; l++) {
        const la_block *b = &spec->block[l];
        if (b->P > P && !la_parts_apart(e, b)) P = b->P;
        width = b->width > width ? b->width : width;
        if (!du_fits(b) && b->width > du) du = b->width;
        H = b->H > H ? b->H : H;
        decay = b->decay_width > decay ? b->decay_width : decay;
        if (b->decay_rank) low = decay;
        if (b->iclr_column >= 0 && b->H * b->dk > pairs) pairs = b->H * b->dk;
        for (int i = 0; i < b->n_parts; i++) {
            int64_t own = b->part[i].width;
            if (!parts_fit(b, N) && own > part) part = own;
            if (b->conv > 0 && own > conv) conv = own;
        }
    }
    lane->dx = floats(m, N * spec->d);
    lane->dh = floats(m, N * spec->d);
    lane->dy = floats(m, N * P);
    float *dpart[3];
    for (int i = 0; i < 3; i++) dpart[i] = floats(m, N * part);
    place_gradients(e, lane, dpart, floats(m, N * du), N);
    lane->dout = floats(m, N * width);
    lane->dbeta = floats(m, N * H);
    lane->df = floats(m, N * low);
    lane->dg = floats(m, N * decay);
    lane->da = floats(m, N * pairs);
    lane->db = floats(m, N * pairs);
    lane->conv_scratch = floats(m, (e->device->backend == LA_CUDA ? most.N : most.T) * conv);
    lane->drows = floats(m, e->head_rows * spec->d);
    for (int i = 0; i < LA_TURNS; i++) lane->turn_grad[i] = floats(m, i < most.turns ? spec->n : 0);
    lane->grad = lane->turn_grad[0];
}

/* Kernels of one lane: what they save is their own, scratch is shared. Their own instances are counted. */
static void layout_kernels(la_arena *m, const la_engine *e, la_lane *lane, size_t *instances)
{
    size_t layers = (size_t)e->spec->layers, work = 0;
    for (size_t i = 0; i < e->n_geometries * layers; i++) {
        la_kernel *k = &lane->kernel[i];
        const la_block *b = &e->spec->block[i % layers];
        if (!k->impl) continue;
        work = k->work_bytes > work ? k->work_bytes : work;
        work = k->few.work_bytes > work ? k->few.work_bytes : work;
        *instances += k->instance_bytes + k->few.instance_bytes;
        for (size_t j = 0; j < b->n_params; j++) {
            int64_t n = la_param_elements(&k->param[j]);
            k->packed[j] = floats(m, k->whole[j] ? 0 : n);
            k->dparam[j] = floats(m, e->training && b->params[j].trainable ? n : 0);
        }
    }
    /* Only one length is in work at a time, so lengths share what is saved. */
    size_t start = m->used;
    for (size_t i = 0; i < e->n_geometries * layers; i++) {
        la_kernel *k = &lane->kernel[i];
        if (i % layers == 0) m->used = start;
        if (k->impl) k->saved = la_arena_take(m, k->saved_bytes);
        if (k->impl) k->few.state = la_arena_take(m, k->few.state_bytes);
    }
    m->used = m->most;
    void *scratch = la_arena_take(m, work);
    for (size_t i = 0; i < e->n_geometries * layers; i++)
        lane->kernel[i].work = lane->kernel[i].few.work = scratch;
}

static la_normed normed(la_arena *m, const la_engine *e)
{
    int64_t n = e->head_rows, d = e->spec->d;
    return (la_normed){.x = floats(m, n * d),
                       .y = floats(m, n * d),
                       .mean = floats(m, e->spec->layer_norm ? n : 0),
                       .rstd = floats(m, n)};
}

static la_blocked blocked(la_arena *m, const la_engine *e)
{
    int64_t n = la_loss_blocked(e) ? e->head_rows : 0, d = e->spec->d;
    return (la_blocked){
        .rows = {.K = d,
                 .across = floats(m, la_panels_floats(e->tile, n, d)),
                 .back = e->training ? floats(m, la_panels_floats(e->tile, d, n)) : NULL},
        .powers = {floats(m, n), floats(m, n), floats(m, n), floats(m, n)},
        .own = floats(m, n),
        .front = floats(m, n)};
}

static void layout_head(la_arena *m, const la_engine *e, la_lane *lane)
{
    lane->final = normed(m, e);
    for (int i = 0; e->spec->head.kind == LA_HEAD_DECODER && i < LA_DECODER_LAYERS; i++) {
        lane->decode[i] = normed(m, e);
        lane->decoded[i] = floats(m, e->head_rows * e->spec->d);
    }
    lane->blocked = blocked(m, e);
}

/* One behind the other, on the host and on the device alike. */
static void take_made(la_arena *m, la_made *made, size_t tokens, size_t rows, size_t jobs)
{
    int32_t **of_rows[] = {&made->row, &made->source, &made->label};
    made->tokens = la_arena_take(m, tokens);
    for (size_t i = 0; i < LA_COUNT(of_rows); i++) *of_rows[i] = la_arena_take(m, rows);
    made->jobs = la_arena_take(m, jobs);
}

/* Of what the host makes, and what the layers read of it. */
static void layout_batch(la_arena *m, la_arena *held, la_engine *e, la_lane *lane, la_most most)
{
    size_t rows = (size_t)(most.B * e->most_answers) * sizeof(int32_t);
    size_t tokens = (size_t)most.tokens * sizeof(int32_t), jobs = 0;
    bool device = e->device->backend == LA_CUDA;
    if (device && e->training) jobs = (size_t)most.jobs * sizeof(int32_t);
    take_made(held, &lane->made, tokens, rows, jobs);
    int32_t **of_rows[] = {&lane->distance, &lane->group, &lane->right};
    for (size_t i = 0; i < LA_COUNT(of_rows); i++) *of_rows[i] = la_arena_take(held, rows);
    lane->answers = la_arena_take(held, (size_t)(most.B * e->most_answers) * sizeof(la_answer));
    lane->n_answers = la_arena_take(held, (size_t)most.B * sizeof(int64_t));
    lane->on = (la_on){.made = lane->made,
                       .right = lane->right,
                       .loss = &lane->tally.loss,
                       .correct = &lane->tally.correct};
    if (!device) return;
    take_made(m, &lane->on.made, tokens, rows, jobs);
    lane->on.right = la_arena_take(m, rows);
    char *tally = la_arena_take(m, sizeof lane->tally);
    lane->on.loss = (double *)(void *)tally;
    lane->on.correct =
        tally ? (int64_t *)(void *)(tally + offsetof(struct la_tally, correct)) : NULL;
}

/* Rows that go together, in work behind an op or with the head: inside the MLP, and their logits when they are not
 * there. */
static void layout_wide(la_arena *m, const la_engine *e, la_lane *lane, int64_t together)
{
    int64_t widest = 0, rows = together > e->head_rows ? together : e->head_rows;
    int64_t logits = e->head_rows * la_loss_outputs(e);
    for (int64_t l = 0; l < e->spec->layers; l++)
        if (e->spec->block[l].mlp > widest) widest = e->spec->block[l].mlp;
    lane->logits = lane->hidden = floats(m, rows * widest > logits ? rows * widest : logits);
}

static void layout_lane(la_arena *m, la_arena *held, la_engine *e, la_lane *lane, size_t *instances)
{
    const la_net *spec = e->spec;
    la_most most = most_of(e, lane->index);
    int64_t N = most.N;
    lane->x[0] = floats(m, N * spec->d);
    for (int64_t l = 1; l <= spec->layers; l++)
        lane->x[l] = e->training ? floats(m, N * spec->d) : lane->x[0];
    size_t start = m->used;
    for (int64_t l = 0; l < spec->layers; l++) {
        if (!e->training) m->used = start; /* nothing is kept: blocks share their buffers */
        layout_acts(m, e, &spec->block[l], &lane->acts[l], N);
    }
    m->used = m->most;
    layout_kept(m, e, &lane->kept);
    layout_wide(m, e, lane, most.together);
    layout_distinct(m, e, &lane->distinct, N);
    layout_head(m, e, lane);
    lane->means.tile = e->tile;
    lane->means.scratch = floats(m, most.threads * LA_PRODUCT_SCRATCH);
    layout_batch(m, held, e, lane, most);
    if (e->training) layout_gradients(m, e, lane, most);
    layout_kernels(m, e, lane, instances);
}

static la_status init_kernels(la_engine *e, la_lane *lane, la_err *err)
{
    size_t layers = (size_t)e->spec->layers;
    lane->kernel = la_zalloc(e->n_geometries * layers * sizeof *lane->kernel, err);
    if (!lane->kernel) return LA_E_NOMEM;
    for (size_t i = 0; i < e->n_geometries; i++) {
        const la_geometry *g = &e->geometry[i];
        int64_t first, last;
        la_lane_share(g, lane->index, &first, &last);
        if (first == last) continue;
        for (size_t l = 0; l < layers; l++)
            LA_TRY(la_kernel_init(&lane->kernel[i * layers + l], e, &e->spec->block[l],
                                  la_lane_piece(g, lane->index), g->T, g->threads, err));
        la_kernel *last_kernel = &lane->kernel[i * layers + layers - 1];
        if (!e->training)
            la_few_init(&last_kernel->few, e, &e->spec->block[layers - 1], last_kernel);
    }
    return LA_OK;
}

static la_status place_lane(la_engine *e, la_lane *lane, size_t bytes, size_t held_bytes,
                            la_err *err)
{
    size_t layers = (size_t)e->spec->layers, ignored = 0;
    LA_TRY(la_site_take(&e->site, bytes, &lane->memory, err));
    lane->held = la_alloc(held_bytes, err);
    if (!lane->held) return LA_E_NOMEM;
    la_arena arena = {.base = lane->memory}, held = {.base = lane->held};
    layout_lane(&arena, &held, e, lane, &ignored);
    LA_ASSERT(arena.most == bytes && held.most == held_bytes);
    for (size_t i = 0; i < e->n_geometries * layers; i++)
        if (lane->kernel[i].impl)
            LA_TRY(la_kernel_create(&lane->kernel[i], e, &e->spec->block[i % layers], err));
    return LA_OK;
}

/* Of the head at most: no more than there can be at once. */
static int64_t rows_needed(const la_engine *e)
{
    int64_t most = 16;
    for (size_t i = 0; i < e->n_geometries; i++) {
        const la_geometry *g = &e->geometry[i];
        int64_t answers = g->B * e->most_answers;
        most = answers > most ? answers : most;
        most = g->T > most ? g->T : most;
    }
    return most < e->head_rows ? most : e->head_rows;
}

/* For partial sums of a device's layers: the widest row whose sum is a parameter's gradient. */
static size_t scratch_bytes(const la_engine *e)
{
    const la_net *spec = e->spec;
    int64_t widest = spec->d;
    for (int64_t l = 0; l < spec->layers; l++) {
        const la_block *b = &spec->block[l];
        int64_t wide[] = {b->P, b->d, b->width, b->decay_width, b->H * b->dk, 2 * b->mlp};
        for (size_t i = 0; i < LA_COUNT(wide); i++) widest = wide[i] > widest ? wide[i] : widest;
        for (int i = 0; i < b->n_parts; i++)
            if (b->conv * b->part[i].width > widest) widest = b->conv * b->part[i].width;
    }
    return la_layers_cuda_scratch(widest, e->training ? most_of(e, 0).N : 0, spec->V, spec->d,
                                  e->head_rows);
}

static size_t *where_computed(la_engine *e)
{
    return e->device->backend == LA_CUDA ? &e->device_bytes : &e->bytes;
}

static la_status build(la_engine *e, bool count_only, la_err *err)
{
    LA_TRY(la_engine_panels(e, count_only, err));
    e->lane = la_zalloc((size_t)e->n_lanes * sizeof *e->lane, err);
    e->scores = la_zalloc((size_t)e->n_lanes * sizeof *e->scores, err);
    if (!e->lane || !e->scores) return LA_E_NOMEM;
    for (int i = 0; i < e->n_lanes; i++) {
        la_lane *lane = &e->lane[i];
        lane->engine = e;
        lane->index = i;
        LA_TRY(init_kernels(e, lane, err));
        la_arena count = {0}, held = {0};
        size_t instances = 0;
        layout_lane(&count, &held, e, lane, &instances);
        *where_computed(e) += count.most + instances;
        e->bytes += held.most;
        if (!count_only) LA_TRY(place_lane(e, lane, count.most, held.most, err));
    }
    LA_TRY(la_engine_tables(e, count_only, err));
    if (e->device->backend != LA_CUDA) return LA_OK;
    size_t room = scratch_bytes(e);
    e->device_bytes += room;
    return count_only ? LA_OK : la_site_room(&e->site, room, err);
}

la_status la_engine_init(la_engine *e, const la_net *spec, const la_device *device, int threads,
                         bool training, const la_geometry *geometry, size_t n, int64_t most_answers,
                         bool count_only, la_err *err)
{
    *e = (la_engine){.spec = spec,
                     .tile = la_tile_get(device->isa),
                     .device = device,
                     .threads = threads,
                     .host_threads = threads,
                     .training = training,
                     .n_geometries = n,
                     .most_answers = most_answers,
                     .n_lanes = 1};
    LA_ASSERT(n <= LA_MAX_LENGTHS);
    for (size_t i = 0; i < n; i++) {
        e->geometry[i] = geometry[i];
        e->geometry[i].share =
            training && spec->n <= LA_TURN_FLOATS && la_lanes_can_share(&geometry[i]);
        if (geometry[i].lanes > e->n_lanes) e->n_lanes = geometry[i].lanes;
        if (geometry[i].T > e->longest_T) e->longest_T = geometry[i].T;
        if (spec->learned_positions && geometry[i].T > spec->longest)
            return LA_FAIL(
                err, LA_E_UNSUPPORTED,
                "positions were learned up to %lld, so %lld tokens cannot be read; train "
                "at this length (--train-at-length)",
                (long long)spec->longest, (long long)geometry[i].T);
    }
    /* Two megabytes of logits; of a device, 256. */
    bool on_device = device->backend == LA_CUDA;
    int64_t floats = on_device ? 1 << 26 : 1 << 19, most = on_device ? 1 << 16 : LA_ROWS_TOGETHER;
    e->head_rows = floats / spec->outputs;
    e->head_rows = e->head_rows < 16 ? 16 : e->head_rows > most ? most : e->head_rows / 16 * 16;
    if (on_device) e->head_rows = rows_needed(e);
    la_status st = count_only ? LA_OK : la_site_open(&e->site, device, err);
    e->layers = e->site.layers;
    if (st == LA_OK) st = build(e, count_only, err);
    if (st != LA_OK) la_engine_release(e);
    return st;
}

void la_engine_release(la_engine *e)
{
    for (int i = 0; e->lane && i < e->n_lanes; i++) {
        la_lane *lane = &e->lane[i];
        size_t n = e->n_geometries * (size_t)e->spec->layers;
        for (size_t j = 0; lane->kernel && j < n; j++) la_kernel_destroy(&lane->kernel[j]);
        la_free(lane->kernel);
        la_site_give(&e->site, lane->memory);
        la_free(lane->held);
    }
    la_free(e->lane);
    la_free(e->scores);
    la_free(e->matrix);
    la_free(e->panels);
    float *tables[] = {e->cosine, e->sine, e->places};
    for (size_t i = 0; i < LA_COUNT(tables); i++) la_site_give(&e->site, tables[i]);
    la_site_close(&e->site);
    *e = (la_engine){0};
}
