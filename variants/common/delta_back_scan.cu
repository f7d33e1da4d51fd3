/* SPDX-License-Identifier: Apache-2.0
 * Backward of the recurrent family on CUDA devices, 2 and 3 of 4: S forward and its gradient back through the
 * chunks of a window (delta_back.h). Columns of S never meet, so a block has 16 of one (batch, head) in
 * shared memory for the whole window; its four warps share the rows of every product.
 *
 * What all columns of a chunk need (in, out, M, T) comes from the work buffer, which the second level cache holds.
 * Where it fits beside S it is copied into shared memory while the block computes, in two groups: what solves for
 * the chunk's tokens, asked for as soon as the chunk before has them, and what carries S on, asked for when S
 * has been carried. Where it does not (wide keys, small devices) products read it from where it is.
 */
#include "labench/cuda_kit.cuh"

#include "delta_back.cuh"

enum { THREADS = 128, COLS = LA_DELTA_BACK_COLS, SLD = COLS + 8, PAD = 4 };
enum { MINE = C * COLS / THREADS }; /* numbers of a chunk's rows that a thread carries */

/* The 16 x 8 tile of a [C, 16] that this warp has. */
__device__ static int tile_row()
{
    return warp_of() / 2 * 16;
}

__device__ static int tile_column()
{
    return warp_of() % 2 * 8;
}

/* What a block works on: 16 columns from j0 on of head bh. */
struct share {
    int64_t bh, j0;
};

__device__ static share share_of(const la_delta_back &w)
{
    int64_t groups = w.W / COLS;
    return {(int64_t)blockIdx.x / groups, (int64_t)blockIdx.x % groups * COLS};
}

/* S [K, SLD] from a state [B,H,dk,dv] (NULL: zeros), and back. */
__device__ static void take_state(const la_delta_back &w, share at, const float *from, float *S)
{
    for (int e = (int)threadIdx.x; e < (int)w.K * COLS; e += THREADS) {
        int64_t i = e / COLS, j = at.j0 + e % COLS;
        bool there = from && i < w.c.dk && j < w.c.dv;
        S[i * SLD + e % COLS] = there ? from[(at.bh * w.c.dk + i) * w.c.dv + j] : 0.0f;
    }
}

__device__ static void give_state(const la_delta_back &w, share at, const float *S, float *to)
{
    for (int e = (int)threadIdx.x; to && e < (int)w.K * COLS; e += THREADS) {
        int64_t i = e / COLS, j = at.j0 + e % COLS;
        if (i < w.c.dk && j < w.c.dv) to[(at.bh * w.c.dk + i) * w.c.dv + j] = S[i * SLD + e % COLS];
    }
}

/* The same of one chunk, [K,W] in the work buffer. */
__device__ static void keep_state(const la_delta_back &w, const place &on, share at, const float *S,
                                  float *to)
{
    for (int e = (int)threadIdx.x; e < (int)w.K * COLS; e += THREADS)
        to[(on.n * w.K + e / COLS) * w.W + at.j0 + e % COLS] = S[e / COLS * SLD + e % COLS];
}

/* This thread's numbers of a chunk's rows of a tensor like v, times the weight of the token where `weighted`; asked
 * for a chunk ahead, since they come from afar. */
__device__ static void ask_rows(const la_delta_back &w, const place &on, share at, const void *from,
                                bool weighted, float mine[MINE])
{
#pragma unroll
    for (int n = 0; n < MINE; n++) {
        int e = (int)threadIdx.x + n * THREADS, l = e / COLS;
        int64_t j = at.j0 + e % COLS;
        mine[n] = 0.0f;
        if (l < on.live && j < w.c.dv) mine[n] = number(w.c, from, token_of(w, on, l) * w.c.dv + j);
        if (weighted) mine[n] *= weight_of(w, on, l);
    }
}

__device__ static void lay_rows(const float mine[MINE], float *to)
{
#pragma unroll
    for (int n = 0; n < MINE; n++) {
        int e = (int)threadIdx.x + n * THREADS;
        to[e / COLS * SLD + e % COLS] = mine[n];
    }
}

/* ---- what a chunk's columns share ---- */

/* One part of it, rows by columns: where the kernel reads it, and its way there. */
struct part {
    const float *p;
    int ld;
};

/* `rows` of `columns` numbers, a multiple of 4, whose first chunk is at `from`, `apart` numbers between chunks. Not
 * staged they stay there; else their place is at *room, which moves on. */
