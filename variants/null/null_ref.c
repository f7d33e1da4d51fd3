/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "labench/variant.h"

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts, (void)err;
    memset(io->o, 0, (size_t)(io->n_rows * p->dv) * sizeof(double));
    return LA_OK;
}

const la_reference la_null_reference = {.forward = forward};
