/* SPDX-License-Identifier: Apache-2.0
 * Forward and decode. W is kept as D = W - W0, which is what a state holds: it stays exact while it is
 * still small beside W0, and an initial state is zeros.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "labench/simd.h"
#include "ttt_linear_internal.h"

extern la_ttt_sums la_ttt_sums_of_generic, la_ttt_sums_of_avx2, la_ttt_sums_of_avx512;
extern la_ttt_moments la_ttt_moments_of_generic, la_ttt_moments_of_avx2, la_ttt_moments_of_avx512;
extern la_ttt_gradient la_ttt_gradient_of_generic, la_ttt_gradient_of_avx2,
    la_ttt_gradient_of_avx512;
extern la_ttt_means la_ttt_means_of_generic, la_ttt_means_of_avx2, la_ttt_means_of_avx512;
extern la_ttt_through la_ttt_through_of_generic, la_ttt_through_of_avx2, la_ttt_through_of_avx512;
extern la_ttt_outputs la_ttt_outputs_of_generic, la_ttt_outputs_of_avx2, la_ttt_outputs_of_avx512;
extern la_ttt_plus la_ttt_plus_of_generic, la_ttt_plus_of_avx2, la_ttt_plus_of_avx512;
extern la_ttt_copy la_ttt_copy_rows_generic, la_ttt_copy_rows_avx2, la_ttt_copy_rows_avx512;
extern la_ttt_sum la_ttt_sum_rows_generic, la_ttt_sum_rows_avx2, la_ttt_sum_rows_avx512;
extern la_ttt_product la_ttt_product_of_generic, la_ttt_product_of_avx2, la_ttt_product_of_avx512;
extern la_ttt_update la_ttt_update_of_generic, la_ttt_update_of_avx2, la_ttt_update_of_avx512;
extern la_ttt_weigh la_ttt_weigh_rows_generic, la_ttt_weigh_rows_avx2, la_ttt_weigh_rows_avx512;
extern la_ttt_inner la_ttt_inner_rows_generic, la_ttt_inner_rows_avx2, la_ttt_inner_rows_avx512;
extern la_ttt_outer la_ttt_outer_rows_generic, la_ttt_outer_rows_avx2, la_ttt_outer_rows_avx512;
extern la_ttt_outer_back la_ttt_outer_back_rows_generic, la_ttt_outer_back_rows_avx2,
    la_ttt_outer_back_rows_avx512;
extern la_ttt_inner_back la_ttt_inner_back_rows_generic, la_ttt_inner_back_rows_avx2,
    la_ttt_inner_back_rows_avx512;

/* ---- sizes ---- */

/* Buffers of one thread: R rows by mini-batches, 1 token by token. */
typedef struct room {
    float *W, *D, *P;     /* [dk,dv]; no W token by token */
    float *b, *db, *p;    /* [dv]: b = b0 + db */
    float *Z, *G, *H, *Y; /* [R, ld] */
    float *A, *rstd, *eta,
        *tile;   /* [R,R], [R], [R], scratch of products; no A or tile token by token */
    float *wide; /* see la_ttt_head */
} room;

/* Cuts `at` into a room; returns the floats it takes. */
static int64_t room_cut(const la_problem *p, const la_ttt_options *o, bool steps, float *at,
                        room *r)
{
    int64_t most = la_ttt_most_rows(p, o), R = steps ? 1 : most;
    int64_t n = la_whole_lines(p->dk * p->dv), dv = la_whole_lines(p->dv);
    const int64_t sizes[] = {steps ? 0 : n,
                             n,
                             n,
                             dv,
                             dv,
                             dv,
                             R * dv,
                             R * dv,
                             R * dv,
                             R * dv,
                             steps ? 0 : la_whole_lines(R * R),
                             la_whole_lines(R),
                             la_whole_lines(R),
                             steps ? 0 : LA_TILE_SCRATCH(la_most(R, la_most(p->dk, p->dv))),
                             la_ttt_wide_floats(p, most)};
    float **const to[] = {&r->W, &r->D, &r->P, &r->b,    &r->db,  &r->p,    &r->Z,   &r->G,
                          &r->H, &r->Y, &r->A, &r->rstd, &r->eta, &r->tile, &r->wide};
    int64_t used = 0;
    for (size_t i = 0; i < LA_COUNT(sizes); i++) {
        *to[i] = at ? at + used : NULL;
        used += sizes[i];
    }
    return used;
}

