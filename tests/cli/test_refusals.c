/* SPDX-License-Identifier: Apache-2.0
 * Bad command lines: each is refused with its own sentence, runs nothing, writes nothing and ends
 * with the code that says whose fault it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shell.h"

#define ALL   "--variants softmax --tasks none "
#define LEARN "--variants softmax --tasks mqar --dry-run "

/* arguments, exit code, part of the sentence */
static const struct {
    const char *args;
    int code;
    const char *says;
} cases[] = {
    {"rnu", 2, "no command 'rnu'. Nearest: run."},
    {"frobnicate", 2, "no command 'frobnicate'. 'labench --help' shows all."},
    {"--variant softmax", 2,
     "--variant belongs to 'labench apply', not to 'labench run'. Nearest: --variants"},
    {"--varaints softmax", 2, "no flag '--varaints'. Nearest: --variants."},
    {"run --var softmax", 2, "no flag '--var'. Nearest: --variants."},
    {"run --memory 1G", 2, "no flag '--memory'. Nearest: --memory-limit."},
    {"run --z 1G", 2, "no flag '--z'. 'labench run --help' shows all."},
    {"compare", 2, "'labench compare' takes two: sweeps (last, previous"},
    {"compare flash", 2, "takes two: sweeps"},
    {"compare a b c", 2, "takes two words; 'c' is the third"},
    {"compare flash last", 2, "flash is a variant and last is none: compare two of one kind"},
    {"compare last previous --sweep last", 2, "--sweep says where two variants are compared"},
    {"compare last previous --fail-on worse", 2, "--fail-on"},
    {"compare last previous --pass forward", 2, "no pass 'forward'"},
    {"compare last previous --min-change -1", 2, "--min-change"},
    {"compare none.db none.db:last", 2,
     "no file none.db; name a stored run, as in 'labench compare a.db b.db:last'"},
    {"compare last previous", 2, "no file labench.db; name a stored run with --db"},
    {"crossover flash", 2, "takes two variants, or none for each against each"},
    {"crossover a b c", 2, "takes two variants; 'c' is the third word"},
    {"crossover flash flash", 2, "flash never overtakes itself"},
    {"crossover --db none.db", 2, "no file none.db"},
    {"run -z", 2, "no flag '-z'"},
    {"-variants softmax", 2, "no flag '-variants'; with two dashes: --variants"},
    {"run -variants=softmax", 2, "with two dashes: --variants"},
    {"run softmax", 2, "takes no word 'softmax'. Write --variants softmax"},
    {"run mqar", 2, "takes no word 'mqar'. Write --tasks mqar"},
    {"--db x.db list", 2, "takes no word 'list'. A command comes first: labench list\n"},
    {"run frobnicate", 2, "takes no word 'frobnicate'\n"},
    {"run", 2, "--variants is missing"},
    {"run --variants", 2, "--variants needs a value: --variants LIST"},
    {"run --variants --quick", 2, "--variants needs a value"},
    {"run --quick=3 --variants softmax", 2, "--quick takes no value"},
    {ALL "--lengths 1k --lengths 2k", 2, "--lengths is given twice"},
    {"--variants flsah", 2, "no variant 'flsah'. Nearest: flash. 'labench list variants' shows"},
    {"--variants SOFTMAX", 2, "no variant 'SOFTMAX'. Nearest: softmax."},
    {"--variants softmax,softmax", 2, "--variants names 'softmax' twice"},
    {"--variants all,-all", 2, "leaves none"},
    {"--variants -softmax", 2, "write all,-softmax"},
    {"--variants softmax,,null", 2, "has an empty part"},
    {"--variants ''", 2, "has an empty part"},
    {ALL "--lengths ''", 2, "--lengths is empty"},
    {ALL "--lengths 0", 2, "is zero"},
    {ALL "--lengths -1", 2, "negative"},
    {ALL "--lengths 1.5k", 2, "not whole"},
    {ALL "--lengths 1kb", 2, "is that 1000 or 1024?"},
    {ALL "--lengths 1k..", 2, "lacks an end"},
    {ALL "--lengths 128k..1k", 2, "--lengths 128k..1k goes down. Did you mean 1k..128k?"},
    {ALL "--lengths 1k,,2k", 2, "empty part"},
    {ALL "--lengths 1k,2k,", 2, "empty part"},
    {ALL "--lengths '1k, 2k'", 2, "space inside"},
    {ALL "--lengths 99999999999999999999", 2, "too large"},
    {ALL "--lengths 0x400", 2, "hexadecimal"},
    {ALL "--lengths 1e6", 2, "exponent"},
    {"--variants softmax --tasks recal", 2, "no task 'recal'. Nearest: recall."},
    {"--variants softmax --tasks none,recall", 2, "'none' stands alone"},
    {ALL "--pass forward", 2, "no pass 'forward'"},
    {ALL "--pass train", 2, "is the pass of a task"},
    {ALL "--pass fwd,fwd", 2, "names 'fwd' twice"},
    {ALL "--dtype f8", 2, "no type 'f8'"},
    {ALL "--dtype f16", 2, "f16"},
    {ALL "--dtype f16,f64", 2, "none of the cells asked for can run"},
    {ALL "--mask upper", 2, "no mask 'upper'"},
    {ALL "--device gpu", 2, "no device 'gpu'"},
    {ALL "--device cuda", 3, "use --device cpu"},
    {ALL "--device cuda:7", 3, "use --device cpu"},
    {ALL "--heads 2 --kv-heads 3", 2, "kv-heads 3 does not divide heads 2"},
    {ALL "--dk 0", 2, "--dk '0' is zero"},
    {ALL "--dim 7.5", 2, "--dim '7.5' is not whole; sizes are 1 and up"},
    {ALL "--dim 1000000000", 2, "more than 2^48 elements"},
    {ALL "--dim 64 --dk 32", 2, "--dim and --dk exclude each other"},
    {"--variants linformer --tasks none --mask causal", 2, "linformer"},
    {"--variants fnet --tasks none --pass decode", 2, "fnet has no decode"},
    {ALL "--pass none", 2, "leaves nothing to do"},
    {ALL "--lr 0.01", 2, "train.lr is for learned tasks, and this sweep has none"},
    {ALL "--layers 2", 2, "model.layers is for learned tasks"},
    {ALL "--seeds 3", 2, "--seeds is for learned tasks"},
    {ALL "--train-lengths 64", 2, "--train-lengths is for learned tasks"},
    {LEARN "--seeds 0", 2, "--seeds"},
    {LEARN "--lr 0", 2, "train.lr must lie in 1e-12..1000000, not 0"},
    {LEARN "--lr fast", 2, "train.lr is a number, not 'fast'"},
    {LEARN "--lr 0.01,0.01", 2, "train.lr names '0.01' twice"},
    {LEARN "--lr 1,2,3,4,5,6,7,8,9", 2, "9 learning rates are more than 8"},
    {LEARN "--lr 0.1 --set train.lr=0.2", 2, "train.lr is given twice"},
    {LEARN "--recipe papr", 2, "model.recipe has no value 'papr'; there are controlled, paper"},
    {LEARN "--pos sine", 2, "model.pos has no value 'sine'"},
    {LEARN "--set model.width=3", 2, "model has no option 'width'; there are recipe, layers"},
    {LEARN "--hybrid softmx", 2, "--hybrid: no variant 'softmx'. Nearest: softmax"},
    {LEARN "--hybrid 'self*0'", 2, "a count of layers, 1..64"},
    {LEARN "--hybrid self,,softmax", 2, "has an empty part"},
    {LEARN "--train-lengths 64 --train-at-length", 2, "exclude each other"},
    {ALL "--set softmax.window=3", 2, "softmax has no options"},
    {ALL "--set linformer.r=3", 2, "linformer is not part of this sweep"},
    {ALL "--set sotfmax.x=3", 2, "no variant or task 'sotfmax'. Nearest: softmax"},
    {ALL "--set window=3", 2, "is not OWNER.KEY=VALUE"},
    {"--variants linformer --set linformer.rank=3", 2, "linformer has no option 'rank'"},
    {"--variants linformer --set linformer.r=-3", 2, "linformer.r must lie in"},
    {"--variants linformer --set linformer.r=8,8", 2, "names '8' twice"},
    {"--variants linformer --set linformer.r=8 --set linformer.r=9", 2, "is given twice"},
    {ALL "--impls cpu_magic", 2, "no variant of this sweep has it"},
    {ALL "--threads 0", 2, "--threads '0' is zero"},
    {ALL "--threads -1", 2, "negative"},
    {ALL "--threads 1000000", 2, "--threads must lie in"},
    {ALL "--timeout 0", 2, "must be above 0"},
    {ALL "--timeout nan", 2, "is not a number"},
    {ALL "--timeout inf", 2, "is not a number"},
    {ALL "--timeout 1e400", 2, "out of range"},
    {ALL "--memory-limit 0", 2, "is zero"},
    {ALL "--shard 0/4", 2, "--shard I/N: I must lie in 1..4, not '0'"},
    {ALL "--shard 5/4", 2, "--shard I/N: I must lie in 1..4, not '5'"},
    {ALL "--shard 1/0", 2, "--shard I/N: N must lie in 1..10000, not '0'"},
    {ALL "--shard 3", 2, "--shard '3' is not I/N, like 2/4"},
    {ALL "--shard /3", 2, "--shard '/3' is not I/N"},
    {ALL "--shard 1/", 2, "--shard I/N: N '' is not a whole number"},
    {ALL "--memory-limit 1m", 2, "leaves no room: the smallest cell needs"},
    {ALL "--memory-limit 8gb", 2, "is that 1000 or 1024?"},
    {ALL "--target 0", 2, "--target must lie in"},
    {ALL "--target 100", 2, "--target must lie in"},
    {ALL "--rounds 0", 2, "--rounds must lie in"},
    {ALL "--rounds 2.5", 2, "is not a whole number"},
    {ALL "--seed 18446744073709551616", 2, "a whole number below 2^64"},
    {ALL "--seed -1", 2, "a whole number below 2^64"},
    {ALL "--cache warm", 2, "there are hot, cold"},
    {ALL "--order down", 2, "there are random, given"},
    {ALL "--retry never", 2, "there are failed, timeout, oom, all"},
    {ALL "--progress maybe", 2, "there are auto, always, never"},
    {ALL "--color blue", 2, "there are auto, always, never"},
    {ALL "--resume --new", 2, "--resume and --new exclude each other"},
    {ALL "--quiet --verbose", 2, "--quiet and --verbose exclude each other"},
    {ALL "--quick --rounds 3", 2, "--quick and --rounds exclude each other"},
    {ALL "--lengths 1..9999:+1 --dv 1..20:+1", 2, "add --yes if that is meant"},
    {ALL "--db /nowhere/at/all.db", 3, "/nowhere/at is no folder"},
    {ALL "--db /", 3, "/"},
    {ALL "--resume --lengths 64 --db fresh.db", 2, "no file fresh.db, so that there is nothing"},
    {ALL "--out /dev/null", 2, "--out /dev/null is a file; name a folder for the figures"},
    {"show task", 2, "which task? 'labench list tasks' shows all"},
    {"list varaints", 2, "there are variants, tasks"},
    {"list --lengths 3", 2, "--lengths belongs to 'labench run', not to 'labench list'"},
    {"plot --db nowhere.db", 2, "no file nowhere.db"},
    {"plot time --terminal gif", 2, "--terminal has no value 'gif'"},
    {"plot samples --length 0", 2, "--length"},
    {"plot time --with a.db --with b.db --with c.db --with d.db --with e.db --with f.db --with "
     "g.db "
     "--with h.db",
     2, "--with is given more than 7 times"},
    {"export --db nowhere.db", 2, "no file nowhere.db"},
    {"export time --by length --intervals bars", 2,
     "--intervals has no value 'bars'; there are brackets, none"},
    {"verify sofmax", 2, "no variant 'sofmax'. Nearest: softmax"},
    {"doctor --threads 0", 2, "--threads must lie in"},
    {"apply", 2, "--variant is missing"},
    {"apply --variant softmax", 2, "--in is missing"},
    {"apply --variant softmax --in .", 2, "--out is missing"},
    {"apply softmax --in . --out o", 2, "takes no word 'softmax'. Write --variant softmax"},
    {"apply --variant sofmax --in . --out o", 2, "no variant 'sofmax'. Nearest: softmax"},
    {"apply --variant softmax --in . --out o", 2, "softmax needs q.npy, k.npy, v.npy in ."},
    {"apply --variant softmax --in . --out o --dtype bf16", 2,
     "--dtype belongs to 'labench run', not to 'labench apply'"},
    {"apply --variant softmax --in . --out o --set x", 2, "is not KEY=VALUE"},
    {"apply --variant softmax --in . --out o --set x=1", 2, "softmax has no options"},
};