template <bool STAGED> struct parts {
    const float *from;
    int64_t apart;
    int rows, columns;
    float *room;

    __device__ parts(const float *from_, int64_t apart_, int rows_, int columns_, float **room_)
        : from(from_), apart(apart_), rows(rows_), columns(columns_), room(*room_)
    {
        if (STAGED) *room_ += rows * (columns + PAD);
    }
    __device__ void fetch(const place &on) const
    {
        const float *p = from + on.n * apart;
        int n = rows * columns / 4;
        for (int e = (int)threadIdx.x; STAGED && e < n; e += THREADS) {
            int r = 4 * e / columns, c = 4 * e % columns;
            la_cp_async16(room + r * (columns + PAD) + c, p + 4 * e, true);
        }
    }
    __device__ part of(const place &on) const
    {
        if (STAGED) return {room, columns + PAD};
        return {from + on.n * apart, columns};
    }
};

/* Floats that they take: of the states' scan (reads of the first kind alone) or of the one back. */
static int64_t staged_floats(la_write_rule write, int64_t K, bool back)
{
    const int64_t R = write == LA_WRITE_ADDITIVE ? C : 2 * C;
    const int64_t N = write == LA_WRITE_RANK_ONE ? 2 * C : C, solved = write != LA_WRITE_ADDITIVE;
    int64_t in = back ? R : solved * C, M = back ? R : N > C ? C : 0;
    return (in + N) * (K + PAD) + M * (N + PAD) + solved * C * (C + PAD) + K + PAD;
}

/* S <- exp(G_C) S + A' U for rows of A [n C, K] and U, the C rows of whose kinds are at U1 and U2. */
template <typename HOW>
__device__ static void carry(int K, part A, part whole, int n, const float *U1, const float *U2,
                             float *S)
{
#pragma unroll 2
    for (int tile = warp_of(); tile < K / 16 * 2; tile += THREADS / LA_WARP) {
        int r0 = tile / 2 * 16, c0 = tile % 2 * 8;
        float acc[4] = {};
        add_product<HOW>(acc, turned(A.p + r0, A.ld), rows_of(U1 + c0, SLD), C);
        if (n == 2)
            add_product<HOW>(acc, turned(A.p + C * A.ld + r0, A.ld), rows_of(U2 + c0, SLD), C);
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int r = r0 + row_of(e);
            float *s = S + r * SLD + c0 + column_of(e);
            *s = fmaf(whole.p[r], *s, acc[e]);
        }
    }
}

/* U of a chunk whose V is at V: X = T (V - in_k S), U = diag(beta) X, or W = T (in_a S + M_ak V). */
template <typename HOW, la_write_rule WRITE>
__device__ static void solve(const la_delta_back &w, const place &on, share at, part in, part M,
                             part T, const float *S, const float *V, float *rest, float *U)
{
    typedef kinds<WRITE> kind;
    const int r0 = tile_row(), c0 = tile_column();
    float acc[4] = {};
    add_product<HOW>(acc, rows_of(in.p + r0 * in.ld, in.ld), rows_of(S + c0, SLD), (int)w.K);
    if (kind::rank_one)
        add_product<HOW>(acc, rows_of(M.p + r0 * M.ld + C, M.ld), rows_of(V + c0, SLD), C);
#pragma unroll
    for (int e = 0; e < 4; e++) {
        int i = (r0 + row_of(e)) * SLD + c0 + column_of(e);
        rest[i] = kind::rank_one ? acc[e] : V[i] - acc[e];
        acc[e] = 0.0f;
    }
    __syncthreads();
    add_product<HOW>(acc, rows_of(T.p + r0 * T.ld, T.ld), rows_of(rest + c0, SLD), C);
#pragma unroll
    for (int e = 0; e < 4; e++) {
        int l = r0 + row_of(e), c = c0 + column_of(e);
        w.X[(on.n * C + l) * w.W + at.j0 + c] = acc[e];
        U[l * SLD + c] = kind::delta ? weight_of(w, on, l) * acc[e] : acc[e];
    }
}

