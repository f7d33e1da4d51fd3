/* SPDX-License-Identifier: Apache-2.0 */
#include "gradients.h"

#include "elements.h"
#include "labench/kit.h"

const char *const la_gradient_names[LA_T_COUNT] = {"dq",    "dk", "dv", "dx",
                                                   "dbeta", "dg", "da", "db"};

/* Streams of the gradients given to backward; those of the inputs count from 0. */
enum { STREAM_OUT = 100, STREAM_STATE = 101 };
enum { DRAWN = 4096 }; /* floats of a block that is drawn before it is rounded */

static size_t tensor_bytes(const la_variant *variant, const la_problem *p, int which)
{
    size_t element = la_dtype_size(la_tensor_dtype(p, which));
    return (size_t)la_tensor_elements(variant, p, (la_tensor)which) * element;
}

static size_t output_bytes(const la_problem *p)
{
    return (size_t)(p->B * p->T * p->H * p->dv) * la_dtype_size(p->dtype);
}

static size_t state_bytes(const la_variant *variant, const la_problem *p, const void *opts)
{
    la_part parts[LA_MAX_PARTS];
    if (!variant->state_parts) return 0;
    size_t n = variant->state_parts(p, opts, parts, LA_MAX_PARTS);
    return la_state_layout(parts, n, NULL);
}

size_t la_gradients_bytes(const la_variant *variant, const la_problem *p, const void *opts,
                          bool state)
{
    size_t bytes = output_bytes(p) + la_inputs_bytes(variant, p, opts);
    return bytes + (state ? 2 * state_bytes(variant, p, opts) : 0);
}

la_status la_gradients_alloc(const la_variant *variant, const la_problem *p, const void *opts,
                             bool state, la_gradients *out, la_err *err)
{
    *out = (la_gradients){.problem = *p};
    la_param params[LA_MAX_PARAMS];
    out->n_params = variant->params ? variant->params(p, opts, params, LA_MAX_PARAMS) : 0;
    LA_ASSERT(out->n_params <= LA_MAX_PARAMS);
    la_status st = la_buffer_init(&out->dout, output_bytes(p), err);
    for (int i = 0; i < LA_T_COUNT && st == LA_OK; i++)
        st = la_buffer_init(&out->d[i], tensor_bytes(variant, p, i), err);
    for (size_t i = 0; i < out->n_params && st == LA_OK; i++) {
        if (!params[i].trainable) continue;
        size_t bytes = (size_t)la_param_elements(&params[i]) * sizeof(float);
        st = la_buffer_init(&out->dparam[i], bytes, err);
        out->dparam_ptr[i] = out->dparam[i].data;
    }
    size_t bytes = state ? state_bytes(variant, p, opts) : 0;
    if (st == LA_OK) st = la_buffer_init(&out->dstate_out, bytes, err);
    if (st == LA_OK) st = la_buffer_init(&out->dstate_in, bytes, err);
    if (st != LA_OK) la_gradients_release(out);
    return st;
}

void la_gradients_release(la_gradients *g)
{
    if (!g) return;
    la_buffer_release(&g->dout);
    for (int i = 0; i < LA_T_COUNT; i++) la_buffer_release(&g->d[i]);
    for (size_t i = 0; i < LA_MAX_PARAMS; i++) la_buffer_release(&g->dparam[i]);
    la_buffer_release(&g->dstate_out);
    la_buffer_release(&g->dstate_in);
    *g = (la_gradients){0};
}

/* n normal numbers of the type, each the float32 one rounded; a block at a time, whatever its length. */
static void draw_normal(uint64_t stream, la_dtype dtype, void *to, int64_t n, int threads)
{
    if (dtype == LA_F32) {
        la_random_fill_normal(stream, 0, to, n, threads);
        return;
    }
#pragma omp parallel for num_threads(threads)
    for (int64_t at = 0; at < n; at += DRAWN) {
        float x[DRAWN];
        int64_t now = n - at < DRAWN ? n - at : DRAWN;
        la_random_fill_normal(stream, (uint64_t)at, x, now, 1);
        la_elements_from_float(x, now, dtype, (char *)to + (size_t)at * la_dtype_size(dtype));
    }
}