static void test_every_bad_line_is_refused(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[1024];
        shell_result r;
        snprintf(command, sizeof command, "labench %s", cases[i].args);
        shell_run(command, &r);
        size_t lines = 0;
        for (const char *at = r.err; *at; at++) lines += *at == '\n';
        bool good = r.code == cases[i].code && strstr(r.err, cases[i].says) && !*r.out &&
                    strncmp(r.err, "labench: ", 9) == 0 && lines == 1;
        if (!good)
            print_error("%s: exit %d (want %d), stdout '%s', stderr '%s' (want '%s')\n", command,
                        r.code, cases[i].code, r.out, r.err, cases[i].says);
        bad += !good;
        shell_release(&r);
    }
    assert_int_equal(bad, 0);
    /* Only the line that asks an empty database to be continued got as far as opening one. */
    assert_int_not_equal(access("labench.db", F_OK), 0);
    assert_int_not_equal(access("results", F_OK), 0);
    assert_int_not_equal(access("o", F_OK), 0);
}

static void test_a_megabyte_of_argument_is_refused_in_a_line(void **state)
{
    (void)state;
    shell_result r;
    /* A single argument may have 128 KiB on Linux. */
    shell_run("labench --variants softmax --lengths $(head -c 120000 /dev/zero | tr '\\0' 9)", &r);
    assert_int_equal(r.code, 2);
    assert_true(strlen(r.err) < 200);
    shell_release(&r);
}

