/* SPDX-License-Identifier: Apache-2.0
 * Rows that are moved, added and drawn on a device: embedding, dropout, gather and scatter.
 */
#include "labench/cuda_kit.cuh"
#include "layers_cuda.cuh"
#include "token_jobs.h"

namespace la_device_layers
{
enum { SUM_LANES = LAYER_THREADS / SUM_COLUMNS };

struct zero_element {
    float *x;
    __device__ void operator()(int64_t i) const
    {
        x[i] = 0.0f;
    }
};

static void zero(int64_t n, float *x)
{
    each("zeros", n, zero_element{x});
}

struct add_element {
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] += x[i];
    }
};

static void add(int64_t n, const float *x, float *y)
{
    each("sum", n, add_element{x, y});
}

struct move_row_element {
    int64_t n, ld_from, ld_to;
    const float *from;
    float *to;
    bool add;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, n);
        float *at = to + c.row * ld_to + c.column, x = from[c.row * ld_from + c.column];
        *at = add ? *at + x : x;
    }
};

static void copy_rows(int64_t N, int64_t n, const float *from, int64_t ld_from, float *to,
                      int64_t ld_to)
{
    each("copy of rows", N * n, move_row_element{n, ld_from, ld_to, from, to, false});
}

static void add_rows(int64_t N, int64_t n, const float *from, int64_t ld_from, float *to,
                     int64_t ld_to)
{
    each("sum of rows", N * n, move_row_element{n, ld_from, ld_to, from, to, true});
}

static void spread(int64_t N, int64_t M, const float *row, bool add, float *y)
{
    each("row for all", N * M, move_row_element{M, 0, M, row, y, add});
}

struct row_part {
    int64_t M;
    const float *y;
    __device__ float operator()(int64_t i, int64_t c) const
    {
        return y[i * M + c];
    }
};

static void sum_rows(int64_t N, int64_t M, const float *y, float *row)
{
    column_sums("sum over rows", N, M, row_part{M, y}, row);
}

struct gather_element {
    int64_t D, first;
    const int32_t *at;
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, D);
        y[i] = x[(at[c.row] - first) * D + c.column];
    }
};

static void gather(int64_t n, int64_t D, const int32_t *at, int64_t first, const float *x, float *y)
{
    each("gather", n * D, gather_element{D, first, at, x, y});
}

struct scatter_element { /* the first of equal places adds all of them */
    int64_t n, D, first;
    const int32_t *at;
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, D);
        int32_t place = at[c.row];
        if (c.row > 0 && at[c.row - 1] == place) return;
        float sum = 0.0f;
        for (int64_t r = c.row; r < n && at[r] == place; r++) sum += x[r * D + c.column];
        y[(place - first) * D + c.column] += sum;
    }
};

static void scatter(int64_t n, int64_t D, const int32_t *at, int64_t first, const float *x,
                    float *y)
{
    each("scatter", n * D, scatter_element{n, D, first, at, x, y});
}

struct place_element {
    int64_t D, T;
    const int32_t *at;
    const float *table;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, D);
        y[i] += table[at[c.row] % T * D + c.column];
    }
};

static void add_places(int64_t n, int64_t D, int64_t T, const int32_t *at, const float *table,
                       float *y)
{
    each("places", n * D, place_element{D, T, at, table, y});
}

/* ---- embedding ---- */

struct embed_element {
    int64_t T, D;
    const int32_t *tokens;
    const float *table, *positions;
    float *x;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, D);
        float v = table[tokens[c.row] * D + c.column];
        if (positions) v += positions[cell_of(c.row, T).column * D + c.column];
        x[i] = v;
    }
};

static void embed(int64_t N, int64_t T, int64_t D, const int32_t *tokens, const float *table,
                  const float *positions, float *x)
{
    each("embedding", N * D, embed_element{T, D, tokens, table, positions, x});
}

/* Sums rows from..to-1 of x, row r being row(r), into columns of a block of SUM_COLUMNS x SUM_LANES threads; the
 * first lane has the sum. All threads of a block call it. */
template <typename F>
__device__ static inline float block_rows(int64_t from, int64_t to, int64_t c, int64_t D,
                                          float *pool, const float *x, F row)
{
    const int lane = (int)threadIdx.y, column = (int)threadIdx.x;
    float sum = 0.0f;
    if (c < D)
        for (int64_t r = from + lane; r < to; r += SUM_LANES) sum += x[row(r) * D + c];
    __syncthreads(); /* of the strip before */
    pool[lane * SUM_COLUMNS + column] = sum;
    __syncthreads();
    if (lane > 0) return 0.0f;
    for (int j = 1; j < SUM_LANES; j++) sum += pool[j * SUM_COLUMNS + column];
    return sum;
}