int la_ttt_threads(const la_problem *p, la_pass pass)
{
    int64_t heads = p->B * (pass == LA_BACKWARD ? p->Hqk : p->H);
    double work = (double)heads * (double)(pass == LA_DECODE ? 1 : p->T) * (double)(p->dk * p->dv);
    /* Starting threads costs about a microsecond, as much as this many multiply-adds on one core. */
    if (work < 65536.0) return 1;
    return heads < p->threads ? (int)heads : p->threads;
}

/* Of a forward by mini-batches. */
typedef struct crew {
    int threads, shares; /* shares: threads of each shared head */
    int64_t whole;       /* heads, the first ones, that are not shared */
} crew;

static crew crew_of(const la_problem *p, const la_ttt_options *o)
{
    int64_t heads = p->B * p->H, shared = la_ttt_shared(p);
    int shares = la_ttt_shares(p, o);
    if (shares == 1) return (crew){la_ttt_threads(p, LA_FORWARD), 1, heads};
    int threads = heads > shared ? p->threads : (int)(shares * shared);
    return (crew){threads, shares, heads - shared};
}

static int64_t forward_floats(const la_problem *p, const la_ttt_options *o)
{
    room r;
    crew c = crew_of(p, o);
    return c.threads * (room_cut(p, o, false, NULL, &r) + la_ttt_common_floats(p, o, false)) +
           (p->B * p->H - c.whole) * la_ttt_common_floats(p, o, true);
}

static int64_t steps_floats(const la_problem *p, const la_ttt_options *o, la_pass pass)
{
    room r;
    return room_cut(p, o, true, NULL, &r) * la_ttt_threads(p, pass);
}

/* `forward`: floats of that. */
static la_status sizes_of(const la_problem *p, la_pass pass, const void *opts, int64_t forward,
                          la_sizes *out)
{
    const la_ttt_options *o = opts;
    la_part parts[LA_TTT_PARTS];
    int64_t floats = pass == LA_DECODE ? steps_floats(p, o, pass) : forward;
    la_ttt_state_parts(p, opts, parts, LA_TTT_PARTS);
    *out =
        (la_sizes){.state = la_state_layout(parts, LA_TTT_PARTS, NULL), .instance = sizeof(la_ttt)};
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) {
        int64_t back = la_ttt_backward_work(p, o) * la_ttt_threads(p, LA_BACKWARD) +
                       p->B * p->H * la_ttt_backward_sums(p);
        floats = la_most(forward, back);
        out->saved = (size_t)(p->B * p->H * la_ttt_saved(p, o->mini_batch) * la_ttt_memory(p)) *
                     sizeof(float);
    }
    out->work = (size_t)floats * sizeof(float);
    return LA_OK;
}

la_status la_ttt_sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)dev, (void)err;
    return sizes_of(p, pass, opts, forward_floats(p, opts), out);
}

la_status la_ttt_steps_sizes(const la_problem *p, la_pass pass, const void *opts,
                             const la_device *dev, la_sizes *out, la_err *err)
{
    (void)dev, (void)err;
    return sizes_of(p, pass, opts, steps_floats(p, opts, LA_FORWARD), out);
}

