/* SPDX-License-Identifier: Apache-2.0
 * The order of the way back, alone or as a team; what is done to a chunk is in the files compiled per
 * instruction set.
 */
#include "delta_backward.h"
#include "delta_rows.h"

static int64_t segment_end(const la_delta_slice *x, int64_t s)
{
    return (s + 1) * x->segment < x->T ? (s + 1) * x->segment : x->T;
}

static int64_t chunks_of(const la_delta_slice *x, int64_t s)
{
    return (segment_end(x, s) - s * x->segment + LA_DELTA_BACK - 1) / LA_DELTA_BACK;
}

/* Chunk i of segment s, which member `rank` has. */
static la_delta_place place(const la_delta_slice *x, int64_t s, int64_t i, int rank)
{
    int64_t t = s * x->segment + i * LA_DELTA_BACK, left = segment_end(x, s) - t;
    return (la_delta_place){
        .rank = rank, .i = i, .t = t, .n = left < LA_DELTA_BACK ? left : LA_DELTA_BACK};
}

/* Forward through segment s, which this member has. */
static void again(const la_delta_way_back *b, int64_t s)
{
    const la_delta_slice *x = b->x;
    int64_t chunks = chunks_of(x, s);
    const float *from = s ? x->saved + (s - 1) * x->dk * x->S_row : x->S_in;
    la_state_take(x, from, b->K, b->W, b->state(b->self, 0));
    for (int64_t i = 0; i < chunks; i++)
        b->again(b->self, place(x, s, i, b->team->rank),
                 i + 1 < chunks ? b->state(b->self, i + 1) : NULL);
}

/* Nobody shares: a chunk's gradients are made while the chunk is in the cache. */
static void back_alone(const la_delta_way_back *b, int64_t s)
{
    again(b, s);
    for (int64_t i = chunks_of(b->x, s); i-- > 0;) {
        la_delta_place at = place(b->x, s, i, 0);
        b->scan(b->self, at, 0, b->W);
        b->gradients(b->self, at);
        b->carry(b->self, at, 0, b->W, b->dS);
    }
}

/* The columns [j, end) of dS through all chunks of the segments [s0, s1), of which member m has s0 + m. */
static void scan_block(const la_delta_way_back *b, int64_t s0, int64_t s1, int64_t j, int64_t end)
{
    la_delta_place behind = {0};
    for (int64_t s = s1; s-- > s0;)
        for (int64_t i = chunks_of(b->x, s); i-- > 0;) {
            la_delta_place at = place(b->x, s, i, (int)(s - s0));
            float *dS = b->after(b->self, at);
            if (behind.n)
                b->carry(b->self, behind, j, end, dS);
            else
                for (int64_t r = 0; r < b->K; r++)
                    memcpy(dS + r * b->W + j, b->dS + r * b->W + j, (size_t)(end - j) * sizeof *dS);
            b->scan(b->self, at, j, end);
            behind = at;
        }
    b->carry(b->self, behind, j, end, b->dS);
}

/* The segments [s0, s1), one a member, but for the columns of dS. */
static void back_together(const la_delta_way_back *b, int64_t s0, int64_t s1)
{
    const la_team *team = b->team;
    int64_t s = s0 + team->rank, vectors = b->W / LA_DELTA_ALIGN;
    int64_t j = la_team_share(team, team->rank, vectors) * LA_DELTA_ALIGN;
    int64_t end = la_team_share(team, team->rank + 1, vectors) * LA_DELTA_ALIGN;
    if (s < s1) again(b, s);
    la_team_wait(team);
    if (j < end) scan_block(b, s0, s1, j, end);
    la_team_wait(team);
    for (int64_t i = 0; s < s1 && i < chunks_of(b->x, s); i++)
        b->gradients(b->self, place(b->x, s, i, team->rank));
}

void la_delta_walk_back(const la_delta_way_back *b, const float *dS_out, float *dS_in)
{
    const la_delta_slice *x = b->x;
    int members = b->team->size;
    if (b->team->rank == 0) la_state_take(x, dS_out, b->K, b->W, b->dS);
    for (int64_t end = (x->T - 1) / x->segment + 1; end > 0; end -= members)
        if (members == 1)
            back_alone(b, end - 1);
        else
            back_together(b, end > members ? end - members : 0, end);
    if (b->team->rank == 0) la_state_give(x, b->dS, b->W, dS_in);
}
