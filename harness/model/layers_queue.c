/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "layers_cuda.h"
#include "token_jobs.h"

static _Thread_local la_layers_queue *now;

void la_layers_queue_enter(la_layers_queue *q)
{
    now = q;
}

la_layers_queue *la_layers_queue_now(void)
{
    return now;
}

size_t la_layers_cuda_scratch(int64_t columns, int64_t rows, int64_t vocabulary, int64_t D,
                              int64_t scored)
{
    /* SUM_GROUPS of layers_cuda.cuh; what few columns take, and split products, fits the least. */
    const int64_t groups = 64;
    const size_t least = 1 << 20;
    size_t sums = (size_t)(groups * columns) * sizeof(float);
    size_t jobs = (size_t)(la_token_jobs_layout(rows, vocabulary).most_jobs * D) * sizeof(float);
    size_t loss = (size_t)scored * (sizeof(double) + sizeof(int32_t)), most = least;
    most = sums > most ? sums : most;
    most = jobs > most ? jobs : most;
    return loss > most ? loss : most;
}

#if LA_HAVE_CUDA
static la_layers table;

static void fill(void)
{
    la_layers_cuda_norm(&table);
    la_layers_cuda_act(&table);
    la_layers_cuda_rows(&table);
    la_layers_cuda_gates(&table);
    la_layers_cuda_loss(&table);
}

const la_layers *la_layers_cuda(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill);
    return &table;
}
#else
const la_layers *la_layers_cuda(void)
{
    return NULL;
}

/* No site opens on a device without that table, so no step comes here. */
void la_cuda_update(int64_t n, const uint8_t *kind, const double *loss, la_step_stock *stock,
                    const float *g, float *w, float *m, float *v)
{
    (void)n, (void)kind, (void)loss, (void)stock, (void)g, (void)w, (void)m, (void)v;
    LA_ASSERT(!"a step on a device in a build without CUDA");
}
#endif