/* la_ttt_copy of bf16 */
static void copy_half(int64_t n, int64_t d, float s, const void *from, int64_t row, float *to,
                      int64_t ld)
{
    const la_tile *tile = la_tile_get(LA_ISA_AVX512);
    la_tile_bf16_get(LA_ISA_AVX512_BF16)->widen_rows(n, d, from, row, to, ld);
    for (int64_t i = 0; s != 1.0f && i < n; i++) tile->scale(d, s, to + i * ld, to + i * ld);
}

la_status la_ttt_create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    la_ttt *t = la_alloc(sizeof *t, err);
    if (!t) return LA_E_NOMEM;
    *t = (la_ttt){
        .p = *p,
        .o = *(const la_ttt_options *)opts,
        .scale = (float)la_ttt_scale(p),
        .tile = la_tile_get(dev->isa),
        .rows = {
            LA_ISA_TABLE(la_ttt_plus_of, dev->isa), LA_ISA_TABLE(la_ttt_sums_of, dev->isa),
            LA_ISA_TABLE(la_ttt_moments_of, dev->isa), LA_ISA_TABLE(la_ttt_gradient_of, dev->isa),
            LA_ISA_TABLE(la_ttt_means_of, dev->isa), LA_ISA_TABLE(la_ttt_through_of, dev->isa),
            LA_ISA_TABLE(la_ttt_outputs_of, dev->isa), LA_ISA_TABLE(la_ttt_copy_rows, dev->isa),
            LA_ISA_TABLE(la_ttt_sum_rows, dev->isa), LA_ISA_TABLE(la_ttt_product_of, dev->isa),
            LA_ISA_TABLE(la_ttt_weigh_rows, dev->isa), LA_ISA_TABLE(la_ttt_update_of, dev->isa),
            LA_ISA_TABLE(la_ttt_inner_rows, dev->isa), LA_ISA_TABLE(la_ttt_outer_rows, dev->isa),
            LA_ISA_TABLE(la_ttt_outer_back_rows, dev->isa),
            LA_ISA_TABLE(la_ttt_inner_back_rows, dev->isa)}};
    if (p->dtype == LA_BF16) {
        t->half = la_tile_bf16_get(dev->isa);
        t->rows.copy = copy_half;
    }
    *self = t;
    return LA_OK;
}

/* ---- one head ---- */

void la_ttt_head_of(const la_ttt *t, const la_io *io, int64_t T, int64_t b, int64_t h,
                    la_ttt_head *out)
{
    const la_problem *p = &t->p;
    int64_t hq = h / (p->H / p->Hqk), n = p->dk * p->dv, slot = b * p->H + h;
    int64_t qk = (b * T * p->Hqk + hq) * p->dk, value = (b * T * p->H + h) * p->dv;
    bool norm = t->o.norm == LA_TTT_LN;
    la_part parts[LA_TTT_PARTS];
    size_t at[LA_TTT_PARTS];
    *out = (la_ttt_head){.rows = {.n = T,
                                  .dk = p->dk,
                                  .dv = p->dv,
                                  .ld = la_whole_lines(p->dv),
                                  .qk_row = p->Hqk * p->dk,
                                  .v_row = p->H * p->dv,
                                  .gamma = norm ? io->params[LA_TTT_LN_W] + h * p->dv : NULL,
                                  .beta = norm ? io->params[LA_TTT_LN_B] + h * p->dv : NULL,
                                  .scale = t->scale},
                         .beta_in = io->beta + b * T * p->H + h,
                         .gate_row = p->H,
                         .q = la_ttt_at(t, io->q, qk),
                         .k = la_ttt_at(t, io->k, qk),
                         .v = la_ttt_at(t, io->v, value),
                         .o = io->o ? la_ttt_at(t, io->o, value) : NULL,
                         .W0 = io->params[LA_TTT_W0] + h * n,
                         .b0 = io->params[LA_TTT_B0] + h * p->dv};
    if (io->saved)
        out->saved =
            (float *)io->saved + slot * la_ttt_saved(p, t->o.mini_batch) * la_ttt_memory(p);
    la_ttt_state_parts(p, &t->o, parts, LA_TTT_PARTS);
    la_state_layout(parts, LA_TTT_PARTS, at);
    for (int i = 0; i < LA_TTT_PARTS; i++) {
        int64_t from = slot * (la_part_elements(&parts[i]) / (p->B * p->H));
        if (io->state_in)
            out->in[i] = (const float *)(const void *)((const char *)io->state_in + at[i]) + from;
        if (io->state_out) out->out[i] = (float *)(void *)((char *)io->state_out + at[i]) + from;
    }
}

