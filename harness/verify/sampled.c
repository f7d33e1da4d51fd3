/* SPDX-License-Identifier: Apache-2.0
 * The reference of one cell at sampled tokens. Variants with a recurrent state walk the sequence in
 * blocks, the float64 state handed on, so that memory does not grow with the length; the state before
 * the last token is kept for decode cells.
 */
#include "sampled.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"
#include "sampled_file.h"
#include "suite.h"

enum { BLOCK = 4096 };

/* The float64 rows are computed with every core, whatever the cell's own thread count. */
static la_problem with_all_cores(const la_problem *p)
{
    la_problem q = *p;
    q.threads = omp_get_num_procs();
    return q;
}

static int64_t row_width(const la_problem *p)
{
    return p->H * p->dv;
}

/* A cache of every token; one of a window's tokens alone is a state of constant size. */
static bool is_kv_cache(const la_variant *variant, const la_problem *p, const la_part *parts,
                        size_t n)
{
    return variant->family == LA_FAMILY_QUADRATIC && n == 2 && strcmp(parts[0].name, "K") == 0 &&
           strcmp(parts[1].name, "V") == 0 && parts[0].shape[2] == p->Tcap;
}

/* It can where a state of constant size is handed on. */
bool la_sampled_walks(const la_variant *variant, const la_problem *whole, const void *opts)
{
    la_part parts[LA_MAX_PARTS];
    if (whole->mask != LA_MASK_CAUSAL || !variant->state_parts) return false;
    size_t n = variant->state_parts(whole, opts, parts, LA_MAX_PARTS);
    return n > 0 && !is_kv_cache(variant, whole, parts, n);
}

/* All tokens up to LA_SAMPLED_FULL; beyond, the first and last two, both sides of 16 chunk borders
 * spread over the length (chunks are powers of two from 64 up to at least a border's), and random ones. */
static int64_t choose_rows(int64_t T, uint64_t seed, int64_t *rows)
{
    if (T <= LA_SAMPLED_FULL) {
        for (int64_t t = 0; t < T; t++) rows[t] = t;
        return T;
    }
    int64_t n = 0;
    const int64_t ends[] = {0, 1, T - 2, T - 1};
    for (size_t i = 0; i < LA_COUNT(ends); i++) rows[n++] = ends[i];
    int64_t borders = (T - 1) / 64;
    for (int64_t i = 0; i < 16; i++) {
        int64_t at = i < 4 ? 64 << i : 64 * (1 + (borders - 1) * (i - 3) / 12);
        rows[n++] = at - 1;
        rows[n++] = at;
    }
    uint64_t stream = la_stream(seed, 0x726F7773u, (uint64_t)T);
    for (uint64_t i = 0; n < LA_SAMPLED_ROWS; i++)
        rows[n++] = (int64_t)la_random_below(stream, i, (uint64_t)T);
    /* Sorted, each once. */
    for (int64_t i = 1; i < n; i++)
        for (int64_t j = i; j > 0 && rows[j - 1] > rows[j]; j--) {
            int64_t t = rows[j];
            rows[j] = rows[j - 1];
            rows[j - 1] = t;
        }
    int64_t kept = 1;
    for (int64_t i = 1; i < n; i++)
        if (rows[i] != rows[kept - 1]) rows[kept++] = rows[i];
    return kept;
}

static void initial_state(const la_variant *variant, const la_problem *p, const void *opts,
                          double *state)
{
    la_part parts[LA_MAX_PARTS];
    size_t n = variant->state_parts(p, opts, parts, LA_MAX_PARTS);
    for (size_t i = 0; i < n; i++)
        for (int64_t e = la_part_elements(&parts[i]); e > 0; e--) *state++ = parts[i].initial;
}

/* Tokens from..from+n-1 from `state`, which becomes the state after them; their wanted rows go to
 * their places in r->want. Rows before `done` are already there; returns how many are now. */