static void test_control_bytes_are_escaped(void **state)
{
    (void)state;
    shell_result r;
    shell_run("labench --variants softmax --lengths \"$(printf '1k\\033[31m')\"", &r);
    assert_int_equal(r.code, 2);
    assert_null(strchr(r.err, '\033'));
    assert_non_null(strstr(r.err, "\\x1b"));
    shell_release(&r);
}

static void test_a_full_disk_is_not_success(void **state)
{
    (void)state;
    shell_result r;
    shell_run("labench list variants > /dev/full", &r);
    assert_int_equal(r.code, 3);
    assert_non_null(strstr(r.err, "cannot write to stdout"));
    shell_release(&r);
}

static void test_an_unknown_instruction_set_is_refused(void **state)
{
    (void)state;
    shell_result r;
    shell_run("LABENCH_ISA=avx1024 labench list variants", &r);
    assert_int_equal(r.code, 2);
    assert_non_null(strstr(r.err, "LABENCH_ISA is 'avx1024'; this CPU and build have generic"));
    shell_release(&r);
    shell_run("LABENCH_ISA=generic labench list variants", &r);
    assert_int_equal(r.code, 0);
    shell_release(&r);
    shell_run("LABENCH_BF16=wide labench list variants", &r);
    assert_int_equal(r.code, 2);
    assert_non_null(strstr(r.err, "LABENCH_BF16 is 'wide'; it is pairs or widened"));
    shell_release(&r);
}

