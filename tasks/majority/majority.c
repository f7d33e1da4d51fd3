/* SPDX-License-Identifier: Apache-2.0
 * majority - which symbol stands there most often?
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "examples.h"

enum { VERSION = 1 };
enum { SYMBOLS }; /* streams of an example */

typedef struct majority_options {
    int64_t symbols, cumulative;
} majority_options;

static const la_option options[] = {
    {"symbols", LA_OPTION_INT, offsetof(majority_options, symbols), 2, 2, 1 << 16, NULL,
     "ids that are counted; 2: bits"},
    {"cumulative", LA_OPTION_BOOL, offsetof(majority_options, cumulative), 0, 0, 1, NULL,
     "answer at every position instead of the last only"},
};
static const int64_t lengths_trained[] = {4, 8, 16, 32, 64, 128, 0};

static const char definition[] =
    "  1 0 1 1 0 1 0 ?                            answer at the last position: 1\n"
    "\n"
    "A count, or a mean: what attention does without looking for anything. The harder the\n"
    "longer, because random bits nearly balance.\n"
    "\n"
    "Source     zoology/data/circuits.py of the code of Zoology (Arora et al. 2023,\n"
    "           arXiv:2312.04927): its majority and, with more symbols, vocab_majority\n"
    "Ids        M = symbols: 0 to M-1 are counted and answered, M is the question ?\n"
    "Plain      T - 1 uniform symbols, then ?; the label there is the most frequent symbol.\n"
    "           T >= 2\n"
    "Cumulative T uniform symbols; the label at each position is the most frequent symbol up\n"
    "           to it. T >= 1\n"
    "Ties       the smallest of the most frequent symbols wins (of bits: 0). In plain with\n"
    "           more than two symbols there is none: the first symbol of the string that is\n"
    "           not the winner is then replaced by the winner, as in the source\n"
    "Training   T 4, 8, 16, 32, 64 and 128, the source's lengths: odd numbers of bits, which\n"
    "           cannot tie. Short strings are few, so the splits share the shortest ones\n"
    "Sweep      any T\n"
    "Distance   none: every symbol counts\n"
    "Chance     1/M: ties, and they alone, favour small ids (in cumulative bits 0 wins at\n"
    "           every second position more often than 1)\n"
    "Differs    from the source: it counts with ids from 1 where there are more than two\n"
    "           symbols, and asks with id 0; it trains a model for each length\n";

static int64_t vocabulary(const void *task_opts)
{
    return ((const majority_options *)task_opts)->symbols + 1;
}

static int64_t shortest(const majority_options *o)
{
    return o->cumulative ? 1 : 2;
}

static bool fits(const majority_options *o, int64_t T)
{
    return T >= shortest(o) && T <= LA_LONGEST_EXAMPLE;
}

static la_status check_length(const majority_options *o, int64_t T, la_err *err)
{
    if (fits(o, T)) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "majority makes %" PRId64 " to %" PRId64 " tokens, not %" PRId64, shortest(o),
                   LA_LONGEST_EXAMPLE, T);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    LA_TRY(check_length(task_opts, T, err));
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
    return ((const majority_options *)task_opts)->cumulative ? shape->T : 1;
}

/* How often each symbol has come, and the smallest of the most frequent ones. */
typedef struct tally {
    int32_t *times; /* [symbols] */
    int32_t winner;
    bool tied;
} tally;

static void count(tally *c, int32_t symbol)
{
    int32_t now = ++c->times[symbol], most = c->times[c->winner];
    if (symbol == c->winner || now > most) {
        c->winner = symbol;
        c->tied = false;
    } else if (now == most) {
        if (symbol < c->winner) c->winner = symbol;
        c->tied = true;
    }
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const majority_options *o = task_opts;
    int64_t T = shape->T, counted = o->cumulative ? T : T - 1;
    size_t bytes = (size_t)o->symbols * sizeof(int32_t);
    la_scratch scratch;
    LA_TRY(check_length(o, T, err));
    LA_TRY(la_scratch_open(&scratch, la_scratch_bytes(bytes), err));
    tally c = {.times = la_scratch_take(&scratch, bytes)};
    memset(c.times, 0, bytes);
    la_example example = la_example_of("majority", VERSION, seed, split, shape, index);
    uint64_t stream = la_example_stream(&example, SYMBOLS);
    for (int64_t t = 0; t < counted; t++) {
        tokens[t] = (int32_t)la_random_below(stream, (uint64_t)t, (uint64_t)o->symbols);
        count(&c, tokens[t]);
        if (o->cumulative) answers[t] = (la_answer){.position = (int32_t)t, .label = c.winner};
    }
    la_scratch_close(&scratch);
    *n_answers = counted;
    if (o->cumulative) return LA_OK;
    for (int64_t t = 0; c.tied && o->symbols > 2; t++)
        if (tokens[t] != c.winner) {
            tokens[t] = c.winner;
            break;
        }
    tokens[counted] = (int32_t)o->symbols;
    answers[0] = (la_answer){.position = (int32_t)counted, .label = c.winner};
    *n_answers = 1;
    return LA_OK;
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)((const majority_options *)task_opts)->symbols;
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    if (token == ((const majority_options *)task_opts)->symbols) return "?";
    snprintf(buf, 16, "%" PRId32, token);
    return buf;
}

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .word = word,
    .version = VERSION,
};

LA_TASK(majority) = {
    LA_TASK_HEAD,
    .name = "majority",
    .kind = LA_TASK_LEARNED,
    .summary = "the symbol that came most often",
    .paper = "arXiv:2312.04927",
    .definition = definition,
    .family = "state",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(majority_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
