/* SPDX-License-Identifier: Apache-2.0
 * mad_fuzzy_recall - MAD's fuzzy in-context recall. Its definition is the text below, its examples
 * are made in motifs.c.
 */
#include <inttypes.h>
#include <stddef.h>

#include "examples.h"
#include "labench/kit.h"
#include "mad_steps.h"
#include "motifs.h"

enum { VERSION = 1 };
#define NAME "mad_fuzzy_recall"

static const char definition[] =
    "mad_recall with keys and values of several tokens.\n"
    "\n"
    "  pad pad k3 k1 k5 v5 v2 k0 k2 k1 v1 ... k3 k1 k5 v5      after a key seen before: its value\n"
    "\n"
    "Poli et al. 2024, \"Mechanistic Design and Scaling of Hybrid Architectures\",\n"
    "arXiv:2403.17844: fuzzy in-context recall with several queries, as mad/data/instances.py of\n"
    "athms/mad-lab makes it.\n"
    "\n"
    "Ids       V = vocab, R = V - 1: key tokens are 0 to R/2-1, value tokens R/2 to R-1, pad is R\n"
    "Motifs    a key is an ordered tuple of different key tokens, at most key_motif of them,\n"
    "          a value one of at most value_motif value tokens. The size of a value is\n"
    "          uniform, and so is that of a key in training; validation and test have keys of\n"
    "          key_motif tokens alone. All tuples of a size are equally likely\n"
    "Layout    a key and its value, again and again, until at most p + key_motif +\n"
    "          value_motif tokens are left, where p is the size of the probe: one pair, drawn\n"
    "          like the others, that ends the sequence. The value of a key is drawn once an\n"
    "          example. The probe is also one of the pairs before: where it does not come by\n"
    "          itself, it is the first pair that begins at a uniform one of the offsets 0 to\n"
    "          T-2p-1 or behind it. In front stands as much pad as makes T tokens without the\n"
    "          sequence's last one\n"
    "Asked     after a key that was shown before: each token of its value, at the token before it\n"
    "Training  every token but the first is asked for at the one before it, pad too; validation\n"
    "          and test score the questions above alone\n"
    "Sizes     T at least 3 (key_motif + value_motif). Trained at T 128 on 12800 fixed examples;\n"
    "          sweep: any T\n"
    "Chance    1 / (R - R/2), naming any value token\n"
    "Causal    the value stands behind its key in the input: no bidirectional variants\n"
    "Differs   in the source the probe's offset may lie behind the last pair, and the end\n"
    "          then asks for what was never shown: here such an offset means the last pair\n"
    "          that is sure to come. The single query with a copy prefix, and noise, are left\n"
    "          out: MAD's settings do not use them\n"
    "Reduced   d 64 and a SwiGLU for d 128, and 1200 steps of 32 examples at one lr for 20000\n"
    "          of 128 (200 epochs) with lr and weight decay chosen on test data\n";

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(la_motifs_options, vocab), 16, 3, 4096, NULL,
     "key tokens, value tokens and pad, which is the last id"},
    {"key_motif", LA_OPTION_INT, offsetof(la_motifs_options, key_motif), 3, 1, LA_LONGEST_MOTIF,
     NULL, "most tokens of a key"},
    {"value_motif", LA_OPTION_INT, offsetof(la_motifs_options, value_motif), 3, 1, LA_LONGEST_MOTIF,
     NULL, "most tokens of a value"},
};
static const int64_t lengths_trained[] = {128, 0};
static const la_wish wishes[] = {
    {"train", "examples", "12800"},
    {"train", "lr", "5e-3"},
    {"train", "steps", "1200"},
    {"model", "mlp", "4"},
    {0},
};
static const la_difficulty difficulties[] = {
    LA_MAD_STEPS_VOCAB(NAME),
    LA_MAD_STEPS_LENGTH,
    LA_MAD_STEPS_EXAMPLES,
    {0},
};

static int64_t vocabulary(const void *task_opts)
{
    return ((const la_motifs_options *)task_opts)->vocab;
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    const la_motifs_options *o = task_opts;
    int64_t least = 3 * (o->key_motif + o->value_motif);
    if (T < least || T > LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s with motifs of up to %" PRId64 " and %" PRId64 " tokens makes %" PRId64
                       " to %" PRId64 " tokens, not %" PRId64,
                       NAME, o->key_motif, o->value_motif, least, LA_LONGEST_EXAMPLE, T);
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
    return shape->T;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    la_shape checked;
    LA_TRY(shape_at(task_opts, shape->T, &checked, err));
    LA_TRY(la_motifs_check(NAME, task_opts, err));
    la_example example = la_example_of(NAME, VERSION, seed, split, shape, index);
    return la_motifs_make(task_opts, &example, split, shape->T, tokens, answers, n_answers, err);
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    int64_t pad = vocabulary(task_opts) - 1, keys = pad / 2;
    if (token == pad) return "pad";
    return token < keys ? la_word_of('k', token, buf) : la_word_of('v', token - keys, buf);
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    (void)variant, (void)p;
    return la_motifs_check(NAME, task_opts, err);
}

static double chance(const void *task_opts)
{
    int64_t R = vocabulary(task_opts) - 1;
    return 1.0 / (double)(R - R / 2);
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
    .causal_only = 1,
    .version = VERSION,
};

LA_TASK(mad_fuzzy_recall) = {
    LA_TASK_HEAD,
    .name = NAME,
    .kind = LA_TASK_LEARNED,
    .summary = "MAD: mad_recall with keys and values of one to three tokens",
    .paper = "arXiv:2403.17844",
    .family = "mad",
    .definition = definition,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_motifs_options),
    .check = check,
    .chance = chance,
    .learned = &learned,
};
