/* SPDX-License-Identifier: Apache-2.0
 * stack - pushes to many stacks and pops from them: what comes off?
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "examples.h"

enum { VERSION = 1, OPERATION = 3, SHORTEST = 2 * OPERATION };
enum { WHICH, KINDS, ELEMENTS, LAST };  /* streams of an example */
enum { BLANK, PUSH, POP, FIRST_STACK }; /* ids; elements follow the stacks */
enum { FRESH, UNCOVERED };              /* groups */
static const char *const group_names[] = {"fresh", "uncovered", NULL};

typedef struct stack_options {
    int64_t stacks, elements;
    double pops;
} stack_options;

static const la_option options[] = {
    {"stacks", LA_OPTION_INT, offsetof(stack_options, stacks), 64, 1, 1 << 16, NULL,
     "stacks, each with an id"},
    {"elements", LA_OPTION_INT, offsetof(stack_options, elements), 64, 2, 1 << 20, NULL,
     "ids of what is pushed"},
    {"pops", LA_OPTION_REAL, offsetof(stack_options, pops), 0.5, 0, 1, NULL,
     "how often a stack that is not empty is popped instead of pushed"},
};
static const int64_t lengths_trained[] = {64, 128, 256, 0};

static int64_t vocabulary(const void *task_opts)
{
    const stack_options *o = task_opts;
    return FIRST_STACK + o->stacks + o->elements;
}

static bool fits(int64_t T)
{
    return T >= SHORTEST && T <= LA_LONGEST_EXAMPLE;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    size_t len = 0;
    (void)task_opts;
    for (size_t i = 0; i < n_lengths && len < cap; i++)
        if (fits(lengths[i])) out[len++] = (la_shape){.T = lengths[i]};
    return len;
}

static la_status check_length(int64_t T, la_err *err)
{
    if (fits(T)) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED, "stack makes %d to %" PRId64 " tokens, not %" PRId64,
                   SHORTEST, LA_LONGEST_EXAMPLE, T);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    (void)task_opts;
    LA_TRY(check_length(T, err));
    *out = (la_shape){.T = T, .far = 1};
    return LA_OK;
}

/* Each pop takes what a push left. */
static int64_t most_answers(const void *task_opts, const la_shape *shape)
{
    (void)task_opts;
    return shape->T / OPERATION / 2;
}

/* All stacks: `top` is the position of each one's uppermost element or -1, `below` by operation that of the
 * element under the one it pushed; `fresh` says that its last operation was a push. */
typedef struct stacks {
    int32_t *top, *below;
    bool *fresh;
    int64_t filled; /* stacks that are not empty */
} stacks;

static void push(stacks *s, int64_t which, int64_t at)
{
    int32_t *top = &s->top[which];
    s->below[at / OPERATION] = *top;
    if (*top < 0) s->filled++;
    *top = (int32_t)at;
    s->fresh[which] = true;
}

static void pop(stacks *s, int64_t which, int64_t at, const int32_t *tokens, la_answer *answer)
{
    int32_t *top = &s->top[which];
    *answer = (la_answer){.position = (int32_t)at,
                          .label = tokens[*top],
                          .distance = (int32_t)at - *top,
                          .group = s->fresh[which] ? FRESH : UNCOVERED};
    *top = s->below[*top / OPERATION];
    s->fresh[which] = false;
    if (*top < 0) s->filled--;
}

/* The nth of the stacks that are not empty. */
static int64_t filled_at(const stacks *s, int64_t nth)
{
    for (int64_t i = 0;; i++)
        if (s->top[i] >= 0 && nth-- == 0) return i;
}

