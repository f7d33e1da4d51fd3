/* SPDX-License-Identifier: Apache-2.0
 * Sizes, costs, refusals and the division of work; the mathematics is in the files compiled per
 * instruction set.
 */
#include "delta_engine.h"

#include <inttypes.h>
#include <omp.h>
#include <stdatomic.h>
#include <string.h>

#include "delta_dplr.h"
#include "delta_pieces.h"
#include "labench/simd.h"
#include "team.h"

const la_option la_delta_option_table[LA_DELTA_OPTIONS_LEN] = {
    {.name = "chunk",
     .type = LA_OPTION_INT,
     .offset = offsetof(la_delta_options, chunk),
     .def = LA_DELTA_DEFAULT_CHUNK,
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
    la_delta_prepare_fn *prepare; /* the halves of the chunk form, or NULL */
    la_delta_scan_fn *scan;
    la_delta_leg_kernels legs, parts;  /* of a relay, of pieces */
    la_delta_prepare_fn *prepare_wide; /* bf16 only: that of float32 */
    la_delta_backward_kernel *backward;
    const la_tile *tile;
    const la_tile_bf16 *narrow; /* bf16 only */
} instance;

size_t la_delta_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    if (cap < 1) return 1;
    out[0] =
        (la_part){.name = "S", .shape = {p->B, p->H, p->dk, p->dv}, .rank = 4, .dtype = LA_F32};
    return 1;
}

/* Tokens of a chunk; those of the rank-one rule are as long as backward's. */
static int64_t chunk_of(const la_recurrence *m, const void *opts)
{
    return m->write == LA_WRITE_RANK_ONE ? LA_DELTA_BACK : la_delta_chunk_of(opts);
}

/* Tokens between saved states; the recurrent form has no chunk of its own to be a multiple of. */
static int64_t segment_of(la_delta_form form, int64_t chunk)
{
    return la_delta_segment(form == LA_DELTA_CHUNK ? chunk : LA_DELTA_BACK);
}

/* Floats of the states that forward saves for one head: before each segment but the first. */
static int64_t saved_floats(const la_problem *p, int64_t segment)
{
    return (p->T - 1) / segment * p->dk * p->dv;
}

/* ---- refusals and sizes ---- */

