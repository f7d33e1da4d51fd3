/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_load.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry.h"

/* The mode of floating-point arithmetic: rounding, flush-to-zero, exceptions taken. */
#if defined(__x86_64__)
enum { FLAGS = 0x3f }; /* exceptions that happened: no mode */
static uint32_t float_mode(void)
{
    return __builtin_ia32_stmxcsr() & ~(uint32_t)FLAGS;
}
static void set_float_mode(uint32_t mode)
{
    __builtin_ia32_ldmxcsr(mode);
}
enum { FRESH_MODE = 0x1f80 };
#else
static uint32_t float_mode(void)
{
    return 0;
}
static void set_float_mode(uint32_t mode)
{
    (void)mode;
}
enum { FRESH_MODE = 0 };
#endif

/* From a fresh mode, so that flush-to-zero is seen even in a process that has set it already. */
static void *load_watched(const char *path, bool *changed)
{
    uint32_t before = float_mode();
    set_float_mode(FRESH_MODE);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    *changed = float_mode() != FRESH_MODE;
    set_float_mode(before);
    return library;
}

static la_status take_variant(const char *path, const char *code, const la_plugin *plugin,
                              la_err *err)
{
    la_err why = {0};
    const la_variant *v = plugin->variant;
    if (plugin->abi != LA_ABI || plugin->size != sizeof *v)
        return LA_FAIL(
            err, LA_E_ARG,
            "plugin %.300s is built for ABI %u and a descriptor of %u bytes; this labench has "
            "%u and %zu: build it again with the headers of this labench",
            path, plugin->abi, plugin->size, LA_ABI, sizeof *v);
    if (!v)
        return LA_FAIL(err, LA_E_ARG, "plugin %.300s: its la_plugin_v1 points to no variant", path);
    la_status st = la_registry_add_from(v, path, code, &why);
    return st == LA_OK ? LA_OK : LA_FAIL(err, st, "plugin %.300s: %s", path, why.msg);
}

la_status la_plugin_load(const char *path, const char *code, const la_plugin **out, la_err *err)
{
    char found[33];
    bool changed;
    LA_TRY(la_plugin_file_check(path, found, err));
    if (code && *code && strcmp(code, found) != 0)
        return LA_FAIL(
            err, LA_E_ARG,
            "plugin %.300s is another file than when the sweep was planned; start it again", path);
    /* A path without a slash would be looked for in the folders of the system's libraries. */
    char *full = realpath(path, NULL);
    if (!full) return LA_FAIL(err, LA_E_IO, "plugin %.300s: its path cannot be resolved", path);
    void *library = load_watched(full, &changed);
    free(full);
    if (!library)
        return LA_FAIL(err, LA_E_ARG, "plugin %.300s cannot be loaded: %s", path, dlerror());
    if (changed)
        return LA_FAIL(
            err, LA_E_ARG,
            "plugin %.300s changes the floating-point mode of the whole process when it is "
            "loaded; link it without -ffast-math (or -Ofast)",
            path);
    const la_plugin *plugin = dlsym(library, "la_plugin_v1");
    if (!plugin)
        return LA_FAIL(
            err, LA_E_ARG,
            "plugin %.300s does not export la_plugin_v1; write LA_PLUGIN(variant); in its C "
            "file",
            path);
    *out = plugin;
    return take_variant(path, found, plugin, err);
}