/* A block a job: the sum of at most LA_JOB_ROWS rows of one token. */
__global__ static void job_kernel(int64_t D, la_token_layout l, const int32_t *table,
                                  const float *dx, float *partial)
{
    LA_SHARED(float, pool);
    int64_t job = blockIdx.x;
    if (job >= table[0]) return;
    const int32_t *order = table + l.order, *start = table + l.start;
    for (int64_t c0 = 0; c0 < D; c0 += SUM_COLUMNS) {
        int64_t c = c0 + threadIdx.x;
        float sum = block_rows(start[job], start[job + 1], c, D, pool, dx,
                               [&](int64_t r) { return (int64_t)order[r]; });
        if (threadIdx.y == 0 && c < D) partial[job * D + c] = sum;
    }
}

/* A block a token that occurs. */
__global__ static void token_kernel(int64_t D, la_token_layout l, const int32_t *table,
                                    const float *partial, float *dtable)
{
    LA_SHARED(float, pool);
    int64_t i = blockIdx.x;
    if (i >= table[1]) return;
    const int32_t *first = table + l.first;
    float *to = dtable + table[l.token + i] * D;
    for (int64_t c0 = 0; c0 < D; c0 += SUM_COLUMNS) {
        int64_t c = c0 + threadIdx.x;
        float sum =
            block_rows(first[i], first[i + 1], c, D, pool, partial, [](int64_t r) { return r; });
        if (threadIdx.y == 0 && c < D) to[c] += sum;
    }
}

struct position_element {
    int64_t N, T, D;
    const float *dx;
    float *dpositions;
    __device__ void operator()(int64_t i) const
    {
        float sum = dpositions[i];
        for (int64_t at = i; at < N * D; at += T * D) sum += dx[at];
        dpositions[i] = sum;
    }
};

static void embed_grad(int64_t N, int64_t T, int64_t D, const int32_t *, const la_token_jobs *jobs,
                       const float *dx, float *dtable, float *dpositions)
{
    const char *what = "embedding, back";
    const dim3 block(SUM_COLUMNS, SUM_LANES);
    const size_t shared = SUM_COLUMNS * SUM_LANES * sizeof(float);
    la_layers_queue *q = la_layers_queue_now();
    la_token_layout l = la_token_jobs_layout(jobs->rows, jobs->vocabulary);
    float *partial = (float *)layer_scratch(what, (size_t)(l.most_jobs * D) * sizeof(float));
    if (!partial || N <= 0) return;
    LA_LAUNCH(job_kernel, dim3((unsigned)l.most_jobs), block, shared, q->stream, D, l, jobs->table,
              dx, partial);
    layer_done(what);
    LA_LAUNCH(token_kernel, dim3((unsigned)l.most_tokens), block, shared, q->stream, D, l,
              jobs->table, partial, dtable);
    layer_done(what);
    if (dpositions) each(what, (T < N ? T : N) * D, position_element{N, T, D, dx, dpositions});
}

/* ---- dropout: Philox 4x32-10 as la_random_u32 has it, a block of four numbers a thread ---- */

struct philox4 {
    uint32_t word[4];
};
__device__ static inline philox4 philox(uint64_t stream, uint64_t counter)
{
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
    uint32_t k0 = (uint32_t)stream, k1 = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint64_t a = (uint64_t)c0 * 0xD2511F53u, b = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
    }
    return philox4{{c0, c1, c2, c3}};
}

struct dropout_element {
    uint64_t stream, first, end;
    uint32_t least;
    float scale, *x;
    __device__ void operator()(int64_t i) const
    {
        uint64_t counter = first / 4 + (uint64_t)i;
        philox4 bits = philox(stream, counter);
        for (int j = 0; j < 4; j++) {
            uint64_t at = 4 * counter + (uint64_t)j;
            if (at >= first && at < end) x[at - first] *= bits.word[j] >= least ? scale : 0.0f;
        }
    }
};

static void dropout(int64_t n, float p, uint64_t stream, uint64_t first, float *x)
{
    if (!(p > 0.0f) || n <= 0) return;
    uint32_t least = p < 1.0f ? (uint32_t)((double)p * 4294967296.0) : UINT32_MAX;
    float scale = p < 1.0f ? 1.0f / (1.0f - p) : 0.0f;
    uint64_t end = first + (uint64_t)n;
    each("dropout", (int64_t)((end + 3) / 4 - first / 4),
         dropout_element{stream, first, end, least, scale, x});
}

extern "C" void la_layers_cuda_rows(la_layers *t)
{
    t->zero = zero;
    t->add = add;
    t->copy_rows = copy_rows;
    t->add_rows = add_rows;
    t->spread = spread;
    t->sum_rows = sum_rows;
    t->gather = gather;
    t->scatter = scatter;
    t->add_places = add_places;
    t->embed = embed;
    t->embed_grad = embed_grad;
    t->dropout = dropout;
}
} // namespace la_device_layers
