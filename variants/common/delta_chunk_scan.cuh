/* SPDX-License-Identifier: Apache-2.0
 * The state through the chunks (delta_chunk_cuda.cuh). Columns of S never meet: a warp has 16 of them, of all
 * dk channels, as sums of tiles S' (a column of S a row), and nothing of the recurrence crosses
 * warps, which share only what is staged. What is a sum of one product is, packed, the left operand
 * of the next: S' K', W' T', U' P' and U' K need no shared memory between them.
 *
 * A stage is 1 or 2 chunks; the next one is on its way while this one is computed. O takes the place of V there,
 * number for number in the lane that read it, and leaves by rows.
 */
#ifndef LA_DELTA_CHUNK_SCAN_CUH
#define LA_DELTA_CHUNK_SCAN_CUH

#include "delta_chunk_cuda.cuh"

/* What a launch does with every segment of a head's chunks. */
enum la_scan_goal {
    LA_SCAN_OUTPUT, /* from the state it starts with, outputs; the last segment leaves S_out */
    LA_SCAN_STATES /* from zeros, the state it ends with, no outputs; and, where transitions are given, of
                       the columns of an identity what becomes of them while nothing is written */
};

struct la_scan_call {
    la_delta_call c;
    const unsigned char *records;
    la_scan_goal goal;
    int64_t chunks, segments, segment; /* of a head: chunks, segments, chunks of one */
    int64_t groups;                    /* blocks that share the columns of a segment */
    int wide;                          /* columns of a block */
    float *starts;      /* [B H segments,dk,dv]: S before (OUTPUT), behind (STATES); or NULL */
    float *transitions; /* [B H segments,dk,dk] or NULL */
};

template <typename E, la_write_rule WRITE, bool CHANNEL, int DK> struct la_scan_stage {
    typedef la_chunk_record<E, WRITE, CHANNEL, DK> record;
    static const int chunks = WRITE != LA_WRITE_RANK_ONE && DK * (int)sizeof(E) <= 256 ? 2 : 1;
    static const int tokens = chunks * LA_CHUNK;
    static const int keys = CHANNEL ? 0 : tokens * record::pitch; /* of q, and of k */
    __host__ __device__ static constexpr int line(int wide)       /* numbers of a row of V */
    {
        return wide + 8;
    }
    __host__ __device__ static constexpr size_t bytes(int wide)
    {
        return (size_t)chunks * record::bytes +
               (size_t)(2 * keys + tokens * line(wide)) * sizeof(E);
    }
    unsigned char *records;
    E *q, *k, *v;
    __device__ la_scan_stage(unsigned char *at, int which, int wide)
    {
        records = at + which * bytes(wide);
        q = (E *)(void *)(records + chunks * record::bytes);
        k = q + keys;
        v = k + keys;
    }
};

/* Rows of a tensor into shared memory, `width` numbers of each, zeros beyond `rows_there` and `there`. */
template <typename E>
__device__ static void la_stage_rows(E *to, int pitch, int rows, int width, const E *from,
                                     int64_t stride, int64_t rows_there, int64_t there)
{
    const int step = 16 / (int)sizeof(E), threads = (int)blockDim.x;
    const uintptr_t odd = (uintptr_t)from | (uintptr_t)(stride * (int64_t)sizeof(E)) |
                          (uintptr_t)(there * (int64_t)sizeof(E));
    if (odd % 16 == 0) {
        for (int i = (int)threadIdx.x; i < rows * (width / step); i += threads) {
            int r = i / (width / step), x = i % (width / step) * step;
            bool inside = r < rows_there && x < there;
            la_cp_async16(to + r * pitch + x, inside ? from + r * stride + x : from, inside);
        }
        return;
    }
    for (int i = (int)threadIdx.x; i < rows * width; i += threads) {
        int r = i / width, x = i % width;
        E zero;
        la_from_float(0.0f, &zero);
        to[r * pitch + x] = r < rows_there && x < there ? from[r * stride + x] : zero;
    }
}

