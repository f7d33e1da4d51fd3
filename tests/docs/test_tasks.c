/* SPDX-License-Identifier: Apache-2.0
 * docs/tasks.md is held to the build: a row for every task, with its family.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "registry.h"

static char page[1 << 16];

static int read_page(void **state)
{
    (void)state;
    FILE *f = fopen(LABENCH_TASKS, "rb");
    if (!f) return -1;
    size_t n = fread(page, 1, sizeof page - 1, f);
    fclose(f);
    return n > 0 && n < sizeof page - 1 ? 0 : -1;
}

static void test_every_task_has_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_task *t = la_tasks_at(i);
        char row[128];
        snprintf(row, sizeof row, "\n| `%s` | %s", t->name, t->family ? t->family : "");
        if (!strstr(page, row)) fail_msg("docs/tasks.md has no row that begins '%s'", row + 1);
    }
}

/* No row speaks of a task that is not there. */
static void test_every_row_has_a_task(void **state)
{
    (void)state;
    size_t rows = 0;
    for (const char *at = page; (at = strstr(at, "\n| `")); at++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 4, "`"), at + 4);
        if (strchr(name, '.')) continue; /* files of labench sample */
        if (!la_tasks_find(name)) fail_msg("docs/tasks.md: there is no task %s", name);
        rows++;
    }
    assert_int_equal(rows, la_tasks_count());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_has_a_row),
        cmocka_unit_test(test_every_row_has_a_task),
    };
    return cmocka_run_group_tests(tests, read_page, NULL);
}
