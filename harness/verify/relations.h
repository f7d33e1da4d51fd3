/* SPDX-License-Identifier: Apache-2.0
 * Identities between variants, forms and masks: each follows from the mathematics alone, so that a
 * kernel and its reference that share a mistake do not get past both.
 */
#ifndef LA_RELATIONS_H
#define LA_RELATIONS_H

#include "compare.h"

typedef struct la_relation {
    const char *name;        /* "flash_is_softmax" */
    const char *variants[2]; /* must be registered; the second may be NULL */
    const char *statement;   /* one line: what holds */
    la_status (*run)(const struct la_relation *, const la_device *, la_err *);
} la_relation;

/* Those of the table, which name their variants, then the generic ones, which hold of every
 * registered variant with the capabilities. A variant that is added later (la_registry_add) changes
 * count and order; pointers to relations are good until then. */
size_t la_relations_count(void);
size_t la_relations_named(void); /* how many there are of the first kind */
const la_relation *la_relations_at(size_t i);
const la_relation *la_relations_find(const char *name); /* NULL: none */
/* LA_OK: it holds. LA_E_NOTFOUND: a variant is not in this build, nothing was checked. Else it does
 * not hold (LA_E_WRONG, LA_E_NONFINITE) or could not be tried. The caller has called la_start. */
la_status la_relation_run(const la_relation *relation, const la_device *device, la_err *err);

#endif
