/* SPDX-License-Identifier: Apache-2.0
 * Gradients of the delta variants' forms against the float64 reference, over awkward shapes and inputs,
 * and what must hold between them.
 */
#include <math.h>
#include <string.h>

#include "delta_engine.h"
#include "fixture.h"
#include "gradients.h"

static const char *const names[] = {"deltanet", "gated_deltanet", "retnet", "mamba2", "gla", "kda"};
static const la_tensor tensors[] = {LA_T_Q, LA_T_K, LA_T_V, LA_T_BETA, LA_T_G};
enum { KINDS = LA_COUNT(tensors) + 1 }; /* and the state */

static int64_t kind_size(const la_variant *v, const la_problem *p, size_t kind)
{
    return kind < LA_COUNT(tensors) ? la_tensor_elements(v, p, tensors[kind]) : state_size(p);
}

static const la_buffer *buffer_of(const la_gradients *g, size_t kind)
{
    return kind < LA_COUNT(tensors) ? &g->d[tensors[kind]] : &g->dstate_in;
}

static la_gradients new_gradients(const la_variant *v, const la_problem *p)
{
    la_gradients g;
    assert_int_equal(la_gradients_alloc(v, p, NULL, true, &g, NULL), LA_OK);
    la_gradients_draw(&g, 3);
    la_gradients_poison(&g);
    return g;
}

static float *drawn_state(const la_problem *p)
{
    float *S = floats(state_size(p));
    la_random_fill_normal(77, 0, S, state_size(p), 1);
    return S;
}

/* Forward with what it saves, then backward, from state (or none) into g; guards checked. */
static void differentiate(const la_variant *v, const la_impl *impl, const la_problem *p,
                          int64_t chunk, const la_inputs *in, const float *state, la_gradients *g)
{
    la_device device;
    la_device_cpu(&device);
    la_delta_options opts = {.chunk = chunk};
    la_instance inst;
    la_err err = {0};
    assert_int_equal(la_instance_create(v, impl, p, LA_FWDBWD, &opts, &device, &inst, &err), LA_OK);
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, in);
    io.state_in = state;
    assert_int_equal(impl->forward(inst.self, &io, &err), LA_OK);
    la_buffer_poison(&inst.work);
    la_grads grads = la_gradients_grads(g);
    assert_int_equal(impl->backward(inst.self, &io, &grads, &err), LA_OK);
    la_status st = la_instance_guards(&inst, &err);
    if (st == LA_OK) st = la_gradients_guards(g, in, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    la_instance_release(&inst);
}

/* got against want in root mean square and, against the largest element, everywhere: what chunk forms
 * are held to. */
static void assert_near(const la_variant *v, const la_problem *p, const char *what, size_t kind,
                        const float *got, const double *want, int64_t n)
{
    la_tolerance tolerance = la_tolerance_of(v, form(v, "cpu_chunk"), LA_F32);
    double error = 0.0, square = 0.0, worst = 0.0, top = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - want[i]);
        error += d * d;
        square += want[i] * want[i];
        if (!(d <= worst)) worst = d;
        top = fmax(top, fabs(want[i]));
    }
    if (!(sqrt(error) <= tolerance.rel_rms * sqrt(square) && worst <= tolerance.max_rel * top))
        fail_msg("%s, %s: T %d Hqk %d dk %d dv %d: gradient %d is off by %.3g (rms of %.3g), %.3g "
                 "at most",
                 v->name, what, (int)p->T, (int)p->Hqk, (int)p->dk, (int)p->dv, (int)kind,
                 sqrt(error / (double)n), sqrt(square / (double)n), worst);
}

/* ---- against the reference ---- */

/* n float64 numbers of head h of batch entry b, from floats [B,T,H',row]. */
static void widen(const float *from, int64_t T, int64_t heads, int64_t row, int64_t b, int64_t h,
                  double *to)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < row; i++)
            to[t * row + i] = (double)from[((b * T + t) * heads + h) * row + i];
}

static void add_back(double *to, int64_t T, int64_t heads, int64_t row, int64_t b, int64_t h,
                     const double *from)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < row; i++)
            to[((b * T + t) * heads + h) * row + i] += from[t * row + i];
}

