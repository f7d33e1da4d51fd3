/* SPDX-License-Identifier: Apache-2.0
 * Where trained models lie, and which of a plan's are there already.
 */
#ifndef LA_MODELS_H
#define LA_MODELS_H

#include "run.h"

enum { LA_MODELS_PATH = 1024 };

/* The folder that the settings name, else the one beside the database: x.models for x.db. */
la_status la_models_folder(const la_run_settings *settings, const char *db,
                           char folder[LA_MODELS_PATH], la_err *err);
/* Fills `trained` of the plan's trainings, for estimates: a file of the model's key lies in the folder. */
la_status la_models_mark(la_plan *plan, const la_run_settings *settings, const la_device *device,
                         const char *db, la_err *err);

#endif