void la_gradients_draw(la_gradients *g, uint64_t seed)
{
    const la_problem *p = &g->problem;
    draw_normal(la_stream(seed, STREAM_OUT, 0), p->dtype, g->dout.data, p->B * p->T * p->H * p->dv,
                p->threads);
    if (g->dstate_out.data)
        la_random_fill_normal(la_stream(seed, STREAM_STATE, 0), 0, g->dstate_out.data,
                              (int64_t)(g->dstate_out.bytes / sizeof(float)), p->threads);
}

void la_gradients_poison(la_gradients *g)
{
    for (int i = 0; i < LA_T_COUNT; i++) la_buffer_poison(&g->d[i]);
    for (size_t i = 0; i < g->n_params; i++) la_buffer_poison(&g->dparam[i]);
    la_buffer_poison(&g->dstate_in);
}

la_grads la_gradients_grads(const la_gradients *g)
{
    return (la_grads){
        .dout = g->dout.data,
        .dstate_out = g->dstate_out.data,
        .dq = g->d[LA_T_Q].data,
        .dk = g->d[LA_T_K].data,
        .dv = g->d[LA_T_V].data,
        .dx = g->d[LA_T_X].data,
        .dbeta = g->d[LA_T_BETA].data,
        .dg = g->d[LA_T_G].data,
        .da = g->d[LA_T_A].data,
        .db = g->d[LA_T_B].data,
        .dstate_in = g->dstate_in.data,
        .dparams = g->n_params ? g->dparam_ptr : NULL,
    };
}

const la_buffer *la_gradients_at(const la_gradients *g, const la_inputs *in, size_t i,
                                 const char **name)
{
    for (int t = 0; t < LA_T_COUNT; t++) {
        if (g->d[t].bytes == 0) continue;
        *name = la_tensor_names[t];
        if (i-- == 0) return &g->d[t];
    }
    for (size_t n = 0; n < g->n_params; n++) {
        if (g->dparam[n].bytes == 0) continue;
        *name = in->params[n].name;
        if (i-- == 0) return &g->dparam[n];
    }
    *name = "state";
    return i == 0 && g->dstate_in.bytes ? &g->dstate_in : NULL;
}

la_dtype la_gradients_dtype(const la_gradients *g, const la_buffer *buf)
{
    bool typed = buf >= &g->d[0] && buf <= &g->d[LA_T_X];
    return typed ? g->problem.dtype : LA_F32;
}

la_status la_gradients_guards(const la_gradients *g, const la_inputs *in, la_err *err)
{
    const char *name;
    const la_buffer *buf;
    for (size_t i = 0; (buf = la_gradients_at(g, in, i, &name)); i++)
        if (!la_buffer_intact(buf))
            return LA_FAIL(err, LA_E_WRONG, "backward wrote outside d%s of %zu bytes", name,
                           buf->bytes);
    if (!la_buffer_intact(&g->dout) || !la_buffer_intact(&g->dstate_out))
        return LA_FAIL(err, LA_E_WRONG, "backward wrote outside the gradient it was given");
    return LA_OK;
}

static uint64_t add(uint64_t hash, const la_buffer *buf)
{
    return buf->bytes ? la_elements_hash(buf->data, buf->bytes, hash + 1) : hash;
}

uint64_t la_gradients_hash_given(const la_gradients *g)
{
    return add(add(0, &g->dout), &g->dstate_out);
}

uint64_t la_gradients_hash_made(const la_gradients *g)
{
    uint64_t hash = 0;
    for (int i = 0; i < LA_T_COUNT; i++) hash = add(hash, &g->d[i]);
    for (size_t i = 0; i < g->n_params; i++) hash = add(hash, &g->dparam[i]);
    return add(hash, &g->dstate_in);
}