/* What a CPU has no instruction for is refused with what it lacks; as one type of several it is a row. */
static void test_bf16_without_its_instruction_is_refused(void **state)
{
    (void)state;
    shell_result r;
    shell_run("LABENCH_ISA=avx2 labench --variants flash --tasks none --lengths 64 --dtype bf16",
              &r);
    assert_int_equal(r.code, 2);
    assert_non_null(strstr(r.err, "flash in bf16 needs AVX-512 BF16"));
    assert_non_null(strstr(r.err, "use --dtype f32"));
    shell_release(&r);
    shell_run("LABENCH_ISA=generic labench --variants flash --tasks none --lengths 64 --pass fwd "
              "--dtype f32,bf16 --quick --db types.db --out types",
              &r);
    if (r.code != 0) fail_msg("exit %d: %s", r.code, r.err);
    assert_non_null(strstr(r.out, "flash bf16"));
    assert_non_null(strstr(r.out, "unsupported"));
    shell_release(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_bad_line_is_refused),
        cmocka_unit_test(test_a_megabyte_of_argument_is_refused_in_a_line),
        cmocka_unit_test(test_control_bytes_are_escaped),
        cmocka_unit_test(test_a_full_disk_is_not_success),
        cmocka_unit_test(test_an_unknown_instruction_set_is_refused),
        cmocka_unit_test(test_bf16_without_its_instruction_is_refused),
    };
    if (argc < 2) return 1;
    shell_begin(argv[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    shell_end();
    return failed;
}