/* The reference's gradients of all heads, summed over groups: double[KINDS], each la_alloc'd. */
static void reference_gradients(const la_variant *v, const la_problem *p, const la_inputs *in,
                                const float *state, const la_gradients *g, double *want[KINDS])
{
    int64_t gates = v->inputs & LA_IN_GATE_CHANNEL ? p->dk : 1;
    int64_t rows[] = {p->dk, p->dk, p->dv, 1, gates}, heads[] = {p->Hqk, p->Hqk, p->H, p->H, p->H};
    int64_t size = p->dk * p->dv;
    double *x[5], *d[5];
    double *dout = la_zalloc((size_t)(p->T * p->dv) * sizeof(double), NULL);
    double *S = la_zalloc(3 * (size_t)size * sizeof(double), NULL);
    double *dS_in[] = {S + size};
    const double *S_in[] = {S}, *dS_out[] = {S + 2 * size};
    for (int i = 0; i < 5; i++) {
        x[i] = la_zalloc((size_t)(p->T * rows[i]) * sizeof(double), NULL);
        d[i] = la_zalloc((size_t)(p->T * rows[i]) * sizeof(double), NULL);
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        want[kind] = la_zalloc((size_t)(kind_size(v, p, kind) + 1) * sizeof(double), NULL);
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t h = 0; h < p->H; h++) {
            for (int i = 0; i < 5; i++)
                if (in->t[tensors[i]].data)
                    widen(in->t[tensors[i]].data, p->T, heads[i], rows[i], b, h / (p->H / heads[i]),
                          x[i]);
            widen(g->dout.data, p->T, p->H, p->dv, b, h, dout);
            widen(g->dstate_out.data, p->dk, 1, p->dv, b * p->H + h, 0, S + 2 * size);
            if (state) widen(state, p->dk, 1, p->dv, b * p->H + h, 0, S);
            la_ref_io io = {.q = x[0],
                            .k = x[1],
                            .v = x[2],
                            .beta = x[3],
                            .g = x[4],
                            .head = h,
                            .batch = b,
                            .n_rows = p->T,
                            .state_in = S_in};
            la_ref_grads to = {.dout = dout,
                               .dstate_out = dS_out,
                               .dq = d[0],
                               .dk = d[1],
                               .dv = d[2],
                               .dbeta = d[3],
                               .dg = d[4],
                               .dstate_in = dS_in};
            assert_int_equal(v->reference->backward(p, NULL, &io, &to, NULL), LA_OK);
            for (int i = 0; i < 5; i++)
                if (in->t[tensors[i]].data)
                    add_back(want[i], p->T, heads[i], rows[i], b, h / (p->H / heads[i]), d[i]);
            add_back(want[5], p->dk, 1, p->dv, b * p->H + h, 0, S + size);
        }
    for (int i = 0; i < 5; i++) la_free(x[i]), la_free(d[i]);
    la_free(dout);
    la_free(S);
}

static void check_case(const la_variant *v, const la_problem *p, la_input_kind kind_of_inputs,
                       const int64_t *chunks, size_t n_chunks)
{
    la_inputs in = inputs(v, p, kind_of_inputs);
    la_gradients g = new_gradients(v, p);
    float *state = drawn_state(p);
    double *want[KINDS];
    reference_gradients(v, p, &in, state, &g, want);
    for (size_t i = 0; i < cpu_forms(v); i++)
        for (size_t c = 0; c < n_chunks; c++) {
            la_gradients_poison(&g);
            differentiate(v, &v->impls[i], p, chunks[c], &in, state, &g);
            for (size_t kind = 0; kind < KINDS; kind++) {
                const float *got = buffer_of(&g, kind)->data;
                int64_t n = kind_size(v, p, kind);
                if (got && n) assert_near(v, p, v->impls[i].name, kind, got, want[kind], n);
            }
        }
    for (size_t kind = 0; kind < KINDS; kind++) la_free(want[kind]);
    la_free(state);
    la_gradients_release(&g);
    la_inputs_release(&in);
}

