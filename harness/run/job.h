/* SPDX-License-Identifier: Apache-2.0
 * What a worker is told (protocol.h has the JSON).
 */
#ifndef LA_JOB_H
#define LA_JOB_H

#include "cell.h"
#include "measure.h"
#include "plugins.h"

typedef struct la_job {
    const char *cell_json; /* borrowed when writing, owned by the reader's `text` when read */
    int64_t parent;
    uint64_t seed; /* of the inputs; of a learned task: of the examples that a test is made of */
    bool verify;
    size_t memory_limit;
    size_t device_limit;   /* bytes of the CUDA device; 0: none */
    const char *cache_dir; /* NULL: none */
    la_stop_rule rule;
    bool beside_peak; /* the machine's rate is taken between samples (CPU cells) */
    /* For learned tasks: where models lie, which seed, and of an evaluation the chosen learning rate. */
    const char *models_dir; /* NULL: none */
    uint64_t model_seed;
    double lr;           /* 0: the cell's own */
    double checkpoint_s; /* seconds between checkpoints */
    const char *peer;    /* manifest of the peer that the cell is for; NULL: labench's own */
    la_plugin_ref plugins[LA_PLUGINS_MAX]; /* to load before anything else */
    size_t n_plugins;
    char *cell_text, *cache_text, *models_text, *peer_text; /* owned, set by la_job_read */
    char *plugin_texts[LA_PLUGINS_MAX];                     /* likewise */
} la_job;

la_status la_job_to_json(const la_job *job, char **json, la_err *err); /* la_free the text */
la_status la_job_read(const char *json, la_job *out, la_err *err);
void la_job_release(la_job *job);

#endif
