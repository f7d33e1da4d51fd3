/* SPDX-License-Identifier: Apache-2.0
 * A training that is killed at random moments and continued ends with the bits of an unbroken one. Every
 * training runs in a child of its own: a process that has used its threads cannot be forked into another.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "labench/kit.h"
#include "train_fixture.h"
#include "trainer.h"

static void configure(fixture *f)
{
    fixture_init(f, "softmax", 24);
    f->config.lengths[f->config.n_lengths++] = 48;
    f->config.threads = 2;
    fixture_set(f, "model.dropout=0.1");
    fixture_set(f, "train.tokens=480");
    fixture_set(f, "train.steps=300");
    fixture_set(f, "train.stop=0");
    fixture_set(f, "train.validate_every=20");
}

/* 0: trained to its end; 1: found finished; 2: failed. */
static int train_here(const char *dir, double checkpoint_s, bool *resumed)
{
    fixture f;
    la_train_result result;
    la_err err = {0};
    configure(&f);
    la_start(2);
    if (la_train(&f.config, dir, checkpoint_s, NULL, NULL, &result, &err) != LA_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 2;
    }
    *resumed = result.resumed;
    return result.reused ? 1 : 0;
}

static pid_t spawn(const char *dir, double checkpoint_s)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool resumed = false;
        int code = train_here(dir, checkpoint_s, &resumed);
        _exit(code == 0 && resumed ? 10 : code);
    }
    return child;
}

static int finish(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void path_in(const char *dir, char path[4096])
{
    fixture f;
    char key[33];
    configure(&f);
    assert_int_equal(la_train_key(&f.config, key, NULL, NULL), LA_OK);
    snprintf(path, 4096, "%s/%s.model", dir, key);
}

static void clean(const char *dir)
{
    char path[4096], other[4096 + 16];
    path_in(dir, path);
    unlink(path);
    snprintf(other, sizeof other, "%s.tmp", path);
    unlink(other);
    snprintf(other, sizeof other, "%s.damaged", path);
    unlink(other);
    assert_int_equal(rmdir(dir), 0);
}

static void killed_and_resumed(void **state)
{
    (void)state;
    char whole[] = "/tmp/labench.test.XXXXXX", broken[] = "/tmp/labench.test.XXXXXX", path[4096];
    assert_non_null(mkdtemp(whole));
    assert_non_null(mkdtemp(broken));
    int64_t begin = la_now_ns();
    assert_int_equal(finish(spawn(whole, 1e9)), 0);
    int64_t took = la_now_ns() - begin;
    int kills = 0, resumed = 0;
    double life =
        0.02 * (double)took; /* longer each time: the first is killed, and the last ends */
    for (uint64_t i = 0; i < 80; i++, life *= 1.08) {
        pid_t child = spawn(broken, 1e-4);
        la_sleep_ns((int64_t)(life * (0.5 + la_random_uniform(11, i))));
        kill(child, SIGKILL);
        int code = finish(child);
        if (code == 2) fail_msg("a continued training failed");
        kills += code == -1;
        /* 1: its forerunner was killed behind its last word; that one had something to continue. */
        resumed += code == 10 || (code == 1 && kills > 1);
        if (code >= 0) break;
    }
    if (kills == 0 || resumed != 1) fail_msg("%d kills, %d continued to the end", kills, resumed);
    la_checkpoint a, b;
    path_in(whole, path);
    assert_int_equal(la_checkpoint_read(path, &a, NULL), LA_OK);
    path_in(broken, path);
    assert_int_equal(la_checkpoint_read(path, &b, NULL), LA_OK);
    assert_true(a.at.finished && b.at.finished && a.n == b.n);
    assert_memory_equal(a.array[0], b.array[0], (size_t)a.n * sizeof(float));
    assert_int_equal(a.at.n_curve, b.at.n_curve);
    for (size_t i = 0; i < a.at.n_curve; i++) {
        assert_int_equal(a.at.curve[i].step, b.at.curve[i].step);
        assert_true(a.at.curve[i].loss == b.at.curve[i].loss);
    }
    assert_true(a.at.val_accuracy == b.at.val_accuracy);
    printf("  %d kills\n", kills);
    la_checkpoint_release(&a);
    la_checkpoint_release(&b);
    clean(whole);
    clean(broken);
}

static void change_byte(const char *path, off_t from_end)
{
    int fd = open(path, O_RDWR);
    struct stat st;
    char byte;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    assert_int_equal(pread(fd, &byte, 1, st.st_size - from_end), 1);
    byte = (char)(byte ^ 4);
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size - from_end), 1);
    close(fd);
}

