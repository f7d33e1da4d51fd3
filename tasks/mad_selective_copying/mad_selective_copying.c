/* SPDX-License-Identifier: Apache-2.0
 * mad_selective_copying - MAD's selective copying. Its definition is the text below.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "examples.h"
#include "labench/kit.h"
#include "mad_steps.h"

enum { VERSION = 1 };
enum { SYMBOLS, BLANKS }; /* streams of an example */
#define NAME "mad_selective_copying"

static const char definition[] =
    "Tokens scattered among blanks, again and in order.\n"
    "\n"
    "  . . x1 . x2 x3 . . . x4 | copy | . . . .      at the last blanks: x1 x2 x3 x4\n"
    "\n"
    "Poli et al. 2024, \"Mechanistic Design and Scaling of Hybrid Architectures\",\n"
    "arXiv:2403.17844: selective copying, as mad/data/instances.py of athms/mad-lab makes it.\n"
    "\n"
    "Ids       V = vocab: the M = tokens x are uniform over 0 to V-3, V-2 is the blank, V-1 the\n"
    "          copy token\n"
    "Layout    the x in order, with T - 2M - 1 blanks among them: each blank stands before one of\n"
    "          the x, drawn uniformly, so that the last x is always directly before the copy\n"
    "          token; then the copy token and M blanks\n"
    "Asked     at the j-th of the last M blanks: the j-th x, which is not written into the input\n"
    "          again. Training asks for the same\n"
    "Sizes     T at least 2M + 2. Trained at T 256 on 12800 fixed examples; sweep: the same M at\n"
    "          any T\n"
    "Chance    1 / (V - 2)\n"
    "Differs   the source draws its blanks' places outside its own seed, so that its examples\n"
    "          cannot be made again\n"
    "Reduced   d 64, a SwiGLU and rotary positions, with which order is learned faster, for d\n"
    "          128, and 1500 steps of 16 examples at one lr for 20000 of 128 (200 epochs)\n"
    "          with lr and weight decay chosen on test data\n";

typedef struct copying_options {
    int64_t vocab, tokens;
} copying_options;

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(copying_options, vocab), 16, 3, 1 << 20, NULL,
     "ids: the last is the copy token, the one before the blank, the others are copied"},
    {"tokens", LA_OPTION_INT, offsetof(copying_options, tokens), 16, 1, 1 << 20, NULL,
     "tokens to repeat"},
};
static const int64_t lengths_trained[] = {256, 0};
static const la_wish wishes[] = {
    {"train", "examples", "12800"}, {"train", "lr", "5e-3"},  {"train", "steps", "1500"},
    {"model", "mlp", "4"},          {"model", "pos", "rope"}, {0},
};
static const la_difficulty difficulties[] = {
    LA_MAD_STEPS_VOCAB(NAME),         {"length", NULL, NULL, "512"},
    {"length", NULL, NULL, "1024"},   LA_MAD_STEPS_EXAMPLES,
    {"tokens", NAME, "tokens", "32"}, {"tokens", NAME, "tokens", "64"},
    {"tokens", NAME, "tokens", "96"}, {0},
};

static int64_t vocabulary(const void *task_opts)
{
    return ((const copying_options *)task_opts)->vocab;
}

static la_status check_room(int64_t T, int64_t n, la_err *err)
{
    if (T > LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s makes at most %" PRId64 " tokens, not %" PRId64,
                       NAME, LA_LONGEST_EXAMPLE, T);
    if (n < 1 || T < 2 * n + 2)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s shows %" PRId64
                       " tokens and asks for as many: it takes at least %" PRId64
                       " tokens, not %" PRId64 "; ask for fewer with %s.tokens",
                       NAME, n, 2 * n + 2, T, NAME);
    return LA_OK;
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    int64_t n = ((const copying_options *)task_opts)->tokens;
    LA_TRY(check_room(T, n, err));
    *out = (la_shape){.T = T, .n = n, .far = 1};
    return LA_OK;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    return la_mixture_of_lengths(shape_at, task_opts, lengths, n_lengths, out, cap);
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const copying_options *o = task_opts;
    int64_t n = shape->n, T = shape->T, at = 0;
    LA_TRY(check_room(T, n, err));
    int32_t blank = (int32_t)(o->vocab - 2), *before; /* [n] blanks before each token */
    la_example example = la_example_of(NAME, VERSION, seed, split, shape, index);
    uint64_t symbols = la_example_stream(&example, SYMBOLS);
    uint64_t places = la_example_stream(&example, BLANKS);
    size_t bytes = (size_t)n * sizeof *before;
    la_scratch scratch;
    LA_TRY(la_scratch_open(&scratch, la_scratch_bytes(bytes), err));
    before = la_scratch_take(&scratch, bytes);
    memset(before, 0, bytes);
    for (int64_t b = 0; b < T - 2 * n - 1; b++)
        before[la_random_below(places, (uint64_t)b, (uint64_t)n)]++;
    for (int64_t j = 0; j < n; j++) {
        while (before[j]-- > 0) tokens[at++] = blank;
        int32_t id = (int32_t)la_random_below(symbols, (uint64_t)j, (uint64_t)blank);
        int64_t asked = T - n + j;
        answers[j] =
            (la_answer){.position = (int32_t)asked, .label = id, .distance = (int32_t)(asked - at)};
        tokens[at++] = id;
    }
    tokens[at++] = blank + 1;
    while (at < T) tokens[at++] = blank;
    *n_answers = n;
    la_scratch_close(&scratch);
    return LA_OK;
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    int64_t blank = vocabulary(task_opts) - 2;
    if (token == blank) return ".";
    if (token > blank) return "copy";
    return la_word_of('x', token, buf);
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)(vocabulary(task_opts) - 2);
}

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = la_task_answers_n,
    .make = make,
    .word = word,
    .wishes = wishes,
    .difficulties = difficulties,
    .version = VERSION,
};

LA_TASK(mad_selective_copying) = {
    LA_TASK_HEAD,
    .name = NAME,
    .kind = LA_TASK_LEARNED,
    .summary = "MAD: tokens scattered among blanks, again and in order",
    .paper = "arXiv:2403.17844",
    .definition = definition,
    .family = "mad",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(copying_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
