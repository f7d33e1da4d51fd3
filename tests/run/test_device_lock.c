/* SPDX-License-Identifier: Apache-2.0
 * A device is one worker's at a time, also between processes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "device_lock.h"

static char folder[64];

static int made(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/labench-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int removed(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/labench-GPU-1.lock", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/labench-GPU-2.lock", folder);
    unlink(path);
    return rmdir(folder);
}

static void a_second_process_waits_until_the_first_ends(void **state)
{
    (void)state;
    int fd, other, go[2];
    char byte;
    la_err err = {0};
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = la_device_lock(folder, "GPU-1", &fd, NULL) == LA_OK;
        ok = write(go[1], "x", 1) == 1 && ok;
        la_sleep_ns(300000000);
        _exit(!ok); /* which lets go */
    }
    assert_int_equal(read(go[0], &byte, 1), 1);
    assert_int_equal(la_device_lock(folder, "GPU-2", &other, &err), LA_OK); /* another device */
    int64_t start = la_now_ns();
    assert_int_equal(la_device_lock(folder, "GPU-1", &fd, &err), LA_OK);
    assert_true(la_now_ns() - start > 200000000);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(fd);
    close(other);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    int fd;
    la_err err = {0};
    assert_int_equal(la_device_lock("/nowhere", "GPU-1", &fd, &err), LA_E_IO);
    assert_non_null(strstr(err.msg, "/nowhere/labench-GPU-1.lock"));
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_process_waits_until_the_first_ends),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, made, removed);
}
