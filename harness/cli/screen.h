/* SPDX-License-Identifier: Apache-2.0
 * What a person sees while a sweep runs, on stderr: one line that is rewritten on a terminal, else a
 * line per finished attempt.
 */
#ifndef LA_CLI_SCREEN_H
#define LA_CLI_SCREEN_H

#include "run_args.h"

typedef struct la_screen {
    bool quiet, live, color, shown; /* shown: the progress line stands there now */
    int width;
    double peak_flops, peak_bf16; /* for "% peak", by type; 0: unknown */
    size_t done, total;
    size_t outcomes[LA_OUTCOME_COUNT];
} la_screen;

void la_screen_init(la_screen *screen, const la_run_args *args);
/* Columns of the terminal behind fd (COLUMNS wins); 0: not a terminal. */
int la_screen_width(int fd);
/* A la_run_listener whose context is the screen. */
void la_screen_event(const la_run_event *event, void *screen);
void la_screen_clear(void);
/* "flash  8k  7.31 ms [7.24, 7.40]  n=42  94.0 GFLOP/s ..." of one attempt. */
void la_screen_row(const la_screen *screen, const la_cell *cell, const la_attempt_row *attempt,
                   char *out, size_t cap);
/* "3 oom_host, 1 timeout"; "" when all are ok. */
const char *la_screen_counts(const size_t outcomes[LA_OUTCOME_COUNT], char *out, size_t cap);

#endif
