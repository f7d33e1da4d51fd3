/* SPDX-License-Identifier: Apache-2.0
 * The host's part of attention by feature maps on CUDA devices: sizes, constants, and what follows what.
 */
#include "kernel_cuda.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "counts.h"
#include "labench/kit.h"

typedef struct kc_instance {
    la_kc c;
    size_t part[3]; /* offsets of S, z, c in a state buffer */
    void *pairs;    /* on the device, or NULL */
} kc_instance;

/* Causal: 64 tokens where exponents need a common power, else 128, or 256 where states are large beside the
 * tokens between them. Where every query sees every key: as many pieces as keep a device busy. */
static int64_t chunk_of(const la_kc *c)
{
    const int64_t tile = LA_KC_TILE, blocks = 264;
    if (c->causal && c->stabilised) return tile;
    if (c->causal) return c->m > 512 ? 4 * tile : 2 * tile;
    int64_t each = c->B * c->H * ((c->m + tile - 1) / tile) * ((c->dv + tile - 1) / tile);
    int64_t tiles = (c->T + tile - 1) / tile, pieces = la_least(tiles, (blocks + each - 1) / each);
    return (tiles + pieces - 1) / pieces * tile;
}

static la_kc geometry(const la_kc_member *m, const la_problem *p, const void *opts)
{
    la_kc c = {.dtype = p->dtype,
               .B = p->B,
               .T = p->T,
               .H = p->H,
               .dk = p->dk,
               .dv = p->dv,
               .causal = p->mask == LA_MASK_CAUSAL || p->T == 1};
    m->make(p, opts, &c);
    c.ld = (c.m + 3) / 4 * 4;
    c.slot = (c.m * c.dv + c.m + 3) / 4 * 4;
    c.chunk = chunk_of(&c);
    c.chunks = (c.T + c.chunk - 1) / c.chunk;
    return c;
}

static size_t parts_of(const la_kc *c, la_part out[3])
{
    size_t n = 1;
    out[0] = (la_part){.name = "S", .shape = {c->B, c->H, c->m, c->dv}, .rank = 4};
    if (c->normalize) out[n++] = (la_part){.name = "z", .shape = {c->B, c->H, c->m}, .rank = 3};
    if (c->stabilised) out[n++] = (la_part){.name = "c", .shape = {c->B, c->H, c->m}, .rank = 3};
    return n;
}

la_status la_kc_check(const la_kc_member *m, const la_problem *p, const void *opts, la_err *err)
{
    if (p->dtype != LA_F32 && p->dtype != LA_BF16 && p->dtype != LA_F16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no %s kernel on CUDA devices", m->name,
                       la_dtype_name(p->dtype));
    if (p->Hkv != p->H || p->Hqk != p->H)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no grouped heads", m->name);
    la_kc c = geometry(m, p, opts);
    if (LA_KC_PAIRS(c.map) && 2 * c.dk > 0xffff)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "this feature map of %s takes keys of at most %d numbers on CUDA devices, "
                       "not %" PRId64,
                       m->name, 0xffff / 2, c.dk);
    return LA_OK;
}

/* ---- buffers, in floats from their start; both cuts return how many ---- */

/* What forward makes, in `saved` where backward is to have it and else in work. */
typedef struct kc_kept {
    la_kc_sums sums;
    float *N, *den, *o32;
} kc_kept;

static float *take(float *base, int64_t *used, int64_t floats)
{
    float *here = base ? base + *used : NULL;
    *used += la_whole_lines(floats);
    return here;
}

static int64_t cut_kept(const la_kc *c, float *base, kc_kept *k)
{
    int64_t used = 0, heads = c->B * c->H, tokens = heads * c->T, slots = heads * (c->chunks + 1);
    *k = (kc_kept){.sums.slots = take(base, &used, slots * c->slot)};
    if (c->stabilised) {
        k->sums.R = take(base, &used, slots * c->ld);
        k->sums.c = take(base, &used, 2 * heads * c->m);
        k->N = take(base, &used, tokens);
    }
    if (c->normalize) k->den = take(base, &used, tokens);
    if (c->normalize && c->dtype != LA_F32) k->o32 = take(base, &used, tokens * c->dv);
    return used;
}

