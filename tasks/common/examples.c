/* SPDX-License-Identifier: Apache-2.0
 * Streams, scratch and draws of learned tasks.
 */
#include "examples.h"

#include <math.h>
#include <stdio.h>

la_example la_example_of(const char *task, int version, uint64_t seed, la_split split,
                         const la_shape *shape, uint64_t index)
{
    uint32_t name = 2166136261u; /* FNV-1a */
    for (const char *c = task; *c; c++) name = (name ^ (unsigned char)*c) * 16777619u;
    uint64_t which = (uint64_t)version << 8 | (uint64_t)split << 1 | (shape->far != 0);
    uint64_t base = la_stream(seed, name, which);
    base = la_stream(base, (uint64_t)shape->n, (uint64_t)shape->T);
    return (la_example){.base = base, .index = index};
}

uint64_t la_example_stream(const la_example *example, uint32_t what)
{
    return la_stream(example->base, what, example->index);
}

size_t la_mixture_of_lengths(la_shape_at shape_at, const void *task_opts, const int64_t *lengths,
                             size_t n_lengths, la_shape *out, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < n_lengths && len < cap; i++) {
        if (shape_at(task_opts, lengths[i], &out[len], NULL) != LA_OK) continue;
        out[len++].far = 0;
    }
    return len;
}

la_status la_task_takes_all(const la_variant *variant, const la_problem *p, const void *task_opts,
                            la_err *err)
{
    (void)variant, (void)p, (void)task_opts, (void)err;
    return LA_OK;
}

int64_t la_task_answers_n(const void *task_opts, const la_shape *shape)
{
    (void)task_opts;
    return shape->n;
}

const char *la_word_of(char kind, int64_t number, char buf[16])
{
    snprintf(buf, 16, "%c%d", kind, (int)number);
    return buf;
}

size_t la_scratch_bytes(size_t bytes)
{
    return (bytes + 15) & ~(size_t)15;
}

la_status la_scratch_open(la_scratch *s, size_t bytes, la_err *err)
{
    s->at = s->small;
    s->left = sizeof s->small;
    s->large = NULL;
    if (bytes <= sizeof s->small) return LA_OK;
    s->large = la_alloc(bytes, err);
    if (!s->large) return LA_E_NOMEM;
    s->at = s->large;
    s->left = bytes;
    return LA_OK;
}

void *la_scratch_take(la_scratch *s, size_t bytes)
{
    size_t whole = la_scratch_bytes(bytes);
    LA_ASSERT(whole <= s->left);
    void *piece = s->at;
    s->at += whole;
    s->left -= whole;
    return piece;
}

void la_scratch_close(la_scratch *s)
{
    la_free(s->large);
}

void la_draw_distinct(uint64_t stream, int32_t first, int64_t of, int64_t n, int32_t *out)
{
    for (int64_t i = 0; i < of; i++) out[i] = first + (int32_t)i;
    for (int64_t i = 0; i < n && i + 1 < of; i++) {
        int64_t j = i + (int64_t)la_random_below(stream, (uint64_t)i, (uint64_t)(of - i));
        int32_t t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}

static bool later(la_drawn x, la_drawn y)
{
    return x.arrival > y.arrival || (x.arrival == y.arrival && x.slot > y.slot);
}

/* The heap's top is the latest arrival; moves entry i down to where it belongs among n. */
static void sift(la_drawn *heap, int64_t i, int64_t n)
{
    for (;;) {
        int64_t top = i, left = 2 * i + 1;
        if (left < n && later(heap[left], heap[top])) top = left;
        if (left + 1 < n && later(heap[left + 1], heap[top])) top = left + 1;
        if (top == i) return;
        la_drawn t = heap[i];
        heap[i] = heap[top];
        heap[top] = t;
        i = top;
    }
}

/* Uniform in (0,1) with 53 random bits: 32 would tie among 2^16 slots. */
static double uniform53(uint64_t stream, uint64_t index)
{
    uint64_t r =
        (uint64_t)la_random_u32(stream, 2 * index) << 32 | la_random_u32(stream, 2 * index + 1);
    return ((double)(r >> 11) + 0.5) * 0x1p-53;
}

/* Slot g waits an exponential time of rate w_g. The first to arrive is g with probability w_g / sum w,
 * and what is left waits again as if nothing had been (no memory): the n first arrivals, in order, are
 * exactly n draws without replacement whose weights are renormalised after each. */
void la_draw_power(uint64_t stream, double a, int64_t of, int64_t n, la_drawn *out)
{
    for (int64_t g = 0; g < of; g++) {
        double wait = -log(uniform53(stream, (uint64_t)g));
        la_drawn d = {wait * pow((double)(g + 1), 1.0 - a), g};
        if (g < n) {
            out[g] = d;
            if (g == n - 1)
                for (int64_t i = n / 2; i-- > 0;) sift(out, i, n);
        } else if (later(out[0], d)) {
            out[0] = d;
            sift(out, 0, n);
        }
    }
    for (int64_t k = n - 1; k > 0; k--) {
        la_drawn t = out[0];
        out[0] = out[k];
        out[k] = t;
        sift(out, 0, k);
    }
}
