/* SPDX-License-Identifier: Apache-2.0
 * The driver of the conformance suite: shapes x masks x inputs x options, the reference once for each,
 * then every check on every impl.
 */
#include "conformance.h"

#include <inttypes.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gradient_reference.h"
#include "labench/kit.h"
#include "registry.h"
#include "suite.h"

enum { SEED = 20260421, THREADS = 2 };

/* Group counts divide H: key/value heads are H / kv_group, query/key heads H / qk_group. */
typedef struct shape {
    int64_t B, T, H, dk, dv, kv_group, qk_group;
    la_level level;
    bool special;  /* also with the inputs other than the default, and with every option */
    bool narrow;   /* also in types narrower than float32 */
    double scale;  /* 0: the variant's own */
    int64_t spare; /* capacity beyond T, of what is made for a length at most */
} shape;

static const shape shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, LA_LEVEL_BRIEF, false, true, 0, 0},
    {2, 1, 2, 3, 5, 1, 1, LA_LEVEL_BRIEF, true, false, 0, 0},
    {2, 7, 3, 17, 3, 1, 1, LA_LEVEL_BRIEF, true, true, 0, 0},
    {1, 40, 1, 8, 6, 1, 1, LA_LEVEL_BRIEF, true, true, 0, 0},
    {1, 2, 1, 64, 64, 1, 1, LA_LEVEL_QUICK, false, false, 0, 0},
    {1, 63, 1, 16, 64, 1, 1, LA_LEVEL_QUICK, false, true, 0, 0},
    {1, 64, 2, 64, 64, 1, 1, LA_LEVEL_QUICK, false, false, 0, 0},
    {1, 65, 1, 64, 17, 1, 1, LA_LEVEL_BRIEF, false, true, 0, 0},
    {2, 100, 2, 16, 24, 1, 1, LA_LEVEL_QUICK, true, true, 0, 0},
    {1, 130, 1, 128, 128, 1, 1, LA_LEVEL_QUICK, false, true, 0, 0},
    {1, 200, 2, 17, 33, 1, 1, LA_LEVEL_QUICK, false, false, 0, 0},
    {3, 5, 1, 8, 1, 1, 1, LA_LEVEL_QUICK, false, false, 0, 0},
    {2, 70, 4, 16, 8, 2, 1, LA_LEVEL_BRIEF, false, true, 0, 0},
    {1, 33, 3, 5, 7, 3, 1, LA_LEVEL_QUICK, false, false, 0, 0},
    {2, 70, 4, 16, 8, 1, 2, LA_LEVEL_BRIEF, false, true, 0, 0},
    {1, 33, 3, 5, 7, 1, 3, LA_LEVEL_BRIEF, false, false, 0, 0},
    {1, 70, 2, 16, 24, 1, 1, LA_LEVEL_BRIEF, false, true, 0.4, 0},
    {2, 70, 2, 16, 24, 1, 1, LA_LEVEL_BRIEF, false, true, 0, 59},
    {1, 257, 4, 32, 64, 1, 1, LA_LEVEL_FULL, false, true, 0, 0},
    {4, 129, 2, 3, 128, 1, 1, LA_LEVEL_FULL, false, false, 0, 0},
    {2, 127, 1, 1, 1, 1, 1, LA_LEVEL_FULL, true, false, 0, 0},
    {1, 300, 5, 48, 80, 1, 1, LA_LEVEL_FULL, true, true, 0, 0},
    {1, 192, 2, 256, 200, 1, 1, LA_LEVEL_FULL, false, false, 0, 0},
    {1, 513, 1, 128, 128, 1, 1, LA_LEVEL_FULL, false, true, 0, 0},
    {1, 1000, 2, 64, 64, 1, 1, LA_LEVEL_FULL, true, true, 0, 0},
    {17, 3, 3, 2, 2, 1, 1, LA_LEVEL_FULL, false, false, 0, 0},
    {1, 4, 40, 4, 4, 1, 1, LA_LEVEL_FULL, false, false, 0, 0},
    {1, 260, 8, 64, 64, 4, 1, LA_LEVEL_FULL, true, true, 0, 0},
    {1, 260, 8, 64, 64, 1, 4, LA_LEVEL_FULL, true, false, 0, 0},
};

