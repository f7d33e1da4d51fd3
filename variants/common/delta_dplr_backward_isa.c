/* SPDX-License-Identifier: Apache-2.0
 * Gradients of diagonal plus rank one, chunk by chunk from the last; notation of delta_dplr.h. Compiled
 * once per instruction set. dS enters as the gradient of S after the chunk and leaves as that of S before
 * it; Y = [dW; s dO] are the gradients of what the 2C reads gave:
 *
 *   Z  = [b; k] exp(G_C - G) dS + M_q' s dO                    what reaches the 2C writes, without W's reads
 *   dW = (I - M_ab)^{-T} Z_b,   dV = Z_k + M_ak' dW
 *   dM = Y U'                                                  where the write does not come after the read
 *   d[a; q]_i = exp(G_time(i)) . S Y_i    + sum_j dM_ij writes_j exp(G_time(i) - G_j)
 *   d[b; k]_j = exp(G_C - G_j) . dS U_j   + sum_i dM_ij reads_i  exp(G_time(i) - G_j)
 *   dS <- exp(G_C) . dS + ([a; q] exp(G))' Y
 *
 *   dg_t  = sum over all that crosses token t: writes before time t with reads from it on, where chunk
 *           start and end count as a first write and a last read
 *
 * The sums over pairs go stretch by stretch, as the scores do. Every term of dg_t holds exp(g_t), so that
 * a hard reset leaves none.
 */
#include "delta_dplr.h"
#include "delta_product.h"
#include "delta_rows.h"

enum { C = LA_DELTA_BACK };

typedef la_dplr_chunk chunk;

/* The walk, and scratch of the way back. */
typedef struct walk {
    la_dplr_walk w;
    const la_delta_gradients *y;
    float *turned;                   /* [W,2C]: Y', then U' */
    float *dM;                       /* [2C,2C] */
    float *dreads, *dwrites, *pairs; /* [2C,K] */
    float *gates;                    /* [C,K]: gradients of g */
    chunk kept[LA_DPLR_KEPT];        /* of the segment at hand */
} walk;

/* ---- dW and dV ---- */

/* n columns of Z for one half of the writes += M' Y for one half of the reads; writes see reads from their own on. */
static void send_back(const walk *k, int64_t n, const float *M, const float *Y, float *Z)
{
    la_small((la_small_product){.M = C,
                                .N = n,
                                .K = C,
                                .a = M,
                                .down = 1,
                                .along = 2 * C,
                                .B = Y,
                                .ldb = k->w.W,
                                .from = Z,
                                .to = Z,
                                .ldc = k->w.W,
                                .part = LA_UPPER});
}

/* dW_i = Z_i + sum over l > i of M_li dW_l, from the last up. */
LA_INLINE void substitute_columns(const walk *k, const chunk *c, int64_t j, const int vecs)
{
    int64_t W = k->w.W;
    for (int64_t i = C; i-- > 0;) {
        la_vf sum[4];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) sum[v] = la_v_load(c->Z + i * W + j + v * LA_VW);
        for (int64_t l = i + 1; l < C; l++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[v] = la_v_fma(la_v_set(c->M[l * 2 * C + i]),
                                  la_v_load(c->Y + l * W + j + v * LA_VW), sum[v]);
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) la_v_store(c->Y + i * W + j + v * LA_VW, sum[v]);
    }
}

/* Z, dW and dV at the columns [j, end). */
static void values_back(const walk *k, const chunk *c, int64_t j, int64_t end)
{
    int64_t K = k->w.K, W = k->w.W, n = end - j;
    const float *dW = c->Y + j, *dO = dW + C * W;
    float *Z = c->Z + j;
    la_small((la_small_product){.M = 2 * C,
                                .N = n,
                                .K = K,
                                .a = c->out,
                                .down = K,
                                .along = 1,
                                .B = c->dS + j,
                                .ldb = W,
                                .to = Z,
                                .ldc = W});
    send_back(k, n, c->M + 2 * C * C, dO, Z);
    send_back(k, n, c->M + 2 * C * C + C, dO, Z + C * W);
    for (; j + 4 * LA_VW <= end; j += 4 * LA_VW) substitute_columns(k, c, j, 4);
    for (; j < end; j += LA_VW) substitute_columns(k, c, j, 1);
    send_back(k, n, c->M + C, dW, Z + C * W);
}

