/* SPDX-License-Identifier: Apache-2.0
 * One block, forward and backward, over the sequences of one lane.
 *
 *   h = norm(x);  [q | k | v | gate | beta | decay | iclr] = h W'   one product, W [P, d]
 *     (where q, k and v are all of it, a product each, to where the op reads them)
 *   q, k, v = silu(conv(.)); q, k = l2(.) and rope where asked; beta, g: block_gates.c
 *   a, b, and another k, of those who have them: block_rank_one.c
 *   o = variant(q, k, v, beta, g) (+ D v);  x1 = x + (norm(o) gate) Wo';  x2 = x1 + swiglu(norm(x1) Wu') Wd'
 * N = B T rows; behind the variant's o only those that are kept (la_kept of engine.h), in the last block.
 * Gradients of weights are added to lane->grad, that of the stream is lane->dx, in place.
 */
#include "block.h"

#include <string.h>

static void norm(const la_rows *r, const float *x, int64_t w, int64_t b, float *y, float *mean,
                 float *rstd)
{
    if (r->b->layer_norm)
        r->L->layer_norm(r->N, r->b->d, r->b->norm_eps, x, r->w + w, r->w + b, y, mean, rstd);
    else
        r->L->rms_norm(r->N, r->b->d, r->b->norm_eps, x, r->w + w, y, rstd);
}

static void norm_grad(const la_rows *r, const float *x, int64_t w, int64_t b, const float *mean,
                      const float *rstd, const float *dy)
{
    float *g = r->lane->grad;
    if (r->b->layer_norm)
        r->L->layer_norm_grad(r->N, r->b->d, x, r->w + w, mean, rstd, dy, true, r->dx, g + w,
                              g + b);
    else
        r->L->rms_norm_grad(r->N, r->b->d, x, r->w + w, rstd, dy, true, r->dx, g + w);
}

/* y (+)= x W' + bias; bias [M] or NULL. A product waits less for a y that is not in the caches yet than rows of bias
 * would. */
static void linear(const la_rows *r, int which, const float *x, const float *bias, bool add,
                   float *y)
{
    const la_matrix *m = &r->matrix[which];
    if (bias && add) r->L->spread(r->N, m->M, bias, add, y);
    la_product(&r->lane->means, m, r->N, x, m->K, add, y, m->M);
    if (bias && !add) r->L->shift(r->N, m->M, y, m->M, bias, y);
}

/* dW += dy' x, dbias += sum dy, dx (+)= dy W */
static void linear_grad(const la_rows *r, int which, const float *x, const float *dy, float *dbias,
                        bool add, float *dx)
{
    const la_matrix *m = &r->matrix[which];
    la_product_weights(&r->lane->means, r->N, m->M, m->K, dy, m->M, x, m->K,
                       r->lane->grad + m->place);
    if (dbias) r->L->sum_rows(r->N, m->M, dy, dbias);
    la_product_back(&r->lane->means, m, r->N, dy, m->M, add, dx, m->K);
}

static const float *at(const float *base, int64_t place)
{
    return place < 0 ? NULL : base + place;
}

static float *grad_at(const la_rows *r, int64_t place)
{
    return place < 0 ? NULL : r->lane->grad + place;
}

/* Heads of q (part 0) and of k (part 1). */
static int64_t heads_of(const la_block *b, int part)
{
    return part == 0 ? b->H : b->Hkv;
}

static void rope(const la_rows *r, int part, bool inverse, float *x)
{
    const la_block *b = r->b;
    const la_engine *e = r->lane->engine;
    int64_t heads = heads_of(b, part);
    r->L->rope(r->B, r->T, heads, b->dk, e->cosine, e->sine, inverse, x, heads * b->dk);
}

static bool apart(const la_rows *r)
{
    return r->matrix[LA_MATRIX_PART].place >= 0;
}

/* q, k, v, beta and g from the joint projection y; or q, k, v in place. */
static void mixer_inputs(const la_rows *r)
{
    const la_block *b = r->b;
    la_acts *a = r->a;
    for (int i = 0; i < b->n_parts && !apart(r); i++) {
        const la_stream_part *p = &b->part[i];
        if (b->conv > 0)
            r->L->conv(r->B, r->T, p->width, b->conv, b->left, a->y + p->column, b->P,
                       r->w + p->conv_w, NULL, true, a->part[i], p->width);
        else
            r->L->copy_rows(r->N, p->width, a->y + p->column, b->P, a->part[i], p->width);
    }
    for (int i = 0; b->l2 && i < 2; i++) {
        int64_t heads = heads_of(b, i), ld = heads * b->dk;
        r->L->l2_norm(r->N, heads, b->dk, LA_QK_EPS, a->part[i], ld, a->part[i], ld, a->rnorm[i]);
    }
    for (int i = 0; b->rope && i < 2; i++) rope(r, i, false, a->part[i]);
    la_gates_forward(r);
    if (b->iclr_column >= 0) la_rank_one_forward(r);
}

