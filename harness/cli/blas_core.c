/* SPDX-License-Identifier: Apache-2.0
 * OpenBLAS chooses its kernels when it is loaded, from the CPU or from OPENBLAS_CORETYPE. A value
 * left in the environment by somebody else (build images set it) would halve the speed of every
 * large product without a word, so it is not obeyed: the program starts itself again without it. It also starts
 * itself again, with one, where OpenBLAS does not know the CPU and fell back to kernels of 2004, a ninth as fast.
 * LABENCH_ISA lowers the products together with our own kernels.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "labench/kit.h"

/* The OpenBLAS core of an instruction set that LABENCH_ISA asks for, or that it has not found out itself; NULL: let
 * it choose. `have`: what it was told, or NULL. */
static const char *core_wanted(const char *have)
{
    const char *isa = getenv("LABENCH_ISA"), *best = la_blas_core(la_isa_best());
    if (isa && strcmp(isa, "generic") == 0) return "Nehalem";
    if (isa && strcmp(isa, "avx2") == 0) return "Haswell";
    if (have) return best && strcmp(have, best) == 0 ? best : NULL;
    return la_blas_behind(la_isa_best()) ? best : NULL;
}

void la_cli_settle_blas(char **argv)
{
    const char *have = getenv("OPENBLAS_CORETYPE"), *want = core_wanted(have);
    const char *l2 = getenv("OPENBLAS_L2_SIZE");
    if ((want ? have && strcmp(have, want) == 0 : !have) && !l2) return;
    unsetenv("OPENBLAS_L2_SIZE");
    if (want ? setenv("OPENBLAS_CORETYPE", want, 1) != 0 : unsetenv("OPENBLAS_CORETYPE") != 0)
        return;
    la_cli_unbind();
    execv("/proc/self/exe",
          argv); /* returns only where there is no /proc: then it stays as it is */
}
