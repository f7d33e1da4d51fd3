/* SPDX-License-Identifier: Apache-2.0
 * Tasks: what accuracy is measured on. A probe writes a known memory into q, k, v and reads it back
 * without training; a learned task (token sequences and labels) follows with the trainer.
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

#define LA_SCORE_SLICES 8
typedef struct la_score {
    int64_t correct, total;
    struct {
        char name[32]; /* "old", "overwritten"; empty: no more slices */
        int64_t correct, total;
    } slices[LA_SCORE_SLICES];
} la_score;

typedef struct la_task {
    uint32_t abi, size;
    const char *name;
    la_task_kind kind;
    const char *summary, *paper;
    const la_option *options;
    size_t options_len, options_size;
    /* Refuses what makes no sense (fnet has no keys; too many pairs for T), with the reason. */
    la_status (*check)(const la_variant *, const la_problem *, const void *task_opts, la_err *);
    double (*chance)(const void *task_opts); /* accuracy of guessing */
    /* Answers scored in one forward pass of this problem. */
    int64_t (*answers)(const la_problem *, const void *task_opts);
    la_status (*probe_fill)(const la_probe_io *, la_err *);
    /* Adds to *score what output o [B,T,H,dv] got right. */
    la_status (*probe_score)(const la_probe_io *, const float *o, la_score *score, la_err *);
} la_task;

#define LA_TASK(name) const la_task la_task_##name
#define LA_TASK_HEAD  .abi = LA_ABI, .size = sizeof(la_task)

#ifdef __cplusplus
}
#endif
#endif
