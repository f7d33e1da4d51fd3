/* SPDX-License-Identifier: Apache-2.0 */
#include "npy.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "new_file.h"
#include "sizes.h"

/* A header is a line of text; one longer than this is not ours to read. */
#define HEADER_MAX ((size_t)1 << 20)

static const char magic[] = "\x93NUMPY";

void la_npy_release(la_npy *npy)
{
    if (!npy) return;
    la_free(npy->data);
    *npy = (la_npy){0};
}

double la_npy_at(const la_npy *npy, int64_t i)
{
    if (npy->dtype == LA_F64) return ((const double *)npy->data)[i];
    return (double)((const float *)npy->data)[i];
}

const char *la_shape_words(const int64_t *shape, int rank, char buf[192])
{
    size_t len = (size_t)snprintf(buf, 192, "(");
    for (int i = 0; i < rank && len < 160; i++)
        len += (size_t)snprintf(buf + len, 192 - len, "%s%" PRId64, i ? ", " : "", shape[i]);
    snprintf(buf + len, 192 - len, rank == 1 ? ",)" : ")");
    return buf;
}

const char *la_index_words(const int64_t *shape, int rank, int64_t i, char buf[192])
{
    int64_t at[LA_NPY_RANK];
    for (int axis = rank; axis-- > 0; i /= shape[axis]) at[axis] = i % shape[axis];
    size_t len = (size_t)snprintf(buf, 192, "[");
    for (int axis = 0; axis < rank && len < 160; axis++)
        len += (size_t)snprintf(buf + len, 192 - len, "%s%" PRId64, axis ? ", " : "", at[axis]);
    snprintf(buf + len, 192 - len, "]");
    return buf;
}

/* ---- the header: a Python dict of three entries, in any order ---- */

typedef struct reader {
    const char *at, *end, *path;
    la_err *err;
} reader;

static void spaces(reader *r)
{
    while (r->at < r->end && isspace((unsigned char)*r->at)) r->at++;
}

