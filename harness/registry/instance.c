/* SPDX-License-Identifier: Apache-2.0 */
#include "instance.h"

#include <string.h>

#include "elements.h"
#include "inputs.h"

static size_t output_bytes(const la_problem *p)
{
    return (size_t)(p->B * p->T * p->H * p->dv) * la_dtype_size(p->dtype);
}

la_status la_instance_create(const la_variant *variant, const la_impl *impl, const la_problem *p,
                             la_pass pass, const void *opts, const la_device *device,
                             la_instance *out, la_err *err)
{
    *out =
        (la_instance){.variant = variant, .impl = impl, .problem = *p, .opts = opts, .pass = pass};
    LA_TRY(la_problem_check(p, err));
    LA_TRY(impl->check(p, pass, opts, device, err));
    LA_TRY(impl->sizes(p, pass, opts, device, &out->sizes, err));
    size_t layout = 0;
    if (variant->state_parts) {
        out->n_parts = variant->state_parts(p, opts, out->parts, LA_MAX_PARTS);
        LA_ASSERT(out->n_parts <= LA_MAX_PARTS);
        layout = la_state_layout(out->parts, out->n_parts, out->part_offset);
    }
    if (out->sizes.state != 0 && out->sizes.state != layout)
        return LA_FAIL(err, LA_E_WRONG, "%s: sizes.state is %zu bytes but the parts take %zu",
                       la_pass_name(pass), out->sizes.state, layout);
    bool save = pass == LA_BACKWARD || pass == LA_FWDBWD;
    la_status st;
    if ((st = la_buffer_init(&out->state, out->sizes.state, err)) != LA_OK) goto fail;
    if ((st = la_buffer_init(&out->saved, save ? out->sizes.saved : 0, err)) != LA_OK) goto fail;
    /* Scratch of a device lies there, and is its impl's affair. */
    size_t work = impl->backend == LA_CUDA ? 0 : out->sizes.work;
    if ((st = la_buffer_init(&out->work, work, err)) != LA_OK) goto fail;
    if ((st = la_buffer_init(&out->o, output_bytes(p), err)) != LA_OK) goto fail;
    size_t before = la_mem_live();
    if ((st = impl->create(p, opts, device, &out->self, err)) != LA_OK) goto fail;
    out->created_bytes = la_mem_live() - before;
    return LA_OK;
fail:
    la_instance_release(out);
    return st;
}

void la_instance_release(la_instance *in)
{
    if (!in) return;
    if (in->self) in->impl->destroy(in->self);
    la_buffer_release(&in->state);
    la_buffer_release(&in->saved);
    la_buffer_release(&in->work);
    la_buffer_release(&in->o);
    *in = (la_instance){0};
}

void la_instance_poison(la_instance *in)
{
    la_buffer_poison(&in->o);
    la_buffer_poison(&in->work);
    la_buffer_poison(&in->saved);
}

void la_instance_state_initial(la_instance *in)
{
    if (in->state.bytes == 0) return;
    memset(in->state.data, 0, in->state.bytes);
    for (size_t i = 0; i < in->n_parts; i++) {
        const la_part *part = &in->parts[i];
        if (part->initial == 0.0) continue;
        char *x = (char *)in->state.data + in->part_offset[i];
        size_t size = la_dtype_size(part->dtype);
        for (int64_t e = 0; e < la_part_elements(part); e++)
            la_elements_from_double(&part->initial, 1, part->dtype, x + (size_t)e * size);
    }
}

la_status la_instance_guards(const la_instance *in, la_err *err)
{
    const struct {
        const char *name;
        const la_buffer *buf;
    } all[] = {
        {"output", &in->o}, {"state", &in->state}, {"saved", &in->saved}, {"work", &in->work}};
    for (size_t i = 0; i < LA_COUNT(all); i++)
        if (!la_buffer_intact(all[i].buf))
            return LA_FAIL(err, LA_E_WRONG, "%s %s wrote outside its %s buffer of %zu bytes",
                           in->variant->name, in->impl->name, all[i].name, all[i].buf->bytes);
    return LA_OK;
}

la_io la_instance_io(const la_instance *in, const la_inputs *inputs)
{
    return (la_io){
        .q = inputs->t[LA_T_Q].data,
        .k = inputs->t[LA_T_K].data,
        .v = inputs->t[LA_T_V].data,
        .x = inputs->t[LA_T_X].data,
        .beta = inputs->t[LA_T_BETA].data,
        .g = inputs->t[LA_T_G].data,
        .a = inputs->t[LA_T_A].data,
        .b = inputs->t[LA_T_B].data,
        .params = inputs->n_params ? inputs->param_ptr : NULL,
        .o = in->o.data,
        .saved = in->saved.data,
        .work = in->work.data,
    };
}
