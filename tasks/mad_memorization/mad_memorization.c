/* SPDX-License-Identifier: Apache-2.0
 * mad_memorization - MAD's memorization. Its definition is the text below.
 */
#include <inttypes.h>
#include <stddef.h>

#include "examples.h"
#include "labench/kit.h"

enum { VERSION = 1 };
enum { KEYS };                /* the stream of an example */
enum { MAP_OF = 0x6d61705f }; /* tells the map's stream from all others of its seed */
#define NAME "mad_memorization"

static const char definition[] =
    "One map from keys to values, the same in every example: it is learned by heart.\n"
    "\n"
    "  k17 insert k3 insert k90 insert ...      at each insert: the value of the key before it\n"
    "\n"
    "Poli et al. 2024, \"Mechanistic Design and Scaling of Hybrid Architectures\",\n"
    "arXiv:2403.17844: memorization, as mad/data/instances.py of athms/mad-lab makes it.\n"
    "\n"
    "Ids       V = vocab, R = V - 1: keys are 0 to R/2-1, values R/2 to R-1, insert is R\n"
    "Map       each key has a value of its own, drawn without replacement from the option `map`\n"
    "          alone: the same for every seed, split and length\n"
    "Layout    T/2 times a key and insert; keys are uniform, with replacement\n"
    "Asked     at each insert: the value of the key before it, which stands in no input. The\n"
    "          sequence carries no information: weights are tested, not context. Training asks\n"
    "          for the same\n"
    "Sizes     T even, at least 2. Trained at T 32 on 256 fixed examples; sweep: any T. Training\n"
    "          shows 256 x 16 keys, so at V 2048, 4096 and 8192 about 98, 86 and 63 % of the keys\n"
    "          are ever seen, and no model can know more\n"
    "Chance    1 / (R/2), naming any value of the map\n"
    "Differs   nothing but the random numbers\n"
    "Reduced   d 128 and a SwiGLU as in the source, and 400 steps of 128 examples as there\n"
    "          (200 epochs of 2), but at one lr where it chooses lr and weight decay on test\n"
    "          data\n";

typedef struct memorization_options {
    int64_t vocab, map;
} memorization_options;

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(memorization_options, vocab), 256, 3, 1 << 20, NULL,
     "keys, values and insert, which is the last id"},
    {"map", LA_OPTION_INT, offsetof(memorization_options, map), 12345, 0, INT32_MAX, NULL,
     "seed of the map from keys to values"},
};
static const int64_t lengths_trained[] = {32, 0};
static const la_wish wishes[] = {
    {"train", "examples", "256"}, {"train", "lr", "3e-3"}, {"train", "steps", "400"},
    {"model", "d_model", "128"},  {"model", "mlp", "4"},   {0},
};
static const la_difficulty difficulties[] = {
    {"vocab", NAME, "vocab", "512"},  {"vocab", NAME, "vocab", "1024"},
    {"vocab", NAME, "vocab", "2048"}, {"vocab", NAME, "vocab", "4096"},
    {"vocab", NAME, "vocab", "8192"}, {0},
};

static int64_t vocabulary(const void *task_opts)
{
    return ((const memorization_options *)task_opts)->vocab;
}

static int64_t keys_of(const void *task_opts)
{
    return (vocabulary(task_opts) - 1) / 2;
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    (void)task_opts;
    if (T % 2 != 0)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s asks at every second token: its lengths are even, not %" PRId64, NAME,
                       T);
    if (T < 2 || T > LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s makes 2 to %" PRId64 " tokens, not %" PRId64,
                       NAME, LA_LONGEST_EXAMPLE, T);
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
    (void)task_opts;
    return shape->T / 2;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const memorization_options *o = task_opts;
    int64_t keys = keys_of(o), values = o->vocab - 1 - keys;
    size_t bytes = (size_t)values * sizeof(int32_t);
    la_shape checked;
    la_scratch scratch;
    LA_TRY(shape_at(o, shape->T, &checked, err));
    LA_TRY(la_scratch_open(&scratch, la_scratch_bytes(bytes), err));
    int32_t *value =
        la_scratch_take(&scratch, bytes); /* [keys], the values of no key behind them */
    la_draw_distinct(la_stream((uint64_t)o->map, MAP_OF, VERSION), (int32_t)keys, values, keys,
                     value);
    la_example example = la_example_of(NAME, VERSION, seed, split, shape, index);
    uint64_t stream = la_example_stream(&example, KEYS);
    for (int64_t t = 0; t < shape->T; t += 2) {
        int32_t key = (int32_t)la_random_below(stream, (uint64_t)(t / 2), (uint64_t)keys);
        tokens[t] = key;
        tokens[t + 1] = (int32_t)(o->vocab - 1);
        answers[t / 2] = (la_answer){.position = (int32_t)(t + 1), .label = value[key]};
    }
    *n_answers = shape->T / 2;
    la_scratch_close(&scratch);
    return LA_OK;
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    int64_t keys = keys_of(task_opts);
    if (token == vocabulary(task_opts) - 1) return "insert";
    return token < keys ? la_word_of('k', token, buf) : la_word_of('v', token - keys, buf);
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)keys_of(task_opts);
}

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .word = word,
    .wishes = wishes,
    .difficulties = difficulties,
    .version = VERSION,
};

LA_TASK(mad_memorization) = {
    LA_TASK_HEAD,
    .name = NAME,
    .kind = LA_TASK_LEARNED,
    .summary = "MAD: a fixed map from keys to values, learned by heart",
    .paper = "arXiv:2403.17844",
    .family = "mad",
    .definition = definition,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(memorization_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