static const float *gate_of(const la_block *b, const la_acts *a)
{
    return b->gate_column < 0 ? NULL : a->y + b->gate_column;
}

/* Whether the mixer's output passes a norm or a gate at all. */
static bool has_head(const la_block *b)
{
    return b->out_norm_w >= 0 || b->gate_column >= 0;
}

static la_rows rows_of(la_lane *lane, int64_t layer, int64_t B, int64_t T, const float *weights)
{
    const la_engine *e = lane->engine;
    la_acts *a = &lane->acts[layer];
    return (la_rows){.L = e->layers,
                     .b = &e->spec->block[layer],
                     .a = a,
                     .w = weights,
                     .lane = lane,
                     .matrix = e->matrix + layer * LA_MATRICES,
                     .B = B,
                     .T = T,
                     .N = B * T,
                     .in = lane->x[layer],
                     .out = lane->x[layer + 1],
                     .dx = lane->dx,
                     .dpart = {a->dpart[0], a->dpart[1], a->dpart[2]},
                     .dy = lane->dy,
                     .du = a->du,
                     .dout = lane->dout};
}

/* ---- a stretch of the rows: what goes row by row takes one after the other ---- */

/* Rows first..first+n-1 of r, with `own` for what begins elsewhere than with all of them. */
static la_rows stretch_of(const la_rows *r, int64_t first, int64_t n, la_acts *own)
{
    const la_block *b = r->b;
    la_rows some = *r;
    *own = *r->a;
    own->h += first * b->d;
    own->rstd1 += first;
    if (b->layer_norm) own->mean1 += first;
    own->o += first * b->width;
    own->rstd_o += first * b->H;
    for (int i = 0; b->project && i < b->n_parts; i++) own->part[i] += first * b->part[i].width;
    if (b->project && !apart(r)) own->y += first * b->P;
    if (has_head(b)) own->u += first * b->width;
    if (b->mlp) {
        own->x1 += first * b->d;
        own->rstd2 += first;
        own->h2 += first * b->d;
        own->uv += first * 2 * b->mlp;
        if (b->layer_norm) own->mean2 += first;
    }
    some.a = own;
    some.N = n;
    some.in += first * b->d;
    some.out += first * b->d;
    if (!r->lane->engine->training) return some;
    some.dx += first * b->d;
    if (!apart(r)) some.dy += first * b->P;
    for (int i = 0; i < b->n_parts; i++) some.dpart[i] += first * b->part[i].width;
    some.du += first * b->width;
    some.dout += first * b->width;
    return some;
}

static void in_stretches(const la_rows *r, void (*of)(const la_rows *))
{
    int64_t most = la_rows_together(r->lane->engine, r->lane->means.threads, r->N);
    for (int64_t first = 0, n; first < r->N; first += n) {
        la_acts own;
        n = r->N - first < most ? r->N - first : most;
        la_rows some = stretch_of(r, first, n, &own);
        of(&some);
    }
}

/* ---- the first block: what is the same in all rows of a token ---- */

static bool starts_distinct(const la_rows *r)
{
    return r->lane->distinct.alone && r->b == r->lane->engine->spec->block;
}

/* The tokens, each once, with `own` for what they do not share with all rows. */
static la_rows distinct_rows(const la_rows *r, la_acts *own)
{
    const la_distinct *distinct = &r->lane->distinct;
    la_rows some = *r;
    *own = *r->a;
    own->y = distinct->y;
    some.a = own;
    some.N = distinct->n;
    some.in = distinct->x;
    some.dx = distinct->dx;
    some.dy = distinct->dy;
    for (int i = 0; apart(r) && i < r->b->n_parts; i++) {
        int64_t before = distinct->n * r->b->part[i].column;
        own->part[i] = distinct->y + before;
        some.dpart[i] = distinct->dy + before;
    }
    return some;
}

