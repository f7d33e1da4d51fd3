/* SPDX-License-Identifier: Apache-2.0
 * Which code a peer's numbers belong to.
 */
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "peer.h"

#define FILE_MOST (64 << 20) /* more of a file than this is not read */

static void hash_file(XXH3_state_t *state, const char *path)
{
    char bytes[65536];
    size_t n, total = 0;
    FILE *f = fopen(path, "re");
    if (!f) return;
    while (total < FILE_MOST && (n = fread(bytes, 1, sizeof bytes, f)) > 0) {
        XXH3_128bits_update(state, bytes, n);
        total += n;
    }
    fclose(f);
}

static int is_python(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 3 && strcmp(entry->d_name + n - 3, ".py") == 0;
}

static void hash_folder(XXH3_state_t *state, const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, is_python, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX + 280];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        hash_file(state, path);
        free(names[i]);
    }
    free(names);
}

/* The manifest, the files that the command names in its folder, Python modules beside them and in the
 * shared library, and the version that the probe reported. */
void la_peer_hash(la_peer *peer)
{
    char shipped[PATH_MAX];
    XXH3_state_t *state = XXH3_createState();
    peer->code[0] = '\0';
    if (!state) return;
    XXH3_128bits_reset(state);
    hash_file(state, peer->path);
    size_t len = strlen(peer->folder);
    for (size_t i = 0; i < peer->n_command; i++)
        if (strncmp(peer->command[i], peer->folder, len) == 0) hash_file(state, peer->command[i]);
    hash_folder(state, peer->folder);
    if (la_peer_shipped(shipped, sizeof shipped) == LA_OK) hash_folder(state, shipped);
    XXH3_128bits_update(state, peer->version, strlen(peer->version));
    XXH128_hash_t h = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(peer->code, sizeof peer->code, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64,
             (uint64_t)h.low64);
}
