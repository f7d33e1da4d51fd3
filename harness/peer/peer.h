/* SPDX-License-Identifier: Apache-2.0
 * Peers: implementations outside labench. A peer is a folder with a manifest, peer.json, and a program
 * that speaks the worker protocol (docs/peers.md). What it offers looks like an impl of a variant that
 * labench defines, except that nothing of it is called here: a worker starts the program.
 */
#ifndef LA_PEER_H
#define LA_PEER_H

#include <stdbool.h>

#include "labench/variant.h"

#define LA_PEER_PROBE_S 60.0
/* What a program may take besides the tensors: an interpreter with its libraries. */
#define LA_PEER_PROCESS_BYTES ((size_t)256 << 20)

struct cJSON;
struct la_peer;

typedef struct la_peer_impl {
    la_impl impl; /* name, backend, caps, dtypes; whatever asks it to compute is refused */
    const struct la_peer *peer;
    const la_variant *variant; /* NULL: this labench has no such variant */
    char *variant_name, *name, *summary;
    uint32_t passes;             /* bits 1u << la_pass */
    const struct cJSON *options; /* in the manifest; NULL: defaults only */
    char unusable[200];          /* from the probe: why it cannot run here; "": it can */
} la_peer_impl;

typedef struct la_peer {
    char *path, *folder; /* of the manifest, absolute */
    char *name, *summary, *install;
    char **command; /* words, files in the folder as absolute paths; NULL at the end */
    size_t n_command;
    la_peer_impl *impls;
    size_t n_impls;
    struct cJSON *manifest;
    bool example;        /* not meant by `--peers all` */
    bool probed, usable; /* usable is known once probed */
    char reason[256];    /* why not */
    char version[128];   /* "torch 2.9.0" */
    char code[33];       /* hash of manifest, program files and version */
} la_peer;

/* ---- those known to this process; loaded once, never twice; not thread-safe ---- */

/* Reads a manifest (or a folder with one). LA_E_FORMAT with file and reason when it is wrong. */
la_status la_peer_load(const char *path, la_peer **out, la_err *err);
/* A word of --peers: a path with a slash or ending in .json, else a name that is searched for. */
la_status la_peer_find(const char *word, la_peer **out, la_err *err);
/* Manifests in the search folders, in order; the i-th path in buf, or false when there are no more. */
bool la_peer_manifest_at(size_t i, char *buf, size_t cap);
/* Folders that are searched, for messages. */
const char *la_peer_search_words(char *buf, size_t cap);
/* The impl of that name for a variant among the loaded ones; NULL: none. */
const la_peer_impl *la_peer_impl_find(const la_variant *variant, const char *name);
/* The peer's impl that `impl` is inside of; NULL: it is one of ours. */
const la_peer_impl *la_peer_impl_of(const la_impl *impl);
void la_peers_release(void);

/* ---- one of them ---- */

/* Runs `command --probe` once and keeps what it said. Never fails: a program that cannot start is a
 * peer that is not usable. */
void la_peer_probe(la_peer *peer);
/* LA_E_UNSUPPORTED with a sentence when the manifest, or the probe, says that this cannot run. opts_json
 * is the canonical text of the variant's options. */
la_status la_peer_check(const la_peer_impl *impl, const la_problem *p, la_pass pass,
                        const char *opts_json, la_err *err);
/* The environment of the program: LABENCH_PEER_LIB and PYTHONPATH name the folder of labench_peer.py;
 * what binds threads to cores is left out. Owned array of owned and borrowed strings. */
typedef struct la_peer_env {
    char **vars;
    char *lib, *python;
} la_peer_env;
la_status la_peer_env_make(la_peer_env *out, la_err *err);
void la_peer_env_release(la_peer_env *env);

/* Shared by the files of this layer. */
void la_peer_release(la_peer *peer);
la_status la_peer_read(const char *path, la_peer *out, la_err *err);
void la_peer_hash(la_peer *peer);
/* Folder of the peers that came with labench: share/labench/peers beside bin. */
la_status la_peer_shipped(char *buf, size_t cap);

#endif