static la_status walk_block(const la_variant *variant, const la_problem *whole, const void *opts,
                            const la_inputs *in, int64_t from, int64_t n, double *state,
                            double *next, la_ref_rows *r, int64_t *done, la_err *err)
{
    la_problem p = *whole;
    p.T = n;
    int64_t first = *done, count = 0, width = row_width(&p);
    int64_t *rows = la_alloc((size_t)(r->n_rows + 1) * sizeof(int64_t), err);
    double *out = la_alloc((size_t)(p.B * r->n_rows * width) * sizeof(double), err);
    la_status st = rows && out ? LA_OK : LA_E_NOMEM;
    while (rows && first + count < r->n_rows && r->rows[first + count] < from + n) {
        rows[count] = r->rows[first + count] - from;
        count++;
    }
    if (st == LA_OK)
        st = la_reference_range(variant, &p, opts, in, from, rows, count, state, next, from, out,
                                err);
    for (int64_t b = 0; b < p.B && st == LA_OK; b++)
        memcpy(r->want + (b * r->n_rows + first) * width, out + b * count * width,
               (size_t)(count * width) * sizeof(double));
    *done = first + count;
    la_free(rows);
    la_free(out);
    return st;
}

static la_status walk(const la_variant *variant, const la_problem *whole, const void *opts,
                      const la_inputs *in, la_ref_rows *r, la_err *err)
{
    size_t bytes = (size_t)r->n_state * sizeof(double);
    double *now = la_alloc(bytes, err), *next = la_alloc(bytes, err);
    la_status st = now && next ? LA_OK : LA_E_NOMEM;
    int64_t done = 0;
    if (st == LA_OK) initial_state(variant, whole, opts, now);
    for (int64_t from = 0; from < whole->T && st == LA_OK;) {
        bool last = from == whole->T - 1;
        int64_t n = last ? 1 : whole->T - 1 - from;
        if (n > BLOCK) n = BLOCK;
        if (last) memcpy(r->state, now, bytes);
        st = walk_block(variant, whole, opts, in, from, n, now, next, r, &done, err);
        double *t = now;
        now = next;
        next = t;
        from += n;
    }
    la_free(now);
    la_free(next);
    return st;
}

/* The last token's tensors, one after the other. */
static void pack_token(const la_inputs *token, char *to)
{
    for (int i = 0; i < LA_T_COUNT; i++) {
        if (token->t[i].bytes) memcpy(to, token->t[i].data, token->t[i].bytes);
        to += token->t[i].bytes;
    }
}

static void unpack_token(la_inputs *token, const char *from)
{
    for (int i = 0; i < LA_T_COUNT; i++) {
        if (token->t[i].bytes) memcpy(token->t[i].data, from, token->t[i].bytes);
        from += token->t[i].bytes;
    }
}

static la_status compute(const la_variant *variant, const la_problem *whole, const void *opts,
                         const la_inputs *in, la_ref_rows *r, la_err *err)
{
    la_problem p = with_all_cores(whole);
    if (!r->n_state)
        return la_reference_range(variant, &p, opts, in, 0, r->rows, r->n_rows, NULL, NULL, 0,
                                  r->want, err);
    la_inputs token;
    LA_TRY(la_inputs_piece(variant, opts, in, whole->T - 1, 1, &token, err));
    pack_token(&token, r->token);
    la_inputs_release(&token);
    return walk(variant, &p, opts, in, r, err);
}

/* Lengths, rows and memory of the reference rows of a whole sequence. */
static la_status prepare(const la_variant *variant, const la_problem *whole, const void *opts,
                         uint64_t seed, la_ref_rows *r, la_err *err)
{
    int64_t rows[LA_SAMPLED_FULL];
    *r = (la_ref_rows){.n_rows = choose_rows(whole->T, seed, rows)};
    r->n_want = whole->B * r->n_rows * row_width(whole);
    if (la_sampled_walks(variant, whole, opts)) {
        la_problem one = *whole;
        one.T = 1;
        r->n_state = la_reference_state_elements(variant, whole, opts);
        for (int i = 0; i < LA_T_COUNT; i++)
            r->token_bytes += (size_t)la_tensor_elements(variant, &one, (la_tensor)i) *
                              la_dtype_size(la_tensor_dtype(&one, i));
    }
    LA_TRY(la_ref_rows_alloc(r, err));
    memcpy(r->rows, rows, (size_t)r->n_rows * sizeof *rows);
    return LA_OK;
}

