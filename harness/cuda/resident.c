/* SPDX-License-Identifier: Apache-2.0
 * Events of CUDA resolve about half a microsecond, and a launch costs the host some of them: a call of several
 * short kernels that is enqueued between two events would read as its launches. So the stream is held until all
 * of them are queued, or, where there are many, one graph is launched. Plain events read low on the host's
 * side only if the device is kept busy, graphs read low if the cache is not emptied: both is done.
 */
#include "resident.h"

#include <string.h>

#include "clock.h"
#include "hosted.h"

static la_status are_made(const la_hosted *h, unsigned what, la_err *err)
{
    bool missing = (what & LA_RESIDENT_FORWARD && !h->forward.made) ||
                   (what & LA_RESIDENT_BACKWARD && !h->backward.made) ||
                   (what & LA_RESIDENT_DECODE && !h->decode.made);
    if (!missing) return LA_OK;
    return LA_FAIL(err, LA_E_INTERNAL,
                   "a call on the device that was never made, or lost its memory to one of another "
                   "length");
}

la_status la_resident_enqueue(void *self, unsigned what, la_err *err)
{
    la_hosted *h = self;
    const la_cuda_kernels *k = h->kernels;
    LA_TRY(are_made(h, what, err));
    if (what & LA_RESIDENT_FORWARD) LA_TRY(k->forward(h->self, &h->forward.io, err));
    if (what & LA_RESIDENT_BACKWARD)
        LA_TRY(k->backward(h->self, &h->backward.io, &h->backward.grads, err));
    return what & LA_RESIDENT_DECODE ? k->decode(h->self, &h->decode.io, err) : LA_OK;
}

la_status la_resident_keep_state(void *self, const void *state, la_err *err)
{
    la_hosted *h = self;
    if (h->state_kept.bytes != h->state_bytes) {
        la_cuda_buffer_release(&h->state_kept);
        LA_TRY(la_cuda_buffer_init(&h->state_kept, h->state_bytes, h->stream, err));
    }
    LA_TRY(la_cuda()->upload(h->state_kept.data, state, h->state_bytes, h->stream, err));
    return la_cuda()->wait(h->stream, err);
}

static la_status restore(la_hosted *h, la_err *err)
{
    if (!h->state_kept.data) return LA_OK;
    return la_cuda()->copy(h->state_in.data, h->state_kept.data, h->state_bytes, h->stream, err);
}

static la_status poison(la_hosted *h, const la_cuda_buffer *buf, la_err *err)
{
    return buf->data ? la_cuda()->fill(buf->data, 0xFF, buf->bytes, h->stream, err) : LA_OK;
}

la_status la_resident_poison(void *self, unsigned what, la_err *err)
{
    la_hosted *h = self;
    if (what & (LA_RESIDENT_FORWARD | LA_RESIDENT_DECODE)) LA_TRY(poison(h, &h->o, err));
    if (what & LA_RESIDENT_FORWARD) LA_TRY(poison(h, &h->saved, err));
    LA_TRY(poison(h, &h->work, err));
    if (!(what & LA_RESIDENT_BACKWARD)) return la_cuda()->wait(h->stream, err);
    for (int i = 0; i < LA_T_COUNT; i++) LA_TRY(poison(h, &h->dt[i], err));
    for (size_t i = 0; i < h->n_params; i++) LA_TRY(poison(h, &h->dparam[i], err));
    LA_TRY(poison(h, &h->dstate_in, err));
    return la_cuda()->wait(h->stream, err);
}

la_status la_resident_fetch(void *self, unsigned what, void *o, const la_grads *grads, la_err *err)
{
    la_hosted *h = self;
    const la_hosted_call *c = what & LA_RESIDENT_DECODE ? &h->decode : &h->forward;
    LA_TRY(are_made(h, what, err));
    if (what & (LA_RESIDENT_FORWARD | LA_RESIDENT_DECODE))
        LA_TRY(la_hosted_output_down(h, c, o, err));
    if (what & LA_RESIDENT_BACKWARD && grads) LA_TRY(la_hosted_gradients_down(h, grads, err));
    return la_hosted_guards(h, err);
}

size_t la_resident_workspace(const void *self)
{
    const la_hosted *h = self;
    return h->work.bytes + h->saved.bytes + h->created_bytes;
}

/* ---- time ---- */

