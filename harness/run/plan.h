/* SPDX-License-Identifier: Apache-2.0
 * From axes to cells. The spec is what the command line said, unexpanded; it knows no semantics.
 */
#ifndef LA_PLAN_H
#define LA_PLAN_H

#include "cell.h"

typedef struct la_words { /* a list of owned words */
    char **v;
    size_t n, cap;
} la_words;
typedef struct la_counts { /* ascending, distinct */
    int64_t *v;
    size_t n, cap;
} la_counts;

typedef struct la_setting { /* --set owner.key=v1,v2 */
    char *owner, *key;
    la_words values;
} la_setting;

typedef struct la_spec {
    la_words variants; /* "all", "card", "flash", "lin*", "-fnet" as typed */
    la_words impls;    /* empty: the best of each variant; "all"; or names */
    la_words peers;    /* "all", names, or paths of manifests */
    la_counts lengths, batch, heads, dk, dv, threads; /* dk, dv empty: 64 */
    la_counts kv_heads, qk_heads;                     /* empty: as heads */
    la_words passes, tasks, dtypes;                   /* "none": no pass of a kernel, no task */
    la_words masks;                                   /* auto | causal | bidirectional */
    double scale;
    la_setting *settings;
    size_t n_settings, cap_settings;
    /* Learned tasks. Options of the model and of its training are settings of "model" and "train". */
    la_counts train_lengths; /* empty: the task's own */
    bool train_at_length;    /* one model for each length instead */
    bool difficulty;         /* the steps of each task's difficulty instead of lengths */
    char *hybrid;            /* owned; NULL: the variant in every layer */
    int seeds;               /* models of each kind; 0: one */
    int jobs; /* models that are trained side by side; 0, 1: one after another, with all threads */
    uint64_t seed;
    int rounds;        /* 0: the default */
    int shard, shards; /* this share, from 1, of so many; 0: everything */
    bool quick, careful;
    bool cold;
    bool many;      /* more than LA_PLAN_CELLS cells are meant */
    la_words other; /* what else the command line set that changes what is measured; for the hash */
} la_spec;

#define LA_PLAN_CELLS 100000

typedef struct la_plan {
    la_cell *cells;
    size_t n, cap;
    int rounds;
    char spec_hash[48]; /* 32 hex digits of the whole, and ".I/N" of a share */
} la_plan;

void la_words_release(la_words *words);
void la_counts_release(la_counts *counts);
void la_spec_release(la_spec *spec);
void la_plan_release(la_plan *plan);
la_status la_words_add(la_words *words, const char *word, size_t len, la_err *err);
la_status la_counts_add(la_counts *counts, int64_t value, la_err *err); /* keeps order, merges */

/* Expands groups, globs and minus words over the registry; LA_E_ARG with the nearest name. Returned
 * pointers are into the registry; la_free the array. */
la_status la_plan_variants(const la_words *words, const la_variant ***out, size_t *n, la_err *err);
/* What a spec leaves open: rounds of what is timed, and passes (*n may be 0). */
int la_plan_rounds(const la_spec *spec);
const char *const *la_plan_passes(const la_spec *spec, size_t *n);
/* All cells, finished; combinations that cannot exist are refused cells when they came from a list,
 * group or axis, and LA_E_ARG when every cell asked for is refused. A share may have no cells. */
la_status la_plan_expand(const la_spec *spec, const la_device *device, la_plan *out, la_err *err);

#endif
