/* SPDX-License-Identifier: Apache-2.0
 * Cutting: a sequence computed in pieces, the state handed over, equals the sequence computed whole,
 * wherever it is cut; token by token it is the decode pass.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "elements.h"
#include "labench/kit.h"
#include "suite.h"

/* A sequence on its way: the whole output so far, and the state in one of two buffers. */
typedef struct walk {
    const la_case *c;
    la_buffer o, state[2];
    int now;       /* the buffer that holds the state */
    bool in_place; /* state_out is state_in; else the other buffer */
    int64_t pos;
} walk;

static void walk_release(walk *w)
{
    la_buffer_release(&w->o);
    la_buffer_release(&w->state[0]);
    la_buffer_release(&w->state[1]);
}

static la_status walk_init(walk *w, const la_case *c, bool in_place, la_err *err)
{
    *w = (walk){.c = c, .in_place = in_place};
    la_part parts[LA_MAX_PARTS];
    size_t n = c->variant->state_parts(&c->p, c->opts, parts, LA_MAX_PARTS);
    size_t bytes = la_state_layout(parts, n, NULL);
    la_status st = la_buffer_init(&w->o, (size_t)(c->p.B * c->p.T) * la_case_row_bytes(c), err);
    for (int i = 0; i < 2 && st == LA_OK; i++) st = la_buffer_init(&w->state[i], bytes, err);
    if (st != LA_OK) {
        walk_release(w);
        return st;
    }
    la_buffer_poison(&w->o);
    la_buffer_poison(&w->state[0]);
    la_buffer_poison(&w->state[1]);
    return LA_OK;
}

/* Tokens pos..pos+n-1 with an instance made for n tokens of a call. */
static la_status walk_call(walk *w, la_instance *inst, int64_t n, la_err *err)
{
    const la_case *c = w->c;
    la_inputs in;
    LA_TRY(la_inputs_piece(c->variant, c->opts, c->in, w->pos, n, &in, err));
    bool fresh = w->pos == 0 && inst->pass != LA_DECODE;
    int out = w->in_place ? w->now : 1 - w->now;
    if (!w->in_place || fresh) la_buffer_poison(&w->state[out]);
    la_status st = la_case_call(inst, &in, fresh ? NULL : w->state[w->now].data, w->state[out].data,
                                w->pos, err);
    la_inputs_release(&in);
    if (st != LA_OK) return st;
    for (int i = 0; i < 2; i++)
        if (!la_buffer_intact(&w->state[i]))
            return LA_FAIL(err, LA_E_WRONG, "writes outside its state buffer of %zu bytes",
                           w->state[i].bytes);
    size_t row = la_case_row_bytes(c);
    for (int64_t b = 0; b < c->p.B; b++)
        memcpy((char *)w->o.data + (size_t)(b * c->p.T + w->pos) * row,
               (const char *)inst->o.data + (size_t)(b * n) * row, (size_t)n * row);
    w->now = out;
    w->pos += n;
    return LA_OK;
}

static la_status walk_forward(walk *w, int64_t n, la_err *err)
{
    la_instance inst;
    LA_TRY(la_case_instance(w->c, LA_FORWARD, n, w->c->p.threads, &inst, err));
    la_status st = walk_call(w, &inst, n, err);
    la_instance_release(&inst);
    return st;
}

static la_status walk_decode(walk *w, int64_t n, la_err *err)
{
    la_instance inst;
    LA_TRY(la_case_instance(w->c, LA_DECODE, 1, w->c->p.threads, &inst, err));
    if (w->pos == 0) {
        la_instance_state_initial(&inst);
        memcpy(w->state[w->now].data, inst.state.data, inst.state.bytes);
    }
    la_status st = LA_OK;
    for (int64_t i = 0; i < n && st == LA_OK; i++) st = walk_call(w, &inst, 1, err);
    la_instance_release(&inst);
    return st;
}

/* Pieces in thousandths of the length or, with a minus, in tokens; 0 ends the list and the rest of
 * the sequence is the last piece. Letters: f forward, d decode steps. */
typedef struct plan {
    const char *name, *steps;
    int64_t pieces[4];
} plan;

static int64_t piece_tokens(const plan *cut, size_t i, int64_t T, int64_t left)
{
    int64_t n = cut->pieces[i];
    if (n == 0) return left;
    n = n < 0 ? -n : T * n / 1000;
    return n < left ? n : left;
}

