/* SPDX-License-Identifier: Apache-2.0
 * labench on a machine with a CUDA device: the one of fake_driver.h, with kernels on the emulator. Its workers are
 * this program too. LABENCH_FAKE_FREE: bytes of the device's memory; LABENCH_FAKE_FAIL: the wait of a worker at
 * which the device fails for good. LABENCH_FAKE_CUFFT: there is a cuFFT.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "fake_cufft.h"
#include "fake_driver.h"
#include "nvml.h"

int main(int argc, char **argv)
{
    const char *bytes = getenv("LABENCH_FAKE_FREE"), *wait = getenv("LABENCH_FAKE_FAIL");
    bool worker = argc == 2 && strcmp(argv[1], "worker") == 0;
    la_cuda_use(&fake_driver);
    if (getenv("LABENCH_FAKE_CUFFT")) la_cufft_use(&fake_cufft);
    la_nvml_library("no such library");
    fake_launch_ns = 2e6; /* so that a warm-up is 150 launches */
    if (worker && bytes) fake_free_bytes = (size_t)strtoull(bytes, NULL, 10);
    if (worker && wait) fake_fail_wait = atoi(wait);
    return la_cli_main(argc, argv);
}
