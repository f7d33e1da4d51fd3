/* SPDX-License-Identifier: Apache-2.0
 * Kernels in device memory as an impl in host memory, on a device made of host memory: what goes up, what
 * comes down, what is found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "fake_driver.h"
#include "inputs.h"
#include "instance.h"
#include "labench/cuda.h"
#include "registry.h"
#include "resident.h"
#include "watched.h"

/* The variant: o = factor v + S, S one number a value channel that grows by the sum of v. */
typedef struct fake_opts {
    int64_t factor;
} fake_opts;
static const la_option options[] = {{.name = "factor",
                                     .type = LA_OPTION_INT,
                                     .offset = offsetof(fake_opts, factor),
                                     .def = 2,
                                     .min = 1,
                                     .max = 9,
                                     .help = "of v"}};

static size_t parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    if (cap) out[0] = (la_part){.name = "S", .shape = {p->B, p->H, p->dv}, .rank = 3};
    return 1;
}

typedef struct fake_self {
    la_problem p;
    int64_t factor;
} fake_self;

static int selves;           /* made and not destroyed */
static int beyond;           /* floats that forward writes behind its output */
static bool leaves_a_hole;   /* forward leaves the last output alone */
static const void *seen_in;  /* state_in of the last call */
static const void *seen_out; /* state_out */
static int64_t seen_pos;

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)opts, (void)dev, (void)err;
    size_t floats = (size_t)(p->B * p->H * p->dv) * sizeof(float);
    *out = (la_sizes){.state = floats, .work = 64};
    if (pass != LA_FORWARD && pass != LA_DECODE) out->saved = floats;
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)dev;
    fake_self *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    *f = (fake_self){*p, ((const fake_opts *)opts)->factor};
    selves++;
    *self = f;
    return LA_OK;
}

static void destroy(void *self)
{
    selves--;
    la_free(self);
}

LA_UNWATCHED static void write_beyond(float *end)
{
    for (int i = 0; i < beyond; i++) end[i] = 1.0f;
}

static la_status run(const fake_self *f, int64_t T, const la_io *io)
{
    const float *v = io->v, *in = io->state_in;
    float *o = io->o, *out = io->state_out, *saved = io->saved;
    int64_t row = f->p.H * f->p.dv, n = f->p.B * T * row;
    seen_in = io->state_in, seen_out = io->state_out, seen_pos = io->pos;
    for (int64_t b = 0; b < f->p.B; b++)
        for (int64_t j = 0; j < row; j++) {
            float S = in ? in[b * row + j] : 0.0f;
            for (int64_t t = 0; t < T; t++) {
                int64_t at = (b * T + t) * row + j;
                o[at] = (float)f->factor * v[at] + S;
                S += v[at];
            }
            if (out) out[b * row + j] = S;
            if (saved) saved[b * row + j] = 7.0f;
        }
    if (leaves_a_hole) o[n - 1] = *(const float *)io->work; /* scratch is poisoned: NaN */
    write_beyond(o + n);
    return LA_OK;
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    return run(self, ((fake_self *)self)->p.T, io);
}

static la_status decode(void *self, const la_io *io, la_err *err)
{
    (void)err;
    return run(self, 1, io);
}

/* dv = factor dout + what forward saved; dq is left unwritten. */
static la_status backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const fake_self *f = self;
    const float *dout = grads->dout, *saved = io->saved;
    float *dv = grads->dv;
    int64_t n = f->p.B * f->p.T * f->p.H * f->p.dv;
    for (int64_t i = 0; i < n; i++) dv[i] = (float)f->factor * dout[i] + saved[0];
    return la_cuda_launched(0, "backward", err);
}

static const la_cuda_kernels kernels = {.sizes = sizes,
                                        .create = create,
                                        .destroy = destroy,
                                        .forward = forward,
                                        .backward = backward,
                                        .decode = decode};

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)dev, (void)err;
    return LA_OK;
}

