/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "alloc.h"
#include "paper.h"

la_status la_strings_add(la_strings *strings, const char *s, size_t len, la_err *err)
{
    LA_TRY(la_grow((void **)&strings->v, &strings->cap, strings->n + 1, sizeof *strings->v, err));
    char *copy = la_alloc(len + 1, err);
    if (!copy) return LA_E_NOMEM;
    memcpy(copy, s, len);
    copy[len] = '\0';
    strings->v[strings->n++] = copy;
    return LA_OK;
}

void la_strings_release(la_strings *strings)
{
    for (size_t i = 0; i < strings->n; i++) la_free(strings->v[i]);
    la_free(strings->v);
    *strings = (la_strings){0};
}
