/* SPDX-License-Identifier: Apache-2.0
 * test_relations NAME: one relation; 77 when a variant of it is not in this build.
 * test_relations --of VARIANT: the generic ones of a variant; 77 when it has the capabilities of none.
 * test_relations --list NAME...: whether these are all that name their variants.
 */
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"
#include "relations.h"

static int same_list(int n, char **names)
{
    int wrong = 0;
    for (size_t i = 0; i < la_relations_named(); i++) {
        int found = 0;
        for (int j = 0; j < n; j++) found += strcmp(names[j], la_relations_at(i)->name) == 0;
        if (found == 1) continue;
        printf("relation %s is listed %d times\n", la_relations_at(i)->name, found);
        wrong++;
    }
    return wrong || (size_t)n != la_relations_named();
}

static int run(const la_relation *relation)
{
    la_device device;
    la_device_cpu(&device);
    la_err err = {0};
    la_status st = la_relation_run(relation, &device, &err);
    printf("%s: %s: %s\n", relation->name, relation->statement, st == LA_OK ? "holds" : err.msg);
    if (st == LA_E_NOTFOUND) return 77;
    if (la_mem_live() != 0) printf("%zu bytes were never freed\n", la_mem_live());
    return st != LA_OK || la_mem_live() != 0;
}

static int run_generic(const char *variant)
{
    int code = 77;
    for (size_t i = la_relations_named(); i < la_relations_count(); i++) {
        const la_relation *relation = la_relations_at(i);
        if (strcmp(relation->variants[0], variant) != 0) continue;
        if (run(relation) != 0) return 1;
        code = 0;
    }
    return code;
}

int main(int argc, char **argv)
{
    la_start(2);
    if (argc > 1 && strcmp(argv[1], "--list") == 0) return same_list(argc - 2, argv + 2);
    if (argc == 3 && strcmp(argv[1], "--of") == 0) return run_generic(argv[2]);
    const la_relation *relation = argc == 2 ? la_relations_find(argv[1]) : NULL;
    if (!relation) {
        fprintf(stderr, "usage: %s RELATION\n", argv[0]);
        return 2;
    }
    return run(relation);
}