/* Work of either way. */
typedef struct kc_room {
    float *phi_q, *phi_k, *half; /* features where they are made */
    float *dphi, *factor, *e, *parts;
    float *grads; /* of states */
} kc_room;

static int64_t cut_room(const la_kc *c, bool back, float *base, kc_room *r)
{
    int64_t used = 0, tokens = c->B * c->H * c->T, features = tokens * c->ld;
    *r = (kc_room){.phi_q = NULL};
    if (LA_KC_MADE(c->map)) {
        r->phi_q = take(base, &used, features);
        r->phi_k = take(base, &used, features);
        r->half = take(base, &used, tokens);
    }
    if (!back) return used;
    r->factor = take(base, &used, tokens);
    r->e = take(base, &used, tokens);
    if (!LA_KC_DIRECT(c->map)) r->dphi = take(base, &used, features);
    if (LA_KC_MADE(c->map)) {
        int64_t heads = c->map == LA_KC_HEDGEHOG ? c->H : 1;
        r->parts = take(base, &used, la_kc_parts(c) * heads * c->rows * c->dk);
    }
    r->grads = take(base, &used, c->B * c->H * (c->chunks + 1) * c->slot);
    return used;
}

/* Features of one token. */
static int64_t step_floats(const la_kc *c)
{
    return 2 * la_whole_lines(c->B * c->H * c->m) + la_whole_lines(c->B * c->H);
}

la_status la_kc_sizes(const la_kc_member *m, const la_problem *p, la_pass pass, const void *opts,
                      la_sizes *out, la_err *err)
{
    (void)err;
    la_kc c = geometry(m, p, opts);
    la_part parts[3];
    kc_kept kept;
    kc_room room;
    size_t n = parts_of(&c, parts);
    int64_t keeps = cut_kept(&c, NULL, &kept), floats = cut_room(&c, false, NULL, &room) + keeps;
    bool back = pass == LA_BACKWARD || pass == LA_FWDBWD;
    if (pass == LA_DECODE) floats = step_floats(&c);
    if (back) floats = la_most(floats, cut_room(&c, true, NULL, &room));
    *out = (la_sizes){.state = la_state_layout(parts, n, NULL),
                      .saved = back ? (size_t)keeps * sizeof(float) : 0,
                      .work = (size_t)floats * sizeof(float),
                      .instance = sizeof(kc_instance)};
    return LA_OK;
}

/* Inside a chunk a token meets half of the others, in whole tiles: in F F' for each tile of columns, and in
 * its product with what they bring; backward so for dV, and for the gradients of both features the other
 * way round. States are written, read and written by the scan, and read by each tile of tokens. */
void la_kc_cost(const la_kc_member *m, const la_problem *p, la_pass pass, const void *opts,
                la_cost *cost)
{
    la_kc c = geometry(m, p, opts);
    const double tile = LA_KC_TILE, L = (double)c.chunk, width = (double)c.m, dv = (double)c.dv;
    if (pass == LA_DECODE) return;
    double heads = (double)(c.B * c.H), across = ceil(dv / tile), down = ceil(width / tile);
    double pairs = c.causal ? heads * (double)c.T * (L + tile) / 2 : 0.0;
    double forward = 2 * pairs * (across * width + dv), back = 4 * pairs * (down * dv + width);
    double states = heads * (double)(c.chunks * c.slot) * sizeof(float) * (3 + L / tile);
    bool there = pass != LA_BACKWARD, and_back = pass == LA_BACKWARD || pass == LA_FWDBWD;
    cost->flops += (there ? forward : 0.0) + (and_back ? forward + back : 0.0);
    cost->bytes += (there ? states : 0.0) + (and_back ? states + 2 * states : 0.0);
}

/* ---- constants ---- */

/* taylor2: 1, y_a, y_a y_b; the 1 is place dk. dpfp: block i is r times r turned by i. */
static void fill_pairs(const la_kc *c, uint32_t *to)
{
    uint32_t dk = (uint32_t)c->dk, n = 2 * dk;
    if (c->map == LA_KC_TAYLOR2) {
        *to++ = dk | dk << 16;
        for (uint32_t a = 0; a < dk; a++) *to++ = a | dk << 16;
        for (uint32_t a = 0; a < dk; a++)
            for (uint32_t b = a; b < dk; b++) *to++ = a | b << 16;
        return;
    }
    for (int64_t i = 1; i <= c->m / n; i++)
        for (uint32_t j = 0; j < n; j++) *to++ = j | (j + n - (uint32_t)(i % (int64_t)n)) % n << 16;
}

