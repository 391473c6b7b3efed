/* Shifts the clock that a server sees: the milliseconds of ANALYTICS_TEST_CLOCK are added to it.
 * Preloaded into the server, for its clock cannot be set. Redis reads no other function for it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long long shift(void) {
    static long long milliseconds;
    static int known;
    if (!known) {
        const char *text = getenv("ANALYTICS_TEST_CLOCK");
        milliseconds = text ? atoll(text) : 0;
        known = 1;
    }
    return milliseconds;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int status = real(now, zone);
    long long micros = now->tv_sec * 1000000LL + now->tv_usec + shift() * 1000;
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
