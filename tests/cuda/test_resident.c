/* SPDX-License-Identifier: Apache-2.0
 * Calls over memory that is on the device already, and their time, on a device whose clock is the test's: copy of a
 * few tokens, its kernel on the emulator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "device_lock.h"
#include "device_peak.h"
#include "fake_driver.h"
#include "gradients.h"
#include "instance.h"
#include "registry.h"
#include "resident.h"

enum { L2 = 4096 };

typedef struct fixture {
    la_device device;
    la_problem p;
    la_inputs in;
    la_instance inst;
    la_gradients grads;
    la_grads wanted;
    la_io io;
} fixture;

static void must(la_status st, const la_err *err)
{
    if (st != LA_OK) print_error("%s\n", err->msg);
    assert_int_equal(st, LA_OK);
}

static void make(fixture *f)
{
    const la_variant *copy = la_registry_find("copy");
    la_err err = {0};
    *f = (fixture){.p = {.B = 1, .T = 9, .Tcap = 9, .H = 2, .Hkv = 2, .Hqk = 2, .dk = 8, .dv = 8}};
    f->p.threads = 1;
    la_cuda_use(&fake_driver);
    fake_clock_ns = 0;
    fake_launch_ns = 5000;
    fake_byte_ns = 1;
    must(la_device_cuda(0, &f->device, &err), &err);
    must(la_inputs_draw(copy, &f->p, NULL, LA_INPUTS_DEFAULT, 1, &f->in, &err), &err);
    must(la_instance_create(copy, la_variant_impl(copy, "cuda_plain"), &f->p, LA_FWDBWD, NULL,
                            &f->device, &f->inst, &err),
         &err);
    must(la_gradients_alloc(copy, &f->p, NULL, false, &f->grads, &err), &err);
    la_gradients_draw(&f->grads, 1);
    f->wanted = la_gradients_grads(&f->grads);
    f->io = la_instance_io(&f->inst, &f->in);
}

static void call(fixture *f)
{
    la_err err = {0};
    must(f->inst.impl->forward(f->inst.self, &f->io, &err), &err);
    must(f->inst.impl->backward(f->inst.self, &f->io, &f->wanted, &err), &err);
}

static void end(fixture *f)
{
    la_gradients_release(&f->grads);
    la_instance_release(&f->inst);
    la_inputs_release(&f->in);
    assert_int_equal(fake_taken + fake_streams + fake_graphs + fake_events, 0);
    la_cuda_use(NULL);
}

static void what_was_never_called_does_not_run_again(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    make(&f);
    assert_int_equal(la_resident_enqueue(f.inst.self, LA_RESIDENT_FORWARD, &err), LA_E_INTERNAL);
    end(&f);
}

static void a_call_in_place_gives_what_the_verified_one_gave(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    unsigned both = LA_RESIDENT_FORWARD | LA_RESIDENT_BACKWARD;
    make(&f);
    call(&f);
    uint64_t gradients = la_gradients_hash_made(&f.grads);
    must(la_resident_poison(f.inst.self, both, &err), &err);
    must(la_resident_fetch(f.inst.self, both, f.inst.o.data, &f.wanted, &err), &err);
    assert_true(isnan(((float *)f.inst.o.data)[0])); /* nothing ran since */
    assert_true(la_gradients_hash_made(&f.grads) != gradients);
    must(la_resident_enqueue(f.inst.self, both, &err), &err);
    must(la_resident_fetch(f.inst.self, both, f.inst.o.data, &f.wanted, &err), &err);
    assert_memory_equal(f.inst.o.data, f.in.t[LA_T_V].data, f.inst.o.bytes);
    assert_true(la_gradients_hash_made(&f.grads) == gradients);
    end(&f);
}

static void few_launches_are_timed_on_a_held_stream(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_cuda_timer timer;
    double ns = 0;
    make(&f);
    call(&f);
    must(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD, 0, &err), &err);
    assert_int_equal(timer.launches, 1);
    assert_string_equal(la_cuda_how_word(timer.how), "event");
    int held = fake_held, launches = fake_launches;
    must(la_cuda_timer_call(&timer, &ns, &err), &err);
    assert_true(ns == 5000);
    assert_int_equal(fake_held, held + 1);
    assert_int_equal(fake_launches, launches + 1);
    la_cuda_timer_release(&timer);
    end(&f);
}

