/* SPDX-License-Identifier: Apache-2.0
 * Activations, log-decays, SwiGLU, rotary positions and the short convolution on a device; formulas in
 * layers_act.c and layers_conv.c.
 */
#include "labench/cuda_kit.cuh"
#include "layers_cuda.cuh"

namespace la_device_layers
{
struct act_element {
    int act;
    float scale;
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] = act_value(act, x[i]) * scale;
    }
};

static void act(int64_t n, la_act act, float scale, const float *x, float *y)
{
    each("activation", n, act_element{act, scale, x, y});
}

struct act_back_element {
    int act;
    float scale;
    const float *x, *dy;
    float *dx;
    __device__ void operator()(int64_t i) const
    {
        dx[i] = dy[i] * act_slope(act, x[i]) * scale;
    }
};

static void act_grad(int64_t n, la_act act, float scale, const float *x, const float *dy, float *dx)
{
    each("activation, back", n, act_back_element{act, scale, x, dy, dx});
}

/* ---- log-decays: element (i, c) of [N, H D] belongs to head c / D ---- */

struct decays {
    int64_t H, D, lda;
    const float *a, *A_log, *dt_bias;
    __device__ float rate(int64_t c) const
    {
        return expf(A_log[cell_of(c, D).row]);
    }
    __device__ float input(int64_t i, int64_t c) const
    {
        return a[i * lda + c] + dt_bias[c];
    }
};

struct decay_element {
    decays f;
    float *g;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, f.H * f.D);
        g[i] = -f.rate(c.column) * softplus(f.input(c.row, c.column));
    }
};

static void decay(int64_t N, int64_t H, int64_t D, const float *a, int64_t lda, const float *A_log,
                  const float *dt_bias, float *g)
{
    each("decay", N * H * D, decay_element{{H, D, lda, a, A_log, dt_bias}, g});
}

struct decay_through { /* the gradient of a and, summed, of dt_bias */
    decays f;
    const float *dg;
    __device__ float operator()(int64_t i, int64_t c) const
    {
        return -dg[i * f.H * f.D + c] * f.rate(c) * sigmoid(f.input(i, c));
    }
};
struct decay_back_element {
    decay_through through;
    float *da;
    int64_t ldda;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, through.f.H * through.f.D);
        da[c.row * ldda + c.column] = through(c.row, c.column);
    }
};
struct decay_rate_part { /* row i is channel i mod D of a token */
    decays f;
    const float *dg;
    __device__ float operator()(int64_t i, int64_t h) const
    {
        la_cell at = cell_of(i, f.D);
        int64_t c = h * f.D + at.column;
        return -dg[at.row * f.H * f.D + c] * f.rate(c) * softplus(f.input(at.row, c));
    }
};

/* da may lie where a does. */
static void decay_grad(int64_t N, int64_t H, int64_t D, const float *a, int64_t lda,
                       const float *A_log, const float *dt_bias, const float *dg, float *da,
                       int64_t ldda, float *dA_log, float *ddt_bias)
{
    decays f = {H, D, lda, a, A_log, dt_bias};
    column_sums("decay, back", N * D, H, decay_rate_part{f, dg}, dA_log);
    column_sums("decay, back", N, H * D, decay_through{f, dg}, ddt_bias);
    each("decay, back", N * H * D, decay_back_element{{f, dg}, da, ldda});
}

/* ---- SwiGLU ---- */

struct swiglu_element {
    int64_t F;
    const float *uv;
    float *h;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, F);
        const float *row = uv + c.row * 2 * F + c.column;
        h[i] = act_value(LA_ACT_SILU, row[0]) * row[F];
    }
};

static void swiglu(int64_t N, int64_t F, const float *uv, float *h)
{
    each("swiglu", N * F, swiglu_element{F, uv, h});
}

struct swiglu_back_element {
    int64_t F;
    float *uv, *dh;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, F);
        int64_t at = c.row * 2 * F + c.column;
        float u = uv[at], v = uv[at + F], d = dh[i], s = act_value(LA_ACT_SILU, u);
        uv[at] = d * v * act_slope(LA_ACT_SILU, u);
        uv[at + F] = d * s;
        dh[i] = s * v;
    }
};

static void swiglu_grad(int64_t N, int64_t F, float *uv, float *dh)
{
    each("swiglu, back", N * F, swiglu_back_element{F, uv, dh});
}

/* ---- rotary positions: a pair a thread ---- */