la_status la_kc_create(const la_kc_member *m, const la_problem *p, const void *opts, void **self,
                       la_err *err)
{
    kc_instance *in = la_alloc(sizeof *in, err);
    if (!in) return LA_E_NOMEM;
    la_part parts[3];
    *in = (kc_instance){.c = geometry(m, p, opts)};
    la_state_layout(parts, parts_of(&in->c, parts), in->part);
    if (LA_KC_PAIRS(in->c.map)) {
        size_t bytes = (size_t)in->c.m * sizeof(uint32_t);
        uint32_t *pairs = la_alloc(bytes, err);
        la_status st = pairs ? LA_OK : LA_E_NOMEM;
        if (st == LA_OK) {
            fill_pairs(&in->c, pairs);
            st = la_cuda_keep(pairs, bytes, &in->pairs, err);
        }
        la_free(pairs);
        if (st != LA_OK) {
            la_free(in);
            return st;
        }
        in->c.pairs = in->pairs;
    }
    *self = in;
    return LA_OK;
}

void la_kc_destroy(void *self)
{
    kc_instance *in = self;
    if (in) la_cuda_drop(in->pairs);
    la_free(in);
}

/* ---- calls ---- */

static la_kc_state state_at(const kc_instance *in, const void *buffer)
{
    la_kc_state s = {NULL};
    if (!buffer) return s;
    char *base = (char *)(uintptr_t)buffer; /* a state that comes in is only read */
    s.S = (float *)(void *)base;
    if (in->c.normalize) s.z = (float *)(void *)(base + in->part[1]);
    if (in->c.stabilised) s.c = (float *)(void *)(base + in->part[2]);
    return s;
}

static const float *matrix_of(const la_io *io)
{
    return io->params ? io->params[0] : NULL;
}

static la_status made(const la_kc *c, const la_io *io, const kc_room *r, la_err *err)
{
    if (!LA_KC_MADE(c->map)) return LA_OK;
    LA_TRY(la_kc_features(c, io->q, matrix_of(io), false, r->half, r->phi_q, io->stream, err));
    return la_kc_features(c, io->k, matrix_of(io), true, r->half, r->phi_k, io->stream, err);
}

static la_kc_side queries(const la_io *io, const kc_room *r, const kc_kept *k)
{
    return (la_kc_side){.x = io->q, .phi = r->phi_q, .N = k->N};
}

static la_kc_side keys(const la_io *io, const kc_room *r)
{
    return (la_kc_side){.x = io->k, .phi = r->phi_k, .y = io->v};
}

la_status la_kc_forward(void *self, const la_io *io, la_err *err)
{
    const kc_instance *in = self;
    const la_kc *c = &in->c;
    kc_room room;
    kc_kept kept;
    int64_t used = cut_room(c, false, io->work, &room);
    cut_kept(c, io->saved ? io->saved : (float *)io->work + used, &kept);
    la_kc_state before = state_at(in, io->state_in), after = state_at(in, io->state_out);
    LA_TRY(made(c, io, &room, err));
    if (c->stabilised) {
        LA_TRY(la_kc_maxima(c, room.phi_k, &kept.sums, &before, &after, io->stream, err));
        LA_TRY(la_kc_powers(c, room.phi_q, &kept.sums, kept.N, io->stream, err));
    }
    la_kc_side from = keys(io, &room);
    LA_TRY(la_kc_absorb(c, &from, false, &kept.sums, io->stream, err));
    LA_TRY(la_kc_scan(c, false, &kept.sums, &before, &after, io->stream, err));
    la_kc_read_call read = {.rows = queries(io, &room, &kept),
                            .others = from,
                            .sums = kept.sums,
                            .o = io->o,
                            .o32 = io->saved ? kept.o32 : NULL,
                            .den = kept.den};
    LA_TRY(la_kc_read(c, &read, io->stream, err));
    if (!c->stabilised || !c->causal) return LA_OK;
    la_kc_exact_call exact = {.queries = read.rows,
                              .keys = from,
                              .sums = kept.sums,
                              .den = kept.den,
                              .N = kept.N,
                              .o = io->o,
                              .o32 = read.o32};
    return la_kc_exact(c, &exact, io->stream, err);
}