static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *out,
                        la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)err;
    *out = (la_cost){.version = 1};
    return LA_OK;
}

LA_CUDA_THUNKS("fake", kernels)
static const la_impl impls[] = {{.name = "cuda_fake",
                                 LA_CUDA_CALLS(kernels),
                                 .caps = LA_CAP_CAUSAL | LA_CAP_BACKWARD | LA_CAP_DECODE,
                                 .dtypes = 1u << LA_F32,
                                 .check = check,
                                 .backward = la_cuda_backward,
                                 .decode = la_cuda_decode}};
const la_variant la_variant_fake = {
    LA_VARIANT_HEAD,          .name = "fake",   .family = LA_FAMILY_RECURRENT,
    .summary = "of the test", .paper = "-",     .cost_words = "-",
    .same_as = "copy",        .useful = useful, .inputs = LA_IN_QKV,
    .options = options,       .options_len = 1, .options_size = sizeof(fake_opts),
    .state_parts = parts,     .impls = impls,   .impls_len = 1};

typedef struct fixture {
    la_device device;
    la_problem p;
    fake_opts opts;
    la_inputs in;
    la_instance inst;
    la_io io;
} fixture;

static void make(fixture *f, la_pass pass)
{
    la_err err = {0};
    *f = (fixture){
        .p =
            {.B = 2, .T = 3, .Tcap = 3, .H = 2, .Hkv = 2, .Hqk = 2, .dk = 4, .dv = 5, .threads = 1},
        .opts = {3}};
    la_cuda_use(&fake_driver);
    assert_int_equal(la_registry_add(&la_variant_fake, &err), LA_OK);
    beyond = 0, leaves_a_hole = false;
    assert_int_equal(la_device_cuda(0, &f->device, &err), LA_OK);
    assert_int_equal(
        la_inputs_draw(&la_variant_fake, &f->p, &f->opts, LA_INPUTS_DEFAULT, 1, &f->in, &err),
        LA_OK);
    assert_int_equal(la_instance_create(&la_variant_fake, &impls[0], &f->p, pass, &f->opts,
                                        &f->device, &f->inst, &err),
                     LA_OK);
    la_instance_poison(&f->inst);
    f->io = la_instance_io(&f->inst, &f->in);
}

static void end(fixture *f)
{
    la_instance_release(&f->inst);
    la_inputs_release(&f->in);
    la_registry_remove(&la_variant_fake);
    assert_int_equal(fake_taken, 0);
    assert_int_equal(fake_streams, 0);
    assert_int_equal(selves, 0);
    assert_int_equal(la_cuda_live(), 0);
    assert_int_equal(la_mem_live(), 0);
    la_cuda_use(NULL);
}

static void a_forward_call_goes_up_and_comes_down(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    float S[20], S_in[20];
    for (int i = 0; i < 20; i++) S_in[i] = (float)i;
    make(&f, LA_FORWARD);
    f.io.state_in = S_in, f.io.state_out = S, f.io.pos = 11;
    assert_int_equal(f.inst.impl->forward(f.inst.self, &f.io, &err), LA_OK);
    const float *v = f.io.v, *o = f.io.o;
    assert_true(o[0] == 3.0f * v[0] + S_in[0]);
    assert_true(o[10] == 3.0f * v[10] + (S_in[0] + v[0])); /* token 1 */
    assert_true(S[19] == ((S_in[19] + v[39]) + v[49]) + v[59]);
    assert_true(seen_in != S_in && seen_out != S && seen_in != seen_out);
    assert_int_equal(seen_pos, 11);
    f.io.state_in = NULL, f.io.state_out = NULL;
    assert_int_equal(f.inst.impl->forward(f.inst.self, &f.io, &err), LA_OK);
    assert_null(seen_in);
    assert_null(seen_out);
    end(&f);
}

