/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured window of the bench's programs. It begins and ends where the work does; what is measured is the time of the
 * clock, which counts instructions in a machine that was started so, and the part of it in which the CPU was idle.
 */
#ifndef CERTGATE_BENCH_WINDOW_H
#define CERTGATE_BENCH_WINDOW_H

#include <stdint.h>

struct window {
	uint64_t begin, end, idle_begin, idle_end; /* ns */
};

uint64_t now(void);
void window_begin(struct window *w);
void window_end(struct window *w);
/* One line of NAME=VALUE words on stdout; units (packets, as a rule) is what the cost is divided by. */
void report(const struct window *w, uint64_t units, uint64_t bytes, uint64_t lost);

/* Ends the process with a message. */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
int checked(int result, const char *what);
/* This process is in that network namespace from now on. */
void enter(const char *netns);

#endif
