/* SPDX-License-Identifier: Apache-2.0
 * What the kernels of attention by tiles have in common in forward: the running softmax of a warp's rows, and how they
 * leave.
 */
#ifndef LA_FLASH_SOFTMAX_CUH
#define LA_FLASH_SOFTMAX_CUH

#include "flash_place.cuh"

#define LA_LOG2E 1.4426950408889634f
#define LA_LN2   0.6931471805599453f

template <typename E, int D, int MT> struct la_flash_state {
    float o[MT][D / 8][4];
    float base[MT][2], sum[MT][2]; /* s log2(e) x maximum; this lane's part of the sum */
};

/* Scores become weights. */
template <typename E, int D, int MT, int N>
__device__ static inline void la_flash_weights(float s[MT][N / 8][4], la_flash_state<E, D, MT> &w,
                                               float scale2)
{
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float top = -INFINITY;
#pragma unroll
            for (int i = 0; i < N / 4; i++) top = fmaxf(top, s[m][i / 2][2 * h + i % 2]);
            top = fmaxf(top, __shfl_xor_sync(LA_ALL, top, 1));
            top = fmaxf(top, __shfl_xor_sync(LA_ALL, top, 2));
            float base = fmaxf(w.base[m][h], top * scale2);
            float from = base == -INFINITY ? 0.0f : base; /* a row that saw nothing yet */
            float fade = la_exp2(w.base[m][h] - from), sum = 0.0f;
            w.base[m][h] = base;
#pragma unroll
            for (int i = 0; i < N / 4; i++) {
                float *x = &s[m][i / 2][2 * h + i % 2];
                *x = la_exp2(fmaf(*x, scale2, -from));
                sum += *x;
            }
            w.sum[m][h] = fmaf(w.sum[m][h], fade, sum);
#pragma unroll
            for (int i = 0; i < D / 4; i++) w.o[m][i / 2][2 * h + i % 2] *= fade;
        }
}

/* The last rows first, since under a causal mask they cost most. */
__device__ static inline la_flash_place la_flash_place_of(const la_flash_call &c, int rows)
{
    int64_t item = (int64_t)blockIdx.x, heads = c.B * c.Hkv;
    int all = c.T * (int)(c.H / c.Hkv), tiles = (all + rows - 1) / rows;
    int split = (int)(item % c.splits);
    item /= c.splits;
    int64_t head = item % heads;
    return {head / c.Hkv, head % c.Hkv, (tiles - 1 - (int)(item / heads)) * rows, split};
}

/* Divides by the sums and writes: rows of O, or of a part of it. */
template <typename E, int D, int MT>
__device__ static inline void la_flash_leave(const la_flash_call &c, const la_flash_place &at,
                                             la_flash_state<E, D, MT> &w, int first)
{
    int lane = (int)threadIdx.x % LA_WARP, group = (int)(c.H / c.Hkv);
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float sum = w.sum[m][h];
            sum += __shfl_xor_sync(LA_ALL, sum, 1);
            sum += __shfl_xor_sync(LA_ALL, sum, 2);
            int row = first + 16 * m + 8 * h + lane / 4, token = row / group;
            if (token >= c.T) continue;
            int64_t head = at.kv * group + row % group;
            int64_t to = (at.b * c.T + token) * c.H + head;
            float part = 1.0f / sum, lse2 = w.base[m][h] + log2f(sum);
            if (!(sum > 0.0f)) part = 0.0f, lse2 = -INFINITY; /* an empty cache */
            if (c.splits > 1) to += at.split * c.B * c.T * c.H;
            if (lane % 4 == 0 && c.splits > 1)
                c.part_lse[to] = lse2;
            else if (lane % 4 == 0 && c.lse)
                c.lse[(at.b * c.H + head) * c.T + token] = lse2 * LA_LN2;
#pragma unroll
            for (int i = 0; i < D / 4; i++) {
                int col = i / 2 * 8 + lane % 4 * 2 + i % 2;
                if (col >= c.dv) continue;
                float x = w.o[m][i / 2][2 * h + i % 2] * part;
                if (c.splits > 1)
                    c.part_o[to * c.dv + col] = x;
                else
                    la_from_float(x, (E *)c.o + to * c.dv + col);
            }
        }
}

#endif
