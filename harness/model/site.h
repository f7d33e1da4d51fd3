/* SPDX-License-Identifier: Apache-2.0
 * Where a model computes: the CPU, whose memory is the host's, or a CUDA device with a stream of its own.
 * Calls of one site come from one thread at a time, which la_site_enter names.
 */
#ifndef LA_SITE_H
#define LA_SITE_H

#include "labench/cuda.h"
#include "layers.h"

typedef struct la_site {
    const la_layers *layers;
    bool on_device;
    void *stream;
    struct la_layers_queue *queue; /* of the table of a device; layers_cuda.h */
} la_site;

/* LA_E_DEVICE with the reason where the device cannot be had. */
la_status la_site_open(la_site *s, const la_device *device, la_err *err);
void la_site_close(la_site *s); /* accepts zeroed */
la_status la_site_take(const la_site *s, size_t bytes, void **out, la_err *err);
void la_site_give(const la_site *s, void *p); /* accepts NULL */
/* Enqueued; `from` of an upload and `to` of a download stay as they are until la_site_finish. */
la_status la_site_up(const la_site *s, void *to, const void *from, size_t bytes, la_err *err);
la_status la_site_down(const la_site *s, void *to, const void *from, size_t bytes, la_err *err);
/* From now on the layers that this thread calls go to this site's stream. */
void la_site_enter(const la_site *s);
/* Waits, and says what went wrong since the last time. */
la_status la_site_finish(const la_site *s, la_err *err);
/* LA_E_WRONG when something wrote beside the memory that this site took. */
la_status la_site_check(const la_site *s, la_err *err);
/* Memory for partial sums of the layers; before the first call. Nothing on the CPU. */
la_status la_site_room(la_site *s, size_t bytes, la_err *err);

#endif