template <typename E, la_write_rule WRITE, bool CHANNEL, int DK> struct la_scan {
    typedef la_scan_stage<E, WRITE, CHANNEL, DK> stage;
    typedef typename stage::record record;
    typedef la_tiles<E> tiles;
    static const int TILES = DK / 16;

    /* The block's place: a head, a segment of it, and its first column. */
    const la_scan_call *x;
    int64_t bh, b, h, part, column;
    int64_t columns; /* there are, at most `wide` */
    bool identity;   /* columns of the identity, which decay and are read while V is zero */
    int lane, warp;

    __device__ la_scan(const la_scan_call *call) : x(call)
    {
        const int64_t place = (int64_t)blockIdx.x / x->groups, all = x->groups * x->wide;
        const int64_t own = (x->c.dv + x->wide - 1) / x->wide * x->wide;
        bh = place / x->segments, part = place % x->segments, b = bh / x->c.H, h = bh % x->c.H;
        column = (int64_t)blockIdx.x % x->groups * x->wide;
        identity = column >= own && all > own;
        if (identity) column -= own;
        const int64_t left = (identity ? x->c.dk : x->c.dv) - column;
        columns = left < x->wide ? left : x->wide;
        lane = (int)(threadIdx.x % LA_WARP), warp = (int)(threadIdx.x / LA_WARP);
    }

    /* The stage that begins with `chunk`, of a segment that ends before `end`. */
    __device__ void load(const stage &to, int64_t chunk, int64_t end) const
    {
        const la_delta_call &c = x->c;
        const int64_t left = end - chunk, n = left < stage::chunks ? left : stage::chunks;
        const int64_t first = chunk * LA_CHUNK, tokens = c.T - first;
        const unsigned char *from = x->records + (bh * x->chunks + chunk) * record::bytes;
        for (int i = (int)threadIdx.x; i < n * (record::bytes / 16); i += (int)blockDim.x)
            la_cp_async16(to.records + i * 16, from + i * 16, true);
        const int64_t t = b * c.T + first;
        if (!CHANNEL) {
            int64_t at = (t * c.Hqk + h / (c.H / c.Hqk)) * c.dk, stride = c.Hqk * c.dk;
            la_stage_rows(to.q, record::pitch, stage::tokens, DK, (const E *)c.q + at, stride,
                          tokens, c.dk);
            la_stage_rows(to.k, record::pitch, stage::tokens, DK, (const E *)c.k + at, stride,
                          tokens, c.dk);
        }
        la_stage_rows(to.v, stage::line(x->wide), stage::tokens, x->wide,
                      (const E *)c.v + (t * c.H + h) * c.dv + (identity ? 0 : column), c.H * c.dv,
                      identity ? 0 : tokens, columns);
    }

    /* S' of tile n: number i is channel 16 n + column of the tile, and the warp's column of its row. */
    __device__ bool there(int n, int i, int64_t pitch, int64_t *at) const
    {
        int64_t channel = 16 * n + la_tile_column(i), j = 16 * warp + la_tile_row(i);
        *at = channel * pitch + column + j;
        return channel < x->c.dk && j < columns;
    }

    __device__ void begin(float S[TILES][8]) const
    {
        const int64_t one = x->c.dk * x->c.dv;
        const float *from = x->goal == LA_SCAN_STATES ? nullptr
                            : x->starts               ? x->starts + (bh * x->segments + part) * one
                            : x->c.S_in               ? x->c.S_in + bh * one
                                                      : nullptr;
#pragma unroll
        for (int n = 0; n < TILES; n++) {
#pragma unroll
            for (int i = 0; i < 8; i++) {
                int64_t at;
                bool inside = there(n, i, x->c.dv, &at);
                S[n][i] = from && inside ? from[at] : 0.0f;
                if (identity && 16 * n + la_tile_column(i) == column + 16 * warp + la_tile_row(i))
                    S[n][i] = 1.0f;
            }
        }
    }

    __device__ void end(const float S[TILES][8]) const
    {
        const int64_t place = bh * x->segments + part, pitch = identity ? x->c.dk : x->c.dv;
        float *to = nullptr;
        if (x->goal == LA_SCAN_STATES)
            to = (identity ? x->transitions : x->starts) + place * x->c.dk * pitch;
        else if (x->c.S_out && part == x->segments - 1)
            to = x->c.S_out + bh * x->c.dk * pitch;
        if (!to) return;
#pragma unroll
        for (int n = 0; n < TILES; n++) {
#pragma unroll
            for (int i = 0; i < 8; i++) {
                int64_t at;
                if (there(n, i, pitch, &at)) to[at] = S[n][i];
            }
        }
    }

    /* c += X Y of a sum X and a table or tile Y. */
    __device__ static void add(float c[8], const float x[8], const typename tiles::right &y)
    {
        tiles::add(c, tiles::of(x), y);
    }

    /* One chunk: its record, q and what writes and reads as rows of keys, and V, which becomes O. */
    __device__ void chunk(float S[TILES][8], unsigned char *of, const E *q, const E *k,
                          const E *reads, E *v) const
    {
        const float *factor = record::factor(of);
        const int line = stage::line(x->wide);
        float o[8] = {0}, held[8] = {0}, u[8], value[8];
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            typename tiles::left s = tiles::of(S[n]);
            if (x->goal == LA_SCAN_OUTPUT) tiles::add(o, s, tiles::rows(q + 16 * n, record::pitch));
            if (WRITE != LA_WRITE_ADDITIVE)
                tiles::add(held, s, tiles::rows(reads + 16 * n, record::pitch));
        }
#pragma unroll
        for (int i = 0; i < 8; i++) {
            value[i] = la_to_float(v[la_tile_column(i) * line + 16 * warp + la_tile_row(i)]);
            if (!CHANNEL) {
                o[i] *= x->c.scale * factor[la_tile_column(i)];
                held[i] *= factor[la_tile_column(i)];
            }
            u[i] = 0.0f;
        }
        if (WRITE == LA_WRITE_RANK_ONE) {
            add(u, held, tiles::table(record::table(of, record::T)));
            add(u, value, tiles::table(record::table(of, record::M)));
            add(o, u, tiles::table(record::table(of, record::PB)));
        }
        if (WRITE == LA_WRITE_DELTA) {
            float w[8];
#pragma unroll
            for (int i = 0; i < 8; i++) w[i] = value[i] - held[i];
            add(u, w, tiles::table(record::table(of, record::T)));
#pragma unroll
            for (int i = 0; i < 8; i++) value[i] = u[i];
        }
        add(o, value, tiles::table(record::table(of, record::P)));
#pragma unroll
        for (int i = 0; i < 8; i++) {
            la_from_float(o[i], &v[la_tile_column(i) * line + 16 * warp + la_tile_row(i)]);
            if (!CHANNEL) value[i] *= factor[LA_CHUNK + la_tile_column(i)];
        }
        typename tiles::fine write = tiles::fine_of(value), second = tiles::fine_of(u);
#pragma unroll
        for (int n = 0; n < TILES; n++) {
#pragma unroll
            for (int i = 0; i < 8; i++)
                S[n][i] *= factor[CHANNEL ? 16 * n + la_tile_column(i) : LA_CHUNK - 1];
            tiles::add(S[n], write, tiles::across(k + 16 * n, record::pitch));
            if (WRITE == LA_WRITE_RANK_ONE)
                tiles::add(S[n], second,
                           tiles::across(record::rows(of, record::B) + 16 * n, record::pitch));
        }
    }

    /* The warp's columns of O from their place in the stage. */
    __device__ void store(const E *from, int64_t first, int most) const
    {
        const la_delta_call &c = x->c;
        const int step = 16 / (int)sizeof(E), line = stage::line(x->wide);
        const int64_t left = c.T - first, mine = columns - 16 * warp;
        const int tokens = left < most ? (int)left : most;
        E *to = (E *)c.o + ((b * c.T + first) * c.H + h) * c.dv + column + 16 * warp;
        const int64_t stride = c.H * c.dv;
        from += 16 * warp;
        const uintptr_t odd = (uintptr_t)to | (uintptr_t)(stride * (int64_t)sizeof(E)) |
                              (uintptr_t)(columns * (int64_t)sizeof(E));
        if (odd % 16 == 0) {
            for (int i = lane; i < tokens * (16 / step); i += LA_WARP) {
                int r = i / (16 / step), at = i % (16 / step) * step;
                if (at < mine)
                    *(uint4 *)(void *)(to + r * stride + at) =
                        *(const uint4 *)(const void *)(from + r * line + at);
            }
            return;
        }
        for (int i = lane; i < tokens * 16; i += LA_WARP)
            if (i % 16 < mine) to[i / 16 * stride + i % 16] = from[i / 16 * line + i % 16];
    }

    __device__ void run(unsigned char *pool) const
    {
        float S[TILES][8];
        const int64_t first = part * x->segment, far = first + x->segment;
        const int64_t last = far < x->chunks ? far : x->chunks;
        begin(S);
        load(stage(pool, 0, x->wide), first, last);
        la_cp_async_commit();
        for (int64_t n = first, turn = 0; n < last; n += stage::chunks, turn ^= 1) {
            stage now(pool, (int)turn, x->wide);
            if (n + stage::chunks < last)
                load(stage(pool, (int)turn ^ 1, x->wide), n + stage::chunks, last);
            la_cp_async_commit();
            la_cp_async_wait<1>();
            __syncthreads(); /* this stage is here */
            for (int i = 0; i < stage::chunks && n + i < last; i++) {
                unsigned char *of = now.records + i * record::bytes;
                const int keys = i * LA_CHUNK * record::pitch;
                E *v = now.v + i * LA_CHUNK * stage::line(x->wide);
                if (CHANNEL)
                    chunk(S, of, record::rows(of, record::Q), record::rows(of, record::K),
                          record::rows(of, record::R), v);
                else
                    chunk(S, of, now.q + keys, now.k + keys, now.k + keys, v);
            }
            __syncwarp();
            if (x->goal == LA_SCAN_OUTPUT) {
                const int64_t tokens = (last - n) * LA_CHUNK;
                store(now.v, n * LA_CHUNK, tokens < stage::tokens ? (int)tokens : stage::tokens);
            }
            __syncthreads(); /* nobody reads this stage any more */
        }
        end(S);
    }
};

