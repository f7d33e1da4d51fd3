/* SPDX-License-Identifier: Apache-2.0
 * Reads peer.json. Everything in it is checked: a typing error is found here, with the file's name, and
 * not as a worker that does something else.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "peer.h"
#include "registry.h"
#include "text.h"

#define MANIFEST_MOST (1 << 20)
#define IMPLS_MOST    256
#define WORDS_MOST    32

typedef struct reader { /* for messages: where we are */
    const char *path;
    char where[80];
    la_err *err;
} reader;

static la_status wrong(const reader *r, const char *what, const char *value)
{
    return LA_FAIL(r->err, LA_E_FORMAT, "%s: %s%s%s%.60s%s", r->path, r->where,
                   *r->where ? " " : "", what, value ? value : "", value ? "'" : "");
}

static la_status read_file(const char *path, char **out, la_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *out = NULL;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int why = errno;
        if (fd >= 0) close(fd);
        return LA_FAIL(err, LA_E_NOTFOUND, "cannot read %s: %s", path, strerror(why));
    }
    la_status status = LA_OK;
    char *text = NULL;
    size_t len = 0, size = st.st_size > 0 ? (size_t)st.st_size : 0;
    if (!S_ISREG(st.st_mode) || size > MANIFEST_MOST)
        status = LA_FAIL(err, LA_E_FORMAT, "%s is no file of at most 1 MiB", path);
    else if (!(text = la_alloc(size + 1, err)))
        status = LA_E_NOMEM;
    for (ssize_t n = 1; status == LA_OK && len < size && n > 0; len += n > 0 ? (size_t)n : 0)
        n = read(fd, text + len, size - len);
    close(fd);
    if (status != LA_OK) {
        la_free(text);
        return status;
    }
    text[len] = '\0';
    *out = text;
    return LA_OK;
}

/* Refuses members that nobody reads: they are typing errors. */
static la_status known_members(const reader *r, const cJSON *o, const char *const *names)
{
    for (const cJSON *item = o->child; item; item = item->next) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], item->string) != 0) i++;
        if (!names[i]) return wrong(r, "has an unknown member '", item->string);
        if (cJSON_GetObjectItemCaseSensitive(o, item->string) != item)
            return wrong(r, "has twice the member '", item->string);
    }
    return LA_OK;
}

static la_status get_text(const reader *r, const cJSON *o, const char *key, char **out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    if (!cJSON_IsString(item) || !*item->valuestring || strlen(item->valuestring) > 300)
        return wrong(r, "has no text '", key);
    for (const char *c = item->valuestring; *c; c++)
        if ((unsigned char)*c < 32) return wrong(r, "has a control character in '", key);
    *out = la_strdup(item->valuestring, r->err);
    return *out ? LA_OK : LA_E_NOMEM;
}

static bool is_name(const char *s)
{
    size_t len = strlen(s);
    return len >= 1 && len <= 40 && s[0] >= 'a' && s[0] <= 'z' &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/* A list of words; bits of the places at which they stand in `words`. */
static la_status get_bits(const reader *r, const cJSON *o, const char *key,
                          const char *const *words, size_t n, uint32_t *bits)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, key), *item;
    *bits = 0;
    if (!cJSON_IsArray(list) || !list->child) return wrong(r, "has no list '", key);
    cJSON_ArrayForEach(item, list)
    {
        size_t i = 0;
        const char *word = cJSON_IsString(item) ? item->valuestring : "";
        while (i < n && strcmp(words[i], word) != 0) i++;
        if (i == n) return wrong(r, "has in its lists an unknown word '", word);
        *bits |= 1u << i;
    }
    return LA_OK;
}

static la_status get_flag(const reader *r, const cJSON *o, const char *key, uint32_t cap,
                          uint32_t *caps)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    if (item && !cJSON_IsBool(item)) return wrong(r, "wants true or false for '", key);
    if (cJSON_IsTrue(item)) *caps |= cap;
    return LA_OK;
}

/* {"map": ["elu", "relu"], "chunk": "*"}: each a list of values of that option, or any. */
static la_status check_options(const reader *r, const la_peer_impl *impl)
{
    const la_variant *v = impl->variant;
    for (const cJSON *set = impl->options ? impl->options->child : NULL; set; set = set->next) {
        const la_option *option = NULL;
        for (size_t i = 0; v && i < v->options_len; i++)
            if (strcmp(v->options[i].name, set->string) == 0) option = &v->options[i];
        if (v && !option) return wrong(r, "names an option that its variant lacks: '", set->string);
        if (cJSON_IsString(set) && strcmp(set->valuestring, "*") == 0) continue;
        if (!cJSON_IsArray(set) || !set->child)
            return wrong(r, "wants a list of values, or \"*\", for option '", set->string);
        for (const cJSON *one = set->child; one; one = one->next)
            if (!cJSON_IsString(one) && !cJSON_IsNumber(one))
                return wrong(r, "wants words or numbers as values of option '", set->string);
    }
    return LA_OK;
}

/* ---- functions of an impl that is none of ours ---- */

