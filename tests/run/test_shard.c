/* SPDX-License-Identifier: Apache-2.0
 * Shares of a plan: together they are the whole, whatever their number, and a model is where it is evaluated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "plan.h"
#include "registry.h"
#include "run_args.h"

/* The plan of a command line. */
static la_plan plan_of(const char *words, int shard, int shards)
{
    char text[256], *argv[32] = {(char *)"labench"}, number[32];
    int argc = 1;
    la_run_args args;
    la_device device;
    la_plan plan;
    la_err err = {0};
    bool help;
    snprintf(text, sizeof text, "%s", words);
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
    snprintf(number, sizeof number, "--shard=%d/%d", shard, shards);
    argv[argc++] = number;
    la_device_cpu(&device);
    la_status st = la_run_args_parse(argc, argv, 1, &args, &help, &err);
    if (st == LA_OK) st = la_plan_expand(&args.spec, &device, &plan, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    la_run_args_release(&args);
    return plan;
}

static void shares_are_the_whole(const char *words)
{
    la_plan whole = plan_of(words, 1, 1);
    assert_int_equal(strlen(whole.spec_hash), 32);
    for (int n = 2; n <= 7; n++) {
        size_t cells = 0;
        for (int i = 1; i <= n; i++) {
            char mark[16];
            la_plan share = plan_of(words, i, n);
            snprintf(mark, sizeof mark, ".%d/%d", i, n);
            assert_int_equal(strncmp(share.spec_hash, whole.spec_hash, 32), 0);
            assert_string_equal(share.spec_hash + 32, mark);
            int64_t before = -1;
            for (size_t c = 0; c < share.n; c++) {
                int64_t at = share.cells[c].ordinal;
                assert_true(at > before && at < (int64_t)whole.n);
                assert_string_equal(share.cells[c].key, whole.cells[at].key);
                before = at;
            }
            cells += share.n;
            la_plan_release(&share);
        }
        assert_int_equal(cells, whole.n); /* ascending, distinct in each: nothing twice */
    }
    la_plan_release(&whole);
    assert_int_equal(la_mem_live(), 0);
}

static void test_shares_together_are_the_whole(void **state)
{
    (void)state;
    shares_are_the_whole("--variants softmax,flash,linear,copy --lengths 64..1k --tasks recall");
    shares_are_the_whole("--variants fnet,copy --lengths 64 --pass decode,fwd --tasks none");
    shares_are_the_whole("--variants softmax,deltanet,gla --lengths 64,256 --pass fwd --tasks mqar "
                         "--lr 0.001,0.01 --layers 1,2 --seeds 2");
}

static void test_a_model_is_where_it_is_evaluated(void **state)
{
    (void)state;
    const char *words = "--variants softmax,deltanet,gla,linear --lengths 64,128,256 --pass none "
                        "--tasks mqar,parity --lr 0.001,0.003,0.01 --layers 1,2";
    size_t with_models = 0;
    for (int i = 1; i <= 3; i++) {
        la_plan share = plan_of(words, i, 3);
        for (size_t e = 0; e < share.n; e++) {
            size_t trained = 0;
            if (share.cells[e].pass != LA_EVAL) continue;
            for (size_t t = 0; t < share.n; t++)
                trained += share.cells[t].pass == LA_TRAIN &&
                           share.cells[t].learn->group == share.cells[e].learn->group;
            assert_int_equal(trained, 3); /* each learning rate it chooses from */
        }
        with_models += share.n > 0;
        la_plan_release(&share);
    }
    assert_true(with_models > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_together_are_the_whole),
        cmocka_unit_test(test_a_model_is_where_it_is_evaluated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
