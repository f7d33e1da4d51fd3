/* SPDX-License-Identifier: Apache-2.0
 * Calls over memory that is on the device already, and their time. An impl of la_cuda_create is called once through
 * host memory, which is verified; what it was given then stays on the device, and here the same kernels run over
 * it again, as often as wanted.
 */
#ifndef LA_RESIDENT_H
#define LA_RESIDENT_H

#include <stdatomic.h>

#include "cuda.h"

/* Which of the last calls, as bits; several run in this order. */
enum { LA_RESIDENT_FORWARD = 1, LA_RESIDENT_BACKWARD = 2, LA_RESIDENT_DECODE = 4 };

/* Enqueues the calls. LA_E_INTERNAL when one of them was never made through host memory, or a call of another length
 * was since: decode, of one token, and the others share their tensors' memory. */
la_status la_resident_enqueue(void *self, unsigned what, la_err *err);
/* What decode begins with from now on: a copy of `state` (host memory, as large as the state) that
 * la_cuda_timer puts in place before each call. */
la_status la_resident_keep_state(void *self, const void *state, la_err *err);
/* NaN into what the calls write: an output that is there afterwards was written afterwards. Waits. */
la_status la_resident_poison(void *self, unsigned what, la_err *err);
/* Carries to the host what the calls left: o, and the gradients that `grads` (NULL: none) asks for. Waits, and
 * looks at the guard zones. LA_E_INTERNAL as above. */
la_status la_resident_fetch(void *self, unsigned what, void *o, const la_grads *grads, la_err *err);
/* Bytes of scratch, of what forward saved, and of what create keeps on the device. */
size_t la_resident_workspace(const void *self);

/* How the host's part of a launch is kept out of a call's time. */
typedef enum la_cuda_how {
    LA_CUDA_HELD,  /* the stream stands still until all launches are queued */
    LA_CUDA_GRAPH, /* one launch of a graph */
    LA_CUDA_PLAIN  /* not at all: what it enqueues cannot be captured, or waits for the stream */
} la_cuda_how;
const char *la_cuda_how_word(la_cuda_how how); /* "event", "graph", "event+launch" */

typedef struct la_cuda_timer {
    void *self, *start, *stop, *graph;
    unsigned what;
    la_cuda_how how;
    int64_t launches;     /* kernels of a call; -1: not known */
    atomic_int go;        /* what a held stream waits for; it outlives the wait */
    la_cuda_buffer flush; /* written before each call, as large as the L2 cache; empty: hot */
} la_cuda_timer;

#define LA_CUDA_HELD_MOST                                                                          \
    16 /* launches that a held stream takes without the host waiting for room */

/* l2: bytes written before each call so that nothing of it is in the cache; 0: none. Runs the calls once as a
 * graph, which must leave what they leave. LA_E_ENV as la_cuda_can_time. */
la_status la_cuda_timer_init(la_cuda_timer *timer, void *self, unsigned what, size_t l2,
                             la_err *err);
void la_cuda_timer_release(la_cuda_timer *timer); /* accepts zeroed */
/* One call by events of the device. */
la_status la_cuda_timer_call(la_cuda_timer *timer, double *ns, la_err *err);
/* One call as a program makes it that waits for the result: enqueued launch by launch, by the host's clock. */
la_status la_cuda_timer_wall(la_cuda_timer *timer, double *ns, la_err *err);

#endif
