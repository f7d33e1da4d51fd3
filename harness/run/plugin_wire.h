/* SPDX-License-Identifier: Apache-2.0
 * What the program and the process that holds a plugin say to each other. Both are the same program, so
 * that structs go over as they are.
 *
 * First the program sends the path (uint32 length, bytes), the other a la_wire_head with `len` bytes
 * of text: the description of the variant as JSON, or why it is refused. Then each la_wire_ask, with
 * opts_bytes of the options' struct behind it, gets one la_wire_answer.
 */
#ifndef LA_PLUGIN_WIRE_H
#define LA_PLUGIN_WIRE_H

#include "labench/variant.h"

typedef enum la_wire_what {
    LA_WIRE_RANK,
    LA_WIRE_CHECK,
    LA_WIRE_SIZES,
    LA_WIRE_COST,
    LA_WIRE_USEFUL,
    LA_WIRE_PARAMS,
    LA_WIRE_STATE_PARTS,
    LA_WIRE_COUNT
} la_wire_what;
/* "rank", "check", ... */
extern const char *const la_wire_names[LA_WIRE_COUNT];

enum { LA_WIRE_NAME = 48, LA_WIRE_TEXT_MAX = 1 << 20, LA_WIRE_OPTS_MAX = 1 << 16 };

typedef struct la_wire_head {
    int32_t status; /* la_status */
    uint32_t len;
} la_wire_head;

typedef struct la_wire_ask {
    la_wire_what what;
    uint32_t impl;
    la_problem problem;
    la_pass pass;
    la_device device;
    uint32_t opts_bytes;
} la_wire_ask;

typedef struct la_wire_item { /* a parameter or a part, its name beside it */
    char name[LA_WIRE_NAME];
    la_param param;
    la_part part;
} la_wire_item;

typedef struct la_wire_answer {
    la_status status;
    int32_t rank;
    la_sizes sizes;
    la_cost cost;
    uint32_t n_items;
    la_wire_item items[LA_MAX_PARTS > LA_MAX_PARAMS ? LA_MAX_PARTS : LA_MAX_PARAMS];
    char message[LA_ERR_MAX];
} la_wire_answer;

/* Whole reads and writes: 1 done, 0 the other end is gone, -1 it said nothing for timeout_ms (-1: ever). */
int la_wire_read(int fd, void *bytes, size_t n, int timeout_ms);
int la_wire_write(int fd, const void *bytes, size_t n);

/* A variant as JSON; la_free the text. */
struct la_plugin;
la_status la_plugin_describe(const struct la_plugin *plugin, const char *code, char **json,
                             la_err *err);

#endif
