/* SPDX-License-Identifier: Apache-2.0
 * What a chunk of 16 tokens needs before it meets the state (delta_chunk_cuda.cuh): scores, the inverse of the
 * delta rule, factors and decayed copies.
 *
 * Scores are products of tf32: exact for bf16 and f16, three products for float32. Decays of pairs of tokens
 * are sums of what lies between them and never differences of running sums, so that a reset of -50 leaves
 * its neighbours exact. By channel, where the decay is inside the product over channels, pairs are split
 * by halves: of the rows of a half and the columns of the half before it, both decay from where the halves
 * meet, with exponents at most 0; halves of 8, 4, 2 and 1 tokens hold every pair once.
 */
#include "delta_chunk_cuda.cuh"

static const int C = LA_CHUNK,
                 LINE = LA_CHUNK + 1; /* floats of a line of a table in shared memory */
static const int HALVES = 4;          /* 8, 4, 2, 1 tokens: a warp each */

/* Where a chunk lies. */
struct chunk_place {
    int64_t bh, b, h, first; /* its first token */
    int tokens;              /* of the sequence, at most C */
};

__device__ static chunk_place place_of(const la_delta_call &c, int64_t chunk, int64_t chunks)
{
    chunk_place x;
    x.bh = chunk / chunks, x.b = x.bh / c.H, x.h = x.bh % c.H, x.first = chunk % chunks * C;
    int64_t left = c.T - x.first;
    x.tokens = left < C ? (int)left : C;
    return x;
}

/* Row i of the chunk in a tensor [B,T,heads,n]; `head` of it. */
__device__ static int64_t row_of(const la_delta_call &c, const chunk_place &x, int i, int64_t heads,
                                 int64_t head, int64_t n)
{
    return ((x.b * c.T + x.first + i) * heads + head) * n;
}

template <typename E> struct alignas(4 * sizeof(E)) quad {
    E x[4];
};

/* Four channels from `from` of a row at `at`; zeros where not `there` and beyond dk. In one load where rows are
 * whole fours. */
template <typename E>
__device__ static void four(const void *tensor, int64_t at, int from, int64_t dk, bool there,
                            float x[4])
{
    const E *row = (const E *)tensor + at + from;
    if (dk % 4 == 0 && (uintptr_t)tensor % sizeof(quad<E>) == 0) {
        const bool inside = there && from < dk;
        quad<E> y = {};
        if (inside) y = *(const quad<E> *)(const void *)row;
#pragma unroll
        for (int i = 0; i < 4; i++) x[i] = inside ? la_to_float(y.x[i]) : 0.0f;
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) x[i] = there && from + i < dk ? la_to_float(row[i]) : 0.0f;
}

/* c += rows (q0; q1) times columns (k0, k1)', 4 channels of each a lane. */
template <bool SPLIT>
__device__ static void add_scores(float c[8], const float top[4], const float bottom[4],
                                  const float left[4], const float right[4])
{
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        const float a[4] = {top[i], bottom[i], top[i + 1], bottom[i + 1]};
        const float l[2] = {left[i], left[i + 1]}, r[2] = {right[i], right[i + 1]};
        la_split_a sa = la_split4(a);
        la_split_b sl = la_split2(l), sr = la_split2(r);
        if (SPLIT) {
            la_mma_split(c, sa, sl);
            la_mma_split(c + 4, sa, sr);
        } else {
            la_mma_tf32(c, sa.high, sl.high);
            la_mma_tf32(c + 4, sa.high, sr.high);
        }
    }
}

/* x <- (I + L)^-1 x for the strict lower triangle L [C][LINE], a column a lane. */
__device__ static void substitute(const float *L, float x[LA_CHUNK])
{
#pragma unroll
    for (int i = 1; i < C; i++) {
#pragma unroll
        for (int m = 0; m < i; m++) x[i] = fmaf(-L[i * LINE + m], x[m], x[i]);
    }
}

/* A table from lines of shared memory, by one warp. */
__device__ static void table_out(float *table, const float *lines)
{
    float c[8];
#pragma unroll
    for (int i = 0; i < 8; i++) c[i] = lines[la_tile_row(i) * LINE + la_tile_column(i)];
    la_table_store(table, c);
}

/* ---- decays by head: a warp a chunk ---- */

static const int HEAD_WARPS = 4;

/* Shared memory of a warp: what decays from token j to i [C][LINE], L and then T, g, w. */
struct head_lines {
    float between[LA_CHUNK * LINE], L[LA_CHUNK * LINE], g[LA_CHUNK], w[LA_CHUNK];
};