/* Under a profiler a launch waits for what is before it: after ten seconds once, and never again. */
static void launches_that_wait_for_a_held_stream_are_timed_plainly(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_cuda_timer timer;
    double ns = 0;
    make(&f);
    call(&f);
    must(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD, 0, &err), &err);
    fake_hold_ends = true;
    int held = fake_held, launches = fake_launches;
    for (int i = 0; i < 2; i++) must(la_cuda_timer_call(&timer, &ns, &err), &err);
    fake_hold_ends = false;
    assert_true(ns == 5000);
    assert_int_equal(fake_held, held + 1);
    assert_int_equal(fake_launches, launches + 3);
    assert_string_equal(la_cuda_how_word(timer.how), "event+launch");
    la_cuda_timer_release(&timer);
    end(&f);
}

static void the_cache_is_emptied_outside_of_the_time(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_cuda_timer timer;
    double ns = 0;
    make(&f);
    call(&f);
    must(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD, L2, &err), &err);
    double before = fake_clock_ns;
    must(la_cuda_timer_call(&timer, &ns, &err), &err);
    assert_true(ns == 5000);
    assert_true(fake_clock_ns - before == 5000 + L2);
    la_cuda_timer_release(&timer);
    end(&f);
}

static void many_launches_go_as_a_graph(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_cuda_timer timer;
    double ns = 0;
    make(&f);
    call(&f);
    must(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD | LA_RESIDENT_BACKWARD, 0,
                            &err),
         &err);
    assert_int_equal(timer.launches, 4);
    timer.how = LA_CUDA_GRAPH; /* as with more than LA_CUDA_HELD_MOST */
    must(la_resident_poison(f.inst.self, timer.what, &err), &err);
    must(la_cuda_timer_call(&timer, &ns, &err), &err);
    assert_true(ns == 4 * 5000);
    must(la_resident_fetch(f.inst.self, timer.what, f.inst.o.data, &f.wanted, &err), &err);
    assert_memory_equal(f.inst.o.data, f.in.t[LA_T_V].data, f.inst.o.bytes);
    la_cuda_timer_release(&timer);
    end(&f);
}

static void what_cannot_be_captured_is_timed_plainly(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_cuda_timer timer;
    double ns = 0;
    make(&f);
    call(&f);
    fake_no_graphs = true;
    must(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD, 0, &err), &err);
    fake_no_graphs = false;
    assert_int_equal(timer.launches, -1);
    assert_string_equal(la_cuda_how_word(timer.how), "event+launch");
    int held = fake_held;
    must(la_cuda_timer_call(&timer, &ns, &err), &err);
    assert_true(ns == 5000);
    assert_int_equal(fake_held, held);
    la_cuda_timer_release(&timer);
    end(&f);
}

/* A held stream would hold the host too, until it is let go after ten seconds. */
static void blocking_launches_are_not_timed(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_cuda_timer timer;
    make(&f);
    call(&f);
    setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
    assert_int_equal(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD, 0, &err),
                     LA_E_ENV);
    assert_non_null(strstr(err.msg, "unset CUDA_LAUNCH_BLOCKING"));
    setenv("CUDA_LAUNCH_BLOCKING", "0", 1);
    must(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD, 0, &err), &err);
    unsetenv("CUDA_LAUNCH_BLOCKING");
    la_cuda_timer_release(&timer);
    end(&f);
}

static void the_hosts_time_of_a_call_is_another(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_cuda_timer timer;
    double ns = 0;
    make(&f);
    call(&f);
    must(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD, L2, &err), &err);
    must(la_cuda_timer_wall(&timer, &ns, &err), &err);
    assert_true(ns > 0 && ns != 5000);
    la_cuda_timer_release(&timer);
    end(&f);
}

static void a_device_that_failed_says_so_at_the_next_wait(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_cuda_timer timer;
    double ns = 0;
    make(&f);
    call(&f);
    must(la_cuda_timer_init(&timer, f.inst.self, LA_RESIDENT_FORWARD, 0, &err), &err);
    fake_fail_wait = 1;
    assert_int_equal(la_cuda_timer_call(&timer, &ns, &err), LA_E_DEVICE);
    assert_non_null(strstr(err.msg, "illegal memory access"));
    assert_int_equal(err.foreign, 700);
    assert_int_equal(la_cuda_timer_call(&timer, &ns, &err), LA_E_DEVICE); /* and from then on */
    la_cuda_timer_release(&timer);
    end(&f);
}

