/* SPDX-License-Identifier: Apache-2.0
 * Where what lies in the table of la_token_jobs. A job is at most LA_JOB_ROWS rows of one token; jobs of a
 * token are neighbours, and their rows stand in `order`, ascending.
 */
#ifndef LA_TOKEN_JOBS_H
#define LA_TOKEN_JOBS_H

#include "layers.h"

#define LA_JOB_ROWS 64

typedef struct la_token_layout {
    int64_t most_jobs, most_tokens;
    int64_t order; /* [rows]; in front of it the numbers of jobs and of tokens that occur */
    int64_t start; /* [most_jobs + 1]: the first of a job's rows in `order` */
    int64_t first; /* [most_tokens + 1]: the first job of a token */
    int64_t token; /* [most_tokens] */
    int64_t used;  /* what a device reads; behind it [vocabulary] for the sort */
    int64_t size;
} la_token_layout;

#ifdef __CUDACC__
__host__ __device__
#endif
    static inline la_token_layout
    la_token_jobs_layout(int64_t rows, int64_t vocabulary)
{
    la_token_layout l;
    l.most_tokens = vocabulary < rows ? vocabulary : rows;
    l.most_jobs = rows / LA_JOB_ROWS + l.most_tokens;
    l.order = 2;
    l.start = l.order + rows;
    l.first = l.start + l.most_jobs + 1;
    l.token = l.first + l.most_tokens + 1;
    l.used = l.token + l.most_tokens;
    l.size = l.used + vocabulary;
    return l;
}

/* Writes the table for N <= jobs->rows tokens; in memory of the host. */
#ifdef __cplusplus
extern "C"
#endif
    void
    la_token_jobs_fill(const la_token_jobs *jobs, int64_t N, const int32_t *tokens);

#endif
