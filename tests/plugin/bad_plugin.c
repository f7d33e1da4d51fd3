/* SPDX-License-Identifier: Apache-2.0
 * A plugin that computes o = 0 and is wrong in one way, chosen by KIND when it is compiled. Its
 * constructor and its functions leave a file behind where PLUGIN_TRACE says, so that a test can see
 * which of its code ran.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "labench/kit.h"
#include "labench/plugin.h"

enum kinds {
    good,
    abi,
    size,
    variant_abi,
    no_symbol,
    function_symbol,
    no_variant,
    null_forward,
    null_check,
    null_useful,
    null_reference,
    null_impls,
    backward_bit,
    name_space,
    name_quote,
    name_utf8,
    name_taken,
    name_group,
    name_null,
    impl_twice,
    many_impls,
    option_outside,
    option_choice,
    same_as_unknown,
    crash_load,
    exit_load,
    hang_load,
    float_mode,
    crash_rank,
    crash_check,
    exit_check,
    hang_check,
    crash_forward,
    wrong_forward
};
#define IS(which) (KIND == (which))

static void trace(const char *what)
{
    const char *dir = getenv("PLUGIN_TRACE");
    char path[512];
    if (!dir) return;
    snprintf(path, sizeof path, "%s/%s", dir, what);
    FILE *f = fopen(path, "w");
    if (f) fclose(f);
}

__attribute__((noinline)) static void crash(void)
{
    abort();
}

static void hang(void)
{
    for (;;) pause();
}

__attribute__((constructor)) static void at_load(void)
{
    trace("constructor");
    if (IS(crash_load)) {
        fprintf(stderr, "about to go wrong\n");
        crash();
    }
    if (IS(exit_load)) exit(7);
    if (IS(hang_load)) hang();
#if defined(__x86_64__)
    if (IS(float_mode)) __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
#endif
}

static int rank(const la_device *device, la_err *why)
{
    trace("rank");
    if (IS(crash_rank)) crash();
    return la_rank_any_cpu(device, why);
}

static la_status check(const la_problem *p, la_pass pass, const void *opts, const la_device *device,
                       la_err *err)
{
    (void)opts, (void)device;
    trace("check");
    if (IS(crash_check) && p->T > 100) crash();
    if (IS(exit_check)) exit(9);
    if (IS(hang_check)) hang();
    if (p->dtype != LA_F32 || p->Hkv != p->H || p->Hqk != p->H || pass != LA_FORWARD)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "only a plain forward in f32");
    return LA_OK;
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *device,
                       la_sizes *out, la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)device, (void)err;
    *out = (la_sizes){.instance = sizeof(la_problem)};
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *device, void **self,
                        la_err *err)
{
    (void)opts, (void)device;
    la_problem *copy = la_alloc(sizeof *copy, err);
    if (!copy) return LA_E_NOMEM;
    *copy = *p;
    *self = copy;
    return LA_OK;
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const la_problem *p = self;
    if (IS(crash_forward)) crash();
    int64_t n = p->B * p->T * p->H * p->dv;
    for (int64_t i = 0; i < n; i++) ((float *)io->o)[i] = IS(wrong_forward) ? 1.0f : 0.0f;
    return LA_OK;
}

static la_status useful(const la_problem *p, la_pass pass, const void *opts, la_cost *cost,
                        la_err *err)
{
    (void)pass, (void)opts, (void)err;
    *cost = (la_cost){.bytes = (double)(p->B * p->T * p->H * p->dv), .version = 1};
    return LA_OK;
}

static la_status ref_forward(const la_problem *p, const void *opts, const la_ref_io *io,
                             la_err *err)
{
    (void)opts, (void)err;
    int64_t n = io->rows ? io->n_rows : p->T;
    memset(io->o, 0, (size_t)(n * p->dv) * sizeof(double));
    return LA_OK;
}

static const la_reference reference = {.forward = ref_forward};

static const char *const words[] = {"one", "two", NULL};
static const la_option options[] = {
    {.name = "word",
     .type = LA_OPTION_CHOICE,
     .offset = IS(option_outside) ? 64 : 0,
     .def = IS(option_choice) ? 2 : 1,
     .choices = words,
     .help = "one of two words"},
};

#define IMPL(text)                                                                                 \
    {                                                                                              \
        .name = text, .backend = LA_CPU,                                                           \
        .caps = LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_DETERMINISTIC |                      \
                (IS(backward_bit) ? LA_CAP_BACKWARD : 0),                                          \
        .dtypes = 1u << LA_F32, .rank = rank, .check = IS(null_check) ? NULL : check,              \
        .sizes = sizes, .create = create, .destroy = la_free,                                      \
        .forward = IS(null_forward) ? NULL : forward                                               \
    }

static const la_impl impls[] = {
    IMPL("cpu_a"), IMPL(IS(impl_twice) ? "cpu_a" : "cpu_b"),
    IMPL("cpu_c"), IMPL("cpu_d"),
    IMPL("cpu_e"), IMPL("cpu_f"),
    IMPL("cpu_g"), IMPL("cpu_h"),
    IMPL("cpu_i"),
};

static const la_variant variant = {
    .abi = LA_ABI + (IS(variant_abi)),
    .size = sizeof(la_variant),
    .name = IS(name_space)   ? "my variant"
            : IS(name_quote) ? "it's\"mine"
            : IS(name_utf8)  ? "\xc3\xbc"
                               "berall"
            : IS(name_taken) ? "softmax"
            : IS(name_group) ? "recurrent"
            : IS(name_null)  ? NULL
                             : "zero",
    .family = LA_FAMILY_BASELINE,
    .summary = "o = 0",
    .paper = "-",
    .cost_words = "O(T d) time",
    .inputs = LA_IN_QKV,
    .same_as = IS(same_as_unknown) ? "nowhere" : NULL,
    .reference = IS(null_reference) || IS(same_as_unknown) ? NULL : &reference,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = 8,
    .useful = IS(null_useful) ? NULL : useful,
    .impls = IS(null_impls) ? NULL : impls,
    .impls_len = IS(many_impls)   ? 9
                 : IS(impl_twice) ? 2
                                  : 1,
};

#if KIND_HAS_SYMBOL
const la_plugin la_plugin_v1 = {.abi = LA_ABI + (IS(abi)),
                                .size = sizeof(la_variant) + (IS(size) ? 8 : 0),
                                .built_with = "a test",
                                .variant = IS(no_variant) ? NULL : &variant};
#elif KIND_HAS_FUNCTION
/* A function of the symbol's name. */
LA_API int la_plugin_function(void) __asm__("la_plugin_v1");
LA_API int la_plugin_function(void)
{
    return variant.abi != 0;
}
#else
LA_API const la_variant *la_other_symbol(void);
const la_variant *la_other_symbol(void)
{
    return &variant;
}
#endif