struct rope_element {
    int64_t T, H, half, ldx;
    float sign;
    const float *cosine, *sine;
    float *x;
    __device__ void operator()(int64_t i) const
    {
        la_cell pair = cell_of(i, half), head = cell_of(pair.row, H);
        int64_t t = cell_of(head.row, T).column * half + pair.column;
        float *at = x + head.row * ldx + head.column * 2 * half + pair.column;
        float a = at[0], b = at[half], c = cosine[t], s = sine[t] * sign;
        at[0] = a * c - b * s;
        at[half] = a * s + b * c;
    }
};

static void rope(int64_t B, int64_t T, int64_t H, int64_t D, const float *cosine, const float *sine,
                 bool inverse, float *x, int64_t ldx)
{
    each("rope", B * T * H * (D / 2),
         rope_element{T, H, D / 2, ldx, inverse ? -1.0f : 1.0f, cosine, sine, x});
}

/* ---- convolution: an output a thread ---- */

struct conv_taps {
    int64_t T, D, width, left, ldx;
    const float *x, *w, *bias;
    /* sum_j w_j x_{t + j - left} (+ bias) at row i, channel d */
    __device__ float pre(int64_t i, int64_t d) const
    {
        int64_t t = cell_of(i, T).column;
        float sum = bias ? bias[d] : 0.0f;
        for (int64_t j = 0; j < width; j++) {
            int64_t s = t + j - left;
            if (s >= 0 && s < T) sum += w[j * D + d] * x[(i + j - left) * ldx + d];
        }
        return sum;
    }
};

struct conv_element {
    conv_taps f;
    bool silu;
    float *y;
    int64_t ldy;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, f.D);
        y[c.row * ldy + c.column] =
            act_value(silu ? LA_ACT_SILU : LA_ACT_NONE, f.pre(c.row, c.column));
    }
};

static void conv(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left, const float *x,
                 int64_t ldx, const float *w, const float *bias, bool silu, float *y, int64_t ldy)
{
    each("convolution", B * T * D,
         conv_element{{T, D, width, left, ldx, x, w, bias}, silu, y, ldy});
}

/* The gradient p of what the activation takes. */
struct conv_pre_back {
    conv_taps f;
    bool silu;
    const float *dy;
    int64_t ldy;
    float *p;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, f.D);
        float d = dy[c.row * ldy + c.column];
        p[i] = silu ? d * act_slope(LA_ACT_SILU, f.pre(c.row, c.column)) : d;
    }
};
struct conv_back_element {
    conv_taps f;
    const float *p;
    float *dx;
    int64_t lddx;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, f.D);
        int64_t t = cell_of(c.row, f.T).column;
        float sum = 0.0f;
        for (int64_t j = 0; j < f.width; j++) {
            int64_t s = t - j + f.left;
            if (s >= 0 && s < f.T)
                sum += f.w[j * f.D + c.column] * p[(c.row - j + f.left) * f.D + c.column];
        }
        dx[c.row * lddx + c.column] = sum;
    }
};
struct conv_weight_part { /* column c is channel c mod D of a tap */
    conv_taps f;
    const float *p;
    __device__ float operator()(int64_t i, int64_t c) const
    {
        la_cell tap = cell_of(c, f.D);
        int64_t s = cell_of(i, f.T).column + tap.row - f.left;
        if (s < 0 || s >= f.T) return 0.0f;
        return p[i * f.D + tap.column] * f.x[(i + tap.row - f.left) * f.ldx + tap.column];
    }
};
struct conv_bias_part {
    int64_t D;
    const float *p;
    __device__ float operator()(int64_t i, int64_t d) const
    {
        return p[i * D + d];
    }
};

static void conv_grad(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left, const float *x,
                      int64_t ldx, const float *w, const float *bias, bool silu, const float *dy,
                      int64_t ldy, float *dx, int64_t lddx, float *dw, float *dbias, float *scratch)
{
    conv_taps f = {T, D, width, left, ldx, x, w, bias};
    each("convolution, back", B * T * D, conv_pre_back{f, silu, dy, ldy, scratch});
    each("convolution, back", B * T * D, conv_back_element{f, scratch, dx, lddx});
    column_sums("convolution, back", B * T, width * D, conv_weight_part{f, scratch}, dw);
    if (dbias) column_sums("convolution, back", B * T, D, conv_bias_part{D, scratch}, dbias);
}

extern "C" void la_layers_cuda_act(la_layers *t)
{
    t->act = act;
    t->act_grad = act_grad;
    t->decay = decay;
    t->decay_grad = decay_grad;
    t->swiglu = swiglu;
    t->swiglu_grad = swiglu_grad;
    t->rope = rope;
    t->conv = conv;
    t->conv_grad = conv_grad;
}
} // namespace la_device_layers
