/* SPDX-License-Identifier: Apache-2.0
 * One block, forward and backward, over the sequences of one lane.
 *
 *   h = norm(x);  [q | k | v | gate | beta | decay | iclr] = h W'   one product, W [P, d]
 *   q, k, v = silu(conv(.)); q, k = l2(.) and rope where asked; beta, g: block_gates.c
 *   a, b, and another k, of those who have them: block_rank_one.c
 *   o = variant(q, k, v, beta, g) (+ D v);  x1 = x + (norm(o) gate) Wo';  x2 = x1 + swiglu(norm(x1) Wu') Wd'
 * N = B T rows; behind the variant's o only those that are kept (la_kept of engine.h), in the last block.
 * Gradients of weights are added to lane->grad, that of the stream is lane->dx, in place.
 */
#include "block.h"

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

/* y (+)= x W'; bias [M] or NULL in front of it. */
static void linear(const la_rows *r, int which, const float *x, const float *bias, bool add,
                   float *y)
{
    const la_matrix *m = &r->matrix[which];
    if (bias) r->L->spread(r->N, m->M, bias, add, y);
    la_product(&r->lane->means, m, r->N, x, m->K, add || bias, y, m->M);
}

/* dW += dy' x, dbias += sum dy, dx = dy W */
static void linear_grad(const la_rows *r, int which, const float *x, const float *dy, float *dbias,
                        float *dx)
{
    const la_matrix *m = &r->matrix[which];
    la_product_weights(&r->lane->means, r->N, m->M, m->K, dy, m->M, x, m->K,
                       r->lane->grad + m->place);
    if (dbias) r->L->sum_rows(r->N, m->M, dy, dbias);
    la_product_back(&r->lane->means, m, r->N, dy, m->M, dx, m->K);
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

/* q, k, v, beta and g from the joint projection y. */
static void mixer_inputs(const la_rows *r)
{
    const la_block *b = r->b;
    la_acts *a = r->a;
    for (int i = 0; i < b->n_parts; i++) {
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
    return (la_rows){.L = e->layers,
                     .b = &e->spec->block[layer],
                     .a = &lane->acts[layer],
                     .w = weights,
                     .lane = lane,
                     .matrix = e->matrix + layer * LA_MATRICES,
                     .B = B,
                     .T = T,
                     .N = B * T,
                     .in = lane->x[layer],
                     .out = lane->x[layer + 1],
                     .dx = lane->dx,
                     .dy = lane->dy};
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
    return some;
}

static void in_front(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    norm(r, r->in, b->norm1_w, b->norm1_b, a->h, a->mean1, a->rstd1);
    if (b->project) linear(r, LA_MATRIX_IN, a->h, at(r->w, b->in_b), false, a->y);
}

/* From the stream to the joint projection. */
static void project_in(const la_rows *r)
{
    if (!starts_distinct(r)) {
        in_front(r);
        return;
    }
    la_acts own;
    la_rows some = distinct_rows(r, &own);
    in_front(&some);
    r->L->gather(r->N, r->b->P, r->lane->distinct.of, 0, own.y, r->a->y);
}

static void in_front_grad(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    float *dh = r->lane->dh;
    if (b->project) linear_grad(r, LA_MATRIX_IN, a->h, r->dy, grad_at(r, b->in_b), dh);
    norm_grad(r, r->in, b->norm1_w, b->norm1_b, a->mean1, a->rstd1, dh);
}

static void project_in_grad(const la_rows *r)
{
    if (!starts_distinct(r)) {
        in_front_grad(r);
        return;
    }
    la_acts own;
    la_rows some = distinct_rows(r, &own);
    r->L->zero(some.N * r->b->P, some.dy);
    r->L->scatter(r->N, r->b->P, r->lane->distinct.of, 0, r->dy, some.dy);
    r->L->zero(some.N * r->b->d, some.dx);
    in_front_grad(&some);
}

/* ---- the last block: rows that the head reads ---- */

/* Whether the block ends with the kept rows alone. */
static bool ends_alone(const la_rows *r)
{
    const la_net *spec = r->lane->engine->spec;
    return r->lane->kept.alone && r->b == &spec->block[spec->layers - 1];
}

/* These, with `own` for what they do not share with all rows. */
static la_rows kept_rows(const la_rows *r, la_acts *own)
{
    const la_kept *kept = &r->lane->kept;
    la_rows some = *r;
    *own = *r->a;
    own->o = kept->o;
    own->y = kept->y;
    some.a = own;
    some.N = kept->n;
    some.in = r->b->mlp ? own->x1 : kept->x;
    some.out = kept->x;
    some.dx = kept->dx;
    some.dy = kept->dy;
    return some;
}

static void gather(const la_rows *some, int64_t width, const float *from, float *to)
{
    const la_kept *kept = &some->lane->kept;
    some->L->gather(some->N, width, kept->at, kept->from, from, to);
}

/* From the kept rows to all, zeros elsewhere. */
static void scatter(const la_rows *r, const la_rows *some, int64_t width, const float *from,
                    float *to)
{
    const la_kept *kept = &some->lane->kept;
    r->L->zero(r->N * width, to);
    r->L->scatter(some->N, width, kept->at, kept->from, from, to);
}

/* Everything behind the op goes row by row. */
static void behind_op(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    float *x1 = b->mlp ? a->x1 : r->out;
    if (has_head(b))
        r->L->head_norm(r->N, b->H, b->dv, b->norm_eps, a->o, b->width, at(r->w, b->out_norm_w),
                        gate_of(b, a), b->P, b->gate, a->u, b->width, a->rstd_o);
    const float *u = has_head(b) ? a->u : a->o;
    if (x1 != r->in) r->L->copy_rows(1, r->N * b->d, r->in, 0, x1, 0);
    if (b->project)
        linear(r, LA_MATRIX_OUT, u, at(r->w, b->out_b), true, x1);
    else
        r->L->add(r->N * b->d, u, x1);
    if (!b->mlp) return;
    norm(r, x1, b->norm2_w, b->norm2_b, a->h2, a->mean2, a->rstd2);
    linear(r, LA_MATRIX_UP, a->h2, NULL, false, a->uv);
    r->L->swiglu(r->N, b->mlp, a->uv, a->hm);
    if (r->out != x1) r->L->copy_rows(1, r->N * b->d, x1, 0, r->out, 0);
    linear(r, LA_MATRIX_DOWN, a->hm, NULL, true, r->out);
}

la_status la_block_forward(la_lane *lane, int64_t layer, la_kernel *k, int64_t B, int64_t T,
                           const float *weights, la_err *err)
{
    la_rows rows = rows_of(lane, layer, B, T, weights), *r = &rows;
    const la_block *b = r->b;
    la_acts *a = r->a, own;
    project_in(r);
    if (b->project) mixer_inputs(r);
    const float *x = b->project ? a->part[0] : a->h;
    bool few = la_few_pays(&k->few, &lane->kept);
    if (few)
        LA_TRY(la_few_forward(&k->few, a, &lane->kept, err));
    else
        LA_TRY(la_kernel_forward(k, b, lane, a, x, weights, lane->engine->training, err));
    if (b->skip >= 0) la_skip_forward(r);
    if (!ends_alone(r)) {
        behind_op(r);
        return LA_OK;
    }
    la_rows some = kept_rows(r, &own);
    if (!few) gather(&some, b->width, a->o, own.o);
    if (b->gate_column >= 0) gather(&some, b->P, a->y, own.y);
    gather(&some, b->d, r->in, some.in);
    behind_op(&some);
    return LA_OK;
}

static void mlp_grad(const la_rows *r)
{
    const la_block *b = r->b;
    la_lane *lane = r->lane;
    linear_grad(r, LA_MATRIX_DOWN, r->a->hm, r->dx, NULL, lane->dhm);
    r->L->swiglu_grad(r->N, b->mlp, r->a->uv, lane->dhm, lane->duv);
    linear_grad(r, LA_MATRIX_UP, r->a->h2, lane->duv, NULL, lane->dh);
    norm_grad(r, r->a->x1, b->norm2_w, b->norm2_b, r->a->mean2, r->a->rstd2, lane->dh);
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
    for (int i = 0; i < b->n_parts; i++) {
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

/* To the gradient of what the op gave. */
static const float *behind_op_grad(const la_rows *r)
{
    const la_block *b = r->b;
    const la_acts *a = r->a;
    la_lane *lane = r->lane;
    const float *dout = r->dx;
    if (b->mlp) mlp_grad(r);
    if (b->project) {
        linear_grad(r, LA_MATRIX_OUT, has_head(b) ? a->u : a->o, r->dx, grad_at(r, b->out_b),
                    lane->du);
        dout = lane->du;
    }
    if (!has_head(b)) return dout;
    r->L->head_norm_grad(r->N, b->H, b->dv, a->o, b->width, at(r->w, b->out_norm_w), gate_of(b, a),
                         b->P, b->gate, a->rstd_o, dout, b->width, lane->dout, b->width,
                         b->gate_column < 0 ? NULL : r->dy + b->gate_column, b->P,
                         grad_at(r, b->out_norm_w));
    return lane->dout;
}

/* The same where it was done for the kept rows alone: the others have no part in the loss but by the op. */
static const float *behind_op_grad_of_kept(const la_rows *r)
{
    const la_block *b = r->b;
    la_lane *lane = r->lane;
    la_acts own;
    la_rows some = kept_rows(r, &own);
    bool gated = b->gate_column >= 0;
    if (gated) r->L->zero(some.N * b->P, some.dy);
    const float *dout = behind_op_grad(&some);
    float *all = dout == lane->dout ? lane->du : lane->dout;
    scatter(r, &some, b->width, dout, all);
    scatter(r, &some, b->d, some.dx, r->dx);
    if (gated) scatter(r, &some, b->P, some.dy, r->dy);
    return all;
}

la_status la_block_backward(la_lane *lane, int64_t layer, la_kernel *k, int64_t B, int64_t T,
                            const float *weights, la_err *err)
{
    la_rows rows = rows_of(lane, layer, B, T, weights), *r = &rows;
    const la_block *b = r->b;
    const la_acts *a = r->a;
    const float *dout = ends_alone(r) ? behind_op_grad_of_kept(r) : behind_op_grad(r);
    const float *x = b->project ? a->part[0] : a->h;
    float *dx = b->project ? lane->dpart[0] : lane->dh;
    LA_TRY(la_kernel_backward(k, b, lane, a, x, weights, dout, dx, err));
    if (b->skip >= 0) la_skip_backward(r, dout);
    if (b->project) mixer_inputs_grad(r);
    project_in_grad(r);
    return LA_OK;
}