/* ---- d[a; q] and d[b; k] ---- */

/* to [2C,K] = rows S' for rows [2C,W], whose transpose stays in k->turned. */
static void through_state(const walk *k, const float *rows, const float *S, float *to)
{
    int64_t K = k->w.K, W = k->w.W;
    const la_tile *tile = k->w.x->tile;
    tile->transpose(2 * C, W, rows, W, k->turned, 2 * C);
    la_small((la_small_product){.M = K,
                                .N = 2 * C,
                                .K = W,
                                .a = S,
                                .down = W,
                                .along = 1,
                                .B = k->turned,
                                .ldb = 2 * C,
                                .to = k->w.T,
                                .ldc = 2 * C});
    tile->transpose(K, 2 * C, k->w.T, 2 * C, to, K);
}

/* to += by . x over n numbers. */
static void add_product(int64_t n, const float *by, const float *x, float *to)
{
    for (int64_t e = 0; e < n; e += LA_VW)
        la_v_store(to + e, la_v_fma(la_v_load(by + e), la_v_load(x + e), la_v_load(to + e)));
}

/* The pairs of one stretch: dM (or its transpose) times the other side, and this side's own factor, which
 * starts at `first` and `second` for the two halves. */
static void add_pairs(const walk *k, bool transposed, const float *other, const float *first,
                      const float *second, float *to)
{
    int64_t K = k->w.K;
    la_small((la_small_product){.M = 2 * C,
                                .N = K,
                                .K = 2 * C,
                                .a = k->dM,
                                .down = transposed ? 1 : 2 * C,
                                .along = transposed ? 2 * C : 1,
                                .B = other,
                                .ldb = K,
                                .to = k->pairs,
                                .ldc = K});
    add_product(C * K, first, k->pairs, to);
    add_product(C * K, second, k->pairs + C * K, to + C * K);
}

/* gates [C,K] = what crosses each token from the chunk's start, or to its end. dreads and dwrites are still
 * products with the states. */
static void gates_of_ends(const walk *k, const chunk *c)
{
    int64_t K = k->w.K, W = k->w.W;
    const float *whole = c->fade + C * K, *a = c->in, *q = c->in + C * K;
    const float *b = c->out, *key = c->out + C * K, *da = k->dreads, *dq = da + C * K;
    const float *db = k->dwrites, *dkey = db + C * K;
    float *through = k->gates + (C - 1) * K;
    for (int64_t r = 0; r < K; r++)
        through[r] = whole[r] * k->w.x->tile->dot(W, c->S + r * W, c->dS + r * W);
    for (int64_t r = 0; r < K; r += LA_VW) {
        la_vf sum = la_v_load(through + r);
        for (int64_t e = (C - 1) * K + r; e >= 0; e -= K) {
            sum = la_v_fma(la_v_load(q + e), la_v_load(dq + e), sum);
            la_v_store(k->gates + e, sum);
            sum = la_v_fma(la_v_load(a + e), la_v_load(da + e), sum);
        }
        sum = la_v_set(0.0f);
        for (int64_t e = r; e < C * K; e += K) {
            la_v_store(k->gates + e, la_v_load(k->gates + e) + sum);
            sum = la_v_fma(la_v_load(b + e), la_v_load(db + e), sum);
            sum = la_v_fma(la_v_load(key + e), la_v_load(dkey + e), sum);
        }
    }
}

/* What two reads at one time (rows a and q, of dM da and dq) saw of the writes before it, added to every
 * token on the way: each write adds to the sum that its later tokens get. r: the first channel. */