static void test_gradients_are_the_reference(void **state)
{
    (void)state;
    const int64_t chunks[] = {16, 50, 256};
    la_problem shapes[] = {problem(1, 1, 1, 1, 1),      problem(2, 37, 3, 5, 7),
                           problem(1, 64, 2, 16, 32),   problem(1, 130, 2, 64, 64),
                           problem(1, 200, 1, 24, 100), problem(1, 65, 2, 33, 17),
                           problem(2, 49, 4, 12, 20),   problem(1, 81, 6, 32, 48)};
    shapes[6].Hqk = 2, shapes[7].Hqk = 1;
    shapes[2].scale = 1.0;
    /* More than query heads: forward divides the columns, backward has a team for each. */
    shapes[4].threads = 3, shapes[7].threads = 5;
    const la_input_kind kinds[] = {LA_INPUTS_DEFAULT, LA_INPUTS_STRONG_DECAY, LA_INPUTS_NO_DECAY,
                                   LA_INPUTS_BETA_EDGES};
    for (size_t n = 0; n < LA_COUNT(names); n++)
        for (size_t s = 0; s < LA_COUNT(shapes); s++)
            for (size_t kind = 0; kind < LA_COUNT(kinds); kind++)
                check_case(la_registry_find(names[n]), &shapes[s], kinds[kind], chunks,
                           s == 3 ? 3 : 1);
}

/* ---- between calls ---- */

static void assert_same(const la_variant *v, const la_problem *p, const char *what, size_t kind,
                        const float *got, const float *want)
{
    int64_t n = kind_size(v, p, kind);
    double *wide = la_alloc((size_t)n * sizeof *wide, NULL);
    for (int64_t i = 0; i < n; i++) wide[i] = (double)want[i];
    assert_near(v, p, what, kind, got, wide, n);
    la_free(wide);
}

static void test_gated_deltanet_without_decay_has_the_gradients_of_deltanet(void **state)
{
    (void)state;
    const la_variant *plain = la_registry_find("deltanet");
    const la_variant *gated = la_registry_find("gated_deltanet");
    la_problem p = problem(2, 90, 4, 20, 36);
    p.Hqk = 2;
    la_inputs in = inputs(gated, &p, LA_INPUTS_NO_DECAY);
    la_gradients want = new_gradients(plain, &p), got = new_gradients(gated, &p);
    differentiate(plain, form(plain, "cpu_chunk"), &p, 16, &in, NULL, &want);
    differentiate(gated, form(gated, "cpu_chunk"), &p, 16, &in, NULL, &got);
    for (size_t kind = 0; kind < KINDS; kind++)
        if (buffer_of(&want, kind)->data)
            assert_same(plain, &p, "without decay", kind, buffer_of(&got, kind)->data,
                        buffer_of(&want, kind)->data);
    la_gradients_release(&want);
    la_gradients_release(&got);
    la_inputs_release(&in);
}

/* Where every channel decays as the head does, its gates' gradients add up to the head's. A channel member
 * without beta is mamba2 with dt = 1. */
