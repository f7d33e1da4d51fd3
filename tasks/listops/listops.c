/* SPDX-License-Identifier: Apache-2.0
 * listops - the value of nested lists of digits. The definition stands below.
 */
#include <inttypes.h>
#include <stddef.h>

#include "examples.h"

enum { VERSION = 1 };
enum { TREES, PROBE }; /* streams of an example; PROBE: whether a length can be asked at all */
enum { MIN, MAX, MED, SM, OPERATORS };
enum { PAD, DIGIT, OPERATOR = DIGIT + 10, CLOSE = OPERATOR + OPERATORS, CLS, TOKENS };
enum { POOL_CLS, POOL_MEAN };
enum { CLASSES = 10, MOST_ARGS = 20 };
/* A length is asked where FOUND_TREES of PROBED_TREES trees have it. Lengths that fewer than one in
 * 4096 trees has pass with a probability below 1e-5, so an example practically never misses. */
enum { FOUND_TREES = 8, PROBED_TREES = 4096, DRAWN_TREES = 1 << 17 };

typedef struct listops_options {
    int64_t depth, args, pool;
} listops_options;

static const char definition[] =
    "  [MAX 2 9 [MIN 4 7 ] 0 ] CLS         the answer is asked at the last token: 9\n"
    "\n"
    "A tree that must be worked out from the inside, read as one long line: ListOps of the Long\n"
    "Range Arena (Tay et al. 2020, arXiv:2011.04006, lra_benchmarks/data/listops.py), after\n"
    "Nangia and Bowman 2018, arXiv:1804.06028. One of ten classes, by a head of its own.\n"
    "\n"
    "Tree       the root is at depth 1. A node is an operator with probability 1/4, else a\n"
    "           digit, uniform in 0..9; at the greatest depth (10) it is always a digit. An\n"
    "           operator, uniform among four, has 2..10 arguments, each count as likely, which\n"
    "           are nodes one deeper\n"
    "Operators  [MIN and [MAX; [MED: the middle one, of an even count the mean of the two in\n"
    "           the middle without its fraction; [SM: the sum modulo 10\n"
    "Length     a digit is one token, an operator two (itself and its ]) and its arguments'.\n"
    "           Trees are drawn until one is longer than T/4 and shorter than T: for T = 2000,\n"
    "           the arena's trees of 501 to 1999 tokens\n"
    "Layout     padding, the tree, CLS; T tokens in all. pool=mean: no CLS, and the head reads\n"
    "           the mean of all tokens, padding too, instead of the last one\n"
    "Ids        0 padding; 1..10 the digits; 11..14 [MIN [MAX [MED [SM; 15 ]; 16 CLS. The label\n"
    "           is the value of the root, 0..9\n"
    "Slices     by the operator at the root\n"
    "Training   32 tokens, trees of 9 to 31: shorter than the arena's 2000 tokens, which\n"
    "           --train-lengths 2000 takes. Sweep: any length that at least about one tree in\n"
    "           500 has\n"
    "Distance   none: any part of the tree may decide\n"
    "Chance     1/10. Classes are not even: to say 0 or 9 always is right once in six or seven\n"
    "Differs    the arena pads behind and puts CLS in front, which a causal model could not\n"
    "           use; it draws 100,000 trees once, all different, and splits them; its split\n"
    "           cannot be drawn again, for it has no seed\n";

static const char *const pools[] = {"cls", "mean", NULL};
static const la_option options[] = {
    {"depth", LA_OPTION_INT, offsetof(listops_options, depth), 10, 2, 20, NULL,
     "greatest depth of a tree, its root's being 1"},
    {"args", LA_OPTION_INT, offsetof(listops_options, args), 10, 2, MOST_ARGS, NULL,
     "most arguments of an operator"},
    {"pool", LA_OPTION_CHOICE, offsetof(listops_options, pool), POOL_CLS, 0, 0, pools,
     "what the classes are read from: the last token, CLS, or the mean of all"},
};
static const int64_t lengths_trained[] = {32, 0};
static const char *const slices[] = {"min", "max", "med", "sm", NULL};

static int64_t vocabulary(const void *task_opts)
{
    (void)task_opts;
    return TOKENS;
}

/* A tree as it is drawn: from the numbers of a stream, one after another. */
typedef struct tree {
    const listops_options *o;
    uint64_t stream, drawn, begin; /* numbers that are spent, and were when it was begun */
    int32_t *tokens;               /* NULL: they are counted only */
    int64_t length, room;
} tree;

static uint64_t draw(tree *t, uint64_t of)
{
    return la_random_below(t->stream, t->drawn++, of);
}

static bool put(tree *t, int32_t token)
{
    if (t->length == t->room) return false;
    if (t->tokens) t->tokens[t->length] = token;
    t->length++;
    return true;
}

