/* SPDX-License-Identifier: Apache-2.0
 * Tasks: what accuracy is measured on. A probe writes a known memory into q, k, v and reads it back
 * without training; a learned task makes token sequences and labels that a small model is trained on.
 * A task is one folder below tasks/ and nothing elsewhere names it.
 */
#ifndef LABENCH_TASK_H
#define LABENCH_TASK_H

#include "labench/variant.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum la_task_kind { LA_TASK_PROBE, LA_TASK_LEARNED } la_task_kind;

/* One forward pass of a probe. The tensors have the shapes of problem.h, type f32; the unused are
 * NULL. (seed, repeat) alone decide every number. */
typedef struct la_probe_io {
    const la_variant *variant;
    const la_problem *problem;
    const void *task_opts;
    uint64_t seed, repeat;
    float *q, *k, *v, *beta, *g, *a, *b;
} la_probe_io;

#define LA_SCORE_SLICES  8
#define LA_SCORE_FIGURES 4
typedef struct la_score {
    int64_t correct, total;
    struct {
        char name[32]; /* "old", "overwritten"; empty: no more slices */
        int64_t correct, total;
    } slices[LA_SCORE_SLICES];
    struct
    { /* numbers that are no share of right answers: their mean over forward passes is kept */
        char name[32]; /* "mse"; empty: no more figures */
        double sum, squares;
        int64_t n;
    } figures[LA_SCORE_FIGURES];
} la_score;

/* ---- learned tasks: tokens in, labels at some positions ---- */

/* Splits never share an example: each draws from random streams of its own. */
typedef enum la_split { LA_SPLIT_TRAIN, LA_SPLIT_VALIDATION, LA_SPLIT_TEST } la_split;

/* One kind of example; a batch holds examples of one shape. */
typedef struct la_shape {
    int64_t T; /* tokens of the input */
    int64_t n; /* pairs, tokens to copy, ...; 0 where the task has no such number */
    int far;   /* 1: questions spread over all that follows, so that distance grows with T: how a
                * sweep evaluates lengths. 0: as the task trains */
} la_shape;

/* A scored position: the model must name `label` there. */
typedef struct la_answer {
    int32_t position; /* 0..T-1 */
    int32_t label;    /* token id */
    int32_t distance; /* tokens back to what must be remembered; 0: no single place */
    int32_t
        group; /* which of group_names; 0 where the task has none. LA_ONLY_TRAINED: in the loss of
                       * training, and never scored */
} la_answer;

/* A sweep reads at least so many scored answers, and hardly more from so many tokens on. */
#define LA_TEST_ANSWERS 64 /* a Wilson interval of 12 points at the middle */
#define LA_LONG_TEST    32768

#define LA_ONLY_TRAINED (-1)
#define LA_MAX_SHAPES   64 /* of one mixture */
#define LA_MAX_GROUPS   8  /* of answers */

/* How a model answers. */
typedef enum la_head_kind {
    LA_HEAD_TOKENS, /* the embedding again, at each answer's own position: a label is a token */
    LA_HEAD_CLASSES, /* a matrix of its own over `classes` at the last token, or at the mean of all tokens:
                      * a label is a class; one answer an example, its position T-1 */
    LA_HEAD_DECODER, /* the vector of the last token plus a sinusoid of the answer's position, through an
                      * MLP of two layers: a label is a token, and the position the one it once stood at */
} la_head_kind;
typedef struct la_head {
    la_head_kind kind;
    int64_t classes; /* LA_HEAD_CLASSES */
    int mean;        /* LA_HEAD_CLASSES: of all tokens instead of the last */
} la_head;

/* An option that a task wants otherwise than models and their training have it by default, where the
 * command line says nothing. owner NULL ends a list. */
typedef struct la_wish {
    const char *owner, *key, *value; /* "train", "lr", "3e-3" */
} la_wish;

/* One step of a task's difficulty: its defaults with one thing changed. axis NULL ends a list. */
typedef struct la_difficulty {
    const char *axis; /* steps of one axis stand together: "vocab", "length", "examples" */
    const char *
        owner; /* the task's own name, "train", "model"; NULL: the length it is trained and asked at */
    const char *key, *value; /* of the option, or NULL and the length */
} la_difficulty;

/* What a learned task does. All is a pure function of its arguments: the same example on any machine,
 * with any thread count, made alone and in any order. */
