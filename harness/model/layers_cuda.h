/* SPDX-License-Identifier: Apache-2.0
 * The layers on a CUDA device. Their table has the signatures of the CPU's, without room for a stream: calls of
 * a thread go to the queue that it entered last, and what a launch says is kept there until it is asked
 * for.
 */
#ifndef LA_LAYERS_CUDA_H
#define LA_LAYERS_CUDA_H

#include "layers.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct la_layers_queue {
    void *stream;
    char *scratch; /* partial sums of one layer, on the device */
    size_t scratch_bytes;
    struct la_site_piece *pieces; /* of memory that the site took; site.c */
    la_status status;             /* of the first call that failed */
    la_err err;
} la_layers_queue;

void la_layers_queue_enter(la_layers_queue *q); /* of this thread */
la_layers_queue *la_layers_queue_now(void);

/* NULL in a build without CUDA. conv_grad wants B*T*D floats of scratch, embed_grad its jobs; adamw and
 * sum_squares are NULL: la_cuda_update is both. */
const la_layers *la_layers_cuda(void);

/* Bytes of scratch: for sums of `columns` numbers over any rows, for embed_grad over `rows` of D numbers, for
 * the loss of `scored` rows. */
size_t la_layers_cuda_scratch(int64_t columns, int64_t rows, int64_t vocabulary, int64_t D,
                              int64_t scored);

/* Where a step stands, on the device. */
typedef struct la_step_stock {
    la_adamw how; /* from the host; its grad_scale is not read */
    double clip;  /* 0: none */
    int64_t answers;
    double loss, norm; /* mean over the answers, norm of the gradient before clipping */
    float grad_scale;
    int32_t good; /* both are finite, and the weights were changed */
} la_step_stock;
enum {
    LA_FROZEN,
    LA_TRAINED,
    LA_DECAYED
}; /* of an element of the flat array: weight decay or none */
/* The norm of g, clipping, and AdamW over all n parameters; `loss` is the sum over the answers. Weights stay
 * as they are when the loss or the norm is not finite. */
void la_cuda_update(int64_t n, const uint8_t *kind, const double *loss, la_step_stock *stock,
                    const float *g, float *w, float *m, float *v);

/* Of the table, file by file. */
void la_layers_cuda_norm(la_layers *table);
void la_layers_cuda_act(la_layers *table);
void la_layers_cuda_rows(la_layers *table);
void la_layers_cuda_gates(la_layers *table);
void la_layers_cuda_loss(la_layers *table);

#ifdef __cplusplus
}
#endif
#endif