la_status la_delta_check(const la_recurrence *m, const la_problem *p, la_pass pass,
                         const la_device *dev, la_err *err)
{
    (void)pass;
    if (p->mask != LA_MASK_CAUSAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s is a recurrence: causal only", m->name);
    if (p->dtype != LA_F32 && p->dtype != LA_BF16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has kernels in f32 and bf16, not in %s", m->name,
                       la_dtype_name(p->dtype));
    if (p->Hkv != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s groups values, not keys: kv-heads %" PRId64 " must equal heads %" PRId64
                       " (qk-heads may be fewer)",
                       m->name, p->Hkv, p->H);
    return la_bf16_check(p, dev, m->name, err);
}

/* How a call is divided: jobs of (batch, head, slice of columns) over `threads` threads; backward has
 * jobs of (batch, query head), whose gradients sum over columns and value heads. Where threads share a
 * head, the half of forward that needs no state is shared over the sequence, a block of chunks at a time. */
typedef struct division {
    int64_t slices, columns; /* slices of a head; columns of all but perhaps the last */
    int threads;
    int64_t block;  /* chunks of a head that are prepared at once; 0: each job prepares its own */
    size_t work;    /* bytes of one thread; of one job where chunks are shared */
    size_t prepare; /* scratch of one thread to prepare chunks */
    size_t ready;   /* bytes of one prepared chunk */
    bool relayed, pieced;
    la_delta_relay relay;
    la_delta_pieces pieces;
} division;

/* For each thread of a head, at most. A block is short enough that what is prepared, and the rows it was
 * prepared from, are still in the cores' own caches when columns go through it, and long enough that
 * waiting for each other at its end costs little. */
#define BLOCK_TOKENS 256
#define BLOCK_BYTES  (256 << 10)
#define GRAIN        2 /* chunks that a thread takes at a time where there are many */

/* Floats of the halves of forward: of a slice that is scanned, a thread that prepares, a chunk. */
typedef struct halves_floats {
    int64_t scan, prepare, ready;
} halves_floats;

static halves_floats halves_of(const la_recurrence *m, const la_problem *p, int64_t w,
                               int64_t chunk)
{
    int64_t dk = p->dk;
    if (m->write == LA_WRITE_RANK_ONE)
        return (halves_floats){la_dplr_scan_floats(dk, w), la_dplr_prepare_floats(dk),
                               la_dplr_ready_floats(dk)};
    if (p->dtype == LA_BF16)
        return (halves_floats){la_delta_scan_bf16_floats(dk, w, chunk),
                               la_delta_prepare_bf16_floats(m->decay, dk, chunk),
                               la_delta_ready_bf16_floats(dk, chunk)};
    return (halves_floats){
        la_delta_scan_floats(dk, w, chunk) + la_delta_own_floats(m->decay, dk, chunk),
        la_delta_prepare_floats(m->decay, dk, chunk) + la_delta_copies_floats(m->decay, dk, chunk),
        la_delta_scores_floats(dk, chunk)};
}

/* Two threads of a head that is not cut into pieces each take half of its columns under the rank-one rule, and
 * prepare its tokens for themselves: that is an eighth of the work, and nothing is handed on. */
static bool splits(const la_recurrence *m, const la_problem *p)
{
    return m->write == LA_WRITE_RANK_ONE && p->threads == 2 * p->B * p->H && p->dv > LA_DELTA_ALIGN;
}

/* Bytes of scratch of the whole call where it is not cut into pieces. */
static size_t scratch_of(const division *d, int64_t heads)
{
    if (d->relayed) return la_delta_relay_bytes(&d->relay);
    if (d->block == 0) return d->work * (size_t)d->threads;
    return d->work * (size_t)(heads * d->slices) + d->prepare * (size_t)d->threads +
           2 * d->ready * (size_t)(heads * d->block);
}

/* Whether the chunk form multiplies bf16 in pairs, and not widened chunk by chunk. */
static bool pairs(const la_problem *p)
{
    return p->dtype == LA_BF16 && !la_bf16_widens(la_isa_best());
}

/* How forward and decode treat tensors in bf16: by kernels for them (the rank-one rule, and the chunk form), or
 * widened for a kernel of float32. */
static bool widens(const la_recurrence *m, la_delta_form form, const la_problem *p, la_pass pass)
{
    if (p->dtype != LA_BF16 || pass == LA_BACKWARD) return false;
    return pass == LA_DECODE || (m->write != LA_WRITE_RANK_ONE && form == LA_DELTA_RECURRENT);
}

/* Floats of scratch of one thread in backward. */
static int64_t back_work_of(const la_recurrence *m, la_delta_form form, const la_problem *p,
                            int64_t chunk, bool team)
{
    int64_t segment = segment_of(form, chunk);
    return m->write == LA_WRITE_RANK_ONE
               ? la_dplr_backward_work(p->dk, p->dv, p->T, segment, team)
               : la_delta_backward_work(m->decay, p->dk, p->dv, p->T, segment, team);
}

/* Floats of scratch of one job that has w columns, forward or of a token. */
static int64_t work_of(const la_recurrence *m, la_delta_form form, const la_problem *p,
                       la_pass pass, int64_t w, int64_t chunk)
{
    int64_t segment = segment_of(form, chunk);
    bool rank_one = m->write == LA_WRITE_RANK_ONE;
    int64_t T = pass == LA_DECODE ? 1 : p->T, run = segment < T ? segment : T;
    int64_t more = widens(m, form, p, pass) ? la_delta_widened_work(p->dk, w, p->dv, run, T) : 0;
    if (pass == LA_DECODE) return la_delta_recurrent_work(p->dk) + more;
    if (form == LA_DELTA_RECURRENT && rank_one) return la_dplr_sweep_work(p->dk, w);
    if (form == LA_DELTA_RECURRENT) return la_delta_recurrent_work(p->dk) + more;
    if (rank_one) return la_dplr_forward_work(p->dk, w);
    if (pairs(p)) return la_delta_chunk_bf16_work(m->decay, p->dk, w, chunk);
    if (p->dtype == LA_BF16) more = la_delta_chunk_rows_floats(p->dk, w, chunk);
    return la_delta_chunk_work(m->decay, p->dk, w, chunk) + more;
}

static division divide(const la_recurrence *m, la_delta_form form, const la_problem *p,
                       la_pass pass, int64_t chunk)
{
    division d = {.slices = 1, .threads = p->threads};
    int64_t heads = p->B * (pass == LA_BACKWARD ? p->Hqk : p->H);
    /* Starting threads costs about a microsecond, as much as this many multiply-adds on one core. */
    double work = (double)heads * (double)(pass == LA_DECODE ? 1 : p->T) * (double)(p->dk * p->dv);
    if (work < 65536.0) d.threads = 1;
    bool rank_one = m->write == LA_WRITE_RANK_ONE; /* of which the recurrent form has halves */
    bool halves = form == (rank_one ? LA_DELTA_RECURRENT : LA_DELTA_CHUNK) && pass == LA_FORWARD;
    if (d.threads > 1 && halves && la_delta_has_pieces(m, p, chunk)) {
        d.pieced = true;
        d.pieces = la_delta_pieces_of(m, p, chunk, segment_of(form, chunk),
                                      work_of(m, form, p, pass, p->dv, chunk));
    }
    if (d.pieced && !d.pieces.runs) return d;
    halves = halves && !splits(m, p) && (rank_one || p->dtype == LA_F32 || pairs(p));
    if (d.threads > 1 && halves && la_delta_relays(m, p, chunk)) {
        d.relayed = true;
        d.relay = la_delta_relay_of(m, p, chunk);
        return d;
    }
    if (heads < d.threads && pass != LA_BACKWARD) d.slices = (d.threads + heads - 1) / heads;
    d.columns = la_delta_up((p->dv + d.slices - 1) / d.slices);
    d.slices = (p->dv + d.columns - 1) / d.columns;
    bool shared = d.threads > heads && halves;
    int64_t shares = heads * d.slices;
    if (pass == LA_BACKWARD) shares *= (p->T - 1) / segment_of(form, chunk) + 1;
    if (!shared && shares < d.threads) d.threads = (int)shares;
    int64_t w = d.columns < p->dv ? d.columns : p->dv;
    halves_floats of = {0};
    if (shared)
        of = halves_of(m, p, w, chunk);
    else if (pass == LA_BACKWARD)
        of.scan = back_work_of(m, form, p, chunk, heads < d.threads);
    else
        of.scan = work_of(m, form, p, pass, w, chunk);
    d.work = la_align((size_t)of.scan * sizeof(float));
    if (!shared) return d;
    d.prepare = la_align((size_t)of.prepare * sizeof(float));
    d.ready = (size_t)of.ready * sizeof(float);
    int64_t chunks = (p->T + chunk - 1) / chunk, sharers = (d.threads + heads - 1) / heads;
    int64_t held = sharers * BLOCK_BYTES / (int64_t)d.ready;
    d.block = sharers * BLOCK_TOKENS / chunk;
    if (d.block == 0) d.block = 1;
    if (d.block > held) d.block = held > 0 ? held : 1;
    if (d.block > chunks) d.block = chunks;
    return d;
}

la_status la_delta_sizes(const la_recurrence *m, la_delta_form form, const la_problem *p,
                         la_pass pass, const void *opts, la_sizes *out)
{
    la_part part;
    la_delta_state_parts(p, opts, &part, 1);
    int64_t chunk = chunk_of(m, opts);
    bool train = pass == LA_BACKWARD || pass == LA_FWDBWD;
    division d = divide(m, form, p, train ? LA_FORWARD : pass, chunk);
    *out = (la_sizes){.state = la_state_layout(&part, 1, NULL),
                      .work = scratch_of(&d, p->B * p->H),
                      .instance = sizeof(instance)};
    size_t pieces = d.pieced ? la_delta_pieces_bytes(&d.pieces) : 0;
    if (pieces > out->work) out->work = pieces;
    if (!train) return LA_OK;
    division b = divide(m, form, p, LA_BACKWARD, chunk);
    size_t work = (b.work + sizeof(la_barrier)) * (size_t)b.threads;
    if (work > out->work) out->work = work;
    out->saved = (size_t)(p->B * p->H * saved_floats(p, segment_of(form, chunk))) * sizeof(float);
    return LA_OK;
}

/* The kernel for an instruction set, of tensors in bf16 or in float32. */
#define KERNEL(name) (narrow ? LA_BF16_TABLE(name, isa) : LA_ISA_TABLE(name, isa))

static void choose_kernels(instance *in, la_isa isa)
{
    bool narrow = in->p.dtype == LA_BF16, recurrent = in->form == LA_DELTA_RECURRENT;
    in->decode = LA_ISA_TABLE(la_delta_recurrent, isa);
    if (in->member->write == LA_WRITE_RANK_ONE) {
        in->forward = recurrent ? KERNEL(la_dplr_sweep) : KERNEL(la_dplr_forward);
        in->prepare = KERNEL(la_dplr_prepare);
        in->scan = KERNEL(la_dplr_scan);
        in->legs = (la_delta_leg_kernels){.prepare = KERNEL(la_dplr_leg_prepare),
                                          .carry = KERNEL(la_dplr_leg_carry)};
        in->backward = KERNEL(la_dplr_backward);
    } else {
        bool paired = pairs(&in->p);
        in->forward = recurrent ? in->decode
                      : paired  ? LA_AMX_TABLE(la_delta_chunk_bf16, isa)
                      : narrow  ? LA_ISA_TABLE(la_delta_chunk_widened, isa)
                                : LA_ISA_TABLE(la_delta_chunk, isa);
        in->prepare =
            paired ? LA_AMX_TABLE(la_delta_prepare_bf16, isa) : LA_ISA_TABLE(la_delta_prepare, isa);
        in->prepare_wide = LA_ISA_TABLE(la_delta_prepare, isa);
        in->legs = (la_delta_leg_kernels){.whole = LA_ISA_TABLE(la_delta_leg_whole, isa),
                                          .prepare = LA_ISA_TABLE(la_delta_leg_prepare, isa),
                                          .carry = LA_ISA_TABLE(la_delta_leg_carry, isa),
                                          .finish = LA_ISA_TABLE(la_delta_leg_finish, isa)};
        in->scan =
            paired ? LA_AMX_TABLE(la_delta_scan_bf16, isa) : LA_ISA_TABLE(la_delta_scan, isa);
        in->backward = KERNEL(la_delta_backward);
    }
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
                     .chunk = chunk_of(member, opts),
                     .scale = (float)s,
                     .form = form,
                     .tile = la_tile_get(dev->isa)};
    if (p->dtype == LA_BF16) in->narrow = la_tile_bf16_get(dev->isa);
    choose_kernels(in, dev->isa);
    in->parts = (la_delta_leg_kernels){.whole = la_delta_part_whole, .mend = la_delta_part_mend};
    if (member->write == LA_WRITE_ADDITIVE && p->dtype == LA_F32)
        in->parts = (la_delta_leg_kernels){.whole = in->legs.whole,
                                           .mend = LA_ISA_TABLE(la_delta_leg_mend, dev->isa)};
    *self = in;
    return LA_OK;
}

