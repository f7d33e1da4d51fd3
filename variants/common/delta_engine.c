/* SPDX-License-Identifier: Apache-2.0
 * Sizes, costs, refusals and the division of work; the mathematics is in the files compiled per
 * instruction set.
 */
#include "delta_engine.h"

#include <inttypes.h>
#include <omp.h>

#include "delta_slice.h"
#include "labench/simd.h"

/* Small chunks win here: 4 C d operations a token inside a chunk stand beside 6 d^2 that meet S. */
#define DEFAULT_CHUNK 16

const la_option la_delta_option_table[LA_DELTA_OPTIONS_LEN] = {
    {.name = "chunk",
     .type = LA_OPTION_INT,
     .offset = offsetof(la_delta_options, chunk),
     .def = DEFAULT_CHUNK,
     .min = 16,
     .max = 256,
     .help = "tokens of a chunk in the chunk form"},
};

typedef struct instance {
    const la_recurrence *member;
    la_problem p;
    int64_t chunk;
    float scale;
    la_delta_form form;
    la_delta_kernel *forward, *decode;
    const la_tile *tile;
} instance;

static int64_t chunk_of(const void *opts)
{
    return opts ? ((const la_delta_options *)opts)->chunk : DEFAULT_CHUNK;
}

size_t la_delta_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    if (cap < 1) return 1;
    out[0] =
        (la_part){.name = "S", .shape = {p->B, p->H, p->dk, p->dv}, .rank = 4, .dtype = LA_F32};
    return 1;
}

/* ---- costs ---- */

static double tokens_of(const la_problem *p, la_pass pass)
{
    return (double)p->B * (double)p->H * (pass == LA_DECODE ? 1.0 : (double)p->T);
}

/* Inputs and the output once; S once in and once out (for a single token that is most of it). */
static double bytes_of(const la_recurrence *m, const la_problem *p, la_pass pass)
{
    double dk = (double)p->dk, dv = (double)p->dv, group = (double)(p->H / p->Hqk);
    double gate = m->decay == LA_DECAY_CHANNEL ? dk : m->decay == LA_DECAY_HEAD ? 1.0 : 0.0;
    double token = 2 * dk / group + 2 * dv + gate + (m->weighted ? 1.0 : 0.0);
    return sizeof(float) * (tokens_of(p, pass) * token + 2 * (double)p->B * (double)p->H * dk * dv);
}

/* 2 dk dv each to write and to read out, 2 more for the delta rule's own reading, 1 for a decay. */
la_status la_delta_useful(const la_recurrence *m, const la_problem *p, la_pass pass, la_cost *cost)
{
    double each =
        4.0 + (m->write == LA_WRITE_DELTA ? 2.0 : 0.0) + (m->decay == LA_DECAY_NONE ? 0.0 : 1.0);
    double backward = pass == LA_BACKWARD ? 2.0 : pass == LA_FWDBWD ? 3.0 : 1.0;
    *cost = (la_cost){.flops = backward * tokens_of(p, pass) * each * (double)(p->dk * p->dv),
                      .bytes = backward * bytes_of(m, p, pass),
                      .version = 1};
    return LA_OK;
}

/* The chunk form: per token 2 dk dv for each of Q S, K' U and (delta) K S; C dk for each of the lower
 * halves of Q K' and (delta) K K'; C dv for tril(P) U and (delta) the substitution. */
la_status la_delta_cost(const la_recurrence *m, la_delta_form form, const la_problem *p,
                        la_pass pass, const void *opts, la_cost *cost)
{
    if (form == LA_DELTA_RECURRENT || pass == LA_DECODE) return la_delta_useful(m, p, pass, cost);
    double dk = (double)p->dk, dv = (double)p->dv, delta = m->write == LA_WRITE_DELTA;
    int64_t longest = chunk_of(opts);
    double C = (double)(p->T < longest ? p->T : longest);
    double token = (2 + delta) * 2 * dk * dv + (1 + delta) * C * (dk + dv);
    *cost =
        (la_cost){.flops = tokens_of(p, pass) * token, .bytes = bytes_of(m, p, pass), .version = 1};
    return LA_OK;
}

/* ---- refusals and sizes ---- */

la_status la_delta_check(const la_recurrence *m, const la_problem *p, la_pass pass, la_err *err)
{
    if (p->mask != LA_MASK_CAUSAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s is a recurrence: causal only", m->name);
    if (p->dtype != LA_F32)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no %s kernel yet", m->name,
                       la_dtype_name(p->dtype));
    if (p->Hkv != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s groups values, not keys: kv-heads %" PRId64 " must equal heads %" PRId64
                       " (qk-heads may be fewer)",
                       m->name, p->Hkv, p->H);
    if (pass == LA_BACKWARD || pass == LA_FWDBWD)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no backward yet", m->name);
    return LA_OK;
}

/* How a call is divided: jobs of (batch, head, slice of columns) over `threads` threads. */
typedef struct division {
    int64_t slices, columns; /* slices of a head; columns of all but perhaps the last */
    int threads;
    size_t work; /* bytes of one thread */
} division;

