/* SPDX-License-Identifier: Apache-2.0
 * A device is one timing's at a time, or that of some trainings, also between processes and users.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "device_lock.h"

#define MS INT64_C(1000000)

static char folder[64];

static const char *file_of(const char *name, const char *end, char path[128])
{
    snprintf(path, 128, "%s/labench-%s.%s", folder, name, end);
    return path;
}

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
    for (int i = 0; i < 4; i++)
        unlink(file_of(i / 2 ? "GPU-1" : "GPU-2", i % 2 ? "turn" : "lock", path));
    return rmdir(folder); /* nothing else was left there */
}

/* A process that takes the device, writes `word` to `told`, and lets go after `ms` or when `go` (-1: none) can be
 * read; before that it writes '.' where `ends` is set. */
static pid_t holder(la_device_use use, char word, int told, int go, int ms, bool ends)
{
    pid_t pid = fork();
    if (pid) return pid;
    int fd;
    char byte;
    bool ok = la_device_lock(folder, "GPU-1", use, &fd, NULL) == LA_OK;
    ok = write(told, &word, 1) == 1 && ok;
    if (go >= 0) ok = read(go, &byte, 1) == 1 && ok;
    la_sleep_ns(ms * MS);
    ok = (!ends || write(told, ".", 1) == 1) && ok;
    _exit(!ok); /* which lets go */
}

static void ended_well(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static char heard(int fd)
{
    char byte = 0;
    assert_int_equal(read(fd, &byte, 1), 1);
    return byte;
}

static bool is_told(int fd)
{
    struct pollfd one = {fd, POLLIN, 0};
    return poll(&one, 1, 0) == 1;
}

/* Whoever wants a device that is used in another way waits for it. */
static void waits(la_device_use first, la_device_use second)
{
    int fd, other, told[2];
    la_err err = {0};
    assert_int_equal(pipe(told), 0);
    pid_t pid = holder(first, 'x', told[1], -1, 300, true);
    assert_int_equal(heard(told[0]), 'x');
    assert_int_equal(la_device_lock(folder, "GPU-2", second, &other, &err), LA_OK); /* another */
    assert_int_equal(la_device_lock(folder, "GPU-1", second, &fd, &err), LA_OK);
    assert_true(is_told(told[0]));
    ended_well(pid);
    close(fd), close(other);
    close(told[0]), close(told[1]);
}

static void a_timing_waits_for_a_timing(void **state)
{
    (void)state;
    waits(LA_DEVICE_ALONE, LA_DEVICE_ALONE);
}

static void a_timing_waits_for_trainings(void **state)
{
    (void)state;
    waits(LA_DEVICE_SHARED, LA_DEVICE_ALONE);
}

static void a_training_waits_for_a_timing(void **state)
{
    (void)state;
    waits(LA_DEVICE_ALONE, LA_DEVICE_SHARED);
}

static void trainings_go_side_by_side(void **state)
{
    (void)state;
    int fd, told[2], go[2];
    la_err err = {0};
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = holder(LA_DEVICE_SHARED, 'x', told[1], go[0], 0, false);
    assert_int_equal(heard(told[0]), 'x');
    /* It goes on until told to stop: this would wait for ever. */
    assert_int_equal(la_device_lock(folder, "GPU-1", LA_DEVICE_SHARED, &fd, &err), LA_OK);
    assert_int_equal(write(go[1], "x", 1), 1);
    ended_well(pid);
    close(fd);
    for (int i = 0; i < 2; i++) close(told[i]), close(go[i]);
}

/* Trainings that begin while a timing waits come after it, or it would wait until none are left. */
static void trainings_do_not_keep_a_timing_out(void **state)
{
    (void)state;
    int told[2], go[2], turn;
    char path[128];
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(go), 0);
    pid_t training = holder(LA_DEVICE_SHARED, 'x', told[1], go[0], 0, false);
    assert_int_equal(heard(told[0]), 'x');
    pid_t timing = holder(LA_DEVICE_ALONE, 't', told[1], -1, 100, false);
    assert_true((turn = open(file_of("GPU-1", "turn", path), O_RDONLY | O_CLOEXEC)) >= 0);
    while (flock(turn, LOCK_EX | LOCK_NB) == 0) { /* until it is the timing's */
        flock(turn, LOCK_UN);
        la_sleep_ns(MS);
    }
    pid_t late = holder(LA_DEVICE_SHARED, 'l', told[1], -1, 0, false);
    la_sleep_ns(100 * MS); /* in which it would get a lock that is only shared */
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(heard(told[0]), 't');
    assert_int_equal(heard(told[0]), 'l');
    ended_well(training), ended_well(timing), ended_well(late);
    close(turn);
    for (int i = 0; i < 2; i++) close(told[i]), close(go[i]);
}

/* Under a umask of 077 too other users have to be able to open what they lock. */
static void the_files_are_everybodys(void **state)
{
    (void)state;
    char path[128];
    struct stat of;
    la_err err = {0};
    int fd;
    for (int i = 0; i < 2; i++) unlink(file_of("GPU-2", i ? "turn" : "lock", path));
    mode_t before = umask(077);
    la_status st = la_device_lock(folder, "GPU-2", LA_DEVICE_ALONE, &fd, &err);
    umask(before);
    assert_int_equal(st, LA_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stat(file_of("GPU-2", i ? "turn" : "lock", path), &of), 0);
        assert_int_equal(of.st_mode & 0777, 0444);
    }
    close(fd);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    int fd;
    la_err err = {0};
    assert_int_equal(la_device_lock("/nowhere", "GPU-1", LA_DEVICE_ALONE, &fd, &err), LA_E_IO);
    assert_non_null(strstr(err.msg, "/nowhere/labench-GPU-1."));
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timing_waits_for_a_timing),
        cmocka_unit_test(a_timing_waits_for_trainings),
        cmocka_unit_test(a_training_waits_for_a_timing),
        cmocka_unit_test(trainings_go_side_by_side),
        cmocka_unit_test(trainings_do_not_keep_a_timing_out),
        cmocka_unit_test(the_files_are_everybodys),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, made, removed);
}
