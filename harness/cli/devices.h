/* SPDX-License-Identifier: Apache-2.0
 * What commands do with the device of --device beyond naming it.
 */
#ifndef LA_DEVICES_H
#define LA_DEVICES_H

#include "run_args.h"
#include "store.h"

/* What is different there: caches are cold unless --cache says otherwise, and a share of its memory is the limit.
 * LA_E_ENV where nothing can be timed there. */
la_status la_device_settings(la_run_args *args, const la_device *device, la_err *err);
/* "cpu (8 cores, avx2)" or "cuda:0 (NVIDIA H200 sm_90, 132 multiprocessors)". */
const char *la_device_words(const la_device *device, char buf[160]);
/* Its row; `machine` is the machine's uuid, which names the CPU. */
la_status la_device_store(la_store *store, int64_t machine_id, const char *machine,
                          const la_device *device, int64_t *id, la_err *err);

#endif
