/* SPDX-License-Identifier: Apache-2.0
 * What a person sees while a sweep runs, on stderr: one line that is rewritten on a terminal, else a
 * line per finished attempt.
 */
#ifndef LA_CLI_SCREEN_H
#define LA_CLI_SCREEN_H

#include "run_args.h"

enum { LA_SCREEN_PEAKS = 16 };

typedef struct la_screen {
    bool quiet, live, color, shown; /* shown: the progress line stands there now */
    int width;
    const la_plan *plan;                /* borrowed: what its cells differ in is said of each */
    la_peak_row peaks[LA_SCREEN_PEAKS]; /* for "% peak", by thread count */
    size_t n_peaks;
    size_t done, total;
    size_t outcomes[LA_OUTCOME_COUNT];
} la_screen;

void la_screen_init(la_screen *screen, const la_run_args *args, const la_plan *plan);
/* Columns of the terminal behind fd (COLUMNS wins); 0: not a terminal. */
int la_screen_width(int fd);
/* A la_run_listener whose context is the screen. */
void la_screen_event(const la_run_event *event, void *screen);
void la_screen_clear(void);
/* No line of this screen is cleared any more: it may go. */
void la_screen_release(void);
/* "B 2 threads 1 ": what of a timed cell's sizes another one of the plan has differently; its length. */
size_t la_screen_sizes(const la_plan *plan, const la_cell *cell, char *out, size_t cap);
/* "flash  8k  7.31 ms [7.24, 7.40]  n=42  94.0 GFLOP/s ..." of one attempt. */
void la_screen_row(const la_screen *screen, const la_cell *cell, const la_attempt_row *attempt,
                   char *out, size_t cap);
/* "3 oom_host, 1 timeout"; "" when all are ok. */
const char *la_screen_counts(const size_t outcomes[LA_OUTCOME_COUNT], char *out, size_t cap);

#endif
