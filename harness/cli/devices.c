/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include <stdio.h>

#include "cuda.h"
#include "labench/kit.h"
#include "nvml.h"

#define DEVICE_SHARE 0.9 /* of what is free on it */

la_status la_device_settings(la_run_args *args, const la_device *device, la_err *err)
{
    la_cuda_about about;
    la_nvml_state state;
    if (device->backend != LA_CUDA && args->settings.device_limit)
        return LA_FAIL(err, LA_E_ARG,
                       "--device-memory is for CUDA devices: leave it out, or say --device cuda");
    if (device->backend != LA_CUDA) return LA_OK;
    if (args->settings.beside_peak)
        return LA_FAIL(
            err, LA_E_ARG,
            "--beside-peak is for CPUs; a device's clock is stored with each attempt anyway: "
            "leave it out, or say --device cpu");
    LA_TRY(la_cuda_can_time(err));
    if (!args->cache_chosen) args->spec.cold = true;
    if (args->settings.device_limit) return LA_OK;
    LA_TRY(la_cuda()->about(device->index, &about, err));
    /* Asked of the driver's library: a context of ours would take memory itself. */
    bool known = la_nvml_read(about.bus, &state, NULL) == LA_OK && state.free_bytes > 0;
    double free_bytes = known ? (double)state.free_bytes : (double)device->memory;
    args->settings.device_limit = (size_t)(DEVICE_SHARE * free_bytes);
    return LA_OK;
}

const char *la_device_words(const la_device *device, char buf[160])
{
    if (device->backend == LA_CUDA)
        snprintf(buf, 160, "cuda:%d (%.90s, %d multiprocessors)", device->index, device->name,
                 device->cores);
    else
        snprintf(buf, 160, "cpu (%d cores, %s)", device->cores, la_isa_name(device->isa));
    return buf;
}

la_status la_device_store(la_store *store, int64_t machine_id, const char *machine,
                          const la_device *device, int64_t *id, la_err *err)
{
    char uuid[64];
    la_device_row row = {.kind = la_backend_name(device->backend),
                         .uuid = uuid,
                         .name = device->name,
                         .mem_bytes = (int64_t)device->memory};
    snprintf(uuid, sizeof uuid, "%.50s/cpu", machine);
    if (device->backend == LA_CUDA) {
        la_cuda_about about;
        LA_TRY(la_cuda()->about(device->index, &about, err));
        snprintf(uuid, sizeof uuid, "%s", about.uuid);
        row.sms = device->cores;
        row.l2_bytes = (int64_t)device->l2;
        row.sm_hz = about.sm_hz;
        row.mem_hz = about.mem_hz;
        row.driver = about.driver;
        row.runtime = about.runtime;
        row.ecc = about.ecc;
    }
    return la_store_device(store, machine_id, &row, id, err);
}
