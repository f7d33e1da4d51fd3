/* SPDX-License-Identifier: Apache-2.0 */
#include "sampled_backward.h"

#include <omp.h>
#include <string.h>

#include "elements.h"
#include "labench/kit.h"
#include "sampled_file.h"

/* The same inputs for every length and round, so that their reference is computed once. */
const uint64_t la_sampled_backward_seed = UINT64_C(0x6772616469656e74);
#define SEED la_sampled_backward_seed

la_problem la_sampled_backward_problem(const la_problem *p)
{
    la_problem q = *p;
    if (q.T > LA_SAMPLED_BACKWARD_TOKENS) q.T = q.Tcap = LA_SAMPLED_BACKWARD_TOKENS;
    if (q.B > LA_SAMPLED_BACKWARD_BATCH) q.B = LA_SAMPLED_BACKWARD_BATCH;
    return q;
}

/* All arrays of *d, one after the other, into or out of `flat`. */
static int64_t flatten(la_doubles *d, double *flat, bool out)
{
    int64_t total = 0, n;
    int which;
    double *x;
    for (size_t i = 0; (x = la_doubles_at(d, i, &n, &which)); i++, total += n) {
        if (flat && out) memcpy(flat + total, x, (size_t)n * sizeof *x);
        if (flat && !out) memcpy(x, flat + total, (size_t)n * sizeof *x);
    }
    return total;
}

static la_status compute(const la_variant *variant, const la_problem *p, const void *opts,
                         const la_inputs *in, const la_gradients *g, la_doubles *want, la_err *err)
{
    la_problem with_cores = *p;
    la_doubles wide = {0};
    int64_t n = p->B * p->T * p->H * p->dv;
    with_cores.threads = omp_get_num_procs();
    double *dout = la_alloc((size_t)n * sizeof *dout, err);
    la_status st = dout ? la_doubles_of(variant, opts, in, false, &wide, err) : LA_E_NOMEM;
    if (dout) la_elements_to_double(g->dout.data, p->dtype, 0, n, dout);
    if (st == LA_OK)
        st = la_doubles_backward(variant, &with_cores, opts, &wide, dout, NULL, want, err);
    la_doubles_release(&wide);
    la_free(dout);
    return st;
}

/* The reference's gradients, from the folder where it has them. */
static la_status reference(const la_variant *variant, const la_problem *p, const void *opts,
                           const la_inputs *in, const la_gradients *g, const char *cache_dir,
                           la_doubles *want, la_err *err)
{
    LA_TRY(la_doubles_alloc(variant, p, opts, false, want, err));
    if (!cache_dir) return compute(variant, p, opts, in, g, want, err);
    la_ref_file file;
    la_ref_rows kept = {.n_rows = 1, .n_want = flatten(want, NULL, false)};
    LA_TRY(la_ref_file_name(cache_dir, variant, p, opts, SEED, &file, err));
    LA_TRY(la_ref_rows_alloc(&kept, err));
    kept.rows[0] = 0;
    la_status st = LA_OK;
    if (la_ref_file_read(&file, &kept)) {
        flatten(want, kept.want, false);
    } else {
        kept.rows[0] = 0;
        st = compute(variant, p, opts, in, g, want, err);
        if (st == LA_OK) {
            flatten(want, kept.want, true);
            la_ref_file_write(&file, &kept);
        }
    }
    la_ref_rows_release(&kept);
    return st;
}

typedef struct own_run {
    const la_variant *variant;
    const la_impl *impl;
    const void *opts;
    const la_device *device;
} own_run;

/* The gradients of one of our own impls. */
static la_status run_impl(void *context, const la_problem *p, const la_inputs *in, la_gradients *g,
                          la_err *err)
{
    const own_run *own = context;
    la_instance inst = {0};
    LA_TRY(la_instance_create(own->variant, own->impl, p, LA_FWDBWD, own->opts, own->device, &inst,
                              err));
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, in);
    la_grads grads = la_gradients_grads(g);
    la_status st = inst.impl->forward(inst.self, &io, err);
    la_buffer_poison(&inst.work);
    if (st == LA_OK) st = inst.impl->backward(inst.self, &io, &grads, err);
    if (st == LA_OK) st = la_instance_guards(&inst, err);
    if (st == LA_OK) st = la_gradients_guards(g, in, err);
    la_instance_release(&inst);
    return st;
}

la_status la_sampled_backward_of(const la_variant *variant, const la_impl *impl,
                                 const la_problem *p, const void *opts, const la_device *device,
                                 la_backward_run run, void *context, const char *cache_dir,
                                 la_gradient_error *each, size_t *n, la_err *err)
{
    la_problem q = la_sampled_backward_problem(p);
    own_run own = {variant, impl, opts, device};
    la_inputs in = {0};
    la_gradients g = {0};
    la_doubles want = {0};
    *n = 0;
    la_status st = la_inputs_draw(variant, &q, opts, LA_INPUTS_DEFAULT, SEED, &in, err);
    if (st == LA_OK) st = la_gradients_alloc(variant, &q, opts, false, &g, err);
    if (st != LA_OK) goto done;
    la_gradients_draw(&g, SEED);
    st = reference(variant, &q, opts, &in, &g, cache_dir, &want, err);
    if (st == LA_OK) la_gradients_poison(&g);
    if (st == LA_OK) st = run ? run(context, &q, &in, &g, err) : run_impl(&own, &q, &in, &g, err);
    if (st == LA_OK)
        st = la_gradients_judge(variant, impl, opts, &in, &g, &want, NULL, each, n, err);
done:
    la_doubles_release(&want);
    la_gradients_release(&g);
    la_inputs_release(&in);
    return st;
}

la_status la_sampled_backward(const la_variant *variant, const la_impl *impl, const la_problem *p,
                              const void *opts, const la_device *device, const char *cache_dir,
                              la_gradient_error *each, size_t *n, la_err *err)
{
    return la_sampled_backward_of(variant, impl, p, opts, device, NULL, NULL, cache_dir, each, n,
                                  err);
}

size_t la_sampled_backward_bytes(const la_variant *variant, const la_impl *impl,
                                 const la_problem *p, const void *opts, const la_device *device)
{
    la_problem q = la_sampled_backward_problem(p);
    la_sizes sizes = {0};
    if (impl->sizes(&q, LA_FWDBWD, opts, device, &sizes, NULL) != LA_OK) return 0;
    q.dtype = LA_F32; /* so that bytes count elements, whatever their type */
    size_t inputs = la_inputs_bytes(variant, &q, opts);
    size_t output = (size_t)(q.B * q.T * q.H * q.dv) * sizeof(float);
    /* Inputs and gradients in float32; in float64 both again whole, cut into heads (heads that share a key
     * hold one each), and once more for the folder. A softmax row is small beside these. */
    size_t shared = (size_t)(q.H / q.Hkv > q.H / q.Hqk ? q.H / q.Hkv : q.H / q.Hqk);
    return 2 * (inputs + output) + 2 * (3 + 2 * shared) * (inputs + output) + sizes.saved +
           sizes.work + sizes.instance;
}
