/* SPDX-License-Identifier: Apache-2.0
 * The built-in variants and tasks (a table the build generates), and those added at run time.
 */
#ifndef LA_REGISTRY_H
#define LA_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "labench/task.h"
#include "labench/variant.h"

size_t la_registry_count(void);
const la_variant *la_registry_at(size_t i);           /* by name, ascending */
const la_variant *la_registry_find(const char *name); /* NULL: none */
/* Nearest name for a misspelt one, or NULL. */
const char *la_registry_nearest(const char *name);
/* For plugins and tests: validates first; refuses a name already taken. Not thread-safe. */
la_status la_registry_add(const la_variant *variant, la_err *err);
/* The same for a variant that came out of a file, with a digest of that file; both are copied. */
la_status la_registry_add_from(const la_variant *variant, const char *origin, const char *code,
                               la_err *err);
/* Refuses what cannot be the name of a further variant: no good name, reserved or taken. */
la_status la_registry_name_free(const char *name, la_err *err);
void la_registry_remove(const la_variant *variant); /* what add registered; else nothing */
/* The file that a variant came from and its digest; "" for those built in. */
const char *la_registry_origin(const la_variant *variant);
const char *la_registry_code(const la_variant *variant);
/* ABI, size, names, options, capability bits against members. Calls nothing of the variant's. */
la_status la_variant_validate(const la_variant *variant, la_err *err);
/* That the reference of `as` can be called for v: the same inputs and scale, its options in front of v's own. */
la_status la_variant_same_validate(const la_variant *v, const la_variant *as, la_err *err);
la_status la_variant_name_check(const char *name, la_err *err); /* small letters, digits, _ */

size_t la_tasks_count(void);
const la_task *la_tasks_at(size_t i);
const la_task *la_tasks_find(const char *name);
const char *la_tasks_nearest(const char *name);
la_status la_task_validate(const la_task *task, la_err *err);

/* The reference of a variant, following same_as; never NULL for a valid variant. */
const la_reference *la_variant_reference(const la_variant *variant);
/* The family's word: "quadratic", "recurrent", ... */
const char *la_family_name(la_family family);
/* Best impl by rank on this device, or NULL with the reasons in err. */
const la_impl *la_variant_best(const la_variant *variant, const la_device *device, la_err *err);
const la_impl *la_variant_impl(const la_variant *variant, const char *name);
/* "chunk" of "cpu_chunk". */
const char *la_impl_form(const la_impl *impl);
/* The CPU of this machine. */
void la_device_cpu(la_device *out);

#endif