/* ---- calls ---- */

/* Element i of a tensor of the problem's type, as the kernels for that type take it. */
static const void *element(const la_problem *p, const void *x, int64_t i)
{
    return x ? (const char *)x + i * (int64_t)la_dtype_size(p->dtype) : NULL;
}

static void *element_out(const la_problem *p, void *x, int64_t i)
{
    return x ? (char *)x + i * (int64_t)la_dtype_size(p->dtype) : NULL;
}

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
    int64_t segment = segment_of(in->form, in->chunk), saved = bh * saved_floats(p, segment) + j;
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
        .q = element(p, io->q, qk),
        .k = element(p, io->k, qk),
        .v = element(p, io->v, value),
        .a = m->write == LA_WRITE_RANK_ONE ? io->a + gate * gates : NULL,
        .b = m->write == LA_WRITE_RANK_ONE ? io->b + gate * gates : NULL,
        .beta = m->weighted ? io->beta + gate : NULL,
        .g = m->decay >= LA_DECAY_HEAD ? io->g + gate * gates : NULL,
        .o = element_out(p, io->o, value),
        .S_in = io->state_in ? (const float *)io->state_in + state : NULL,
        .S_out = io->state_out ? (float *)io->state_out + state : NULL,
        .S_row = p->dv,
        .saved = io->saved && T > 1 ? (float *)io->saved + saved : NULL,
        .segment = segment,
        .scale = in->scale,
        .log_decay = m->decay == LA_DECAY_FIXED ? m->log_decay(h) : 0.0,
        .tile = in->tile,
        .narrow = in->narrow,
        .prepare_wide = in->prepare_wide,
    };
}

