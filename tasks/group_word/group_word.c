/* SPDX-License-Identifier: Apache-2.0
 * group_word - the running product of a sequence of group elements. The definition stands below.
 */
#include <inttypes.h>
#include <stddef.h>

#include "examples.h"
#include "group.h"

enum { VERSION = 1 };
enum { ELEMENTS }; /* streams of an example */

typedef struct group_options {
    int64_t group, moves, pauses;
} group_options;

static const char definition[] =
    "  12435 21345 13245 ...        a permutation of five things at each token, and at each token\n"
    "  12435 21435 24135 ...        the answer: all so far, carried out one after another\n"
    "\n"
    "A state that every token permutes. S5 and A5 are the smallest groups of their kind that are\n"
    "not solvable, which makes the task as hard as any of its circuit class (NC1); S3 and Z60 are\n"
    "solvable. Merrill et al. 2024, \"The illusion of state in state-space models\",\n"
    "arXiv:2404.08819, and its code, jopetty/word-problem; `moves` and `pauses` are of Grazzi et\n"
    "al. 2024, \"Unlocking state-tracking in linear RNNs through negative eigenvalues\",\n"
    "arXiv:2411.12537.\n"
    "\n"
    "Groups     s3, s5: all permutations of three and of five things; a5: the even ones of five;\n"
    "           z60: the numbers modulo 60 under addition (6, 120, 60, 60 elements)\n"
    "Ids        element e has id e, as token and as label; 0 is the neutral one. Permutations are\n"
    "           numbered in the dictionary's order of their words. With pauses, the next id after\n"
    "           the elements is the pause\n"
    "Words      24135: the thing that stood at place 2 stands at place 1 afterwards, and so on\n"
    "Elements   each uniform, and independent of the others, over the elements that put at most\n"
    "           `moves` things elsewhere, as few as still make the whole group: in s3 and s5 the\n"
    "           swaps and the neutral one (moves 2), in a5 the turns of three (3), in z60 all.\n"
    "           moves=0: all of the group\n"
    "Answers    at each element: the product of the elements up to it, the first being carried\n"
    "           out first. pauses=p: behind each element stand p pauses, and the answer is asked\n"
    "           at the last of them; lengths are multiples of p + 1\n"
    "Slices     by k, the number of elements up to the question: k1_4 to k513_up\n"
    "Training   4, 8 and 12 tokens, each as likely, by models of eight heads whose beta goes up "
    "to\n"
    "           2 where there is one (model.neg_eigval=0: up to 1). Sweep: any length. Of the\n"
    "           shortest sequences so few exist that splits share some: longer ones are asked\n"
    "Distance   none: every element matters\n"
    "Chance     1 over the number of elements. Products of few elements that move little are\n"
    "           guessed more easily: see the slices\n"
    "Differs    from word-problem: swaps alone by default, a setting of arXiv:2411.12537; every\n"
    "           sequence is drawn anew, where the sequences of a length, up to a million, are\n"
    "           split four to one\n";

static const la_option options[] = {
    {"group", LA_OPTION_CHOICE, offsetof(group_options, group), LA_GROUP_S5, 0, 0, la_group_names,
     "the group: permutations of three, of five, even ones of five, or numbers modulo 60"},
    {"moves", LA_OPTION_INT, offsetof(group_options, moves), -1, -1, 5, NULL,
     "only elements that put at most so many things elsewhere; 0: all; -1: the fewest that make "
     "the group"},
    {"pauses", LA_OPTION_INT, offsetof(group_options, pauses), 0, 0, 15, NULL,
     "tokens behind each element, the last of which asks"},
};
static const int64_t lengths_trained[] = {4, 8, 12, 0};

/* Slices of answers by the number of elements up to them. */
static const char *const slices[] = {"k1_4",    "k5_8",     "k9_12",   "k13_20", "k21_40",
                                     "k41_128", "k129_512", "k513_up", NULL};
static const int64_t slice_ends[] = {4, 8, 12, 20, 40, 128, 512, INT64_MAX};

static int64_t vocabulary(const void *task_opts)
{
    const group_options *o = task_opts;
    return la_group_order(o->group) + (o->pauses > 0);
}

