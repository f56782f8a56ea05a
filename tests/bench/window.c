// SPDX-License-Identifier: Apache-2.0
/*
 * The measured window of the bench's programs, and the little else that they share.
 */
#include "window.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * A no-operation with a number in it. Processors skip it; the profiler (count.c) sees it go by in the
 * emulator and knows when a window begins and ends. The numbers are count.c's.
 */
#define MARK(number) __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long " #number ::: "memory")

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "traffic: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

int checked(int result, const char *what)
{
	if (result < 0)
		fail("%s: %s", what, strerror(errno));
	return result;
}

void enter(const char *netns)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = checked(open(path, O_RDONLY | O_CLOEXEC), path);
	(void)checked(setns(fd, CLONE_NEWNET), path);
	(void)close(fd);
}

uint64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* How long the CPUs have been idle, in ns, all together. */
static uint64_t idle_time(void)
{
	static const char key[] = ".idle_sleeptime";
	FILE *f = fopen("/proc/timer_list", "re");
	uint64_t sum = 0;
	char line[512];
	int found = 0;

	if (!f)
		fail("/proc/timer_list: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, key), *colon = at ? strchr(at, ':') : NULL;

		if (!colon)
			continue;
		sum += strtoull(colon + 1, NULL, 10);
		found++;
	}
	(void)fclose(f);
	if (!found)
		fail("/proc/timer_list does not tell how long CPUs were idle");
	return sum;
}

void window_begin(struct window *w)
{
	w->idle_begin = idle_time();
	w->begin = now();
	MARK(0x43474231);
}

void window_end(struct window *w)
{
	MARK(0x43474232);
	w->end = now();
	w->idle_end = idle_time();
}

void report(const struct window *w, uint64_t packets, uint64_t bytes, uint64_t lost)
{
	uint64_t elapsed = w->end - w->begin, idle = w->idle_end - w->idle_begin;

	printf("elapsed=%llu idle=%llu packets=%llu bytes=%llu lost=%llu\n",
	       (unsigned long long)elapsed, (unsigned long long)idle, (unsigned long long)packets,
	       (unsigned long long)bytes, (unsigned long long)lost);
}