/* grid: groups of columns, heads, sequences; block: THREADS. */
template <typename HOW, la_write_rule WRITE, bool STAGED>
__global__ void __launch_bounds__(THREADS, 1)
    delta_states_kernel(la_delta_back w, const float *from, float *to, bool keep)
{
    typedef kinds<WRITE> kind;
    LA_SHARED(float, pool);
    const share at = share_of(w);
    const int K = (int)w.K;
    float *S = pool, *V = S + K * SLD, *rest = V + C * SLD, *U = rest + C * SLD,
          *room = U + C * SLD;
    const parts<STAGED> in(w.in, kind::R * w.K, kind::solved ? C : 0, K, &room);
    const parts<STAGED> M(w.M, kind::R * kind::N, kind::rank_one ? C : 0, kind::N, &room);
    const parts<STAGED> T(w.T, C * C, kind::solved ? C : 0, C, &room);
    const parts<STAGED> out(w.out, kind::N * w.K, kind::N, K, &room),
        whole(w.whole, w.K, 1, K, &room);
    place on = place_of(w, at.bh, 0);
    float ahead[MINE];
    in.fetch(on), M.fetch(on), T.fetch(on);
    la_cp_async_commit();
    out.fetch(on), whole.fetch(on);
    la_cp_async_commit();
    ask_rows(w, on, at, w.c.v, !kind::solved, ahead);
    take_state(w, at, from, S);
    for (int64_t i = 0; i < w.chunks; i++) {
        const bool more = i + 1 < w.chunks;
        const place next = place_of(w, at.bh, more ? i + 1 : i);
        lay_rows(ahead, V);
        la_cp_async_wait<1>();
        __syncthreads(); /* V and what solves are there */
        ask_rows(w, next, at, w.c.v, !kind::solved, ahead);
        if (keep) keep_state(w, on, at, S, w.S);
        if (kind::solved)
            solve<HOW, WRITE>(w, on, at, in.of(on), M.of(on), T.of(on), S, V, rest, U);
        __syncthreads(); /* everybody has read S and what solves */
        if (more) in.fetch(next), M.fetch(next), T.fetch(next);
        la_cp_async_commit();
        la_cp_async_wait<1>();
        __syncthreads(); /* what carries is there */
        carry<HOW>(K, out.of(on), whole.of(on), kind::writes, kind::solved ? U : V, V, S);
        __syncthreads();
        if (more) out.fetch(next), whole.fetch(next);
        la_cp_async_commit();
        on = next;
    }
    give_state(w, at, S, to);
}

/* What reaches the writes of kind n: Z = out dS + M_q' dO, this warp's tile of it. */
template <typename HOW, la_write_rule WRITE>
__device__ static void reach(int K, part out, part M, int n, const float *dS, const float *dO,
                             float z[4])
{
    typedef kinds<WRITE> kind;
    const int r0 = n * C + tile_row(), c0 = tile_column();
    const float *Mq = M.p + (kind::R - C) * M.ld + r0;
    add_product<HOW>(z, rows_of(out.p + r0 * out.ld, out.ld), rows_of(dS + c0, SLD), K);
    add_product<HOW>(z, turned(Mq, M.ld), rows_of(dO + c0, SLD), C);
}

/* The gradients of U and V at this warp's tile, and those of what the first kind of reads gave in Y. */
template <typename HOW, la_write_rule WRITE>
__device__ static void tokens_back(const la_delta_back &w, const place &on, share at, part out,
                                   part M, part T, const float *dS, const float *dO, float *rest,
                                   float *Y)
{
    typedef kinds<WRITE> kind;
    const int K = (int)w.K, r0 = tile_row(), c0 = tile_column();
    float dU[4] = {}, dV[4] = {};
    reach<HOW, WRITE>(K, out, M, 0, dS, dO, dU);
    if (kind::rank_one) reach<HOW, WRITE>(K, out, M, 1, dS, dO, dV);
    if (kind::solved) {
        float acc[4] = {};
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int l = r0 + row_of(e);
            rest[l * SLD + c0 + column_of(e)] = kind::delta ? weight_of(w, on, l) * dU[e] : dU[e];
        }
        __syncthreads();
        add_product<HOW>(acc, turned(T.p + r0, T.ld), rows_of(rest + c0, SLD), C);
#pragma unroll
        for (int e = 0; e < 4; e++)
            Y[(r0 + row_of(e)) * SLD + c0 + column_of(e)] = kind::delta ? -acc[e] : acc[e];
        __syncthreads();
        float *reads_on = kind::delta ? dU : dV; /* U meets M_k, V meets M_ak */
        add_product<HOW>(reads_on, turned(M.p + (kind::delta ? 0 : C) + r0, M.ld),
                         rows_of(Y + c0, SLD), C);
#pragma unroll
        for (int e = 0; e < 4; e++) (kind::delta ? dV : dU)[e] = acc[e];
    }
#pragma unroll
    for (int e = 0; e < 4; e++) {
        int l = r0 + row_of(e);
        int64_t j = at.j0 + c0 + column_of(e);
        w.dU[(on.n * C + l) * w.W + j] = dU[e];
        if (!w.dv || l >= on.live || j >= w.c.dv) continue;
        float x = kind::solved ? dV[e] : weight_of(w, on, l) * dU[e];
        put(w.c, x, w.dv, token_of(w, on, l) * w.c.dv + j);
    }
}

