/* SPDX-License-Identifier: Apache-2.0 */
#include "token_jobs.h"

#include <string.h>

void la_token_jobs_fill(const la_token_jobs *jobs, int64_t N, const int32_t *tokens)
{
    const la_token_layout l = la_token_jobs_layout(jobs->rows, jobs->vocabulary);
    int32_t *t = jobs->table, *end = t + l.used, n_jobs = 0, n_tokens = 0, before = 0;
    memset(end, 0, (size_t)jobs->vocabulary * sizeof *end);
    for (int64_t i = 0; i < N; i++) end[tokens[i]]++;
    for (int64_t v = 0; v < jobs->vocabulary; v++) {
        int32_t n = end[v], first = before;
        end[v] = before; /* the sort counts it up to the end */
        before += n;
        if (n == 0) continue;
        t[l.token + n_tokens] = (int32_t)v;
        t[l.first + n_tokens++] = n_jobs;
        for (int32_t done = 0; done < n; done += LA_JOB_ROWS) t[l.start + n_jobs++] = first + done;
    }
    t[l.start + n_jobs] = (int32_t)N;
    t[l.first + n_tokens] = n_jobs;
    for (int64_t i = 0; i < N; i++) t[l.order + end[tokens[i]]++] = (int32_t)i;
    t[0] = n_jobs;
    t[1] = n_tokens;
}
