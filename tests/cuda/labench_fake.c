/* SPDX-License-Identifier: Apache-2.0
 * labench on a machine with a CUDA device: the one of fake_driver.h, with kernels on the emulator. Its workers are
 * this program too. LABENCH_FAKE_FREE: bytes of the device's memory; LABENCH_FAKE_FAIL: the wait of a worker at
 * which the device fails for good; LABENCH_FAKE_UUID: the device's name; LABENCH_FAKE_LOG: a file that gets a line a
 * process, how the device is locked while its first kernel runs; LABENCH_FAKE_CUFFT: there is a
 * cuFFT.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli.h"
#include "fake_cufft.h"
#include "fake_driver.h"
#include "nvml.h"

static const char *log_file, *who;

/* "worker shared", "sweep alone", "worker free". */
static void note_lock(void)
{
    char path[128];
    fake_at_launch = NULL;
    snprintf(path, sizeof path, "/tmp/labench-%s.lock", fake_uuid ? fake_uuid : "GPU-00000000");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *how = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 ? "free"
                      : flock(fd, LOCK_SH | LOCK_NB) == 0         ? "shared"
                                                                  : "alone";
    if (fd >= 0) close(fd);
    FILE *f = fopen(log_file, "ae");
    if (!f) abort();
    fprintf(f, "%s %s\n", who, how);
    fclose(f);
}

int main(int argc, char **argv)
{
    const char *bytes = getenv("LABENCH_FAKE_FREE"), *wait = getenv("LABENCH_FAKE_FAIL");
    bool worker = argc == 2 && strcmp(argv[1], "worker") == 0;
    la_cuda_use(&fake_driver);
    if (getenv("LABENCH_FAKE_CUFFT")) la_cufft_use(&fake_cufft);
    la_nvml_library("no such library");
    fake_launch_ns = 2e6; /* so that a warm-up is 150 launches */
    fake_uuid = getenv("LABENCH_FAKE_UUID");
    log_file = getenv("LABENCH_FAKE_LOG");
    who = worker ? "worker" : "sweep";
    if (log_file) fake_at_launch = note_lock;
    if (worker && bytes) fake_free_bytes = (size_t)strtoull(bytes, NULL, 10);
    if (worker && wait) fake_fail_wait = atoi(wait);
    return la_cli_main(argc, argv);
}
