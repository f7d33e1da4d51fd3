/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static la_peer_tensor *add(la_peer_file *f, const char *prefix, const char *name, la_dtype dtype,
                           int rank, const int64_t *shape, const void *from)
{
    LA_ASSERT(f->n < LA_PEER_TENSORS);
    la_peer_tensor *t = &f->t[f->n++];
    *t = (la_peer_tensor){.out = !from, .dtype = dtype, .rank = rank, .from = from};
    snprintf(t->name, sizeof t->name, "%s%.48s", prefix, name);
    t->bytes = la_dtype_size(dtype);
    for (int i = 0; i < rank; i++) {
        t->shape[i] = shape[i];
        t->bytes *= (size_t)shape[i];
    }
    t->offset = f->bytes;
    f->bytes += (t->bytes + LA_PEER_PAGE - 1) / LA_PEER_PAGE * LA_PEER_PAGE;
    return t;
}

static int output_shape(const la_variant *variant, const la_problem *p, int64_t shape[4])
{
    bool flat = variant->inputs & LA_IN_X;
    shape[0] = p->B;
    shape[1] = p->T;
    shape[2] = flat ? p->H * p->dv : p->H;
    shape[3] = p->dv;
    return flat ? 3 : 4;
}

static void add_inputs(la_peer_file *f, const la_variant *v, const la_problem *p,
                       const la_inputs *in)
{
    int64_t shape[4];
    for (int i = 0; i < LA_T_COUNT; i++) {
        int rank = la_tensor_shape(v, p, (la_tensor)i, shape);
        if (rank) add(f, "", la_tensor_names[i], la_tensor_dtype(p, i), rank, shape, in->t[i].data);
    }
    for (size_t i = 0; i < in->n_params; i++) {
        const la_param *param = &in->params[i];
        add(f, "param.", param->name, LA_F32, param->rank, param->shape, in->param[i].data);
    }
}

static void add_gradients(la_peer_file *f, const la_variant *v, const la_problem *p,
                          const la_inputs *in, const la_gradients *g)
{
    int64_t shape[4];
    int rank = output_shape(v, p, shape);
    add(f, "", "do", p->dtype, rank, shape, g->dout.data);
    for (int i = 0; i < LA_T_COUNT; i++) {
        rank = la_tensor_shape(v, p, (la_tensor)i, shape);
        if (rank) add(f, "", la_gradient_names[i], la_tensor_dtype(p, i), rank, shape, NULL);
    }
    for (size_t i = 0; i < in->n_params; i++) {
        const la_param *param = &in->params[i];
        if (param->trainable)
            add(f, "dparam.", param->name, LA_F32, param->rank, param->shape, NULL);
    }
}

static void add_state(la_peer_file *f, const la_variant *v, const la_problem *p, const void *opts,
                      const void *state)
{
    la_part parts[LA_MAX_PARTS];
    size_t offsets[LA_MAX_PARTS];
    if (!v->state_parts) return;
    size_t n = v->state_parts(p, opts, parts, LA_MAX_PARTS);
    la_state_layout(parts, n, offsets);
    for (size_t i = 0; i < n; i++) {
        const la_part *part = &parts[i];
        add(f, "state_in.", part->name, part->dtype, part->rank, part->shape,
            (const char *)state + offsets[i]);
        add(f, "state_out.", part->name, part->dtype, part->rank, part->shape, NULL);
    }
}

/* NaN in every type: what a peer leaves out is seen. */
static void fill(const la_peer_file *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const la_peer_tensor *t = &f->t[i];
        if (t->from)
            memcpy(f->map + t->offset, t->from, t->bytes);
        else
            memset(f->map + t->offset, 0xff, t->bytes);
    }
}

la_status la_peer_file_make(const la_variant *variant, const la_problem *p, la_pass pass,
                            const void *opts, const la_inputs *in, const la_gradients *g,
                            const void *state, la_peer_file *out, la_err *err)
{
    int64_t shape[4];
    *out = (la_peer_file){.fd = -1};
    add_inputs(out, variant, p, in);
    int rank = output_shape(variant, p, shape);
    add(out, "", "o", p->dtype, rank, shape, NULL);
    if (g) add_gradients(out, variant, p, in, g);
    if (pass == LA_DECODE) add_state(out, variant, p, opts, state);
    int low = memfd_create("labench-tensors", MFD_CLOEXEC);
    if (low >= 0) { /* above the numbers that a peer's ends get */
        out->fd = fcntl(low, F_DUPFD_CLOEXEC, 10);
        close(low);
    }
    if (out->fd < 0 || ftruncate(out->fd, (off_t)out->bytes) != 0) {
        la_status st =
            LA_FAIL(err, LA_E_IO, "no memory file for a peer's tensors: %s", strerror(errno));
        la_peer_file_release(out);
        return st;
    }
    void *map = mmap(NULL, out->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, out->fd, 0);
    if (map == MAP_FAILED) {
        la_peer_file_release(out);
        return LA_FAIL(err, LA_E_NOMEM, "no memory for a peer's tensors of %zu bytes", out->bytes);
    }
    out->map = map;
    fill(out);
    return LA_OK;
}

void la_peer_file_release(la_peer_file *file)
{
    if (file->map) munmap(file->map, file->bytes);
    if (file->fd >= 0) close(file->fd);
    *file = (la_peer_file){.fd = -1};
}

void *la_peer_file_find(const la_peer_file *file, const char *name)
{
    for (size_t i = 0; i < file->n; i++)
        if (strcmp(file->t[i].name, name) == 0) return file->map + file->t[i].offset;
    return NULL;
}

const char *la_peer_file_changed(const la_peer_file *file)
{
    for (size_t i = 0; i < file->n; i++) {
        const la_peer_tensor *t = &file->t[i];
        if (t->from && memcmp(file->map + t->offset, t->from, t->bytes) != 0) return t->name;
    }
    return NULL;
}

static void copy_out(const la_peer_file *file, const char *prefix, const char *name,
                     const la_buffer *to)
{
    char full[64];
    snprintf(full, sizeof full, "%s%.48s", prefix, name);
    const void *from = la_peer_file_find(file, full);
    if (from && to->bytes) memcpy(to->data, from, to->bytes);
}

void la_peer_file_gradients(const la_peer_file *file, const la_inputs *in, la_gradients *g)
{
    for (int i = 0; i < LA_T_COUNT; i++) copy_out(file, "", la_gradient_names[i], &g->d[i]);
    for (size_t i = 0; i < in->n_params; i++)
        copy_out(file, "dparam.", in->params[i].name, &g->dparam[i]);
}
