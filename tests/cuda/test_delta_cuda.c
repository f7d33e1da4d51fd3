/* SPDX-License-Identifier: Apache-2.0
 * Kernels of the recurrent family on the emulator, each type and form held to the token-by-token form in
 * float32 on the same rounded inputs.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delta_cuda.h"
#include "labench/bf16.h"
#include "labench/kit.h"

__extension__ typedef _Float16 half;

typedef struct member {
    la_write_rule write;
    la_decay decay;
    bool weighted;
} member;

static const member members[] = {
    {LA_WRITE_ADDITIVE, LA_DECAY_FIXED, false},   {LA_WRITE_ADDITIVE, LA_DECAY_HEAD, true},
    {LA_WRITE_ADDITIVE, LA_DECAY_CHANNEL, false}, {LA_WRITE_DELTA, LA_DECAY_NONE, true},
    {LA_WRITE_DELTA, LA_DECAY_HEAD, true},        {LA_WRITE_DELTA, LA_DECAY_CHANNEL, true},
    {LA_WRITE_RANK_ONE, LA_DECAY_CHANNEL, false},
};

typedef struct shape {
    int64_t B, T, H, Hqk, dk, dv;
    bool fresh; /* begins with no state */
} shape;

/* Where a call's tensors lie; q, k, v and o in the call's type. */
typedef struct tensors {
    float *q, *k, *v, *a, *b, *beta, *g, *fixed, *S_in, *S_out, *o;
    void *narrow[4]; /* q, k, v, o */
} tensors;

static float wave(int64_t i, int64_t salt)
{
    uint64_t x = (uint64_t)(i * 1000003 + salt) * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    return (float)((double)(x >> 11) * 0x1p-53 * 2.0 - 1.0);
}

static float *drawn(int64_t n, int64_t salt)
{
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = wave(i, salt);
    return x;
}

static void unit_rows(float *x, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++) {
        double sum = 1e-6;
        for (int64_t i = 0; i < n; i++) sum += (double)x[r * n + i] * (double)x[r * n + i];
        for (int64_t i = 0; i < n; i++) x[r * n + i] /= (float)sqrt(sum);
    }
}

static void *narrowed(float *x, int64_t n, la_dtype dtype)
{
    uint16_t *to = malloc((size_t)n * sizeof *to);
    assert_non_null(to);
    for (int64_t i = 0; i < n; i++) {
        if (dtype == LA_BF16) {
            la_bf16 y = la_bf16_from_float(x[i]);
            x[i] = la_bf16_to_float(y);
            memcpy(&to[i], &y, sizeof to[i]);
        } else {
            half y = (half)x[i];
            x[i] = (float)y;
            memcpy(&to[i], &y, sizeof to[i]);
        }
    }
    return to;
}

static tensors draw(const shape *s, la_dtype dtype)
{
    int64_t tokens = s->B * s->T, gates = tokens * s->H * s->dk,
            states = s->B * s->H * s->dk * s->dv;
    tensors t = {.q = drawn(tokens * s->Hqk * s->dk, 1),
                 .k = drawn(tokens * s->Hqk * s->dk, 2),
                 .v = drawn(tokens * s->H * s->dv, 3),
                 .a = drawn(gates, 4),
                 .b = drawn(gates, 4),
                 .beta = drawn(tokens * s->H, 6),
                 .g = drawn(gates, 7),
                 .fixed = drawn(2 * s->H, 8),
                 .S_in = drawn(states, 9),
                 .S_out = drawn(states, 10),
                 .o = drawn(tokens * s->H * s->dv, 11)};
    unit_rows(t.k, tokens * s->Hqk, s->dk);
    unit_rows(t.a, tokens * s->H, s->dk);
    unit_rows(t.b, tokens * s->H, s->dk);
    for (int64_t i = 0; i < gates; i++) {
        t.b[i] *= -0.7f;
        t.g[i] = i % 23 == 5 ? -50.0f : i % 3 == 0 ? 0.0f : 0.2f * (t.g[i] - 1.0f);
    }
    for (int64_t i = 0; i < tokens * s->H; i++) t.beta[i] = 0.5f * t.beta[i] + 0.5f;
    for (int64_t h = 0; h < s->H; h++) {
        t.fixed[h] = 1.0f - 0.1f / (float)(h + 1);
        t.fixed[s->H + h] = logf(t.fixed[h]);
    }
    if (dtype != LA_F32) {
        t.narrow[0] = narrowed(t.q, tokens * s->Hqk * s->dk, dtype);
        t.narrow[1] = narrowed(t.k, tokens * s->Hqk * s->dk, dtype);
        t.narrow[2] = narrowed(t.v, tokens * s->H * s->dv, dtype);
        t.narrow[3] = malloc((size_t)(tokens * s->H * s->dv) * 2);
    }
    return t;
}