la_ttt_rows la_ttt_rows_of(const la_ttt *t, const la_ttt_head *x, int64_t first, int64_t n,
                           float *eta)
{
    la_ttt_rows r = x->rows;
    float rate = (float)(t->o.rate / (double)r.dk);
    const void *q = la_ttt_at(t, x->q, first * r.qk_row), *k = la_ttt_at(t, x->k, first * r.qk_row);
    const void *v = la_ttt_at(t, x->v, first * r.v_row);
    r.n = n;
    r.q = q, r.k = k, r.v = v;
    r.eta = eta;
    for (int64_t i = 0; i < n; i++) eta[i] = rate * x->beta_in[(first + i) * x->gate_row];
    if (!t->half) return r;
    int64_t R = la_ttt_most_rows(&t->p, &t->o), ldk = la_whole_lines(r.dk),
            ldv = la_whole_lines(r.dv);
    float *wide_v = la_ttt_wide_at(t, x, R, LA_TTT_WIDE_V);
    t->half->widen_rows(n, r.dk, q, r.qk_row, x->wide, ldk);
    t->half->widen_rows(n, r.dk, k, r.qk_row, x->wide + R * ldk, ldk);
    t->half->widen_rows(n, r.dv, v, r.v_row, wide_v, ldv);
    r.q = x->wide, r.k = x->wide + R * ldk, r.v = wide_v;
    r.qk_row = ldk, r.v_row = ldv;
    return r;
}

/* Outputs of `rows`, tokens from `first`; Y is Zbar less its bias. */
static void outputs(const la_ttt *t, const la_ttt_head *x, const la_ttt_rows *rows, int64_t first,
                    float *Y, float *rstd)
{
    void *o = la_ttt_at(t, x->o, first * x->rows.v_row);
    if (!t->half) {
        t->rows.outer(rows, Y, rstd, o);
        return;
    }
    float *wide = la_ttt_wide_at(t, x, la_ttt_most_rows(&t->p, &t->o), LA_TTT_WIDE_O);
    t->rows.outer(rows, Y, rstd, wide);
    t->half->narrow_rows(rows->n, rows->dv, wide, rows->v_row, o, x->rows.v_row);
}

void la_ttt_add(const la_ttt *t, const float *a, const float *b, int64_t n, float *sum)
{
    t->rows.add(n, a, b, sum);
}

/* What a head remembers: D and db, and the sums P and p over the n tokens of an unfinished mini-batch. */
typedef struct memory {
    float *D, *db, *P, *p;
    int64_t n;
    bool sums; /* P and p hold something; else they are not defined */
} memory;

static void bring(const float *from, int64_t n, float *to)
{
    if (from == to) return;
    if (from)
        memcpy(to, from, (size_t)n * sizeof *to);
    else
        memset(to, 0, (size_t)n * sizeof *to);
}