static void decode_takes_one_token_and_may_write_its_state_in_place(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    float S[20] = {0}, o[20];
    make(&f, LA_DECODE);
    f.io.state_in = f.io.state_out = S;
    f.io.o = o;
    for (int t = 0; t < 2; t++)
        assert_int_equal(f.inst.impl->decode(f.inst.self, &f.io, &err), LA_OK);
    assert_ptr_equal(seen_in, seen_out);
    assert_true(S[3] == 2.0f * ((const float *)f.io.v)[3]);
    assert_true(o[3] == 3.0f * ((const float *)f.io.v)[3] + ((const float *)f.io.v)[3]);
    end(&f);
}

/* Decode takes tensors of one token in the place of forward's, and the other way round. */
static void a_call_that_lost_its_memory_does_not_run_again(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    float S[20] = {0}, o[20];
    make(&f, LA_DECODE);
    la_io all = f.io, one = f.io;
    one.state_in = one.state_out = S;
    one.o = o;
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(f.inst.impl->forward(f.inst.self, &all, &err), LA_OK);
        assert_int_equal(la_resident_enqueue(f.inst.self, LA_RESIDENT_FORWARD, &err), LA_OK);
        if (turn)
            assert_int_equal(la_resident_enqueue(f.inst.self, LA_RESIDENT_DECODE, &err),
                             LA_E_INTERNAL);
        assert_int_equal(f.inst.impl->decode(f.inst.self, &one, &err), LA_OK);
        assert_int_equal(la_resident_enqueue(f.inst.self, LA_RESIDENT_DECODE, &err), LA_OK);
        assert_int_equal(la_resident_enqueue(f.inst.self, LA_RESIDENT_FORWARD, &err),
                         LA_E_INTERNAL);
        assert_int_equal(la_resident_fetch(f.inst.self, LA_RESIDENT_FORWARD, all.o, NULL, &err),
                         LA_E_INTERNAL);
    }
    end(&f);
}

static void backward_reads_what_forward_saved(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    float dout[60], dv[60], dq[48] = {0};
    for (int i = 0; i < 60; i++) dout[i] = (float)i;
    make(&f, LA_FWDBWD);
    assert_int_equal(f.inst.impl->forward(f.inst.self, &f.io, &err), LA_OK);
    assert_true(((const float *)f.io.saved)[19] == 7.0f);
    la_grads grads = {.dout = dout, .dv = dv, .dq = dq};
    assert_int_equal(f.inst.impl->backward(f.inst.self, &f.io, &grads, &err), LA_OK);
    assert_true(dv[59] == 3.0f * 59.0f + 7.0f);
    assert_true(isnan(dq[0]) && isnan(dq[47])); /* nobody wrote it */
    end(&f);
}

static void what_is_left_unwritten_comes_back_as_nan(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    make(&f, LA_FORWARD);
    leaves_a_hole = true;
    assert_int_equal(f.inst.impl->forward(f.inst.self, &f.io, &err), LA_OK);
    assert_true(isnan(((const float *)f.io.o)[59]));
    end(&f);
}

LA_UNWATCHED static void spoil(unsigned char *byte)
{
    *byte = 0xFF; /* not even that passes for a guard */
}

static void fresh_memory_is_nan_between_its_guards(void **state)
{
    (void)state;
    la_cuda_buffer buf;
    la_err err = {0};
    la_cuda_use(&fake_driver);
    for (size_t bytes = 2; bytes < 600; bytes += 298) {
        assert_int_equal(la_cuda_buffer_init(&buf, bytes, NULL, &err), LA_OK);
        unsigned char *x = buf.data;
        for (size_t i = 0; i < bytes; i++) assert_int_equal(x[i], 0xFF);
        assert_int_equal(la_cuda_buffer_guards(&buf, "fresh", NULL, &err), LA_OK);
        spoil(x + bytes);
        assert_int_equal(la_cuda_buffer_guards(&buf, "fresh", NULL, &err), LA_E_WRONG);
        la_cuda_buffer_release(&buf);
    }
    la_cuda_use(NULL);
}

