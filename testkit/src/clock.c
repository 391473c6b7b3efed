/* Gives a server another clock: its clock cannot be set, so this is preloaded into it.
 * ANALYTICS_TEST_CLOCK is how many milliseconds it is ahead when it starts, and how many times as
 * fast as the right one it runs. ANALYTICS_TEST_CLOCK_FILE holds the time itself, as eight bytes of
 * milliseconds, which stands still until a test writes another one. Redis tells the time by
 * gettimeofday alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static long long ahead, rate = 1, start;
static volatile long long *stands_at;

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int status = real(now, zone);
    long long micros = now->tv_sec * 1000000LL + now->tv_usec;
    if (!start) {
        const char *text = getenv("ANALYTICS_TEST_CLOCK");
        if (text) sscanf(text, "%lld %lld", &ahead, &rate);
        const char *file = getenv("ANALYTICS_TEST_CLOCK_FILE");
        int fd = file ? open(file, O_RDONLY) : -1;
        void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED) stands_at = page;
        start = micros;
    }
    micros = start + (micros - start) * rate + ahead * 1000;
    if (stands_at) micros = *stands_at * 1000;
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