/* Decays between the tokens of a chunk; lanes below C have a token each. Factors go to `factor`. */
__device__ static void decays_of(const la_delta_call &c, const chunk_place &x, head_lines *s,
                                 bool weighs, float *factor)
{
    int i = (int)(threadIdx.x % LA_WARP);
    float sum = 0.0f;
    if (i < C) {
        bool there = i < x.tokens;
        int64_t at = row_of(c, x, i, c.H, x.h, 1);
        s->g[i] = !there ? 0.0f : c.g ? c.g[at] : c.fixed ? c.fixed[c.H + x.h] : 0.0f;
        s->w[i] = !there ? 0.0f : c.beta ? c.beta[at] : 1.0f;
    }
    __syncwarp();
    if (i < C) {
        for (int j = i; j >= 0; j--) {
            s->between[i * LINE + j] = sum;
            sum += s->g[j];
        }
    }
    __syncwarp();
    if (i < C) {
        factor[i] = expf(sum);
        factor[C + i] = expf(s->between[(C - 1) * LINE + i]) * (weighs ? s->w[i] : 1.0f);
    }
}

template <typename E, la_write_rule WRITE>
__global__ void __launch_bounds__(128, 1)
    prepare_by_head(la_delta_call c, unsigned char *records, int64_t chunks, int64_t all)
{
    typedef la_chunk_record<E, WRITE, false, LA_CHUNK> record;
    LA_SHARED(head_lines, pool);
    const int warp = (int)(threadIdx.x / LA_WARP), lane = (int)(threadIdx.x % LA_WARP);
    const int64_t chunk = (int64_t)blockIdx.x * HEAD_WARPS + warp;
    if (chunk >= all) return; /* whole warps, and no barrier of the block follows */
    const chunk_place x = place_of(c, chunk, chunks);
    head_lines *s = pool + warp;
    unsigned char *mine = records + chunk * record::bytes;
    const bool delta = WRITE == LA_WRITE_DELTA;
    decays_of(c, x, s, !delta, record::factor(mine));
    float p[8] = {0}, l[8] = {0};
    const int top = lane / 4, bottom = top + 8;
    const int64_t head = x.h / (c.H / c.Hqk);
    const int64_t at = row_of(c, x, top, c.Hqk, head, c.dk),
                  below = row_of(c, x, bottom, c.Hqk, head, c.dk);
    const bool here = top < x.tokens, there = bottom < x.tokens;
    for (int from = 0; from < c.dk; from += 16) {
        float q0[4], q1[4], k0[4], k1[4];
        int channel = from + lane % 4 * 4;
        four<E>(c.q, at, channel, c.dk, here, q0);
        four<E>(c.q, below, channel, c.dk, there, q1);
        four<E>(c.k, at, channel, c.dk, here, k0);
        four<E>(c.k, below, channel, c.dk, there, k1);
        add_scores<sizeof(E) == 4>(p, q0, q1, k0, k1);
        if (delta) add_scores<sizeof(E) == 4>(l, k0, k1, k0, k1);
    }
#pragma unroll
    for (int e = 0; e < 8; e++) {
        int i = la_tile_row(e), j = la_tile_column(e);
        float fade = j <= i ? expf(s->between[i * LINE + j]) : 0.0f;
        p[e] = j <= i ? c.scale * fade * p[e] * (delta ? 1.0f : s->w[j]) : 0.0f;
        if (delta) s->L[i * LINE + j] = j < i ? s->w[i] * fade * l[e] : 0.0f;
    }
    la_table_store(record::table(mine, record::P), p);
    if (!delta) return;
    __syncwarp();
    float t[LA_CHUNK];
#pragma unroll
    for (int i = 0; i < C; i++) t[i] = i == lane % C ? 1.0f : 0.0f;
    substitute(s->L, t);
    __syncwarp();
    if (lane < C) {
#pragma unroll
        for (int i = 0; i < C; i++) s->L[i * LINE + lane] = t[i] * s->w[lane];
    }
    __syncwarp();
    table_out(record::table(mine, record::T), s->L);
}

/* ---- decays by channel: a block a chunk ---- */

/* Shared memory of a block: tables of lines, then what decays to where halves meet [HALVES][C][DK + 16]. */
template <int DK> struct channel_lines {
    static const int pitch = DK + 16; /* float4 of two rows lie in different banks */
    float P[LA_CHUNK * LINE], L[LA_CHUNK * LINE], PB[LA_CHUNK * LINE], M[LA_CHUNK * LINE];
    float w[LA_CHUNK];
    float fade[HALVES * LA_CHUNK * pitch];
};