static void damage_is_seen(void **state)
{
    (void)state;
    char dir[] = "/tmp/labench.test.XXXXXX", path[4096], aside[4096 + 16];
    la_checkpoint c;
    la_err err = {0};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(finish(spawn(dir, 1e9)), 0);
    path_in(dir, path);
    assert_int_equal(finish(spawn(dir, 1e9)), 1);
    change_byte(path, 1000);
    assert_int_equal(la_checkpoint_read(path, &c, &err), LA_E_FORMAT);
    assert_non_null(strstr(err.msg, "damaged"));
    assert_int_equal(finish(spawn(dir, 1e9)), 0); /* trained again, the damaged one put aside */
    snprintf(aside, sizeof aside, "%s.damaged", path);
    assert_int_equal(access(aside, F_OK), 0);
    assert_int_equal(la_checkpoint_read(path, &c, &err), LA_OK);
    la_checkpoint_release(&c);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(la_checkpoint_read(path, &c, &err), LA_E_FORMAT);
    assert_int_equal(truncate(path, 3), 0);
    assert_int_equal(la_checkpoint_read(path, &c, &err), LA_E_FORMAT);
    assert_non_null(strstr(err.msg, "no model of labench"));
    unlink(path);
    assert_int_equal(la_checkpoint_read(path, &c, &err), LA_E_NOTFOUND);
    clean(dir);
}

/* A writer of the same model: 0 where every write went well. */
static int write_often(const char *path, int64_t n)
{
    const char key[] = "00112233445566778899aabbccddeeff";
    float *x = calloc((size_t)n, sizeof *x);
    la_status st = x ? LA_OK : LA_E_NOMEM;
    for (int i = 0; i < 40 && st == LA_OK; i++) {
        la_progress at = {.step = i, .finished = i % 2};
        st = la_checkpoint_write(path, key, "{}", &at, n, x, x, x, NULL);
    }
    free(x);
    return st == LA_OK ? 0 : 1;
}

/* Two sweeps that train the same model: neither fails, and what has the name is whole at every moment. */
static void two_may_write(void **state)
{
    (void)state;
    enum { WRITERS = 3, N = 50000 };
    char dir[] = "/tmp/labench.test.XXXXXX", path[4096], beside[4096 + 8];
    pid_t child[WRITERS];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/one.model", dir);
    snprintf(beside, sizeof beside, "%s.tmp", path);
    assert_false(la_train_finished(path));
    for (int i = 0; i < WRITERS; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0) _exit(write_often(path, N));
    }
    for (int running = WRITERS; running > 0;) {
        la_checkpoint c;
        la_err err = {0};
        la_status st = la_checkpoint_read(path, &c, &err);
        if (st != LA_OK && st != LA_E_NOTFOUND) fail_msg("%s", err.msg);
        if (st == LA_OK) la_checkpoint_release(&c);
        for (int i = 0; i < WRITERS; i++) {
            int status;
            if (!child[i] || waitpid(child[i], &status, WNOHANG) != child[i]) continue;
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
            child[i] = 0;
            running--;
        }
    }
    assert_true(la_train_finished(path));
    float x[8] = {0};
    la_progress begun = {.step = 1};
    assert_int_equal(la_checkpoint_write(path, "00112233445566778899aabbccddeeff", "{}", &begun, 8,
                                         x, x, x, NULL),
                     LA_OK);
    assert_false(la_train_finished(path));
    assert_int_equal(access(beside, F_OK), -1);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_and_resumed),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(two_may_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