static void peaks_are_what_the_devices_clock_says(void **state)
{
    (void)state;
    la_device device;
    la_device_peak peak;
    la_err err = {0};
    la_cuda_use(&fake_driver);
    must(la_device_cuda(0, &device, &err), &err);
    device.cores = 1;
    fake_clock_ns = 0;
    fake_launch_ns = 4e6; /* long enough at the first try: one round */
    fake_byte_ns = 0.01;
    int resets = fake_resets;
    must(la_device_peak_measure(&device, &peak, &err), &err);
    double blocks = 4, fma = 2.0 * 256 * 16, tf32 = 2.0 * 16 * 8 * 8 * 8 * 8, s = 4e-3;
    assert_true(fabs(peak.f32 / (blocks * fmax(fma, tf32 / 3) / s) - 1) < 1e-9);
    assert_true(fabs(peak.bf16 / (blocks * 2 * tf32 / s) - 1) < 1e-9);
    assert_true(fabs(peak.copy / (2 / 0.01e-9) - 1) < 1e-6); /* a byte counts both ways */
    assert_int_equal(fake_taken + fake_streams + fake_events, 0);
    assert_int_equal(fake_resets, resets + 1);
    /* On a Hopper by wgmma where that is more, with half as many blocks. */
    snprintf(device.name, sizeof device.name, "fake sm_90");
    must(la_device_peak_measure(&device, &peak, &err), &err);
    assert_true(fabs(peak.bf16 / (blocks / 2 * 2 * 64 * 256 * 16 * 4 / s) - 1) < 1e-9);
    la_cuda_use(NULL);
}

/* The time between the nth marks: the first run loads a kernel, and one round is too short; the others are long. */
static size_t looked;
static la_status loading(void *from, void *to, double *ns, la_err *err)
{
    static const double first[] = {9e6, 1e6, 2e6};
    (void)from, (void)to, (void)err;
    *ns = looked < LA_COUNT(first) ? first[looked++] : 4e7;
    return LA_OK;
}

static void no_peak_is_of_a_run_that_loads_a_kernel(void **state)
{
    (void)state;
    la_device device;
    la_device_peak peak;
    la_err err = {0};
    la_cuda_driver driver = fake_driver;
    driver.elapsed = loading;
    looked = 0;
    la_cuda_use(&driver);
    must(la_device_cuda(0, &device, &err), &err);
    device.cores = 1;
    must(la_device_peak_measure(&device, &peak, &err), &err);
    /* That of multiply-adds is less: 2 ms of two rounds are no sample. */
    double tf32 = 2.0 * 16 * 8 * 8 * 8 * 8;
    assert_true(fabs(peak.f32 / (4 * tf32 / 3 / 4e-2) - 1) < 1e-9);
    la_cuda_use(NULL);
}

/* What somebody else times there would be slower by it, and it by that. */
static void a_peak_is_measured_alone(void **state)
{
    (void)state;
    la_device device;
    la_device_peak peak;
    la_err err = {0};
    char path[128], byte;
    int fd, told[2], status;
    la_cuda_use(&fake_driver);
    must(la_device_cuda(0, &device, &err), &err);
    assert_int_equal(pipe(told), 0);
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = la_device_lock(NULL, fake_uuid, LA_DEVICE_SHARED, &fd, NULL) == LA_OK;
        ok = write(told[1], "x", 1) == 1 && ok;
        la_sleep_ns(300000000);
        ok = write(told[1], ".", 1) == 1 && ok;
        _exit(!ok); /* which lets go */
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    fake_launch_ns = 4e6;
    must(la_device_peak_measure(&device, &peak, &err), &err);
    assert_int_equal(poll(&(struct pollfd){told[0], POLLIN, 0}, 1, 0), 1); /* it had let go */
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* And it is given back. */
    must(la_device_lock(NULL, fake_uuid, LA_DEVICE_ALONE, &fd, &err), &err);
    close(fd), close(told[0]), close(told[1]);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/tmp/labench-%s.%s", fake_uuid, i ? "turn" : "lock");
        assert_int_equal(unlink(path), 0);
    }
    la_cuda_use(NULL);
}

int main(void)
{
    char uuid[48];
    snprintf(uuid, sizeof uuid, "GPU-test-%d", (int)getpid());
    fake_uuid = uuid; /* no other test is waited for */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_never_called_does_not_run_again),
        cmocka_unit_test(a_call_in_place_gives_what_the_verified_one_gave),
        cmocka_unit_test(few_launches_are_timed_on_a_held_stream),
        cmocka_unit_test(launches_that_wait_for_a_held_stream_are_timed_plainly),
        cmocka_unit_test(the_cache_is_emptied_outside_of_the_time),
        cmocka_unit_test(many_launches_go_as_a_graph),
        cmocka_unit_test(what_cannot_be_captured_is_timed_plainly),
        cmocka_unit_test(blocking_launches_are_not_timed),
        cmocka_unit_test(the_hosts_time_of_a_call_is_another),
        cmocka_unit_test(peaks_are_what_the_devices_clock_says),
        cmocka_unit_test(no_peak_is_of_a_run_that_loads_a_kernel),
        cmocka_unit_test(a_peak_is_measured_alone),
        cmocka_unit_test(a_device_that_failed_says_so_at_the_next_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
