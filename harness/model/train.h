/* SPDX-License-Identifier: Apache-2.0
 * Small models and their training: what the harness calls. The model is a token embedding, L blocks of
 * [norm, mixer, residual; norm, SwiGLU, residual], a final norm, and the embedding again as the output, or
 * the head that the task names (head.h); logits exist at scored positions only, unless model.logits says all. The mixer block holds projections, short convolution, gates,
 * activation and normalisation of q and k, output norm and output gate; the variant is the op inside.
 */
#ifndef LA_TRAIN_H
#define LA_TRAIN_H

#include <stdbool.h>

#include "labench/kit.h"
#include "labench/task.h"
#include "labench/variant.h"

/* Options `model.*`. Where -1 or `auto` is allowed it is the default and means: what the recipe says for
 * the variant (controlled: one block for all; paper: each as its paper has it). */
typedef struct la_model_opts {
    int64_t recipe;     /* controlled | paper */
    int64_t layers;     /* 2 */
    int64_t d_model;    /* 64 */
    int64_t heads;      /* 2; -1 */
    int64_t kv_heads;   /* -1: heads; fewer: keys and values are shared by groups of query heads */
    int64_t head_dim;   /* -1: d_model / heads */
    int64_t mlp;        /* -1, 0: none, else the SwiGLU's width over d_model; controlled: 0 */
    int64_t conv;       /* -1, 0: none, else the width; controlled: 4 */
    int64_t pos;        /* auto | none | learned | rope */
    int64_t gate;       /* auto | none | silu | sigmoid: output gate */
    int64_t qk_norm;    /* auto | none | l2 */
    int64_t norm;       /* auto | rms | layer */
    int64_t init;       /* auto | fan | small */
    int64_t neg_eigval; /* beta in (0,2) instead of (0,1) */
    int64_t
        logits; /* scored | all: every position of a training example has a loss, the next token's
                         * where the task asks nothing, as in a language model */
    double dropout; /* of the embedding; -1 */
} la_model_opts;
extern const la_option la_model_option_table[];
extern const size_t la_model_options_len;

/* Options `train.*` */
typedef struct la_train_opts {
    int64_t steps;          /* 600; at most */
    int64_t tokens;         /* 4096 a step */
    double lr;              /* 1e-2 */
    double weight_decay;    /* 0.1, on matrices and embedding */
    double clip;            /* 1.0, norm of the whole gradient; 0: none */
    int64_t warmup;         /* 100 steps */
    int64_t schedule;       /* cosine | constant */
    int64_t plan_steps;     /* steps that the schedule is planned over; 0: steps */
    double curriculum;      /* 0: off; share of those steps over which the longest length grows */
    double stop;            /* 0.999: end when every shape validates at least so; 0: never */
    int64_t validate_every; /* 50 steps */
    int64_t validate_examples; /* 128 a shape, of the last validation */
    int64_t examples;          /* size of a fixed training set; 0: every example is new */
} la_train_opts;
extern const la_option la_train_option_table[];
extern const size_t la_train_options_len;

/* Examples of a shape that a validation on the way asks at first: a quarter, and LA_TRAIN_GLANCE at least where there
 * are so many. */
#define LA_TRAIN_GLANCE 32
int64_t la_train_glance(const la_train_opts *o);

/* Everything that decides what is trained. Pointers are borrowed. */
typedef struct la_train_config {
    const la_variant *variant;
    const void *variant_opts;
    const char
        *hybrid; /* "deltanet*3,softmax" repeated over the layers; `self` is the variant; NULL */
    la_mask mask;
    const la_model_opts *model;
    const la_task *task;
    const void *task_opts;
    const la_train_opts *train;
    int64_t lengths[16]; /* trained on */
    size_t n_lengths;
    int64_t
        longest; /* positions or projections are learned for so many tokens; 0: longest of lengths */
    uint64_t seed;
    int threads;
    const la_device *device;
} la_train_config;

/* LA_E_UNSUPPORTED or LA_E_ARG with a sentence for what cannot be trained: a variant without backward, a
 * task too large for its vocabulary or lengths, heads that do not divide d_model, causal-only tasks with a
 * bidirectional variant, a hybrid pattern that names no variant. */
la_status la_train_check(const la_train_config *config, la_err *err);
/* Bytes that training takes, and that an evaluation of B examples of T tokens takes, before anything is
 * allocated: of the host, and of the CUDA device where the configuration has one. */
