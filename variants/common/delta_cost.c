/* SPDX-License-Identifier: Apache-2.0
 * What the recurrent family costs: the mathematics, and its two forms. A multiply-add counts 2.
 */
#include "delta_backward.h"

static double tokens_of(const la_problem *p, la_pass pass)
{
    return (double)p->B * (double)p->H * (pass == LA_DECODE ? 1.0 : (double)p->T);
}

static double states_of(const la_problem *p)
{
    return (double)p->B * (double)p->H * (double)p->dk * (double)p->dv;
}

/* 1 where S is read once more and written by what was read: the delta rule, the rank-one rule. */
static double reads_twice(const la_recurrence *m)
{
    return m->write == LA_WRITE_ADDITIVE ? 0.0 : 1.0;
}

/* 1 where that writes with a key of its own, b. */
static double writes_twice(const la_recurrence *m)
{
    return m->write == LA_WRITE_RANK_ONE ? 1.0 : 0.0;
}

/* Bytes of a token and head: q, k, v of the problem's type (q and k are shared by a group), v's alone, and
 * what is always float32. */
typedef struct token_bytes {
    double qkv, v, gates;
} token_bytes;

static token_bytes bytes_of_token(const la_recurrence *m, const la_problem *p)
{
    double dk = (double)p->dk, group = (double)(p->H / p->Hqk);
    double size = (double)la_dtype_size(p->dtype), v = size * (double)p->dv;
    double gate = m->decay == LA_DECAY_CHANNEL ? dk : m->decay == LA_DECAY_HEAD ? 1.0 : 0.0;
    double floats = gate + (m->weighted ? 1.0 : 0.0) + 2 * dk * writes_twice(m);
    return (token_bytes){.qkv = size * 2 * dk / group + v, .v = v, .gates = sizeof(float) * floats};
}

/* Forward: inputs and the output once; S once in and once out (for a single token that is most of it).
 * Backward: inputs and the gradient of the output in, gradients of the inputs out; S and the gradient
 * of the last one in, that of the first out. */
static double bytes_of(const la_recurrence *m, const la_problem *p, la_pass pass)
{
    token_bytes each = bytes_of_token(m, p);
    double tokens = tokens_of(p, pass), inputs = each.qkv + each.gates;
    double states = sizeof(float) * states_of(p);
    double forward = tokens * (inputs + each.v) + 2 * states;
    double backward = tokens * (2 * inputs + each.v) + 3 * states;
    return (pass == LA_BACKWARD ? 0.0 : forward) +
           (pass == LA_BACKWARD || pass == LA_FWDBWD ? backward : 0.0);
}

/* Per token, in units of dk dv. Forward: 2 to write, 2 to read out, 2 for the delta rule's own reading (a's
 * of the rank-one rule), 2 to write under b, 1 for a decay. Backward, given the states: 2 each for dq, the
 * gradient of what was read out, dk and that of what was written, 4 for the delta rule's reading, 4 for b;
 * 1 for a decay and 2 for the gradient of a gate. */
la_status la_delta_useful(const la_recurrence *m, const la_problem *p, la_pass pass, la_cost *cost)
{
    double rule = reads_twice(m) + writes_twice(m), decay = m->decay != LA_DECAY_NONE;
    double gate = m->decay >= LA_DECAY_HEAD;
    double forward = 4.0 + 2.0 * rule + decay, backward = 8.0 + 4.0 * rule + decay + 2.0 * gate;
    double each = (pass == LA_BACKWARD ? 0.0 : forward) +
                  (pass == LA_BACKWARD || pass == LA_FWDBWD ? backward : 0.0);
    *cost = (la_cost){.flops = tokens_of(p, pass) * each * (double)(p->dk * p->dv),
                      .bytes = bytes_of(m, p, pass),
                      .version = 2};
    return LA_OK;
}

