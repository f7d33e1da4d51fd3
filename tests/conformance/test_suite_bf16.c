/* SPDX-License-Identifier: Apache-2.0
 * The conformance suite in bf16: a sound impl passes, and each way to be wrong there is found under its
 * own name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <string.h>

#include "alloc.h"
#include "conformance.h"
#include "labench/bf16.h"
#include "labench/kit.h"
#include "registry.h"
#include "watched.h"

typedef enum habit {
    SOUND,
    COARSE,       /* rounds as float with 5 bits would */
    HALF_WRITTEN, /* the last element of an odd number stays what it was */
    PAST,         /* writes one element beyond */
    PEEKS,        /* adds a bit of the next token */
    UNSTEADY,     /* other bits on every other call */
    COARSE_BACK,  /* gradients that are too coarse */
    SILENT_BACK,  /* the last of an odd number of gradients stays what it was */
    REFUSES,      /* takes no bf16 here, and says so */
    REFUSES_BADLY,
} habit;
static habit now;

extern const la_reference la_copy_reference;

static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)pass, (void)opts, (void)err;
    *cost = (la_cost){.bytes = (double)(p->B * p->T), .version = 1};
    return LA_OK;
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_err *err)
{
    (void)opts, (void)dev;
    if (p->dtype == LA_BF16 && now == REFUSES)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "no bf16 on this machine");
    if (p->dtype == LA_BF16 && now == REFUSES_BADLY)
        return LA_FAIL(err, LA_E_ARG, "no bf16 on this machine");
    if (p->dtype != LA_F32 && p->dtype != LA_BF16)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "a copy is f32 or bf16");
    if (p->mask != LA_MASK_CAUSAL || p->Hkv != p->H || p->Hqk != p->H || pass == LA_DECODE)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "a copy is causal and has no grouped heads");
    return LA_OK;
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)dev, (void)err;
    *out = (la_sizes){.instance = sizeof(la_problem)};
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)opts, (void)dev;
    la_problem *copy = la_alloc(sizeof *copy, err);
    if (!copy) return LA_E_NOMEM;
    *copy = *p;
    *self = copy;
    return LA_OK;
}

/* n elements of `size` bytes; `coarse`: the last three bits of a bf16 are lost. */
static void copy(const void *from, void *to, int64_t n, size_t size, bool coarse)
{
    memcpy(to, from, (size_t)n * size);
    for (int64_t i = 0; coarse && i < n; i++) ((la_bf16 *)to)[i] &= 0xFFF8u;
}

/* The suite's to find, and no sanitizer's. */
LA_UNWATCHED static void write_past(la_bf16 *end)
{
    *end = 1;
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const la_problem *p = self;
    static int64_t calls;
    int64_t n = p->B * p->T * p->H * p->dv, row = p->H * p->dv;
    bool narrow = p->dtype == LA_BF16;
    size_t size = la_dtype_size(p->dtype);
    calls++;
    copy(io->v, io->o, narrow && now == HALF_WRITTEN && n % 2 ? n - 1 : n, size,
         narrow && now == COARSE);
    if (!narrow) return LA_OK;
    la_bf16 *o = io->o;
    if (now == PAST) write_past(o + n);
    if (now == UNSTEADY) o[0] ^= (la_bf16)(calls & 1);
    /* One step of the last bit where the next value is positive. */
    for (int64_t i = 0; now == PEEKS && p->B == 1 && i < n - row; i++)
        if (la_bf16_to_float(((const la_bf16 *)io->v)[i + row]) > 0) o[i] ^= 1;
    return LA_OK;
}

static la_status backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)io, (void)err;
    const la_problem *p = self;
    int64_t n = p->B * p->T * p->H * p->dv;
    bool narrow = p->dtype == LA_BF16;
    size_t size = la_dtype_size(p->dtype), rows = (size_t)(p->B * p->T * p->H) * size;
    if (grads->dq) memset(grads->dq, 0, rows * (size_t)p->dk);
    if (grads->dk) memset(grads->dk, 0, rows * (size_t)p->dk);
    if (grads->dv)
        copy(grads->dout, grads->dv, narrow && now == SILENT_BACK && n % 2 ? n - 1 : n, size,
             narrow && now == COARSE_BACK);
    return LA_OK;
}

