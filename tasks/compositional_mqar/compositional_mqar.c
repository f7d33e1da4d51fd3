/* SPDX-License-Identifier: Apache-2.0
 * compositional_mqar - associative recall whose keys are two tokens that say nothing alone.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "examples.h"
#include "pairs.h"

enum { VERSION = 1 };
static const char name[] = "compositional_mqar";

enum { FIRSTS, SECONDS, ORDER, VALUES, SLOTS, FILLER }; /* streams of an example */
enum { TRIPLE = 3 };                                    /* tokens of a write, and of a question */

static const int64_t mixed[] = {4, 9, 16, 25, 36, 0};
enum { MOST_MIXED = 36 };

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(la_pairs_options, vocab), 8192, 8, 1 << 20, NULL,
     "ids: a third first keys (id 0 is none), a third second keys, the rest values"},
    {"noise", LA_OPTION_INT, offsetof(la_pairs_options, noise), 32, 1, 1 << 16, NULL,
     "ids from vocab on, for the filler noise"},
    {"filler", LA_OPTION_CHOICE, offsetof(la_pairs_options, filler), LA_PAIRS_ZERO, 0, 0,
     la_pairs_fillers, "tokens between questions: id 0, noise ids, any but the keys, any id"},
    {"pairs", LA_OPTION_INT, offsetof(la_pairs_options, pairs), 0, 0, 1 << 20, NULL,
     "values while training, a square; 0: 4, 9, 16, 25 and 36, those that fit the length"},
    {"eval_pairs", LA_OPTION_INT, offsetof(la_pairs_options, eval_pairs), 0, 0, 1 << 20, NULL,
     "values at a length of the sweep, a square; 0: as trained, 16 of the mixture"},
    {"a", LA_OPTION_REAL, offsetof(la_pairs_options, a), 0.01, 1e-3, 10, NULL,
     "where training asks: slot g has weight (g+1)^(a-1); 1: uniform"},
    {"eval_a", LA_OPTION_REAL, offsetof(la_pairs_options, eval_a), 1, 1e-3, 10, NULL,
     "the same at a length of the sweep; 1: distance grows with the length"},
    {"eval_spread", LA_OPTION_CHOICE, offsetof(la_pairs_options, eval_spread), LA_PAIRS_AUTO, 0, 0,
     la_pairs_spreads, LA_PAIRS_SPREAD},
};

static const char definition[] =
    "  a1 b2 v1  a2 b2 v2  a2 b1 v3  a1 b1 v4 | . . .  a2 b1 .  . . .  a1 b2 . ...\n"
    "\n"
    "Keys are pairs of tokens from a grid: each first token stands with each second one, so\n"
    "that neither alone says which value is asked for.\n"
    "\n"
    "Source    zoology/data/compositional_mqar.py of the code of Zoology (Arora et al. 2023,\n"
    "          arXiv:2312.04927)\n"
    "Ids       V = vocab, W = V/3 rounded down: 0 is the filler zero, first keys a are 1 to\n"
    "          W-1, second keys b are W to 2W-1, values 2W to V-1; the filler noise has\n"
    "          `noise` further ids from V on\n"
    "Context   n = g * g values: g different first keys and g different second keys, each\n"
    "          drawn uniformly, give n keys a b; they stand in random order, each followed by\n"
    "          a value of its own; the n values differ. Tokens 0 to 3n-1\n"
    "Questions the T - 3n tokens behind have S = (T - 3n) / 3 slots of three tokens (rounded\n"
    "          down). n of them are drawn one after another without replacement, slot j with\n"
    "          a weight of a (j+1)^(a-1); the i-th drawn asks the i-th key of the context. The\n"
    "          key stands on the slot's first two tokens, and the label is its value, at the\n"
    "          position of the second; it is not written into the input\n"
    "Filler    every other token there: zero = id 0; noise = uniform over the noise ids;\n"
    "          distractor = uniform over V but never part of one of the example's keys;\n"
    "          uniform = uniform over V\n"
    "Sizes     n a square, 6n <= T, g <= W - 1\n"
    "Training  T 64, 128 and 256 with n 4, 9, 16, 25 and 36 where they fit, a = 0.01\n"
    "Sweep     n = eval_pairs (0: as trained, 16 of the mixture), a = eval_a = 1: questions\n"
    "          uniform over the rest, so distance grows with T;\n"
    "          from 32k tokens on (eval_spread = auto) one example asks in one of p equal parts of\n"
    "          the slots and the next in the next, p = 64/n rounded up: together uniform too\n"
    "Chance    1 / (V - 2W), naming any value; 1/n for who knows the example's values only,\n"
    "          1/g for who looks at one of the key's two tokens\n"
    "Differs   from the source: the filler is zero unless told (there: uniform), and comes\n"
    "          from the example's own seed; T may be odd, and V below T\n";

