/* SPDX-License-Identifier: Apache-2.0
 * labench-bench: arguments and the table. `labench-bench --help` says what there is.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cuda.h"
#include "device_lock.h"
#include "labench/kit.h"
#include "registry.h"
#ifdef LA_BENCH_EMULATED
#include "fake_driver.h"
#endif

static const char help[] =
    "usage: labench-bench [OPTION]...\n"
    "Times kernels of a CUDA device, each held to its float64 reference first.\n\n"
    "  --variants LIST  names with commas between, or all      (all)\n"
    "  --impl NAME      one impl, not each variant's best\n"
    "  --lengths LIST   tokens: 1024, 16k                      (1k,4k,16k)\n"
    "  --passes LIST    fwd, fwdbwd, decode                    (fwd)\n"
    "  --dtype TYPE     bf16, f16, f32                         (bf16)\n"
    "  --mask MASK      causal, bidirectional                  (causal)\n"
    "  --batch N        sequences                              (1)\n"
    "  --heads N        heads                                  (8)\n"
    "  --dim N          numbers of a key and of a value        (128)\n"
    "  --time SECONDS   measuring, for each                    (0.5)\n"
    "  --hot            leave the L2 cache as it is between calls\n"
    "  --seed N         of the inputs                          (1)\n"
    "  --device N       index of the device                    (0)\n"
    "  --db FILE        add the rows to this SQLite file\n"
    "  --list           impls of the device, and why others are not\n"
    "  --help\n";

enum { USAGE = 2 };

__attribute__((format(printf, 1, 2))) static int usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "labench-bench: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "; labench-bench --help shows what there is\n");
    va_end(args);
    return USAGE;
}

/* A positive number, with k for 1024. */
static bool count(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end != text && *end == 'k') n *= 1024, end++;
    *out = n;
    return end != text && *end == '\0' && errno == 0 && n > 0 && n < INT64_C(1) << 31;
}

static int take_lengths(char *list, la_bench_args *args)
{
    args->n_lengths = 0;
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        if (args->n_lengths == LA_COUNT(args->lengths))
            return usage("more lengths than %zu", LA_COUNT(args->lengths));
        if (!count(word, &args->lengths[args->n_lengths++]))
            return usage("--lengths takes numbers like 1024 or 16k, not '%s'", word);
    }
    return args->n_lengths ? 0 : usage("--lengths is empty");
}

static int take_passes(char *list, la_bench_args *args)
{
    args->n_passes = 0;
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        la_pass pass;
        if (la_pass_parse(word, &pass, NULL) != LA_OK ||
            (pass != LA_FORWARD && pass != LA_FWDBWD && pass != LA_DECODE) ||
            args->n_passes == LA_COUNT(args->passes))
            return usage("--passes takes fwd, fwdbwd and decode, not '%s'", word);
        args->passes[args->n_passes++] = pass;
    }
    return args->n_passes ? 0 : usage("--passes is empty");
}

static int take_number(const char *flag, const char *text, int64_t *out)
{
    return count(text, out) ? 0 : usage("%s takes a positive whole number, not '%s'", flag, text);
}

static int take_types(int which, const char *text, la_bench_args *args)
{
    if (which == 'y')
        return la_dtype_parse(text, &args->like.dtype, NULL) == LA_OK && args->like.dtype != LA_F64
                   ? 0
                   : usage("--dtype takes bf16, f16 or f32, not '%s'", text);
    return la_mask_parse(text, &args->like.mask, NULL) == LA_OK
               ? 0
               : usage("--mask takes causal or bidirectional, not '%s'", text);
}

static const struct option flags[] = {
    {"variants", 1, NULL, 'v'}, {"impl", 1, NULL, 'i'},  {"lengths", 1, NULL, 'l'},
    {"passes", 1, NULL, 'p'},   {"dtype", 1, NULL, 'y'}, {"mask", 1, NULL, 'm'},
    {"batch", 1, NULL, 'b'},    {"heads", 1, NULL, 'h'}, {"dim", 1, NULL, 'd'},
    {"time", 1, NULL, 't'},     {"hot", 0, NULL, 'o'},   {"seed", 1, NULL, 's'},
    {"device", 1, NULL, 'n'},   {"db", 1, NULL, 'f'},    {"list", 0, NULL, 'L'},
    {"help", 0, NULL, '?'},     {NULL, 0, NULL, 0}};

static int take(int which, char *text, la_bench_args *args)
{
    int64_t n = 0;
    int rc = 0;
    if (which == 'v') args->variants = text;
    if (which == 'i') args->impl = text;
    if (which == 'f') args->db = text;
    if (which == 'o') args->hot = true;
    if (which == 'L') args->list = true;
    if (which == 'l') return take_lengths(text, args);
    if (which == 'p') return take_passes(text, args);
    if (which == 'y' || which == 'm') return take_types(which, text, args);
    if (which == 'b') return take_number("--batch", text, &args->like.B);
    if (which == 'h') rc = take_number("--heads", text, &args->like.H);
    if (which == 'd') rc = take_number("--dim", text, &args->like.dk);
    if (which == 's' && (rc = take_number("--seed", text, &n)) == 0) args->seed = (uint64_t)n;
    if (which == 'n') {
        char *end;
        args->device = (int)strtol(text, &end, 10);
        if (end == text || *end || args->device < 0)
            return usage("--device takes the index of a device, not '%s'", text);
    }
    if (which == 't') {
        char *end;
        args->time_s = strtod(text, &end);
        if (end == text || *end || !(args->time_s > 0))
            return usage("--time takes seconds, not '%s'", text);
    }
    args->like.Hkv = args->like.Hqk = args->like.H;
    args->like.dv = args->like.dk;
    return rc;
}