static const la_impl impls[] = {
    {.name = "cpu_copy",
     .backend = LA_CPU,
     .caps = LA_CAP_CAUSAL | LA_CAP_BACKWARD | LA_CAP_DETERMINISTIC,
     .dtypes = 1u << LA_F32 | 1u << LA_BF16,
     .rank = la_rank_any_cpu,
     .check = check,
     .sizes = sizes,
     .create = create,
     .destroy = la_free,
     .forward = forward,
     .backward = backward},
};
static const la_variant copies = {LA_VARIANT_HEAD,
                                  .name = "copies",
                                  .family = LA_FAMILY_BASELINE,
                                  .summary = "o = v",
                                  .paper = "-",
                                  .cost_words = "O(T d) time, O(1) memory",
                                  .inputs = LA_IN_QKV,
                                  .reference = &la_copy_reference,
                                  .useful = useful,
                                  .impls = impls,
                                  .impls_len = 1};

/* What a run of the suite is to find. */
typedef struct expected {
    const char *check, *words;
    int64_t found, narrow, skipped;
    char other[2 * LA_ERR_MAX]; /* a finding that was not expected */
} expected;

static void look(const la_conformance_finding *finding, void *context)
{
    expected *want = context;
    want->narrow += strstr(la_conformance_now(), ", bf16") != NULL;
    if (finding->skipped && strcmp(finding->check, "bf16") == 0) want->skipped++;
    if (finding->status == LA_OK) return;
    if (want->check && strcmp(finding->check, want->check) == 0 &&
        strstr(finding->message, want->words) && strstr(finding->message, "bf16"))
        want->found++;
    else if (!want->check || !want->found)
        strncpy(want->other, finding->message, sizeof want->other - 1);
}

static la_conformance_report run(habit h, expected *want)
{
    la_device device;
    la_conformance_report report;
    la_err err = {0};
    la_device_cpu(&device);
    now = h;
    la_conformance_settings settings = {
        .device = &device, .level = LA_LEVEL_QUICK, .listener = look, .context = want};
    la_status st = la_conformance_run(&copies, NULL, &settings, &report, &err);
    now = SOUND;
    if (st != LA_OK) fail_msg("the suite could not run: %s", err.msg);
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
    assert_true(want.narrow > 20);
}

static void test_what_is_wrong_is_found(void **state)
{
    (void)state;
    static const struct {
        habit habit;
        const char *check, *words;
    } cases[] = {
        {COARSE, "forward", "relative rms error"},
        {HALF_WRITTEN, "forward", "not finite"},
        {PAST, "forward", "outside its output buffer"},
        {PEEKS, "causality", "changing the tokens after"},
        {UNSTEADY, "repeat", "declared deterministic"},
        {COARSE_BACK, "backward", "dv: relative rms error"},
        {SILENT_BACK, "backward", "not finite"},
        {REFUSES_BADLY, "bf16", "no bf16 on this machine"},
    };
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        expected want = {.check = cases[i].check, .words = cases[i].words};
        la_conformance_report report = run(cases[i].habit, &want);
        if (!want.found)
            fail_msg("habit %d is not found as %s: %s", cases[i].habit, want.check, want.other);
        assert_true(report.failures > 0);
    }
}

/* Where the instruction is missing the type is skipped with the reason, and float32 goes on. */
static void test_a_machine_without_bf16_skips_it(void **state)
{
    (void)state;
    expected want = {0};
    la_conformance_report report = run(REFUSES, &want);
    assert_int_equal(report.failures, 0);
    assert_int_equal(want.skipped, 1);
    assert_int_equal(want.narrow, 0);
    assert_true(report.checks > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_impl_passes),
        cmocka_unit_test(test_what_is_wrong_is_found),
        cmocka_unit_test(test_a_machine_without_bf16_skips_it),
    };
    la_start(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