/* With 8192 ids to learn, the delta variants need more steps than usual. */
static const la_wish wishes[] = {
    {"train", "steps", "1000"},
    {NULL, NULL, NULL},
};

static int64_t third(const la_pairs_options *o)
{
    return o->vocab / 3;
}

static int64_t values_of(const la_pairs_options *o)
{
    return o->vocab - 2 * third(o);
}

/* The side of the grid; 0: n is no square. */
static int64_t side_of(int64_t n)
{
    int64_t side = 1;
    while (side * side < n) side++;
    return side * side == n ? side : 0;
}

static bool fits(int64_t T, int64_t n)
{
    return n >= 1 && T <= LA_LONGEST_EXAMPLE && 2 * TRIPLE * n <= T;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    const la_pairs_options *o = task_opts;
    const int64_t own[] = {o->pairs, 0}, *pairs = o->pairs ? own : mixed;
    size_t len = 0;
    for (size_t i = 0; i < n_lengths; i++)
        for (size_t j = 0; pairs[j] && len < cap; j++)
            if (fits(lengths[i], pairs[j])) out[len++] = (la_shape){.T = lengths[i], .n = pairs[j]};
    return len;
}

/* A grid of n keys and as many values exist; `option` said n. */
static la_status check_grid(const la_pairs_options *o, int64_t n, const char *option, la_err *err)
{
    int64_t side = side_of(n), least = 3 * (side + 1 > n ? side + 1 : n);
    if (!side)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s pairs every first key with every second one, so it asks for 4, 9, 16, "
                       "... values and not %" PRId64 ": set %s.%s to a square",
                       name, n, name, option);
    if (side > third(o) - 1 || n > values_of(o))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%" PRId64 " values with keys of their own do not fit %s.vocab %" PRId64
                       ": raise %s.vocab to %" PRId64 " or more, or lower %s.%s",
                       n, name, o->vocab, name, least, name, option);
    return LA_OK;
}

static la_status check_room(int64_t T, int64_t n, la_err *err)
{
    if (fits(T, n)) return LA_OK;
    if (T > LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s makes at most %" PRId64 " tokens, not %" PRId64,
                       name, LA_LONGEST_EXAMPLE, T);
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "%s with %" PRId64 " values takes at least %" PRId64 " tokens, not %" PRId64
                   ": ask for fewer with %s.eval_pairs",
                   name, n, 2 * TRIPLE * n, T, name);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    const la_pairs_options *o = task_opts;
    LA_TRY(check_grid(o, la_pairs_asked(o), "eval_pairs", err));
    LA_TRY(check_room(T, la_pairs_asked(o), err));
    *out = (la_shape){.T = T, .n = la_pairs_asked(o), .far = 1};
    return LA_OK;
}

/* What one example is made with. */
typedef struct grid {
    int64_t n, side, context, slots;
    int32_t *first, *second; /* [side], the rest of the ids behind them */
    int32_t *order;          /* [n] cell of the grid that stands there: first * side + second */
    int32_t *value;          /* [n], the rest of the values behind them */
    int32_t *asked;          /* [slots] place of the key in the context, or -1 */
    la_drawn *drawn;         /* [n] */
    unsigned char *any;      /* [(vocab + 7) / 8] bit: the id is part of one of the keys */
    la_scratch scratch;
} grid;

static la_status grid_open(grid *m, const la_pairs_options *o, const la_shape *shape, la_err *err)
{
    m->n = shape->n;
    m->side = side_of(m->n);
    m->context = TRIPLE * m->n;
    m->slots = (shape->T - m->context) / TRIPLE;
    size_t id = sizeof(int32_t), keys = (size_t)third(o) * id, values = (size_t)values_of(o) * id;
    size_t order = (size_t)m->n * id, slots = (size_t)m->slots * id;
    size_t drawn = (size_t)m->n * sizeof(la_drawn), bits = (size_t)(o->vocab + 7) / 8;
    size_t bytes = 2 * la_scratch_bytes(keys) + la_scratch_bytes(values) + la_scratch_bytes(order) +
                   la_scratch_bytes(slots) + la_scratch_bytes(drawn) + la_scratch_bytes(bits);
    LA_TRY(la_scratch_open(&m->scratch, bytes, err));
    m->first = la_scratch_take(&m->scratch, keys);
    m->second = la_scratch_take(&m->scratch, keys);
    m->order = la_scratch_take(&m->scratch, order);
    m->value = la_scratch_take(&m->scratch, values);
    m->asked = la_scratch_take(&m->scratch, slots);
    m->drawn = la_scratch_take(&m->scratch, drawn);
    m->any = la_scratch_take(&m->scratch, bits);
    return LA_OK;
}

