/* A suspend, as a process sees it: CLOCK_BOOTTIME jumps ahead by as many seconds as
   the file named by SUSPENDED_SECONDS says, and CLOCK_MONOTONIC does not. Preloaded. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long suspended(void)
{
    const char *path = getenv("SUSPENDED_SECONDS");
    FILE *file = path ? fopen(path, "r") : NULL;
    long seconds = 0;

    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1)
            seconds = 0;
        fclose(file);
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);

    if (!failed && clock == CLOCK_BOOTTIME)
        now->tv_sec += suspended();
    return failed;
}
