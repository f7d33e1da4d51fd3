/* SPDX-License-Identifier: Apache-2.0
 * A store with invented cells, and a table of a paper judged on them.
 */
#ifndef LA_TEST_MEASURED_H
#define LA_TEST_MEASURED_H

#include "../store/fixture.h"
#include "paper.h"

typedef struct measured {
    fixture f;
    char path[160]; /* of the table's file */
    la_paper paper;
    la_judged judged;
} measured;

/* What is invented of a cell; the rest is as of every other. */
typedef struct invented_cell {
    const char *variant, *pass, *task;          /* NULL: fwd of a kernel; with a task eval */
    int64_t length, threads;                    /* threads 0: 2 */
    const char *options, *task_options, *model; /* JSON; NULL: {} */
    double ms;                                  /* 12 samples around it, within 1 % */
    int64_t work;                               /* bytes */
    double scores[3];   /* accuracy of each seed; ends at the first that is 0 */
    int64_t steps[3];   /* likewise: steps to 90 %, -1: never in 1000 */
    la_outcome outcome; /* not ok: nothing else is stored */
    const char *message;
} invented_cell;

void measured_open(measured *m);
/* Cells are told apart by their number, from `first` + 1 on. */
void measured_from(unsigned first);
void measured_cell(measured *m, int64_t sweep, const invented_cell *cell);
/* Writes the table's file, reads it, and judges it on m->f.sweep; with_store false: on nothing. */
void measured_judge(measured *m, const char *table, bool with_store);
/* The same on these sweeps, which may fail. */
la_status measured_try(measured *m, const char *table, const int64_t *sweeps, size_t n,
                       la_err *err);
void measured_close(measured *m);

const la_found *measured_found(const measured *m, size_t panel, size_t row, size_t column);
la_paper_verdict measured_verdict(const measured *m, size_t panel, size_t row, size_t column);
/* The table in a format; free it with free(). */
char *measured_print(const measured *m, const char *format, int width);

#endif
