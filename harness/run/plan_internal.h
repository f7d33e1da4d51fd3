/* SPDX-License-Identifier: Apache-2.0
 * What the files that expand a spec share.
 */
#ifndef LA_PLAN_INTERNAL_H
#define LA_PLAN_INTERNAL_H

#include "plan.h"

enum {
    LA_PLAN_WORDS = 8,
    LA_PLAN_TASKS = 64,
    LA_PLAN_IMPLS = 32,
    LA_PLAN_PEERS = 16,
    LA_PLAN_AUTO = -1
};

/* A spec with its words understood. */
typedef struct la_axes {
    const la_spec *spec;
    const la_device *device;
    const la_variant **variants;
    size_t n_variants;
    const la_task *tasks[LA_PLAN_TASKS];
    const la_difficulty *step; /* of --difficulty, while its cells are made; NULL: the baseline */
    int passes[LA_PLAN_WORDS], dtypes[LA_PLAN_WORDS], masks[LA_PLAN_WORDS];
    size_t n_tasks, n_passes, n_dtypes, n_masks;
    la_peer *peers[LA_PLAN_PEERS];
    size_t n_peers;
    bool names_ours, names_peers;                 /* some word of --impls names one of them */
    la_counts lengths, batch, heads, dk, threads; /* borrowed, or one default value */
    la_counts kv_heads, qk_heads;                 /* 0: as heads */
    int64_t one[6];                               /* the defaults */
    la_plan *plan;
} la_axes;

/* Leaves the cells of one share, numbered as in the whole plan, and marks the hash of the spec: ".2/4". */
void la_plan_shard(la_plan *plan, int shard, int shards);
/* The options that --set, --layers, --lr and the like change of one owner: how many combinations, and
 * number `which` of them (owned; NULL when the table is empty). Learning rates are no combination of
 * their own: a model is trained with each and one is chosen. */
size_t la_plan_combinations(const la_spec *spec, const char *owner);
la_status la_plan_options(const la_spec *spec, const char *owner, const la_option *table,
                          size_t len, size_t bytes, size_t which, void **opts, la_err *err);
const la_setting *la_plan_setting(const la_spec *spec, const char *owner, const char *key);
la_status la_plan_add(la_axes *x, const la_cell *proto, la_err *err); /* a finished copy of proto */
la_mask la_plan_mask(const la_variant *v, int asked);
/* `auto` and the mask it stands for make the same cells: they stay once. */
bool la_plan_masked_before(const la_axes *x, const la_variant *v, size_t at);

bool la_plan_named(const la_spec *spec, const la_impl *impl); /* by a word of --impls */
void la_plan_drop_last(la_plan *plan);

/* plan_peers.c: the peers of a sweep, found and asked whether they can run; their cells beside ours. */
la_status la_plan_find_peers(la_axes *x, la_err *err);
la_status la_plan_add_peers(la_axes *x, la_cell *proto, la_err *err);

/* plan_learn.c: what the learned tasks of a sweep add. */
bool la_plan_learns(const la_axes *x); /* some task is learned */
la_status la_plan_learn_check(const la_axes *x, la_err *err);
la_status la_plan_learn(la_axes *x, const la_variant *v, la_err *err);
la_status la_plan_learn_task(la_axes *x, la_cell *proto, size_t which, la_err *err);
size_t la_plan_learn_cells(const la_axes *x); /* of one variant with one set of options */
size_t la_plan_trainings(const la_axes *x);   /* likewise, without seeds */

/* plan_difficulty.c: the steps of --difficulty. */
bool la_plan_has_steps(const la_task *task);
size_t la_plan_steps(const la_axes *x,
                     const la_task *task); /* with the baseline; 1: no --difficulty */
la_status la_plan_check_steps(const la_axes *x, la_err *err);
/* Cells of every step of a task with one combination of its options: la_plan_learn_task for each. */
la_status la_plan_add_steps(la_axes *x, la_cell *proto, size_t which, la_err *err);
/* What the present step changes of an owner, in that owner's options. */
la_status la_plan_take_step(const la_axes *x, const char *owner, const la_option *table, size_t len,
                            void *opts, la_err *err);
/* What an evaluation is called by, and the lengths that are trained on. */
void la_plan_name_step(const la_axes *x, la_learn *learn);
void la_plan_step_lengths(const la_axes *x, const la_task *task, la_learn *learn);

#endif