static int parse(int argc, char **argv, la_bench_args *args)
{
    static char lengths[] = "1k,4k,16k", passes[] = "fwd";
    *args = (la_bench_args){.variants = "all", .time_s = 0.5, .seed = 1};
    args->like = (la_problem){.B = 1, .H = 8, .Hkv = 8, .Hqk = 8, .dk = 128, .dv = 128};
    args->like.dtype = LA_BF16;
    args->like.threads = 1;
    take_lengths(lengths, args);
    take_passes(passes, args);
    opterr = 0;
    for (int which; (which = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        if (which == '?' && optopt == 0 && strcmp(argv[optind - 1], "--help") == 0) {
            fputs(help, stdout);
            exit(0);
        }
        if (which == '?') return usage("'%s' is no option, or misses its value", argv[optind - 1]);
        int rc = take(which, optarg, args);
        if (rc) return rc;
    }
    return optind < argc ? usage("'%s' is no option", argv[optind]) : 0;
}

static void list(const la_device *device)
{
    printf("%s\n", device->name);
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        la_err why = {0};
        const la_impl *best = la_variant_best(v, device, &why);
        printf("  %-16s %s\n", v->name, best ? best->name : why.msg);
    }
}

static void print_row(const la_bench_row *row)
{
    int64_t T = row->pass == LA_DECODE ? row->p.Tcap : row->p.T;
    printf("%-16s %-16s %-7s %8" PRId64 " ", row->variant->name, row->impl ? row->impl->name : "-",
           la_pass_name(row->pass), T);
    if (strcmp(row->outcome, "ok") != 0) {
        printf("%s: %s\n", row->outcome, row->reason);
        return;
    }
    printf("%12.1f us %5.1f %% %9.1f us %8.2f TFLOP/s %8.1f GB/s  %.1e\n", row->device.median / 1e3,
           50 * (row->device.hi - row->device.lo) / row->device.median, row->wall_ns / 1e3,
           row->flops / row->device.median / 1e3, row->bytes / row->device.median, row->rel_rms);
}

/* Whether the list has the name; "all" has every one. */
static bool wanted(const char *listed, const char *name)
{
    size_t n = strlen(name);
    if (strcmp(listed, "all") == 0) return true;
    for (const char *at = listed; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0')) return true;
    return false;
}

static int unknown_names(const char *listed)
{
    char names[1024];
    if (strcmp(listed, "all") == 0) return 0;
    snprintf(names, sizeof names, "%s", listed);
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ","))
        if (!la_registry_find(name)) return usage("there is no variant '%s'", name);
    return 0;
}

/* Nobody else is timed or trained there until we end. */
static la_status take_device(const la_device *device, la_err *err)
{
    la_cuda_about about;
    int held; /* by the process */
    LA_TRY(la_cuda()->about(device->index, &about, err));
    return la_device_lock(NULL, about.uuid, LA_DEVICE_ALONE, &held, err);
}

/* 0, or 1 when a kernel gave wrong numbers or the device failed. */
static int run(const la_bench_args *args, const la_device *device, sqlite3 *db)
{
    int bad = 0;
    la_err err = {0};
    printf("%s\n%-16s %-16s %-7s %8s %12s    +-      %9s    %s\n", device->name, "variant", "impl",
           "pass", "tokens", "median", "wall", "useful work, compulsory traffic, error");
    for (size_t i = 0; i < la_registry_count(); i++)
        for (size_t j = 0; j < args->n_passes; j++)
            for (size_t k = 0; k < args->n_lengths; k++) {
                la_bench_row row = {.variant = la_registry_at(i), .pass = args->passes[j]};
                if (!wanted(args->variants, row.variant->name)) continue;
                row.p = args->like;
                row.p.T = row.p.Tcap = args->lengths[k];
                la_bench_one(args, device, &row);
                print_row(&row);
                fflush(stdout);
                if (db && la_bench_store(db, &row, &err) != LA_OK) {
                    fprintf(stderr, "labench-bench: %s\n", err.msg);
                    return 1;
                }
                bad |= strcmp(row.outcome, "wrong") == 0 || strcmp(row.outcome, "nonfinite") == 0;
                if (strcmp(row.outcome, "device") == 0) {
                    fprintf(stderr, "labench-bench: the device is lost to this process; go on "
                                    "with the other variants in a new one\n");
                    return 1;
                }
            }
    return bad;
}

int main(int argc, char **argv)
{
    la_bench_args args;
    la_device device;
    la_err err = {0};
    sqlite3 *db = NULL;
    int rc = parse(argc, argv, &args);
    if (rc) return rc;
    la_start(1);
#ifdef LA_BENCH_EMULATED
    la_cuda_use(&fake_driver);
#endif
    if ((rc = unknown_names(args.variants)) != 0) return rc;
    if (la_device_cuda(args.device, &device, &err) != LA_OK ||
        (!args.list && la_cuda_can_time(&err) != LA_OK) ||
        (!args.list && take_device(&device, &err) != LA_OK) ||
        (args.db && la_bench_open(args.db, &device, &db, &err) != LA_OK)) {
        fprintf(stderr, "labench-bench: %s\n", err.msg);
        return 1;
    }
    if (args.list)
        list(&device);
    else
        rc = run(&args, &device, db);
    la_bench_close(db);
    return rc;
}