static void a_write_beyond_the_output_is_found(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    make(&f, LA_FORWARD);
    beyond = 1;
    assert_int_equal(f.inst.impl->forward(f.inst.self, &f.io, &err), LA_E_WRONG);
    assert_string_equal(err.msg, "wrote outside its output buffer of 240 bytes on the device");
    end(&f);
}

static void what_surrounds_a_buffer_is_closed_to_all_but_its_check(void **state)
{
    (void)state;
    la_cuda_buffer buf;
    la_err err = {0};
    la_cuda_use(&fake_driver);
    assert_int_equal(la_cuda_buffer_init(&buf, 13, NULL, &err), LA_OK);
    for (int checked = 0; checked < 2; checked++) {
        const char *data = buf.data;
        assert_false(la_watch_closed(data) || la_watch_closed(data + 12));
        assert_int_equal(la_watch_closed(data - 1), LA_WATCHED);
        assert_int_equal(la_watch_closed(data + 13), LA_WATCHED);
        assert_int_equal(la_cuda_buffer_guards(&buf, "test", NULL, &err), LA_OK);
    }
    la_cuda_buffer_release(&buf);
    la_cuda_use(NULL);
}

/* Memory is taken by create and by the first call. */
static la_status make_and_call(fixture *f)
{
    la_instance other;
    la_err err = {0};
    la_status st = la_instance_create(&la_variant_fake, &impls[0], &f->p, LA_FORWARD, &f->opts,
                                      &f->device, &other, &err);
    if (st != LA_OK) {
        assert_non_null(strstr(err.msg, "of device memory"));
        return st;
    }
    la_io io = la_instance_io(&other, &f->in);
    st = impls[0].forward(other.self, &io, &err);
    if (st != LA_OK) assert_non_null(strstr(err.msg, "of device memory"));
    la_instance_release(&other);
    return st;
}

static void every_failure_to_take_memory_is_told_and_nothing_stays(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    make(&f, LA_FORWARD);
    int before = fake_taken;
    assert_int_equal(f.inst.impl->forward(f.inst.self, &f.io, &err), LA_OK);
    int pieces = fake_taken - before;
    assert_int_equal(pieces, 5); /* q, k, v, o, scratch: nothing of other passes */
    for (int n = 1; n <= pieces; n++) {
        fake_fail_take = n;
        assert_int_equal(make_and_call(&f), LA_E_NOMEM);
        assert_int_equal(fake_taken, before + pieces);
    }
    assert_true(la_cuda_ran_out());
    fake_fail_take = 0;
    assert_int_equal(make_and_call(&f), LA_OK);
    end(&f);
}

static void a_limit_holds(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    make(&f, LA_FORWARD);
    la_cuda_limit(la_cuda_live() + 200);
    assert_int_equal(f.inst.impl->forward(f.inst.self, &f.io, &err), LA_E_NOMEM);
    assert_non_null(strstr(err.msg, "would pass the limit of"));
    assert_true(la_cuda_peak() >= la_cuda_live());
    la_cuda_limit(0);
    end(&f);
}