/* The rank-one rule by chunks of C, tokens padded to whole ones. Forward: 2C reads meet S and 2C writes
 * make the next; inside, the scores of 2C reads with 2C writes, tril(M_ak) V, the substitution and, where O
 * is wanted, the lower halves of M_qb W and M_qk V and q's reading of S. Back: forward again but for O; 2C
 * gradients each through S, dS, out of writes and into dS; dM, its two products, and the lower halves of
 * three products with M and of the transposed substitution. */
static double rank_one_flops(const la_problem *p, bool back)
{
    const int64_t C = LA_DELTA_BACK;
    double dk = (double)p->dk, dv = (double)p->dv, c = (double)C;
    double padded = (double)(p->B * p->H) * (double)((p->T + C - 1) / C * C);
    double again = 3 * 2 * dk * dv + 8 * c * dk + 2 * c * dv;
    double forward = again + 2 * dk * dv + 2 * c * dv;
    double backward = again + 8 * 2 * dk * dv + c * (16 * dk + (8 + 4) * dv) + 2 * dk * dv / c;
    return padded * (back ? backward : forward);
}

/* The chunk form forwards: per token 2 dk dv for each of Q S, K' U and (delta) K S; C dk for each of the
 * lower halves of Q K' and (delta) K K'; C dv for tril(P) U and (delta) the substitution. */
static double chunk_flops(const la_recurrence *m, const la_problem *p, const void *opts)
{
    double dk = (double)p->dk, dv = (double)p->dv, delta = m->write == LA_WRITE_DELTA;
    if (m->write == LA_WRITE_RANK_ONE) return rank_one_flops(p, false);
    int64_t longest = la_delta_chunk_of(opts);
    double C = (double)(p->T < longest ? p->T : longest);
    return tokens_of(p, LA_FORWARD) * ((2 + delta) * 2 * dk * dv + (1 + delta) * C * (dk + dv));
}

/* Backwards, with tokens padded to whole chunks. Forward again: K' U, (delta) K S, and inside a chunk Q K'
 * and (delta) K K' and the substitution. Back: K dS, dO S', U dS' and Q' dO, (delta) N S' and K' N;
 * inside a chunk P' dO, dO U', dP K, dP' Q, (delta) the transposed substitution, N U' and K again. */
static double backward_flops(const la_recurrence *m, const la_problem *p)
{
    const int64_t C = LA_DELTA_BACK;
    double dk = (double)p->dk, dv = (double)p->dv, delta = m->write == LA_WRITE_DELTA;
    if (m->write == LA_WRITE_RANK_ONE) return rank_one_flops(p, true);
    double padded = (double)(p->B * p->H) * (double)((p->T + C - 1) / C * C);
    double states = (5 + 3 * delta) * 2 * dk * dv;
    double inside = (double)C * ((4 + 4 * delta) * dk + (3 + 4 * delta) * dv);
    double gate = m->decay >= LA_DECAY_HEAD ? 2 * dk * dv / (double)C : 0.0;
    return padded * (states + inside + gate);
}

/* Both forms share backward, which reads the saved states and runs through each segment again. */
la_status la_delta_cost(const la_recurrence *m, la_delta_form form, const la_problem *p,
                        la_pass pass, const void *opts, la_cost *cost)
{
    la_pass one_way = pass == LA_DECODE ? LA_DECODE : LA_FORWARD;
    la_delta_useful(m, p, one_way, cost);
    if (form == LA_DELTA_CHUNK && pass != LA_DECODE) cost->flops = chunk_flops(m, p, opts);
    if (pass != LA_BACKWARD && pass != LA_FWDBWD) return LA_OK;
    la_sizes sizes;
    la_delta_sizes(m, form, p, pass, opts, &sizes);
    double saved = (double)sizes.saved * (pass == LA_FWDBWD ? 2.0 : 1.0); /* written and read */
    cost->flops = (pass == LA_FWDBWD ? cost->flops : 0.0) + backward_flops(m, p);
    cost->bytes = bytes_of(m, p, pass) + saved;
    return LA_OK;
}
