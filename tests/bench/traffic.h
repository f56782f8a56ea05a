/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the bench's traffic generator share: options, namespaces, the two ends of a run, and the measured
 * window. One program plays both ends, in two processes that entered two network namespaces.
 */
#ifndef CERTGATE_BENCH_TRAFFIC_H
#define CERTGATE_BENCH_TRAFFIC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define MAX_FLOWS 128
#define MAX_SIZES 16

struct options {
	const char *from, *to; /* network namespaces */
	const char *address;   /* of the far end */
	unsigned int flows;    /* TCP connections, or source ports */
	unsigned int spread;   /* consecutive far addresses, one after the other */
	unsigned int mss;
	unsigned int count; /* datagrams or round trips */
	unsigned int burst; /* datagrams that one answer is awaited for */
	unsigned int sizes[MAX_SIZES], n_sizes;
	uint64_t warm, bytes; /* of a TCP run, all flows together */
};

/* Ends the process with a message. */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void enter(const char *netns);
int checked(int result, const char *what);
/* The far end's address with that port; `add` consecutive addresses further. */
socklen_t far_end(const struct options *o, unsigned int port, unsigned int add,
		  struct sockaddr_storage *ret);

/* Both ends have a socket that their words go over, a byte each. */
void tell(int fd, char word);
void await(int fd, char word);

/*
 * The window. Begins and ends where the work does; what was measured is the time of the clock, which counts instructions
 * in a machine that was started so, and the part of it in which the CPU was idle.
 */
struct window {
	uint64_t begin, end, idle_begin, idle_end; /* ns */
};
uint64_t now(void);
void window_begin(struct window *w);
void window_end(struct window *w);
/* One line of NAME=VALUE words on stdout; packets is what the cost is divided by. */
void report(const struct window *w, uint64_t packets, uint64_t bytes, uint64_t lost);

void run_tcp(const struct options *o);
void run_udp(const struct options *o);
void run_ping(const struct options *o);

#endif