/* The memory lies in the state that goes out, if one does. */
static memory memory_start(const la_ttt *t, const la_ttt_head *x, const room *r)
{
    int64_t n = t->p.dk * t->p.dv, dv = t->p.dv;
    float *const *out = x->out;
    memory m = {.D = out[0] ? out[LA_TTT_W] : r->D,
                .db = out[0] ? out[LA_TTT_B] : r->db,
                .P = out[0] ? out[LA_TTT_SUM_W] : r->P,
                .p = out[0] ? out[LA_TTT_SUM_B] : r->p,
                .sums = x->in[0] != NULL};
    m.n = x->in[0] ? la_ttt_count((double)x->in[LA_TTT_N][0], t->o.mini_batch) : 0;
    bring(x->in[LA_TTT_W], n, m.D);
    bring(x->in[LA_TTT_B], dv, m.db);
    if (m.sums) {
        bring(x->in[LA_TTT_SUM_W], n, m.P);
        bring(x->in[LA_TTT_SUM_B], dv, m.p);
    }
    return m;
}

static void no_sums(const la_ttt *t, memory *m)
{
    memset(m->P, 0, (size_t)(t->p.dk * t->p.dv) * sizeof(float));
    memset(m->p, 0, (size_t)t->p.dv * sizeof(float));
}

static void memory_end(const la_ttt *t, const la_ttt_head *x, memory *m)
{
    if (!x->out[0]) return;
    if (!m->sums) no_sums(t, m);
    x->out[LA_TTT_N][0] = (float)m->n;
}

/* The mini-batch is full: its gradients are taken. */
static void fold(const la_ttt *t, memory *m)
{
    float weight = (float)la_ttt_weight(&t->o, t->o.mini_batch);
    t->tile->axpy(t->p.dk * t->p.dv, -weight, m->P, m->D);
    t->tile->axpy(t->p.dv, -weight, m->p, m->db);
    m->n = 0;
    m->sums = false;
}

/* K'H and the sum of the rows of H join the memory. */
static void take(const la_ttt *t, const la_ttt_rows *x, const float *H, memory *m, float *scratch)
{
    bool full = m->n + x->n == t->o.mini_batch;
    bool straight = full && !m->sums; /* a whole mini-batch at once needs no sums */
    float weight = straight ? -(float)la_ttt_weight(&t->o, t->o.mini_batch) : 1.0f;
    float *p = straight ? m->db : m->p;
    if (!straight && !m->sums) memset(p, 0, (size_t)x->dv * sizeof *p);
    t->tile->tn(x->dk, x->dv, x->n, weight, x->k, x->qk_row, H, x->ld, straight || m->sums,
                straight ? m->D : m->P, x->dv, scratch);
    for (int64_t i = 0; i < x->n; i++) t->tile->axpy(x->dv, weight, H + i * x->ld, p);
    m->n = full ? 0 : m->n + x->n;
    if (full && !straight)
        fold(t, m);
    else if (!full)
        m->sums = true;
}

void la_ttt_readout(const la_ttt *t, const la_ttt_rows *x, int64_t done, const float *W,
                    const float *P, const float *p, const float *H, float *A, float *spare,
                    float *Y, float *scratch)
{
    const la_tile *tile = t->tile;
    int64_t n = x->n, ld = x->ld, dv = x->dv;
    tile->nn(n, dv, x->dk, x->scale, x->q, x->qk_row, W, dv, false, Y, ld, scratch);
    tile->nt(n, n, x->dk, x->scale, x->q, x->qk_row, x->k, x->qk_row, false, A, n, scratch);
    for (int64_t i = 0; i < n; i++) {
        float c = (float)la_ttt_weight(&t->o, done + i + 1);
        for (int64_t j = 0; j < n; j++) A[i * n + j] = j <= i ? -c * (A[i * n + j] + 1.0f) : 0.0f;
    }
    tile->nn(n, dv, n, 1.0f, A, n, H, ld, true, Y, ld, scratch);
    if (!P) return;
    tile->nn(n, dv, x->dk, x->scale, x->q, x->qk_row, P, dv, false, spare, ld, scratch);
    for (int64_t i = 0; i < n; i++) {
        float c = (float)la_ttt_weight(&t->o, done + i + 1);
        tile->axpy(dv, -c, spare + i * ld, Y + i * ld);
        tile->axpy(dv, -c, p, Y + i * ld);
    }
}