typedef struct la_learned {
    /* Tokens and labels are ids below it. */
    int64_t (*vocabulary)(const void *task_opts);
    /* Lengths trained on when nothing is said, ascending; 0 ends the list. */
    const int64_t *train_lengths;
    /* The shapes that training draws from uniformly, for these lengths; returns how many (those that
     * fit a length only; 0: none fits). Writes at most cap. */
    size_t (*mixture)(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap);
    /* The shape that a sweep evaluates at length T; refuses with a sentence what cannot be asked (T too
     * short for the pairs, more pairs than keys). */
    la_status (*shape_at)(const void *task_opts, int64_t T, la_shape *out, la_err *err);
    /* Most answers that one example of this shape has. */
    int64_t (*most_answers)(const void *task_opts, const la_shape *shape);
    /* Example `index` of a split: tokens [T], answers in order of position (room for most_answers),
     * *n_answers how many. Fails for a shape that cannot be only. */
    la_status (*make)(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err);
    /* Kinds of answers that are also counted apart ("kept", "overwritten"), at most LA_MAX_GROUPS,
     * NULL-terminated; NULL: all answers are of one kind. */
    const char *const *group_names;
    /* How models of the task answer; NULL: LA_HEAD_TOKENS. */
    la_head (*head)(const void *task_opts);
    /* What a token means to a person, in buf or static ("k3", "(", "pop"); NULL: its number. The label of
     * LA_HEAD_CLASSES is no token: label_word, or its number where that is NULL. */
    const char *(*word)(const void *task_opts, int32_t token, char buf[16]);
    const char *(*label_word)(const void *task_opts, int32_t label, char buf[16]);
    /* Options of the task that decide only how a sweep asks (not what is trained), NULL-terminated: models
     * do not depend on them, so that one model is asked under all their values. NULL: none. */
    const char *const *asking_options;
    const la_wish *wishes;             /* NULL: none */
    const la_difficulty *difficulties; /* NULL: none */
    /* The input holds an answer after its question (teacher forcing): a bidirectional model would read
     * it off, so only causal ones are asked. */
    int causal_only;
    int version; /* of the examples: raised when any of them changes */
} la_learned;

typedef struct la_task {
    uint32_t abi, size;
    const char *name;
    la_task_kind kind;
    const char *summary, *paper;
    /* What an example is, for a person: ids, layout, sizes, what is trained and asked, chance, and where it
     * differs from its source. Lines of at most 96 characters, as `labench show NAME` prints them. */
    const char *definition;
    /* What `labench list tasks` shows it among: probe, recall, copy, needle, mad, structure or state; NULL:
     * "other". */
    const char *family;
    const la_option *options;
    size_t options_len, options_size;
    /* Refuses what makes no sense (fnet has no keys; too many pairs for T), with the reason. A learned
     * task refuses here what no length mends (a vocabulary too small for the pairs); lengths are refused
     * by mixture (0 shapes), shape_at and make. */
    la_status (*check)(const la_variant *, const la_problem *, const void *task_opts, la_err *);
    double (*chance)(
        const void *task_opts); /* accuracy of guessing; NULL: a probe of figures alone */
    /* Answers scored in one forward pass of this problem. */
    int64_t (*answers)(const la_problem *, const void *task_opts);
    la_status (*probe_fill)(const la_probe_io *, la_err *);
    /* Adds to *score what output o [B,T,H,dv] got right. */
    la_status (*probe_score)(const la_probe_io *, const float *o, la_score *score, la_err *);
    /* Forward passes of a probe, each with parameters drawn anew: samples of what both inputs and
     * parameters do. NULL: as many as give enough answers, all with the same parameters. */
    int64_t (*probe_samples)(const void *task_opts);
    /* Tokens whose output probe_score reads: the last so many of each sequence. NULL: any. */
    int64_t (*probe_read)(const la_problem *, const void *task_opts);
    /* What probe_score computes of one forward pass, in float64 FLOP spread over the threads: sweeps are
     * estimated by it. NULL: next to nothing. */
    double (*probe_score_flops)(const la_problem *, const void *task_opts);
    const la_learned
        *learned; /* for LA_TASK_LEARNED, where answers and the probe members are NULL */
} la_task;

#define LA_TASK(name) const la_task la_task_##name
#define LA_TASK_HEAD  .abi = LA_ABI, .size = sizeof(la_task)

#ifdef __cplusplus
}
#endif
#endif