LA_INLINE void gates_of_reads(const walk *k, int64_t time, const float *cols, la_vf a, la_vf q,
                              const float *da, const float *dq, int64_t r)
{
    int64_t K = k->w.K;
    la_vf sum = la_v_set(0.0f);
    for (int64_t j = 0; j + 1 < time; j++) {
        la_vf b = la_v_fma(la_v_set(da[j]), a, la_v_set(dq[j]) * q);
        la_vf key = la_v_fma(la_v_set(da[C + j]), a, la_v_set(dq[C + j]) * q);
        sum = la_v_fma(b, la_v_load(cols + j * K + r), sum);
        sum = la_v_fma(key, la_v_load(cols + (C + j) * K + r), sum);
        float *to = k->gates + (j + 1) * K + r;
        la_v_store(to, la_v_load(to) + sum);
    }
}

/* The pairs of a stretch: at each time q of the token before it and a of the token behind it. */
static void gates_of_pairs(const walk *k, const chunk *c, int e, const la_dplr_stretch *s)
{
    int64_t K = k->w.K, first = c->stretch[e] > 2 ? c->stretch[e] : 2;
    for (int64_t r = 0; r < K; r += LA_VW)
        for (int64_t time = first; time < c->stretch[e + 1]; time++) {
            bool more = time < C; /* the a of the next chunk's first token is not ours */
            int64_t i = more ? time : 0, j = C + time - 1;
            la_vf a = more ? la_v_load(s->rows + i * K + r) : la_v_set(0.0f);
            gates_of_reads(k, time, s->cols, a, la_v_load(s->rows + j * K + r), k->dM + i * 2 * C,
                           k->dM + j * 2 * C, r);
        }
}

static void tokens_back(const walk *k, const chunk *c, int64_t t)
{
    int64_t K = k->w.K, W = k->w.W, dk = k->w.x->dk, ab = k->w.x->gate_row * dk;
    const la_tile *tile = k->w.x->tile;
    la_rows_ask(k->w.x, la_floats(k->y->dg, ab), dk, t, true);
    through_state(k, c->Y, c->S, k->dreads);
    la_rows_ask(k->w.x, la_floats(k->y->da, ab), dk, t, true);
    through_state(k, c->U, c->dS, k->dwrites);
    if (k->y->dg) gates_of_ends(k, c);
    tile->mul(C * K, k->dreads, c->fade, k->dreads);
    tile->mul(C * K, k->dreads + C * K, c->fade + K, k->dreads + C * K);
    tile->mul(C * K, k->dwrites, c->to, k->dwrites);
    tile->mul(C * K, k->dwrites + C * K, c->to, k->dwrites + C * K);
    la_small((la_small_product){.M = 2 * C,
                                .N = 2 * C,
                                .K = W,
                                .a = c->Y,
                                .down = W,
                                .along = 1,
                                .B = k->turned,
                                .ldb = 2 * C,
                                .to = k->dM,
                                .ldc = 2 * C});
    LA_ISA(la_dplr_mask)(k->dM);
    la_rows_ask(k->w.x, la_floats(k->y->db, ab), dk, t, true);
    for (int e = 0; e < c->stretches; e++) {
        la_dplr_stretch s = LA_ISA(la_dplr_stretch)(&k->w, c, e);
        if (k->y->dg) gates_of_pairs(k, c, e, &s);
        add_pairs(k, false, s.cols, s.near, s.near + K, k->dreads);
        add_pairs(k, true, s.rows, s.far + K, s.far + K, k->dwrites);
    }
}

/* ---- the steps of the walk ---- */

static float *state_before(void *self, int64_t i)
{
    walk *k = self;
    k->kept[i] = la_dplr_chunk_at(&k->w, k->w.team->rank, i);
    return k->kept[i].S;
}

static void again(void *self, la_delta_place at, float *next)
{
    walk *k = self;
    LA_ISA(la_dplr_enter)(&k->w, &k->kept[at.i], at.t, at.n);
    if (next) LA_ISA(la_dplr_leave)(&k->w, &k->kept[at.i], next);
}

static float *state_gradient_after(void *self, la_delta_place at)
{
    const walk *k = self;
    return la_dplr_chunk_at(&k->w, at.rank, at.i).dS;
}