float *la_ttt_saved_at(const la_ttt *t, const la_ttt_head *x, int64_t batch)
{
    int64_t every = la_ttt_segment(t->o.mini_batch);
    if (!x->saved || batch == 0 || batch % every) return NULL;
    return x->saved + (batch / every - 1) * la_ttt_memory(&t->p);
}

static void save(const la_ttt *t, const la_ttt_head *x, const memory *m, int64_t batch)
{
    int64_t n = t->p.dk * t->p.dv;
    float *to = la_ttt_saved_at(t, x, batch);
    if (!to) return;
    memcpy(to, m->D, (size_t)n * sizeof *to);
    memcpy(to + la_whole_lines(n), m->db, (size_t)t->p.dv * sizeof *to);
}

/* `now` tokens from `first`, all of them in mini-batch `batch` of the call. */
static void some_tokens(const la_ttt *t, const la_ttt_head *x, int64_t first, int64_t now,
                        int64_t batch, memory *m, room *r)
{
    const la_problem *p = &t->p;
    int64_t done = m->n;
    if (now == 0) return;
    save(t, x, m, batch);
    la_ttt_add(t, x->W0, m->D, p->dk * p->dv, r->W);
    la_ttt_add(t, x->b0, m->db, p->dv, r->b);
    la_ttt_rows rows = la_ttt_rows_of(t, x, first, now, r->eta);
    rows.bias = r->b;
    t->tile->nn(now, p->dv, p->dk, 1.0f, rows.k, rows.qk_row, r->W, p->dv, false, r->Z, rows.ld,
                r->tile);
    t->rows.inner(&rows, r->Z, r->rstd, r->G, r->H);
    la_ttt_readout(t, &rows, done, r->W, m->sums ? m->P : NULL, m->p, r->H, r->A, r->G, r->Y,
                   r->tile);
    outputs(t, x, &rows, first, r->Y, r->rstd);
    take(t, &rows, r->H, m, r->tile);
}

/* The rest of a mini-batch that the state began, whole ones, and the start of one. */
static void chunk_head(const la_ttt *t, const la_ttt_head *x, room *r, float *common, int share,
                       int shares)
{
    int64_t C = t->o.mini_batch, T = x->rows.n;
    int64_t done = x->in[0] ? la_ttt_count((double)x->in[LA_TTT_N][0], C) : 0;
    /* A state of no tokens may still hold sums, which a call then adds to. */
    int64_t start = x->in[0] ? (C - done < T ? C - done : T) : 0;
    la_ttt_stretch whole = {start, (T - start) / C, start > 0};
    memory m = {.D = NULL};
    if (share == 0) {
        m = memory_start(t, x, r);
        some_tokens(t, x, 0, start, 0, &m, r);
    }
    if (whole.n > 0) la_ttt_whole(t, x, &whole, m.D, m.db, common, share, shares);
    if (share > 0) return;
    int64_t first = start + whole.n * C;
    some_tokens(t, x, first, T - first, whole.batch + whole.n, &m, r);
    memory_end(t, x, &m);
}