static int32_t median(int32_t *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        for (int64_t j = i; j > 0 && x[j - 1] > x[j]; j--) {
            int32_t larger = x[j - 1];
            x[j - 1] = x[j];
            x[j] = larger;
        }
    return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

static int32_t value_of(int32_t op, int32_t *args, int64_t n)
{
    int32_t least = args[0], most = args[0], sum = 0;
    for (int64_t i = 0; i < n; i++) {
        least = args[i] < least ? args[i] : least;
        most = args[i] > most ? args[i] : most;
        sum += args[i];
    }
    if (op == MED) return median(args, n);
    return op == MIN ? least : op == MAX ? most : sum % 10;
}

/* Draws a node and all below it; false: there is no room for it. */
static bool grow(tree *t, int64_t depth, int32_t *value, int32_t *op)
{
    if (depth == t->o->depth || draw(t, 4) != 0) {
        *value = (int32_t)draw(t, 10);
        return put(t, DIGIT + *value);
    }
    *op = (int32_t)draw(t, OPERATORS);
    int64_t n = 2 + (int64_t)draw(t, (uint64_t)t->o->args - 1);
    int32_t args[MOST_ARGS] = {0}, below;
    if (!put(t, OPERATOR + *op)) return false;
    for (int64_t i = 0; i < n; i++)
        if (!grow(t, depth + 1, &args[i], &below)) return false;
    *value = value_of(*op, args, n);
    return put(t, CLOSE);
}

/* Looks through at most *tries trees for one longer than T/4 and shorter than T; t->begin is where
 * its numbers begin. */
static bool look_for(tree *t, int64_t T, int64_t *tries)
{
    int32_t value, op;
    for (t->room = T - 1; *tries > 0;) {
        --*tries;
        t->begin = t->drawn;
        t->length = 0;
        if (grow(t, 1, &value, &op) && 4 * t->length > T) return true;
    }
    return false;
}

static bool in_range(int64_t T)
{
    return T >= 5 && T <= LA_LONGEST_EXAMPLE;
}

static la_status refuse(const listops_options *o, int64_t T, la_err *err)
{
    if (!in_range(T))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "listops makes 5 to %" PRId64 " tokens, not %" PRId64,
                       LA_LONGEST_EXAMPLE, T);
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "hardly a tree of listops.depth %" PRId64 " and listops.args %" PRId64
                   " has more than %" PRId64 " and fewer than %" PRId64
                   " tokens: ask for fewer, or raise one of the two",
                   o->depth, o->args, T / 4, T);
}

/* Whether a length is asked: the same for every seed. */
static bool fits(const listops_options *o, int64_t T)
{
    if (!in_range(T)) return false;
    la_example any = la_example_of("listops", VERSION, 0, LA_SPLIT_TRAIN, &(la_shape){.T = T}, 0);
    tree t = {.o = o, .stream = la_example_stream(&any, PROBE)};
    int64_t found = 0, tries = PROBED_TREES;
    while (found < FOUND_TREES && look_for(&t, T, &tries)) found++;
    return found == FOUND_TREES;
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    if (!fits(task_opts, T)) return refuse(task_opts, T, err);
    *out = (la_shape){.T = T, .far = 1};
    return LA_OK;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    return la_mixture_of_lengths(shape_at, task_opts, lengths, n_lengths, out, cap);
}

static int64_t most_answers(const void *task_opts, const la_shape *shape)
{
    (void)task_opts, (void)shape;
    return 1;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const listops_options *o = task_opts;
    int64_t T = shape->T;
    if (!in_range(T)) return refuse(o, T, err);
    la_example example = la_example_of("listops", VERSION, seed, split, shape, index);
    tree t = {.o = o, .stream = la_example_stream(&example, TREES)};
    int64_t tries = DRAWN_TREES;
    if (!look_for(&t, T, &tries)) return refuse(o, T, err);
    int64_t end = o->pool == POOL_CLS ? T - 1 : T, begin = end - t.length;
    int32_t value, op;
    for (int64_t i = 0; i < begin; i++) tokens[i] = PAD;
    t.tokens = tokens + begin;
    t.drawn = t.begin;
    t.length = 0;
    bool whole = grow(&t, 1, &value, &op);
    LA_ASSERT(whole && begin + t.length == end);
    if (o->pool == POOL_CLS) tokens[end] = CLS;
    answers[0] = (la_answer){.position = (int32_t)(T - 1), .label = value, .group = op};
    *n_answers = 1;
    return LA_OK;
}

static la_head head(const void *task_opts)
{
    const listops_options *o = task_opts;
    return (la_head){.kind = LA_HEAD_CLASSES, .classes = CLASSES, .mean = o->pool == POOL_MEAN};
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    static const char *const words[TOKENS] = {[PAD] = "_",
                                              [OPERATOR + MIN] = "[MIN",
                                              [OPERATOR + MAX] = "[MAX",
                                              [OPERATOR + MED] = "[MED",
                                              [OPERATOR + SM] = "[SM",
                                              [CLOSE] = "]",
                                              [CLS] = "CLS"};
    (void)task_opts;
    if (words[token]) return words[token];
    buf[0] = (char)('0' + token - DIGIT);
    buf[1] = '\0';
    return buf;
}

static double chance(const void *task_opts)
{
    (void)task_opts;
    return 1.0 / CLASSES;
}

static const la_wish wishes[] = {
    {"model", "mlp", "4"},      {"train", "lr", "5e-3"}, {"train", "tokens", "2048"},
    {"train", "steps", "1500"}, {NULL, NULL, NULL},
};

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .group_names = slices,
    .head = head,
    .word = word,
    .wishes = wishes,
    .version = VERSION,
};

LA_TASK(listops) = {
    LA_TASK_HEAD,
    .name = "listops",
    .kind = LA_TASK_LEARNED,
    .summary = "the value of nested lists of digits",
    .paper = "arXiv:2011.04006",
    .definition = definition,
    .family = "structure",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(listops_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