/* Operations from token `first` on. Where the last one finds all stacks empty, one has been popped. */
static int64_t operate(const stack_options *o, stacks *s, const la_example *example, int64_t first,
                       int64_t T, int32_t *tokens, la_answer *answers)
{
    uint64_t which = la_example_stream(example, WHICH), kinds = la_example_stream(example, KINDS);
    uint64_t elements = la_example_stream(example, ELEMENTS);
    uint64_t share = (uint64_t)(o->pops * 0x1p32); /* of pops, in units of 2^-32 */
    int64_t answered = 0;
    for (int64_t t = first, i = 0; t < T; t += OPERATION, i++) {
        uint64_t nth = (uint64_t)i;
        int64_t stack = (int64_t)la_random_below(which, nth, (uint64_t)o->stacks);
        bool pops = s->top[stack] >= 0 && la_random_u32(kinds, nth) < share;
        if (t + OPERATION == T && s->filled > 0) {
            uint64_t last = la_example_stream(example, LAST);
            stack = filled_at(s, (int64_t)la_random_below(last, 0, (uint64_t)s->filled));
            pops = true;
        }
        tokens[t] = pops ? POP : PUSH;
        tokens[t + 1] = (int32_t)(FIRST_STACK + stack);
        if (pops) {
            pop(s, stack, t + 1, tokens, &answers[answered]);
            tokens[t + 2] = answers[answered++].label;
        } else {
            uint64_t element = la_random_below(elements, nth, (uint64_t)o->elements);
            tokens[t + 2] = (int32_t)(FIRST_STACK + o->stacks + (int64_t)element);
            push(s, stack, t + 2);
        }
    }
    return answered;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const stack_options *o = task_opts;
    int64_t T = shape->T, blanks = T % OPERATION;
    LA_TRY(check_length(T, err));
    size_t top = (size_t)o->stacks * sizeof(int32_t), fresh = (size_t)o->stacks * sizeof(bool);
    size_t below = (size_t)(T / OPERATION + 1) * sizeof(int32_t);
    la_scratch scratch;
    LA_TRY(la_scratch_open(
        &scratch, la_scratch_bytes(top) + la_scratch_bytes(below) + la_scratch_bytes(fresh), err));
    stacks s = {.top = la_scratch_take(&scratch, top)};
    s.below = la_scratch_take(&scratch, below);
    s.fresh = la_scratch_take(&scratch, fresh);
    memset(s.top, -1, top); /* -1: empty */
    for (int64_t t = 0; t < blanks; t++) tokens[t] = BLANK;
    la_example example = la_example_of("stack", VERSION, seed, split, shape, index);
    *n_answers = operate(o, &s, &example, blanks, T, tokens, answers);
    la_scratch_close(&scratch);
    return LA_OK;
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    static const char *const fixed[] = {".", "push", "pop"};
    const stack_options *o = task_opts;
    if (token < FIRST_STACK) return fixed[token];
    if (token < FIRST_STACK + o->stacks)
        snprintf(buf, 16, "s%d", token - FIRST_STACK);
    else
        snprintf(buf, 16, "e%d", token - (int32_t)(FIRST_STACK + o->stacks));
    return buf;
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)((const stack_options *)task_opts)->elements;
}

static const char definition[] =
    "  push s3 e7 push s1 e9 push s3 e2 pop s3 e2 pop s3 e7     answers at s3, s3: e2 e7\n"
    "\n"
    "Source    Kimi Team 2025, \"Kimi Linear: an expressive, efficient attention\n"
    "          architecture\", arXiv:2510.26692, appendix C.1; its code is not public\n"
    "Ids       0 is a blank, 1 push, 2 pop, the S = stacks are 3 to S+2, the E = elements\n"
    "          follow\n"
    "Layout    operations of three tokens: push, stack, element; or pop, stack, element. Each\n"
    "          draws its stack uniformly; an empty one is pushed, another popped with\n"
    "          probability `pops`, else pushed with a uniform element. The last operation\n"
    "          pops one of the stacks that are not empty, each as likely (where all are, it\n"
    "          pushes). The label at a pop's stack is the element pushed onto it last of\n"
    "          those not popped yet, which is then written as if the model had said it, so\n"
    "          only causal models are asked. One or two blanks in front where three do not\n"
    "          divide T\n"
    "Sizes     T >= 6\n"
    "Training  T 64, 128 and 256, 1200 steps (the report: one model each at 256, 512, 1024 and\n"
    "          2048, two layers of two heads of 128, at most 20,000 steps)\n"
    "Sweep     any T: more operations, so each stack grows as the square root of T\n"
    "Chance    1 / E\n"
    "Groups    fresh: the stack's last operation pushed the element; uncovered: others were\n"
    "          pushed upon it and popped since. 3 % of the pops uncover at T 256, a quarter at\n"
    "          T 2048; with stacks=8 a quarter do at T 256, and a model that trains there\n"
    "          learns what last in, first out means\n"
    "Differs   the report has S 64, and gives neither E nor how operations are drawn\n";

static const la_wish wishes[] = {{"train", "steps", "1200"}, {NULL, NULL, NULL}};
/* Fewer stacks are deeper ones. */
static const la_difficulty difficulties[] = {
    {"stacks", "stack", "stacks", "32"}, {"stacks", "stack", "stacks", "16"},
    {"stacks", "stack", "stacks", "8"},  {"length", NULL, NULL, "512"},
    {"length", NULL, NULL, "1024"},      {NULL, NULL, NULL, NULL},
};

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .group_names = group_names,
    .word = word,
    .wishes = wishes,
    .difficulties = difficulties,
    .causal_only = 1,
    .version = VERSION,
};

LA_TASK(stack) = {
    LA_TASK_HEAD,
    .name = "stack",
    .kind = LA_TASK_LEARNED,
    .family = "structure",
    .summary = "pushes to many stacks and pops from them: what comes off",
    .paper = "arXiv:2510.26692",
    .definition = definition,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(stack_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