static division divide(const la_recurrence *m, la_delta_form form, const la_problem *p,
                       la_pass pass, int64_t chunk)
{
    division d = {.slices = 1, .threads = p->threads};
    int64_t heads = p->B * p->H;
    /* Starting threads costs about a microsecond, as much as this many multiply-adds on one core. */
    double work = (double)heads * (double)(pass == LA_DECODE ? 1 : p->T) * (double)(p->dk * p->dv);
    if (work < 65536.0) d.threads = 1;
    if (heads < d.threads) d.slices = (d.threads + heads - 1) / heads;
    d.columns = la_delta_up((p->dv + d.slices - 1) / d.slices);
    d.slices = (p->dv + d.columns - 1) / d.columns;
    if (heads * d.slices < d.threads) d.threads = (int)(heads * d.slices);
    int64_t floats =
        form == LA_DELTA_RECURRENT || pass == LA_DECODE
            ? la_delta_recurrent_work(p->dk)
            : la_delta_chunk_work(m->decay, p->dk, d.columns < p->dv ? d.columns : p->dv, chunk);
    d.work = la_align((size_t)floats * sizeof(float));
    return d;
}

la_status la_delta_sizes(const la_recurrence *m, la_delta_form form, const la_problem *p,
                         la_pass pass, const void *opts, la_sizes *out)
{
    la_part part;
    la_delta_state_parts(p, opts, &part, 1);
    division d = divide(m, form, p, pass, chunk_of(opts));
    *out = (la_sizes){.state = la_state_layout(&part, 1, NULL),
                      .work = d.work * (size_t)d.threads,
                      .instance = sizeof(instance)};
    return LA_OK;
}

la_status la_delta_create(const la_recurrence *member, la_delta_form form, const la_problem *p,
                          const void *opts, const la_device *dev, void **self, la_err *err)
{
    instance *in = la_alloc(sizeof *in, err);
    if (!in) return LA_E_NOMEM;
    double s =
        p->scale == 0.0 && member->default_scale != 0.0 ? member->default_scale : la_scale(p);
    *in = (instance){.member = member,
                     .p = *p,
                     .chunk = chunk_of(opts),
                     .scale = (float)s,
                     .form = form,
                     .tile = la_tile_get(dev->isa),
                     .decode = LA_ISA_TABLE(la_delta_recurrent, dev->isa)};
    in->forward = form == LA_DELTA_RECURRENT ? in->decode : LA_ISA_TABLE(la_delta_chunk, dev->isa);
    *self = in;
    return LA_OK;
}

/* ---- calls ---- */

/* The slice of job number i: columns [j, j + w) of value head h of batch entry b. */
static la_delta_slice slice_of(const instance *in, const division *d, const la_io *io, int64_t T,
                               int64_t i)
{
    const la_problem *p = &in->p;
    const la_recurrence *m = in->member;
    int64_t j = i % d->slices * d->columns, bh = i / d->slices, b = bh / p->H, h = bh % p->H;
    int64_t hq = h / (p->H / p->Hqk), gates = m->decay == LA_DECAY_CHANNEL ? p->dk : 1;
    int64_t qk = (b * T * p->Hqk + hq) * p->dk, value = (b * T * p->H + h) * p->dv + j;
    int64_t state = bh * p->dk * p->dv + j, gate = b * T * p->H + h;
    return (la_delta_slice){
        .write = m->write,
        .decay = m->decay,
        .T = T,
        .dk = p->dk,
        .w = j + d->columns < p->dv ? d->columns : p->dv - j,
        .chunk = in->chunk,
        .qk_row = p->Hqk * p->dk,
        .v_row = p->H * p->dv,
        .gate_row = p->H,
        .q = (const float *)io->q + qk,
        .k = (const float *)io->k + qk,
        .v = (const float *)io->v + value,
        .beta = m->weighted ? io->beta + gate : NULL,
        .g = m->decay >= LA_DECAY_HEAD ? io->g + gate * gates : NULL,
        .o = (float *)io->o + value,
        .S_in = io->state_in ? (const float *)io->state_in + state : NULL,
        .S_out = io->state_out ? (float *)io->state_out + state : NULL,
        .S_row = p->dv,
        .scale = in->scale,
        .log_decay = m->decay == LA_DECAY_FIXED ? m->log_decay(h) : 0.0,
        .tile = in->tile,
    };
}

static void run(const instance *in, const la_io *io, la_pass pass, la_delta_kernel *kernel)
{
    int64_t T = pass == LA_DECODE ? 1 : in->p.T;
    division d = divide(in->member, in->form, &in->p, pass, in->chunk);
    int64_t jobs = in->p.B * in->p.H * d.slices;
#pragma omp parallel for num_threads(d.threads) schedule(static) if (d.threads > 1)
    for (int64_t i = 0; i < jobs; i++) {
        la_delta_slice slice = slice_of(in, &d, io, T, i);
        slice.work = (float *)(void *)((char *)io->work + d.work * (size_t)omp_get_thread_num());
        kernel(&slice);
    }
}

la_status la_delta_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const instance *in = self;
    run(in, io, LA_FORWARD, in->forward);
    return LA_OK;
}

la_status la_delta_decode(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const instance *in = self;
    run(in, io, LA_DECODE, in->decode);
    return LA_OK;
}