static int rank_outside(const la_device *device, la_err *why)
{
    (void)device, (void)why;
    return 1;
}

static la_status sizes_unknown(const la_problem *p, la_pass pass, const void *opts,
                               const la_device *device, la_sizes *sizes, la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)device, (void)err;
    *sizes = (la_sizes){0};
    return LA_OK;
}

static la_status outside(la_err *err)
{
    return LA_FAIL(err, LA_E_INTERNAL, "a peer's impl runs in a program of its own");
}

static la_status check_outside(const la_problem *p, la_pass pass, const void *opts,
                               const la_device *device, la_err *err)
{
    (void)p, (void)pass, (void)opts, (void)device;
    return outside(err);
}

static la_status create_outside(const la_problem *p, const void *opts, const la_device *device,
                                void **self, la_err *err)
{
    (void)p, (void)opts, (void)device;
    *self = NULL;
    return outside(err);
}

static void destroy_outside(void *self)
{
    (void)self;
}

/* ---- one impl ---- */

static la_status check_name(const reader *r, const la_peer *peer, const la_peer_impl *impl)
{
    size_t len = strlen(peer->name);
    if (!is_name(impl->name) || strncmp(impl->name, peer->name, len) != 0 || impl->name[len] != '_')
        return wrong(r, "must be called <peer>_<form> in small letters, not '", impl->name);
    const la_peer_impl *other = impl->variant ? la_peer_impl_find(impl->variant, impl->name) : NULL;
    if (impl->variant && (other || la_variant_impl(impl->variant, impl->name)))
        return wrong(r, "has a name that is taken: '", impl->name);
    for (const la_peer_impl *i = peer->impls; i < impl; i++)
        if (strcmp(i->name, impl->name) == 0 && strcmp(i->variant_name, impl->variant_name) == 0)
            return wrong(r, "is there twice: '", impl->name);
    return LA_OK;
}

static la_status read_impl(reader *r, const cJSON *o, la_peer *peer, la_peer_impl *out)
{
    static const char *const members[] = {"variant",    "name",    "device",  "masks",
                                          "passes",     "dtypes",  "options", "grouped_kv",
                                          "grouped_qk", "summary", NULL};
    static const char *const masks[] = {"causal", "bidirectional"},
                             *const passes[] = {"fwd", "bwd", "fwdbwd", "decode"},
                             *const dtypes[] = {"f32", "bf16", "f16"};
    static const la_pass as_pass[] = {LA_FORWARD, LA_BACKWARD, LA_FWDBWD, LA_DECODE};
    static const la_dtype as_dtype[] = {LA_F32, LA_BF16, LA_F16};
    uint32_t mask = 0, pass = 0, dtype = 0, caps = 0;
    if (!cJSON_IsObject(o)) return wrong(r, "is no object", NULL);
    LA_TRY(get_text(r, o, "name", &out->name));
    LA_TRY(get_text(r, o, "variant", &out->variant_name));
    snprintf(r->where, sizeof r->where, "impl '%.30s' of %.30s", out->name, out->variant_name);
    LA_TRY(known_members(r, o, members));
    LA_TRY(get_text(r, o, "summary", &out->summary));
    LA_TRY(get_bits(r, o, "masks", masks, LA_COUNT(masks), &mask));
    LA_TRY(get_bits(r, o, "passes", passes, LA_COUNT(passes), &pass));
    LA_TRY(get_bits(r, o, "dtypes", dtypes, LA_COUNT(dtypes), &dtype));
    const cJSON *device = cJSON_GetObjectItemCaseSensitive(o, "device");
    const char *word = cJSON_IsString(device) ? device->valuestring : "";
    if (strcmp(word, "cpu") != 0 && strcmp(word, "cuda") != 0)
        return wrong(r, "wants the device cpu or cuda, not '", word);
    if (mask & 1) caps |= LA_CAP_CAUSAL;
    if (mask & 2) caps |= LA_CAP_BIDIRECTIONAL;
    if (pass & 6) caps |= LA_CAP_BACKWARD;
    if (pass & 8) caps |= LA_CAP_DECODE;
    LA_TRY(get_flag(r, o, "grouped_kv", LA_CAP_GROUPED_KV, &caps));
    LA_TRY(get_flag(r, o, "grouped_qk", LA_CAP_GROUPED_QK, &caps));
    out->peer = peer;
    out->variant = la_registry_find(out->variant_name);
    out->impl = (la_impl){.name = out->name,
                          .backend = strcmp(word, "cuda") == 0 ? LA_CUDA : LA_CPU,
                          .caps = caps,
                          .rank = rank_outside,
                          .check = check_outside,
                          .sizes = sizes_unknown,
                          .create = create_outside,
                          .destroy = destroy_outside};
    for (size_t i = 0; i < LA_COUNT(as_pass); i++)
        if (pass >> i & 1u) out->passes |= 1u << as_pass[i];
    for (size_t i = 0; i < LA_COUNT(as_dtype); i++)
        if (dtype >> i & 1u) out->impl.dtypes |= 1u << as_dtype[i];
    out->options = cJSON_GetObjectItemCaseSensitive(o, "options");
    if (out->options && !cJSON_IsObject(out->options))
        return wrong(r, "has options that are no object", NULL);
    LA_TRY(check_options(r, out));
    return check_name(r, peer, out);
}

