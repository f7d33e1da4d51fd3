/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "run.h"

static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[LA_COUNT(stops)], before_usr1;
static volatile sig_atomic_t stop_signal, status_wanted;
static volatile sig_atomic_t wake_write = -1;
static int wake_read = -1;

int la_run_signal(void)
{
    return (int)stop_signal;
}

static void wake(void)
{
    int kept = errno;
    char byte = 1;
    ssize_t ignored = write((int)wake_write, &byte, 1);
    (void)ignored;
    errno = kept;
}

static void on_stop(int signal)
{
    if (stop_signal) {
        la_child_kill_now();
        _exit(128 + signal);
    }
    stop_signal = signal;
    wake();
}

static void on_status(int signal)
{
    (void)signal;
    status_wanted = 1;
    wake();
}

la_status la_signals_begin(la_err *err)
{
    int fd[2];
    stop_signal = status_wanted = 0;
    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return LA_FAIL(err, LA_E_IO, "no pipe for signals: %s", strerror(errno));
    wake_read = fd[0];
    wake_write = fd[1];
    la_child_wake_fd(wake_read);
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    struct sigaction status = {.sa_handler = on_status, .sa_flags = SA_RESTART};
    sigemptyset(&stop.sa_mask);
    sigemptyset(&status.sa_mask);
    for (size_t i = 0; i < LA_COUNT(stops); i++) {
        sigaction(stops[i], NULL, &before[i]);
        /* What was ignored (nohup) stays so. */
        if (before[i].sa_handler != SIG_IGN) sigaction(stops[i], &stop, NULL);
    }
    sigaction(SIGUSR1, &status, &before_usr1);
    return LA_OK;
}

void la_signals_end(void)
{
    for (size_t i = 0; i < LA_COUNT(stops); i++) sigaction(stops[i], &before[i], NULL);
    sigaction(SIGUSR1, &before_usr1, NULL);
    la_child_wake_fd(-1);
    int fd = (int)wake_write;
    wake_write = -1;
    if (fd >= 0) close(fd);
    if (wake_read >= 0) close(wake_read);
    wake_read = -1;
}

bool la_signals_status_wanted(void)
{
    bool wanted = status_wanted;
    status_wanted = 0;
    return wanted;
}

void la_signals_drain(void)
{
    char bytes[64];
    while (wake_read >= 0 && read(wake_read, bytes, sizeof bytes) > 0) {
    }
}
