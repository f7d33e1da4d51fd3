/* SPDX-License-Identifier: Apache-2.0
 * Products on the matrix units, of any size and type. A block has a tile of C, a warp 32 rows of it; 32 of the
 * sum at a time lie in shared memory as they lie in global memory, and matrix loads turn them as needed,
 * while the next 32 are already on their way into registers.
 *
 * Where float32 takes part, each number becomes a sum of bfloat16 "planes", of 8 bits each: three hold all of
 * a float32, and the six products of planes that are not below its last bit make the product of two as exact as
 * float32 has it. Against a narrow number two planes do, whose 16 bits are twice those of the other side.
 */
#include "labench/cuda_mma.cuh"

#include "gemm_number.cuh"

static const int DEPTH = LA_GEMM_DEPTH, WARP_ROWS = 32, PAD = 8;

/* ---- eight neighbours of a matrix ---- */

struct words { /* narrow numbers */
    uint32_t w[4];
};
struct floats {
    float v[8];
};

/* `there` of them exist, the rest is 0; `wide`: all of a chunk may come in loads of 16 bytes. */
template <typename E>
__device__ static void fetch(words *to, const E *from, int64_t there, bool wide)
{
    if (wide && there >= 8) {
        const uint4 x = *(const uint4 *)(const void *)from;
        to->w[0] = x.x, to->w[1] = x.y, to->w[2] = x.z, to->w[3] = x.w;
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        uint32_t low = 2 * i < there ? from[2 * i].bits : 0;
        uint32_t high = 2 * i + 1 < there ? from[2 * i + 1].bits : 0;
        to->w[i] = low | high << 16;
    }
}

__device__ static void fetch(floats *to, const float *from, int64_t there, bool wide)
{
    if (wide && there >= 8) {
        const float4 x = *(const float4 *)(const void *)from,
                     y = *(const float4 *)(const void *)(from + 4);
        to->v[0] = x.x, to->v[1] = x.y, to->v[2] = x.z, to->v[3] = x.w;
        to->v[4] = y.x, to->v[5] = y.y, to->v[6] = y.z, to->v[7] = y.w;
        return;
    }
#pragma unroll
    for (int i = 0; i < 8; i++) to->v[i] = i < there ? from[i] : 0.0f;
}

/* How a type is held, and how it becomes planes of E. */
template <typename T> struct side {
    typedef words chunk;
    __device__ static void pair(const chunk &c, int i, float *low, float *high)
    {
        T a = {(uint16_t)(c.w[i] & 0xffffu)}, b = {(uint16_t)(c.w[i] >> 16)};
        *low = la_to_float(a), *high = la_to_float(b);
    }
};
template <> struct side<float> {
    typedef floats chunk;
    __device__ static void pair(const chunk &c, int i, float *low, float *high)
    {
        *low = c.v[2 * i], *high = c.v[2 * i + 1];
    }
};

template <typename T, typename U> struct same {
    static const bool value = false;
};
template <typename T> struct same<T, T> {
    static const bool value = true;
};

/* Of a product of A and B: the type E that is multiplied, planes of each, and the products taken: of planes i
 * and j with i + j < levels. */
template <typename A, typename B> struct pairing {
    static const bool exact = same<A, float>::value && same<B, float>::value;
    static const bool plain = same<A, B>::value && !exact;
    typedef la_bf16_t E;
    static const int levels = exact ? 3 : 2;
    static const int a = same<A, la_bf16_t>::value ? 1 : levels;
    static const int b = same<B, la_bf16_t>::value ? 1 : levels;
};
template <> struct pairing<la_bf16_t, la_bf16_t> {
    typedef la_bf16_t E;
    static const int levels = 1, a = 1, b = 1;
};
template <> struct pairing<la_f16_t, la_f16_t> {
    typedef la_f16_t E;
    static const int levels = 1, a = 1, b = 1;
};

/* The planes of a chunk to `to`, `plane` numbers apart. */
template <typename T, typename E, int PLANES>
__device__ static void spread(const typename side<T>::chunk &c, E *to, int plane)
{
    float low[4], high[4];
#pragma unroll
    for (int i = 0; i < 4; i++) side<T>::pair(c, i, &low[i], &high[i]);
#pragma unroll
    for (int p = 0; p < PLANES; p++) {
        uint32_t w[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            w[i] = la_pack2<E>(low[i], high[i]);
            if (p + 1 == PLANES) continue;
            E a = {(uint16_t)(w[i] & 0xffffu)}, b = {(uint16_t)(w[i] >> 16)};
            low[i] -= la_to_float(a), high[i] -= la_to_float(b);
        }
        uint4 x = {w[0], w[1], w[2], w[3]};
        *(uint4 *)(void *)(to + p * plane) = x;
    }
}

