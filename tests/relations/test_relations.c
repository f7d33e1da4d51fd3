/* SPDX-License-Identifier: Apache-2.0
 * test_relations NAME: one relation; 77 when a variant of it is not in this build.
 * test_relations --list NAME...: whether these are all the relations there are.
 */
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"
#include "relations.h"

static int same_list(int n, char **names)
{
    int missing = 0;
    for (size_t i = 0; i < la_relations_count(); i++) {
        int found = 0;
        for (int j = 0; j < n; j++) found += strcmp(names[j], la_relations_at(i)->name) == 0;
        if (found == 1) continue;
        printf("relation %s is listed %d times\n", la_relations_at(i)->name, found);
        missing++;
    }
    return missing || (size_t)n != la_relations_count();
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--list") == 0) return same_list(argc - 2, argv + 2);
    const la_relation *relation = argc == 2 ? la_relations_find(argv[1]) : NULL;
    if (!relation) {
        fprintf(stderr, "usage: %s RELATION\n", argv[0]);
        return 2;
    }
    la_start(2);
    la_device device;
    la_device_cpu(&device);
    la_err err = {0};
    la_status st = la_relation_run(relation, &device, &err);
    printf("%s: %s\n", relation->statement, st == LA_OK ? "holds" : err.msg);
    if (st == LA_E_NOTFOUND) return 77;
    if (la_mem_live() != 0) printf("%zu bytes were never freed\n", la_mem_live());
    return st != LA_OK || la_mem_live() != 0;
}