/* Prepares chunks [i, end) of those from token t on, `chunks` of each head. */
static void prepare_chunks(const instance *in, const division *d, const la_io *io, int64_t t,
                           int64_t chunks, int64_t i, int64_t end, char *ready, float *scratch)
{
    while (i < end) {
        int64_t head = i / chunks, chunk = i % chunks;
        la_delta_slice slice = slice_of(in, d, io, in->p.T, head * d->slices);
        slice.shared = true;
        for (; i < end && chunk < chunks; i++, chunk++) {
            char *to = ready + d->ready * (size_t)(head * d->block + chunk);
            in->prepare(&slice, t + chunk * in->chunk, (float *)(void *)to, scratch);
        }
    }
}

/* A thread's part of the chunks from token t on, of all heads: it takes a few at a time until none are
 * left, so that one that comes late, or runs slower, takes fewer. */
static void prepare_block(const instance *in, const division *d, const la_io *io, int64_t t,
                          char *ready, int thread, _Atomic int64_t *taken)
{
    int64_t heads = in->p.B * in->p.H, left = (in->p.T - t + in->chunk - 1) / in->chunk;
    int64_t chunks = left < d->block ? left : d->block, all = heads * chunks;
    char *scratch =
        (char *)io->work + d->work * (size_t)(heads * d->slices) + d->prepare * (size_t)thread;
    int64_t grain = all < 4 * GRAIN * d->threads ? 1 : GRAIN;
    for (int64_t i; (i = atomic_fetch_add_explicit(taken, grain, memory_order_relaxed)) < all;)
        prepare_chunks(in, d, io, t, chunks, i, i + grain < all ? i + grain : all, ready,
                       (float *)(void *)scratch);
}