static bool next_is(reader *r, char c)
{
    spaces(r);
    if (r->at >= r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static la_status odd_header(const reader *r, const char *what)
{
    return LA_FAIL(r->err, LA_E_FORMAT, "%s: the header is not NumPy's: %s", r->path, what);
}

static la_status string(reader *r, char *out, size_t cap)
{
    spaces(r);
    if (r->at >= r->end || (*r->at != '\'' && *r->at != '"'))
        return odd_header(r, "a text in quotes is missing");
    char quote = *r->at++;
    size_t len = 0;
    for (; r->at < r->end && *r->at != quote; r->at++)
        if (len + 1 < cap) out[len++] = *r->at;
    out[len] = '\0';
    if (r->at >= r->end) return odd_header(r, "a text has no end");
    r->at++;
    return LA_OK;
}

static la_status shape_tuple(reader *r, la_npy *out)
{
    if (!next_is(r, '(')) return odd_header(r, "'shape' is not a tuple");
    out->rank = 0;
    out->n = 1;
    while (!next_is(r, ')')) {
        spaces(r);
        int64_t value = 0;
        size_t digits = 0;
        for (; r->at < r->end && isdigit((unsigned char)*r->at); r->at++, digits++) {
            if (value > INT64_MAX / 16) return odd_header(r, "a size in 'shape' is too large");
            value = value * 10 + (*r->at - '0');
        }
        if (digits == 0) return odd_header(r, "'shape' holds something that is no size");
        if (out->rank == LA_NPY_RANK) return odd_header(r, "'shape' has more than 8 axes");
        out->shape[out->rank++] = value;
        if (value && out->n > ((int64_t)1 << 48) / value)
            return odd_header(r, "'shape' has more than 2^48 elements");
        out->n *= value;
        spaces(r);
        if (!next_is(r, ',') && !(r->at < r->end && *r->at == ')'))
            return odd_header(r, "'shape' lacks a comma");
    }
    return LA_OK;
}

static la_status type_word(reader *r, la_npy *out)
{
    char word[32], q[64];
    spaces(r);
    if (r->at < r->end && *r->at == '[')
        return LA_FAIL(r->err, LA_E_FORMAT,
                       "%s holds records; a tensor is plain float32 or float64", r->path);
    LA_TRY(string(r, word, sizeof word));
    if (strcmp(word, "<f4") == 0 || strcmp(word, "<f8") == 0) {
        out->dtype = word[2] == '4' ? LA_F32 : LA_F64;
        return LA_OK;
    }
    if (word[0] == '>' && word[1] == 'f')
        return LA_FAIL(r->err, LA_E_FORMAT, "%s is big endian ('%s'); save it with .astype('<f4')",
                       r->path, word);
    return LA_FAIL(r->err, LA_E_FORMAT,
                   "%s has type '%s'; it must be float32 ('<f4') or float64 ('<f8')", r->path,
                   la_quote(word, q));
}

static la_status order_word(reader *r)
{
    spaces(r);
    size_t left = (size_t)(r->end - r->at);
    if (left >= 5 && memcmp(r->at, "False", 5) == 0) {
        r->at += 5;
        return LA_OK;
    }
    if (left >= 4 && memcmp(r->at, "True", 4) == 0)
        return LA_FAIL(r->err, LA_E_FORMAT,
                       "%s is in Fortran order; save it with numpy.ascontiguousarray", r->path);
    return odd_header(r, "'fortran_order' is neither True nor False");
}

static la_status header(reader *r, la_npy *out)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    bool seen[3] = {false};
    if (!next_is(r, '{')) return odd_header(r, "no '{'");
    while (!next_is(r, '}')) {
        char key[32], why[64];
        size_t k = 0;
        LA_TRY(string(r, key, sizeof key));
        while (k < 3 && strcmp(keys[k], key) != 0) k++;
        if (k == 3 || seen[k]) return odd_header(r, "its keys are not descr, fortran_order, shape");
        seen[k] = true;
        snprintf(why, sizeof why, "no ':' after '%s'", keys[k]);
        if (!next_is(r, ':')) return odd_header(r, why);
        LA_TRY(k == 0 ? type_word(r, out) : k == 1 ? order_word(r) : shape_tuple(r, out));
        spaces(r);
        if (!next_is(r, ',') && !(r->at < r->end && *r->at == '}'))
            return odd_header(r, "an entry lacks its comma");
    }
    for (size_t k = 0; k < 3; k++)
        if (!seen[k]) return odd_header(r, "an entry of descr, fortran_order, shape is missing");
    spaces(r);
    return r->at == r->end ? LA_OK : odd_header(r, "something follows the '}'");
}

/* ---- files ---- */

static la_status truncated(const char *path, const char *where, la_err *err)
{
    return LA_FAIL(err, LA_E_FORMAT, "%s is truncated: it ends in the %s", path, where);
}

/* Magic, version and header text; the file stands at its data after. */
static la_status read_header(FILE *f, const char *path, la_npy *out, la_err *err)
{
    unsigned char start[8], length[4] = {0};
    if (fread(start, 1, 8, f) != 8 || memcmp(start, magic, 6) != 0)
        return LA_FAIL(err, LA_E_FORMAT, "%s is not a .npy file: it does not start with \\x93NUMPY",
                       path);
    if (start[6] < 1 || start[6] > 3 || start[7] != 0)
        return LA_FAIL(err, LA_E_FORMAT, "%s has .npy format %d.%d; this reads 1.0, 2.0 and 3.0",
                       path, start[6], start[7]);
    size_t width = start[6] == 1 ? 2 : 4;
    if (fread(length, 1, width, f) != width) return truncated(path, "header", err);
    size_t bytes = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
                   (size_t)length[3] << 24;
    if (bytes > HEADER_MAX)
        return LA_FAIL(err, LA_E_FORMAT, "%s says its header has %zu bytes", path, bytes);
    char *text = la_alloc(bytes + 1, err);
    if (!text) return LA_E_NOMEM;
    la_status st = fread(text, 1, bytes, f) == bytes ? LA_OK : truncated(path, "header", err);
    reader r = {text, text + bytes, path, err};
    if (st == LA_OK) st = header(&r, out);
    la_free(text);
    return st;
}

/* The bytes left must be those of the shape, neither fewer nor more: known before anything is
 * allocated. */
static la_status check_length(FILE *f, const struct stat *info, const char *path, const la_npy *npy,
                              la_err *err)
{
    char words[192];
    int64_t want = npy->n * (int64_t)la_dtype_size(npy->dtype);
    int64_t have = (int64_t)info->st_size - (int64_t)ftello(f);
    la_shape_words(npy->shape, npy->rank, words);
    if (have < want)
        return LA_FAIL(err, LA_E_FORMAT,
                       "%s is truncated: shape %s needs %" PRId64 " bytes, %" PRId64 " are there",
                       path, words, want, have);
    if (have > want)
        return LA_FAIL(err, LA_E_FORMAT,
                       "%s has %" PRId64 " bytes after the data of shape %s; it must end there",
                       path, have - want, words);
    return LA_OK;
}

la_status la_npy_read(const char *path, la_npy *out, la_err *err)
{
    *out = (la_npy){0};
    struct stat info;
    if (stat(path, &info) != 0)
        return LA_FAIL(err, errno == ENOENT || errno == ENOTDIR ? LA_E_NOTFOUND : LA_E_IO,
                       "%s cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode)) return LA_FAIL(err, LA_E_FORMAT, "%s is not a regular file", path);
    FILE *f = fopen(path, "rbe");
    if (!f) return LA_FAIL(err, LA_E_IO, "%s cannot be opened: %s", path, strerror(errno));
    la_status st = read_header(f, path, out, err);
    if (st == LA_OK) st = check_length(f, &info, path, out, err);
    if (st == LA_OK) {
        size_t bytes = (size_t)out->n * la_dtype_size(out->dtype);
        out->data = la_alloc(bytes + 1, err);
        if (!out->data)
            st = LA_E_NOMEM;
        else if (fread(out->data, 1, bytes, f) != bytes)
            st = LA_FAIL(err, LA_E_IO, "%s cannot be read to its end", path);
    }
    fclose(f);
    if (st != LA_OK) la_npy_release(out);
    return st;
}

/* As NumPy writes it: format 1.0, the whole a multiple of 64 bytes, ended by a newline. */
static size_t make_header(const char *type, const int64_t *shape, int rank, char out[512])
{
    char words[192];
    size_t len =
        (size_t)snprintf(out + 10, 480, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                         type, la_shape_words(shape, rank, words));
    size_t total = (10 + len + 1 + 63) / 64 * 64;
    memset(out + 10 + len, ' ', total - 10 - len);
    out[total - 1] = '\n';
    memcpy(out, magic, 6);
    out[6] = 1;
    out[7] = 0;
    out[8] = (char)((total - 10) & 0xff);
    out[9] = (char)((total - 10) >> 8);
    return total;
}

static la_status write_all(const char *path, const char *type, size_t each, const int64_t *shape,
                           int rank, const void *data, la_err *err)
{
    char head[512];
    size_t n = 1, head_bytes = make_header(type, shape, rank, head);
    for (int i = 0; i < rank; i++) n *= (size_t)shape[i];
    la_new_file file;
    LA_TRY(la_new_file_open(&file, path, err));
    fwrite(head, 1, head_bytes, file.f);
    fwrite(data, each, n, file.f);
    return la_new_file_close(&file, LA_OK, err);
}

la_status la_npy_write(const char *path, la_dtype dtype, const int64_t *shape, int rank,
                       const void *data, la_err *err)
{
    return write_all(path, dtype == LA_F64 ? "<f8" : "<f4", la_dtype_size(dtype), shape, rank, data,
                     err);
}

la_status la_npy_write_ints(const char *path, const int64_t *shape, int rank, const int32_t *data,
                            la_err *err)
{
    return write_all(path, "<i4", sizeof *data, shape, rank, data, err);
}
