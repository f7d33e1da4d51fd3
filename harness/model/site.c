/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include <string.h>

#include "alloc.h"
#include "cuda.h"
#include "layers_cuda.h"

static la_status open_device(la_site *s, const la_device *device, la_err *err)
{
    s->on_device = true;
    s->layers = la_layers_cuda();
    if (!s->layers) return LA_FAIL(err, LA_E_DEVICE, "this labench is built without CUDA");
    s->queue = la_zalloc(sizeof *s->queue, err);
    if (!s->queue) return LA_E_NOMEM;
    LA_TRY(la_cuda()->select(device->index, err));
    LA_TRY(la_cuda()->stream(&s->stream, err));
    s->queue->stream = s->stream;
    return LA_OK;
}

la_status la_site_open(la_site *s, const la_device *device, la_err *err)
{
    *s = (la_site){0};
    if (device->backend == LA_CPU) {
        s->layers = la_layers_get(device->isa);
        return LA_OK;
    }
    la_status st = open_device(s, device, err);
    if (st != LA_OK) la_site_close(s);
    return st;
}

void la_site_close(la_site *s)
{
    if (s->queue) {
        if (la_layers_queue_now() == s->queue) la_layers_queue_enter(NULL);
        la_site_give(s, s->queue->scratch);
        la_free(s->queue);
    }
    if (s->stream) la_cuda()->stream_end(s->stream);
    *s = (la_site){0};
}

la_status la_site_room(la_site *s, size_t bytes, la_err *err)
{
    if (!s->on_device) return LA_OK;
    void *scratch;
    LA_TRY(la_site_take(s, bytes, &scratch, err));
    s->queue->scratch = scratch;
    s->queue->scratch_bytes = bytes;
    return LA_OK;
}

/* Memory of a device, with its guard zones. */
typedef struct la_site_piece {
    la_cuda_buffer buffer;
    struct la_site_piece *next;
} la_site_piece;

static la_status take_piece(const la_site *s, size_t bytes, void **out, la_err *err)
{
    la_site_piece *piece = la_zalloc(sizeof *piece, err);
    if (!piece) return LA_E_NOMEM;
    la_status st = la_cuda_buffer_init(&piece->buffer, bytes ? bytes : 1, s->stream, err);
    if (st != LA_OK) {
        la_free(piece);
        return st;
    }
    piece->next = s->queue->pieces;
    s->queue->pieces = piece;
    *out = piece->buffer.data;
    return LA_OK;
}

la_status la_site_take(const la_site *s, size_t bytes, void **out, la_err *err)
{
    *out = NULL;
    if (s->on_device) return take_piece(s, bytes, out, err);
    *out = la_alloc(bytes, err);
    return *out ? LA_OK : LA_E_NOMEM;
}

static void give_piece(const la_site *s, const void *p)
{
    la_site_piece **at = &s->queue->pieces;
    while (*at && (*at)->buffer.data != p) at = &(*at)->next;
    la_site_piece *piece = *at;
    LA_ASSERT(piece);
    *at = piece->next;
    la_cuda_buffer_release(&piece->buffer);
    la_free(piece);
}

void la_site_give(const la_site *s, void *p)
{
    if (!p) return;
    if (s->on_device)
        give_piece(s, p);
    else
        la_free(p);
}

la_status la_site_check(const la_site *s, la_err *err)
{
    if (!s->on_device) return LA_OK;
    for (const la_site_piece *piece = s->queue->pieces; piece; piece = piece->next)
        LA_TRY(la_cuda_buffer_guards(&piece->buffer, "model", s->stream, err));
    return LA_OK;
}

la_status la_site_up(const la_site *s, void *to, const void *from, size_t bytes, la_err *err)
{
    if (bytes == 0) return LA_OK;
    if (s->on_device) return la_cuda()->upload(to, from, bytes, s->stream, err);
    memcpy(to, from, bytes);
    return LA_OK;
}

la_status la_site_down(const la_site *s, void *to, const void *from, size_t bytes, la_err *err)
{
    if (bytes == 0) return LA_OK;
    if (s->on_device) return la_cuda()->download(to, from, bytes, s->stream, err);
    memcpy(to, from, bytes);
    return LA_OK;
}

void la_site_enter(const la_site *s)
{
    if (s->on_device) la_layers_queue_enter(s->queue);
}

la_status la_site_finish(const la_site *s, la_err *err)
{
    if (!s->on_device) return LA_OK;
    LA_TRY(la_cuda()->wait(s->stream, err));
    la_layers_queue *q = s->queue;
    if (q->status == LA_OK) return LA_OK;
    la_status st = q->status;
    if (err) *err = q->err;
    q->status = LA_OK;
    return st;
}
