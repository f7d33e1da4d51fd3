/* SPDX-License-Identifier: Apache-2.0
 * Threads that work on one thing together, phase by phase: inside one parallel region each takes its share
 * by its rank, and waits for the others where a phase reads what another wrote. Starting a region costs
 * microseconds, a wait a fraction of one while every member has a core.
 */
#ifndef LA_TEAM_H
#define LA_TEAM_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

/* Set to zeros by one thread before any waits; its members may wait at it as often as they like. */
typedef struct la_barrier {
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_uint phase;
} la_barrier;

typedef struct la_team {
    int rank, size;      /* this thread among the members */
    la_barrier *barrier; /* of this team; not read where size is 1 */
} la_team;

#define LA_TEAM_SPINS 100 /* about 10 us; then a thread that has no core is given one */

/* Between looks at something that others change; after some in vain, with the core given away. */
static inline void la_team_pause(int spins)
{
    if (spins == 0) return;
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
    if (spins > LA_TEAM_SPINS) sched_yield();
}

/* Until *flag, which grows, is n or more; what was written before it was set is seen behind. */
static inline void la_team_reach(const atomic_uint *flag, unsigned n)
{
    for (int spins = 1; (int)(atomic_load_explicit(flag, memory_order_acquire) - n) < 0; spins++)
        la_team_pause(spins);
}

/* Everything that any member wrote before is seen by all members behind. */
static inline void la_team_wait(const la_team *team)
{
    if (team->size == 1) return;
    la_barrier *b = team->barrier;
    unsigned phase = atomic_load_explicit(&b->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) == team->size - 1) {
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&b->phase, phase + 1, memory_order_release);
        return;
    }
    la_team_reach(&b->phase, phase + 1);
}

/* Where the share of member `rank` of n things starts; the next one's start is its end. */
static inline int64_t la_team_share(const la_team *team, int rank, int64_t n)
{
    return n * rank / team->size;
}

#endif