/* ---- one side of a tile: WIDE rows (or columns) of `outer` numbers and DEPTH of the sum ---- */

template <int WIDE, int THREADS> struct stage {
    static const int plane = WIDE * (DEPTH + PAD); /* either way round */
    static const int each = WIDE * DEPTH / 8 / THREADS;

    /* Neighbours lie along the sum, or, `across`, along the outer index. */
    __device__ static int pitch(bool across)
    {
        return across ? WIDE + PAD : DEPTH + PAD;
    }
    /* Where chunk n of this thread begins, in outer index and depth. */
    __device__ static void place(int n, bool across, int *outer, int *depth)
    {
        int e = (int)threadIdx.x + n * THREADS;
        *outer = across ? e % (WIDE / 8) * 8 : e / (DEPTH / 8);
        *depth = across ? e / (WIDE / 8) : e % (DEPTH / 8) * 8;
    }
    template <typename T>
    __device__ static void load(typename side<T>::chunk *to, const T *from, int64_t ld, bool across,
                                bool wide, int64_t first, int64_t outer_n, int64_t inner,
                                int64_t inner_n)
    {
#pragma unroll
        for (int n = 0; n < each; n++) {
            int outer, depth;
            place(n, across, &outer, &depth);
            int64_t i = first + outer, j = inner + depth;
            int64_t there =
                across ? (j < inner_n ? outer_n - i : 0) : (i < outer_n ? inner_n - j : 0);
            fetch(&to[n], from + (across ? j * ld + i : i * ld + j), there, wide);
        }
    }
    template <typename T, typename E, int PLANES>
    __device__ static void put(const typename side<T>::chunk *from, bool across, E *to)
    {
#pragma unroll
        for (int n = 0; n < each; n++) {
            int outer, depth;
            place(n, across, &outer, &depth);
            int at = across ? depth * pitch(true) + outer : outer * pitch(false) + depth;
            spread<T, E, PLANES>(from[n], to + at, plane);
        }
    }
};

/* Four 8 x 8 parts of what lies at `outer`, `depth`: their second index goes first along the outer index, or
 * along the sum (`depth_first`). */
template <typename E>
__device__ static void fragment(uint32_t r[4], const E *x, int pitch, bool across, int outer,
                                int depth, bool depth_first)
{
    const int lane = (int)threadIdx.x % LA_WARP, in = lane % 8, one = lane / 8 % 2 * 8,
              two = lane / 16 * 8;
    int o = outer + (depth_first ? two : one), d = depth + (depth_first ? one : two);
    if (across)
        la_ldmatrix_x4_trans(r, x + (d + in) * pitch + o);
    else
        la_ldmatrix_x4(r, x + (o + in) * pitch + d);
}

/* ---- the result ---- */

/* Two neighbours of a row; `pairs`: any two that begin at an even column may be written at once. */
__device__ static void finish_pair(const la_cuda_product &p, int64_t i, const float sum[2], int n,
                                   bool pairs)
{
    if (n < 2 || !pairs) {
        la_gemm_finish(p, i, sum[0]);
        if (n == 2) la_gemm_finish(p, i + 1, sum[1]);
        return;
    }
    float old[2] = {0.0f, 0.0f};
    if (p.beta != 0.0f)
        old[0] = p.beta * la_gemm_number(p.c, i), old[1] = p.beta * la_gemm_number(p.c, i + 1);
    float x = fmaf(p.alpha, sum[0], old[0]), y = fmaf(p.alpha, sum[1], old[1]);
    if (p.c.dtype == LA_F32) {
        float2 two = {x, y};
        *(float2 *)(void *)((float *)p.c.data + i) = two;
    } else {
        uint32_t two = p.c.dtype == LA_F16 ? la_pack2<la_f16_t>(x, y) : la_pack2<la_bf16_t>(x, y);
        *(uint32_t *)(void *)((uint16_t *)p.c.data + i) = two;
    }
}

/* ---- the kernel ---- */

/* A tile of M x N, a warp 32 x W of it. ACROSS_A, ACROSS_B: neighbours lie across the sum; -1: as the product
 * says. */
template <int M, int N, int W> struct tile {
    static const int threads = M / WARP_ROWS * (N / W) * LA_WARP;
};

