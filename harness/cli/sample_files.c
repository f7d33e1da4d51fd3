/* SPDX-License-Identifier: Apache-2.0
 * Examples of a learned task as arrays, and as files.
 */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "alloc.h"
#include "commands.h"
#include "folder.h"
#include "new_file.h"
#include "npy.h"
#include "sample.h"

#define MOST_TOKENS ((int64_t)1 << 30) /* of all examples together */

static const char *const files[] = {"tokens", "labels", "distance", "group", "shape"};

/* ---- examples ---- */

static int64_t longest_trained(const la_task *t)
{
    const int64_t *lengths = t->learned->train_lengths;
    size_t i = 0;
    while (lengths[i + 1]) i++;
    return lengths[i];
}

static la_status find_shapes(la_sample_set *s, la_err *err)
{
    const la_learned *l = s->task->learned;
    if (s->split == LA_SPLIT_TEST) {
        LA_TRY(l->shape_at(s->opts, s->T, &s->shapes[0], err));
        s->n_shapes = 1;
        return LA_OK;
    }
    s->n_shapes = l->mixture(s->opts, &s->T, 1, s->shapes, LA_MAX_SHAPES);
    if (s->n_shapes) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "%s trains on nothing of %" PRId64 " tokens: choose another --length",
                   s->task->name, s->T);
}

static la_status make_room(la_sample_set *s, la_err *err)
{
    if (s->n > MOST_TOKENS / s->T)
        return LA_FAIL(err, LA_E_ARG,
                       "%" PRId64 " examples of %" PRId64 " tokens are more than %" PRId64
                       " tokens: ask for fewer with --n",
                       s->n, s->T, MOST_TOKENS);
    size_t all = (size_t)(s->n * s->T) * sizeof(int32_t);
    s->tokens = la_alloc(all, err);
    s->labels = la_alloc(all, err);
    s->distances = la_zalloc(all, err);
    s->groups = la_alloc(all, err);
    s->shape = la_alloc((size_t)s->n * sizeof(int32_t), err);
    if (!s->tokens || !s->labels || !s->distances || !s->groups || !s->shape) return LA_E_NOMEM;
    for (int64_t i = 0; i < s->n * s->T; i++) s->labels[i] = s->groups[i] = LA_NOTHING_ASKED;
    return LA_OK;
}

static la_status draw_one(la_sample_set *s, int64_t i, la_answer *answers, la_err *err)
{
    size_t which = (size_t)i % s->n_shapes;
    int64_t n = 0;
    LA_TRY(s->task->learned->make(s->opts, s->seed, s->split, &s->shapes[which], (uint64_t)i,
                                  s->tokens + i * s->T, answers, &n, err));
    s->shape[i] = (int32_t)which;
    for (int64_t k = 0; k < n; k++) {
        const la_answer *a = &answers[k];
        int64_t at = i * s->T + a->position;
        /* What only training reads is no question of the other splits. */
        if (a->group == LA_ONLY_TRAINED && s->split != LA_SPLIT_TRAIN) continue;
        s->labels[at] = a->label;
        s->distances[at] = a->distance;
        s->groups[at] = a->group;
        s->has_distances |= a->distance != 0;
        s->has_groups |= a->group != 0;
    }
    return LA_OK;
}

la_status la_sample_draw(la_sample_set *s, int64_t length, la_err *err)
{
    const la_learned *l = s->task->learned;
    s->T = length ? length : longest_trained(s->task);
    LA_TRY(s->task->check(NULL, NULL, s->opts, err));
    LA_TRY(find_shapes(s, err));
    LA_TRY(make_room(s, err));
    int64_t most = 0;
    for (size_t i = 0; i < s->n_shapes; i++) {
        int64_t here = l->most_answers(s->opts, &s->shapes[i]);
        if (here > most) most = here;
    }
    la_answer *answers = la_alloc((size_t)(most + 1) * sizeof *answers, err);
    la_status st = answers ? LA_OK : LA_E_NOMEM;
    for (int64_t i = 0; i < s->n && st == LA_OK; i++) st = draw_one(s, i, answers, err);
    la_free(answers);
    if (st != LA_OK) return st;
    size_t bytes = (size_t)(s->n * s->T) * sizeof(int32_t);
    XXH128_hash_t h = XXH3_128bits_withSeed(s->labels, bytes, XXH3_64bits(s->tokens, bytes));
    snprintf(s->digest, sizeof s->digest, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64,
             (uint64_t)h.low64);
    return LA_OK;
}

void la_sample_release(la_sample_set *s)
{
    la_free(s->tokens);
    la_free(s->labels);
    la_free(s->distances);
    la_free(s->groups);
    la_free(s->shape);
    *s = (la_sample_set){0};
}

/* ---- files ---- */

/* Whether a file is part of the set. */
static bool holds(const la_sample_set *s, size_t file)
{
    return file < 2 || (file == 2 && s->has_distances) || (file == 3 && s->has_groups) ||
           (file == 4 && s->n_shapes > 1);
}

static void add_task(cJSON *o, const la_sample_set *s)
{
    static const char *const splits[] = {"train", "validation", "test"};
    const la_task *t = s->task;
    char seed[24];
    cJSON_AddStringToObject(o, "labench", la_version);
    cJSON_AddStringToObject(o, "task", t->name);
    cJSON_AddNumberToObject(o, "version", t->learned->version);
    cJSON_AddStringToObject(o, "paper", t->paper);
    size_t len = la_options_json(t->options, t->options_len, s->opts, NULL, 0);
    char *json = la_alloc(len + 1, NULL);
    if (json) {
        la_options_json(t->options, t->options_len, s->opts, json, len + 1);
        cJSON_AddItemToObject(o, "options", cJSON_Parse(json));
    }
    la_free(json);
    snprintf(seed, sizeof seed, "%" PRIu64, s->seed);
    cJSON_AddStringToObject(o, "seed",
                            seed); /* a text: 64 bits are more than a JSON number holds */
    cJSON_AddStringToObject(o, "split", splits[s->split]);
    cJSON_AddNumberToObject(o, "examples", (double)s->n);
    cJSON_AddNumberToObject(o, "length", (double)s->T);
    cJSON_AddNumberToObject(o, "vocabulary", (double)t->learned->vocabulary(s->opts));
    cJSON_AddNumberToObject(o, "chance", t->chance(s->opts));
}