const char *la_cuda_how_word(la_cuda_how how)
{
    return how == LA_CUDA_HELD ? "event" : how == LA_CUDA_GRAPH ? "graph" : "event+launch";
}

/* The calls as a graph; what cannot be captured is no error. */
static la_status capture(la_cuda_timer *t, la_err *err)
{
    la_hosted *h = t->self;
    la_err why = {0};
    t->how = LA_CUDA_PLAIN;
    t->launches = -1;
    LA_TRY(la_cuda()->graph_begin(h->stream, err));
    la_status st = la_resident_enqueue(h, t->what, &why);
    la_status ended = la_cuda()->graph_end(h->stream, &t->graph, &t->launches, NULL);
    if (st != LA_OK || ended != LA_OK) {
        la_cuda()->graph_free(t->graph);
        t->graph = NULL;
        t->launches = -1;
        return LA_OK;
    }
    t->how = t->launches > LA_CUDA_HELD_MOST ? LA_CUDA_GRAPH : LA_CUDA_HELD;
    return LA_OK;
}

la_status la_cuda_timer_init(la_cuda_timer *t, void *self, unsigned what, size_t l2, la_err *err)
{
    la_hosted *h = self;
    *t = (la_cuda_timer){.self = self, .what = what};
    LA_TRY(la_cuda_can_time(err)); /* or a launch behind a held stream waits for its own release */
    la_status st = la_cuda()->event(&t->start, err);
    if (st == LA_OK) st = la_cuda()->event(&t->stop, err);
    if (st == LA_OK) st = la_cuda_buffer_init(&t->flush, l2, h->stream, err);
    if (st == LA_OK) st = la_cuda()->wait(h->stream, err);
    if (st == LA_OK) st = capture(t, err);
    if (st != LA_OK) la_cuda_timer_release(t);
    return st;
}

void la_cuda_timer_release(la_cuda_timer *t)
{
    if (!t) return;
    if (t->start) la_cuda()->event_end(t->start);
    if (t->stop) la_cuda()->event_end(t->stop);
    if (t->graph) la_cuda()->graph_free(t->graph);
    la_cuda_buffer_release(&t->flush);
    *t = (la_cuda_timer){0};
}

static la_status make_ready(la_cuda_timer *t, la_err *err)
{
    la_hosted *h = t->self;
    LA_TRY(restore(h, err));
    if (!t->flush.data) return LA_OK;
    return la_cuda()->fill(t->flush.data, 0, t->flush.bytes, h->stream, err);
}

static la_status between_events(la_cuda_timer *t, la_err *err)
{
    la_hosted *h = t->self;
    LA_TRY(la_cuda()->mark(t->start, h->stream, err));
    LA_TRY(t->how == LA_CUDA_GRAPH ? la_cuda()->graph_launch(t->graph, h->stream, err)
                                   : la_resident_enqueue(h, t->what, err));
    return la_cuda()->mark(t->stop, h->stream, err);
}

la_status la_cuda_timer_call(la_cuda_timer *t, double *ns, la_err *err)
{
    la_hosted *h = t->self;
    bool held = t->how != LA_CUDA_PLAIN;
    LA_TRY(make_ready(t, err));
    atomic_store(&t->go, 0);
    if (held) LA_TRY(la_cuda()->hold(h->stream, &t->go, err));
    la_status st = between_events(t, err);
    int before = atomic_exchange(&t->go, 1);
    /* Also after a failure: the flag must outlive who waits for it. */
    la_status waited = la_cuda()->wait(h->stream, st == LA_OK ? err : NULL);
    if (st != LA_OK || waited != LA_OK) return st != LA_OK ? st : waited;
    if (before == LA_CUDA_GAVE_UP) { /* launches wait for the stream: a profiler makes them so */
        t->how = LA_CUDA_PLAIN;
        return la_cuda_timer_call(t, ns, err);
    }
    return la_cuda()->elapsed(t->start, t->stop, ns, err);
}

la_status la_cuda_timer_wall(la_cuda_timer *t, double *ns, la_err *err)
{
    la_hosted *h = t->self;
    LA_TRY(make_ready(t, err));
    LA_TRY(la_cuda()->wait(h->stream, err));
    int64_t start = la_now_ns();
    LA_TRY(la_resident_enqueue(h, t->what, err));
    LA_TRY(la_cuda()->wait(h->stream, err));
    *ns = (double)(la_now_ns() - start);
    return LA_OK;
}
