/* SPDX-License-Identifier: Apache-2.0
 * The peers that this process knows, and where manifests are looked for.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "peer.h"
#include "search.h"
#include "text.h"

enum { PEERS_MOST = 64 };
static la_peer *table[PEERS_MOST];
static size_t table_len;

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

la_status la_peer_load(const char *path, la_peer **out, la_err *err)
{
    char inside[PATH_MAX], full[PATH_MAX];
    *out = NULL;
    if (is_folder(path)) {
        if (snprintf(inside, sizeof inside, "%s/peer.json", path) >= (int)sizeof inside)
            return LA_FAIL(err, LA_E_ARG, "the path %.60s... is too long", path);
        path = inside;
    }
    if (!realpath(path, full)) return LA_FAIL(err, LA_E_NOTFOUND, "there is no manifest %s", path);
    for (size_t i = 0; i < table_len; i++)
        if (strcmp(table[i]->path, full) == 0) {
            *out = table[i];
            return LA_OK;
        }
    if (table_len == PEERS_MOST) return LA_FAIL(err, LA_E_ARG, "more than %d peers", PEERS_MOST);
    la_peer *peer = la_zalloc(sizeof *peer, err);
    if (!peer) return LA_E_NOMEM;
    la_status st = la_peer_read(full, peer, err);
    for (size_t i = 0; st == LA_OK && i < table_len; i++)
        if (strcmp(table[i]->name, peer->name) == 0)
            st = LA_FAIL(err, LA_E_ARG, "%s: there is a peer '%s' already, from %s", full,
                         peer->name, table[i]->path);
    if (st != LA_OK) {
        la_peer_release(peer);
        la_free(peer);
        return st;
    }
    *out = table[table_len++] = peer;
    return LA_OK;
}

void la_peers_release(void)
{
    while (table_len > 0) {
        la_peer *peer = table[--table_len];
        la_peer_release(peer);
        la_free(peer);
    }
}

const la_peer_impl *la_peer_impl_find(const la_variant *variant, const char *name)
{
    for (size_t i = 0; i < table_len; i++)
        for (size_t j = 0; j < table[i]->n_impls; j++) {
            const la_peer_impl *impl = &table[i]->impls[j];
            if (impl->variant == variant && strcmp(impl->name, name) == 0) return impl;
        }
    return NULL;
}

const la_peer_impl *la_peer_impl_of(const la_impl *impl)
{
    for (size_t i = 0; i < table_len; i++)
        for (size_t j = 0; j < table[i]->n_impls; j++)
            if (&table[i]->impls[j].impl == impl) return &table[i]->impls[j];
    return NULL;
}

/* ---- where they are looked for ---- */

static const char variable[] = "LABENCH_PEER_PATH", kind[] = "peers";

la_status la_peer_shipped(char *buf, size_t cap)
{
    return la_search_shipped(kind, buf, cap);
}

const char *la_peer_search_words(char *buf, size_t cap)
{
    return la_search_words(variable, kind, buf, cap);
}

/* Manifests of one search folder by name: its own, or those of the folders in it. */
static bool manifest_in(const char *folder, size_t *i, char *buf, size_t cap)
{
    char path[PATH_MAX + 16], name[256];
    snprintf(path, sizeof path, "%s/peer.json", folder);
    if (is_file(path)) {
        if ((*i)-- > 0) return false;
        return snprintf(buf, cap, "%s", path) < (int)cap;
    }
    for (size_t k = 0; la_search_name(folder, k, name, sizeof name); k++) {
        char inside[PATH_MAX + 280];
        snprintf(inside, sizeof inside, "%s/%s/peer.json", folder, name);
        if (is_file(inside) && (*i)-- == 0) return snprintf(buf, cap, "%s", inside) < (int)cap;
    }
    return false;
}

bool la_peer_manifest_at(size_t i, char *buf, size_t cap)
{
    char folder[PATH_MAX];
    for (size_t f = 0; la_search_folder(f, variable, kind, folder, sizeof folder); f++)
        if (manifest_in(folder, &i, buf, cap)) return true;
    return false;
}

static la_status find_name(const char *name, la_peer **out, la_err *err)
{
    char path[PATH_MAX], where[1024], near[64] = "";
    for (size_t i = 0; la_peer_manifest_at(i, path, sizeof path); i++) {
        char *end = strrchr(path, '/');
        *end = '\0';
        const char *folder = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        bool same = strcmp(folder, name) == 0;
        if (!same && la_edit_distance(folder, name) <= 2)
            snprintf(near, sizeof near, "Nearest: %.40s. ", folder);
        *end = '/';
        if (!same) continue;
        LA_TRY(la_peer_load(path, out, err));
        if (strcmp((*out)->name, name) == 0) return LA_OK;
        return LA_FAIL(err, LA_E_FORMAT, "%s: says it is called '%s', in a folder called '%s'",
                       path, (*out)->name, name);
    }
    return LA_FAIL(err, LA_E_ARG,
                   "no peer '%.40s'. %s'labench peers' shows all; a manifest of your own is named "
                   "by its path, like ./%.40s/peer.json. Searched: %.500s",
                   name, near, name, la_peer_search_words(where, sizeof where));
}

la_status la_peer_find(const char *word, la_peer **out, la_err *err)
{
    size_t len = strlen(word);
    *out = NULL;
    if (strchr(word, '/') || (len > 5 && strcmp(word + len - 5, ".json") == 0))
        return la_peer_load(word, out, err);
    return find_name(word, out, err);
}