static void check_equal_channels(const char *by_channel, const char *by_head,
                                 la_input_kind inputs_of)
{
    const la_variant *many = la_registry_find(by_channel), *one = la_registry_find(by_head);
    la_problem p = problem(1, 90, 3, 20, 36);
    p.scale = 0.3;
    la_inputs in = inputs(one, &p, inputs_of), wide = inputs(many, &p, inputs_of);
    float *channel = wide.t[LA_T_G].data, *head = in.t[LA_T_G].data, *beta = in.t[LA_T_BETA].data;
    int64_t rows = p.T * p.H;
    for (int i = LA_T_Q; i <= LA_T_V; i++) memcpy(wide.t[i].data, in.t[i].data, in.t[i].bytes);
    for (int64_t i = 0; i < rows; i++) {
        if (wide.t[LA_T_BETA].data)
            ((float *)wide.t[LA_T_BETA].data)[i] = beta[i];
        else
            beta[i] = 1.0f;
        for (int64_t c = 0; c < p.dk; c++) channel[i * p.dk + c] = head[i];
    }
    la_gradients want = new_gradients(one, &p), got = new_gradients(many, &p);
    differentiate(one, form(one, "cpu_chunk"), &p, 16, &in, NULL, &want);
    differentiate(many, form(many, "cpu_chunk"), &p, 16, &wide, NULL, &got);
    float *sums = got.d[LA_T_G].data;
    for (int64_t i = 0; i < rows; i++) {
        float sum = 0.0f;
        for (int64_t c = 0; c < p.dk; c++) sum += sums[i * p.dk + c];
        sums[i] = sum;
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        if (buffer_of(&got, kind)->data)
            assert_same(one, &p, by_channel, kind, buffer_of(&got, kind)->data,
                        buffer_of(&want, kind)->data);
    la_gradients_release(&want);
    la_gradients_release(&got);
    la_inputs_release(&in);
    la_inputs_release(&wide);
}

static void test_equal_channels_have_the_gradients_of_one_decay(void **state)
{
    (void)state;
    const la_input_kind kinds[] = {LA_INPUTS_DEFAULT, LA_INPUTS_STRONG_DECAY, LA_INPUTS_NO_DECAY};
    for (size_t i = 0; i < LA_COUNT(kinds); i++) {
        check_equal_channels("kda", "gated_deltanet", kinds[i]);
        check_equal_channels("gla", "mamba2", kinds[i]);
    }
}

/* Tokens [t0, t1) of one batch entry, as buffers of their own. */
static void cut_out(const la_buffer *whole, int64_t T, int64_t t0, int64_t t1, la_buffer *part)
{
    size_t row = whole->bytes / (size_t)T;
    if (whole->data)
        memcpy(part->data, (char *)whole->data + (size_t)t0 * row, (size_t)(t1 - t0) * row);
}

/* The state, then its gradient, handed over at the cut: the gradients of the whole sequence. */
static void check_cut(const la_variant *v, const la_impl *impl, int64_t cut)
{
    la_problem p = problem(1, 150, 2, 12, 19), half[2] = {p, p};
    const int64_t at[] = {0, cut, p.T};
    la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT), part[2];
    la_gradients want = new_gradients(v, &p), got[2];
    float *S = drawn_state(&p), *o = floats(outputs(&p)), *middle = floats(state_size(&p));
    differentiate(v, impl, &p, 16, &in, S, &want);
    for (int i = 1; i >= 0; i--) {
        half[i].T = half[i].Tcap = at[i + 1] - at[i];
        part[i] = inputs(v, &half[i], LA_INPUTS_DEFAULT);
        for (int t = 0; t < LA_T_COUNT; t++)
            cut_out(&in.t[t], p.T, at[i], at[i + 1], &part[i].t[t]);
        got[i] = new_gradients(v, &half[i]);
        cut_out(&want.dout, p.T, at[i], at[i + 1], &got[i].dout);
    }
    call(v, impl, &half[0], LA_FORWARD, 16, &part[0], 0, S, middle, o);
    memcpy(got[1].dstate_out.data, want.dstate_out.data, want.dstate_out.bytes);
    differentiate(v, impl, &half[1], 16, &part[1], middle, &got[1]);
    memcpy(got[0].dstate_out.data, got[1].dstate_in.data, want.dstate_out.bytes);
    differentiate(v, impl, &half[0], 16, &part[0], S, &got[0]);
    for (size_t kind = 0; kind < KINDS; kind++) {
        bool tokens = kind < LA_COUNT(tensors);
        float *joined = floats(kind_size(v, &p, kind) + 1);
        const la_buffer *first = buffer_of(&got[0], kind), *second = buffer_of(&got[1], kind);
        if (first->data) memcpy(joined, first->data, first->bytes);
        if (second->data && tokens)
            memcpy((char *)joined + first->bytes, second->data, second->bytes);
        if (first->data) assert_same(v, &p, "cut", kind, joined, buffer_of(&want, kind)->data);
        la_free(joined);
    }
    for (int i = 0; i < 2; i++) la_inputs_release(&part[i]), la_gradients_release(&got[i]);
    la_gradients_release(&want);
    la_inputs_release(&in);
    la_free(S), la_free(o), la_free(middle);
}

static void test_a_sequence_may_be_cut(void **state)
{
    (void)state;
    const int64_t cuts[] = {1, 16, 37, 64, 100, 149};
    for (size_t n = 0; n < LA_COUNT(names); n++)
        for (size_t i = 0; i < LA_COUNT(cuts); i++) {
            const la_variant *v = la_registry_find(names[n]);
            for (size_t f = 0; f < cpu_forms(v); f++) check_cut(v, &v->impls[f], cuts[i]);
        }
}

/* Where there are enough heads they are whole jobs: the number of threads changes no bit. The same number
 * gives the same bits whenever it is called, teams too. */
