/* SPDX-License-Identifier: Apache-2.0
 * One file: head, JSON, arrays, digest of all before it. Written beside its name, synced, renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "checkpoint_json.h"
#include "digest.h"
#include "trainer.h"

enum { VERSION = 1 };

typedef struct file_head {
    char magic[8];
    uint32_t version, arrays;
    uint64_t json_bytes, n; /* n floats an array; the JSON is padded with spaces to 64 bytes */
} file_head;

static const char magic[8] = {'L', 'A', 'B', 'M', 'O', 'D', 'E', 'L'};

void la_weights_digest(const float *weights, int64_t n, char out[33])
{
    la_hex_digest(XXH3_128bits(weights, (size_t)n * sizeof *weights), out);
}

typedef struct la_sink {
    int fd;
    XXH3_state_t *hash;
} la_sink;

static bool put(la_sink *s, const void *bytes, size_t n)
{
    const char *at = bytes;
    XXH3_128bits_update(s->hash, bytes, n);
    while (n > 0) {
        ssize_t done = write(s->fd, at, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static bool put_all(la_sink *s, const la_text *json, int64_t n, const float *const array[3],
                    int arrays)
{
    file_head head = {
        .version = VERSION, .arrays = (uint32_t)arrays, .json_bytes = json->len, .n = (uint64_t)n};
    memcpy(head.magic, magic, sizeof magic);
    if (!put(s, &head, sizeof head) || !put(s, json->s, json->len)) return false;
    for (int i = 0; i < arrays; i++)
        if (!put(s, array[i], (size_t)n * sizeof(float))) return false;
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(s->hash));
    return put(s, &digest, sizeof digest);
}

/* The file beside the model, emptied, and ours alone until it is closed, where the file system has locks: another sweep
 * may train the same model. What somebody else has renamed or removed while we waited is not the one of that name
 * any more, and that is taken instead. -1: errno says why not. */
static int open_beside(const char *beside)
{
    for (;;) {
        struct stat ours, named;
        int fd = open(beside, O_WRONLY | O_CREAT | O_CLOEXEC, 0666), locked;
        if (fd < 0) return -1;
        do locked = flock(fd, LOCK_EX);
        while (locked != 0 && errno == EINTR);
        bool known = fstat(fd, &ours) == 0;
        if (known && stat(beside, &named) == 0 && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev && ftruncate(fd, 0) == 0)
            return fd;
        int trouble = errno;
        bool moved = known && (stat(beside, &named) != 0 || ours.st_ino != named.st_ino);
        close(fd);
        errno = trouble;
        if (!moved) return -1;
    }
}

/* The directory entry itself, so that the rename survives a loss of power. */
static void sync_folder(const char *path)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

la_status la_checkpoint_write(const char *path, const char *key, const char *config_json,
                              const la_progress *at, int64_t n, const float *weights,
                              const float *m, const float *v, la_err *err)
{
    char beside[4096 + 8];
    snprintf(beside, sizeof beside, "%s.tmp", path);
    la_text json = {0};
    la_checkpoint_print(&json, key, config_json, at);
    while ((sizeof(file_head) + json.len) % 64 && !json.failed) la_text_bytes(&json, " ", 1);
    la_sink sink = {.hash = XXH3_createState()};
    if (json.failed || !sink.hash) {
        la_text_release(&json);
        XXH3_freeState(sink.hash);
        return LA_FAIL(err, LA_E_NOMEM, "no memory to write the checkpoint %s", path);
    }
    XXH3_128bits_reset(sink.hash);
    sink.fd = open_beside(beside);
    bool good = sink.fd >= 0 && put_all(&sink, &json, n, (const float *const[]){weights, m, v},
                                        at->finished ? 1 : 3);
    good = good && fsync(sink.fd) == 0 && rename(beside, path) == 0;
    int trouble = errno;
    if (sink.fd >= 0) {
        if (!good) unlink(beside);
        close(sink.fd); /* whose bytes fsync has seen written */
    }
    XXH3_freeState(sink.hash);
    la_text_release(&json);
    if (!good) {
        return LA_FAIL(err, LA_E_IO, "the checkpoint %s could not be written: %s", path,
                       strerror(trouble));
    }
    sync_folder(path);
    return LA_OK;
}

static la_status read_file(const char *path, char **bytes, size_t *size, la_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return LA_FAIL(err, errno == ENOENT ? LA_E_NOTFOUND : LA_E_IO,
                       "the model %s cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return LA_FAIL(err, LA_E_FORMAT, "%s is no regular file, so no model", path);
    }
    *size = (size_t)st.st_size;
    *bytes = la_alloc(*size + 1, err);
    size_t got = 0;
    while (*bytes && got < *size) {
        ssize_t n = read(fd, *bytes + got, *size - got);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        got += (size_t)n;
    }
    close(fd);
    if (!*bytes) return LA_E_NOMEM;
    if (got == *size) return LA_OK;
    la_free(*bytes);
    *bytes = NULL;
    return LA_FAIL(err, LA_E_IO, "the model %s ended after %zu of %zu bytes", path, got, *size);
}

static la_status parse(const char *path, la_checkpoint *c, size_t size, la_err *err)
{
    file_head head;
    XXH128_canonical_t digest;
    if (size < sizeof head + sizeof digest || memcmp(c->bytes, magic, sizeof magic) != 0)
        return LA_FAIL(err, LA_E_FORMAT, "%s is no model of labench", path);
    memcpy(&head, c->bytes, sizeof head);
    if (head.version != VERSION)
        return LA_FAIL(err, LA_E_FORMAT, "the model %s has version %u; this labench reads %d", path,
                       head.version, VERSION);
    size_t most = size - sizeof digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(c->bytes, most));
    if (memcmp(&digest, c->bytes + most, sizeof digest) != 0)
        return LA_FAIL(err, LA_E_FORMAT,
                       "the model %s is damaged: its digest does not fit its %zu bytes", path,
                       size);
    bool counts = (head.arrays == 1 || head.arrays == 3) && head.json_bytes < size &&
                  head.n < size &&
                  sizeof head + head.json_bytes + head.arrays * head.n * sizeof(float) == most;
    if (!counts)
        return LA_FAIL(err, LA_E_FORMAT, "the model %s has sizes that do not fit its %zu bytes",
                       path, size);
    c->n = (int64_t)head.n;
    c->arrays = (int)head.arrays;
    const char *at = c->bytes + sizeof head;
    for (int i = 0; i < c->arrays; i++)
        c->array[i] = (const float *)(const void *)(at + head.json_bytes) + (size_t)i * head.n;
    return la_checkpoint_parse(path, at, head.json_bytes, c->key, &c->at, err);
}

la_status la_checkpoint_read(const char *path, la_checkpoint *out, la_err *err)
{
    size_t size = 0;
    *out = (la_checkpoint){0};
    LA_TRY(read_file(path, &out->bytes, &size, err));
    la_status st = parse(path, out, size, err);
    if (st == LA_OK && !out->at.finished && out->arrays != 3)
        st = LA_FAIL(err, LA_E_FORMAT, "the model %s is unfinished but lacks its moments", path);
    if (st != LA_OK) la_checkpoint_release(out);
    return st;
}

bool la_train_finished(const char *path)
{
    file_head head;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool whole = fd >= 0 && read(fd, &head, sizeof head) == (ssize_t)sizeof head;
    if (fd >= 0) close(fd);
    return whole && memcmp(head.magic, magic, sizeof magic) == 0 &&
           head.arrays == 1; /* no moments */
}

void la_checkpoint_release(la_checkpoint *c)
{
    la_free(c->bytes);
    la_free(c->at.curve);
    *c = (la_checkpoint){0};
}