static void scan(void *self, la_delta_place at, int64_t j, int64_t end)
{
    const walk *k = self;
    const la_delta_slice *x = k->w.x;
    chunk c = la_dplr_chunk_at(&k->w, at.rank, at.i);
    int64_t W = k->w.W, columns = x->w < end ? x->w - j : end - j;
    la_rows dout = la_elements(k->y->dout, j, x->v_row);
    la_rows_fetch(dout, at.t, at.n, columns, x->scale, c.Y + C * W + j, end - j, W);
    la_rows_ask(x, la_elements(k->y->dv, j, x->v_row), columns, at.t, true);
    values_back(k, &c, j, end);
    la_rows_ask(x, dout, columns, at.t - C, false);
}

static void carry(void *self, la_delta_place at, int64_t j, int64_t end, float *before)
{
    const walk *k = self;
    chunk c = la_dplr_chunk_at(&k->w, at.rank, at.i);
    la_small((la_small_product){.M = k->w.K,
                                .N = end - j,
                                .K = 2 * C,
                                .a = c.in,
                                .down = 1,
                                .along = k->w.K,
                                .B = c.Y + j,
                                .ldb = k->w.W,
                                .keep = c.fade + C * k->w.K,
                                .from = c.dS + j,
                                .to = before + j,
                                .ldc = k->w.W});
}

static void gradients(void *self, la_delta_place at)
{
    const walk *k = self;
    const chunk *c = &k->kept[at.i];
    const la_delta_slice *x = k->w.x;
    const la_delta_gradients *y = k->y;
    int64_t K = k->w.K, W = k->w.W, ab = x->gate_row * x->dk, t = at.t, n = at.n;
    la_rows dq = la_elements(y->dq, 0, x->qk_row), dk = la_elements(y->dk, 0, x->qk_row);
    la_rows_deliver(n, x->w, c->Z + C * W, W, 1.0f, false, la_elements(y->dv, 0, x->v_row), t);
    if (y->dq || y->dk || y->da || y->db || y->dg) tokens_back(k, c, t);
    la_rows_deliver(n, x->dk, k->gates, K, 1.0f, false, la_floats(y->dg, ab), t);
    la_rows_deliver(n, x->dk, k->dreads, K, 1.0f, false, la_floats(y->da, ab), t);
    la_rows_deliver(n, x->dk, k->dwrites, K, 1.0f, false, la_floats(y->db, ab), t);
    la_rows_deliver(n, x->dk, k->dreads + C * K, K, 1.0f, y->add, dq, t);
    la_rows_deliver(n, x->dk, k->dwrites + C * K, K, 1.0f, y->add, dk, t);
}

void LA_ISA(la_dplr_backward)(const la_delta_slice *x, const la_delta_gradients *y,
                              const la_team *team)
{
    int64_t chunks = la_delta_kept_chunks(x->T, x->segment);
    int64_t apart = la_dplr_backward_work(x->dk, x->w, x->T, x->segment, team->size > 1);
    walk k = {.w = la_dplr_walk_in(x, team, apart, chunks), .y = y};
    int64_t K = k.w.K, W = k.w.W;
    float *p = k.w.more;
    k.w.dS = p - team->rank * apart; /* the first member's place, for all */
    p += K * W;
    k.w.Y = p, p += 2 * C * W;
    k.w.Z = p, p += 2 * C * W;
    k.turned = p, p += 2 * C * W;
    k.dM = p, p += 4 * C * C;
    k.dreads = p, p += 2 * C * K;
    k.dwrites = p, p += 2 * C * K;
    k.pairs = p, p += 2 * C * K;
    k.gates = p;
    const la_delta_way_back back = {.x = x,
                                    .team = team,
                                    .K = K,
                                    .W = W,
                                    .dS = k.w.dS,
                                    .self = &k,
                                    .state = state_before,
                                    .again = again,
                                    .after = state_gradient_after,
                                    .scan = scan,
                                    .carry = carry,
                                    .gradients = gradients};
    la_delta_walk_back(&back, y->dS_out, y->dS_in);
}
