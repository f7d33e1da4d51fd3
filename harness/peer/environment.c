/* SPDX-License-Identifier: Apache-2.0
 * What a peer's program finds in its environment.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "labench/kit.h"
#include "peer.h"
#include "text.h"

/* Where OpenMP puts threads is each program's own choice: binding suits our kernels, and leaves some
 * builds of BLAS a single core. LABENCH_ISA lowers our own products, not those of others; where OpenBLAS does not
 * know the CPU, though, it is told to all. */
static bool left_out(const char *var, bool lib)
{
    static const char *const names[] = {
        "OMP_PROC_BIND=", "OMP_PLACES=", "GOMP_CPU_AFFINITY=", "LABENCH_PEER_LIB=", "PYTHONPATH="};
    static const char core[] = "OPENBLAS_CORETYPE=";
    for (size_t i = 0; i < LA_COUNT(names) - (lib ? 0 : 2); i++)
        if (strncmp(var, names[i], strlen(names[i])) == 0) return true;
    if (strncmp(var, core, strlen(core)) != 0) return false;
    const char *set = getenv("LABENCH_ISA"), *best = la_blas_core(la_isa_best());
    bool lowered = set && *set && la_isa_best() < LA_ISA_AVX512;
    return lowered || !best || strcmp(var + strlen(core), best) != 0;
}

static la_status put(char **vars, size_t *n, char **own, const char *text, la_err *err)
{
    *own = la_strdup(text, err);
    if (!*own) return LA_E_NOMEM;
    vars[(*n)++] = *own;
    return LA_OK;
}

la_status la_peer_env_make(la_peer_env *out, la_err *err)
{
    char folder[PATH_MAX];
    size_t n = 0, count = 0;
    *out = (la_peer_env){0};
    while (environ[count]) count++;
    out->vars = la_zalloc((count + 3) * sizeof *out->vars, err);
    if (!out->vars) return LA_E_NOMEM;
    bool lib = la_peer_shipped(folder, sizeof folder) == LA_OK;
    const char *python = getenv("PYTHONPATH");
    for (size_t i = 0; i < count; i++)
        if (!left_out(environ[i], lib)) out->vars[n++] = environ[i];
    if (!lib) return LA_OK;
    la_text t = {0}, path = {0};
    la_text_add(&t, "LABENCH_PEER_LIB=%s", folder);
    la_text_add(&path, "PYTHONPATH=%s%s%s", folder, python && *python ? ":" : "",
                python ? python : "");
    la_status st =
        t.failed || path.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory: environment") : LA_OK;
    if (st == LA_OK) st = put(out->vars, &n, &out->lib, la_text_str(&t), err);
    if (st == LA_OK) st = put(out->vars, &n, &out->python, la_text_str(&path), err);
    la_text_release(&t);
    la_text_release(&path);
    if (st != LA_OK) la_peer_env_release(out);
    return st;
}

void la_peer_env_release(la_peer_env *env)
{
    if (!env) return;
    la_free(env->vars);
    la_free(env->lib);
    la_free(env->python);
    *env = (la_peer_env){0};
}