/* grid: groups of columns, heads, sequences; block: THREADS. */
template <typename HOW, la_write_rule WRITE, bool STAGED>
__global__ void __launch_bounds__(THREADS, 1)
    delta_scan_back_kernel(la_delta_back w, const float *from, float *to)
{
    typedef kinds<WRITE> kind;
    LA_SHARED(float, pool);
    const share at = share_of(w);
    const int K = (int)w.K;
    float *dS = pool, *dO = dS + K * SLD, *rest = dO + C * SLD, *Y = rest + C * SLD;
    float *room = Y + C * SLD;
    const parts<STAGED> out(w.out, kind::N * w.K, kind::N, K, &room);
    const parts<STAGED> M(w.M, kind::R * kind::N, kind::R, kind::N, &room);
    const parts<STAGED> T(w.T, C * C, kind::solved ? C : 0, C, &room);
    const parts<STAGED> in(w.in, kind::R * w.K, kind::R, K, &room),
        whole(w.whole, w.K, 1, K, &room);
    place on = place_of(w, at.bh, w.chunks - 1);
    float ahead[MINE];
    out.fetch(on), M.fetch(on), T.fetch(on);
    la_cp_async_commit();
    in.fetch(on), whole.fetch(on);
    la_cp_async_commit();
    ask_rows(w, on, at, w.dout, false, ahead);
    take_state(w, at, from, dS);
    for (int64_t i = w.chunks; i-- > 0;) {
        const place next = place_of(w, at.bh, i > 0 ? i - 1 : i);
        lay_rows(ahead, dO);
        la_cp_async_wait<1>();
        __syncthreads(); /* dO and what solves are there */
        ask_rows(w, next, at, w.dout, false, ahead);
        keep_state(w, on, at, dS, w.dS);
        tokens_back<HOW, WRITE>(w, on, at, out.of(on), M.of(on), T.of(on), dS, dO, rest, Y);
        __syncthreads(); /* everybody has read dS and what solves */
        if (i > 0) out.fetch(next), M.fetch(next), T.fetch(next);
        la_cp_async_commit();
        la_cp_async_wait<1>();
        __syncthreads(); /* what carries is there */
        carry<HOW>(K, in.of(on), whole.of(on), kind::reads, kind::solved ? Y : dO, dO, dS);
        __syncthreads();
        if (i > 0) in.fetch(next), whole.fetch(next);
        la_cp_async_commit();
        on = next;
    }
    give_state(w, at, dS, to);
}

/* Shared memory of a block, and whether it holds what columns share. */
struct room {
    size_t bytes;
    bool staged;
};

static room room_of(const la_delta_back *w, bool back)
{
    int64_t own = (w->K + 3 * C) * SLD, all = own + staged_floats(w->c.write, w->K, back);
    bool fits = (size_t)all * sizeof(float) <= w->shared;
    return {(size_t)(fits ? all : own) * sizeof(float), fits};
}

/* The kernels do not ask how the decay came: `in` and `out` hold it. */
struct launch_scan {
    template <typename HOW, la_write_rule WRITE, bool CHANNEL>
    static void run(const la_delta_back *w, bool back, const float *from, float *to, bool keep)
    {
        const room has = room_of(w, back);
        const dim3 grid((unsigned)(w->c.B * w->c.H * (w->W / COLS))), block(THREADS);
        void *stream = w->c.stream;
        if (back && has.staged)
            LA_LAUNCH((delta_scan_back_kernel<HOW, WRITE, true>), grid, block, has.bytes, stream,
                      *w, from, to);
        else if (back)
            LA_LAUNCH((delta_scan_back_kernel<HOW, WRITE, false>), grid, block, has.bytes, stream,
                      *w, from, to);
        else if (has.staged)
            LA_LAUNCH((delta_states_kernel<HOW, WRITE, true>), grid, block, has.bytes, stream, *w,
                      from, to, keep);
        else
            LA_LAUNCH((delta_states_kernel<HOW, WRITE, false>), grid, block, has.bytes, stream, *w,
                      from, to, keep);
    }
};

static la_status scan(const la_delta_back *w, bool back, const float *from, float *to, bool keep,
                      la_err *err)
{
    run_by_kind<launch_scan>(w, back, from, to, keep);
    return LA_LAUNCHED(back ? "the gradients of states" : "the states of a backward", err);
}

extern "C" la_status la_delta_back_states(const la_delta_back *w, const float *from, float *to,
                                          bool keep, la_err *err)
{
    return scan(w, false, from, to, keep, err);
}

extern "C" la_status la_delta_back_scan(const la_delta_back *w, const float *from, float *to,
                                        la_err *err)
{
    return scan(w, true, from, to, false, err);
}

extern "C" size_t la_delta_back_shared(void)
{
#ifdef __CUDACC__
    int device = 0, bytes = 0;
    (void)cudaGetDevice(&device);
    (void)cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
    return (size_t)bytes;
#else
    return 227 << 10;
#endif
}
