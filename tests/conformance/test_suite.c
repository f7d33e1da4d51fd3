/* SPDX-License-Identifier: Apache-2.0
 * The conformance suite tested: a sound impl passes, and each bad habit is caught by the check that
 * is there for it. The variant is a running sum: o_t = v_1 + ... + v_t, state S [B,H,dv].
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "conformance.h"
#include "labench/kit.h"
#include "registry.h"
#include "watched.h"

typedef enum habit {
    SOUND,
    NAN_OUT,
    PAST_OUTPUT,
    BEFORE_OUTPUT,
    PAST_WORK,
    UNWRITTEN,
    WRONG,
    ODD_LENGTH_WRONG,
    ONE_HEAD_WRONG,
    CHANGES_INPUTS,
    ALLOCATES,
    STATE_SIZE,
    INSTANCE_SIZE,
    LEAKS,
    FUTURE,
    SILENT_REFUSAL,
    NO_REFUSAL,
    WORD_OF_REFUSAL,
    UNSTEADY,
    DIRTY_WORK,
    THREADS_WRONG,
    MANY_THREADS_WRONG,
    FORGETS_STATE,
    STATE_UNWRITTEN,
    STATE_WRONG,
    PAST_STATE,
    IN_PLACE_ONLY,
    DECODE_WRONG,
    FAILS,
    RANK_NEGATIVE,
    GRADIENT_UNWRITTEN,
    GRADIENT_WRONG,
    GRADIENT_ADDED,
    GRADIENT_PAST,
    GRADIENT_NULL,
    GRADIENT_UNSTEADY,
    GRADIENT_SPOILS_SAVED,
    GRADIENT_FORGETS_STATE,
    REFERENCE_GRADIENT_WRONG,
    COST_FORGETS_BACKWARD,
    SPOILS_STATE,
    GRADIENT_SPOILS_STATE,
    NAMED_SCALE_WRONG,
    ROOM_LEFT_WRONG,
    HABITS
} habit;
static habit now;

typedef struct self {
    la_problem p;
    int64_t calls;
} self;

static la_status reference(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts, (void)err;
    double sum[512];
    int64_t r = 0;
    LA_ASSERT(p->dv <= 512);
    for (int64_t c = 0; c < p->dv; c++) sum[c] = io->state_in ? io->state_in[0][c] : 0.0;
    for (int64_t t = 0; t < p->T; t++) {
        for (int64_t c = 0; c < p->dv; c++) sum[c] += io->v[t * p->dv + c];
        if (r < io->n_rows && (!io->rows || io->rows[r] == t))
            memcpy(io->o + r++ * p->dv, sum, (size_t)p->dv * sizeof *sum);
    }
    if (io->state_out) memcpy(io->state_out[0], sum, (size_t)p->dv * sizeof *sum);
    return LA_OK;
}

/* dv_t = do_t + ... + do_T, and all of them more by the gradient of the last sum. */
static la_status reference_backward(const la_problem *p, const void *opts, const la_ref_io *io,
                                    const la_ref_grads *g, la_err *err)
{
    (void)opts, (void)io, (void)err;
    memset(g->dq, 0, (size_t)(p->T * p->dk) * sizeof(double));
    memset(g->dk, 0, (size_t)(p->T * p->dk) * sizeof(double));
    for (int64_t c = 0; c < p->dv; c++) {
        double sum = g->dstate_out ? g->dstate_out[0][c] : 0.0;
        for (int64_t t = p->T - 1; t >= 0; t--)
            g->dv[t * p->dv + c] = sum += g->dout[t * p->dv + c];
        if (g->dstate_in) g->dstate_in[0][c] = sum;
    }
    if (now == REFERENCE_GRADIENT_WRONG) g->dv[0] += 1e-4;
    return LA_OK;
}

static size_t state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap)
{
    (void)opts;
    if (cap) out[0] = (la_part){.name = "S", .shape = {p->B, p->H, p->dv}, .rank = 3};
    return 1;
}

static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)opts, (void)err;
    double passes = pass == LA_FWDBWD && now != COST_FORGETS_BACKWARD ? 2 : 1;
    *cost = (la_cost){.flops = passes * (double)p->T, .bytes = (double)p->T, .version = 1};
    return LA_OK;
}