la_status la_sampled_forward(const la_variant *variant, const la_problem *p, const void *opts,
                             const la_inputs *in, uint64_t seed, const char *cache_dir,
                             la_sampled *out, la_err *err)
{
    la_ref_rows r;
    la_ref_file file;
    *out = (la_sampled){.problem = *p};
    if (cache_dir) LA_TRY(la_ref_file_name(cache_dir, variant, p, opts, seed, &file, err));
    LA_TRY(prepare(variant, p, opts, seed, &r, err));
    out->from_file = cache_dir && la_ref_file_read(&file, &r);
    if (!out->from_file) {
        la_status st = compute(variant, p, opts, in, &r, err);
        if (st != LA_OK) {
            la_ref_rows_release(&r);
            return st;
        }
        if (cache_dir) la_ref_file_write(&file, &r);
    }
    out->rows = r.rows;
    out->n_rows = r.n_rows;
    out->want = r.want;
    la_free(r.state);
    la_free(r.token);
    return LA_OK;
}

/* The first of drawn keys or values [B, cap, heads, d] as a cache part [B, heads, cap, d]. */
static void fill_part(const la_part *part, const void *drawn, int64_t tokens, void *to)
{
    int64_t B = part->shape[0], heads = part->shape[1], cap = part->shape[2];
    size_t row = (size_t)part->shape[3] * la_dtype_size(part->dtype);
    for (int64_t b = 0; b < B; b++)
        for (int64_t h = 0; h < heads; h++) {
            char *at = (char *)to + (size_t)((b * heads + h) * cap) * row;
            for (int64_t t = 0; t < tokens; t++)
                memcpy(at + (size_t)t * row,
                       (const char *)drawn + (size_t)((b * cap + t) * heads + h) * row, row);
            memset(at + (size_t)tokens * row, 0, (size_t)(cap - tokens) * row);
        }
}

bool la_sampled_has_cache(const la_variant *variant, const la_problem *p, const void *opts)
{
    la_part parts[LA_MAX_PARTS];
    if (!variant->state_parts) return false;
    size_t n = variant->state_parts(p, opts, parts, LA_MAX_PARTS);
    return is_kv_cache(variant, p, parts, n);
}

void la_sampled_fill_cache(const la_variant *variant, const la_problem *p, const void *opts,
                           const la_inputs *in, int64_t tokens, void *state)
{
    la_part parts[LA_MAX_PARTS];
    size_t offsets[LA_MAX_PARTS], n = variant->state_parts(p, opts, parts, LA_MAX_PARTS);
    la_state_layout(parts, n, offsets);
    fill_part(&parts[0], in->t[LA_T_K].data, tokens, (char *)state + offsets[0]);
    fill_part(&parts[1], in->t[LA_T_V].data, tokens, (char *)state + offsets[1]);
}

/* The last row of every batch entry. */
static la_status take_last_row(const la_ref_rows *r, const la_problem *p, la_sampled *out,
                               la_err *err)
{
    int64_t width = row_width(p);
    out->n_rows = 1;
    out->want = la_alloc((size_t)(p->B * width) * sizeof(double), err);
    if (!out->want) return LA_E_NOMEM;
    for (int64_t b = 0; b < p->B; b++)
        memcpy(out->want + b * width, r->want + ((b + 1) * r->n_rows - 1) * width,
               (size_t)width * sizeof(double));
    return LA_OK;
}

/* From the file alone: no sequence is drawn. */
static la_status decode_from_rows(const la_variant *variant, const la_problem *p, const void *opts,
                                  uint64_t seed, const la_ref_rows *r, la_inputs *token,
                                  void *state, la_err *err)
{
    la_part parts[LA_MAX_PARTS];
    size_t n = variant->state_parts(p, opts, parts, LA_MAX_PARTS);
    la_state_from_double(parts, n, r->state, state);
    LA_TRY(la_inputs_alloc(variant, p, opts, token, err));
    unpack_token(token, r->token);
    return la_inputs_draw_params(token, seed, err);
}

/* From the drawn sequence: a KV cache holds the drawn keys and values themselves. */
static la_status decode_from_inputs(const la_variant *variant, const la_problem *p,
                                    const void *opts, const la_inputs *in, la_inputs *token,
                                    void *state, la_err *err)
{
    if (!la_sampled_has_cache(variant, p, opts))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no state to decode from", variant->name);
    la_sampled_fill_cache(variant, p, opts, in, p->Tcap - 1, state);
    return la_inputs_piece(variant, opts, in, p->Tcap - 1, 1, token, err);
}

