/* SPDX-License-Identifier: Apache-2.0
 * Peers in a plan: their cells stand beside ours for the kernel passes of the same problems.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "plan_internal.h"
#include "registry.h"

static bool has_something(const la_axes *x, const la_peer *peer)
{
    for (size_t i = 0; i < peer->n_impls; i++)
        for (size_t j = 0; j < x->n_variants; j++)
            if (peer->impls[i].variant == x->variants[j]) return true;
    return false;
}

/* `all` leaves out examples and who has nothing for this sweep; a name is meant. */
static la_status take(la_axes *x, la_peer *peer, bool from_all, la_err *err)
{
    if (from_all && peer->example) return LA_OK;
    if (!has_something(x, peer)) {
        if (from_all) return LA_OK;
        return LA_FAIL(err, LA_E_ARG,
                       "--peers %s: it has no variant of this sweep; 'labench peers' shows what it "
                       "has",
                       peer->name);
    }
    for (size_t i = 0; i < x->n_peers; i++)
        if (x->peers[i] == peer)
            return LA_FAIL(err, LA_E_ARG, "--peers names '%s' twice", peer->name);
    if (x->n_peers == LA_PLAN_PEERS)
        return LA_FAIL(err, LA_E_ARG, "--peers has more than %d peers", LA_PLAN_PEERS);
    la_peer_probe(peer);
    x->peers[x->n_peers++] = peer;
    return LA_OK;
}

static la_status take_all(la_axes *x, la_err *err)
{
    char path[PATH_MAX], where[512];
    size_t n = 0;
    la_peer *peer;
    for (; la_peer_manifest_at(n, path, sizeof path); n++) {
        LA_TRY(la_peer_load(path, &peer, err));
        LA_TRY(take(x, peer, true, err));
    }
    if (n > 0) return LA_OK;
    return LA_FAIL(err, LA_E_ARG, "--peers all: there are none. Searched: %s",
                   la_peer_search_words(where, sizeof where));
}

la_status la_plan_find_peers(la_axes *x, la_err *err)
{
    const la_words *words = &x->spec->peers;
    la_peer *peer;
    for (size_t i = 0; i < words->n; i++) {
        if (strcmp(words->v[i], "all") == 0 && words->n == 1) return take_all(x, err);
        if (strcmp(words->v[i], "all") == 0)
            return LA_FAIL(err, LA_E_ARG, "--peers all names every peer already");
        LA_TRY(la_peer_find(words->v[i], &peer, err));
        LA_TRY(take(x, peer, false, err));
    }
    return LA_OK;
}

/* Those impls of one peer that take this cell; when none does, its first with the reason. */
static la_status add_peer(la_axes *x, const la_peer *peer, la_cell *proto, la_err *err)
{
    const la_impl *refused = NULL;
    size_t added = 0;
    for (size_t i = 0; i < peer->n_impls; i++) {
        const la_peer_impl *impl = &peer->impls[i];
        if (impl->variant != proto->variant) continue;
        if (x->names_peers && !la_plan_named(x->spec, &impl->impl)) continue;
        proto->impl = &impl->impl;
        LA_TRY(la_plan_add(x, proto, err));
        if (x->plan->cells[x->plan->n - 1].refused) {
            la_plan_drop_last(x->plan);
            if (!refused) refused = proto->impl;
        } else {
            added++;
        }
    }
    if (added || !refused) return LA_OK;
    proto->impl = refused;
    return la_plan_add(x, proto, err);
}

la_status la_plan_add_peers(la_axes *x, la_cell *proto, la_err *err)
{
    for (size_t i = 0; i < x->n_peers; i++) LA_TRY(add_peer(x, x->peers[i], proto, err));
    return LA_OK;
}