static void in_front(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    norm(r, r->in, b->norm1_w, b->norm1_b, a->h, a->mean1, a->rstd1);
    const float *bias = at(r->w, b->in_b);
    if (b->project && !apart(r)) linear(r, LA_MATRIX_IN, a->h, bias, false, a->y);
    for (int i = 0; apart(r) && i < b->n_parts; i++)
        linear(r, LA_MATRIX_PART + i, a->h, bias ? bias + b->part[i].column : NULL, false,
               a->part[i]);
}

/* From the stream to the joint projection. */
static void project_in(const la_rows *r)
{
    const la_block *b = r->b;
    const int32_t *of = r->lane->distinct.of;
    if (!starts_distinct(r)) {
        in_stretches(r, in_front);
        return;
    }
    la_acts own;
    la_rows some = distinct_rows(r, &own);
    in_front(&some);
    if (!apart(r)) r->L->gather(r->N, b->P, of, 0, own.y, r->a->y);
    for (int i = 0; apart(r) && i < b->n_parts; i++)
        r->L->gather(r->N, b->part[i].width, of, 0, own.part[i], r->a->part[i]);
}

static void in_front_grad(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    float *dh = r->lane->dh, *dbias = grad_at(r, b->in_b);
    if (b->project && !apart(r)) linear_grad(r, LA_MATRIX_IN, a->h, r->dy, dbias, false, dh);
    for (int i = 0; apart(r) && i < b->n_parts; i++)
        linear_grad(r, LA_MATRIX_PART + i, a->h, r->dpart[i],
                    dbias ? dbias + b->part[i].column : NULL, i > 0, dh);
    norm_grad(r, r->in, b->norm1_w, b->norm1_b, a->mean1, a->rstd1, dh);
}

static void project_in_grad(const la_rows *r)
{
    const la_block *b = r->b;
    const int32_t *of = r->lane->distinct.of;
    if (!starts_distinct(r)) {
        if (b->project)
            in_stretches(r, in_front_grad);
        else
            in_front_grad(r); /* dh is that of all rows, from the op */
        return;
    }
    la_acts own;
    la_rows some = distinct_rows(r, &own);
    r->L->zero(some.N * b->P, r->lane->distinct.dy);
    if (!apart(r)) r->L->scatter(r->N, b->P, of, 0, r->dy, some.dy);
    for (int i = 0; apart(r) && i < b->n_parts; i++)
        r->L->scatter(r->N, b->part[i].width, of, 0, r->dpart[i], some.dpart[i]);
    r->L->zero(some.N * b->d, some.dx);
    in_front_grad(&some);
}

/* ---- behind the op: row by row ---- */

static void behind_op(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    float *x1 = b->mlp ? a->x1 : r->out, *hidden = r->lane->hidden;
    if (has_head(b))
        r->L->head_norm(r->N, b->H, b->dv, b->norm_eps, a->o, b->width, at(r->w, b->out_norm_w),
                        gate_of(b, a), b->P, b->gate, a->u, b->width, a->rstd_o);
    const float *u = has_head(b) ? a->u : a->o;
    const float *bias = at(r->w, b->out_b);
    if (x1 != r->in && bias)
        r->L->shift(r->N, b->d, r->in, b->d, bias, x1);
    else if (x1 != r->in)
        r->L->copy_rows(1, r->N * b->d, r->in, 0, x1, 0);
    if (b->project)
        linear(r, LA_MATRIX_OUT, u, x1 != r->in ? NULL : bias, true, x1);
    else
        r->L->add(r->N * b->d, u, x1);
    if (!b->mlp) return;
    norm(r, x1, b->norm2_w, b->norm2_b, a->h2, a->mean2, a->rstd2);
    linear(r, LA_MATRIX_UP, a->h2, NULL, false, a->uv);
    r->L->swiglu(r->N, b->mlp, a->uv, hidden);
    linear(r, LA_MATRIX_DOWN, hidden, NULL, r->out == x1, r->out);
    if (r->out != x1) r->L->add(r->N * b->d, x1, r->out);
}

static void mlp_grad(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    la_lane *lane = r->lane;
    const la_matrix *down = &r->matrix[LA_MATRIX_DOWN];
    float *hidden = lane->hidden, *duv = a->uv;
    la_product_back(&lane->means, down, r->N, r->dx, b->d, false, hidden, b->mlp);
    r->L->swiglu_grad(r->N, b->mlp, duv, hidden);
    la_product_weights(&lane->means, r->N, b->d, b->mlp, r->dx, b->d, hidden, b->mlp,
                       lane->grad + down->place);
    linear_grad(r, LA_MATRIX_UP, a->h2, duv, NULL, false, lane->dh);
    norm_grad(r, a->x1, b->norm2_w, b->norm2_b, a->mean2, a->rstd2, lane->dh);
}