typedef struct suite {
    const la_variant *variant;
    const la_impl *only;
    const la_device *device;
    la_level level;
    int threads;
    la_conformance_listener listener;
    void *context;
    la_conformance_report *report;
    const char *options; /* words of the option set in use, "" for the defaults */
    uint32_t types[64];  /* of each impl, those that it runs here (bits 1u << la_dtype) */
} suite;

static bool runs(const suite *s, size_t i, la_dtype dtype)
{
    return s->types[i] & 1u << dtype;
}

static bool has_mask(const la_impl *impl, la_mask mask)
{
    return impl->caps & (mask == LA_MASK_CAUSAL ? LA_CAP_CAUSAL : LA_CAP_BIDIRECTIONAL);
}

/* The impl promises this mask, these groups of heads, and fewer tokens than it was made for. */
static bool promises(const la_impl *impl, const la_problem *p)
{
    return has_mask(impl, p->mask) && (p->Hkv == p->H || (impl->caps & LA_CAP_GROUPED_KV)) &&
           (p->Hqk == p->H || (impl->caps & LA_CAP_GROUPED_QK)) &&
           (p->Tcap == p->T || (impl->caps & LA_CAP_FIXED_LENGTH));
}

static bool applies_always(const la_case *c)
{
    (void)c;
    return true;
}

/* A kernel of a device has no threads of the host to share work with. */
static bool applies_threads(const la_case *c)
{
    return c->impl->backend == LA_CPU;
}

static bool applies_causal(const la_case *c)
{
    return c->p.mask == LA_MASK_CAUSAL && c->p.T > 1 && c->kind == LA_INPUTS_DEFAULT;
}

static bool applies_cutting(const la_case *c)
{
    return c->p.mask == LA_MASK_CAUSAL && (c->impl->caps & LA_CAP_STATE_IN);
}

static bool applies_decode(const la_case *c)
{
    return c->p.mask == LA_MASK_CAUSAL && (c->impl->caps & LA_CAP_DECODE);
}

static bool applies_query(const la_case *c)
{
    return applies_decode(c) && c->variant->family == LA_FAMILY_QUADRATIC;
}

static bool applies_backward(const la_case *c)
{
    return c->dwant && (c->impl->caps & LA_CAP_BACKWARD);
}

static bool applies_backward_again(const la_case *c)
{
    return applies_backward(c) && c->kind == LA_INPUTS_DEFAULT;
}

static bool applies_backward_threads(const la_case *c)
{
    return applies_backward_again(c) && applies_threads(c);
}

static bool applies_backward_state(const la_case *c)
{
    return applies_backward(c) && (c->impl->caps & LA_CAP_STATE_GRAD) && c->want_state &&
           c->n_rows == c->p.T;
}

typedef struct check {
    const char *name;
    bool (*applies)(const la_case *);
    la_status (*run)(const la_case *, la_err *);
} check;

static const check descriptor_check = {"descriptor", applies_always, la_check_descriptor};
static const check once_checks[] = {
    {"cost", applies_always, la_check_cost},
    {"refusals", applies_always, la_check_refusals},
};
static const check case_checks[] = {
    {"sizes", applies_always, la_check_sizes},
    {"forward", applies_always, la_check_forward},
    {"repeat", applies_always, la_check_repeat},
    {"threads", applies_threads, la_check_threads},
    {"causality", applies_causal, la_check_causality},
    {"cutting", applies_cutting, la_check_cutting},
    {"decode", applies_decode, la_check_decode},
    {"query", applies_query, la_check_query},
    {"backward", applies_backward, la_check_backward},
    {"backward_repeat", applies_backward_again, la_check_backward_repeat},
    {"backward_threads", applies_backward_threads, la_check_backward_threads},
    {"backward_state", applies_backward_state, la_check_backward_state},
};