typedef struct la_model_bytes {
    size_t host, device;
} la_model_bytes;
la_status la_train_bytes(const la_train_config *config, la_model_bytes *bytes, la_err *err);
la_status la_eval_bytes(const la_train_config *config, int64_t B, int64_t T, la_model_bytes *bytes,
                        la_err *err);
int64_t la_train_parameters(const la_train_config *config);
/* Bytes that one sequence's state takes in all layers after T tokens (KV caches, recurrent states); 0 for
 * variants without a state. */
size_t la_train_state_bytes(const la_train_config *config, int64_t T);
/* FLOP of a training step's matrix products and mixers a token (forward and backward), as they are computed:
 * behind the last mixer and in the head at scored positions alone. What the first block computes once for equal
 * tokens is counted for each of them. */
double la_train_flops_per_token(const la_train_config *config, int64_t T);
/* Canonical JSON of everything that decides the model (threads and instruction set do not), and its
 * XXH3-128 as 32 hex digits, the content key. *json is for la_free; may be NULL. */
la_status la_train_key(const la_train_config *config, char key[33], char **json, la_err *err);
/* The options of a learned task that models depend on, as a JSON object: all but its asking_options. *json is
 * for la_free. */
la_status la_train_task_json(const la_task *task, const void *task_opts, char **json, la_err *err);

#define LA_EVAL_DISTANCES 24 /* answers by floor(log2(distance)) */
typedef struct la_eval {
    la_shape shape;
    int64_t examples, correct, total;
    int64_t distance_correct[LA_EVAL_DISTANCES], distance_total[LA_EVAL_DISTANCES];
    int64_t group_correct[LA_MAX_GROUPS], group_total[LA_MAX_GROUPS]; /* by la_answer.group */
    double loss;                                                      /* mean over answers */
    char digest[33]; /* XXH3-128 of tokens and answers: which data it was */
} la_eval;

typedef struct la_curve_point {
    int64_t step, tokens, elapsed_ns; /* of training alone: validation is not counted */
    double loss;                      /* mean over the steps since the point before */
    double val_accuracy;              /* mean over shapes; NaN: not validated at this step */
    double val_worst;                 /* worst shape; NaN */
    double lr, grad_norm;
} la_curve_point;

typedef struct la_train_result {
    char key[33], digest[33]; /* of the configuration; of the weights */
    bool reused, resumed, stopped_early;
    int64_t parameters, steps, tokens, train_ns;
    double loss, val_accuracy;
    la_eval val[LA_MAX_SHAPES]; /* of the last validation */
    size_t n_val;
    la_curve_point *curve; /* la_free */
    size_t n_curve;
    int64_t *sample_steps, *sample_ns; /* timing samples: steps and their time; la_free both */
    size_t n_samples;
    char path[4096]; /* of the checkpoint */
} la_train_result;
void la_train_result_release(la_train_result *result);

typedef la_status (*la_train_listener)(const la_curve_point *point, int64_t steps, void *context);

/* Trains the model, or finds it: a finished checkpoint dir/<key>.model is loaded (reused), an unfinished
 * one continued (resumed: the end has the same bits as an unbroken run with as many threads). Checkpoints are
 * written atomically every checkpoint_s seconds (0: every validation) and at the end. LA_E_NONFINITE when the
 * loss is not finite (message: step, learning rate), with the curve so far in *out. dir NULL: nothing is
 * written. The listener may be NULL; its failure ends training. */
la_status la_train(const la_train_config *config, const char *dir, double checkpoint_s,
                   la_train_listener listener, void *context, la_train_result *out, la_err *err);

/* Whether the file is of a training that came to its end, by its head alone. */
bool la_train_finished(const char *path);

/* A trained model. LA_E_FORMAT with a sentence when the file is damaged or is of another configuration. */
typedef struct la_model la_model;
la_status la_model_load(const la_train_config *config, const char *path, la_model **out,
                        la_err *err);
void la_model_free(la_model *model);
/* Examples first..first+examples-1 of a split, B at a time (as many as memory and threads make sensible).
 * LA_E_UNSUPPORTED when the model cannot run at this length (linformer beyond its longest). */
la_status la_model_eval(la_model *model, const la_task *task, const void *task_opts,
                        const la_shape *shape, la_split split, uint64_t seed, uint64_t first,
                        int64_t examples, la_eval *out, la_err *err);

#endif