la_status la_kc_decode(void *self, const la_io *io, la_err *err)
{
    const kc_instance *in = self;
    la_kc c = in->c;
    c.T = 1;
    c.ld = c.m; /* as states lie */
    int64_t features = la_whole_lines(c.B * c.H * c.m);
    float *phi_q = io->work, *phi_k = phi_q + features, *half = phi_k + features;
    LA_TRY(la_kc_features(&c, io->q, matrix_of(io), false, half, phi_q, io->stream, err));
    LA_TRY(la_kc_features(&c, io->k, matrix_of(io), true, half, phi_k, io->stream, err));
    la_kc_step_call step = {.phi_q = phi_q,
                            .phi_k = phi_k,
                            .v = io->v,
                            .o = io->o,
                            .in = state_at(in, io->state_in),
                            .out = state_at(in, io->state_out)};
    return la_kc_step(&c, &step, io->stream, err);
}

/* dq or dk and its share of dW, from features' gradients. exact: where some tokens may be, or NULL. */
static la_status one_side(const la_kc *c, const la_io *io, la_kc_grad_call *call,
                          la_kc_exact_call *exact, kc_room *r, void *dx, float *dW, la_err *err)
{
    if (!dx && !dW) return LA_OK;
    call->dphi = r->dphi;
    call->dx = dx;
    LA_TRY(la_kc_grad(c, call, io->stream, err));
    if (LA_KC_DIRECT(c->map)) return LA_OK;
    if (exact) {
        exact->dphi = r->dphi;
        exact->of_keys = call->back;
        LA_TRY(la_kc_exact_back(c, exact, io->stream, err));
    }
    la_kc_pull pull = {.x = call->rows.x,
                       .W = matrix_of(io),
                       .phi = call->rows.phi,
                       .dphi = r->dphi,
                       .half = r->half,
                       .dx = dx,
                       .dW = dW,
                       .parts = r->parts,
                       .key = call->back,
                       .add = call->back}; /* keys come second */
    return la_kc_pull_back(c, &pull, io->stream, err);
}

la_status la_kc_backward(void *self, const la_io *io, const la_grads *g, la_err *err)
{
    const kc_instance *in = self;
    const la_kc *c = &in->c;
    kc_room room;
    kc_kept kept;
    cut_room(c, true, io->work, &room);
    cut_kept(c, io->saved, &kept);
    float *dW = LA_KC_MADE(c->map) && g->dparams ? g->dparams[0] : NULL;
    la_kc_state after = state_at(in, g->dstate_out), before = state_at(in, g->dstate_in);
    LA_TRY(made(c, io, &room, err));
    LA_TRY(la_kc_numerators(c, g->dout, io->o, kept.o32, kept.den, room.factor, room.e, io->stream,
                            err));
    la_kc_side q = queries(io, &room, &kept), k = keys(io, &room);
    q.y = g->dout;
    q.factor = room.factor;
    q.y0 = room.e;
    la_kc_sums grads = {room.grads, kept.sums.R, kept.sums.c};
    LA_TRY(la_kc_absorb(c, &q, true, &grads, io->stream, err));
    LA_TRY(la_kc_scan(c, true, &grads, &after, &before, io->stream, err));
    bool some = c->stabilised && c->causal;
    if (some) q.den = kept.den;
    la_kc_exact_call exact = {
        .queries = q, .keys = k, .sums = kept.sums, .den = kept.den, .N = kept.N, .dv = g->dv};
    if (g->dv) {
        la_kc_read_call read = {.rows = k, .others = q, .sums = grads, .back = true, .o = g->dv};
        LA_TRY(la_kc_read(c, &read, io->stream, err));
        if (some) LA_TRY(la_kc_exact_back(c, &exact, io->stream, err));
    }
    exact.dv = NULL;
    la_kc_grad_call of_q = {.rows = q, .others = k, .states = kept.sums};
    LA_TRY(one_side(c, io, &of_q, some ? &exact : NULL, &room, g->dq, dW, err));
    la_kc_grad_call of_k = {.rows = k, .others = q, .states = grads, .back = true};
    return one_side(c, io, &of_k, some ? &exact : NULL, &room, g->dk, dW, err);
}