/* What token t of a channel decays to where its halves meet: second halves from there, first ones to there. */
template <int DK>
__device__ static void fades_of(const float g[LA_CHUNK], int channel, channel_lines<DK> *s)
{
#pragma unroll
    for (int level = 0; level < HALVES; level++) {
        const int half = C / 2 >> level;
        float sum = 0.0f;
#pragma unroll
        for (int t = 0; t < C; t++) {
            if (t % (2 * half) < half) continue;
            sum = t % half == 0 ? g[t] : sum + g[t];
            s->fade[(level * C + t) * channel_lines<DK>::pitch + channel] = expf(sum);
        }
#pragma unroll
        for (int t = C - 1; t >= 0; t--) {
            if (t % (2 * half) >= half) continue;
            sum = t % half == half - 1 ? 0.0f : sum + g[t + 1];
            s->fade[(level * C + t) * channel_lines<DK>::pitch + channel] = expf(sum);
        }
    }
}

/* Factors and copies of one channel, and its fades. */
template <typename E, la_write_rule WRITE, int DK>
__device__ static void copies_of(const la_delta_call &c, const chunk_place &x, int channel,
                                 channel_lines<DK> *s, unsigned char *mine)
{
    typedef la_chunk_record<E, WRITE, true, DK> record;
    const int64_t head = x.h / (c.H / c.Hqk);
    float g[LA_CHUNK], sum = 0.0f;
#pragma unroll
    for (int t = 0; t < C; t++) {
        bool there = t < x.tokens && channel < c.dk;
        g[t] = there ? c.g[row_of(c, x, t, c.H, x.h, c.dk) + channel] : 0.0f;
    }
    for (int t = 0; t < C; t++) {
        bool there = t < x.tokens && channel < c.dk;
        int64_t qk = row_of(c, x, t, c.Hqk, head, c.dk) + channel;
        E *to = record::rows(mine, 0) + t * record::pitch + channel;
        float before = expf(sum);
        sum += g[t];
        float q = there ? la_to_float(((const E *)c.q)[qk]) : 0.0f, fade = expf(sum);
        la_from_float(c.scale * fade * q, to + record::Q * record::copy);
        if (WRITE == LA_WRITE_DELTA) {
            float k = there ? la_to_float(((const E *)c.k)[qk]) : 0.0f;
            la_from_float(fade * k, to + record::R * record::copy);
        }
        if (WRITE == LA_WRITE_RANK_ONE) {
            float a = there ? c.a[row_of(c, x, t, c.H, x.h, c.dk) + channel] : 0.0f;
            la_from_float(before * a, to + record::R * record::copy);
        }
    }
    record::factor(mine)[channel] = expf(sum);
    sum = 0.0f;
    for (int t = C - 1; t >= 0; t--) {
        bool there = t < x.tokens && channel < c.dk;
        int64_t qk = row_of(c, x, t, c.Hqk, head, c.dk) + channel;
        E *to = record::rows(mine, 0) + t * record::pitch + channel;
        float k = there ? la_to_float(((const E *)c.k)[qk]) : 0.0f, fade = expf(sum);
        la_from_float(fade * k * (WRITE == LA_WRITE_ADDITIVE ? s->w[t] : 1.0f),
                      to + record::K * record::copy);
        if (WRITE == LA_WRITE_RANK_ONE) {
            float b = there ? c.b[row_of(c, x, t, c.H, x.h, c.dk) + channel] : 0.0f;
            la_from_float(fade * b, to + record::B * record::copy);
        }
        sum += g[t];
    }
    fades_of<DK>(g, channel, s);
}

