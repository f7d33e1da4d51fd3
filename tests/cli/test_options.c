/* SPDX-License-Identifier: Apache-2.0
 * The option table, the help and the parser say the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "options_table.h"
#include "run_args.h"

static char *help_of(la_command command)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    la_flags_help(command, f);
    fclose(f);
    return text;
}

static bool belongs(int flag, int command)
{
    return (la_flags[flag].commands >> command & 1u) != 0;
}

static void test_the_help_names_every_flag_of_a_command_and_no_other(void **state)
{
    (void)state;
    for (int c = 0; c < LA_CMD_WORKER; c++) {
        char *help = help_of((la_command)c);
        for (int i = 0; i < LA_FLAG_COUNT; i++) {
            char left[64];
            la_flag flag = la_flag_of((la_command)c, (la_flag_id)i);
            snprintf(left, sizeof left, " --%s%s%s ", flag.name, flag.arg ? " " : "",
                     flag.arg ? flag.arg : "");
            bool there = strstr(help, left) != NULL;
            if (there != belongs(i, c))
                print_error("help of %s, flag --%s\n", la_commands[c].name, la_flags[i].name);
            assert_int_equal(there, belongs(i, c));
            /* Where a command has words of its own for a flag, it has that flag, with or without a value. */
            assert_true(flag.help == la_flags[i].help || belongs(i, c));
            assert_int_equal(!flag.arg, !la_flags[i].arg);
        }
        free(help);
    }
}

static void test_names_and_letters_are_taken_once(void **state)
{
    (void)state;
    for (int i = 0; i < LA_FLAG_COUNT; i++) {
        assert_true(strlen(la_flags[i].help) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(la_flags[i].name, la_flags[j].name);
            if (la_flags[i].letter) assert_int_not_equal(la_flags[i].letter, la_flags[j].letter);
        }
    }
}

typedef struct taken {
    int flag, count;
    const char *value;
} taken;

static la_status take(void *context, la_flag_id flag, const char *value, la_err *err)
{
    (void)err;
    taken *t = context;
    t->flag = (int)flag;
    t->value = value;
    t->count++;
    return LA_OK;
}

static void test_every_flag_is_parsed_in_every_spelling(void **state)
{
    (void)state;
    for (int c = 0; c < LA_CMD_WORKER; c++)
        for (int i = 0; i < LA_FLAG_COUNT; i++) {
            if (i == LA_FLAG_HELP || !belongs(i, c)) continue;
            char whole[64], joined[64], letter[8], value[] = "v";
            snprintf(whole, sizeof whole, "--%s", la_flags[i].name);
            snprintf(joined, sizeof joined, "--%s=v", la_flags[i].name);
            snprintf(letter, sizeof letter, "-%c", la_flags[i].letter);
            bool has = la_flags[i].arg != NULL, help;
            char *forms[3][4] = {
                {(char *)"labench", whole, has ? value : NULL, NULL},
                {(char *)"labench", has ? joined : whole, NULL, NULL},
                {(char *)"labench", la_flags[i].letter ? letter : whole, has ? value : NULL, NULL}};
            for (int form = 0; form < 3; form++) {
                taken t = {.flag = -1};
                int argc = form != 1 && has ? 3 : 2;
                assert_int_equal(la_flags_parse((la_command)c, argc, forms[form], 1, take, NULL, &t,
                                                &help, NULL),
                                 LA_OK);
                assert_int_equal(t.flag, i);
                assert_int_equal(t.count, 1);
                if (has) assert_string_equal(t.value, "v");
            }
        }
}

static void test_flags_are_not_abbreviated(void **state)
{
    (void)state;
    taken t = {0};
    la_err err = {0};
    bool help;
    char *argv[] = {(char *)"labench", (char *)"--length", (char *)"1k", NULL};
    assert_int_equal(la_flags_parse(LA_CMD_RUN, 3, argv, 1, take, NULL, &t, &help, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "--length belongs to 'labench plot', not to 'labench run'. "
                                    "Nearest: --lengths"));
    argv[1] = (char *)"--lengt";
    assert_int_equal(la_flags_parse(LA_CMD_RUN, 3, argv, 1, take, NULL, &t, &help, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "no flag '--lengt'. Nearest: --lengths."));
    assert_int_equal(t.count, 0);
}