static int rank(const la_device *dev, la_err *why)
{
    return now == RANK_NEGATIVE ? -1 : la_rank_any_cpu(dev, why);
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)pass, (void)opts, (void)dev;
    bool fine = p->dtype == LA_F32 && p->mask == LA_MASK_CAUSAL && p->Hkv == p->H && p->Hqk == p->H;
    if (fine || now == NO_REFUSAL) return LA_OK;
    if (now == SILENT_REFUSAL) return LA_E_UNSUPPORTED;
    return LA_FAIL(err, now == WORD_OF_REFUSAL ? LA_E_ARG : LA_E_UNSUPPORTED,
                   "the running sum is causal and f32");
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)dev, (void)err;
    la_part part;
    size_t n = state_parts(p, opts, &part, 1);
    *out = (la_sizes){.state = la_state_layout(&part, n, NULL),
                      .saved = pass == LA_BACKWARD || pass == LA_FWDBWD ? 64 : 0,
                      .work = 64,
                      .instance = sizeof(self) + (now == INSTANCE_SIZE)};
    if (now == STATE_SIZE) out->state += 64;
    return LA_OK;
}

static void *leaked[4096];
static size_t leaks;

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **out,
                        la_err *err)
{
    (void)opts, (void)dev;
    self *s = la_zalloc(sizeof *s, err);
    if (!s) return LA_E_NOMEM;
    s->p = *p;
    *out = s;
    return LA_OK;
}

static void destroy(void *s)
{
    if (s && now == LEAKS && leaks < LA_COUNT(leaked))
        leaked[leaks++] = s; /* freed at the end of the test */
    else
        la_free(s);
}

/* What would end a test that a sanitizer watches, and is the suite's to find. */
LA_UNWATCHED static void write_at(float *buffer, int64_t i)
{
    buffer[i] = 1;
}

static void spoil(const void *given)
{
    if (given) ((float *)(uintptr_t)given)[0] += 1;
}

/* Habits that spoil the output or something beside it after a sound computation. */
static void misbehave(self *s, const la_io *io, la_err *err)
{
    const la_problem *p = &s->p;
    int64_t n = p->B * p->T * p->H * p->dv;
    float *o = io->o, *work = io->work;
    bool decode = p->T == 1 && io->pos > 0;
    static int64_t calls;
    calls++;
    if (now == NAN_OUT) o[n / 2] = NAN;
    if (now == PAST_OUTPUT) write_at(o, n);
    if (now == BEFORE_OUTPUT) write_at(o, -1);
    if (now == PAST_WORK) write_at(work, 16);
    if (now == WRONG) o[n / 2] += 0.01f;
    if (now == ODD_LENGTH_WRONG && p->T % 64 == 1 && p->T > 64) o[n - 1] = 0;
    if (now == ONE_HEAD_WRONG && p->H == 3) o[p->dv * 2] = 0;
    if (now == CHANGES_INPUTS) spoil(io->q);
    if (now == ALLOCATES) la_free(la_alloc(8, err));
    if (now == FUTURE) o[0] *= 1 + 1e-6f * ((const float *)io->v)[n - 1];
    if (now == UNSTEADY) o[0] *= calls & 1 ? 1 : 1 + 1e-6f;
    if (now == DIRTY_WORK && work[3] < 1) o[0] *= 1 + 1e-6f;
    if (now == THREADS_WRONG && p->threads == 1) o[0] += 1;
    if (now == MANY_THREADS_WRONG && p->threads == 5) o[0] += 1;
    if (now == DECODE_WRONG && decode) o[0] += 1;
    if (now == NAMED_SCALE_WRONG && p->scale != 0) o[0] += 1;
    if (now == ROOM_LEFT_WRONG && p->Tcap > p->T) o[0] += 1;
    if (now == SPOILS_STATE && io->state_in != io->state_out) spoil(io->state_in);
}

static void sum_head(const la_problem *p, const la_io *io, int64_t b, int64_t h)
{
    int64_t at = (b * p->H + h) * p->dv;
    const float *from = io->state_in && now != FORGETS_STATE ? io->state_in : NULL;
    float *to = io->state_out;
    for (int64_t c = 0; c < p->dv; c++) {
        float sum = from ? from[at + c] : 0.0f;
        if (now == IN_PLACE_ONLY && to && io->state_in) sum = to[at + c];
        for (int64_t t = 0; t < p->T; t++) {
            int64_t i = ((b * p->T + t) * p->H + h) * p->dv + c;
            sum += ((const float *)io->v)[i];
            if (now != UNWRITTEN || i != 0) ((float *)io->o)[i] = sum;
        }
        if (to && now != STATE_UNWRITTEN) to[at + c] = now == STATE_WRONG ? sum * 1.01f : sum;
    }
}