/* And takes its slices of columns through them. */
static void scan_block(const instance *in, const division *d, const la_io *io, int64_t t,
                       char *ready, int thread, int threads)
{
    int64_t jobs = in->p.B * in->p.H * d->slices, end = t + d->block * in->chunk;
    for (int64_t i = thread; i < jobs; i += threads) {
        la_delta_slice slice = slice_of(in, d, io, in->p.T, i);
        slice.shared = true;
        slice.work = (float *)(void *)((char *)io->work + d->work * (size_t)i);
        char *from = ready + d->ready * (size_t)(i / d->slices * d->block);
        in->scan(&slice, t, end < in->p.T ? end : in->p.T, (float *)(void *)from);
    }
}

/* More threads than heads: while columns go through one block of chunks, the next one is prepared. */
static void run_shared(const instance *in, const division *d, const la_io *io)
{
    int64_t heads = in->p.B * in->p.H, tokens = d->block * in->chunk;
    int64_t blocks = (in->p.T + tokens - 1) / tokens;
    size_t buffer = d->ready * (size_t)(heads * d->block);
    char *ready = (char *)io->work + scratch_of(d, heads) - 2 * buffer;
    la_barrier barrier = {0};
    _Alignas(64) _Atomic int64_t taken[2] = {0, 0}; /* of the blocks that are prepared, in turn */
#pragma omp parallel num_threads(d->threads)
    {
        int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        la_team team = {.rank = thread, .size = threads, .barrier = &barrier};
        for (int64_t b = 0; b <= blocks; b++) {
            char *next = ready + buffer * (size_t)(b % 2),
                 *last = ready + buffer * (size_t)(1 - b % 2);
            if (b > 0) scan_block(in, d, io, (b - 1) * tokens, last, thread, threads);
            if (b < blocks) prepare_block(in, d, io, b * tokens, next, thread, taken + b % 2);
            if (thread == 0) atomic_store_explicit(taken + 1 - b % 2, 0, memory_order_relaxed);
            la_team_wait(&team);
        }
    }
}

/* One call, as a relay or pieces ask for its heads. */
typedef struct call {
    const instance *in;
    const la_io *io;
} call;

static la_delta_slice whole_head(const void *what, int64_t head)
{
    const call *c = what;
    const division whole = {.slices = 1, .columns = la_delta_up(c->in->p.dv)};
    la_delta_slice slice = slice_of(c->in, &whole, c->io, c->in->p.T, head);
    slice.wide = c->in->forward;
    return slice;
}

