/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <sys/wait.h>

bool la_process_has_exited(pid_t child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child;
}