static la_status forward(void *s, const la_io *io, la_err *err)
{
    const la_problem *p = &((self *)s)->p;
    if (now == FAILS && p->T == 7) return LA_FAIL(err, LA_E_INTERNAL, "seven tokens are too many");
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t h = 0; h < p->H; h++) sum_head(p, io, b, h);
    if (now == PAST_STATE && io->state_out) write_at(io->state_out, p->B * p->H * p->dv);
    misbehave(s, io, err);
    return LA_OK;
}

static void backward_head(const la_problem *p, const la_grads *g, int64_t b, int64_t h)
{
    int64_t at = (b * p->H + h) * p->dv;
    const float *after = now == GRADIENT_FORGETS_STATE ? NULL : g->dstate_out;
    for (int64_t c = 0; c < p->dv; c++) {
        float sum = after ? after[at + c] : 0.0f;
        for (int64_t t = p->T - 1; t >= 0; t--) {
            int64_t i = ((b * p->T + t) * p->H + h) * p->dv + c;
            sum += ((const float *)g->dout)[i];
            if (g->dv)
                ((float *)g->dv)[i] = (now == GRADIENT_ADDED ? ((float *)g->dv)[i] : 0) + sum;
        }
        if (g->dstate_in) ((float *)g->dstate_in)[at + c] = sum;
    }
}

static la_status backward(void *s, const la_io *io, const la_grads *g, la_err *err)
{
    (void)err;
    const la_problem *p = &((self *)s)->p;
    size_t rows = (size_t)(p->B * p->T * p->H) * sizeof(float);
    float *dv = g->dv;
    static int64_t calls;
    calls++;
    if (g->dq) memset(g->dq, 0, rows * (size_t)p->dk);
    if (g->dk && now != GRADIENT_UNWRITTEN) memset(g->dk, 0, rows * (size_t)p->dk);
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t h = 0; h < p->H; h++) backward_head(p, g, b, h);
    if (now == GRADIENT_WRONG && dv) dv[0] *= 1.05f;
    if (now == GRADIENT_PAST && dv) write_at(dv, p->B * p->T * p->H * p->dv);
    if (now == GRADIENT_NULL && !g->dq && dv) dv[0] = 0;
    if (now == GRADIENT_UNSTEADY && dv) dv[0] *= calls & 1 ? 1 : 1 + 1e-6f;
    if (now == GRADIENT_SPOILS_STATE) spoil(io->state_in);
    if (now == GRADIENT_SPOILS_SAVED) ((float *)io->saved)[0] = 1;
    return LA_OK;
}

static const la_reference loops = {.forward = reference, .backward = reference_backward};
static const la_impl impls[] = {{.name = "cpu_sum",
                                 .backend = LA_CPU,
                                 .caps = LA_CAP_CAUSAL | LA_CAP_DECODE | LA_CAP_STATE_IN |
                                         LA_CAP_BACKWARD | LA_CAP_STATE_GRAD | LA_CAP_FIXED_LENGTH |
                                         LA_CAP_DETERMINISTIC,
                                 .dtypes = 1u << LA_F32,
                                 .rank = rank,
                                 .check = check,
                                 .sizes = sizes,
                                 .create = create,
                                 .destroy = destroy,
                                 .forward = forward,
                                 .backward = backward,
                                 .decode = forward}};
static const la_variant running_sum = {LA_VARIANT_HEAD,
                                       .name = "running_sum",
                                       .family = LA_FAMILY_RECURRENT,
                                       .summary = "o_t = v_1 + ... + v_t",
                                       .paper = "-",
                                       .cost_words = "O(T d) time, O(d) memory",
                                       .inputs = LA_IN_QKV,
                                       .reference = &loops,
                                       .state_parts = state_parts,
                                       .useful = useful,
                                       .impls = impls,
                                       .impls_len = 1};

typedef struct expected {
    const char *check, *part;
    int64_t found, total;
    char other[512];
} expected;

static void look(const la_conformance_finding *finding, void *context)
{
    expected *want = context;
    want->total++;
    if (finding->status == LA_OK) return;
    if (want->check && strcmp(finding->check, want->check) == 0 &&
        strstr(finding->message, want->part))
        want->found++;
    else
        strncpy(want->other, finding->message, sizeof want->other - 1);
    /* Whatever failed names what a person needs to see it again. */
    assert_non_null(strstr(finding->message, finding->impl ? "running_sum cpu_sum, B "
                                                           : "running_sum reference, B "));
    assert_non_null(strstr(finding->message, "inputs default, seed "));
}