template <typename A, typename B, int M, int N, int W, int ACROSS_A, int ACROSS_B>
__global__ void __launch_bounds__((tile<M, N, W>::threads))
    gemm_mma_kernel(la_cuda_product p, la_gemm_grid g, la_gemm_aligned aligned)
{
    typedef pairing<A, B> how;
    typedef typename how::E E;
    typedef stage<M, tile<M, N, W>::threads> stage_a;
    typedef stage<N, tile<M, N, W>::threads> stage_b;
    /* A matrix unit cuts off what is behind the last bit of a sum; six times in 16 numbers that would be seen where
     * all of float32 counts. An addition rounds. */
    const bool ROUNDS = how::levels == 3;
    LA_SHARED(E, pool);
    E *as = pool, *bs = pool + how::a * stage_a::plane;
    const bool across_a = ACROSS_A < 0 ? p.a.transposed : ACROSS_A > 0;
    const bool across_b = ACROSS_B < 0 ? !p.b.transposed : ACROSS_B > 0;
    const int pitch_a = stage_a::pitch(across_a), pitch_b = stage_b::pitch(across_b);
    const la_gemm_place at = la_gemm_place_of(&p, &g, M, N, blockIdx.x);
    const A *a = (const A *)p.a.data + la_gemm_start(&p.a, &at);
    const B *b = (const B *)p.b.data + la_gemm_start(&p.b, &at);
    const int lane = (int)threadIdx.x % LA_WARP, warp = (int)threadIdx.x / LA_WARP;
    const int row = warp % (M / WARP_ROWS) * WARP_ROWS, column = warp / (M / WARP_ROWS) * W;
    const bool busy = at.row + row < p.m && at.column + column < p.n; /* the same in the warp */
    typename side<A>::chunk next_a[stage_a::each];
    typename side<B>::chunk next_b[stage_b::each];
    float sum[2][W / 8][4] = {};
    int64_t term = at.first / g.steps, inner = at.first % g.steps * DEPTH; /* of what is fetched */

    for (int64_t s = at.first; s <= at.last; s++) {
        /* Round s multiplies what round s - 1 fetched, and fetches what the next one multiplies. */
        if (s > at.first) {
            __syncthreads(); /* nobody reads the numbers before any more */
            stage_a::template put<A, E, how::a>(next_a, across_a, as);
            stage_b::template put<B, E, how::b>(next_b, across_b, bs);
            __syncthreads();
        }
        const int64_t left = p.k - inner; /* of the sum; what is beyond is 0 */
        if (s < at.last) {
            if (s > at.first) inner += DEPTH;
            if (inner >= p.k) term++, inner = 0;
            stage_a::template load<A>(next_a, a + term * p.a.term_step, p.a.ld, across_a, aligned.a,
                                      at.row, p.m, inner, p.k);
            stage_b::template load<B>(next_b, b + term * p.b.term_step, p.b.ld, across_b, aligned.b,
                                      at.column, p.n, inner, p.k);
        }
        if (s == at.first || !busy) continue;
#pragma unroll
        for (int d = 0; d < DEPTH; d += 16) {
            if (N == LA_GEMM_SMALL && d >= left) break;
            uint32_t fa[how::a][2][4];
#pragma unroll
            for (int i = 0; i < how::a; i++)
#pragma unroll
                for (int t = 0; t < 2; t++)
                    fragment(fa[i][t], as + i * stage_a::plane, pitch_a, across_a, row + 16 * t, d,
                             false);
#pragma unroll
            for (int n = 0; n < W / 16; n++) {
                if (N == LA_GEMM_SMALL && at.column + column + 16 * n >= p.n) break;
                uint32_t fb[how::b][4];
#pragma unroll
                for (int j = 0; j < how::b; j++)
                    fragment(fb[j], bs + j * stage_b::plane, pitch_b, across_b, column + 16 * n, d,
                             true);
                float part[2][2][4] = {};
#pragma unroll
                for (int level = how::levels - 1; level >= 0; level--) /* the smallest first */
#pragma unroll
                    for (int i = 0; i < how::a; i++) {
                        const int j = level - i;
                        if (j < 0 || j >= how::b) continue;
#pragma unroll
                        for (int t = 0; t < 2; t++)
#pragma unroll
                            for (int u = 0; u < 2; u++)
                                la_mma<E>(ROUNDS ? part[t][u] : sum[t][2 * n + u], fa[i][t],
                                          fb[j] + 2 * u);
                    }
#pragma unroll
                for (int e = 0; ROUNDS && e < 16; e++)
                    sum[e / 8][2 * n + e / 4 % 2][e % 4] += part[e / 8][e / 4 % 2][e % 4];
            }
        }
    }

    if (!busy) return;
    la_cuda_product to = p; /* of a part of the sum: plain, into work */
    int64_t c = la_gemm_start(&p.c, &at);
    if (g.splits > 1) {
        to.alpha = 1.0f, to.beta = 0.0f;
        to.c.data = p.work, to.c.dtype = LA_F32, to.c.ld = p.n;
        c = (at.split * g.batches + at.index) * p.m * p.n;
    }
#pragma unroll
    for (int t = 0; t < 2; t++)
#pragma unroll
        for (int n = 0; n < W / 8; n++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int64_t i = at.row + row + 16 * t + lane / 4 + 8 * half;
                int64_t j = at.column + column + 8 * n + lane % 4 * 2;
                if (i >= p.m || j >= p.n) continue;
                finish_pair(to, c + i * to.c.ld + j, sum[t][n] + 2 * half, j + 1 < p.n ? 2 : 1,
                            aligned.c);
            }
}

