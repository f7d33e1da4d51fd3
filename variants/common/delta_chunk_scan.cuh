/* SPDX-License-Identifier: Apache-2.0
 * The state through the chunks (delta_chunk_cuda.cuh). Columns of S never meet: a warp has 16 of them, of all
 * dk channels, as sums of tiles S' (a column of S a row), and nothing of the recurrence crosses
 * warps, which share only what is staged. What is a sum of one product is, packed, the left operand
 * of the next: S' K', W' T', U' P' and U' K need no shared memory between them.
 *
 * A stage is 1 or 2 chunks. One barrier a stage says that it is here and that nobody reads the other any more, so
 * that the next one is asked for behind it and on its way while this one is computed. O takes the place of V
 * there, once the warp has read it, and leaves by rows.
 */
#ifndef LA_DELTA_CHUNK_SCAN_CUH
#define LA_DELTA_CHUNK_SCAN_CUH

#include "delta_chunk_cuda.cuh"

/* What a launch does with every segment of a head's chunks. */
enum la_scan_goal {
    LA_SCAN_OUTPUT, /* from the state it starts with, outputs; the last segment leaves S_out */
    LA_SCAN_STATES /* from zeros, the state it ends with, no outputs; and, where transitions are given, of
                       the columns of an identity what becomes of them while nothing is written. Not of
                       the last segment, and no transition of a first one that starts with zeros */
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
    /* Above 128 channels two warps share the columns of one: each has half of the channels, and what both read of
     * S is added through shared memory, [held of one, held of the other, o of the other][8][lanes]. */
    static const int halves = DK > 128 ? 2 : 1, widest = 128 / halves;
    static const int exchanged = 3 * 8 * LA_WARP; /* floats of two warps */
    static const size_t room = 101376;            /* of a block on sm_120 */
    __host__ __device__ static constexpr size_t between(int wide)
    {
        return halves == 2 ? (size_t)(wide / 16 * exchanged) * sizeof(float) : 0;
    }
    /* Two in turn where there is room for them (wide keys in float32 leave none). */
    __host__ __device__ static constexpr int stages()
    {
        return between(widest) + 2 * bytes(widest) <= room ? 2 : 1;
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

/* Rows of a tensor into shared memory, WIDTH numbers of each, zeros beyond `rows_there` and `there`; by thread `me`
 * of so many. */
template <int WIDTH, typename E>
__device__ static void la_stage_rows(E *to, int pitch, int rows, const E *from, int64_t stride,
                                     int64_t rows_there, int64_t there, int me, int threads)
{
    const int step = 16 / (int)sizeof(E);
    const uintptr_t odd = (uintptr_t)from | (uintptr_t)(stride * (int64_t)sizeof(E)) |
                          (uintptr_t)(there * (int64_t)sizeof(E));
    if (odd % 16 == 0) {
        for (int i = me; i < rows * (WIDTH / step); i += threads) {
            int r = i / (WIDTH / step), x = i % (WIDTH / step) * step;
            bool inside = r < rows_there && x < there;
            la_cp_async16(to + r * pitch + x, inside ? from + r * stride + x : from, inside);
        }
        return;
    }
    for (int i = me; i < rows * WIDTH; i += threads) {
        int r = i / WIDTH, x = i % WIDTH;
        E zero;
        la_from_float(0.0f, &zero);
        to[r * pitch + x] = r < rows_there && x < there ? from[r * stride + x] : zero;
    }
}

template <typename E, la_write_rule WRITE, bool CHANNEL, int DK> struct la_scan {
    typedef la_scan_stage<E, WRITE, CHANNEL, DK> stage;
    typedef typename stage::record record;
    typedef la_tiles<E> tiles;
    static const int HALVES = stage::halves, CHANNELS = DK / HALVES, TILES = CHANNELS / 16;
    static const int EARLY = HALVES == 2 ? TILES : TILES / 2;
    /* In turn, where registers are left for them. */
    static const int SUMS = WRITE == LA_WRITE_RANK_ONE && DK > 64 && sizeof(E) == 4 ? 1 : 2;
    /* Left operands of S are made for each product, where there are no registers to keep them in. */
    static const bool AGAIN = sizeof(typename tiles::left) > 16;
    /* load makes its addresses anew, that none takes a register while a chunk is computed. In float32 that spares
     * deltas of wide keys a spill, but narrow keys and additive writes spill with it and not without. */
    static const bool FORGETS = sizeof(E) == 2 || (WRITE != LA_WRITE_ADDITIVE && DK > 64);

    /* The block's place: a head, a segment of it, and its first column. */
    const la_scan_call *x;
    int64_t bh, b, h, part, column;
    int64_t columns;      /* there are, at most `wide` */
    bool identity;        /* columns of the identity, which decay and are read while V is zero */
    int lane, warp, half; /* which 16 columns, which half of the channels */

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
        half = warp % HALVES, warp /= HALVES;
    }

    /* A block whose result nobody asks for: behind the last segment, and what becomes of zeros. */
    __device__ bool idle() const
    {
        const bool start = part == 0 && !x->c.S_in;
        return x->goal == LA_SCAN_STATES && (part == x->segments - 1 || (identity && start));
    }

    /* The records of a stage; states need no q. */
    __device__ void load_records(unsigned char *to, const unsigned char *from, int chunks,
                                 int me) const
    {
        static_assert(stage::chunks <= 2, "the second chunk's pieces lie behind the first one's");
        const int whole = record::bytes / 16, before = record::floats / 4;
        const bool all = !CHANNEL || x->goal == LA_SCAN_OUTPUT;
        const int left_out = all ? 0 : record::copy * (int)sizeof(E) / 16, each = whole - left_out;
        for (int i = me; i < chunks * each; i += (int)blockDim.x) {
            int second = i >= each, at = i - second * each;
            at = 16 * (second * whole + (at < before ? at : at + left_out));
            la_cp_async16(to + at, from + at, true);
        }
    }

    /* The stage that begins with `chunk`, of a segment that ends before `end`. */
    __device__ void load(const stage &to, int64_t chunk, int64_t end) const
    {
        const la_delta_call &c = x->c;
        const int64_t left = end - chunk, n = left < stage::chunks ? left : stage::chunks;
        int me = (int)threadIdx.x;
        if (FORGETS) la_anew(me);
        const int64_t first = chunk * LA_CHUNK, tokens = c.T - first, t = b * c.T + first;
        load_records(to.records, x->records + (bh * x->chunks + chunk) * record::bytes, (int)n, me);
        if (!CHANNEL) {
            const int threads = (int)blockDim.x;
            int64_t at = (t * c.Hqk + h / (c.H / c.Hqk)) * c.dk, stride = c.Hqk * c.dk;
            if (x->goal == LA_SCAN_OUTPUT)
                la_stage_rows<DK>(to.q, record::pitch, stage::tokens, (const E *)c.q + at, stride,
                                  tokens, c.dk, me, threads);
            la_stage_rows<DK>(to.k, record::pitch, stage::tokens, (const E *)c.k + at, stride,
                              tokens, c.dk, me, threads);
        }
        const int64_t mine = columns - 16 * warp; /* each warp takes its own columns of V */
        const E *v = (const E *)c.v + (t * c.H + h) * c.dv;
        la_stage_rows<16>(to.v + 16 * warp, stage::line(x->wide), stage::tokens,
                          mine > 0 && !identity ? v + column + 16 * warp : v, c.H * c.dv,
                          identity ? 0 : tokens, mine > 0 ? mine : 0, me % (HALVES * LA_WARP),
                          HALVES * LA_WARP);
        la_cp_async_commit();
    }

    __device__ int channel_of(int n, int i) const
    {
        return half * CHANNELS + 16 * n + la_tile_column(i);
    }

    /* S' of tile n: number i is channel 16 n + column of the tile, and the warp's column of its row. */
    __device__ bool there(int n, int i, int64_t pitch, int64_t *at) const
    {
        int64_t channel = channel_of(n, i), j = 16 * warp + la_tile_row(i);
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
                if (identity && channel_of(n, i) == column + 16 * warp + la_tile_row(i))
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

    /* S' R' over the tiles [FROM, TO) of rows R of keys. In two sums a product need not wait for the one before. */
    template <int FROM, int TO>
    __device__ static void meet(float sum[SUMS][8], float S[TILES][8], const E *rows)
    {
#pragma unroll
        for (int n = FROM; n < TO; n++) {
#pragma unroll
            for (int i = 0; i < 8; i++)
                if (AGAIN) la_anew(S[n][i]);
            tiles::add(sum[n % SUMS], tiles::of(S[n]), tiles::rows(rows + 16 * n, record::pitch));
        }
    }

    /* Sums over this half of the channels become those over all; of o in the first half alone. The stage's own
     * barrier lies between two chunks. */
    __device__ void exchange(float held[8], float o[8], float *between) const
    {
        static_assert(HALVES == 1 || stage::chunks == 1, "two barriers a chunk");
        const bool output = x->goal == LA_SCAN_OUTPUT;
        float *pair = between + warp * stage::exchanged + lane;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            if (WRITE != LA_WRITE_ADDITIVE) pair[(8 * half + i) * LA_WARP] = held[i];
            if (output && half == 1) pair[(16 + i) * LA_WARP] = o[i];
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 8; i++) {
            if (WRITE != LA_WRITE_ADDITIVE) held[i] += pair[(8 * (1 - half) + i) * LA_WARP];
            if (output && half == 0) o[i] += pair[(16 + i) * LA_WARP];
        }
    }

    __device__ static void joined(float sum[SUMS][8])
    {
#pragma unroll
        for (int i = 0; i < 8; i++)
            if (SUMS == 2) sum[0][i] += sum[SUMS - 1][i];
    }

    /* S <- what its decay leaves, and what k (and b) write. */
    __device__ void carry(float S[TILES][8], unsigned char *of, const E *k, const float value[8],
                          const float u[8]) const
    {
        const float *factor = record::factor(of);
        const typename tiles::fine write = tiles::fine_of(value), second = tiles::fine_of(u);
#pragma unroll
        for (int n = 0; n < TILES; n++) {
#pragma unroll
            for (int i = 0; i < 8; i++)
                S[n][i] *= factor[CHANNEL ? channel_of(n, i) : LA_CHUNK - 1];
            tiles::add(S[n], write, tiles::across(k + 16 * n, record::pitch));
            if (WRITE == LA_WRITE_RANK_ONE)
                tiles::add(S[n], second,
                           tiles::across(record::rows(of, record::B) + half * CHANNELS + 16 * n,
                                         record::pitch));
        }
    }

    /* One chunk: its record, q and what writes and reads as rows of keys, and V, which becomes O. Products that
     * wait for nothing stand between those that wait for each other: half of S' Q' between S' K' and
     * what is solved from it, the other half between that and what it writes. */
    __device__ void chunk(float S[TILES][8], unsigned char *of, const E *q, const E *k,
                          const E *reads, E *v, float *between) const
    {
        const float *factor = record::factor(of);
        const int line = stage::line(x->wide);
        const bool output = x->goal == LA_SCAN_OUTPUT, gives = output && half == 0;
        float o[SUMS][8] = {}, held[SUMS][8] = {}, u[8] = {}, value[8];
        la_tile_turned(value, v + 16 * warp, line);
        if (WRITE != LA_WRITE_ADDITIVE) meet<0, TILES>(held, S, reads + half * CHANNELS);
        if (output) meet<0, EARLY>(o, S, q + half * CHANNELS);
        if (WRITE == LA_WRITE_RANK_ONE) add(u, value, tiles::table(record::table(of, record::M)));
        joined(held);
        if (HALVES == 2) {
            joined(o);
            if (WRITE != LA_WRITE_ADDITIVE || output) exchange(held[0], o[0], between);
        }
        if (WRITE != LA_WRITE_ADDITIVE) {
            float w[8];
#pragma unroll
            for (int i = 0; i < 8; i++) {
                w[i] = held[0][i];
                if (!CHANNEL) w[i] *= factor[la_tile_column(i)];
                if (WRITE == LA_WRITE_DELTA) w[i] = value[i] - w[i];
            }
            add(u, w, tiles::table(record::table(of, record::T)));
        }
        if (gives) {
            meet<EARLY, TILES>(o, S, q);
            if (HALVES == 1) joined(o);
#pragma unroll
            for (int i = 0; i < 8; i++)
                if (!CHANNEL) o[0][i] *= x->c.scale * factor[la_tile_column(i)];
        }
        if (WRITE == LA_WRITE_DELTA) {
#pragma unroll
            for (int i = 0; i < 8; i++) value[i] = u[i];
        }
        if (gives) {
            add(o[0], value, tiles::table(record::table(of, record::P)));
            if (WRITE == LA_WRITE_RANK_ONE)
                add(o[0], u, tiles::table(record::table(of, record::PB)));
        }
        if (!CHANNEL) {
#pragma unroll
            for (int i = 0; i < 8; i++) value[i] *= factor[LA_CHUNK + la_tile_column(i)];
        }
        carry(S, of, k + half * CHANNELS, value, u);
        if (gives) la_tile_turn(o[0], v + 16 * warp, line);
    }

    /* The warp's columns of O from their place in the stage. */
    __device__ void store(const E *from, int64_t first, int most) const
    {
        const la_delta_call &c = x->c;
        const int step = 16 / (int)sizeof(E), line = stage::line(x->wide);
        const int64_t left = c.T - first, mine = columns - 16 * warp;
        const int tokens = left < most ? (int)left : most;
        int me = lane;
        la_anew(me); /* as FORGETS, of every type and width */
        E *to = (E *)c.o + ((b * c.T + first) * c.H + h) * c.dv + column + 16 * warp;
        const int64_t stride = c.H * c.dv;
        from += 16 * warp;
        const uintptr_t odd = (uintptr_t)to | (uintptr_t)(stride * (int64_t)sizeof(E)) |
                              (uintptr_t)(columns * (int64_t)sizeof(E));
        if (odd % 16 == 0) {
            for (int i = me; i < tokens * (16 / step); i += LA_WARP) {
                int r = i / (16 / step), at = i % (16 / step) * step;
                if (at < mine)
                    *(uint4 *)(void *)(to + r * stride + at) =
                        *(const uint4 *)(const void *)(from + r * line + at);
            }
            return;
        }
        for (int i = me; i < tokens * 16; i += LA_WARP)
            if (i % 16 < mine) to[i / 16 * stride + i % 16] = from[i / 16 * line + i % 16];
    }

    /* The chunks of a stage from chunk n on, before `last`. */
    __device__ void compute(float S[TILES][8], const stage &now, int64_t n, int64_t last,
                            float *between) const
    {
        for (int i = 0; i < stage::chunks && n + i < last; i++) {
            unsigned char *of = now.records + i * record::bytes;
            const int keys = i * LA_CHUNK * record::pitch;
            E *v = now.v + i * LA_CHUNK * stage::line(x->wide);
            if (CHANNEL)
                chunk(S, of, record::rows(of, record::Q), record::rows(of, record::K),
                      record::rows(of, record::R), v, between);
            else
                chunk(S, of, now.q + keys, now.k + keys, now.k + keys, v, between);
        }
        __syncwarp();
        if (x->goal == LA_SCAN_OUTPUT && half == 0) {
            const int64_t tokens = (last - n) * LA_CHUNK;
            store(now.v, n * LA_CHUNK, tokens < stage::tokens ? (int)tokens : stage::tokens);
        }
    }

    __device__ void run(unsigned char *pool) const
    {
        float S[TILES][8];
        const int64_t first = part * x->segment, far = first + x->segment;
        const int64_t last = far < x->chunks ? far : x->chunks;
        float *between = (float *)(void *)(pool + stage::stages() * stage::bytes(x->wide));
        if (idle()) return; /* all of the block */
        load(stage(pool, 0, x->wide), first, last);
        begin(S);
        for (int64_t n = first, turn = 0; n < last; n += stage::chunks) {
            const int64_t next = n + stage::chunks;
            const stage now(pool, (int)turn, x->wide);
            if (stage::stages() == 2) turn ^= 1;
            la_cp_async_wait<0>();
            __syncthreads(); /* this stage is here; nobody reads the other any more */
            if (stage::stages() == 2 && next < last)
                load(stage(pool, (int)turn, x->wide), next, last);
            compute(S, now, n, last, between);
            if (stage::stages() == 2 || next >= last) continue;
            __syncthreads(); /* nobody reads the only one any more */
            load(now, next, last);
        }
        end(S);
    }
};

/* grid: groups of columns of every segment of every head; block: a warp, or two, for each 16 columns. */
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
    static_assert(stage::stages() * stage::bytes(stage::widest) + stage::between(stage::widest) <=
                      stage::room,
                  "more than a block has");
    const size_t shared = stage::stages() * stage::bytes(x->wide) + stage::between(x->wide);
    LA_LAUNCH((la_scan_kernel<E, WRITE, CHANNEL, DK>), dim3(blocks),
              dim3((unsigned)(x->wide * 2 * stage::halves)), shared, x->c.stream, *x);
    return LA_LAUNCHED("the state through the chunks", err);
}

template <typename E> static la_status la_scan_of(const la_scan_call *x, la_err *err)
{
#define CASE(w, channel)                                                                           \
    if (x->c.write == LA_WRITE_##w && (x->c.decay == LA_DECAY_CHANNEL) == channel) {               \
        if (x->c.dk <= 64) return la_scan_launch<E, LA_WRITE_##w, channel, 64>(x, err);            \
        if (x->c.dk <= 128) return la_scan_launch<E, LA_WRITE_##w, channel, 128>(x, err);          \
        return la_scan_launch<E, LA_WRITE_##w, channel, 256>(x, err);                              \
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