/* The two tokens of the context's i-th key. */
static void write_key(const grid *m, int64_t i, int32_t *tokens)
{
    tokens[0] = m->first[m->order[i] / m->side];
    tokens[1] = m->second[m->order[i] % m->side];
}

static void write_context(grid *m, const la_pairs_options *o, const la_example *example,
                          int32_t *tokens)
{
    int32_t keys = (int32_t)third(o);
    la_draw_distinct(la_example_stream(example, FIRSTS), 1, keys - 1, m->side, m->first);
    la_draw_distinct(la_example_stream(example, SECONDS), keys, keys, m->side, m->second);
    la_draw_distinct(la_example_stream(example, ORDER), 0, m->n, m->n, m->order);
    la_draw_distinct(la_example_stream(example, VALUES), 2 * keys, values_of(o), m->n, m->value);
    for (int64_t i = 0; i < m->n; i++) {
        write_key(m, i, tokens + TRIPLE * i);
        tokens[TRIPLE * i + 2] = m->value[i];
    }
}

static void fill(grid *m, const la_pairs_options *o, const la_example *example, int64_t T,
                 int32_t *tokens)
{
    uint64_t stream = la_example_stream(example, FILLER);
    memset(m->any, 0, (size_t)(o->vocab + 7) / 8);
    for (int64_t i = 0; i < m->side; i++) {
        la_pairs_mark(m->any, m->first[i]);
        la_pairs_mark(m->any, m->second[i]);
    }
    for (int64_t t = m->context; t < T; t++) tokens[t] = la_pairs_filler(o, m->any, stream, t, T);
}

static int64_t ask(const grid *m, int32_t *tokens, la_answer *answers)
{
    int64_t len = 0;
    for (int64_t g = 0; g < m->slots; g++) {
        int32_t i = m->asked[g];
        if (i < 0) continue;
        int32_t at = (int32_t)(m->context + TRIPLE * g);
        write_key(m, i, tokens + at);
        answers[len++] = (la_answer){
            .position = at + 1, .label = m->value[i], .distance = at + 1 - (TRIPLE * i + 2)};
    }
    return len;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const la_pairs_options *o = task_opts;
    grid m;
    LA_TRY(check_room(shape->T, shape->n, err));
    LA_TRY(check_grid(o, shape->n, shape->far ? "eval_pairs" : "pairs", err));
    LA_TRY(grid_open(&m, o, shape, err));
    la_example example = la_example_of(name, VERSION, seed, split, shape, index);
    write_context(&m, o, &example, tokens);
    fill(&m, o, &example, shape->T, tokens);
    la_pairs_questions(o, shape, la_example_stream(&example, SLOTS), index, m.slots, m.drawn,
                       m.asked);
    *n_answers = ask(&m, tokens, answers);
    la_scratch_close(&m.scratch);
    return LA_OK;
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    (void)variant, (void)p;
    const la_pairs_options *o = task_opts;
    LA_TRY(check_grid(o, o->pairs ? o->pairs : MOST_MIXED, "pairs", err));
    return check_grid(o, la_pairs_asked(o), "eval_pairs", err);
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)values_of(task_opts);
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    const la_pairs_options *o = task_opts;
    int32_t keys = (int32_t)third(o), vocab = (int32_t)o->vocab;
    if (token == 0) return ".";
    char kind = token < keys ? 'a' : token < 2 * keys ? 'b' : token < vocab ? 'v' : '~';
    int32_t from = kind == 'a' ? 0 : kind == 'b' ? keys : kind == 'v' ? 2 * keys : vocab;
    snprintf(buf, 16, "%c%" PRId32, kind, token - from);
    return buf;
}

static const la_learned learned = {
    .vocabulary = la_pairs_vocabulary,
    .train_lengths = la_pairs_lengths,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = la_task_answers_n,
    .make = make,
    .word = word,
    .asking_options = la_pairs_asking,
    .wishes = wishes,
    .version = VERSION,
};

LA_TASK(compositional_mqar) = {
    LA_TASK_HEAD,
    .name = name,
    .kind = LA_TASK_LEARNED,
    .summary = "mqar with keys of two tokens: neither alone says which value",
    .paper = "arXiv:2312.04927",
    .definition = definition,
    .family = "recall",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_pairs_options),
    .check = check,
    .chance = chance,
    .learned = &learned,
};
