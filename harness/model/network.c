/* SPDX-License-Identifier: Apache-2.0
 * The whole network over one lane: examples, embedding, blocks, and the loss at scored rows.
 */
#include <string.h>

#include "alloc.h"
#include "digest.h"
#include "head.h"
#include "token_jobs.h"

enum { STREAM_SHUFFLE = 0x73687566 };

void la_lane_share(const la_geometry *g, int index, int64_t *first, int64_t *last)
{
    if (index >= g->lanes) {
        *first = *last = 0;
        return;
    }
    *first = g->B * index / g->lanes;
    *last = g->B * (index + 1) / g->lanes;
}

enum { PIECE_ROWS = 256 }; /* of a piece, at most where a sequence is no longer */

int64_t la_lane_piece(const la_geometry *g, int index)
{
    int64_t first, last;
    la_lane_share(g, index, &first, &last);
    int64_t share = last - first, rows = g->piece_rows ? g->piece_rows : PIECE_ROWS;
    int64_t piece = rows / g->T;
    if (g->threads > 1 || piece > share) piece = share;
    while (piece > 1 && share % piece) piece--;
    return piece < 1 ? 1 : piece;
}

bool la_lanes_can_share(const la_geometry *g)
{
    for (int i = 1; i < g->lanes; i++) /* kernels are made for pieces of one size */
        if (la_lane_piece(g, i) != la_lane_piece(g, 0)) return false;
    return g->lanes > 1;
}

/* Where the first `part` of 32 end; one is never none. */
static int64_t piece_at(int64_t pieces, int64_t part)
{
    int64_t at = pieces * part / 32;
    return at > 0 ? at : 1;
}

void la_lane_turn(const la_geometry *g, int index, int turn, int64_t *from, int64_t *to)
{
    static const int64_t ends[LA_TURNS] = {20, 26, 29, 31, 32}; /* the last wait for few */
    int64_t first, last;
    la_lane_share(g, index, &first, &last);
    int64_t pieces = (last - first) / la_lane_piece(g, index);
    *from = turn == 0 ? 0 : g->share ? piece_at(pieces, ends[turn - 1]) : pieces;
    *to = g->share ? piece_at(pieces, ends[turn]) : pieces;
}

/* Place `i` of pass `epoch` over a set of n: four Feistel rounds on the next even number of bits, again
 * until the number lies in the set. A permutation, for any n, that nothing must be stored for. */
