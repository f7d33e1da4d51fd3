/* SPDX-License-Identifier: Apache-2.0 */
#include "models.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

la_status la_models_folder(const la_run_settings *settings, const char *db,
                           char folder[LA_MODELS_PATH], la_err *err)
{
    const char *own = settings->models_dir;
    size_t len = strlen(own ? own : db);
    if (!own && len > 3 && strcmp(db + len - 3, ".db") == 0) len -= 3;
    int n =
        snprintf(folder, LA_MODELS_PATH, "%.*s%s", (int)len, own ? own : db, own ? "" : ".models");
    if (n >= 0 && n < LA_MODELS_PATH) return LA_OK;
    return LA_FAIL(err, LA_E_IO, "the path %.60s... is too long for models", own ? own : db);
}

la_status la_models_mark(la_plan *plan, const la_run_settings *settings, const la_device *device,
                         const char *db, la_err *err)
{
    char folder[LA_MODELS_PATH], path[LA_MODELS_PATH + 48], key[33];
    LA_TRY(la_models_folder(settings, db, folder, err));
    if (access(folder, F_OK) != 0) return LA_OK;
    for (size_t i = 0; i < plan->n; i++) {
        la_cell *c = &plan->cells[i];
        c->trained = 0;
        if (!c->learn || c->refused || c->pass != LA_TRAIN) continue;
        for (int round = 0; round < c->rounds && round < 64; round++) {
            la_train_config config =
                la_cell_train_config(c, device, settings->seed + (uint64_t)round, 0);
            LA_TRY(la_train_key(&config, key, NULL, err));
            snprintf(path, sizeof path, "%s/%s.model", folder, key);
            if (la_train_finished(path)) c->trained |= (uint64_t)1 << round;
        }
    }
    return LA_OK;
}
