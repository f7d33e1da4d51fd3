/* SPDX-License-Identifier: Apache-2.0
 * What the files of the recall probe share.
 */
#ifndef LA_RECALL_INTERNAL_H
#define LA_RECALL_INTERNAL_H

#include <stdbool.h>

#include "labench/task.h"

enum { LA_RECALL_CODES = 256 };
enum { LA_RECALL_KEYS_RANDOM, LA_RECALL_KEYS_ORTHOGONAL };
enum { LA_RECALL_FILLER_NULL, LA_RECALL_FILLER_RANDOM };

typedef struct la_recall_options {
    int64_t pairs, load, keys, filler;
    double sharpness, correlation, overwrite, decay;
} la_recall_options;

/* Heads of k and v: key/value heads of the softmax kind, query/key heads of the recurrent kind. */
int64_t la_recall_key_heads(const la_variant *variant, const la_problem *p);
int64_t la_recall_value_heads(const la_variant *variant, const la_problem *p);
/* Keys to remember, and how many of them are written a second time with another value. */
int64_t la_recall_pairs(const la_problem *p, const la_recall_options *o);
int64_t la_recall_overwritten(const la_problem *p, const la_recall_options *o);

/* The memory of one (batch, key head): which token writes which pair, and which query asks which. */
typedef struct la_recall_memory {
    int64_t pairs, writes, T;
    int64_t *position; /* [writes] token of write w, ascending */
    int64_t *pair;     /* [writes] the pair that write w writes */
    int64_t *last;     /* [pairs] the write that counts: the newest of the pair */
    int64_t *ask;      /* [pairs] query j, at token T - pairs + j, asks pair ask[j] */
    bool *twice;       /* [pairs] the pair is written twice */
    float *key;        /* [pairs, dk] unit keys */
} la_recall_memory;

la_status la_recall_memory_draw(const la_probe_io *io, int64_t batch, int64_t head,
                                la_recall_memory *out, la_err *err);
void la_recall_memory_release(la_recall_memory *m);
/* The code that write w stores in a value head. */
int64_t la_recall_code(const la_probe_io *io, int64_t batch, int64_t value_head, int64_t write);
/* [256, dv] unit vectors; the same for all repeats of a seed. */
la_status la_recall_codebook(const la_probe_io *io, float **out, la_err *err);

/* Streams of random numbers, told apart by what they draw. */
enum {
    LA_RECALL_STREAM_CODEBOOK = 0x7265630,
    LA_RECALL_STREAM_KEYS,
    LA_RECALL_STREAM_CENTRE,
    LA_RECALL_STREAM_POSITIONS,
    LA_RECALL_STREAM_ORDER,
    LA_RECALL_STREAM_ASK,
    LA_RECALL_STREAM_CODES,
    LA_RECALL_STREAM_FILLER_KEYS,
    LA_RECALL_STREAM_FILLER_VALUES,
};
uint64_t la_recall_stream(const la_probe_io *io, int what, int64_t batch, int64_t head);
/* n normal numbers of a stream from `first`, scaled to norm 1. */
void la_recall_unit(uint64_t stream, int64_t first, int64_t n, float *out);

la_status la_recall_fill(const la_probe_io *io, la_err *err);
la_status la_recall_score(const la_probe_io *io, const float *o, la_score *score, la_err *err);

#endif
