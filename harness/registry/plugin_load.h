/* SPDX-License-Identifier: Apache-2.0
 * A plugin's file becomes a registered variant. Only worker processes call la_plugin_load: constructors
 * of the library run in it, and may crash, hang or end the process.
 */
#ifndef LA_PLUGIN_LOAD_H
#define LA_PLUGIN_LOAD_H

#include "labench/plugin.h"

/* Checks of the bytes of the file, before any of its code can run: a shared library of this machine's
 * kind with the symbol la_plugin_v1 and the ABI and size of this labench. `code` gets a digest of the
 * file. LA_E_ARG, LA_E_IO or LA_E_NOTFOUND with a sentence that names the file. */
la_status la_plugin_file_check(const char *path, char code[33], la_err *err);

/* Checks the file, loads it and registers its variant. `code`, when not empty, is the digest that
 * the file must still have. Refuses a library that changes the floating-point mode of the process (it
 * was linked with -ffast-math), and whatever la_registry_add refuses. Nothing is unloaded again. */
la_status la_plugin_load(const char *path, const char *code, const la_plugin **out, la_err *err);

#endif
