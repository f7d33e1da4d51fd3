/* SPDX-License-Identifier: Apache-2.0
 * What block_gates.c and block_rank_one.c ask of a device. Sums come before what is overwritten.
 */
#include "labench/cuda_kit.cuh"
#include "layers_cuda.cuh"

namespace la_device_layers
{
struct shift_element {
    int64_t n, ldx;
    const float *x, *bias;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, n);
        y[i] = x[c.row * ldx + c.column] + bias[c.column];
    }
};

static void shift(int64_t N, int64_t n, const float *x, int64_t ldx, const float *bias, float *y)
{
    each("shift", N * n, shift_element{n, ldx, x, bias, y});
}

struct times_element {
    int64_t n;
    float scale;
    const float *w, *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] = scale * w[cell_of(i, n).column] * x[i];
    }
};

static void times(int64_t N, int64_t n, float scale, const float *w, const float *x, float *y)
{
    each("scaled rows", N * n, times_element{n, scale, w, x, y});
}

/* ---- gates ---- */

struct bounded_through {
    int64_t n;
    float by;
    const float *g, *dg;
    __device__ float operator()(int64_t i, int64_t c) const
    {
        float at = g[i * n + c];
        return dg[i * n + c] * at * (1.0f + by * at);
    }
};
struct bounded_element {
    bounded_through through;
    float *df;
    int64_t ldf;
    __device__ void operator()(int64_t i) const
    {
        la_cell c = cell_of(i, through.n);
        df[c.row * ldf + c.column] = through(c.row, c.column);
    }
};

static void bounded_grad(int64_t N, int64_t n, float rate, const float *g, const float *dg,
                         float *df, int64_t ldf, float *dbias)
{
    bounded_through through = {n, 1.0f / rate, g, dg};
    column_sums("bounded decay, back", N, n, through, dbias);
    each("bounded decay, back", N * n, bounded_element{through, df, ldf});
}

struct step_element {
    int64_t H;
    const float *A_log, *g;
    float *dt;
    __device__ void operator()(int64_t i) const
    {
        dt[i] = -g[i] * expf(-A_log[cell_of(i, H).column]);
    }
};

static void step(int64_t N, int64_t H, const float *A_log, const float *g, float *dt)
{
    each("step size", N * H, step_element{H, A_log, g, dt});
}

struct step_rate_part {
    int64_t H;
    const float *dt, *ddt;
    __device__ float operator()(int64_t i, int64_t h) const
    {
        return -ddt[i * H + h] * dt[i * H + h];
    }
};
struct step_back_element {
    int64_t H;
    const float *A_log, *ddt;
    float *dg;
    __device__ void operator()(int64_t i) const
    {
        dg[i] -= ddt[i] * expf(-A_log[cell_of(i, H).column]);
    }
};

static void step_grad(int64_t N, int64_t H, const float *A_log, const float *dt, const float *ddt,
                      float *dg, float *dA_log)
{
    column_sums("step size, back", N, H, step_rate_part{H, dt, ddt}, dA_log);
    each("step size, back", N * H, step_back_element{H, A_log, ddt, dg});
}

/* y += w of the head times x. */
struct skip_element {
    int64_t H, D;
    const float *w, *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] += w[cell_of(cell_of(i, D).row, H).column] * x[i];
    }
};
struct skip_weight_part { /* row i is channel i mod D of a token */
    int64_t H, D;
    const float *v, *dout;
    __device__ float operator()(int64_t i, int64_t h) const
    {
        la_cell c = cell_of(i, D);
        int64_t at = (c.row * H + h) * D + c.column;
        return dout[at] * v[at];
    }
};

static void skip(int64_t N, int64_t H, int64_t D, const float *w, const float *v, float *o)
{
    each("skip", N * H * D, skip_element{H, D, w, v, o});
}

static void skip_grad(int64_t N, int64_t H, int64_t D, const float *w, const float *v,
                      const float *dout, float *dv, float *dw)
{
    column_sums("skip, back", N * D, H, skip_weight_part{H, D, v, dout}, dw);
    each("skip, back", N * H * D, skip_element{H, D, w, dout, dv});
}

/* ---- a and b of rank one ---- */

struct rank_one_element {
    int64_t D;
    const float *k, *a, *iclr, *replacement;
    float *b, *key;
    __device__ void operator()(int64_t i) const
    {
        b[i] = -a[i] * iclr[i];
        key[i] = k[i] * (1.0f + (iclr[i] - 1.0f) * replacement[cell_of(i, D).column]);
    }
};

static void rank_one(int64_t N, int64_t D, const float *k, const float *a, const float *iclr,
                     const float *replacement, float *b, float *key)
{
    each("rank one", N * D, rank_one_element{D, k, a, iclr, replacement, b, key});
}

struct replacement_part {
    int64_t D;
    const float *k, *iclr, *dkey;
    __device__ float operator()(int64_t i, int64_t c) const
    {
        int64_t e = i * D + c;
        return dkey[e] * k[e] * (iclr[e] - 1.0f);
    }
};
struct rank_one_back_element {
    int64_t D;
    const float *k, *a, *iclr, *replacement;
    float *dk, *da, *db;
    __device__ void operator()(int64_t i) const
    {
        float to = replacement[cell_of(i, D).column], through = db[i], dkey = dk[i];
        da[i] -= through * iclr[i];
        db[i] = dkey * k[i] * to - through * a[i];
        dk[i] = dkey * (1.0f + (iclr[i] - 1.0f) * to);
    }
};

static void rank_one_grad(int64_t N, int64_t D, const float *k, const float *a, const float *iclr,
                          const float *replacement, float *dk, float *da, float *db,
                          float *dreplacement)
{
    column_sums("rank one, back", N, D, replacement_part{D, k, iclr, dk}, dreplacement);
    each("rank one, back", N * D, rank_one_back_element{D, k, a, iclr, replacement, dk, da, db});
}

struct removal_part {
    int64_t D;
    const float *k, *da;
    __device__ float operator()(int64_t i, int64_t c) const
    {
        return -k[i * D + c] * da[i * D + c];
    }
};
struct removal_back_element {
    int64_t D;
    const float *removal, *da;
    float *dk;
    __device__ void operator()(int64_t i) const
    {
        dk[i] -= removal[cell_of(i, D).column] * da[i];
    }
};

static void removal_grad(int64_t N, int64_t D, const float *k, const float *removal,
                         const float *da, const float *diclr, float *dk, float *dremoval,
                         float *dbias)
{
    column_sums("removal, back", N, D, removal_part{D, k, da}, dremoval);
    la_layers_cuda()->sum_rows(N, D, diclr, dbias);
    each("removal, back", N * D, removal_back_element{D, removal, da, dk});
}

extern "C" void la_layers_cuda_gates(la_layers *t)
{
    t->shift = shift;
    t->times = times;
    t->bounded_grad = bounded_grad;
    t->step = step;
    t->step_grad = step_grad;
    t->skip = skip;
    t->skip_grad = skip_grad;
    t->rank_one = rank_one;
    t->rank_one_grad = rank_one_grad;
    t->removal_grad = removal_grad;
}
} // namespace la_device_layers
