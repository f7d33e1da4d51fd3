/* SPDX-License-Identifier: Apache-2.0
 * The option tables model.* and train.*.
 */
#include "spec.h"

static const char *const recipes[] = {"controlled", "paper", NULL};
static const char *const positions[] = {"auto", "none", "learned", "rope", NULL};
static const char *const gates[] = {"auto", "none", "silu", "sigmoid", NULL};
static const char *const qk_norms[] = {"auto", "none", "l2", NULL};
static const char *const norms[] = {"auto", "rms", "layer", NULL};
static const char *const inits[] = {"auto", "fan", "small", NULL};
static const char *const logits[] = {"scored", "all", NULL};
static const char *const schedules[] = {"cosine", "constant", NULL};

#define INT(key, default, low, high, text)                                                         \
    {                                                                                              \
        .name = #key, .type = LA_OPTION_INT, .offset = offsetof(OWNER, key), .def = default,       \
        .min = low, .max = high, .help = text                                                      \
    }
#define REAL(key, default, low, high, text)                                                        \
    {                                                                                              \
        .name = #key, .type = LA_OPTION_REAL, .offset = offsetof(OWNER, key), .def = default,      \
        .min = low, .max = high, .help = text                                                      \
    }
#define CHOICE(key, words, text)                                                                   \
    {                                                                                              \
        .name = #key, .type = LA_OPTION_CHOICE, .offset = offsetof(OWNER, key), .choices = words,  \
        .help = text                                                                               \
    }

#define OWNER la_model_opts
const la_option la_model_option_table[] = {
    CHOICE(recipe, recipes, "controlled: one block for all; paper: each variant as its paper"),
    INT(layers, 2, 1, LA_MAX_LAYERS, "blocks"),
    INT(d_model, 64, 1, 1 << 16, "width of the residual stream"),
    INT(heads, -1, -1, 1 << 12, "heads of a mixer; -1: the recipe's, 2 for controlled"),
    INT(kv_heads, -1, -1, 1 << 12, "heads of keys and values; -1: heads; 1: all share one (MQA)"),
    INT(head_dim, -1, -1, 1 << 12, "width of a head; -1: d_model / heads"),
    INT(mlp, -1, -1, 64, "width of the SwiGLU over d_model; 0: none; -1: the recipe's"),
    INT(conv, -1, -1, 64, "width of the short convolution; 0: none; -1: the recipe's"),
    CHOICE(pos, positions, "positions; auto: the recipe's"),
    CHOICE(gate, gates, "gate on the mixer's output; auto: the recipe's"),
    CHOICE(qk_norm, qk_norms, "norm of q and k; auto: l2 where the variant wants unit keys"),
    CHOICE(norm, norms, "norm in front of mixer and MLP; auto: the recipe's"),
    CHOICE(init, inits, "fan: N(0, 1/fan_in); small: N(0, 0.02^2); auto: the recipe's"),
    {.name = "neg_eigval",
     .type = LA_OPTION_BOOL,
     .offset = offsetof(OWNER, neg_eigval),
     .help = "beta in (0,2) instead of (0,1)"},
    CHOICE(logits, logits,
           "where training names a token: scored, as the task asks; all: the next one elsewhere"),
    REAL(dropout, -1, -1, 0.9, "of the embedding, in training; -1: the recipe's"),
};
const size_t la_model_options_len = LA_COUNT(la_model_option_table);

#undef OWNER
#define OWNER la_train_opts
const la_option la_train_option_table[] = {
    INT(steps, 600, 1, 1e9, "steps at most"),
    INT(tokens, 4096, 1, 1 << 28, "tokens of a step"),
    REAL(lr, 1e-2, 1e-12, 1e6, "learning rate after warm-up"),
    REAL(weight_decay, 0.1, 0, 100, "decoupled, on matrices and the embedding"),
    REAL(clip, 1.0, 0, 1e9, "largest norm of the gradient; 0: none"),
    INT(warmup, 100, 0, 1e9, "steps of linear warm-up"),
    CHOICE(schedule, schedules, "of the learning rate after warm-up; cosine ends at 0"),
    INT(plan_steps, 0, 0, 1e9, "steps that the schedule is planned over; 0: steps"),
    REAL(curriculum, 0, 0, 1,
         "share of the steps over which the longest length grows; 0: all at once"),
    REAL(stop, 0.999, 0, 1, "end when every shape validates at least so; 0: never"),
    INT(validate_every, 50, 1, 1e9, "steps between validations"),
    INT(validate_examples, 128, 1, 1 << 20, "validation examples of a shape; on the way a quarter"),
    INT(examples, 0, 0, 1e12, "size of a fixed training set; 0: every example is new"),
};
const size_t la_train_options_len = LA_COUNT(la_train_option_table);