/* Where behind_op_grad leaves the gradient of what the op gave. */
static float *dout_of(const la_rows *r)
{
    return has_head(r->b) ? r->dout : r->b->project ? r->du : r->dx;
}

static void behind_op_grad(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    const float *dout = r->dx;
    if (b->mlp) mlp_grad(r);
    if (b->project) {
        linear_grad(r, LA_MATRIX_OUT, has_head(b) ? a->u : a->o, r->dx, grad_at(r, b->out_b), false,
                    r->du);
        dout = r->du;
    }
    if (has_head(b))
        r->L->head_norm_grad(r->N, b->H, b->dv, a->o, b->width, at(r->w, b->out_norm_w),
                             gate_of(b, a), b->P, b->gate, a->rstd_o, dout, b->width, r->dout,
                             b->width, b->gate_column < 0 ? NULL : r->dy + b->gate_column, b->P,
                             grad_at(r, b->out_norm_w));
}

/* ---- the last block: rows that the head reads ---- */

/* Whether the block ends with the kept rows alone. */
static bool ends_alone(const la_rows *r)
{
    const la_net *spec = r->lane->engine->spec;
    return r->lane->kept.alone && r->b == &spec->block[spec->layers - 1];
}

/* N of the rows, in buffers of their own; what has none begins where that of all rows does. */
static la_rows kept_apart(const la_rows *r, int64_t N, la_acts *own)
{
    const la_kept *kept = &r->lane->kept;
    la_rows some = *r;
    *own = *r->a;
    own->o = kept->o;
    own->y = kept->y;
    some.a = own;
    some.N = N;
    some.in = r->b->mlp ? own->x1 : kept->x;
    some.out = kept->x;
    some.dx = kept->dx;
    some.dy = kept->dy;
    some.du = kept->du;
    some.dout = kept->dout;
    return some;
}

/* N of the rows from kept->row on, where all rows lie; only what is of no use to others has buffers for N. */
static la_rows kept_in_line(const la_rows *r, int64_t N, la_acts *own)
{
    const la_kept *kept = &r->lane->kept;
    const la_block *b = r->b;
    la_rows some = *r;
    *own = *r->a;
    own->o += kept->row * b->width;
    if (b->gate_column >= 0) own->y += kept->row * b->P;
    some.a = own;
    some.N = N;
    some.in += kept->row * b->d;
    some.out = kept->x;
    if (!r->lane->engine->training) return some;
    some.dx += kept->row * b->d;
    if (b->gate_column >= 0) some.dy += kept->row * b->P;
    some.dout += kept->row * b->width;
    some.du = has_head(b) ? kept->du : some.dout;
    return some;
}

static la_rows kept_rows(const la_rows *r, int64_t N, la_acts *own)
{
    return r->lane->kept.in_line ? kept_in_line(r, N, own) : kept_apart(r, N, own);
}

static la_rows rows_of_last(la_lane *lane, int64_t N, const float *weights)
{
    return rows_of(lane, lane->engine->spec->layers - 1, 1, N, weights);
}

void la_kept_forward(la_lane *lane, int64_t N, int64_t first, int64_t n, const float *weights)
{
    la_rows all = rows_of_last(lane, N, weights);
    la_kept *kept = &lane->kept;
    const la_block *b = all.b;
    const int32_t *where = kept->at + first;
    la_acts own;
    if (kept->in_line) kept->row = where[0] - kept->from;
    la_rows some = kept_rows(&all, n, &own);
    if (!kept->in_line) {
        all.L->gather(n, b->width, where, kept->from, all.a->o, own.o);
        if (b->gate_column >= 0) all.L->gather(n, b->P, where, kept->from, all.a->y, own.y);
        all.L->gather(n, b->d, where, kept->from, all.in, some.in);
    }
    behind_op(&some);
}

/* x [N, width] becomes 0; where the kept rows are in line only the others do, since these are written. */
static void clear(const la_rows *all, int64_t width, float *x)
{
    const la_kept *kept = &all->lane->kept;
    int64_t first = all->N, next = all->N;
    if (kept->in_line) first = kept->at[0] - kept->from, next = first + kept->n;
    all->L->zero(first * width, x);
    all->L->zero((all->N - next) * width, x + next * width);
}

