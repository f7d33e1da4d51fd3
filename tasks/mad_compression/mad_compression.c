/* SPDX-License-Identifier: Apache-2.0
 * mad_compression - MAD's compression. Its definition is the text below.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "examples.h"
#include "labench/kit.h"
#include "mad_steps.h"

enum { VERSION = 1 };
enum { TOKENS }; /* the stream of an example */
#define NAME "mad_compression"

static const char definition[] =
    "Random tokens, all to be told again from the vector of the last one.\n"
    "\n"
    "  x1 x2 ... xL-1 c      out of the vector at c: x1, x2, ... xL-1, and c\n"
    "\n"
    "Poli et al. 2024, \"Mechanistic Design and Scaling of Hybrid Architectures\",\n"
    "arXiv:2403.17844: compression, as mad/data/instances.py of athms/mad-lab makes it and\n"
    "mad/model/auto_encoder.py answers it.\n"
    "\n"
    "Ids       V = vocab: 0 to V-2 are the tokens to keep, c is V-1\n"
    "Layout    L - 1 tokens, uniform, each for itself; then c\n"
    "Asked     all tokens, of a decoder: for each position it is given the vector of the last\n"
    "          token (c) plus a sinusoid of the position, and names the token there through an\n"
    "          MLP of two layers. So the whole sequence must fit one vector. c itself is trained\n"
    "          and not scored\n"
    "Sizes     L at least 2. Trained at L 32 on 12800 fixed examples; sweep: any L\n"
    "Distance  of an answer: tokens from its position to the last, over which it was kept\n"
    "Chance    1 / (V - 1)\n"
    "Differs   the source scores c as well, which is always right and adds 1/L to its accuracies;\n"
    "          its option frac_noise changes no target there, and is left out; its decoder has\n"
    "          GELU where ours has SiLU\n";

typedef struct compression_options {
    int64_t vocab;
} compression_options;

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(compression_options, vocab), 16, 3, 1 << 20, NULL,
     "ids: the last one ends the sequence, the others are kept"},
};
static const int64_t lengths_trained[] = {32, 0};
static const la_wish wishes[] = {{"model", "d_model", "128"},
                                 {"model", "mlp", "2"},
                                 {"train", "tokens", "2048"},
                                 {"train", "steps", "2000"},
                                 {"train", "lr", "5e-3"},
                                 {"train", "examples", "12800"},
                                 {0}};
static const la_difficulty difficulties[] = {
    LA_MAD_STEPS_VOCAB(NAME),      {"length", NULL, NULL, "64"}, {"length", NULL, NULL, "128"},
    {"length", NULL, NULL, "256"}, LA_MAD_STEPS_EXAMPLES,        {0},
};

static int64_t vocabulary(const void *task_opts)
{
    return ((const compression_options *)task_opts)->vocab;
}

static la_status check_length(int64_t T, la_err *err)
{
    if (T >= 2 && T <= LA_LONGEST_EXAMPLE) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "%s makes 2 to %" PRId64 " tokens, the last of which ends them, not %" PRId64,
                   NAME, LA_LONGEST_EXAMPLE, T);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    (void)task_opts;
    LA_TRY(check_length(T, err));
    *out = (la_shape){.T = T, .far = 1};
    return LA_OK;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    size_t len = 0;
    (void)task_opts;
    for (size_t i = 0; i < n_lengths && len < cap; i++)
        if (check_length(lengths[i], NULL) == LA_OK) out[len++] = (la_shape){.T = lengths[i]};
    return len;
}

static int64_t most_answers(const void *task_opts, const la_shape *shape)
{
    (void)task_opts;
    return shape->T;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    int64_t T = shape->T, V = vocabulary(task_opts);
    LA_TRY(check_length(T, err));
    la_example example = la_example_of(NAME, VERSION, seed, split, shape, index);
    uint64_t stream = la_example_stream(&example, TOKENS);
    for (int64_t t = 0; t < T; t++) {
        bool last = t == T - 1;
        tokens[t] =
            (int32_t)(last ? V - 1
                           : (int64_t)la_random_below(stream, (uint64_t)t, (uint64_t)V - 1));
        answers[t] = (la_answer){.position = (int32_t)t,
                                 .label = tokens[t],
                                 .distance = (int32_t)(T - 1 - t),
                                 .group = last ? LA_ONLY_TRAINED : 0};
    }
    *n_answers = T;
    return LA_OK;
}

static la_head head(const void *task_opts)
{
    (void)task_opts;
    return (la_head){.kind = LA_HEAD_DECODER};
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    if (token == vocabulary(task_opts) - 1) return "c";
    snprintf(buf, 16, "x%" PRId32, token);
    return buf;
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)(vocabulary(task_opts) - 1);
}

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .head = head,
    .word = word,
    .wishes = wishes,
    .difficulties = difficulties,
    .version = VERSION,
};

LA_TASK(mad_compression) = {
    LA_TASK_HEAD,
    .name = NAME,
    .kind = LA_TASK_LEARNED,
    .summary = "a whole sequence out of the vector of its last token",
    .paper = "arXiv:2403.17844",
    .definition = definition,
    .family = "mad",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(compression_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