static void devices_that_are_not_there_are_named(void **state)
{
    (void)state;
    la_device device;
    la_err err = {0}, why = {0};
    la_cuda_use(&fake_driver);
    fake_devices = 2;
    assert_int_equal(la_device_cuda(1, &device, &err), LA_OK);
    assert_int_equal(device.index, 1);
    assert_true(la_rank_cuda(&device, &why) > 0);
    assert_int_equal(la_device_cuda(2, &device, &err), LA_E_DEVICE);
    assert_string_equal(err.msg, "there is no device cuda:2; the last one is cuda:1");
    fake_devices = 0;
    assert_int_equal(la_device_cuda(0, &device, &err), LA_E_DEVICE);
    assert_string_equal(err.msg, "there is no CUDA device here");
    fake_devices = -1;
    assert_int_equal(la_device_cuda(0, &device, &err), LA_E_DEVICE);
    assert_string_equal(err.msg, "there is no CUDA device here: CUDA: no driver");
    fake_devices = 1;
    la_device cpu = {.backend = LA_CPU};
    assert_int_equal(la_rank_cuda(&cpu, &why), 0);
    assert_string_equal(why.msg, "it runs on CUDA devices alone");
    snprintf(why.msg, sizeof why.msg, "has no bidirectional form");
    assert_int_equal(la_rank_cuda(&cpu, &why), 0);
    assert_string_equal(why.msg, "has no bidirectional form");
    la_cuda_use(NULL);
}

static void a_failed_launch_has_the_devices_words(void **state)
{
    (void)state;
    la_err err = {0};
    la_cuda_use(&fake_driver);
    assert_int_equal(la_cuda_launched(0, "flash forward", &err), LA_OK);
    assert_int_equal(la_cuda_launched(700, "flash forward", &err), LA_E_DEVICE);
    assert_string_equal(err.msg, "flash forward: an illegal memory access was encountered");
    assert_int_equal(err.foreign, 700);
    assert_int_equal(la_cuda_launched(2, "flash forward", &err), LA_E_NOMEM);
    la_cuda_use(NULL);
}

static void a_graph_runs_when_it_is_launched_and_as_often(void **state)
{
    (void)state;
    la_err err = {0};
    char byte[4] = {0};
    void *graph = NULL;
    int64_t launches = -1;
    la_cuda_use(&fake_driver);
    assert_int_equal(la_cuda()->graph_begin(NULL, &err), LA_OK);
    assert_int_equal(la_cuda()->fill(byte, 7, sizeof byte, NULL, &err), LA_OK);
    assert_int_equal(la_cuda()->graph_end(NULL, &graph, &launches, &err), LA_OK);
    assert_int_equal(launches, 0); /* a fill is no kernel */
    assert_int_equal(byte[3], 0);
    for (int i = 0; i < 2; i++) {
        byte[3] = 1;
        assert_int_equal(la_cuda()->graph_launch(graph, NULL, &err), LA_OK);
        assert_int_equal(byte[3], 7);
    }
    la_cuda()->graph_free(graph);
    fake_no_graphs = true;
    assert_int_equal(la_cuda()->graph_begin(NULL, &err), LA_OK);
    assert_int_equal(la_cuda()->graph_end(NULL, &graph, &launches, &err), LA_E_DEVICE);
    assert_null(graph);
    assert_int_equal(la_cuda()->fill(byte, 3, sizeof byte, NULL, &err), LA_OK);
    assert_int_equal(byte[0], 3); /* the stream is as before */
    fake_no_graphs = false;
    assert_int_equal(fake_graphs, 0);
    la_cuda_use(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forward_call_goes_up_and_comes_down),
        cmocka_unit_test(decode_takes_one_token_and_may_write_its_state_in_place),
        cmocka_unit_test(a_call_that_lost_its_memory_does_not_run_again),
        cmocka_unit_test(backward_reads_what_forward_saved),
        cmocka_unit_test(what_is_left_unwritten_comes_back_as_nan),
        cmocka_unit_test(fresh_memory_is_nan_between_its_guards),
        cmocka_unit_test(a_write_beyond_the_output_is_found),
        cmocka_unit_test(what_surrounds_a_buffer_is_closed_to_all_but_its_check),
        cmocka_unit_test(every_failure_to_take_memory_is_told_and_nothing_stays),
        cmocka_unit_test(a_limit_holds),
        cmocka_unit_test(devices_that_are_not_there_are_named),
        cmocka_unit_test(a_failed_launch_has_the_devices_words),
        cmocka_unit_test(a_graph_runs_when_it_is_launched_and_as_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
