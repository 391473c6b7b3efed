/* Gives a server another clock: its clock cannot be set, so this is preloaded into it.
 * ANALYTICS_TEST_CLOCK is how many milliseconds it is ahead when it starts, and how many times as
 * fast as the right one it runs. Redis tells the time by gettimeofday alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long long ahead, rate = 1, start;

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int status = real(now, zone);
    long long micros = now->tv_sec * 1000000LL + now->tv_usec;
    if (!start) {
        const char *text = getenv("ANALYTICS_TEST_CLOCK");
        if (text) sscanf(text, "%lld %lld", &ahead, &rate);
        start = micros;
    }
    micros = start + (micros - start) * rate + ahead * 1000;
    now->tv_sec = micros / 1000000;
    now->tv_usec = micros % 1000000;
    return status;
}

time_t time(time_t *out) {
    struct timeval now;
    gettimeofday(&now, NULL);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