static la_conformance_report run(habit h, expected *want)
{
    la_device device;
    la_conformance_report report;
    la_err err = {0};
    la_device_cpu(&device);
    now = h;
    la_conformance_settings settings = {.device = &device,
                                        .level = LA_LEVEL_QUICK,
                                        .threads = 5,
                                        .listener = look,
                                        .context = want};
    if (la_conformance_run(&running_sum, NULL, &settings, &report, &err) != LA_OK)
        fail_msg("the suite could not run: %s", err.msg);
    now = SOUND;
    for (size_t i = 0; i < leaks; i++) la_free(leaked[i]);
    leaks = 0;
    assert_int_equal(la_mem_live(), 0);
    return report;
}

static void test_a_sound_impl_passes(void **state)
{
    (void)state;
    expected want = {0};
    la_conformance_report report = run(SOUND, &want);
    if (report.failures) print_error("%s\n", report.first);
    assert_int_equal(report.failures, 0);
    assert_int_equal(report.checks, want.total);
    assert_true(report.checks > 50);
}

static void test_each_bad_habit_is_caught(void **state)
{
    (void)state;
    static const struct {
        habit habit;
        const char *check, *part;
    } cases[] = {
        {NAN_OUT, "forward", "not finite"},
        {PAST_OUTPUT, "forward", "outside its output buffer"},
        {BEFORE_OUTPUT, "forward", "outside its output buffer"},
        {PAST_WORK, "forward", "outside its work buffer"},
        {UNWRITTEN, "forward", "not finite"},
        {WRONG, "forward", "relative rms error"},
        {ODD_LENGTH_WRONG, "forward", "token 64, head 0, channel 16"},
        {ONE_HEAD_WRONG, "forward", "head 2, channel 0"},
        {CHANGES_INPUTS, "forward", "changes its inputs"},
        {ALLOCATES, "forward", "allocates memory"},
        {STATE_SIZE, "sizes", "sizes.state"},
        {INSTANCE_SIZE, "sizes", "sizes.instance"},
        {LEAKS, "sizes", "destroy left"},
        {FUTURE, "causality", "changing the tokens after"},
        {SILENT_REFUSAL, "refusals", "without a reason"},
        {NO_REFUSAL, "refusals", "does not decline"},
        {WORD_OF_REFUSAL, "refusals", "instead of 'unsupported'"},
        {UNSTEADY, "repeat", "declared deterministic"},
        {DIRTY_WORK, "repeat", "declared deterministic"},
        {THREADS_WRONG, "threads", "with 1 threads"},
        {MANY_THREADS_WRONG, "threads", "with 5 threads"},
        {FORGETS_STATE, "cutting", "relative rms error"},
        {STATE_UNWRITTEN, "cutting", "state S: "},
        {STATE_WRONG, "cutting", "state S: relative rms error"},
        {PAST_STATE, "cutting", "outside its state buffer"},
        {IN_PLACE_ONLY, "decode", "from one buffer to another"},
        {DECODE_WRONG, "decode", "token by token"},
        {FAILS, "forward", "seven tokens are too many"},
        {RANK_NEGATIVE, "descriptor", "rank is -1"},
        {GRADIENT_UNWRITTEN, "backward", "dk: "},
        {GRADIENT_WRONG, "backward", "dv: relative rms error"},
        {GRADIENT_ADDED, "backward", "dv: "},
        {GRADIENT_PAST, "backward", "wrote outside dv"},
        {GRADIENT_NULL, "backward", "dv wanted alone"},
        {GRADIENT_UNSTEADY, "backward_repeat", "declared deterministic"},
        {GRADIENT_SPOILS_SAVED, "backward", "what forward saved"},
        {GRADIENT_FORGETS_STATE, "backward_state", "gradient of the state after: dv"},
        {COST_FORGETS_BACKWARD, "cost", "the useful cost is"},
        {SPOILS_STATE, "cutting", "changes the state it starts from"},
        {GRADIENT_SPOILS_STATE, "backward_state", "changes the state that forward started from"},
        {NAMED_SCALE_WRONG, "forward", ", scale 0.4, "},
        {ROOM_LEFT_WRONG, "forward", "T 70 of at most 129"},
        {REFERENCE_GRADIENT_WRONG, "reference_gradient", "the reference's dv"},
    };
    assert_int_equal(LA_COUNT(cases), HABITS - 1);
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        expected want = {.check = cases[i].check, .part = cases[i].part};
        la_conformance_report report = run(cases[i].habit, &want);
        if (!want.found)
            fail_msg("habit %d: no '%s' saying '%s'; instead: %s", cases[i].habit, cases[i].check,
                     cases[i].part, want.other);
        assert_true(report.failures > 0);
        assert_true(report.first[0] != '\0');
    }
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_impl_passes),
        cmocka_unit_test(test_each_bad_habit_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
