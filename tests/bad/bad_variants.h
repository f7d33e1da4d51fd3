/* SPDX-License-Identifier: Apache-2.0
 * Test-only variants, one bad habit each; all share null's definition.
 */
#ifndef BAD_VARIANTS_H
#define BAD_VARIANTS_H

#include <stddef.h>

#include "labench/variant.h"
#include "store.h"

typedef struct bad_habit {
    const char *variant;
    la_outcome outcome;  /* that the habit must end in */
    int signal;          /* of the worker's end; 0: any or none */
    const char *message; /* a part of it; NULL: any */
    bool slow;           /* ends only when the timeout does */
    la_pass pass;
} bad_habit;
extern const bad_habit bad_habits[];
extern const size_t bad_habits_len;

/* Adds all of them to the registry. */
void bad_register(void);

#endif