/* Token by token: z = W'k + b, P += k h', zbar = W's q + b - c (P's q + p). */
static void recurrent_head(const la_ttt *t, const la_ttt_head *x, room *r)
{
    const la_tile *tile = t->tile;
    int64_t dk = t->p.dk, dv = t->p.dv;
    memory m = memory_start(t, x, r);
    if (!m.sums) no_sums(t, &m);
    la_ttt_add(t, x->b0, m.db, dv, r->b);
    for (int64_t i = 0, batch = 0; i < x->rows.n; i++) {
        la_ttt_rows row = la_ttt_rows_of(t, x, i, 1, r->eta);
        float weight = (float)la_ttt_weight(&t->o, m.n + 1), s = row.scale;
        row.bias = r->b;
        if (i > 0 && m.n == 0) save(t, x, &m, ++batch);
        tile->vm(dk, dv, 1.0f, x->W0, dv, row.k, false, r->Z);
        tile->vm(dk, dv, 1.0f, m.D, dv, row.k, true, r->Z);
        t->rows.inner(&row, r->Z, r->rstd, r->G, r->H);
        tile->decay_rank1_vm(dk, dv, 1.0f, row.k, r->H, m.P, dv, -weight * s, row.q, r->Y);
        tile->axpy(dv, 1.0f, r->H, m.p);
        tile->axpy(dv, -weight, m.p, r->Y);
        tile->vm(dk, dv, s, x->W0, dv, row.q, true, r->Y);
        tile->vm(dk, dv, s, m.D, dv, row.q, true, r->Y);
        outputs(t, x, &row, i, r->Y, r->rstd);
        if (++m.n < t->o.mini_batch) continue;
        fold(t, &m);
        no_sums(t, &m);
        la_ttt_add(t, x->b0, m.db, dv, r->b);
    }
    m.sums = true;
    memory_end(t, x, &m);
}

/* Head i, by thread `share` of `shares`. */
static void run_head(const la_ttt *t, const la_io *io, int64_t i, room *r, float *common, int share,
                     int shares)
{
    la_ttt_head x;
    la_ttt_head_of(t, io, t->p.T, i / t->p.H, i % t->p.H, &x);
    x.wide = r->wide;
    chunk_head(t, &x, r, common, share, shares);
}

/* By mini-batches: whole heads, one after the other, then those that threads share. */
static void run_chunks(const la_ttt *t, const la_io *io)
{
    const la_problem *p = &t->p;
    crew c = crew_of(p, &t->o);
    room shape;
    int64_t own = room_cut(p, &t->o, false, NULL, &shape), heads = p->B * p->H;
    int64_t by_head = la_ttt_common_floats(p, &t->o, true);
    int64_t by_thread = la_ttt_common_floats(p, &t->o, false);
    float *work = io->work, *alone = work + own * c.threads;
    float *commons = alone + by_thread * c.threads;
    for (int64_t i = c.whole; i < heads; i++)
        la_ttt_nobody_met(p, &t->o, commons + (i - c.whole) * by_head);
#pragma omp parallel num_threads(c.threads) if (c.threads > 1)
    {
        int thread = omp_get_thread_num(), running = omp_get_num_threads();
        int64_t whole = running == c.threads ? c.whole : heads, team = thread / c.shares;
        room r;
        room_cut(p, &t->o, false, work + own * thread, &r);
        for (int64_t i = thread; i < whole; i += running)
            run_head(t, io, i, &r, alone + thread * by_thread, 0, 1);
        if (whole + team < heads)
            run_head(t, io, whole + team, &r, commons + team * by_head, thread % c.shares,
                     c.shares);
    }
}

static void run_steps(const la_ttt *t, const la_io *io, la_pass pass)
{
    const la_problem *p = &t->p;
    room shape;
    int64_t T = pass == LA_DECODE ? 1 : p->T, own = room_cut(p, &t->o, true, NULL, &shape);
    int threads = la_ttt_threads(p, pass);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t i = 0; i < p->B * p->H; i++) {
        la_ttt_head x;
        room r;
        room_cut(p, &t->o, true, (float *)io->work + own * omp_get_thread_num(), &r);
        la_ttt_head_of(t, io, T, i / p->H, i % p->H, &x);
        x.wide = r.wide;
        recurrent_head(t, &x, &r);
    }
}

la_status la_ttt_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    run_chunks(self, io);
    return LA_OK;
}

la_status la_ttt_forward_recurrent(void *self, const la_io *io, la_err *err)
{
    (void)err;
    run_steps(self, io, LA_FORWARD);
    return LA_OK;
}

la_status la_ttt_decode(void *self, const la_io *io, la_err *err)
{
    (void)err;
    run_steps(self, io, LA_DECODE);
    return LA_OK;
}