static la_status walk_plan(const la_case *c, const plan *cut, bool in_place, la_err *err)
{
    walk w;
    LA_TRY(walk_init(&w, c, in_place, err));
    la_err why = {0};
    la_status st = LA_OK;
    for (size_t i = 0; cut->steps[i] && st == LA_OK; i++) {
        int64_t n = piece_tokens(cut, i, c->p.T, c->p.T - w.pos);
        if (n == 0) continue;
        st = cut->steps[i] == 'd' ? walk_decode(&w, n, &why) : walk_forward(&w, n, &why);
    }
    if (st == LA_OK) st = la_case_judge(c, w.o.data, &why);
    if (st == LA_OK && c->want_state) st = la_case_judge_state(c, w.state[w.now].data, &why);
    walk_release(&w);
    if (st == LA_OK) return LA_OK;
    return LA_FAIL(err, st, "%s, state %s: %s", cut->name,
                   in_place ? "in place" : "from one buffer to another", why.msg);
}

static la_status walk_plans(const la_case *c, const plan *plans, size_t n, la_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr(plans[i].steps, 'd') && !(c->impl->caps & LA_CAP_DECODE)) continue;
        for (int in_place = 0; in_place <= 1; in_place++)
            LA_TRY(walk_plan(c, &plans[i], in_place, err));
    }
    return LA_OK;
}

la_status la_check_cutting(const la_case *c, la_err *err)
{
    static const plan plans[] = {
        {"in one piece with the state wanted", "f", {0}},
        {"the first token alone", "ff", {-1, 0}},
        {"cut in the middle", "ff", {500, 0}},
        {"cut before token 63", "ff", {-63, 0}},
        {"cut before token 64", "ff", {-64, 0}},
        {"three pieces", "fff", {300, 450, 0}},
        {"the last token alone", "fff", {999, -1, 0}},
        {"forward, then decode", "fd", {700, 0}},
        {"decode, then forward", "df", {200, 0}},
        {"forward, one decode step, forward", "fdf", {400, -1, 0}},
    };
    return walk_plans(c, plans, LA_COUNT(plans), err);
}

la_status la_check_decode(const la_case *c, la_err *err)
{
    static const plan plans[] = {{"token by token", "d", {0}}};
    return walk_plans(c, plans, LA_COUNT(plans), err);
}

/* Decode with a query alone: an empty cache gives o = 0, a full one what the last token saw. */
la_status la_check_query(const la_case *c, la_err *err)
{
    walk w;
    la_instance inst = {0};
    la_inputs last = {0};
    LA_TRY(walk_init(&w, c, true, err));
    la_status st = la_inputs_piece(c->variant, c->opts, c->in, c->p.T - 1, 1, &last, err);
    if (st == LA_OK) st = la_case_instance(c, LA_DECODE, 1, c->p.threads, &inst, err);
    if (st != LA_OK) goto done;
    la_instance_state_initial(&inst);
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, &last);
    io.k = io.v = NULL;
    io.state_in = io.state_out = inst.state.data;
    st = inst.impl->decode(inst.self, &io, err);
    int64_t row = c->p.H * c->p.dv;
    for (int64_t i = 0; st == LA_OK && i < c->p.B * row; i++) {
        double o = la_element(inst.o.data, i, c->p.dtype);
        if (o == 0) continue;
        st = LA_FAIL(err, LA_E_WRONG,
                     "a query on an empty cache gives %.9g at %" PRId64 " where 0 is right", o, i);
    }
    if (st == LA_OK) st = walk_decode(&w, c->p.T, err);
    if (st != LA_OK) goto done;
    /* The query sees all T tokens without adding one: the last row of the causal forward. */
    io.state_in = io.state_out = w.state[w.now].data;
    io.pos = c->p.T;
    la_instance_poison(&inst);
    st = inst.impl->decode(inst.self, &io, err);
    size_t bytes = la_case_row_bytes(c);
    for (int64_t b = 0; b < c->p.B; b++)
        memcpy((char *)w.o.data + (size_t)((b + 1) * c->p.T - 1) * bytes,
               (const char *)inst.o.data + (size_t)b * bytes, bytes);
    la_err why = {0};
    if (st == LA_OK) st = la_case_judge(c, w.o.data, &why);
    if (why.msg[0]) LA_FAIL(err, st, "a query on a full cache: %s", why.msg);
done:
    walk_release(&w);
    la_instance_release(&inst);
    la_inputs_release(&last);
    return st;
}