static void add_answers(cJSON *o, const la_sample_set *s)
{
    static const char *const heads[] = {"tokens", "classes", "decoder"};
    const la_learned *l = s->task->learned;
    la_head head = l->head ? l->head(s->opts) : (la_head){.kind = LA_HEAD_TOKENS};
    cJSON_AddStringToObject(o, "labels_are", heads[head.kind]);
    if (head.kind == LA_HEAD_CLASSES) cJSON_AddNumberToObject(o, "classes", (double)head.classes);
    cJSON_AddNumberToObject(o, "nothing_asked", LA_NOTHING_ASKED);
    cJSON *groups = cJSON_AddArrayToObject(o, "groups");
    for (int i = 0; l->group_names && l->group_names[i]; i++)
        cJSON_AddItemToArray(groups, cJSON_CreateString(l->group_names[i]));
    if (s->has_groups) cJSON_AddNumberToObject(o, "only_trained", LA_ONLY_TRAINED);
    cJSON *shapes = cJSON_AddArrayToObject(o, "shapes");
    for (size_t i = 0; i < s->n_shapes; i++) {
        cJSON *shape = cJSON_CreateObject();
        cJSON_AddNumberToObject(shape, "T", (double)s->shapes[i].T);
        cJSON_AddNumberToObject(shape, "n", (double)s->shapes[i].n);
        cJSON_AddBoolToObject(shape, "far", s->shapes[i].far);
        cJSON_AddItemToArray(shapes, shape);
    }
    cJSON *all = cJSON_AddArrayToObject(o, "files");
    for (size_t i = 0; i < LA_COUNT(files); i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.npy", files[i]);
        if (holds(s, i)) cJSON_AddItemToArray(all, cJSON_CreateString(name));
    }
    cJSON_AddStringToObject(o, "digest", s->digest);
}

static la_status write_meta(const la_sample_set *s, const char *path, la_err *err)
{
    cJSON *o = cJSON_CreateObject();
    add_task(o, s);
    add_answers(o, s);
    char *text = cJSON_Print(o);
    cJSON_Delete(o);
    if (!text) return LA_FAIL(err, LA_E_NOMEM, "out of memory: the description of the examples");
    la_new_file file;
    la_status st = la_new_file_open(&file, path, err);
    if (st == LA_OK) {
        fprintf(file.f, "%s\n", text);
        st = la_new_file_close(&file, LA_OK, err);
    }
    free(text);
    return st;
}

la_status la_sample_check_target(const char *dir, la_err *err)
{
    struct stat info;
    if (!*dir) return LA_FAIL(err, LA_E_ARG, "--out is empty: name a folder");
    if (lstat(dir, &info) != 0) return LA_OK; /* making it says what is wrong, if anything is */
    if (!S_ISDIR(info.st_mode))
        return LA_FAIL(err, LA_E_ARG, "--out %s is there already, and is no folder", dir);
    DIR *d = opendir(dir);
    if (!d) return LA_FAIL(err, LA_E_IO, "--out %s cannot be read: %s", dir, strerror(errno));
    int entries = 0;
    while (entries < 3 && readdir(d)) entries++; /* "." and ".." */
    closedir(d);
    if (entries < 3) return LA_OK;
    return LA_FAIL(err, LA_E_ARG, "--out %s is not empty: choose another folder, or remove it",
                   dir);
}

static la_status write_files(const la_sample_set *s, const char *dir, la_err *err)
{
    const int32_t *const data[] = {s->tokens, s->labels, s->distances, s->groups, s->shape};
    int64_t shape[] = {s->n, s->T};
    char path[4096];
    for (size_t i = 0; i < LA_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s.npy", dir, files[i]);
        if (holds(s, i)) LA_TRY(la_npy_write_ints(path, shape, i < 4 ? 2 : 1, data[i], err));
    }
    snprintf(path, sizeof path, "%s/meta.json", dir);
    return write_meta(s, path, err);
}

static void remove_files(const char *dir)
{
    char path[4096];
    for (size_t i = 0; i < LA_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s.npy", dir, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/meta.json", dir);
    unlink(path);
    rmdir(dir);
}

la_status la_sample_write(const la_sample_set *s, const char *dir, la_err *err)
{
    char beside[4000];
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') len--;
    if (len + 32 > sizeof beside)
        return LA_FAIL(err, LA_E_ARG, "the path of %.60s... is too long", dir);
    snprintf(beside, sizeof beside, "%.*s.%ld.tmp", (int)len, dir, (long)getpid());
    LA_TRY(la_sample_check_target(dir, err));
    LA_TRY(la_make_folder_of(beside, err));
    if (mkdir(beside, 0777) != 0)
        return LA_FAIL(err, LA_E_IO, "%s cannot be made: %s", dir, strerror(errno));
    la_status st = write_files(s, beside, err);
    if (st == LA_OK && rename(beside, dir) != 0)
        st = LA_FAIL(err, LA_E_IO, "%s cannot be made: %s", dir, strerror(errno));
    if (st != LA_OK) remove_files(beside);
    return st;
}
