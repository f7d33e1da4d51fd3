/* SPDX-License-Identifier: Apache-2.0
 * A training in progress: weights, moments, where it stands, and its checkpoint.
 */
#ifndef LA_TRAINER_H
#define LA_TRAINER_H

#include "engine.h"

/* What a checkpoint holds besides the arrays. */
typedef struct la_progress {
    bool finished, stopped_early;
    int64_t step, examples, tokens, train_ns;
    double loss_sum; /* over the steps since the last point of the curve */
    int64_t loss_steps;
    double loss, val_accuracy; /* at the last validation */
    la_eval val[LA_MAX_SHAPES];
    size_t n_val;
    la_curve_point *curve;
    size_t n_curve, cap_curve;
} la_progress;

typedef struct la_trainer {
    const la_train_config *config;
    la_net spec;
    la_engine engine;
    la_shape shapes[LA_MAX_SHAPES];
    size_t n_shapes;
    float *weights, *m, *v;        /* where the engine computes */
    struct la_device_part *device; /* trainer_device.c; NULL on the CPU */
    double *partial;               /* sums of squares, one a range of the flat array */
    double grad_norm;              /* of the last step, before clipping */
    double lr, step_loss;
    la_progress at;
} la_trainer;

/* Everything allocated, weights drawn. */
la_status la_trainer_init(la_trainer *t, const la_train_config *config, la_err *err);
void la_trainer_release(la_trainer *t); /* accepts zeroed */
/* One step; LA_E_NONFINITE leaves the weights as they were. */
la_status la_trainer_step(la_trainer *t, la_err *err);
/* Scores every shape of the mixture on so many examples of the validation split into at.val. */
la_status la_trainer_validate(la_trainer *t, int64_t examples, la_err *err);
double la_learning_rate(const la_train_opts *o, int64_t step);
/* Longest length that step `step` (from 0) draws its batch from. */
int64_t la_curriculum_length(const la_train_opts *o, const la_shape *shapes, size_t n,
                             int64_t step);
/* The three arrays on the host, borrowed until the next call: for checkpoints. */
typedef struct la_arrays {
    const float *weights, *m, *v;
} la_arrays;
la_status la_trainer_arrays(la_trainer *t, la_arrays *out, la_err *err);
la_status la_trainer_adopt(la_trainer *t, const la_arrays *from, la_err *err);

/* trainer_device.c */
la_status la_device_part_init(la_trainer *t, la_err *err);
void la_device_part_release(la_trainer *t);
size_t la_device_part_bytes(size_t n); /* of the device, for n parameters */
la_status la_device_arrays(la_trainer *t, la_arrays *out, la_err *err);
/* Forward, backward and update of a batch, as run_step does on the CPU: into t->step_loss and
 * t->grad_norm. *answers 0: the batch has none; *good: both are finite. */
la_status la_device_step(la_trainer *t, size_t geometry, const la_batch *batch, const la_adamw *how,
                         int64_t *answers, bool *good, la_err *err);

/* The lengths of a mixture as batches of `tokens`. */
size_t la_train_geometries(const la_train_config *config, const la_shape *shapes, size_t n,
                           la_geometry out[LA_MAX_LENGTHS]);
/* Threads of its engine: a device has one lane. */
int la_train_threads(const la_train_config *config);
enum { LA_DEVICE_PIECE = 1 << 17 }; /* tokens that go through a network on a device together */
int64_t la_train_most_answers(const la_train_config *config, const la_shape *shapes, size_t n);

/* checkpoint.c: one file; weights alone once finished, with both moments before. */
la_status la_checkpoint_write(const char *path, const char *key, const char *config_json,
                              const la_progress *at, int64_t n, const float *weights,
                              const float *m, const float *v, la_err *err);
typedef struct la_checkpoint {
    char *bytes; /* the whole file */
    int64_t n;
    int arrays; /* 1 or 3 */
    const float *array[3];
    char key[33];
    la_progress at;
} la_checkpoint;
/* LA_E_NOTFOUND when there is no file; LA_E_FORMAT when it is damaged, of a later version, or foreign. */
la_status la_checkpoint_read(const char *path, la_checkpoint *out, la_err *err);
void la_checkpoint_release(la_checkpoint *c); /* accepts zeroed */
void la_weights_digest(const float *weights, int64_t n, char out[33]);

#endif