static void release(tensors *t)
{
    float *all[] = {t->q, t->k, t->v, t->a, t->b, t->beta, t->g, t->fixed, t->S_in, t->S_out, t->o};
    for (size_t i = 0; i < LA_COUNT(all); i++) free(all[i]);
    for (int i = 0; i < 4; i++) free(t->narrow[i]);
}

static la_delta_call call_of(const shape *s, const member *m, const tensors *t, la_dtype dtype)
{
    bool wide = dtype == LA_F32;
    return (la_delta_call){.write = m->write,
                           .decay = m->decay,
                           .B = s->B,
                           .T = s->T,
                           .H = s->H,
                           .Hqk = s->Hqk,
                           .dk = s->dk,
                           .dv = s->dv,
                           .dtype = dtype,
                           .scale = 0.3f,
                           .q = wide ? t->q : t->narrow[0],
                           .k = wide ? t->k : t->narrow[1],
                           .v = wide ? t->v : t->narrow[2],
                           .a = t->a,
                           .b = t->b,
                           .beta = m->weighted ? t->beta : NULL,
                           .g = m->decay >= LA_DECAY_HEAD ? t->g : NULL,
                           .fixed = m->decay == LA_DECAY_FIXED ? t->fixed : NULL,
                           .o = wide ? (void *)t->o : t->narrow[3],
                           .S_in = s->fresh ? NULL : t->S_in,
                           .S_out = t->S_out};
}

static double output(const la_delta_call *c, int64_t i)
{
    if (c->dtype == LA_F32) return (double)((const float *)c->o)[i];
    if (c->dtype == LA_BF16) return (double)la_bf16_to_float(((const la_bf16 *)c->o)[i]);
    return (double)((const half *)c->o)[i];
}

typedef la_status form(const la_delta_call *, la_err *);

/* The relative error (rms) of o, or of S_out, that `of` makes in the type against step in float32. */
static void assert_agrees(form *of, const shape *s, const member *m, la_dtype dtype, double most)
{
    tensors t = draw(s, dtype);
    int64_t n = s->B * s->T * s->H * s->dv, states = s->B * s->H * s->dk * s->dv;
    la_delta_call plain = call_of(s, m, &t, LA_F32), c = call_of(s, m, &t, dtype);
    la_err err = {0};
    assert_int_equal(la_delta_step(&plain, &err), LA_OK);
    double *o = malloc((size_t)(n + states) * sizeof *o);
    assert_non_null(o);
    for (int64_t i = 0; i < n; i++) o[i] = output(&plain, i);
    for (int64_t i = 0; i < states; i++) o[n + i] = (double)t.S_out[i];
    memset(t.S_out, 0xff, (size_t)states * sizeof *t.S_out);
    if (of(&c, &err) != LA_OK) fail_msg("%s", err.msg);
    double off = 0.0, size = 0.0, state_off = 0.0, state_size = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double d = output(&c, i) - o[i];
        off += d * d, size += o[i] * o[i];
    }
    for (int64_t i = 0; i < states; i++) {
        double d = (double)t.S_out[i] - o[n + i];
        state_off += d * d, state_size += o[n + i] * o[n + i];
    }
    double e = sqrt(off / size), se = sqrt(state_off / state_size);
    if (!(e <= most) || !(se <= most))
        fail_msg("write %d decay %d %s T %d dk %d dv %d: o is off by %g, S by %g, more than %g",
                 (int)m->write, (int)m->decay, la_dtype_name(dtype), (int)s->T, (int)s->dk,
                 (int)s->dv, e, se, most);
    free(o);
    release(&t);
}

static void test_token_by_token_rounds_only_what_it_stores(void **state)
{
    (void)state;
    static const shape s = {2, 19, 4, 2, 40, 33, false};
    for (size_t i = 0; i < LA_COUNT(members); i++) {
        assert_agrees(la_delta_step, &s, &members[i], LA_BF16, 3e-3);
        assert_agrees(la_delta_step, &s, &members[i], LA_F16, 4e-4);
    }
}

