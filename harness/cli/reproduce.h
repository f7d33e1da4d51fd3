/* SPDX-License-Identifier: Apache-2.0
 * The sweeps of a paper's table: planned from its file, found in a database, measured where missing.
 */
#ifndef LA_CLI_REPRODUCE_H
#define LA_CLI_REPRODUCE_H

#include "paper.h"
#include "reach.h"
#include "run_args.h"

/* One sweep of a table at a scale, as the command `labench run ...` that its words are. Plugins and peers of
 * a plan belong to the process, so one is open at a time. */
typedef struct la_planned {
    const la_paper_sweep *of;
    char **argv; /* "labench", "run", then the words; NULL at the end */
    int argc;
    la_run_args args;
    la_plan plan;
    la_device device;
    la_estimate estimate;
    char *label; /* "flashattention, cpu, kernels": kept with the sweep */
} la_planned;

/* LA_E_ARG "path:line: [sweep
 * NAME] ..." where the words are no command. *out is released by la_planned_close, also after a failure. */
la_status la_planned_open(const la_paper *paper, size_t sweep, la_paper_scale scale,
                          const la_reach *reach, la_planned *out, la_err *err);
void la_planned_close(la_planned *planned);

/* What a database has of a plan: the newest finished sweep of its cells, else of its flags (a machine with
 * other instructions, or a build whose variants have other options, has other cells), each of this machine
 * before others; and the newest unfinished one of its cells; 0: none. store may be NULL. */
typedef struct la_kept {
    int64_t sweep, unfinished;
    char name[9], unfinished_name[9];
} la_kept;
la_status la_planned_find(const la_planned *planned, la_store *store, la_kept *out, la_err *err);

/* "labench run --variants 'soft*' ..." as a shell takes it. */
void la_planned_command(const la_planned *planned, la_text *out);

/* Tells on stdout which places of a table none of its sweeps has a cell for. LA_E_ARG where two cells match
 * one. Nothing is measured: the sweeps are planned into a database of their own. */
la_status la_reproduce_rehearse(const la_paper *paper, la_paper_scale scale, const la_reach *reach,
                                la_err *err);
/* `labench reproduce list`: a line each, with what it costs here and what of it is stored. */
int la_reproduce_list(const char *db);

#endif
