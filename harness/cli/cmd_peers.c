/* SPDX-License-Identifier: Apache-2.0
 * labench peers: implementations outside labench, and which of them can run here.
 */
#include <cjson/cJSON.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "commands.h"
#include "log.h"
#include "peer.h"
#include "plan.h"
#include "text.h"

typedef struct peers_args {
    la_common common;
    la_words names;
    bool json;
} peers_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    peers_args *args = context;
    if (flag != LA_FLAG_JSON) return la_common_take(&args->common, flag, value, err);
    args->json = true;
    return LA_OK;
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    peers_args *args = context;
    return la_words_add(&args->names, word, strlen(word), err);
}

/* "causal, bidirectional; fwd, bwd" */
static void add_words(la_text *t, const la_peer_impl *impl)
{
    static const la_pass passes[] = {LA_FORWARD, LA_BACKWARD, LA_FWDBWD, LA_DECODE};
    const char *comma = "";
    for (size_t i = 0; i < LA_COUNT(passes); i++) {
        if (!(impl->passes >> passes[i] & 1u)) continue;
        la_text_add(t, "%s%s", comma, la_pass_name(passes[i]));
        comma = ",";
    }
    la_text_add(t, "%s", impl->impl.caps & LA_CAP_CAUSAL ? " causal" : "");
    la_text_add(t, "%s", impl->impl.caps & LA_CAP_BIDIRECTIONAL ? " bidirectional" : "");
    la_text_add(t, "%s", impl->impl.backend == LA_CUDA ? " cuda" : "");
}

static void print_impl(const la_peer *peer, const la_peer_impl *impl)
{
    la_text t = {0};
    add_words(&t, impl);
    printf("    %-14s %-24s %s\n", impl->variant_name, impl->name, la_text_str(&t));
    la_text_release(&t);
    if (!impl->variant)
        printf("    %-14s   not here: this labench has no such variant\n", "");
    else if (peer->usable && *impl->unusable)
        printf("    %-14s   not here: %s\n", "", impl->unusable);
}

static void print_peer(const la_peer *peer)
{
    printf("%s  %s\n", peer->name, peer->summary);
    if (peer->usable)
        printf("  usable    %s\n", peer->version);
    else
        printf("  missing   %s\n", peer->reason);
    printf("  install   %s\n  manifest  %s\n  impls\n", peer->install, peer->path);
    for (size_t i = 0; i < peer->n_impls; i++) print_impl(peer, &peer->impls[i]);
}

static cJSON *peer_json(const la_peer *peer)
{
    cJSON *o = cJSON_CreateObject(), *impls = cJSON_CreateArray();
    cJSON_AddStringToObject(o, "name", peer->name);
    cJSON_AddStringToObject(o, "summary", peer->summary);
    cJSON_AddBoolToObject(o, "usable", peer->usable);
    if (peer->usable)
        cJSON_AddStringToObject(o, "version", peer->version);
    else
        cJSON_AddStringToObject(o, "reason", peer->reason);
    cJSON_AddStringToObject(o, "install", peer->install);
    cJSON_AddStringToObject(o, "manifest", peer->path);
    cJSON_AddItemToObject(o, "impls", impls);
    for (size_t i = 0; i < peer->n_impls; i++) {
        const la_peer_impl *impl = &peer->impls[i];
        cJSON *one = cJSON_CreateObject();
        const char *why = impl->variant ? impl->unusable : "this labench has no such variant";
        cJSON_AddStringToObject(one, "variant", impl->variant_name);
        cJSON_AddStringToObject(one, "name", impl->name);
        cJSON_AddStringToObject(one, "summary", impl->summary);
        cJSON_AddStringToObject(one, "device", la_backend_name(impl->impl.backend));
        cJSON_AddBoolToObject(one, "usable", peer->usable && !*why);
        if (*why) cJSON_AddStringToObject(one, "reason", why);
        cJSON_AddItemToArray(impls, one);
    }
    return o;
}

static void tell(const peers_args *args, la_peer *peer, cJSON *all)
{
    la_peer_probe(peer);
    if (args->json)
        cJSON_AddItemToArray(all, peer_json(peer));
    else
        print_peer(peer);
}

/* A manifest that is wrong costs its own lines only; the exit code remembers it. */
static int tell_all(const peers_args *args, cJSON *all)
{
    char path[PATH_MAX], where[1024];
    la_err err;
    la_peer *peer;
    int code = LA_EXIT_OK;
    size_t n = 0;
    for (; la_peer_manifest_at(n, path, sizeof path); n++) {
        if (la_peer_load(path, &peer, &err) == LA_OK)
            tell(args, peer, all);
        else
            code = la_complain(&err);
    }
    if (n == 0)
        la_log(LA_LOG_INFO, "there are no peers. Searched: %s",
               la_peer_search_words(where, sizeof where));
    return code;
}

static int tell_named(const peers_args *args, cJSON *all)
{
    la_err err;
    la_peer *peer;
    for (size_t i = 0; i < args->names.n; i++) {
        if (la_peer_find(args->names.v[i], &peer, &err) != LA_OK) return la_complain(&err);
        tell(args, peer, all);
    }
    return LA_EXIT_OK;
}

int la_cmd_peers(int argc, char **argv, int first)
{
    peers_args args = {0};
    la_err err = {0};
    bool help;
    int code = LA_EXIT_OK;
    la_status st =
        la_flags_parse(LA_CMD_PEERS, argc, argv, first, take_flag, take_word, &args, &help, &err);
    la_common_apply(&args.common);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_PEERS, stdout);
    } else if (st != LA_OK) {
        code = la_complain(&err);
    } else {
        cJSON *all = cJSON_CreateArray();
        code = args.names.n ? tell_named(&args, all) : tell_all(&args, all);
        char *text = args.json ? cJSON_Print(all) : NULL;
        if (text) puts(text);
        free(text);
        cJSON_Delete(all);
    }
    la_words_release(&args.names);
    la_peers_release();
    return la_finish_stdout(code);
}