/* Rows that are not kept have no part in the loss but by the op. */
void la_kept_begin(la_lane *lane, int64_t N)
{
    la_rows all = rows_of_last(lane, N, NULL);
    clear(&all, all.b->d, all.dx);
    clear(&all, all.b->width, all.dout);
    if (all.b->gate_column >= 0) all.L->zero(N * all.b->P, all.dy);
}

void la_kept_backward(la_lane *lane, int64_t N, int64_t first, int64_t n, const float *weights)
{
    la_rows all = rows_of_last(lane, N, weights);
    const la_kept *kept = &lane->kept;
    const la_block *b = all.b;
    const int32_t *where = kept->at + first;
    bool gated = b->gate_column >= 0, in_line = kept->in_line;
    la_acts own;
    la_rows some = kept_rows(&all, n, &own);
    if (gated && !in_line) all.L->zero(n * b->P, some.dy);
    behind_op_grad(&some);
    const float *dout = dout_of(&some);
    if (in_line && dout != some.dout) all.L->copy_rows(1, n * b->width, dout, 0, some.dout, 0);
    if (in_line) return;
    all.L->scatter(n, b->width, where, kept->from, dout, all.dout);
    all.L->scatter(n, b->d, where, kept->from, some.dx, all.dx);
    if (gated) all.L->scatter(n, b->P, where, kept->from, some.dy, all.dy);
}

/* ---- the whole block ---- */

la_status la_block_forward(la_lane *lane, int64_t layer, la_kernel *k, int64_t B, int64_t T,
                           const float *weights, la_err *err)
{
    la_rows rows = rows_of(lane, layer, B, T, weights), *r = &rows;
    const la_block *b = r->b;
    la_acts *a = r->a;
    project_in(r);
    if (b->project) mixer_inputs(r);
    const float *x = b->project ? a->part[0] : a->h;
    bool few = la_few_pays(&k->few, &lane->kept);
    if (few)
        LA_TRY(la_few_forward(&k->few, a, &lane->kept, err));
    else
        LA_TRY(la_kernel_forward(k, b, lane, a, x, weights, lane->engine->training, err));
    if (b->skip >= 0) la_skip_forward(r);
    if (!ends_alone(r)) in_stretches(r, behind_op);
    return LA_OK;
}

/* From gradients of q, k, v, beta, g to that of the joint projection. */
static void mixer_inputs_grad(const la_rows *r)
{
    const la_block *b = r->b;
    la_acts *a = r->a;
    la_lane *lane = r->lane;
    if (b->iclr_column >= 0) la_rank_one_backward(r);
    for (int i = 0; b->rope && i < 2; i++) {
        rope(r, i, true, lane->dpart[i]);
        if (b->l2) rope(r, i, true, a->part[i]);
    }
    for (int i = 0; b->l2 && i < 2; i++) {
        int64_t heads = heads_of(b, i), ld = heads * b->dk;
        r->L->l2_norm_grad(r->N, heads, b->dk, a->part[i], ld, a->rnorm[i], lane->dpart[i], ld,
                           lane->dpart[i], ld);
    }
    for (int i = 0; i < b->n_parts && !apart(r); i++) {
        const la_stream_part *p = &b->part[i];
        if (b->conv > 0)
            r->L->conv_grad(r->B, r->T, p->width, b->conv, b->left, a->y + p->column, b->P,
                            r->w + p->conv_w, NULL, true, lane->dpart[i], p->width,
                            lane->dy + p->column, b->P, lane->grad + p->conv_w, NULL,
                            lane->conv_scratch);
        else
            r->L->copy_rows(r->N, p->width, lane->dpart[i], p->width, lane->dy + p->column, b->P);
    }
    la_gates_backward(r);
}

la_status la_block_backward(la_lane *lane, int64_t layer, la_kernel *k, int64_t B, int64_t T,
                            const float *weights, la_err *err)
{
    la_rows rows = rows_of(lane, layer, B, T, weights), *r = &rows;
    const la_block *b = r->b;
    const la_acts *a = r->a;
    memcpy(lane->dpart, a->dpart, sizeof lane->dpart);
    if (!ends_alone(r)) in_stretches(r, behind_op_grad);
    const float *dout = ends_alone(r) ? r->dout : dout_of(r);
    const float *x = b->project ? a->part[0] : a->h;
    float *dx = b->project ? lane->dpart[0] : lane->dh;
    LA_TRY(la_kernel_backward(k, b, lane, a, x, weights, dout, dx, err));
    if (b->skip >= 0) la_skip_backward(r, dout);
    if (b->project) mixer_inputs_grad(r);
    project_in_grad(r);
    return LA_OK;
}