/* The defaults that the help prints are those that a run has. */
static void test_the_printed_defaults_are_true(void **state)
{
    (void)state;
    la_run_args args;
    bool help;
    char *argv[] = {(char *)"labench", (char *)"--variants", (char *)"softmax", NULL};
    assert_int_equal(la_run_args_parse(3, argv, 1, &args, &help, NULL), LA_OK);
    assert_string_equal(la_flags[LA_FLAG_LENGTHS].def, "1k..16k");
    assert_int_equal(args.spec.lengths.n, 5);
    assert_int_equal(args.spec.lengths.v[0], 1024);
    assert_int_equal(args.spec.lengths.v[4], 16384);
    assert_true(args.settings.min_time_s == atof(la_flags[LA_FLAG_TIME].def));
    assert_true(args.settings.max_time_s == atof(la_flags[LA_FLAG_MAX_TIME].def));
    assert_true(args.settings.target == atof(la_flags[LA_FLAG_TARGET].def) / 100);
    assert_int_equal(args.settings.min_samples, atoi(la_flags[LA_FLAG_MIN_SAMPLES].def));
    assert_int_equal(args.settings.seed, atoi(la_flags[LA_FLAG_SEED].def));
    assert_int_equal(args.spec.seed, args.settings.seed);
    assert_string_equal(args.device, la_flags[LA_FLAG_DEVICE].def);
    la_device device;
    la_plan plan;
    assert_int_equal(la_device_choose(args.device, &device, NULL), LA_OK);
    assert_int_equal(la_plan_expand(&args.spec, &device, &plan, NULL), LA_OK);
    assert_int_equal(plan.rounds, atoi(la_flags[LA_FLAG_ROUNDS].def));
    const la_problem *p = &plan.cells[0].problem;
    assert_int_equal(p->B, atoi(la_flags[LA_FLAG_BATCH].def));
    assert_int_equal(p->H, atoi(la_flags[LA_FLAG_HEADS].def));
    assert_int_equal(p->dk, atoi(la_flags[LA_FLAG_DIM].def));
    assert_int_equal(p->dv, p->dk);
    assert_string_equal(la_dtype_name(p->dtype), la_flags[LA_FLAG_DTYPE].def);
    assert_int_equal(p->threads, device.cores);
    bool fwd = false, fwdbwd = false, decode = false, recall = false, other = false;
    for (size_t i = 0; i < plan.n; i++) {
        const la_cell *c = &plan.cells[i];
        fwd |= c->pass == LA_FORWARD;
        fwdbwd |= c->pass == LA_FWDBWD;
        decode |= c->pass == LA_DECODE;
        if (c->task) assert_non_null(strstr(la_flags[LA_FLAG_TASKS].def, c->task->name));
        recall |= c->task && strcmp(c->task->name, "recall") == 0;
        other |= c->pass != LA_FORWARD && c->pass != LA_FWDBWD && c->pass != LA_DECODE && !c->task;
    }
    assert_true(fwd && fwdbwd && decode && recall && !other);
    assert_string_equal(la_flags[LA_FLAG_PASS].def, "fwd,fwdbwd,decode");
    la_plan_release(&plan);
    la_run_args_release(&args);
    assert_int_equal(la_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_help_names_every_flag_of_a_command_and_no_other),
        cmocka_unit_test(test_names_and_letters_are_taken_once),
        cmocka_unit_test(test_every_flag_is_parsed_in_every_spelling),
        cmocka_unit_test(test_flags_are_not_abbreviated),
        cmocka_unit_test(test_the_printed_defaults_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