static la_status read_impls(reader *r, const cJSON *o, la_peer *peer)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "impls"), *item;
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (n < 1 || n > IMPLS_MOST) return wrong(r, "has no list 'impls", "");
    peer->impls = la_zalloc((size_t)n * sizeof *peer->impls, r->err);
    if (!peer->impls) return LA_E_NOMEM;
    cJSON_ArrayForEach(item, list)
    {
        la_peer_impl *impl = &peer->impls[peer->n_impls++];
        snprintf(r->where, sizeof r->where, "impl number %zu", peer->n_impls);
        LA_TRY(read_impl(r, item, peer, impl));
    }
    r->where[0] = '\0';
    return LA_OK;
}

/* ---- the command ---- */

/* A word that names a file of the folder stands for that file, wherever labench is called from. */
static la_status resolve(const la_peer *peer, const char *word, char **out, la_err *err)
{
    la_text t = {0};
    struct stat st;
    la_text_add(&t, "%s/%s", peer->folder, word);
    bool here = *word != '/' && *word != '-' && !t.failed && stat(la_text_str(&t), &st) == 0 &&
                S_ISREG(st.st_mode);
    const char *python = getenv("LABENCH_PYTHON");
    bool interpreter = peer->n_command == 0 && strcmp(word, "python3") == 0 && python && *python;
    *out = la_strdup(here ? la_text_str(&t) : interpreter ? python : word, err);
    la_text_release(&t);
    return *out ? LA_OK : LA_E_NOMEM;
}

static la_status read_command(const reader *r, const cJSON *o, la_peer *peer)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "command"), *item;
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (n < 1 || n > WORDS_MOST) return wrong(r, "has no list 'command", "");
    peer->command = la_zalloc((size_t)(n + 1) * sizeof *peer->command, r->err);
    if (!peer->command) return LA_E_NOMEM;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || !*item->valuestring)
            return wrong(r, "has a command whose words are not all text", NULL);
        LA_TRY(resolve(peer, item->valuestring, &peer->command[peer->n_command], r->err));
        peer->n_command++;
    }
    return LA_OK;
}

static la_status read_all(reader *r, la_peer *peer)
{
    static const char *const members[] = {"name",    "summary", "install", "command",
                                          "example", "impls",   NULL};
    const cJSON *o = peer->manifest;
    LA_TRY(known_members(r, o, members));
    LA_TRY(get_text(r, o, "name", &peer->name));
    if (!is_name(peer->name) || strcmp(peer->name, "cpu") == 0 || strcmp(peer->name, "cuda") == 0)
        return wrong(r, "must have a name of small letters, digits and _, not '", peer->name);
    LA_TRY(get_text(r, o, "summary", &peer->summary));
    LA_TRY(get_text(r, o, "install", &peer->install));
    LA_TRY(read_command(r, o, peer));
    const cJSON *example = cJSON_GetObjectItemCaseSensitive(o, "example");
    if (example && !cJSON_IsBool(example)) return wrong(r, "wants true or false for '", "example");
    peer->example = cJSON_IsTrue(example);
    return read_impls(r, o, peer);
}

la_status la_peer_read(const char *path, la_peer *out, la_err *err)
{
    reader r = {.path = path, .err = err};
    char *text;
    *out = (la_peer){0};
    LA_TRY(read_file(path, &text, err));
    const char *end = NULL;
    out->manifest = cJSON_ParseWithOpts(text, &end, 1);
    la_status st = LA_OK;
    if (!cJSON_IsObject(out->manifest)) {
        int line = 1;
        for (const char *c = text; end && c < end && *c; c++) line += *c == '\n';
        st = LA_FAIL(err, LA_E_FORMAT, "%s: no JSON object (line %d)", path, line);
    }
    la_free(text);
    if (st == LA_OK && !(out->path = la_strdup(path, err))) st = LA_E_NOMEM;
    if (st == LA_OK && !(out->folder = la_strdup(path, err))) st = LA_E_NOMEM;
    if (st == LA_OK) {
        char *slash = strrchr(out->folder, '/');
        if (slash) *slash = '\0';
        st = read_all(&r, out);
    }
    if (st == LA_OK)
        la_peer_hash(out);
    else
        la_peer_release(out);
    return st;
}

void la_peer_release(la_peer *peer)
{
    if (!peer) return;
    for (size_t i = 0; i < peer->n_impls; i++) {
        la_free(peer->impls[i].variant_name);
        la_free(peer->impls[i].name);
        la_free(peer->impls[i].summary);
    }
    for (size_t i = 0; i < peer->n_command; i++) la_free(peer->command[i]);
    la_free(peer->impls);
    la_free(peer->command);
    la_free(peer->path);
    la_free(peer->folder);
    la_free(peer->name);
    la_free(peer->summary);
    la_free(peer->install);
    cJSON_Delete(peer->manifest);
    *peer = (la_peer){0};
}
