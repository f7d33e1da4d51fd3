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

/* Scores become weights over the row's new base; what was weighed over the old one is to be multiplied by `fade`. */
template <int MT, int N>
__device__ static inline void la_flash_weigh(float s[MT][N / 8][4], float base[MT][2],
                                             float sum[MT][2], float fade[MT][2], float scale2)
{
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float top = -INFINITY, all = 0.0f;
#pragma unroll
            for (int i = 0; i < N / 4; i++) top = fmaxf(top, s[m][i / 2][2 * h + i % 2]);
            top = fmaxf(top, __shfl_xor_sync(LA_ALL, top, 1));
            top = fmaxf(top, __shfl_xor_sync(LA_ALL, top, 2));
            float next = fmaxf(base[m][h], top * scale2);
            float from = next == -INFINITY ? 0.0f : next; /* a row that saw nothing yet */
            fade[m][h] = la_exp2(base[m][h] - from);
            base[m][h] = next;
#pragma unroll
            for (int i = 0; i < N / 4; i++) {
                float *x = &s[m][i / 2][2 * h + i % 2];
                *x = la_exp2(fmaf(*x, scale2, -from));
                all += *x;
            }
            sum[m][h] = fmaf(sum[m][h], fade[m][h], all);
        }
}

template <int D, int MT>
__device__ static inline void la_flash_fade(float o[MT][D / 8][4], const float fade[MT][2])
{
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int i = 0; i < D / 2; i++) o[m][i / 4][i % 4] *= fade[m][i % 4 / 2];
}

/* Numbers col and col+1 of a row of n; `even`: both are there, and aligned to their size together. */
__device__ static inline void la_flash_two(float *row, int64_t col, int64_t n, float x, float y,
                                           bool)
{
    if (col < n) row[col] = x;
    if (col + 1 < n) row[col + 1] = y;
}

template <typename E>
__device__ static inline void la_flash_two(E *row, int64_t col, int64_t n, float x, float y,
                                           bool even)
{
    if (even) {
        if (col < n) *(uint32_t *)(void *)&row[col] = la_pack2<E>(x, y);
        return;
    }
    if (col < n) la_from_float(x, &row[col]);
    if (col + 1 < n) la_from_float(y, &row[col + 1]);
}

/* Divides by the sums and writes: rows of O, or of a part of it. */
template <typename E, int D, int MT>
__device__ static inline void la_flash_leave(const la_flash_call &c, const la_flash_place &at,
                                             la_flash_state<E, D, MT> &w, int first)
{
    int lane = (int)threadIdx.x % LA_WARP, group = (int)(c.H / c.Hkv);
    const bool even = c.dv % 2 == 0 && (uintptr_t)c.o % sizeof(uint32_t) == 0;
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
            for (int i = 0; i < D / 8; i++) {
                int col = i * 8 + lane % 4 * 2;
                float x = w.o[m][i][2 * h] * part, y = w.o[m][i][2 * h + 1] * part;
                if (c.splits > 1)
                    la_flash_two(c.part_o + to * c.dv, col, c.dv, x, y, even);
                else
                    la_flash_two((E *)c.o + to * c.dv, col, c.dv, x, y, even);
            }
        }
}

#endif