/* Scores of the pairs that meet between halves of one length: rows are q and what reads, columns are k and b. */
template <typename E, la_write_rule WRITE, int DK>
__device__ static void scores_of(const la_delta_call &c, const chunk_place &x, int level,
                                 channel_lines<DK> *s)
{
    const bool rank_one = WRITE == LA_WRITE_RANK_ONE;
    const int lane = (int)(threadIdx.x % LA_WARP), half = C / 2 >> level, mine = lane / 4;
    const int j = mine / half * 2 * half + mine % half, i = j + half; /* row i, column j */
    const int64_t head = x.h / (c.H / c.Hqk);
    const int64_t qi = row_of(c, x, i, c.Hqk, head, c.dk), kj = row_of(c, x, j, c.Hqk, head, c.dk),
                  ai = row_of(c, x, i, c.H, x.h, c.dk), bj = row_of(c, x, j, c.H, x.h, c.dk);
    const float *fades = s->fade + level * C * channel_lines<DK>::pitch;
    float sum[8] = {0};
    for (int from = 0; from < c.dk; from += 16) {
        float q[4], r[4], k[4], b[4] = {0};
        int channel = from + lane % 4 * 4;
        four<E>(c.q, qi, channel, c.dk, i < x.tokens, q);
        four<E>(c.k, kj, channel, c.dk, j < x.tokens, k);
        if (rank_one) {
            four<float>(c.a, ai, channel, c.dk, i < x.tokens, r);
            four<float>(c.b, bj, channel, c.dk, j < x.tokens, b);
        } else {
            four<E>(c.k, qi, channel, c.dk, i < x.tokens, r);
        }
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const float *at = fades + channel + e;
            float row = at[i * channel_lines<DK>::pitch], column = at[j * channel_lines<DK>::pitch];
            q[e] *= row, k[e] *= column, b[e] *= column;
            /* a meets what was before its own token's decay */
            if (rank_one && i % half == 0) row = 1.0f;
            if (rank_one && i % half != 0) row = at[(i - 1) * channel_lines<DK>::pitch];
            r[e] *= row;
        }
        add_scores<true>(sum, q, r, k, b);
    }
#pragma unroll
    for (int e = 0; e < 8; e++) {
        int row = lane / 4, column = lane % 4 * 2 + e % 2;
        if (row / half != column / half) continue;
        int at = (row / half * 2 * half + half + row % half) * LINE + column / half * 2 * half +
                 column % half;
        float *to = e / 4 == 0 ? (e / 2 % 2 == 0 ? s->P
                                  : rank_one     ? s->M
                                                 : s->L)
                               : (e / 2 % 2 == 0 ? s->PB : s->L);
        if (e / 4 == 0 || rank_one) to[at] = e / 2 % 2 == 0 ? c.scale * sum[e] : sum[e];
    }
}

/* Pairs of a token with itself, and zeros above. A warp has every HALVES-th line. */
template <typename E, la_write_rule WRITE, int DK>
__device__ static void diagonal_of(const la_delta_call &c, const chunk_place &x, int warp,
                                   channel_lines<DK> *s)
{
    const int lane = (int)(threadIdx.x % LA_WARP);
    const int64_t head = x.h / (c.H / c.Hqk);
    for (int i = warp; i < C; i += HALVES) {
        float qk = 0.0f, qb = 0.0f;
        int64_t at = row_of(c, x, i, c.Hqk, head, c.dk), own = row_of(c, x, i, c.H, x.h, c.dk);
        for (int64_t n = lane; n < c.dk && i < x.tokens; n += LA_WARP) {
            float q = la_to_float(((const E *)c.q)[at + n]);
            qk = fmaf(q, la_to_float(((const E *)c.k)[at + n]), qk);
            if (WRITE == LA_WRITE_RANK_ONE) qb = fmaf(q, c.b[own + n], qb);
        }
        qk = la_warp_sum(qk), qb = la_warp_sum(qb);
        if (lane < i || lane >= C) continue;
        s->P[i * LINE + lane] = lane == i ? c.scale * qk : 0.0f;
        s->PB[i * LINE + lane] = lane == i ? c.scale * qb : 0.0f;
        s->L[i * LINE + lane] = s->M[i * LINE + lane] = 0.0f;
    }
}

/* L becomes the inverse (times beta), M the inverse times M; by one warp: columns of L in its lower lanes, of M
 * in its upper ones. */
template <la_write_rule WRITE, int DK> __device__ static void invert(channel_lines<DK> *s)
{
    const bool rank_one = WRITE == LA_WRITE_RANK_ONE;
    const int lane = (int)(threadIdx.x % LA_WARP), column = lane % C;
    float x[LA_CHUNK];
    if (lane < C) {
#pragma unroll
        for (int i = 0; i < C; i++) s->L[i * LINE + column] *= rank_one ? -1.0f : s->w[i];
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < C; i++)
        x[i] = lane < C ? (i == column ? 1.0f : 0.0f) : rank_one ? s->M[i * LINE + column] : 0.0f;
    substitute(s->L, x);
    __syncwarp();
#pragma unroll
    for (int i = 0; i < C; i++) {
        if (lane < C) s->L[i * LINE + column] = rank_one ? x[i] : x[i] * s->w[column];
        if (lane >= C && rank_one) s->M[i * LINE + column] = x[i];
    }
    __syncwarp();
}

