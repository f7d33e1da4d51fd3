/* SPDX-License-Identifier: Apache-2.0
 * labench verify: the conformance suite and the relations on this machine.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "commands.h"
#include "labench/kit.h"
#include "log.h"
#include "plan.h"
#include "plugin_flags.h"
#include "registry.h"
#include "sizes.h"
#include "verify.h"

enum { MAX_ROWS = 512 };

/* What became of one check of one impl, over all cases. */
typedef struct check_row {
    const la_impl *impl;
    const char *check;
    int64_t held, failed, skipped;
} check_row;

typedef struct verify_args {
    la_common common;
    la_words variants, plugins;
    bool full;
    int threads;
    check_row rows[MAX_ROWS]; /* of the variant at hand */
    size_t n_rows;
} verify_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    verify_args *args = context;
    int64_t n;
    switch (flag) {
    case LA_FLAG_FULL:
        args->full = true;
        return LA_OK;
    case LA_FLAG_PLUGIN:
        return la_plugin_flag(&args->plugins, value, err);
    case LA_FLAG_THREADS:
        LA_TRY(la_whole_parse("--threads", value, 1, 1024, &n, err));
        args->threads = (int)n;
        return LA_OK;
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    verify_args *args = context;
    return la_words_add(&args->variants, word, strlen(word), err);
}

static void note(const la_conformance_finding *finding, void *context)
{
    verify_args *args = context;
    size_t i = 0;
    while (i < args->n_rows && (args->rows[i].impl != finding->impl ||
                                strcmp(args->rows[i].check, finding->check) != 0))
        i++;
    if (i == MAX_ROWS) return;
    if (i == args->n_rows)
        args->rows[args->n_rows++] = (check_row){.impl = finding->impl, .check = finding->check};
    check_row *row = &args->rows[i];
    if (finding->skipped)
        row->skipped++;
    else if (finding->status == LA_OK)
        row->held++;
    else
        row->failed++;
    if (finding->skipped)
        la_log(LA_LOG_DEBUG, "%s: skipped: %s", finding->check, finding->message);
    else if (finding->status != LA_OK)
        la_log(LA_LOG_ERROR, "%s: %s", finding->check, finding->message);
}

static la_status verify_one(verify_args *args, const la_variant *v, const la_device *device,
                            int64_t *failures, la_err *err)
{
    la_conformance_report report = {0};
    la_conformance_settings settings = {.device = device,
                                        .level = args->full ? LA_LEVEL_FULL : LA_LEVEL_QUICK,
                                        .threads = args->threads,
                                        .listener = note,
                                        .context = args};
    args->n_rows = 0;
    LA_TRY(la_verify_variant(v, &settings, &report, err));
    for (size_t i = 0; i < args->n_rows; i++) {
        const check_row *row = &args->rows[i];
        printf("%-15s %-14s %6" PRId64 " ok  %s", v->name, row->impl ? row->impl->name : "relation",
               row->held, row->check);
        if (row->failed) printf("  %" PRId64 " FAILED", row->failed);
        if (row->skipped) printf("  %" PRId64 " skipped", row->skipped);
        printf("\n");
    }
    printf("%-15s %" PRId64 " checks: ", v->name, report.checks);
    if (report.failures)
        printf("%" PRId64 " FAILED", report.failures);
    else if (report.checks == 0)
        printf("nothing could be checked here");
    else
        printf("all hold");
    if (report.skipped) printf(", %" PRId64 " skipped", report.skipped);
    printf("\n");
    fflush(stdout);
    *failures += report.failures + (report.checks == 0);
    return LA_OK;
}

static la_status verify_all(verify_args *args, int64_t *failures, la_err *err)
{
    const la_variant **list;
    size_t n;
    la_device device;
    if (args->variants.n == 0) {
        LA_TRY(la_words_add(&args->variants, "all", 3, err));
        LA_TRY(la_words_add(&args->variants, "baseline", 8, err));
    }
    LA_TRY(la_plan_variants(&args->variants, &list, &n, err));
    la_device_cpu(&device);
    la_plugin_now(la_conformance_now());
    if (args->threads == 0) args->threads = device.cores;
    la_start(args->threads);
    la_status st = LA_OK;
    for (size_t i = 0; i < n && st == LA_OK; i++)
        st = verify_one(args, list[i], &device, failures, err);
    la_free(list);
    return st;
}

int la_cmd_verify(int argc, char **argv, int first)
{
    static verify_args args;
    la_err err = {0};
    bool help;
    int64_t failures = 0;
    int code = LA_EXIT_OK;
    la_status st =
        la_flags_parse(LA_CMD_VERIFY, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_VERIFY, stdout);
        la_words_release(&args.variants);
        la_words_release(&args.plugins);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = la_plugin_flags_open(&args.plugins, &err);
    if (st == LA_OK && la_plugin_elsewhere(argc, argv, &code)) goto done;
    if (st == LA_OK) st = verify_all(&args, &failures, &err);
    if (st != LA_OK) {
        code = la_complain(&err);
    } else if (failures) {
        la_log(LA_LOG_ERROR, "%" PRId64 " checks failed", failures);
        code = LA_EXIT_VERIFY;
    }
done:
    la_words_release(&args.variants);
    la_words_release(&args.plugins);
    return la_finish_stdout(code);
}
