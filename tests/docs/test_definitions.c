/* SPDX-License-Identifier: Apache-2.0
 * docs/definitions.md is held to the build: a section for every variant, and in it every option with
 * its default.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry.h"

static char page[1 << 18];

static int read_page(void **state)
{
    (void)state;
    FILE *f = fopen(LABENCH_DEFINITIONS, "rb");
    if (!f) return -1;
    size_t n = fread(page, 1, sizeof page - 1, f);
    fclose(f);
    return n > 0 && n < sizeof page - 1 ? 0 : -1;
}

/* The text of a variant's section, from its heading to the next; NULL: there is none. The caller frees. */
static char *section_of(const char *variant)
{
    char heading[80];
    snprintf(heading, sizeof heading, "\n### `%s`\n", variant);
    const char *from = strstr(page, heading);
    if (!from) return NULL;
    from += strlen(heading);
    const char *next = strstr(from, "\n##");
    return strndup(from, next ? (size_t)(next - from) : strlen(from));
}

/* "`chunk` = 16", as the page writes an option. */
static void option_words(const la_option *o, char *out, size_t cap)
{
    if (o->type == LA_OPTION_CHOICE)
        snprintf(out, cap, "`%s` = %s", o->name, o->choices[(int)o->def]);
    else
        snprintf(out, cap, "`%s` = %g", o->name, o->def);
}

static void test_every_variant_has_its_section(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        char *section = section_of(v->name), words[120];
        if (!section) fail_msg("docs/definitions.md has no section \"### `%s`\"", v->name);
        if (strncmp(v->paper, "arXiv:", 6) == 0 && !strstr(section, v->paper + 6))
            fail_msg("docs/definitions.md, `%s`: no link to %s", v->name, v->paper);
        for (size_t j = 0; j < v->options_len; j++) {
            option_words(&v->options[j], words, sizeof words);
            if (!strstr(section, words))
                fail_msg("docs/definitions.md, `%s`: it does not say %s", v->name, words);
        }
        free(section);
    }
}

/* All choices of an option are named, each in back quotes or as a plain word of the option's line. */
static void test_every_choice_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        char *section = section_of(v->name);
        for (size_t j = 0; section && j < v->options_len; j++)
            for (int c = 0; v->options[j].choices && v->options[j].choices[c]; c++)
                if (!strstr(section, v->options[j].choices[c]))
                    fail_msg("docs/definitions.md, `%s`: %s=%s is not explained", v->name,
                             v->options[j].name, v->options[j].choices[c]);
        free(section);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_variant_has_its_section),
        cmocka_unit_test(test_every_choice_is_named),
    };
    return cmocka_run_group_tests(tests, read_page, NULL);
}
