/* SPDX-License-Identifier: Apache-2.0
 * A driver's management library of one device at 0000:01:00.0: slow, hot, and not alone.
 */
#include <string.h>

typedef struct memory {
    unsigned long long all, free, used;
} memory;
static int device;

int nvmlInit_v2(void);
int nvmlInit_v2(void)
{
    return 0;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **out);
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **out)
{
    *out = &device;
    return strcmp(bus, "0000:01:00.0") == 0 ? 0 : 6;
}

int nvmlDeviceGetClockInfo(void *of, int which, unsigned *mhz);
int nvmlDeviceGetClockInfo(void *of, int which, unsigned *mhz)
{
    *mhz = 1200;
    return of == &device && which == 1 ? 0 : 2;
}

int nvmlDeviceGetMaxClockInfo(void *of, int which, unsigned *mhz);
int nvmlDeviceGetMaxClockInfo(void *of, int which, unsigned *mhz)
{
    *mhz = 1980;
    return of == &device && which == 1 ? 0 : 2;
}

/* The older name of two. */
int nvmlDeviceGetCurrentClocksThrottleReasons(void *of, unsigned long long *bits);
int nvmlDeviceGetCurrentClocksThrottleReasons(void *of, unsigned long long *bits)
{
    *bits = 0x4 | 0x40 | 0x1;
    return of == &device ? 0 : 2;
}

int nvmlDeviceGetTemperature(void *of, int which, unsigned *celsius);
int nvmlDeviceGetTemperature(void *of, int which, unsigned *celsius)
{
    *celsius = 88;
    return of == &device && which == 0 ? 0 : 2;
}

int nvmlDeviceGetPowerUsage(void *of, unsigned *mw);
int nvmlDeviceGetPowerUsage(void *of, unsigned *mw)
{
    *mw = 699500;
    return of == &device ? 0 : 2;
}

int nvmlDeviceGetMemoryInfo(void *of, memory *out);
int nvmlDeviceGetMemoryInfo(void *of, memory *out)
{
    *out = (memory){8000, 6000, 2000};
    return of == &device ? 0 : 2;
}

/* Told that there is room for none, it says how many there are. */
int nvmlDeviceGetComputeRunningProcesses_v3(void *of, unsigned *n, void *list);
int nvmlDeviceGetComputeRunningProcesses_v3(void *of, unsigned *n, void *list)
{
    (void)list;
    unsigned room = *n;
    *n = 2;
    return of == &device && room >= 2 ? 0 : 7;
}