static la_status by_chunks(const la_delta_call *c, la_err *err)
{
    size_t bytes = la_delta_chunks_work(c);
    unsigned char *work = aligned_alloc(64, (bytes + 127) / 64 * 64);
    assert_non_null(work);
    memset(work, 0xff, bytes + 1);
    la_status st = la_delta_chunks(c, work, err);
    assert_int_equal(work[bytes], 0xff);
    free(work);
    return st;
}

static void test_chunks_are_token_by_token(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {1, 16, 1, 1, 16, 16, false},  {2, 19, 4, 2, 64, 48, false},  {1, 20, 1, 1, 128, 40, true},
        {1, 33, 2, 1, 40, 33, false},  {1, 20, 2, 1, 160, 20, false}, {1, 33, 1, 1, 192, 10, false},
        {1, 17, 1, 1, 256, 40, false}, {1, 300, 1, 1, 20, 20, false}, {1, 400, 1, 1, 18, 20, true},
    };
    for (size_t n = 0; n < LA_COUNT(shapes); n++)
        for (size_t i = 0; i < LA_COUNT(members); i++) {
            assert_agrees(by_chunks, &shapes[n], &members[i], LA_F32, 3e-6);
            assert_agrees(by_chunks, &shapes[n], &members[i], LA_F16, 2e-3);
            assert_agrees(by_chunks, &shapes[n], &members[i], LA_BF16, 7e-3);
        }
}

/* In bf16 alone: the segments are joined in float32 whatever the type. */
static void test_segments_of_wide_keys_are_token_by_token(void **state)
{
    (void)state;
    static const shape s = {1, 260, 1, 1, 200, 16, false};
    for (size_t i = 0; i < LA_COUNT(members); i++)
        assert_agrees(by_chunks, &s, &members[i], LA_BF16, 7e-3);
}

static void test_blocks_are_those_of_the_largest_launch(void **state)
{
    (void)state;
    la_delta_call c = {.write = LA_WRITE_DELTA,
                       .B = 1,
                       .T = 16,
                       .H = 1 << 24,
                       .Hqk = 1 << 24,
                       .dk = 128,
                       .dv = 16};
    assert_int_equal(la_delta_chunks_geometry(&c).blocks, 1 << 24);
    c.T = 1024, c.H = c.Hqk = 1;
    la_delta_geometry g = la_delta_chunks_geometry(&c);
    assert_int_equal(g.blocks, g.segments * (1 + 128 / g.wide));
    c.write = LA_WRITE_ADDITIVE;
    assert_int_equal(la_delta_chunks_geometry(&c).blocks, g.segments);
    la_err err = {0};
    c.B = (int64_t)1 << 31;
    assert_int_equal(la_delta_chunks(&c, NULL, &err), LA_E_UNSUPPORTED);
}

static void test_segments_hold_every_chunk_once(void **state)
{
    (void)state;
    for (int64_t heads = 1; heads <= 512; heads *= 2)
        for (int64_t T = 1; T <= 1 << 20; T = T * 3 + 1)
            for (int64_t dv = 1; dv <= 300; dv += 37) {
                la_delta_call c = {.B = 1, .H = heads, .Hqk = heads, .T = T, .dk = 64, .dv = dv};
                la_delta_geometry g = la_delta_chunks_geometry(&c);
                assert_int_equal(g.chunks, (T + 15) / 16);
                assert_true(g.segments >= 1 && g.segments <= 32);
                assert_true(g.segments * g.segment >= g.chunks);
                assert_true((g.segments - 1) * g.segment < g.chunks);
                assert_true(g.wide % 16 == 0 && g.wide >= 16 && g.wide <= 128);
                if (heads * ((dv + 31) / 32) > LA_DELTA_CUDA_BLOCKS / 2)
                    assert_int_equal(g.segments, 1);
            }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_by_token_rounds_only_what_it_stores),
        cmocka_unit_test(test_chunks_are_token_by_token),
        cmocka_unit_test(test_segments_of_wide_keys_are_token_by_token),
        cmocka_unit_test(test_blocks_are_those_of_the_largest_launch),
        cmocka_unit_test(test_segments_hold_every_chunk_once),
    };
    la_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
