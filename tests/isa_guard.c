/* SPDX-License-Identifier: Apache-2.0
 * Linked into tests that are registered once per instruction set: where the machine or the build lacks
 * the one that LABENCH_ISA asks for, the test is skipped before it starts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"

__attribute__((constructor)) static void skip_what_is_not_here(void)
{
    const char *forced = getenv("LABENCH_ISA"), *best = la_isa_name(la_isa_best());
    if (!forced || strcmp(forced, best) == 0) return;
    printf("this machine or build has no %s, it has %s: skipped\n", forced, best);
    fflush(stdout);
    _Exit(77);
}