static char now[256];

const char *la_conformance_now(void)
{
    return now;
}

void la_conformance_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(now, sizeof now, format, args);
    va_end(args);
}

static void note_check(const la_case *c, const char *name)
{
    const la_problem *p = &c->p;
    la_conformance_note("%s of %s %s, B %" PRId64 " T %" PRId64 " H %" PRId64 " dk %" PRId64
                        " dv %" PRId64 ", %s, %s",
                        name, c->variant->name, c->impl ? c->impl->name : "reference", p->B, p->T,
                        p->H, p->dk, p->dv, la_mask_name(p->mask), la_dtype_name(p->dtype));
}

static void tell(const suite *s, const la_case *c, const char *name, la_status st, bool skipped,
                 const char *why)
{
    char message[2 * LA_ERR_MAX] = "", scale[40] = "", capacity[40] = "";
    const la_problem *p = &c->p;
    if (p->scale != 0) snprintf(scale, sizeof scale, ", scale %g", p->scale);
    if (p->Tcap != p->T) snprintf(capacity, sizeof capacity, " of at most %" PRId64, p->Tcap);
    if (st != LA_OK || skipped)
        snprintf(
            message, sizeof message,
            "%s %s, B %" PRId64 " T %" PRId64 "%s H %" PRId64 " (kv %" PRId64 ", qk %" PRId64
            ") dk %" PRId64 " dv %" PRId64 ", %s, %s%s, inputs %s, seed %" PRIu64 "%s%s: %s: %s",
            s->variant->name, c->impl ? c->impl->name : "reference", p->B, p->T, capacity, p->H,
            p->Hkv, p->Hqk, p->dk, p->dv, la_mask_name(p->mask), la_dtype_name(p->dtype), scale,
            la_input_kind_name(c->kind), c->seed, s->options[0] ? ", " : "", s->options, name, why);
    la_conformance_report *r = s->report;
    if (skipped)
        r->skipped++;
    else
        r->checks++;
    if (st != LA_OK && r->failures++ == 0) snprintf(r->first, sizeof r->first, "%s", message);
    la_conformance_finding finding = {s->variant, c->impl, name, st, skipped, message};
    if (s->listener) s->listener(&finding, s->context);
}

/* True when all hold. */
static bool run_checks(const suite *s, const la_case *c, const check *checks, size_t n)
{
    bool fine = true;
    for (size_t i = 0; i < n; i++) {
        if (!checks[i].applies(c)) continue;
        la_err err = {0};
        note_check(c, checks[i].name);
        la_status st = checks[i].run(c, &err);
        tell(s, c, checks[i].name, st, false, err.msg);
        fine = fine && st == LA_OK;
    }
    return fine;
}

la_status la_case_moved_inputs(const la_case *c, la_inputs *out, la_err *err)
{
    LA_TRY(la_inputs_piece(c->variant, c->opts, c->in, 0, c->p.T, out, err));
    for (int t = LA_T_Q; t <= LA_T_K; t++) { /* outputs are linear in v and in x */
        float *x = out->t[t].data;
        int64_t n = (int64_t)(out->t[t].bytes / sizeof(float));
        for (int64_t i = 0; i < n; i++) {
            /* Of different sizes: equal moves of two keys leave a tie between them what it was. */
            double size = 0x1p-22 * (1.0 + la_random_uniform(c->seed + 1, (uint64_t)i));
            x[i] *= (float)(la_random_u32(c->seed, (uint64_t)i) & 1 ? 1.0 + size : 1.0 - size);
        }
    }
    return LA_OK;
}