static bool fits(const group_options *o, int64_t T)
{
    return T >= 1 && T <= LA_LONGEST_EXAMPLE && T % (o->pauses + 1) == 0;
}

static la_status check_length(const group_options *o, int64_t T, la_err *err)
{
    if (fits(o, T)) return LA_OK;
    if (T >= 1 && T <= LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "group_word with group_word.pauses %" PRId64 " takes multiples of %" PRId64
                       " tokens, not %" PRId64,
                       o->pauses, o->pauses + 1, T);
    return LA_FAIL(err, LA_E_UNSUPPORTED, "group_word makes 1 to %" PRId64 " tokens, not %" PRId64,
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
    return shape->T / (((const group_options *)task_opts)->pauses + 1);
}

/* Fewest things that an element but the neutral one puts elsewhere; such elements make the whole
 * group: two things change places in s3 and s5, three in a5. */
static int64_t fewest_moved(int64_t group)
{
    return group == LA_GROUP_Z60 ? 0 : group == LA_GROUP_A5 ? 3 : 2;
}

/* The elements that are drawn from; returns how many. */
static int64_t drawn_from(const group_options *o, int32_t out[LA_GROUP_MOST])
{
    int64_t n = 0, moves = o->moves < 0 ? fewest_moved(o->group) : o->moves;
    for (int32_t e = 0; e < la_group_order(o->group); e++)
        if (moves == 0 || la_group_moved(o->group, e) <= moves) out[n++] = e;
    return n;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const group_options *o = task_opts;
    LA_TRY(check_length(o, shape->T, err));
    la_example example = la_example_of("group_word", VERSION, seed, split, shape, index);
    uint64_t stream = la_example_stream(&example, ELEMENTS);
    int32_t from[LA_GROUP_MOST], product = 0, slice = 0;
    uint64_t choices = (uint64_t)drawn_from(o, from);
    int64_t elements = most_answers(o, shape), at = 0;
    for (int64_t k = 0; k < elements; k++) {
        int32_t element = from[la_random_below(stream, (uint64_t)k, choices)];
        tokens[at++] = element;
        for (int64_t pause = 0; pause < o->pauses; pause++) tokens[at++] = la_group_order(o->group);
        product = la_group_product(o->group, product, element);
        slice += k + 1 > slice_ends[slice];
        answers[k] = (la_answer){.position = (int32_t)(at - 1), .label = product, .group = slice};
    }
    *n_answers = elements;
    return LA_OK;
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    int64_t group = ((const group_options *)task_opts)->group;
    return token < la_group_order(group) ? la_group_word(group, token, buf) : ".";
}

/* Every mask makes sense; lengths are refused where they are asked for. */
static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    const group_options *o = task_opts;
    int64_t fewest = fewest_moved(o->group), points = la_group_points(o->group);
    (void)variant, (void)p;
    if (o->moves <= 0 || (points && o->moves >= fewest && o->moves <= points)) return LA_OK;
    if (points == 0)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s moves no things: set group_word.moves to 0, not %" PRId64,
                       la_group_names[o->group], o->moves);
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "elements of %s move %" PRId64 " to %" PRId64
                   " things: set group_word.moves to one of these or to 0, not %" PRId64,
                   la_group_names[o->group], fewest, points, o->moves);
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)la_group_order(((const group_options *)task_opts)->group);
}

/* Eight heads: each reads little more of a permutation than where one thing went. */
static const la_wish wishes[] = {
    {"model", "heads", "8"},     {"model", "neg_eigval", "1"}, {"train", "lr", "1e-2"},
    {"train", "tokens", "2048"}, {"train", "steps", "1000"},   {NULL, NULL, NULL},
};

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .group_names = slices,
    .word = word,
    .wishes = wishes,
    .version = VERSION,
};

LA_TASK(group_word) = {
    LA_TASK_HEAD,
    .name = "group_word",
    .kind = LA_TASK_LEARNED,
    .summary = "the running product of group elements",
    .paper = "arXiv:2404.08819",
    .definition = definition,
    .family = "state",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(group_options),
    .check = check,
    .chance = chance,
    .learned = &learned,
};
