/* SPDX-License-Identifier: Apache-2.0
 * T and D that are powers of two, of 16 at least, go the way of fnet_fold.h. The others by FFTW:
 * two passes over a spectrum that is kept with the tokens fastest, Z [D/2+1, stride] complex, so that the
 * long transforms run over contiguous numbers that fit the cache:
 *   1  blocks of ROWS tokens: real transforms of length D, written transposed into Z
 *   2  each of the D/2+1 columns: one transform of length T, in place
 *   3  Y_tc = Re Z_c[t], and Y_t,D-c = Re Z_c[-t mod T]
 */
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "fnet_fold.h"
#include "fnet_internal.h"
#include "labench/fft.h"
#include "labench/kit.h"

#define ROWS 32

typedef struct fnet {
    la_problem p;
    int64_t D, half;         /* half = D/2+1 columns */
    int64_t stride;          /* complex numbers from one column of Z to the next */
    int64_t row_in, row_out; /* floats of one thread's block of rows, before and after */
    float factor;
    la_fft *rows, *column;
    const la_tile_bf16 *narrow; /* x and o are bf16; NULL: float32 */
    bool folded; /* by the way of fnet_fold.h; then nothing above matters but p, D and factor */
    la_fnet_fold fold;
} fnet;

/* A multiple of 8 complex numbers (64 bytes), and an odd one: columns a power of two apart would all
 * fall into the same few cache sets. */
static int64_t stride_of(int64_t T)
{
    int64_t blocks = (T + 7) / 8;
    return 8 * (blocks | 1);
}

static void shape(const la_problem *p, const la_device *dev, fnet *f)
{
    *f = (fnet){.p = *p, .D = p->H * p->dv, .stride = stride_of(p->T)};
    f->half = f->D / 2 + 1;
    f->row_in = la_whole_lines(ROWS * f->D);
    f->row_out = la_whole_lines(ROWS * f->half * 2);
    f->narrow = p->dtype == LA_BF16 ? la_tile_bf16_get(dev->isa) : NULL;
    f->folded = la_fnet_fold_takes(p);
    if (f->folded) la_fnet_fold_shape(p, dev->isa, &f->fold);
}

la_status la_fnet_sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                        la_sizes *out, la_err *err)
{
    (void)pass, (void)opts, (void)err;
    fnet f;
    shape(p, dev, &f);
    size_t threads = (size_t)p->threads, floats, instance = sizeof(fnet);
    if (f.folded) {
        floats = (size_t)f.fold.spectrum + threads * (size_t)f.fold.scratch;
        instance += la_fnet_fold_turns(&f.fold) * sizeof(float);
    } else {
        floats = (size_t)(f.half * f.stride * 2) + threads * (size_t)(f.row_in + f.row_out);
        instance += 2 * la_fft_bytes();
    }
    *out = (la_sizes){.work = floats * sizeof(float), .instance = instance};
    return LA_OK;
}

la_status la_fnet_create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                         la_err *err)
{
    *self = NULL;
    fnet *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    shape(p, dev, f);
    f->factor = (float)la_fnet_factor(p, opts);
    la_status st;
    if (f->folded) {
        st = la_fnet_fold_prepare(&f->fold, f->factor, err);
    } else {
        st = la_fft_real_new(f->D, ROWS, &f->rows, err);
        if (st == LA_OK) st = la_fft_complex_new(p->T, &f->column, err);
    }
    if (st != LA_OK) {
        la_fnet_destroy(f);
        return st;
    }
    *self = f;
    return LA_OK;
}

void la_fnet_destroy(void *self)
{
    fnet *f = self;
    if (!f) return;
    la_fft_free(f->rows);
    la_fft_free(f->column);
    la_free(f->fold.turns);
    la_free(f);
}

/* Tokens t0 .. t0+n-1 of one sequence into their places of every column. */
static void transform_rows(const fnet *f, const void *x, int64_t t0, int64_t n, float *Z,
                           float *block)
{
    float *in = block, *out = block + f->row_in;
    if (f->narrow)
        f->narrow->widen(n * f->D, (const la_bf16 *)x + t0 * f->D, in);
    else
        memcpy(in, (const float *)x + t0 * f->D, (size_t)(n * f->D) * sizeof *in);
    memset(in + n * f->D, 0, (size_t)((ROWS - n) * f->D) * sizeof *in);
    la_fft_run(f->rows, in, out);
    for (int64_t c = 0; c < f->half; c++) {
        float *to = Z + 2 * (c * f->stride + t0);
        const float *from = out + 2 * c;
        for (int64_t i = 0; i < n; i++, to += 2, from += 2 * f->half) {
            to[0] = from[0];
            to[1] = from[1];
        }
    }
}

/* Tokens t0 .. t0+n-1 of Y, by way of a block of rows. */
static void write_rows(const fnet *f, const float *Z, int64_t t0, int64_t n, void *o, float *rows)
{
    int64_t T = f->p.T, D = f->D;
    for (int64_t c = 0; c < f->half; c++) {
        const float *z = Z + 2 * c * f->stride;
        float *to = rows + c;
        for (int64_t i = 0; i < n; i++) to[i * D] = f->factor * z[2 * (t0 + i)];
        if (c == 0 || 2 * c == D) continue; /* their own mirror images */
        to = rows + D - c;
        for (int64_t i = 0; i < n; i++) {
            int64_t mirror = t0 + i == 0 ? 0 : T - t0 - i;
            to[i * D] = f->factor * z[2 * mirror];
        }
    }
    if (f->narrow)
        f->narrow->narrow(n * D, rows, (la_bf16 *)o + t0 * D);
    else
        memcpy((float *)o + t0 * D, rows, (size_t)(n * D) * sizeof *rows);
}

/* One sequence, by the threads of the parallel region that calls it. */
static void transform_one(const fnet *f, const void *x, void *o, float *work)
{
    int64_t T = f->p.T, blocks = (T + ROWS - 1) / ROWS;
    float *Z = work, *block = Z + 2 * f->half * f->stride;
    block += omp_get_thread_num() * (f->row_in + f->row_out);
#pragma omp for schedule(static)
    for (int64_t i = 0; i < blocks; i++)
        transform_rows(f, x, i * ROWS, i + 1 < blocks ? ROWS : T - i * ROWS, Z, block);
#pragma omp for schedule(static)
    for (int64_t c = 0; c < f->half; c++) {
        float *column = Z + 2 * c * f->stride;
        la_fft_run(f->column, column, column);
    }
#pragma omp for schedule(static)
    for (int64_t i = 0; i < blocks; i++)
        write_rows(f, Z, i * ROWS, i + 1 < blocks ? ROWS : T - i * ROWS, o, block);
}

static void transform(const fnet *f, const void *all_x, void *all_o, float *work)
{
    size_t sequence = (size_t)(f->p.T * f->D) * la_dtype_size(f->p.dtype);
#pragma omp parallel num_threads(f->p.threads)
    for (int64_t b = 0; b < f->p.B; b++) {
        const void *x = (const char *)all_x + (size_t)b * sequence;
        void *o = (char *)all_o + (size_t)b * sequence;
        if (f->folded)
            la_fnet_fold_run(&f->fold, x, o, work, work + f->fold.spectrum);
        else
            transform_one(f, x, o, work);
    }
}

la_status la_fnet_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    transform(self, io->x, io->o, io->work);
    return LA_OK;
}

/* cos(2 pi (t t'/T + c c'/D)) does not change when input and output change places: dx = F(do). */
la_status la_fnet_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    if (grads->dx) transform(self, grads->dout, grads->dx, io->work);
    return LA_OK;
}
