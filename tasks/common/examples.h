/* SPDX-License-Identifier: Apache-2.0
 * What learned tasks share: random streams that name an example, draws without replacement, and room
 * for them. Everything is a pure function of its arguments.
 */
#ifndef LA_EXAMPLES_H
#define LA_EXAMPLES_H

#include "labench/kit.h"
#include "labench/task.h"

/* Sequences up to here: positions are 32-bit, and sums of sizes stay far from overflow. */
#define LA_LONGEST_EXAMPLE ((int64_t)1 << 28)

/* One example of one split of one task: (task, version, seed, split, shape, index). */
typedef struct la_example {
    uint64_t base, index;
} la_example;
la_example la_example_of(const char *task, int version, uint64_t seed, la_split split,
                         const la_shape *shape, uint64_t index);
/* A stream of random numbers for each thing `what` that the example draws. */
uint64_t la_example_stream(const la_example *example, uint32_t what);

/* A mixture for tasks with one shape a length: what shape_at takes of the lengths, to be trained on. */
typedef la_status (*la_shape_at)(const void *task_opts, int64_t T, la_shape *out, la_err *err);
size_t la_mixture_of_lengths(la_shape_at shape_at, const void *task_opts, const int64_t *lengths,
                             size_t n_lengths, la_shape *out, size_t cap);

/* The check of tasks whose every option and mask makes sense; lengths are refused where they are asked for. */
la_status la_task_takes_all(const la_variant *variant, const la_problem *p, const void *task_opts,
                            la_err *err);

/* The most_answers of tasks whose examples have as many as their n says. */
int64_t la_task_answers_n(const void *task_opts, const la_shape *shape);

/* "k12": a token's kind and its number among its kind. */
const char *la_word_of(char kind, int64_t number, char buf[16]);

/* Room for one example: on the stack while it is small (so that training allocates nothing), else
 * from la_alloc. Pieces are taken one after another and sum to at most what open was asked for. */
typedef struct la_scratch {
    _Alignas(16) unsigned char small[24576];
    unsigned char *at;
    size_t left;
    void *large;
} la_scratch;
la_status la_scratch_open(la_scratch *s, size_t bytes, la_err *err);
void *la_scratch_take(la_scratch *s, size_t bytes);
void la_scratch_close(la_scratch *s);
size_t la_scratch_bytes(size_t bytes); /* what a piece of so many bytes takes */

/* The first n entries of a random permutation of first..first+of-1, in out[0..n-1]; out has room for
 * `of` numbers. */
void la_draw_distinct(uint64_t stream, int32_t first, int64_t of, int64_t n, int32_t *out);

/* One candidate of a weighted draw. */
typedef struct la_drawn {
    double arrival;
    int64_t slot;
} la_drawn;
/* n of the slots 0..of-1, drawn one after another without replacement, slot g with a weight of
 * (g+1)^(a-1): in out[0..n-1] in the order they are drawn. O(of + n log of log n). */
void la_draw_power(uint64_t stream, double a, int64_t of, int64_t n, la_drawn *out);

#endif