/* grid: groups of columns of every segment of every head; block: a warp for each 16 columns. */
template <typename E, la_write_rule WRITE, bool CHANNEL, int DK>
__global__ void __launch_bounds__(256, 1) la_scan_kernel(la_scan_call x)
{
    LA_SHARED(unsigned char, pool);
    la_scan<E, WRITE, CHANNEL, DK>(&x).run(pool);
}

template <typename E, la_write_rule WRITE, bool CHANNEL, int DK>
static la_status la_scan_launch(const la_scan_call *x, la_err *err)
{
    unsigned blocks = (unsigned)(x->c.B * x->c.H * x->segments * x->groups);
    typedef la_scan_stage<E, WRITE, CHANNEL, DK> stage;
    static_assert(2 * stage::bytes(128) <= 101376, "a block of sm_120 has 99 KB");
    size_t shared = 2 * stage::bytes(x->wide);
    LA_LAUNCH((la_scan_kernel<E, WRITE, CHANNEL, DK>), dim3(blocks), dim3((unsigned)x->wide * 2),
              shared, x->c.stream, *x);
    return LA_LAUNCHED("the state through the chunks", err);
}

template <typename E> static la_status la_scan_of(const la_scan_call *x, la_err *err)
{
#define CASE(w, channel)                                                                           \
    if (x->c.write == LA_WRITE_##w && (x->c.decay == LA_DECAY_CHANNEL) == channel) {               \
        if (x->c.dk <= 64) return la_scan_launch<E, LA_WRITE_##w, channel, 64>(x, err);            \
        return la_scan_launch<E, LA_WRITE_##w, channel, 128>(x, err);                              \
    }
    CASE(ADDITIVE, false)
    CASE(ADDITIVE, true)
    CASE(DELTA, false)
    CASE(DELTA, true)
    CASE(RANK_ONE, true)
#undef CASE
    return LA_FAIL(err, LA_E_INTERNAL, "a write rule and decay without a kernel");
}

#endif