template <typename E, la_write_rule WRITE, int DK>
__global__ void __launch_bounds__(32 * HALVES, 1)
    prepare_by_channel(la_delta_call c, unsigned char *records, int64_t chunks)
{
    typedef la_chunk_record<E, WRITE, true, DK> record;
    LA_SHARED(channel_lines<DK>, s);
    const int warp = (int)(threadIdx.x / LA_WARP);
    const chunk_place x = place_of(c, blockIdx.x, chunks);
    unsigned char *mine = records + (int64_t)blockIdx.x * record::bytes;
    if ((int)threadIdx.x < C) {
        int i = (int)threadIdx.x;
        bool there = i < x.tokens;
        s->w[i] = there ? (c.beta ? c.beta[row_of(c, x, i, c.H, x.h, 1)] : 1.0f) : 0.0f;
    }
    __syncthreads();
    for (int channel = (int)threadIdx.x; channel < DK; channel += (int)blockDim.x)
        copies_of<E, WRITE, DK>(c, x, channel, s, mine);
    diagonal_of<E, WRITE, DK>(c, x, warp, s);
    __syncthreads();
    scores_of<E, WRITE, DK>(c, x, warp, s);
    __syncthreads();
    if (warp == 0 && WRITE != LA_WRITE_ADDITIVE) {
        invert<WRITE, DK>(s);
        table_out(record::table(mine, record::T), s->L);
        if (WRITE == LA_WRITE_RANK_ONE) table_out(record::table(mine, record::M), s->M);
    }
    if (warp == 1) {
        float p[8];
#pragma unroll
        for (int e = 0; e < 8; e++) {
            int j = la_tile_column(e);
            p[e] = s->P[la_tile_row(e) * LINE + j] * (WRITE == LA_WRITE_ADDITIVE ? s->w[j] : 1.0f);
        }
        la_table_store(record::table(mine, record::P), p);
    }
    if (warp == 2 && WRITE == LA_WRITE_RANK_ONE) table_out(record::table(mine, record::PB), s->PB);
}

/* ---- launches ---- */

template <typename E, la_write_rule WRITE, int DK>
static la_status launch_channel(const la_delta_call *c, unsigned char *records, la_err *err)
{
    int64_t chunks = (c->T + C - 1) / C, all = c->B * c->H * chunks;
    LA_LAUNCH((prepare_by_channel<E, WRITE, DK>), dim3((unsigned)all), dim3(32 * HALVES),
              sizeof(channel_lines<DK>), c->stream, *c, records, chunks);
    return LA_LAUNCHED("chunks of a decay by channel", err);
}

template <typename E, la_write_rule WRITE>
static la_status launch_head(const la_delta_call *c, unsigned char *records, la_err *err)
{
    int64_t chunks = (c->T + C - 1) / C, all = c->B * c->H * chunks;
    LA_LAUNCH((prepare_by_head<E, WRITE>), dim3((unsigned)((all + HEAD_WARPS - 1) / HEAD_WARPS)),
              dim3(32 * HEAD_WARPS), HEAD_WARPS * sizeof(head_lines), c->stream, *c, records,
              chunks, all);
    return LA_LAUNCHED("chunks of a decay by head", err);
}

template <typename E>
static la_status launch(const la_delta_call *c, unsigned char *records, la_err *err)
{
#define CHANNEL(w)                                                                                 \
    if (c->write == LA_WRITE_##w && c->decay == LA_DECAY_CHANNEL) {                                \
        if (c->dk <= 64) return launch_channel<E, LA_WRITE_##w, 64>(c, records, err);              \
        if (c->dk <= 128) return launch_channel<E, LA_WRITE_##w, 128>(c, records, err);            \
        return launch_channel<E, LA_WRITE_##w, 256>(c, records, err);                              \
    }
    CHANNEL(ADDITIVE)
    CHANNEL(DELTA)
    CHANNEL(RANK_ONE)
#undef CHANNEL
    if (c->write == LA_WRITE_ADDITIVE) return launch_head<E, LA_WRITE_ADDITIVE>(c, records, err);
    if (c->write == LA_WRITE_DELTA) return launch_head<E, LA_WRITE_DELTA>(c, records, err);
    return LA_FAIL(err, LA_E_INTERNAL, "a write rule and decay without a kernel");
}

extern "C" la_status la_delta_chunks_prepare(const la_delta_call *c, void *records, la_err *err)
{
    if (c->B * c->H * ((c->T + C - 1) / C) > INT32_MAX)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "more blocks than one launch may have");
    unsigned char *to = (unsigned char *)records;
    if (c->dtype == LA_BF16) return launch<la_bf16_t>(c, to, err);
    if (c->dtype == LA_F16) return launch<la_f16_t>(c, to, err);
    return launch<float>(c, to, err);
}