static bool steady_state(const double *want, const double *other, int64_t n, double share)
{
    double sum = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += want[i] * want[i];
        worst = fmax(worst, fabs(want[i] - other[i]));
    }
    return worst <= share * sqrt(sum / (double)n);
}

/* Logits of thousands, or an option such as a signed feature map under a quotient, make some rows hang
 * on the last bit of the inputs: a near tie, or a denominator near 0, is decided by rounding. The
 * reference on inputs moved by two units in the last place shows which tokens those are; the others
 * are compared. Compacts `want` to them, and forgets a state that hangs likewise. */
static la_status trust(la_case *c, double *want, int64_t *rows, la_err *err)
{
    const la_problem *p = &c->p;
    la_inputs moved = {0};
    int64_t width = p->H * p->dv, total = p->B * p->T * width;
    int64_t states = c->want_state ? la_reference_state_elements(c->variant, p, c->opts) : 0;
    double *other = la_alloc((size_t)(total + states) * sizeof(double), err);
    double *state = states ? other + total : NULL;
    la_status st = other ? la_case_moved_inputs(c, &moved, err) : LA_E_NOMEM;
    if (st != LA_OK) goto done;
    st = la_reference_forward(c->variant, p, c->opts, &moved, NULL, 0, NULL, state, 0, other, err);
    if (st != LA_OK) goto done;
    double rms = 0;
    for (int64_t i = 0; i < total; i++) rms += want[i] * want[i];
    double share = c->kind == LA_INPUTS_BIG_LOGITS ? 1e-6 : 1e-5;
    double allowed = share * sqrt(rms / (double)total);
    if (states && !steady_state(c->want_state, state, states, share)) c->want_state = NULL;
    int64_t n_rows = 0;
    for (int64_t t = 0; t < p->T; t++) {
        bool steady = true;
        for (int64_t b = 0; b < p->B; b++)
            for (int64_t i = (b * p->T + t) * width; i < (b * p->T + t + 1) * width; i++)
                steady = steady && fabs(want[i] - other[i]) <= allowed;
        if (steady) rows[n_rows++] = t;
    }
    for (int64_t b = 0; b < p->B; b++)
        for (int64_t r = 0; r < n_rows; r++)
            memcpy(other + (b * n_rows + r) * width, want + (b * p->T + rows[r]) * width,
                   (size_t)width * sizeof(double));
    memcpy(want, other, (size_t)(p->B * n_rows * width) * sizeof(double));
    c->rows = rows;
    c->n_rows = n_rows;
done:
    la_inputs_release(&moved);
    la_free(other);
    return st;
}

/* Some impl that runs here has backward. */
static bool some_backward(const suite *s, la_dtype dtype)
{
    bool found = false;
    for (size_t i = 0; i < s->variant->impls_len; i++)
        found = found || (runs(s, i, dtype) && (s->variant->impls[i].caps & LA_CAP_BACKWARD));
    return found;
}

/* Options may leave a quotient of signed sums (linear with map=identity, performer with kernel=trig), which
 * hangs on the last bit where the divisor is nearly zero. Divisors of softmax are never small, and of its
 * estimates only where a word chooses others. */
static bool may_be_signed(const suite *s)
{
    if (!s->options[0] || !(s->variant->inputs & LA_IN_LOGITS)) return s->options[0] != '\0';
    if (s->variant->family != LA_FAMILY_KERNEL) return false;
    for (size_t i = 0; i < s->variant->options_len; i++) {
        const la_option *o = &s->variant->options[i];
        size_t n = strlen(o->name);
        if (o->type == LA_OPTION_CHOICE && strncmp(s->options, o->name, n) == 0 &&
            s->options[n] == '=')
            return true;
    }
    return false;
}