static void test_threads_and_repetition_change_nothing(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        la_problem p = problem(2, 200, 4, 30, 40), many = p;
        p.Hqk = many.Hqk = 2, many.threads = 3;
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        la_gradients g = new_gradients(v, &p);
        const la_impl *impl = form(v, "cpu_recurrent"); /* whose forward splits no head here */
        differentiate(v, impl, &p, 16, &in, NULL, &g);
        uint64_t one = la_gradients_hash_made(&g);
        differentiate(v, impl, &p, 16, &in, NULL, &g);
        assert_true(la_gradients_hash_made(&g) == one);
        differentiate(v, impl, &many, 16, &in, NULL, &g);
        assert_true(la_gradients_hash_made(&g) == one);
        many.threads = 11; /* teams of 2 and 3 */
        differentiate(v, impl, &many, 16, &in, NULL, &g);
        uint64_t teams = la_gradients_hash_made(&g);
        differentiate(v, impl, &many, 16, &in, NULL, &g);
        assert_true(la_gradients_hash_made(&g) == teams);
        la_gradients_release(&g);
        la_inputs_release(&in);
    }
}

/* NULL gradients are not written, and the others are the same bits as when all are asked for. */
static void test_unwanted_gradients_do_not_change_the_others(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("gated_deltanet");
    la_problem p = problem(1, 100, 2, 18, 23);
    la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
    la_gradients all = new_gradients(v, &p);
    differentiate(v, form(v, "cpu_chunk"), &p, 16, &in, NULL, &all);
    for (size_t kind = 0; kind < KINDS; kind++) {
        la_gradients one = new_gradients(v, &p), asked = one;
        for (size_t i = 0; i < KINDS; i++)
            if (i != kind) ((la_buffer *)(uintptr_t)buffer_of(&asked, i))->data = NULL;
        la_device device;
        la_device_cpu(&device);
        la_instance inst;
        const la_impl *impl = form(v, "cpu_chunk");
        la_delta_options opts = {.chunk = 16};
        assert_int_equal(la_instance_create(v, impl, &p, LA_FWDBWD, &opts, &device, &inst, NULL),
                         LA_OK);
        la_io io = la_instance_io(&inst, &in);
        la_grads grads = la_gradients_grads(&asked);
        assert_int_equal(impl->forward(inst.self, &io, NULL), LA_OK);
        assert_int_equal(impl->backward(inst.self, &io, &grads, NULL), LA_OK);
        const la_buffer *got = buffer_of(&one, kind), *want = buffer_of(&all, kind);
        assert_memory_equal(got->data, want->data, want->bytes);
        la_instance_release(&inst);
        la_gradients_release(&one);
    }
    la_gradients_release(&all);
    la_inputs_release(&in);
}

/* Exactly the states before tokens 64, 128, ... for training, and nothing otherwise. */
static void test_saved_bytes_are_segment_states(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("deltanet");
    la_delta_options opts = {.chunk = 16};
    const int64_t lengths[] = {1, 64, 65, 128, 129, 1000}, states[] = {0, 0, 1, 1, 2, 15};
    for (size_t f = 0; f < cpu_forms(v); f++)
        for (size_t i = 0; i < LA_COUNT(lengths); i++) {
            la_problem p = problem(2, lengths[i], 3, 10, 20);
            la_sizes sizes;
            la_err err;
            v->impls[f].sizes(&p, LA_FWDBWD, &opts, NULL, &sizes, &err);
            assert_int_equal(sizes.saved, 2 * 3 * 10 * 20 * 4 * states[i]);
            v->impls[f].sizes(&p, LA_FORWARD, &opts, NULL, &sizes, &err);
            assert_int_equal(sizes.saved, 0);
        }
}

int main(void)
{
    la_start(3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_are_the_reference),
        cmocka_unit_test(test_gated_deltanet_without_decay_has_the_gradients_of_deltanet),
        cmocka_unit_test(test_equal_channels_have_the_gradients_of_one_decay),
        cmocka_unit_test(test_a_sequence_may_be_cut),
        cmocka_unit_test(test_threads_and_repetition_change_nothing),
        cmocka_unit_test(test_unwanted_gradients_do_not_change_the_others),
        cmocka_unit_test(test_saved_bytes_are_segment_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
