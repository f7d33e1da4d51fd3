/* SPDX-License-Identifier: Apache-2.0
 * Backward of the recurrent family on CUDA devices, the host's part: how a sequence is divided into windows, where
 * what the kernels hand on lies in the work buffer, and the order of launches (delta_back.h).
 *
 * With one window, states go from S_in to the last chunk and their gradients back. With more, a first pass
 * forward keeps the state before each window but the first, and each window makes its scores and states
 * again on the way back: a quarter more work for memory that does not grow with the sequence.
 */
#include "delta_back.h"

static int64_t up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static la_delta_back_sizes sizes_of(la_write_rule write, const la_problem *p)
{
    const int64_t C = LA_DELTA_BACK_C, K = up(p->dk, 16), W = up(p->dv, LA_DELTA_BACK_COLS);
    const int64_t reads = write == LA_WRITE_ADDITIVE ? C : 2 * C;
    const int64_t writes = write == LA_WRITE_RANK_ONE ? 2 * C : C;
    const bool solved = write != LA_WRITE_ADDITIVE;
    la_delta_back_sizes s = {.K = K,
                             .W = W,
                             .in = reads * K,
                             .out = writes * K,
                             .whole = K,
                             .M = reads * writes,
                             .T = solved ? C * C : 0,
                             .S = K * W,
                             .X = solved ? C * W : 0,
                             .dU = C * W,
                             .parts = p->Hqk < p->H ? C * K : 0};
    s.chunk = s.in + s.out + s.whole + s.M + s.T + 2 * s.S + s.X + s.dU + 2 * s.parts;
    return s;
}

la_delta_back_plan la_delta_back_divide(la_write_rule write, const la_problem *p, size_t most)
{
    int64_t heads = p->B * p->H, all = (p->T + LA_DELTA_BACK_C - 1) / LA_DELTA_BACK_C;
    la_delta_back_plan plan = {.each = sizes_of(write, p), .state = heads * p->dk * p->dv};
    int64_t fit = (int64_t)(most / sizeof(float)) / (heads * plan.each.chunk);
    plan.chunks = fit < 1 ? 1 : fit < all ? fit : all;
    plan.windows = (all + plan.chunks - 1) / plan.chunks;
    /* States before all windows but the first, and the gradient between two windows. */
    plan.floats = plan.chunks * heads * plan.each.chunk + plan.windows * up(plan.state, 4);
    if (plan.windows == 1) plan.floats -= up(plan.state, 4);
    return plan;
}

/* Where the parts of all chunks of all heads begin; returns the end. */
static float *lay(la_delta_back *w, const la_delta_back_plan *plan, float *work)
{
    const la_delta_back_sizes *s = &plan->each;
    const struct {
        float **part;
        int64_t floats;
    } parts[] = {{&w->in, s->in}, {&w->out, s->out},       {&w->whole, s->whole},  {&w->M, s->M},
                 {&w->T, s->T},   {&w->S, s->S},           {&w->dS, s->S},         {&w->X, s->X},
                 {&w->dU, s->dU}, {&w->dq_part, s->parts}, {&w->dk_part, s->parts}};
    for (size_t i = 0; i < LA_COUNT(parts); i++) {
        *parts[i].part = parts[i].floats ? work : NULL;
        work += parts[i].floats * plan->chunks * w->c.B * w->c.H;
    }
    w->K = s->K;
    w->W = s->W;
    return work;
}

static void look_at(la_delta_back *w, const la_delta_back_plan *plan, int64_t window)
{
    int64_t all = (w->c.T + LA_DELTA_BACK_C - 1) / LA_DELTA_BACK_C, from = window * plan->chunks;
    w->first = from * LA_DELTA_BACK_C;
    w->chunks = all - from < plan->chunks ? all - from : plan->chunks;
}

la_status la_delta_back_run(la_delta_back *w, const la_problem *p, size_t most, float *work,
                            la_err *err)
{
    la_delta_back_plan plan = la_delta_back_divide(w->c.write, p, most);
    int64_t heads = p->B * p->H, groups = plan.each.W / LA_DELTA_BACK_COLS;
    if (heads > INT32_MAX / (plan.chunks > groups ? plan.chunks : groups) ||
        heads * plan.chunks > INT32_MAX / (LA_DELTA_BACK_C * plan.each.K / 256))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "more blocks than one launch may have");
    float *between =
        lay(w, &plan, work); /* the gradient there; then states before windows 1, 2, ... */
    const int64_t apart = up(plan.state, 4);
    for (int64_t i = 0; i + 1 < plan.windows; i++) {
        look_at(w, &plan, i);
        LA_TRY(la_delta_back_prepare(w, err));
        LA_TRY(la_delta_back_states(w, i == 0 ? w->c.S_in : between + i * apart,
                                    between + (i + 1) * apart, false, err));
    }
    for (int64_t i = plan.windows; i-- > 0;) {
        bool last = i + 1 == plan.windows;
        look_at(w, &plan, i);
        LA_TRY(la_delta_back_prepare(w, err));
        LA_TRY(la_delta_back_states(w, i == 0 ? w->c.S_in : between + i * apart, NULL, true, err));
        LA_TRY(la_delta_back_scan(w, last ? w->dS_out : between, i == 0 ? w->dS_in : between, err));
        if (w->dq || w->dk || w->dbeta || w->dg || w->da || w->db)
            LA_TRY(la_delta_back_gradients(w, err));
    }
    return LA_OK;
}

size_t la_delta_cuda_back_work(la_write_rule write, const la_problem *p)
{
    return (size_t)la_delta_back_divide(write, p, LA_DELTA_BACK_WORK).floats * sizeof(float);
}

la_status la_delta_cuda_back(const la_delta_call *call, const la_problem *p, const la_grads *grads,
                             void *work, la_err *err)
{
    la_delta_back w = {.c = *call,
                       .dout = grads->dout,
                       .dS_out = grads->dstate_out,
                       .dq = grads->dq,
                       .dk = grads->dk,
                       .dv = grads->dv,
                       .dbeta = call->beta ? grads->dbeta : NULL,
                       .dg = call->g ? grads->dg : NULL,
                       .da = grads->da,
                       .db = grads->db,
                       .dS_in = grads->dstate_in,
                       .shared = la_delta_back_shared()};
    return la_delta_back_run(&w, p, LA_DELTA_BACK_WORK, work, err);
}