/* ---- launches ---- */

template <typename A, typename B, int M, int N, int W, int ACROSS_A, int ACROSS_B>
static void launch(const la_cuda_product *p, const la_gemm_grid *g)
{
    typedef pairing<A, B> how;
    const unsigned threads = tile<M, N, W>::threads;
    size_t numbers = (size_t)(how::a * M + how::b * N) * (DEPTH + PAD);
    const la_gemm_aligned aligned = la_gemm_aligned_of(p, g->splits > 1);
    LA_LAUNCH((gemm_mma_kernel<A, B, M, N, W, ACROSS_A, ACROSS_B>), dim3((unsigned)g->blocks),
              dim3(threads), numbers * sizeof(uint16_t), p->stream, *p, *g, aligned);
}

template <typename A, typename B> static void launch_small(const la_cuda_product *p, int64_t splits)
{
    const int n = LA_GEMM_SMALL;
    const la_gemm_grid g = la_gemm_grid_of(p, n, n, DEPTH, splits);
    launch<A, B, LA_GEMM_SMALL, LA_GEMM_SMALL, 32, -1, -1>(p, &g);
}

template <typename E> static void launch_large(const la_cuda_product *p, int64_t splits)
{
    const int n = LA_GEMM_LARGE;
    const la_gemm_grid g = la_gemm_grid_of(p, n, n, DEPTH, splits);
    if (p->a.transposed && p->b.transposed)
        launch<E, E, LA_GEMM_LARGE, LA_GEMM_LARGE, 32, 1, 0>(p, &g);
    else if (p->a.transposed)
        launch<E, E, LA_GEMM_LARGE, LA_GEMM_LARGE, 32, 1, 1>(p, &g);
    else if (p->b.transposed)
        launch<E, E, LA_GEMM_LARGE, LA_GEMM_LARGE, 32, 0, 0>(p, &g);
    else
        launch<E, E, LA_GEMM_LARGE, LA_GEMM_LARGE, 32, 0, 1>(p, &g);
}

template <typename A> static void launch_of(const la_cuda_product *p, int64_t splits)
{
    if (p->b.dtype == LA_F32)
        launch_small<A, float>(p, splits);
    else if (p->b.dtype == LA_F16)
        launch_small<A, la_f16_t>(p, splits);
    else
        launch_small<A, la_bf16_t>(p, splits);
}

extern "C" la_status la_gemm_mma(const la_cuda_product *p, int64_t tile, int64_t splits,
                                 la_err *err)
{
    if (tile == LA_GEMM_LARGE)
        p->a.dtype == LA_F16 ? launch_large<la_f16_t>(p, splits)
                             : launch_large<la_bf16_t>(p, splits);
    else if (p->a.dtype == LA_F32)
        launch_of<float>(p, splits);
    else if (p->a.dtype == LA_F16)
        launch_of<la_f16_t>(p, splits);
    else
        launch_of<la_bf16_t>(p, splits);
    return LA_LAUNCHED("a product of matrices", err);
}

/* ---- parts of sums ---- */

/* A thread an element of C, the whole grid on. */
__global__ void gemm_gather_kernel(la_cuda_product p, int64_t batches, int64_t splits)
{
    const int64_t matrix = p.m * p.n, all = batches * matrix;
    const int64_t ny = la_gemm_count(p.batch[1]), nz = la_gemm_count(p.batch[2]);
    for (int64_t e = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; e < all;
         e += (int64_t)gridDim.x * blockDim.x) {
        const float *part = (const float *)p.work + e;
        float sum = 0.0f;
        for (int64_t s = 0; s < splits; s++) sum += part[s * all];
        int64_t index = e / matrix, row = e % matrix / p.n, column = e % p.n;
        int64_t to = index / nz / ny * p.c.step[0] + index / nz % ny * p.c.step[1] +
                     index % nz * p.c.step[2] + row * p.c.ld + column;
        la_gemm_finish(p, to, sum);
    }
}

extern "C" la_status la_gemm_gather(const la_cuda_product *p, int64_t splits, la_err *err)
{
    const int64_t threads = 256, most = 8 * 132;
    const la_gemm_grid g = la_gemm_grid_of(p, LA_GEMM_SMALL, LA_GEMM_SMALL, DEPTH, 1);
    int64_t blocks = la_gemm_parts(g.batches * p->m * p->n, threads);
    LA_LAUNCH(gemm_gather_kernel, dim3((unsigned)(blocks < most ? blocks : most)),
              dim3((unsigned)threads), 0, p->stream, *p, g.batches, splits);
    return LA_LAUNCHED("gathering a product of matrices", err);
}