static bool all_finite(const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* Draws the inputs, asks the reference, and runs every check on every impl. */
static la_status run_case(const suite *s, la_case *c, la_err *err)
{
    const la_problem *p = &c->p;
    la_inputs in = {0};
    double *want = NULL, *want_state = NULL;
    note_check(c, "the reference");
    int64_t *rows = NULL;
    LA_TRY(la_inputs_draw(s->variant, p, c->opts, c->kind, c->seed, &in, err));
    la_inputs_vary_constants(&in, c->seed);
    int64_t states =
        p->mask == LA_MASK_CAUSAL ? la_reference_state_elements(s->variant, p, c->opts) : 0;
    want = la_alloc((size_t)(p->B * p->T * p->H * p->dv) * sizeof(double), err);
    rows = la_alloc((size_t)p->T * sizeof(int64_t), err);
    if (states) want_state = la_zalloc((size_t)states * sizeof(double), err);
    la_status st = want && rows && (!states || want_state) ? LA_OK : LA_E_NOMEM;
    if (st == LA_OK)
        st = la_reference_forward(s->variant, p, c->opts, &in, NULL, 0, NULL, want_state, 0, want,
                                  err);
    if (st == LA_OK &&
        !(all_finite(want, p->B * p->T * p->H * p->dv) && all_finite(want_state, states)))
        st = LA_FAIL(err, LA_E_NONFINITE,
                     "the reference of %s is not finite at T %lld: nothing can be held against it",
                     s->variant->name, (long long)p->T);
    c->in = &in;
    c->want = want;
    c->want_state = want_state;
    c->rows = NULL;
    c->n_rows = p->T;
    /* The spread of two channels is their difference, which may be small. */
    bool delicate = c->kind == LA_INPUTS_BIG_LOGITS || may_be_signed(s) ||
                    (p->dv == 2 && (s->variant->inputs & LA_IN_NORMED));
    if (st == LA_OK && delicate) st = trust(c, want, rows, err);
    if (st == LA_OK && some_backward(s, p->dtype) && la_variant_reference(s->variant)->backward)
        st = la_case_gradients(c, delicate, err);
    for (size_t i = 0; i < s->variant->impls_len && st == LA_OK; i++) {
        c->impl = &s->variant->impls[i];
        if (!runs(s, i, p->dtype) || !promises(c->impl, p)) continue;
        if (want_state && !c->want_state && (c->impl->caps & LA_CAP_STATE_IN))
            tell(s, c, "state", LA_OK, true, "it hangs on the last bit of the inputs");
        if (c->n_rows == 0)
            tell(s, c, "forward", LA_OK, true, "every token hangs on the last bit of the inputs");
        else
            run_checks(s, c, case_checks, LA_COUNT(case_checks));
    }
    la_case_gradients_release(c);
    la_inputs_release(&in);
    la_free(want);
    la_free(want_state);
    la_free(rows);
    return st;
}

static la_problem problem_of(const shape *sh, la_mask mask, la_dtype dtype)
{
    return (la_problem){.B = sh->B,
                        .T = sh->T,
                        .Tcap = sh->T + sh->spare,
                        .H = sh->H,
                        .Hkv = sh->H / sh->kv_group,
                        .Hqk = sh->H / sh->qk_group,
                        .dk = sh->dk,
                        .dv = sh->dv,
                        .mask = mask,
                        .dtype = dtype,
                        .scale = sh->scale,
                        .threads = THREADS};
}

static bool some_run(const suite *s, const la_problem *p)
{
    for (size_t i = 0; i < s->variant->impls_len; i++)
        if (runs(s, i, p->dtype) && promises(&s->variant->impls[i], p)) return true;
    return false;
}

/* Whether a kind of inputs is asked of a type. In a narrow type, logits of hundreds are decided by the
 * rounding of the inputs, and so is a quotient of signed sums: what is right there is no number to hold
 * an impl to. The rest of what options do is the same code in every type. */
static bool asked(const suite *s, const shape *sh, la_input_kind kind, la_dtype dtype)
{
    if (!la_input_kind_applies(s->variant, kind)) return false;
    if (dtype == LA_F32) return true;
    return sh->narrow && kind != LA_INPUTS_BIG_LOGITS && kind != LA_INPUTS_WIDE &&
           !may_be_signed(s);
}

/* All types, masks and kinds of one shape with one option set. */
static la_status run_shape(const suite *s, const shape *sh, const void *opts, bool defaults,
                           la_err *err)
{
    enum { TYPES = 3, MASKS = 2, ALL = TYPES * MASKS * LA_INPUTS_KINDS };
    static const la_dtype types[TYPES] = {LA_F32, LA_BF16, LA_F16};
    for (int i = 0; i < ALL; i++) {
        la_dtype dtype = types[i / LA_INPUTS_KINDS / MASKS];
        la_mask mask = (la_mask)(i / LA_INPUTS_KINDS % MASKS);
        la_input_kind kind = (la_input_kind)(i % LA_INPUTS_KINDS);
        if (kind != LA_INPUTS_DEFAULT && !(defaults && sh->special)) continue;
        la_case c = {.variant = s->variant,
                     .device = s->device,
                     .opts = opts,
                     .p = problem_of(sh, mask, dtype),
                     .many = s->threads,
                     .kind = kind,
                     .seed = SEED};
        if (!some_run(s, &c.p) || !asked(s, sh, kind, dtype)) continue;
        LA_TRY(run_case(s, &c, err));
    }
    return LA_OK;
}

/* The types of an impl that run here: narrow ones need instructions that a CPU may not have. */
static uint32_t types_here(const suite *s, la_case *c)
{
    static const la_dtype narrow[] = {LA_BF16, LA_F16};
    uint32_t types = c->impl->dtypes;
    for (size_t i = 0; i < LA_COUNT(narrow); i++) {
        la_err why = {0};
        c->p.dtype = narrow[i];
        if (!(types & 1u << narrow[i])) continue;
        la_status st = c->impl->check(&c->p, LA_FORWARD, c->opts, s->device, &why);
        if (st == LA_OK) continue;
        bool declined = st == LA_E_UNSUPPORTED;
        tell(s, c, la_dtype_name(narrow[i]), declined ? LA_OK : st, declined, why.msg);
        types &= ~(1u << narrow[i]);
    }
    return types;
}

/* Descriptor and refusals, and which impls can run here. */
static void run_once(suite *s, const void *opts)
{
    for (size_t i = 0; i < s->variant->impls_len; i++) {
        la_case c = {.variant = s->variant,
                     .impl = &s->variant->impls[i],
                     .device = s->device,
                     .opts = opts,
                     .seed = SEED};
        c.p = problem_of(&shapes[7],
                         c.impl->caps & LA_CAP_CAUSAL ? LA_MASK_CAUSAL : LA_MASK_BIDIRECTIONAL,
                         LA_F32);
        if (s->only && s->only != c.impl) continue;
        la_err why = {0};
        int rank = c.impl->rank(s->device, &why);
        if (rank == 0)
            tell(s, &c, "descriptor", LA_OK, true, why.msg[0] ? why.msg : "cannot run here");
        /* What a descriptor says of buffers is what the other checks go by. */
        bool sound = rank && run_checks(s, &c, &descriptor_check, 1);
        if (rank) run_checks(s, &c, once_checks, LA_COUNT(once_checks));
        if (sound) s->types[i] = types_here(s, &c);
    }
}

/* The reference's gradients of one small problem with every kind of input but logits of thousands, whose
 * differences say nothing. */
static la_status reference_gradient(const suite *s, const shape *sh, la_mask mask, bool state,
                                    const void *opts, la_err *err)
{
    for (int kind = 0; kind < LA_INPUTS_KINDS; kind++) {
        if (!la_input_kind_applies(s->variant, (la_input_kind)kind) || kind == LA_INPUTS_BIG_LOGITS)
            continue;
        la_case c = {.variant = s->variant,
                     .device = s->device,
                     .opts = opts,
                     .p = problem_of(sh, mask, LA_F32),
                     .kind = (la_input_kind)kind,
                     .seed = SEED};
        la_err why = {0};
        la_status st =
            la_gradient_reference_check(c.variant, &c.p, opts, c.kind, state, c.seed, &why);
        if (st == LA_E_NOMEM) return LA_FAIL(err, st, "%s", why.msg);
        tell(s, &c, "reference_gradient", st, false, why.msg);
    }
    return LA_OK;
}

static la_status run_reference(const suite *s, const void *opts, la_err *err)
{
    static const shape small[] = {{2, 5, 2, 3, 4, 1, 1, LA_LEVEL_BRIEF, false, false, 0, 0},
                                  {1, 1, 1, 2, 3, 1, 1, LA_LEVEL_QUICK, false, false, 0, 0},
                                  {1, 6, 4, 2, 3, 2, 1, LA_LEVEL_QUICK, false, false, 0, 0},
                                  {1, 6, 4, 2, 3, 1, 2, LA_LEVEL_QUICK, false, false, 0, 0},
                                  {1, 21, 1, 5, 4, 1, 1, LA_LEVEL_FULL, false, false, 0, 0}};
    uint32_t caps = 0;
    for (size_t i = 0; i < s->variant->impls_len; i++)
        if (s->types[i]) caps |= s->variant->impls[i].caps;
    bool there = la_variant_reference(s->variant)->backward != NULL;
    if (!there && !(caps & LA_CAP_BACKWARD)) return LA_OK;
    for (size_t i = 0; i < LA_COUNT(small); i++) {
        const shape *sh = &small[i];
        if (sh->level > s->level || (sh->kv_group > 1 && !(caps & LA_CAP_GROUPED_KV)) ||
            (sh->qk_group > 1 && !(caps & LA_CAP_GROUPED_QK)))
            continue;
        if (caps & LA_CAP_CAUSAL)
            LA_TRY(reference_gradient(s, sh, LA_MASK_CAUSAL, caps & LA_CAP_STATE_GRAD, opts, err));
        if (caps & LA_CAP_BIDIRECTIONAL)
            LA_TRY(reference_gradient(s, sh, LA_MASK_BIDIRECTIONAL, false, opts, err));
    }
    return LA_OK;
}

static la_status run_options(suite *s, void *opts, la_err *err)
{
    char words[64];
    bool end = false;
    for (int64_t set = 0; !end; set++) {
        LA_TRY(la_suite_options(s->variant, set, s->level == LA_LEVEL_BRIEF, opts, words,
                                sizeof words, &end, err));
        if (end) break;
        s->options = words;
        if (set == 0) run_once(s, opts);
        LA_TRY(run_reference(s, opts, err));
        for (size_t i = 0; i < LA_COUNT(shapes); i++) {
            if (shapes[i].level > s->level || (set > 0 && !shapes[i].special)) continue;
            LA_TRY(run_shape(s, &shapes[i], opts, set == 0, err));
        }
    }
    return LA_OK;
}

la_status la_conformance_run(const la_variant *variant, const la_impl *impl,
                             const la_conformance_settings *settings, la_conformance_report *report,
                             la_err *err)
{
    suite s = {.variant = variant,
               .only = impl,
               .device = settings->device,
               .level = settings->level,
               .threads = settings->threads,
               .listener = settings->listener,
               .context = settings->context,
               .report = report,
               .options = ""};
    *report = (la_conformance_report){0};
    if (variant->impls_len > LA_COUNT(s.types))
        return LA_FAIL(err, LA_E_ARG, "variant %s has more than %zu impls", variant->name,
                       LA_COUNT(s.types));
    void *opts = la_zalloc(variant->options_size + 8, err);
    if (!opts) return LA_E_NOMEM;
    la_status st = run_options(&s, opts, err);
    la_free(opts);
    return st;
}