static uint64_t shuffled(uint64_t seed, uint64_t epoch, uint64_t i, uint64_t n)
{
    unsigned half = 1;
    while (half < 31 && (1ull << (2 * half)) < n) half++;
    uint64_t mask = (1ull << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t stream = la_stream(seed, STREAM_SHUFFLE, epoch * 4 + round);
            uint64_t next = left ^ (la_random_u32(stream, right) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

static uint64_t example_index(const la_batch *batch, int64_t i)
{
    uint64_t index = batch->first + (uint64_t)i;
    if (!batch->set) return index;
    return shuffled(batch->seed, index / batch->set, index % batch->set, batch->set);
}

/* Sequence i of the batch, the lane's at-th: of an example that is longer than T the first T tokens, and the
 * digest of all. */
static la_status make_example(la_lane *lane, int64_t T, const la_batch *batch, int64_t i,
                              int64_t at, la_err *err)
{
    int32_t *front = lane->made.tokens + at * T, *tokens = front;
    la_answer *answers = lane->answers + at * lane->engine->most_answers;
    int64_t *n = lane->n_answers + at, whole = batch->shape.T;
    if (whole > T && !(tokens = la_alloc((size_t)whole * sizeof *tokens, err))) return LA_E_NOMEM;
    la_status st =
        batch->task->learned->make(batch->task_opts, batch->seed, batch->split, &batch->shape,
                                   example_index(batch, i), tokens, answers, n, err);
    if (st == LA_OK && batch->digest && i < batch->count) {
        XXH128_hash_t hash[2] = {XXH3_128bits(tokens, (size_t)whole * sizeof *tokens),
                                 XXH3_128bits(answers, (size_t)*n * sizeof *answers)};
        memcpy(batch->digest + i * LA_EXAMPLE_DIGEST, hash, sizeof hash);
    }
    if (tokens == front) return st;
    if (st == LA_OK) memcpy(front, tokens, (size_t)T * sizeof *front);
    la_free(tokens);
    return st;
}

/* Tokens and answers of sequences first..last-1 of the batch; on a device's host by several threads. */
static la_status make_examples(la_lane *lane, int64_t T, const la_batch *batch, int64_t first,
                               int64_t last, la_err *err)
{
    const la_engine *e = lane->engine;
    la_status failed = LA_OK;
    int threads = e->site.on_device ? e->host_threads : 1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1)
    for (int64_t i = first; i < last; i++) {
        la_err why = {0};
        la_status st = make_example(lane, T, batch, i, i - first, &why);
        if (st == LA_OK) continue;
#pragma omp critical(la_examples)
        {
            failed = st;
            if (err) *err = why;
        }
    }
    return failed;
}

/* One scored row of the sequence whose first row is `start`. */
static void add_row(la_lane *lane, int64_t start, const la_answer *answer)
{
    int64_t at = lane->n_rows++;
    LA_ASSERT(answer->group >= LA_ONLY_TRAINED && answer->group < LA_MAX_GROUPS);
    LA_ASSERT(answer->label >= 0 && answer->label < lane->engine->spec->outputs);
    int64_t T = lane->T;
    lane->made.row[at] = (int32_t)(start + answer->position);
    lane->made.source[at] = lane->engine->spec->head.kind == LA_HEAD_DECODER
                                ? (int32_t)(start + T - 1)
                                : lane->made.row[at];
    lane->made.label[at] = answer->label;
    lane->distance[at] = answer->distance;
    lane->group[at] = answer->group;
}

/* All rows of a sequence: its n answers, and between them the token that comes next. */
static void add_all_rows(la_lane *lane, int64_t start, int64_t T, const int32_t *tokens,
                         const la_answer *answer, int64_t n)
{
    const la_answer *end = answer + n;
    for (int64_t t = 0; t < T; t++) {
        la_answer next = {.position = (int32_t)t, .label = t + 1 < T ? tokens[t + 1] : -1};
        if (answer < end && answer->position == t)
            add_row(lane, start, answer++);
        else if (next.label >= 0)
            add_row(lane, start, &next);
    }
}

/* What was made, to where it is computed with: in one piece, since it lies alike there. */
static la_status lane_up(la_lane *lane, const la_geometry *g, la_err *err)
{
    const la_engine *e = lane->engine;
    const la_made *made = &lane->made;
    int64_t first, last, piece = la_lane_piece(g, lane->index), N = piece * g->T, jobs = 0;
    if (!e->site.on_device) return LA_OK;
    la_lane_share(g, lane->index, &first, &last);
    int64_t size = la_token_jobs_layout(N, e->spec->V).size;
    for (int64_t from = first; e->training && from < last; from += piece, jobs += size)
        la_token_jobs_fill(&(la_token_jobs){N, e->spec->V, made->jobs + jobs}, N,
                           made->tokens + (from - first) * g->T);
    return la_site_up(&e->site, lane->on.made.tokens, made->tokens,
                      (size_t)(made->jobs + jobs - made->tokens) * sizeof(int32_t), err);
}

la_status la_lane_make(la_lane *lane, size_t geometry, const la_batch *batch, la_err *err)
{
    const la_geometry *g = &lane->engine->geometry[geometry];
    int64_t first, last, T = g->T;
    la_lane_share(g, lane->index, &first, &last);
    lane->n_rows = 0;
    lane->T = T;
    lane->tally = (struct la_tally){0};
    LA_TRY(make_examples(lane, T, batch, first, last, err));
    for (int64_t i = first; i < last; i++) {
        int64_t n = lane->n_answers[i - first];
        const int32_t *tokens = lane->made.tokens + (i - first) * T;
        const la_answer *answers = lane->answers + (i - first) * lane->engine->most_answers;
        LA_ASSERT(n <= lane->engine->most_answers);
        if (i >= batch->count) continue;
        bool trains = batch->split == LA_SPLIT_TRAIN;
        if (lane->engine->spec->all_logits && trains)
            add_all_rows(lane, (i - first) * T, T, tokens, answers, n);
        else
            for (int64_t j = 0; j < n; j++)
                if (trains || answers[j].group != LA_ONLY_TRAINED)
                    add_row(lane, (i - first) * T, &answers[j]);
    }
    return lane_up(lane, g, err);
}

static const float *positions_of(const la_net *spec, const float *weights)
{
    return spec->positions < 0 ? NULL : weights + spec->positions;
}

/* The piece behind `p`, or the first for a zeroed one; false: there is none. */
static bool next_piece(la_lane *lane, size_t geometry, la_piece *p)
{
    int64_t first, last;
    const la_geometry *g = &lane->engine->geometry[geometry];
    la_lane_share(g, lane->index, &first, &last);
    lane->means.threads = g->threads;
    p->g = g;
    p->geometry = geometry;
    p->from += p->B;
    p->row += p->n_rows;
    p->B = la_lane_piece(g, lane->index);
    p->N = p->B * g->T;
    p->place = first + p->from;
    p->n_rows = 0;
    int64_t end = (p->from + p->B) * g->T;
    while (p->row + p->n_rows < lane->n_rows && lane->made.row[p->row + p->n_rows] < end)
        p->n_rows++;
    return first + p->from < last;
}

static bool drops(const la_engine *e, const la_batch *batch)
{
    return e->training && e->spec->dropout > 0 && batch->split == LA_SPLIT_TRAIN;
}

static void drop(const la_lane *lane, const la_piece *p, const la_batch *batch, float *x)
{
    const la_engine *e = lane->engine;
    int64_t per = p->g->T * e->spec->d;
    if (!drops(e, batch)) return;
    e->layers->dropout(p->B * per, e->spec->dropout, batch->drop_stream, (uint64_t)(p->place * per),
                       x);
}

static la_kernel *kernel_of(const la_lane *lane, const la_piece *p, int64_t layer)
{
    return &lane->kernel[p->geometry * (size_t)lane->engine->spec->layers + (size_t)layer];
}

static la_status piece_forward(la_lane *lane, const la_piece *p, const la_batch *batch,
                               const float *weights, la_err *err)
{
    const la_engine *e = lane->engine;
    const la_net *spec = e->spec;
    const int32_t *tokens = lane->on.made.tokens + p->from * p->g->T;
    const float *table = weights + spec->embedding;
    la_distinct *distinct = &lane->distinct;
    e->layers->embed(p->N, p->g->T, spec->d, tokens, table, positions_of(spec, weights),
                     lane->x[0]);
    drop(lane, p, batch, lane->x[0]);
    distinct->alone = false;
    if (!drops(e, batch)) la_distinct_find(distinct, p->N, tokens);
    if (distinct->alone)
        e->layers->embed(distinct->n, 1, spec->d, distinct->token, table, NULL, distinct->x);
    la_head_want(lane, p);
    for (int64_t l = 0; l < spec->layers; l++)
        LA_TRY(la_block_forward(lane, l, kernel_of(lane, p, l), p->B, p->g->T, weights, err));
    return LA_OK;
}

static int64_t head_block(const la_lane *lane, const la_piece *p, int64_t done)
{
    int64_t left = p->n_rows - done, most = lane->engine->head_rows;
    return left < most ? left : most;
}

static la_status piece_backward(la_lane *lane, const la_piece *p, const la_batch *batch,
                                int64_t answers, const float *weights, la_err *err)
{
    const la_engine *e = lane->engine;
    const la_net *spec = e->spec;
    bool alone = lane->kept.alone;
    if (alone)
        la_kept_begin(lane, p->N);
    else
        e->layers->zero(p->N * spec->d, lane->dx);
    for (int64_t done = 0, n; done < p->n_rows; done += n) {
        int64_t first = p->row + done;
        n = head_block(lane, p, done);
        if (alone) la_kept_forward(lane, p->N, done, n, weights);
        la_head_forward(lane, p, weights, first, n);
        la_head_loss(lane, weights, first, n, 1.0f / (float)answers);
        la_head_backward(lane, p, weights, first, n);
        if (alone) la_kept_backward(lane, p->N, done, n, weights);
    }
    for (int64_t l = spec->layers - 1; l >= 0; l--)
        LA_TRY(la_block_backward(lane, l, kernel_of(lane, p, l), p->B, p->g->T, weights, err));
    drop(lane, p, batch, lane->dx);
    la_token_jobs jobs = {p->N, spec->V, lane->on.made.jobs};
    if (e->site.on_device) jobs.table += p->from / p->B * la_token_jobs_layout(p->N, spec->V).size;
    e->layers->embed_grad(p->N, p->g->T, spec->d, lane->on.made.tokens + p->from * p->g->T, &jobs,
                          lane->dx, lane->grad + spec->embedding,
                          spec->positions < 0 ? NULL : lane->grad + spec->positions);
    const la_distinct *distinct = &lane->distinct;
    if (distinct->alone)
        e->layers->embed_grad(distinct->n, 1, spec->d, distinct->token, NULL, distinct->dx,
                              lane->grad + spec->embedding, NULL);
    return LA_OK;
}

/* What the batch in work is computed with. */
static void take_means(la_lane *lane, const float *weights)
{
    const la_engine *e = lane->engine;
    la_site_enter(&e->site);
    if (e->site.on_device)
        e->layers->zero(sizeof lane->tally / sizeof(float), (float *)(void *)lane->on.loss);
    lane->means.weights = weights;
    lane->means.device = e->site.on_device ? e->layers : NULL;
}

/* Pieces from..to-1, and the gradient of no others. */
static la_status learn_pieces(la_lane *lane, size_t geometry, const la_batch *batch,
                              int64_t answers, const float *weights, int64_t from, int64_t to,
                              la_err *err)
{
    take_means(lane, weights);
    lane->engine->layers->zero(lane->engine->spec->n, lane->grad);
    la_piece p = {0};
    for (int64_t i = 0; i < to && next_piece(lane, geometry, &p); i++) {
        if (i < from) continue;
        LA_TRY(piece_forward(lane, &p, batch, weights, err));
        LA_TRY(piece_backward(lane, &p, batch, answers, weights, err));
    }
    return LA_OK;
}

la_status la_lane_learn(la_lane *lane, size_t geometry, const la_batch *batch, int64_t answers,
                        const float *weights, la_err *err)
{
    return learn_pieces(lane, geometry, batch, answers, weights, 0, INT64_MAX, err);
}

la_status la_lane_learn_turn(const la_lane *lane, la_lane *of, int turn, size_t geometry,
                             const la_batch *batch, int64_t answers, const float *weights,
                             la_err *err)
{
    int64_t from, to;
    la_lane_turn(&lane->engine->geometry[geometry], of->index, turn, &from, &to);
    if (from == to) return LA_OK;
    la_lane work = *lane;
    work.index = of->index;
    work.made = of->made;
    work.n_rows = of->n_rows;
    work.grad = of->turn_grad[turn];
    work.tally = (struct la_tally){0};
    work.on = (la_on){.made = of->made, .loss = &work.tally.loss, .correct = &work.tally.correct};
    LA_TRY(learn_pieces(&work, geometry, batch, answers, weights, from, to, err));
    of->turn_tally[turn] = work.tally;
    return LA_OK;
}

static int distance_slice(int32_t distance)
{
    int slice = 0;
    while (slice < LA_EVAL_DISTANCES - 1 && (distance >> (slice + 1)) > 0) slice++;
    return slice;
}

/* Which rows were right, by group and distance. */
static void slice_rows(const la_lane *lane, la_eval *out)
{
    for (int64_t i = 0; i < lane->n_rows; i++) {
        int32_t right = lane->right[i], distance = lane->distance[i];
        if (lane->group[i] >= 0) {
            out->group_correct[lane->group[i]] += right;
            out->group_total[lane->group[i]]++;
        }
        if (distance <= 0) continue;
        out->distance_correct[distance_slice(distance)] += right;
        out->distance_total[distance_slice(distance)]++;
    }
}

la_status la_lane_score(la_lane *lane, size_t geometry, const la_batch *batch, const float *weights,
                        la_eval *out, la_err *err)
{
    const la_engine *e = lane->engine;
    const la_on *on = &lane->on;
    take_means(lane, weights);
    for (la_piece p = {0}; next_piece(lane, geometry, &p);) {
        if (p.n_rows == 0) continue; /* it only fills up the batch */
        LA_TRY(piece_forward(lane, &p, batch, weights, err));
        for (int64_t done = 0, n; done < p.n_rows; done += n) {
            int64_t first = p.row + done;
            n = head_block(lane, &p, done);
            if (lane->kept.alone) la_kept_forward(lane, p.N, done, n, weights);
            la_head_forward(lane, &p, weights, first, n);
            la_head_loss(lane, weights, first, n, 0.0f);
        }
    }
    if (e->site.on_device) {
        LA_TRY(la_site_down(&e->site, lane->right, on->right,
                            (size_t)lane->n_rows * sizeof(int32_t), err));
        LA_TRY(la_site_down(&e->site, &lane->tally, on->loss, sizeof lane->tally, err));
        LA_TRY(la_site_finish(&e->site, err));
    }
    slice_rows(lane, out);
    return LA_OK;
}