/* Forward, or a token. */
static void run(const instance *in, const la_io *io, la_pass pass)
{
    la_delta_kernel *kernel = pass == LA_DECODE ? in->decode : in->forward;
    int64_t T = pass == LA_DECODE ? 1 : in->p.T;
    division d = divide(in->member, in->form, &in->p, pass, in->chunk);
    int64_t jobs = in->p.B * in->p.H * d.slices;
    bool wide = widens(in->member, in->form, &in->p, pass);
    const call heads = {in, io};
    if (d.pieced && la_delta_pieces_run(&d.pieces, &in->parts, whole_head, &heads, io->work))
        return;
    if (d.relayed) {
        la_delta_relay_run(&d.relay, &in->legs, whole_head, &heads, io->work);
        return;
    }
    if (d.block > 0) {
        run_shared(in, &d, io);
        return;
    }
#pragma omp parallel for num_threads(d.threads) schedule(static) if (d.threads > 1)
    for (int64_t i = 0; i < jobs; i++) {
        la_delta_slice slice = slice_of(in, &d, io, T, i);
        slice.work = (float *)(void *)((char *)io->work + d.work * (size_t)omp_get_thread_num());
        slice.wide = kernel;
        (wide ? la_delta_widened : kernel)(&slice);
    }
}

la_status la_delta_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const instance *in = self;
    run(in, io, LA_FORWARD);
    return LA_OK;
}

/* All value heads of one query head, in order. */
static void backward_job(const instance *in, const division *d, const la_io *io,
                         const la_grads *grads, int64_t i, float *work, const la_team *team)
{
    const la_problem *p = &in->p;
    int64_t group = p->H / p->Hqk, b = i / p->Hqk, hq = i % p->Hqk;
    int64_t qk = (b * p->T * p->Hqk + hq) * p->dk;
    int64_t gates = in->member->decay == LA_DECAY_CHANNEL ? p->dk : 1;
    for (int64_t m = 0; m < group; m++) {
        int64_t h = hq * group + m, state = (b * p->H + h) * p->dk * p->dv;
        int64_t gate = b * p->T * p->H + h, value = gate * p->dv;
        la_delta_slice slice = slice_of(in, d, io, p->T, b * p->H + h);
        slice.work = work;
        la_delta_gradients to = {
            .dout = element(p, grads->dout, value),
            .dS_out = grads->dstate_out ? (const float *)grads->dstate_out + state : NULL,
            .dq = element_out(p, grads->dq, qk),
            .dk = element_out(p, grads->dk, qk),
            .dv = element_out(p, grads->dv, value),
            .dbeta = grads->dbeta && slice.beta ? grads->dbeta + gate : NULL,
            .dg = grads->dg && slice.g ? grads->dg + gate * gates : NULL,
            .da = grads->da && slice.a ? grads->da + gate * gates : NULL,
            .db = grads->db && slice.b ? grads->db + gate * gates : NULL,
            .dS_in = grads->dstate_in ? (float *)grads->dstate_in + state : NULL,
            .add = m > 0,
        };
        in->backward(&slice, &to, team);
    }
}

/* Threads take turns at the query heads, or, where there are more of them, form a team for each. */
la_status la_delta_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const instance *in = self;
    division d = divide(in->member, in->form, &in->p, LA_BACKWARD, in->chunk);
    int64_t heads = in->p.B * in->p.Hqk;
    la_barrier *barriers = io->work;
    char *work = (char *)(barriers + d.threads);
    memset(barriers, 0, (size_t)d.threads * sizeof *barriers);
#pragma omp parallel num_threads(d.threads) if (d.threads > 1)
    {
        int64_t n = omp_get_num_threads(), me = omp_get_thread_num();
        int64_t first = heads < n ? ((me + 1) * heads - 1) / n : me, leader = me;
        la_team team = {.size = 1};
        if (heads < n) {
            leader = first * n / heads;
            team = (la_team){.rank = (int)(me - leader),
                             .size = (int)((first + 1) * n / heads - leader),
                             .barrier = barriers + leader};
        }
        for (int64_t i = first; i < heads; i += n)
            backward_job(in, &d, io, grads, i, (float *)(void *)(work + d.work * (size_t)leader),
                         &team);
    }
    return LA_OK;
}

la_status la_delta_decode(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const instance *in = self;
    run(in, io, LA_DECODE);
    return LA_OK;
}