la_status la_sampled_decode(const la_variant *variant, const la_problem *p, const void *opts,
                            uint64_t seed, const char *cache_dir, la_inputs *token, void *state,
                            la_sampled *out, la_err *err)
{
    la_problem whole = *p;
    la_ref_rows r = {0};
    la_ref_file file;
    la_inputs in = {0};
    whole.T = p->Tcap;
    whole.mask = LA_MASK_CAUSAL; /* nothing follows the last token */
    *out = (la_sampled){.problem = *p};
    *token = (la_inputs){0};
    if (!variant->state_parts)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no state to decode from", variant->name);
    if (cache_dir) LA_TRY(la_ref_file_name(cache_dir, variant, &whole, opts, seed, &file, err));
    LA_TRY(prepare(variant, &whole, opts, seed, &r, err));
    out->from_file = cache_dir && la_ref_file_read(&file, &r);
    la_status st = LA_OK;
    if (!out->from_file || !r.n_state)
        st = la_inputs_draw(variant, &whole, opts, LA_INPUTS_DEFAULT, seed, &in, err);
    if (st == LA_OK && !out->from_file) {
        st = compute(variant, &whole, opts, &in, &r, err);
        if (st == LA_OK && cache_dir) la_ref_file_write(&file, &r);
    }
    if (st == LA_OK)
        st = r.n_state ? decode_from_rows(variant, p, opts, seed, &r, token, state, err)
                       : decode_from_inputs(variant, p, opts, &in, token, state, err);
    if (st == LA_OK) st = take_last_row(&r, p, out, err);
    la_inputs_release(&in);
    la_ref_rows_release(&r);
    if (st != LA_OK) {
        la_inputs_release(token);
        la_sampled_release(out);
    }
    return st;
}

la_status la_sampled_check(const la_sampled *sampled, const la_variant *variant,
                           const la_impl *impl, const void *o, la_error *error, la_err *err)
{
    const la_problem *p = &sampled->problem;
    la_compare(variant, p, o, sampled->rows, sampled->n_rows, sampled->want, error);
    int64_t n = p->B * p->T * row_width(p), bad = la_count_nonfinite(o, n, p->dtype);
    la_status st = la_judge(error, la_tolerance_of(variant, impl, p->dtype), err);
    if (bad && !error->n_nonfinite) {
        st = LA_FAIL(err, LA_E_NONFINITE,
                     "%" PRId64 " of %" PRId64
                     " values are not finite, none of them in the %" PRId64 " rows compared",
                     bad, n, sampled->n_rows);
    }
    error->n_nonfinite = bad;
    return st;
}

void la_sampled_release(la_sampled *sampled)
{
    if (!sampled) return;
    la_free(sampled->rows);
    la_free(sampled->want);
    *sampled = (la_sampled){0};
}

size_t la_sampled_bytes(const la_variant *variant, const la_problem *p, la_pass pass,
                        const void *opts)
{
    la_problem whole = *p;
    if (pass == LA_DECODE) whole.T = p->Tcap, whole.mask = LA_MASK_CAUSAL;
    bool walks = la_sampled_walks(variant, &whole, opts);
    int64_t heads = variant->inputs & LA_IN_X ? 1 : whole.H, pieces = whole.B * heads;
    int64_t cores = omp_get_num_procs();
    if (pieces > cores || walks) cores = pieces < cores ? pieces : cores;
    la_problem block = whole;
    block.dtype = LA_F32; /* so that bytes count elements, whatever their type */
    if (walks && block.T > BLOCK) block.T = BLOCK;
    /* One head's float64 tensors on each core, with as much again for the reference's own. */
    double floats = (double)la_inputs_bytes(variant, &block, opts) / sizeof(float);
    double slices = floats / (double)pieces * (double)cores * 2.0;
    int64_t rows = whole.T < LA_SAMPLED_FULL ? whole.T : LA_SAMPLED_FULL;
    double kept = (double)(2 * whole.B * rows * row_width(&whole));
    if (walks) kept += 3.0 * (double)la_reference_state_elements(variant, &whole, opts);
    size_t drawn = pass == LA_DECODE ? la_inputs_bytes(variant, &whole, opts) : 0;
    return (size_t)((slices + kept) * sizeof(double)) + drawn + ((size_t)1 << 20);
}
