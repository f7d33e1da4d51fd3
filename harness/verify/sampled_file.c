/* SPDX-License-Identifier: Apache-2.0 */
#include "sampled_file.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "registry.h"
#include "sampled.h"
#include "text.h"

typedef struct header {
    char magic[8];
    int64_t n_rows, n_want, n_state, token_bytes;
    uint64_t digest; /* of all that follows the header */
} header;
static const char magic[8] = "LAREF01";

la_status la_ref_rows_alloc(la_ref_rows *r, la_err *err)
{
    r->rows = la_alloc((size_t)r->n_rows * sizeof(int64_t), err);
    r->want = la_alloc((size_t)r->n_want * sizeof(double), err);
    r->state = r->n_state ? la_alloc((size_t)r->n_state * sizeof(double), err) : NULL;
    r->token = r->token_bytes ? la_alloc(r->token_bytes, err) : NULL;
    if (r->rows && r->want && (r->state || !r->n_state) && (r->token || !r->token_bytes))
        return LA_OK;
    la_ref_rows_release(r);
    return LA_E_NOMEM;
}

void la_ref_rows_release(la_ref_rows *r)
{
    la_free(r->rows);
    la_free(r->want);
    la_free(r->state);
    la_free(r->token);
    *r = (la_ref_rows){0};
}

/* The library that holds the references, by place, size and time of its file: rows of an older build are not
 * trusted after a reference was changed. */
static void add_build(la_text *key)
{
    Dl_info self;
    struct stat file;
    static const char anchor;
    if (dladdr(&anchor, &self) && self.dli_fname && stat(self.dli_fname, &file) == 0)
        la_text_add(key, " build %s %lld %lld.%ld", self.dli_fname, (long long)file.st_size,
                    (long long)file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
}

la_status la_ref_file_name(const char *dir, const la_variant *variant, const la_problem *whole,
                           const void *opts, uint64_t seed, la_ref_file *out, la_err *err)
{
    char options[2048] = "{}";
    /* A variant that is the same as another is held to the other's reference, which does not read
     * its options: both share the rows. */
    const la_variant *owner = variant;
    while (!owner->reference && owner->same_as && la_registry_find(owner->same_as))
        owner = la_registry_find(owner->same_as);
    if (owner == variant)
        la_options_json(variant->options, variant->options_len, opts, options, sizeof options);
    la_text key = {0};
    la_text_add(&key,
                "%s %s inputs %u B %" PRId64 " T %" PRId64 " H %" PRId64 " %" PRId64 " %" PRId64
                " dk %" PRId64 " dv %" PRId64 " %s %s scale %.17g seed %" PRIu64,
                owner->name, options, variant->inputs, whole->B, whole->T, whole->H, whole->Hkv,
                whole->Hqk, whole->dk, whole->dv, la_mask_name(whole->mask),
                la_dtype_name(whole->dtype), whole->scale, seed);
    add_build(&key);
    la_text_add(&key, " code %s", la_registry_code(owner));
    XXH128_hash_t hash = XXH3_128bits(la_text_str(&key), key.len);
    bool failed = key.failed;
    la_text_release(&key);
    if (failed) return LA_FAIL(err, LA_E_NOMEM, "out of memory");
    int n = snprintf(out->path, sizeof out->path, "%s/%016" PRIx64 "%016" PRIx64 ".ref", dir,
                     (uint64_t)hash.high64, (uint64_t)hash.low64);
    if (n < 0 || (size_t)n >= sizeof out->path)
        return LA_FAIL(err, LA_E_ARG, "the name of the folder %.40s... is too long", dir);
    return LA_OK;
}

/* The blocks of a file after its header, in order. */
static size_t blocks_of(const la_ref_rows *r, void *data[4], size_t bytes[4])
{
    data[0] = r->rows, bytes[0] = (size_t)r->n_rows * sizeof(int64_t);
    data[1] = r->want, bytes[1] = (size_t)r->n_want * sizeof(double);
    data[2] = r->state, bytes[2] = (size_t)r->n_state * sizeof(double);
    data[3] = r->token, bytes[3] = r->token_bytes;
    return 4;
}

static uint64_t digest_of(const la_ref_rows *r)
{
    void *data[4];
    size_t bytes[4], n = blocks_of(r, data, bytes);
    uint64_t digest = 0;
    for (size_t i = 0; i < n; i++)
        if (bytes[i]) digest = XXH3_64bits_withSeed(data[i], bytes[i], digest + i);
    return digest;
}

static header header_of(const la_ref_rows *r)
{
    header h = {.n_rows = r->n_rows,
                .n_want = r->n_want,
                .n_state = r->n_state,
                .token_bytes = (int64_t)r->token_bytes};
    memcpy(h.magic, magic, sizeof magic);
    return h;
}

bool la_ref_file_read(const la_ref_file *file, la_ref_rows *r)
{
    FILE *f = fopen(file->path, "rb");
    if (!f) return false;
    header want = header_of(r), got;
    void *data[4];
    size_t bytes[4], n = blocks_of(r, data, bytes);
    /* A damaged file must not choose the rows: those in it are only compared. */
    int64_t rows[LA_SAMPLED_FULL > LA_SAMPLED_ROWS ? LA_SAMPLED_FULL : LA_SAMPLED_ROWS];
    bool good = bytes[0] <= sizeof rows && fread(&got, sizeof got, 1, f) == 1;
    data[0] = rows;
    if (good) want.digest = got.digest;
    good = good && memcmp(&want, &got, sizeof got) == 0;
    for (size_t i = 0; i < n && good; i++)
        good = bytes[i] == 0 || fread(data[i], bytes[i], 1, f) == 1;
    good = good && fgetc(f) == EOF;
    fclose(f);
    good = good && (bytes[0] == 0 || memcmp(rows, r->rows, bytes[0]) == 0);
    return good && digest_of(r) == got.digest;
}

void la_ref_file_write(const la_ref_file *file, const la_ref_rows *r)
{
    char other[sizeof file->path + 32];
    snprintf(other, sizeof other, "%s.%ld", file->path, (long)getpid());
    FILE *f = fopen(other, "wb");
    if (!f) return;
    header h = header_of(r);
    h.digest = digest_of(r);
    void *data[4];
    size_t bytes[4], n = blocks_of(r, data, bytes);
    bool good = fwrite(&h, sizeof h, 1, f) == 1;
    for (size_t i = 0; i < n && good; i++)
        good = bytes[i] == 0 || fwrite(data[i], bytes[i], 1, f) == 1;
    good = fclose(f) == 0 && good;
    if (!good || rename(other, file->path) != 0) unlink(other);
}
